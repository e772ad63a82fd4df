/** Approvals and their decisions. Invariant: a state changes only together with what it is changed from. */
import { sql } from 'kysely';
import type { Approval, ApprovalState, Decision } from '../domain/approval.ts';
import { actorId } from '../domain/operation.ts';
import type { Operation } from '../domain/operation.ts';
import type { ApprovalStore, Decided, NewApproval } from '../ports/approvals.ts';
import type { NewAudit, NewOutbox } from '../ports/store.ts';
import {
  approvalParamsSchema,
  approvalPreviewsSchema,
  askedRulesSchema,
  moneyJson,
  moneySchema,
  targetsSchema,
} from './approval-json.ts';
import { appendAudit } from './audit.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { actorSchema, readJson, stepsSchema } from './json.ts';
import { enqueue } from './outbox.ts';
import { toOperation } from './rows.ts';
import type { ApprovalsTable } from './schema.ts';

function toApproval(row: ApprovalsTable, decisions: readonly Decision[]): Approval {
  const where = (column: string): string => `${column} of approval ${row.id}`;
  return {
    id: row.id,
    cluster: row.cluster,
    state: row.state,
    params: readJson(approvalParamsSchema, row.params, where('params')),
    digest: row.digest,
    targets: readJson(targetsSchema, row.targets, where('targets')),
    previews: readJson(approvalPreviewsSchema, row.previews, where('previews')),
    requester: readJson(actorSchema, row.requester, where('requester')),
    channelId: row.channel_id ?? undefined,
    ...(row.thread_ts === null ? {} : { threadTs: row.thread_ts }),
    askIn: row.ask_in ?? undefined,
    reason: row.reason,
    why: row.why,
    cost: row.cost === null ? undefined : readJson(moneySchema, row.cost, where('cost')),
    rules: readJson(askedRulesSchema, row.rules, where('rules')),
    idempotencyKey: row.idempotency_key,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    remindAtMs: row.remind_at_ms ?? undefined,
    endedAtMs: row.ended_at_ms ?? undefined,
    endedBy: row.ended_by === null ? undefined : readJson(actorSchema, row.ended_by, where('ended_by')),
    note: row.note,
    operationId: row.operation_id ?? undefined,
    decisions,
  };
}

function decisionsOf(reader: Reader, id: string): readonly Decision[] {
  return reader
    .all(
      build
        .selectFrom('approval_decisions')
        .selectAll()
        .where('approval_id', '=', id)
        .orderBy('at_ms')
        .orderBy('actor_id'),
    )
    .map((row) => ({
      by: readJson(actorSchema, row.actor, `actor of a decision on ${id}`),
      verdict: row.verdict,
      reason: row.reason,
      rules: readJson(stepsSchema, row.rules, `rules of a decision on ${id}`),
      atMs: row.at_ms,
    }));
}

function first(reader: Reader, column: 'id' | 'idempotency_key', value: string): Approval | undefined {
  const row = reader.first(build.selectFrom('approvals').selectAll().where(column, '=', value));
  return row === undefined ? undefined : toApproval(row, decisionsOf(reader, row.id));
}
export const getApproval = (reader: Reader, id: string): Approval | undefined => first(reader, 'id', id);
export const approvalByKey = (reader: Reader, key: string): Approval | undefined =>
  first(reader, 'idempotency_key', key);

export function operationByKey(reader: Reader, key: string): Operation | undefined {
  const row = reader.first(build.selectFrom('operations').selectAll().where('idempotency_key', '=', key));
  return row === undefined ? undefined : toOperation(row);
}

export function listApprovals(
  reader: Reader,
  filter: Parameters<ApprovalStore['listApprovals']>[0],
): readonly Approval[] {
  let query = build
    .selectFrom('approvals')
    .selectAll()
    .where('state', 'in', [...filter.states]);
  if (filter.cluster !== undefined) query = query.where('cluster', '=', filter.cluster);
  return reader
    .all(query.orderBy('created_at_ms').orderBy('id').limit(filter.limit))
    .map((row) => toApproval(row, decisionsOf(reader, row.id)));
}

