/** Between the tables' rows and the ports' records. */
import type { Insertable, Selectable } from 'kysely';
import { actorId } from '../domain/operation.ts';
import type { Operation, Run } from '../domain/operation.ts';
import type { AuditRow, NewAudit, OutboxRow, Schedule, WorkerRecord } from '../ports/store.ts';
import { chained } from './audit-chain.ts';
import {
  actorSchema,
  blockedSchema,
  detailsSchema,
  failureSchema,
  noticeSchema,
  paramsSchema,
  readJson,
  runDataSchema,
  stepsSchema,
} from './json.ts';
import type { AuditTable, OperationsTable, OutboxTable, RunsTable, SchedulesTable, WorkersTable } from './schema.ts';

const orUndefined = <T>(value: T | null): T | undefined => value ?? undefined;
const orNull = <T>(value: T | undefined): T | null => value ?? null;
export const jsonOrNull = (value: object | undefined): string | null =>
  value === undefined ? null : JSON.stringify(value);

export function toOperation(row: Selectable<OperationsTable>): Operation {
  const where = (column: string): string => `${column} of operation ${row.id}`;
  return {
    id: row.id,
    cluster: row.cluster,
    kind: row.kind,
    state: row.state,
    params: readJson(paramsSchema, row.params, where('params')),
    requester: readJson(actorSchema, row.requester, where('requester')),
    channelId: orUndefined(row.channel_id),
    ...(row.thread_ts === null ? {} : { threadTs: row.thread_ts }),
    reason: row.reason,
    idempotencyKey: row.idempotency_key,
    createdAtMs: row.created_at_ms,
    endedAtMs: orUndefined(row.ended_at_ms),
    cancelledBy: row.cancelled_by === null ? undefined : readJson(actorSchema, row.cancelled_by, where('cancelled_by')),
  };
}

export function toRun(row: Selectable<RunsTable>): Run {
  const where = (column: string): string => `${column} of run ${row.id}`;
  return {
    id: row.id,
    operationId: row.operation_id,
    cluster: row.cluster,
    workerName: row.worker_name,
    kind: row.kind,
    state: row.state,
    step: row.step,
    startedSteps: readJson(stepsSchema, row.started_steps, where('started_steps')),
    pivoted: row.pivoted === 1,
    generation: row.generation,
    claimedBy: orUndefined(row.claimed_by),
    claimUntilMs: orUndefined(row.claim_until_ms),
    nextLookAtMs: row.next_look_at_ms,
    attempts: row.attempts,
    stepSinceMs: row.step_since_ms,
    data: readJson(runDataSchema, row.data, where('data')),
    progress: row.progress,
    blocked: row.blocked === null ? undefined : readJson(blockedSchema, row.blocked, where('blocked')),
    failure: row.failure === null ? undefined : readJson(failureSchema, row.failure, where('failure')),
    cancelRequested: row.cancel_requested === 1,
    createdAtMs: row.created_at_ms,
    endedAtMs: orUndefined(row.ended_at_ms),
  };
}

export function toWorker(row: Selectable<WorkersTable>): WorkerRecord {
  return {
    cluster: row.cluster,
    name: row.name,
    size: row.size,
    state: row.state,
    vmId: orUndefined(row.vm_id),
    vmHost: orUndefined(row.vm_host),
    nodeUid: orUndefined(row.node_uid),
    ownerTag: row.owner_tag,
    owner: readJson(actorSchema, row.owner, `owner of worker ${row.name}`),
    channelId: orUndefined(row.channel_id),
    operationId: row.operation_id,
    createdAtMs: row.created_at_ms,
    removedAtMs: orUndefined(row.removed_at_ms),
    price:
      row.price_micros === null || row.currency === null
        ? undefined
        : { currency: row.currency, micros: row.price_micros },
    cpus: orUndefined(row.cpus),
    role: orUndefined(row.role),
    plannedUntilMs: orUndefined(row.planned_until_ms),
    vmSinceMs: orUndefined(row.vm_since_ms),
    vmGoneMs: orUndefined(row.vm_gone_ms),
  };
}

