/**
 * Requests that people have to approve. Invariants: what a rule speaks of is recorded as a question and not done; a
 * decision counts for exactly what was shown, and is void when that changed; what was approved is done once, also when the
 * process ended between the last decision and the work (the operation's idempotency key is `approval:<id>`).
 */
import {
  ASSISTANT_RULE,
  AwaitsApproval,
  approversOf,
  approversText,
  isComplete,
  ruleText,
  rulesFor,
  standingOf,
} from '../domain/approval.ts';
import type { Approval, ApprovalParams, ApprovalRule, Approvers, Decision, Standing } from '../domain/approval.ts';
import type { Groups } from '../domain/access.ts';
import { OverBudget, excessText, ruleOfBudget } from '../domain/budget.ts';
import type { Excess } from '../domain/budget.ts';
import { BurstError, isBurstError, messageOf } from '../domain/errors.ts';
import { actorId, personOf } from '../domain/operation.ts';
import { isEverybody } from '../domain/workspace-ids.ts';
import type { Actor } from '../domain/operation.ts';
import { createPeriodic } from '../ports/loop.ts';
import { createCarrier, isPassing } from './approval-carrier.ts';
import { createRecords } from './approval-records.ts';
import type { ApprovalDoor, ApprovalsDeps } from './approval-records.ts';
import { guard, requestOnly } from './approval-gate.ts';
import { changedOf, digestOf, factsOf, look, perform } from './approval-facts.ts';
import type { Operations, Request } from './types.ts';

const LOOK_EVERY_MS = 2000;
const MOST = 500;
/** Requests of one person or assistant that may wait at once. */
const MOST_EACH = 20;
const REMINDED_AT_LEAST_MS = 60_000;
export type { ApprovalsDeps } from './approval-records.ts';

export type Question = Request & {
  readonly cluster: string;
  readonly params: ApprovalParams;
  /** Why it is asked although no rule may speak of it. */
  readonly why?: string;
  /** What was shown to the requester already. */
  readonly fingerprints?: Readonly<Record<string, string>>;
};
/** How a click ended. */
export type Verdict =
  | { readonly kind: 'recorded'; readonly approval: Approval }
  /** It had ended, or this person had decided, before. */
  | { readonly kind: 'late'; readonly approval: Approval }
  | { readonly kind: 'void'; readonly approval: Approval };

export type Approvals = ReturnType<typeof createApprovals>;