export function createApproval(
  writer: Writer,
  approval: NewApproval,
  audit: readonly NewAudit[],
  outbox: readonly NewOutbox[],
  nowMs: number,
): { readonly created: boolean; readonly approval: Approval } {
  const before = approvalByKey(writer, approval.idempotencyKey);
  if (before !== undefined) return { created: false, approval: before };
  const row: ApprovalsTable = {
    id: approval.id,
    cluster: approval.cluster,
    state: 'pending',
    params: JSON.stringify(approval.params),
    digest: approval.digest,
    targets: JSON.stringify(approval.targets),
    previews: JSON.stringify(approval.previews),
    requester: JSON.stringify(approval.requester),
    requester_id: actorId(approval.requester),
    channel_id: approval.channelId ?? null,
    thread_ts: approval.threadTs ?? null,
    ask_in: approval.askIn ?? null,
    reason: approval.reason,
    why: approval.why,
    rules: JSON.stringify(approval.rules),
    idempotency_key: approval.idempotencyKey,
    created_at_ms: approval.createdAtMs,
    expires_at_ms: approval.expiresAtMs,
    remind_at_ms: approval.remindAtMs ?? null,
    ended_at_ms: null,
    ended_by: null,
    note: '',
    operation_id: null,
    cost: approval.cost === undefined ? null : moneyJson(approval.cost),
  };
  writer.run(build.insertInto('approvals').values(row));
  appendAudit(writer, audit);
  enqueue(writer, outbox, nowMs);
  return { created: true, approval: toApproval(row, []) };
}

export function decideApproval(
  writer: Writer,
  [id, decision, complete, audit, outbox]: Parameters<ApprovalStore['decideApproval']>,
): Decided | undefined {
  const before = getApproval(writer, id);
  if (before === undefined) return undefined;
  const person = actorId(decision.by);
  const late = before.state !== 'pending' || before.expiresAtMs <= decision.atMs;
  if (late || before.decisions.some(({ by }) => actorId(by) === person)) return { applied: false, approval: before };
  writer.run(
    build.insertInto('approval_decisions').values({
      approval_id: id,
      actor_id: person,
      actor: JSON.stringify(decision.by),
      verdict: decision.verdict,
      reason: decision.reason,
      rules: JSON.stringify(decision.rules),
      at_ms: decision.atMs,
    }),
  );
  const state: ApprovalState =
    decision.verdict === 'deny' ? 'denied' : complete([...before.decisions, decision]) ? 'approved' : 'pending';
  const ended = state === 'denied' ? { ended_at_ms: decision.atMs } : {};
  writer.run(
    build
      .updateTable('approvals')
      .set({ state, ...ended })
      .where('id', '=', id),
  );
  const approval = getApproval(writer, id) ?? before;
  appendAudit(writer, audit);
  enqueue(writer, outbox(approval), decision.atMs);
  return { applied: true, approval };
}

export function endApproval(
  writer: Writer,
  [id, change, audit, outbox]: Parameters<ApprovalStore['endApproval']>,
): Approval | undefined {
  const changed = writer.run(
    build
      .updateTable('approvals')
      .set({
        state: change.to,
        ended_at_ms: change.atMs,
        ended_by: change.by === undefined ? null : JSON.stringify(change.by),
        note: change.note ?? '',
        operation_id: change.operationId ?? null,
      })
      .where('id', '=', id)
      .where('state', 'in', [...change.from]),
  );
  const approval = changed === 0 ? undefined : getApproval(writer, id);
  if (approval === undefined) return undefined;
  appendAudit(writer, audit);
  enqueue(writer, outbox(approval), change.atMs);
  return approval;
}

export function remindApproval(writer: Writer, id: string, notice: NewOutbox, nowMs: number): boolean {
  const given = writer.run(
    build
      .updateTable('approvals')
      .set({ remind_at_ms: null })
      .where('id', '=', id)
      .where('state', '=', 'pending')
      .where(sql<boolean>`remind_at_ms is not null`),
  );
  if (given > 0) enqueue(writer, [notice], nowMs);
  return given > 0;
}