export function fromWorker(worker: WorkerRecord): Insertable<WorkersTable> {
  return {
    cluster: worker.cluster,
    name: worker.name,
    size: worker.size,
    state: worker.state,
    vm_id: orNull(worker.vmId),
    vm_host: orNull(worker.vmHost),
    node_uid: orNull(worker.nodeUid),
    owner_tag: worker.ownerTag,
    owner: JSON.stringify(worker.owner),
    channel_id: orNull(worker.channelId),
    operation_id: worker.operationId,
    created_at_ms: worker.createdAtMs,
    removed_at_ms: orNull(worker.removedAtMs),
    price_micros: orNull(worker.price?.micros),
    currency: orNull(worker.price?.currency),
    cpus: orNull(worker.cpus),
    role: orNull(worker.role),
    planned_until_ms: orNull(worker.plannedUntilMs),
    vm_since_ms: orNull(worker.vmSinceMs),
    vm_gone_ms: orNull(worker.vmGoneMs),
  };
}

export function toSchedule(row: Selectable<SchedulesTable>): Schedule {
  return {
    cluster: row.cluster,
    workerName: row.worker_name,
    startsAtMs: row.starts_at_ms,
    expiresAtMs: row.expires_at_ms,
    extendedHours: row.extended_hours,
    status: row.status,
    warnedDeadlineMs: orUndefined(row.warned_deadline_ms),
    warnedLeadMs: orUndefined(row.warned_lead_ms),
  };
}

export function fromSchedule(schedule: Schedule): Insertable<SchedulesTable> {
  return {
    cluster: schedule.cluster,
    worker_name: schedule.workerName,
    starts_at_ms: schedule.startsAtMs,
    expires_at_ms: schedule.expiresAtMs,
    extended_hours: schedule.extendedHours,
    status: schedule.status,
    warned_deadline_ms: orNull(schedule.warnedDeadlineMs),
    warned_lead_ms: orNull(schedule.warnedLeadMs),
  };
}

export function toOutbox(row: Selectable<OutboxTable>): OutboxRow {
  return {
    id: row.id,
    key: row.key,
    notice: readJson(noticeSchema, row.notice, `outbox row ${row.id}`),
    notBeforeMs: row.not_before_ms,
    channelId: orUndefined(row.channel_id),
    attempts: row.attempts,
    createdAtMs: row.created_at_ms,
  };
}

export function toAudit(row: Selectable<AuditTable>): AuditRow {
  return {
    id: row.id,
    atMs: row.at_ms,
    cluster: row.cluster,
    actor: readJson(actorSchema, row.actor, `actor of audit row ${row.id}`),
    action: row.action,
    outcome: row.outcome,
    ...(row.worker_name === null ? {} : { workerName: row.worker_name }),
    ...(row.operation_id === null ? {} : { operationId: row.operation_id }),
    ...(row.run_id === null ? {} : { runId: row.run_id }),
    text: row.text,
    ...(row.details === null
      ? {}
      : { details: readJson(detailsSchema, row.details, `details of audit row ${row.id}`) }),
    prevHash: row.prev_hash,
    hash: row.hash,
  };
}

export function fromAudit(row: NewAudit, id: number, prevHash: string): Insertable<AuditTable> {
  const content = {
    id,
    at_ms: row.atMs,
    cluster: row.cluster,
    actor: JSON.stringify(row.actor),
    actor_id: actorId(row.actor),
    action: row.action,
    outcome: row.outcome,
    worker_name: orNull(row.workerName),
    operation_id: orNull(row.operationId),
    run_id: orNull(row.runId),
    text: row.text,
    details: jsonOrNull(row.details),
  };
  return { ...content, ...chained(content, prevHash), outcome: row.outcome };
}
