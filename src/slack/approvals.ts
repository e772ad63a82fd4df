/**
 * Clicks on approvals. Invariant: who may decide is looked up at each click, wherever the button is; a late or second click
 * is told who decided.
 */
import { BurstError } from '../domain/errors.ts';
import type { Approval } from '../domain/approval.ts';
import { actorId } from '../domain/operation.ts';
import type { Approvals } from '../operations/index.ts';
import { denyView, standingLine } from './blocks/approvals.ts';
import { errorMessage } from './blocks/errors.ts';
import { messageView, noteView } from './blocks/views.ts';
import type { Message } from './blocks/text.ts';
import type { Call, Services, SlackActor } from './call.ts';
import { openLoading } from './call.ts';
import type { Gate } from './gate.ts';
import type { Form } from './forms.ts';
import { refuseFields, showOutcome } from './outcome.ts';
import type { Submit } from './outcome.ts';

function approvalsOf({ approvals }: Services): Approvals {
  if (approvals === undefined) throw new BurstError('not_found', 'There are no approvals here.');
  return approvals;
}

async function need(id: string, services: Services): Promise<Approval> {
  const approval = await approvalsOf(services).get(id);
  if (approval?.cluster !== services.cluster)
    throw new BurstError('not_found', `There is no approval "${id.slice(0, 60)}".`, { left: 'Nothing was decided.' });
  return approval;
}

async function decide(
  id: string,
  by: SlackActor,
  choice: { readonly verdict: 'approve' | 'deny'; readonly reason?: string },
  services: Services,
): Promise<Message> {
  const approvals = approvalsOf(services);
  const groups = await services.gate.lookUp(by.userId, approvals.groupsOf(await need(id, services)));
  const { kind, approval } = await approvals.decide(id, by, choice, groups);
  if (kind === 'recorded') return { text: standingLine(approval) };
  const own = approval.decisions.find((decision) => actorId(decision.by) === by.userId);
  const head =
    kind === 'void'
      ? ''
      : own !== undefined && approval.state === 'pending'
        ? 'You have decided already. '
        : 'It was decided already. ';
  return { text: `:information_source: ${head}${standingLine(approval)}` };
}

/** Serves a click on an approval's button. */
export async function onApproval(verb: string, id: string, call: Call, services: Services): Promise<void> {
  switch (verb) {
    case 'approve':
      return call.reply(await decide(id, call.by, { verdict: 'approve' }, services));
    case 'deny':
      return openDenial(id, call, services);
    case 'withdraw': {
      await need(id, services);
      return call.reply({ text: standingLine(await approvalsOf(services).withdraw(id, call.by)) });
    }
    default:
      throw new BurstError('invalid_input', 'This button is not known any more.', { left: 'Nothing was done.' });
  }
}

/** Asks for the reason, of those who may deny it while it waits. */
async function openDenial(id: string, call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Deny', ':hourglass: Looking at the request…'));
  try {
    const approvals = approvalsOf(services);
    const approval = await need(id, services);
    if (approval.state !== 'pending') return await fill(messageView('Deny', { text: standingLine(approval) }));
    const groups = await services.gate.lookUp(call.by.userId, approvals.groupsOf(approval));
    const may = approvals.standing(approval, call.by.userId, groups);
    if (!may.ok && !may.self) throw new BurstError('forbidden', `Deny: ${may.text}.`, { left: 'Nothing was decided.' });
    await fill(denyView(approval));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Deny', errorMessage(error)));
  }
}

/** Serves the form that denies. */
export async function submitDenial(submit: Submit, form: Form, services: Services): Promise<void> {
  const reason = form.value('reason');
  if (reason === undefined) return refuseFields(submit, { reason: 'Say why, in a few words' });
  await submit.ack({ view: noteView('Deny', ':hourglass: One moment…') });
  const show = (message: Message): Promise<void> =>
    showOutcome(submit, services, messageView('Deny', message), message);
  try {
    await submit.inTurn(async () =>
      show(await decide(form.metadata.approvalId ?? '', submit.by, { verdict: 'deny', reason }, services)),
    );
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await show(errorMessage(error));
  }
}

/** What waits and this person may decide, or has asked for. */
export async function waitingFor(
  userId: string,
  services: Pick<Services, 'approvals' | 'cluster'> & { readonly gate: Pick<Gate, 'lookUp'> },
): Promise<readonly Approval[]> {
  const { approvals, cluster, gate } = services;
  if (approvals === undefined) return [];
  const theirs: Approval[] = [];
  for (const approval of await approvals.waiting(cluster)) {
    const groups = await gate.lookUp(userId, approvals.groupsOf(approval));
    const may = approvals.standing(approval, userId, groups);
    if (may.ok || may.self) theirs.push(approval);
  }
  return theirs;
}
