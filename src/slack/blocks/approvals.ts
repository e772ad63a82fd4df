/** Approvals as people see them. Pure: data in, blocks out. */
import type { Button, KnownBlock, ModalView } from '@slack/types';
import { lacking } from '../../domain/approval.ts';
import type { Approval, ApprovalParams, ApprovalPreview, AwaitsApproval } from '../../domain/approval.ts';
import { formatHours } from '../../domain/duration.ts';
import { formatMoney } from '../../domain/money.ts';
import {
  MOST_TEXT,
  actor,
  actorFirst,
  button,
  clamp,
  code,
  context,
  count,
  date,
  deadline,
  fit,
  foreign,
  mention,
  names,
  plain,
  section,
  sentence,
} from './text.ts';
import type { Message } from './text.ts';

export const DENY_CALLBACK = 'burst:view:deny';

/** What is asked for, as an infinitive. */
export function wanted(params: ApprovalParams): string {
  switch (params.action) {
    case 'provision':
      return `provision ${count(params.count, `${foreign(params.size, 30)} worker`)} for ${formatHours(params.ttlHours)}`;
    case 'extend':
      return `extend ${names(params.workers, 20)} by ${formatHours(params.hours)}`;
    case 'drain':
      return `drain ${names(params.workers, 20)}`;
    case 'destroy':
      return `${params.drainFirst ? 'drain, then destroy' : 'destroy'} ${names(params.workers, 20)}`;
    case 'force':
      return params.operationId === undefined
        ? `*destroy ${names(params.workers, 20)} with force*, past every PodDisruptionBudget`
        : `*force* the drain of ${names(params.workers, 20)} past every PodDisruptionBudget (operation ${code(params.operationId)})`;
    case 'cancel':
      return `cancel operation ${code(params.operationId)}`;
  }
}

/** Where it stands, in one line. */
export function standingLine(approval: Approval): string {
  const said = (verdict: 'approve' | 'deny'): string =>
    approval.decisions
      .filter((decision) => decision.verdict === verdict)
      .map(({ by, atMs, reason }) => `${actor(by)}, ${date(atMs)}${reason === '' ? '' : `: ${foreign(reason, 500)}`}`)
      .join('; ');
  const when = approval.endedAtMs === undefined ? '' : `, ${date(approval.endedAtMs)}`;
  switch (approval.state) {
    case 'pending': {
      const given = said('approve');
      const left = Math.max(...approval.rules.map((rule) => lacking(rule, approval.decisions)));
      return `:hourglass: Waits for ${count(left, 'approval')}${given === '' ? '' : `; approved by ${given}`}.`;
    }
    case 'approved':
      return `:white_check_mark: Approved by ${said('approve')}. It is begun as soon as that is possible.`;
    case 'executed':
      return `:white_check_mark: Approved by ${said('approve')}. Operation ${code(approval.operationId ?? '')}; its message tells the rest.`;
    case 'denied':
      return `:no_entry_sign: Denied by ${said('deny')}. Nothing was changed.`;
    case 'expired':
      return `:hourglass_flowing_sand: Expired${when}: not approved in time. Nothing was changed.`;
    case 'withdrawn':
      return `:white_circle: Withdrawn${approval.endedBy === undefined ? '' : ` by ${actor(approval.endedBy)}`}${when}. Nothing was changed.`;
    case 'void':
      return `:warning: Void${when}: ${sentence(clamp(approval.note.replace(/\.$/, ''), 600))}. Nothing was changed by it. Ask again to have it as it is now.`;
  }
}

const value = ({ id }: Approval): string => id;
const approvalButtons = (approval: Approval): Button[] => [
  button('Approve', 'burst:approval:approve', value(approval), {
    style: 'primary',
    ...(approval.params.action === 'force'
      ? { confirm: 'Pods are deleted past their budgets. What only they hold is lost.' }
      : {}),
  }),
  button('Deny…', 'burst:approval:deny', value(approval), { style: 'danger' }),
  button('Withdraw', 'burst:approval:withdraw', value(approval)),
];

function previewLines(preview: ApprovalPreview, nowMs: number): string {
  const more = preview.morePods === 0 ? [] : [`and ${preview.morePods} more`];
  const listed = (title: string, items: readonly string[]): string[] =>
    items.length === 0 ? [] : [title, ...items.map((item) => `• ${foreign(item)}`)];
  return [
    `${code(preview.worker)} owned by ${preview.owner === undefined ? 'nobody' : mention(preview.owner)}, ${preview.expiresAtMs === undefined ? 'no deadline' : deadline(preview.expiresAtMs, nowMs)}; ${preview.drained ? 'drained' : `${count(preview.pods.length + preview.morePods, 'pod')} to move`}`,
    ...preview.pods.map((pod) => `• ${foreign(pod)}`),
    ...more,
    ...listed(':octagonal_sign: Budgets that block', preview.blocked),
    ...listed(':warning: *Lost for good*', preview.losses),
  ].join('\n');
}

const reasonOf = ({ reason }: Approval): string => (reason === '' ? '' : `\nReason: ${foreign(reason, 500)}`);