export function createApprovals(deps: ApprovalsDeps) {
  const { store, clock, ids, log, doors, poke } = deps;

  const doorOf = (cluster: string): ApprovalDoor => {
    const door = doors.get(cluster);
    if (door === undefined)
      throw new BurstError('not_found', `There is no cluster "${cluster.slice(0, 63)}" (any more).`);
    return door;
  };
  const approvers = ({ cluster, rules }: Pick<Approval, 'cluster' | 'rules'>): readonly Approvers[] => {
    const { policy, admins } = doorOf(cluster);
    return rules.map(({ name }) => approversOf(policy, admins, name));
  };
  const awaits = (approval: Approval): AwaitsApproval =>
    new AwaitsApproval(approval, approversText(approvers(approval)));
  const records = createRecords(deps);
  const { audit, notice, news, need, end, voided, self } = records;
  /** The rules that speak of this request; the assistants' own when none does and a person must decide anyway. */
  async function rulesOf(question: Question) {
    const { cluster, params, by, channelId } = question;
    const { policy } = doorOf(cluster);
    const cost = await deps.costs?.costOfRequest({ cluster, params });
    const facts = await factsOf(params, by, { cluster, channelId, nowMs: clock.now() }, store);
    const excess = (await deps.costs?.beyond({ cluster, params, by, channelId })) ?? [];
    const budgets = (policy.budgetRules ?? []).filter(({ name }) =>
      excess.some(({ budget }) => ruleOfBudget(budget.name) === name),
    );
    const rules = params.action === 'cancel' ? [] : [...rulesFor(policy, { ...facts, cost }), ...budgets];
    return { rules, cost, excess };
  }

  const whyOf = (rule: ApprovalRule, excess: readonly Excess[]): string => {
    const over = excess.find(({ budget }) => ruleOfBudget(budget.name) === rule.name);
    return over === undefined ? ruleText(rule) : `beyond the ${excessText(over)}`;
  };
  /** @throws OverBudget (audited) when it goes beyond budgets that nobody may go beyond. */
  async function refuseBeyond({ cluster, params, by }: Question, excess: readonly Excess[]): Promise<void> {
    const refused = excess.filter(({ budget }) => budget.beyond === 'refuse');
    if (refused.length === 0) return;
    const error = new OverBudget(refused);
    const { action } = params;
    const row = { atMs: clock.now(), cluster, actor: by, action, outcome: 'refused', text: error.message } as const;
    await store.appendAudit([row]);
    throw error;
  }

  /** Puts the request to people. @throws BurstError when it would be refused anyway, or nobody may decide it. */
  async function put(question: Question): Promise<Approval> {
    const { cluster, params: asked, why, fingerprints = {}, ...request } = question;
    const before = await store.approvalByKey(request.idempotencyKey);
    if (before !== undefined) return before;
    const door = doorOf(cluster);
    const { rules, cost, excess } = await rulesOf(question);
    await refuseBeyond(question, excess);
    // permanent workers are the admins' to drain: by a rule of other approvers none are
    const params =
      asked.action === 'drain' && why !== undefined ? { ...asked, admin: asked.admin && rules.length === 0 } : asked;
    await perform(params, { ...request, checkOnly: true }, door.operations, fingerprints);
    const { targets, previews } = await look(params, door.operations);
    const [stale] = changedOf(fingerprints, { ...fingerprints, ...targets });
    if (stale !== undefined)
      throw new BurstError('changed_meanwhile', `${stale} is not as it was shown any more.`, {
        left: 'Nothing was changed.',
        hint: 'Look at the new state and confirm again.',
      });
    const nowMs = clock.now();
    const { policy } = door;
    const expiresMs =
      rules.length === 0 ? policy.expiresMs : Math.min(...rules.map((rule) => rule.expiresMs ?? policy.expiresMs));
    const remindAtMs = nowMs + expiresMs - door.policy.remindBeforeMs;
    const words = [...(why === undefined ? [] : [why]), ...rules.map((rule) => whyOf(rule, excess))];
    const approval = {
      id: ids.next(),
      cluster,
      params,
      digest: digestOf(params, targets),
      targets,
      previews,
      requester: request.by,
      channelId: request.channelId,
      ...(request.threadTs === undefined ? {} : { threadTs: request.threadTs }),
      askIn:
        rules.find((rule) => rule.channelId !== undefined)?.channelId ??
        door.policy.channelId ??
        request.channelId ??
        deps.defaultChannelId,
      reason: (request.reason ?? '').slice(0, 500),
      why: words.join('; '),
      cost: cost === undefined || cost.exact === 0n ? undefined : cost,
      rules:
        rules.length === 0
          ? [ASSISTANT_RULE]
          : rules.map(({ name, needed, self: own }) => ({ name, needed, self: own })),
      idempotencyKey: request.idempotencyKey,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + expiresMs,
      remindAtMs: door.policy.remindBeforeMs > 0 && remindAtMs - nowMs >= REMINDED_AT_LEAST_MS ? remindAtMs : undefined,
    };
    if (!approvable(approval, approvers(approval)))
      throw new BurstError('forbidden', `${params.action} needs approval (${approval.why}), and too few may give it.`, {
        left: 'Nothing was changed.',
        hint: 'Approvers and the role admin are set in the configuration.',
      });
    const waiting = await store.listApprovals({ states: ['pending'], limit: MOST });
    if (waiting.filter(({ requester }) => actorId(requester) === actorId(request.by)).length >= MOST_EACH)
      throw new BurstError('limit_reached', `${MOST_EACH} of your requests wait for approval already.`, {
        left: 'Nothing was changed.',
        hint: 'Withdraw some, or wait until they are decided.',
      });
    const row = audit(approval, request.by, 'requested', `approval ${approval.id} asked for: ${approval.why}`);
    const made = await store.createApproval(approval, [row], [notice(approval, 'request')]);
    poke();
    return made.approval;
  }

  const { carryOut, settled } = createCarrier(deps, doorOf, records);
  const expire = async (approval: Approval): Promise<Approval> =>
    (await end(approval, 'expired', self, `approval ${approval.id} expired`)) ?? need(approval.id);

  const standing = (approval: Approval, userId: string, groups: Groups): Standing => {
    const { policy, admins } = doorOf(approval.cluster);
    return standingOf(approval, (name) => approversOf(policy, admins, name), userId, groups);
  };

  /**
   * A person's decision. `groups`: the user groups they are in, of `groupsOf(approval)`.
   * @throws BurstError `forbidden` (audited) when they may not decide it, `not_found`.
   */
  async function decide(
    id: string,
    by: Actor,
    choice: { readonly verdict: Decision['verdict']; readonly reason?: string },
    groups: Groups,
  ): Promise<Verdict> {
    let approval = await need(id);
    if (approval.state === 'pending' && approval.expiresAtMs <= clock.now()) approval = await expire(approval);
    if (approval.state !== 'pending') return { kind: 'late', approval };
    const may = standing(approval, actorId(by), groups);
    // their own request they may take back in any case, which denying it comes to
    const denying = choice.verdict === 'deny' && !may.ok && may.self;
    if (!may.ok && !denying) {
      await store.appendAudit([audit(approval, by, 'refused', `${choice.verdict} ${id}: ${may.text}`)]);
      throw new BurstError('forbidden', `${choice.verdict}: ${may.text}.`, { left: 'Nothing was decided.' });
    }
    if (choice.verdict === 'approve') {
      const stale = await staleOf(approval);
      if (stale !== undefined) return { kind: 'void', approval: await voided(approval, stale) };
    }
    const { rules } = approval;
    const reason = (choice.reason ?? '').slice(0, 500);
    const decided = await store.decideApproval(
      id,
      { by, verdict: choice.verdict, reason, rules: may.ok ? may.rules : [], atMs: clock.now() },
      (decisions) => isComplete(rules, decisions),
      [audit(approval, by, 'decided', `${choice.verdict} ${id}${reason === '' ? '' : `: ${reason}`}`)],
      news,
    );
    poke();
    if (!decided.applied) return { kind: 'late', approval: decided.approval };
    if (decided.approval.state !== 'approved') return { kind: 'recorded', approval: decided.approval };
    const carried = await carryOut(id).catch((error: unknown) => {
      log.error({ approval: id, error: messageOf(error) }, 'what was approved could not be begun; it is tried again');
      return decided.approval;
    });
    return carried.state === 'void' ? { kind: 'void', approval: carried } : { kind: 'recorded', approval: carried };
  }

  /** Why the targets are not what was shown any more. A cluster that cannot be asked now changes nothing. */
  async function staleOf({ params, targets, cluster }: Approval): Promise<string | undefined> {
    try {
      const [changed] = changedOf(targets, (await look(params, doorOf(cluster).operations)).targets);
      return changed === undefined ? undefined : `${changed} is not as it was shown any more`;
    } catch (error) {
      if (!isBurstError(error) || isPassing(error)) throw error;
      return error.message;
    }
  }

  /** Takes a request back. @throws `forbidden` unless it is the requester's own. */
  async function withdraw(id: string, by: Actor): Promise<Approval> {
    const approval = await need(id);
    const own =
      (by.kind === approval.requester.kind && actorId(by) === actorId(approval.requester)) ||
      (by.kind === 'slack' && personOf(approval.requester) === by.userId);
    if (!own)
      throw new BurstError('forbidden', 'Only who asked for it may withdraw it.', { left: 'Nothing was changed.' });
    return (await end(approval, 'withdrawn', by, `approval ${id} withdrawn`)) ?? need(id);
  }

  /** Ends what is too old, reminds, and begins what was approved and not begun. */
  async function tend(): Promise<void> {
    for (const approval of await store.listApprovals({ states: ['pending', 'approved'], limit: MOST })) {
      if (!doors.has(approval.cluster)) continue;
      try {
        const now = clock.now();
        if (approval.state === 'approved') await carryOut(approval.id);
        else if (approval.expiresAtMs <= now) await expire(approval);
        else if (approval.remindAtMs !== undefined && approval.remindAtMs <= now) {
          if (await store.remindApproval(approval.id, notice(approval, 'reminder'))) poke();
        }
      } catch (error) {
        log.error({ approval: approval.id, error: messageOf(error) }, 'an approval could not be looked after');
      }
    }
  }

  const loop = createPeriodic(clock, LOOK_EVERY_MS, () =>
    tend().catch((error: unknown) => log.error({ error: messageOf(error) }, 'approvals could not be read')),
  );
  return {
    put,
    decide,
    withdraw,
    standing,
    tend,
    get: (id: string): Promise<Approval | undefined> => store.getApproval(id),
    /** Those that wait for a decision, of one cluster, oldest first. */
    waiting: (cluster: string): Promise<readonly Approval[]> =>
      store.listApprovals({ states: ['pending'], cluster, limit: 50 }),
    /** User groups whose members may decide it. */
    groupsOf: (approval: Approval): readonly string[] => [
      ...new Set(approvers(approval).flatMap(({ groups }) => groups)),
    ],
    /** Slack markup that names those who may decide it. */
    approversText: (approval: Approval): string => approversText(approvers(approval)),
    /** A cluster's operations, behind its rules. @throws AwaitsApproval from what has to be approved first. */
    guarded: (cluster: string): Operations =>
      guard(doorOf(cluster), async (request, params, fingerprints) => {
        const before = await store.approvalByKey(request.idempotencyKey);
        if (before !== undefined) throw awaits(before);
        // what was begun already counts for the budgets: asked for again, it is the same operation
        if ((await store.operationByKey(request.idempotencyKey)) !== undefined) return;
        const question: Question = {
          ...requestOnly(request),
          cluster,
          params,
          ...(fingerprints === undefined ? {} : { fingerprints }),
        };
        if ((await rulesOf(question)).rules.length > 0) throw awaits(await put(question));
      }),
    /** Looks after them until it is stopped; what was left from before at once. */
    start: () => loop.start(),
    async stop(): Promise<void> {
      await loop.stop();
      await settled();
    },
  };
}

/** Whether there can be as many approvers as each rule needs; who is in a group is not known here. */
function approvable(
  { rules, requester }: Pick<Approval, 'rules' | 'requester'>,
  approvers: readonly Approvers[],
): boolean {
  return rules.every(({ needed, self }, index) => {
    const { users = [], groups = [] } = approvers[index] ?? {};
    if (groups.length > 0 || users.some(isEverybody)) return true;
    return new Set(users.filter((user) => self || user !== personOf(requester))).size >= needed;
  });
}
