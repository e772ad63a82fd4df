/** How approvals are put on record. Invariant: a change of state comes with its audit row and with what people are told of it. */
import type { Approval, ApprovalPolicy, ApprovalState, Approvers } from '../domain/approval.ts';
import { BurstError } from '../domain/errors.ts';
import { personOf } from '../domain/operation.ts';
import type { Actor } from '../domain/operation.ts';
import type { ApprovalStore } from '../ports/approvals.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { AuditOutcome, NewAudit, NewOutbox, Store } from '../ports/store.ts';
import { workersOf } from './approval-facts.ts';
import type { Costs } from './costs.ts';
import type { Operations } from './types.ts';

type Log = {
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void;
};
export type ApprovalsDeps = {
  readonly store: Store & ApprovalStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** The clusters by name: their operations (which ask nobody), and their rules. */
  readonly doors: ReadonlyMap<string, ApprovalDoor>;
  readonly defaultChannelId: string | undefined;
  /** Undefined: nothing is known of what requests cost. */
  readonly costs?: Pick<Costs, 'costOfRequest' | 'beyond'> | undefined;
  /** There is news for Slack. */
  readonly poke: () => void;
};
export type ApprovalDoor = {
  readonly operations: Operations;
  readonly policy: ApprovalPolicy;
  /** Those with the role admin. */
  readonly admins: Approvers;
  readonly defaults: { readonly size: string; readonly ttlHours: number };
};

export type Records = ReturnType<typeof createRecords>;

export function createRecords({ store, clock, poke }: Pick<ApprovalsDeps, 'store' | 'clock' | 'poke'>) {
  const audit = (
    approval: Pick<Approval, 'id' | 'cluster' | 'params'>,
    by: Actor,
    outcome: AuditOutcome,
    text: string,
  ) => {
    const [workerName] = workersOf(approval.params);
    const row: NewAudit = {
      atMs: clock.now(),
      cluster: approval.cluster,
      actor: by,
      action: `approval:${approval.params.action}`,
      outcome,
      text,
      details: { approval: approval.id, params: approval.params },
      ...(workerName === undefined ? {} : { workerName }),
    };
    return row;
  };
  const notice = (
    { id, cluster, askIn }: Pick<Approval, 'id' | 'cluster' | 'askIn'>,
    tell: 'request' | 'reminder' | 'outcome',
  ): NewOutbox => ({
    key: tell === 'request' ? `approval:${id}` : `approval:${id}:${tell}`,
    notice: { kind: 'approval', cluster, approvalId: id, tell },
    notBeforeMs: clock.now(),
    channelId: tell === 'outcome' ? undefined : askIn,
  });
  /** The message anew, and once it has ended its outcome to who asked. */
  const news = (approval: Approval): readonly NewOutbox[] => {
    const over: readonly ApprovalState[] = ['denied', 'expired', 'void', 'executed'];
    const told = over.includes(approval.state) && personOf(approval.requester) !== undefined;
    return [notice(approval, 'request'), ...(told ? [notice(approval, 'outcome')] : [])];
  };
  const need = async (id: string): Promise<Approval> => {
    const approval = await store.getApproval(id);
    if (approval === undefined) throw new BurstError('not_found', `There is no approval "${id.slice(0, 60)}".`);
    return approval;
  };
  const end = async (
    approval: Approval,
    to: ApprovalState,
    by: Actor,
    text: string,
    more: { readonly note?: string; readonly operationId?: string; readonly from?: readonly ApprovalState[] } = {},
  ): Promise<Approval | undefined> => {
    const outcome: AuditOutcome = to === 'executed' ? 'done' : to === 'void' ? 'failed' : 'decided';
    const row = audit(approval, by, outcome, text);
    const { from = ['pending'], ...rest } = more;
    const ended = await store.endApproval(
      approval.id,
      { from, to, atMs: clock.now(), by, ...rest },
      [more.operationId === undefined ? row : { ...row, operationId: more.operationId }],
      news,
    );
    if (ended !== undefined) poke();
    return ended;
  };
  const self: Actor = { kind: 'system', name: 'approvals' };
  const voided = async (approval: Approval, note: string): Promise<Approval> =>
    (await end(approval, 'void', self, `approval ${approval.id} is void: ${note}`, {
      note,
      from: ['pending', 'approved'],
    })) ?? need(approval.id);

  return { audit, notice, news, need, end, voided, self };
}