/** The one message of an approval; its buttons go when it has ended. `approvers` is markup of our own making. */
export function approvalMessage(approval: Approval, approvers: string): Message {
  const open = approval.state === 'pending';
  const head = `:lock: ${actorFirst(approval.requester)} asks to ${wanted(approval.params)}.${reasonOf(approval)}`;
  const why = `Why it has to be approved: ${foreign(approval.why, 600)}.`;
  const price = approval.cost === undefined ? '' : `It costs ${formatMoney(approval.cost)} at most.`;
  const line = standingLine(approval);
  const until = open ? `${approvers}: approve or deny until ${date(approval.expiresAtMs)}.` : '';
  const text = clamp([head, price, why, line, until].filter((part) => part !== '').join('\n'), MOST_TEXT);
  const blocks: KnownBlock[] = [
    section(price === '' ? head : `${head}\n${price}`),
    context(why),
    ...fit(
      approval.previews.map((preview) => section(previewLines(preview, approval.createdAtMs))),
      35,
      8000,
    ),
    section(until === '' ? line : `${line}\n${until}`),
    ...(open ? [{ type: 'actions' as const, elements: approvalButtons(approval) }] : []),
    context(`Approval ${code(approval.id)}`),
  ];
  return { text, blocks };
}

/** Before it expires. */
export function reminderMessage(approval: Approval, approvers: string): Message {
  const text = `:alarm_clock: ${approvers}: still to be decided, until ${date(approval.expiresAtMs)}: ${actor(approval.requester)} asks to ${wanted(approval.params)}.`;
  return {
    text: clamp(text, MOST_TEXT),
    blocks: [section(text), { type: 'actions', elements: approvalButtons(approval).slice(0, 2) }],
  };
}

/** To who asked, when it is over. */
export function outcomeMessage(approval: Approval): Message {
  const text = `${standingLine(approval)}\nYour request: ${wanted(approval.params)} (approval ${code(approval.id)}).`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
}

/** The private answer at once, in place of an operation. */
export function awaitsMessage({ approval, approvers, cluster }: AwaitsApproval): Message {
  const on = cluster === undefined ? '' : ` on *${foreign(cluster, 63)}*`;
  if (approval.state !== 'pending') {
    const text = `This was asked for already (approval ${code(approval.id)}).\n${standingLine(approval)}`;
    return { text, blocks: [section(text)] };
  }
  const where = approval.askIn === undefined ? '' : ` They are asked in <#${approval.askIn}>.`;
  const text = `:lock: To ${wanted(approval.params)}${on} waits for approval by ${approvers}; it expires ${date(approval.expiresAtMs)}.${where}\nWhy: ${foreign(approval.why, 600)}. Approval ${code(approval.id)}.`;
  return {
    text: clamp(text, MOST_TEXT),
    blocks: [
      section(text),
      { type: 'actions', elements: [button('Withdraw', 'burst:approval:withdraw', value(approval))] },
    ],
  };
}

/** A line each with its buttons, for lists; empty when none waits. */
export function waitingBlocks(approvals: readonly Approval[]): KnownBlock[] {
  if (approvals.length === 0) return [];
  return [
    section(`*Waiting for approval*: ${count(approvals.length, 'request')}`),
    ...approvals
      .slice(0, 5)
      .flatMap((approval): KnownBlock[] => [
        section(
          `${actorFirst(approval.requester)} asks to ${wanted(approval.params)}; until ${date(approval.expiresAtMs)} (${code(approval.id)})`,
        ),
        { type: 'actions', elements: approvalButtons(approval) },
      ]),
    ...(approvals.length > 5 ? [context(`and ${approvals.length - 5} more`)] : []),
    { type: 'divider' },
  ];
}

/** A message with what waits before it. */
export function withWaiting(message: Message, approvals: readonly Approval[]): Message {
  if (approvals.length === 0) return message;
  const lines = approvals
    .slice(0, 5)
    .map((approval) => `${actorFirst(approval.requester)} asks to ${wanted(approval.params)} (${code(approval.id)})`);
  return {
    text: clamp(`Waiting for approval: ${lines.join('; ')}\n${message.text}`, MOST_TEXT),
    blocks: fit([...waitingBlocks(approvals), ...(message.blocks ?? [section(message.text)])], 50, 12_000),
  };
}

export const denyView = (approval: Approval): ModalView => ({
  type: 'modal',
  callback_id: DENY_CALLBACK,
  title: plain('Deny the request?', 24),
  submit: plain('Deny', 24),
  close: plain('Keep waiting', 24),
  private_metadata: JSON.stringify({ approvalId: approval.id }),
  blocks: [
    section(`${actorFirst(approval.requester)} asks to ${wanted(approval.params)}.${reasonOf(approval)}`),
    {
      type: 'input',
      block_id: 'reason',
      label: plain('Why not?'),
      hint: plain('Who asked is told.', 200),
      element: { type: 'plain_text_input', action_id: 'reason', max_length: 300 },
    },
  ],
});
