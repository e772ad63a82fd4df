/**
 * Operations. Invariant: an operation's state is what its runs make of it, written in the transaction that changed
 * them; one idempotency key is one operation.
 */
import type { ApprovalParams } from '../domain/approval.ts';
import { OverBudget, excessOf } from '../domain/budget.ts';
import { monthOf } from '../domain/calendar.ts';
import { BurstError } from '../domain/errors.ts';
import { actorId, isLive, operationState } from '../domain/operation.ts';
import type { Actor, Operation, Run, RunData } from '../domain/operation.ts';
import type { NewAudit, NewOperation, OperationFilter, Store } from '../ports/store.ts';
import { appendAudit } from './audit.ts';
import { listLifespans, newLifespan } from './costs.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { enqueue } from './outbox.ts';
import { refuseTooFast } from './rates.ts';
import { jsonOrNull, toOperation } from './rows.ts';
import { getRun, insertRun, liveRunOf, recordEvent, runsOf, updateRun } from './runs.ts';
import { countBurstWorkers, getWorker, insertWorker } from './workers.ts';

export function getOperation(reader: Reader, id: string): Operation | undefined {
  const row = reader.first(build.selectFrom('operations').selectAll().where('id', '=', id));
  return row === undefined ? undefined : toOperation(row);
}

/** Newest first. */
export function listOperations(reader: Reader, filter: OperationFilter): readonly Operation[] {
  let query = build.selectFrom('operations').selectAll();
  if (filter.cluster !== undefined) query = query.where('cluster', '=', filter.cluster);
  if (filter.states !== undefined) query = query.where('state', 'in', [...filter.states]);
  if (filter.kinds !== undefined) query = query.where('kind', 'in', [...filter.kinds]);
  if (filter.requesterId !== undefined) query = query.where('requester_id', '=', filter.requesterId);
  return reader.all(query.orderBy('created_at_ms', 'desc').orderBy('seq', 'desc').limit(filter.limit)).map(toOperation);
}

export function createOperation(
  writer: Writer,
  operation: NewOperation,
): { readonly created: boolean; readonly operation: Operation } {
  const before = writer.first(
    build.selectFrom('operations').selectAll().where('idempotency_key', '=', operation.idempotencyKey),
  );
  if (before !== undefined) return { created: false, operation: toOperation(before) };
  refuseBusy(writer, operation);
  refuseUsedNames(writer, operation);
  refuseTooMany(writer, operation);
  refuseOverBudget(writer, operation);
  refuseTooFast(writer, {
    requester: operation.requester,
    rates: operation.rates ?? [],
    workers: operation.params.kind === 'provision' ? operation.params.count : 0,
    nowMs: operation.createdAtMs,
  });

  const state = operation.runs.length === 0 ? operationState([], false) : 'running';
  const row = {
    id: operation.id,
    cluster: operation.cluster,
    kind: operation.params.kind,
    state,
    params: JSON.stringify(operation.params),
    requester: JSON.stringify(operation.requester),
    requester_id: actorId(operation.requester),
    channel_id: operation.channelId ?? null,
    thread_ts: operation.threadTs ?? null,
    reason: operation.reason,
    idempotency_key: operation.idempotencyKey,
    created_at_ms: operation.createdAtMs,
    ended_at_ms: state === 'running' ? null : operation.createdAtMs,
    cancelled_by: null,
  };
  writer.run(build.insertInto('operations').values(row));
  for (const worker of operation.workers) insertWorker(writer, worker);
  for (const run of operation.runs) insertRun(writer, operation, run);
  appendAudit(writer, operation.audit);
  enqueue(writer, operation.outbox, operation.createdAtMs);
  return { created: true, operation: toOperation({ ...row, seq: 0 }) };
}

function refuseBusy(reader: Reader, operation: NewOperation): void {
  const seen = new Set<string>();
  for (const { workerName } of operation.runs) {
    if (seen.has(workerName))
      throw new BurstError('invalid_input', `The worker ${workerName} is named twice.`, { left: 'Nothing was done.' });
    seen.add(workerName);
    const live = liveRunOf(reader, operation.cluster, workerName);
    if (live === undefined) continue;
    const busyWith = getOperation(reader, live.operationId);
    const doing = busyWith === undefined ? live.kind : busyWith.kind;
    throw new BurstError(
      'worker_busy',
      live.state === 'stuck'
        ? `The worker ${workerName} has a ${doing} that is stuck (operation ${live.operationId}).`
        : `The worker ${workerName} is busy with a ${doing} (operation ${live.operationId}).`,
      {
        left: 'Nothing was done.',
        hint:
          live.state === 'stuck'
            ? `Retry operation ${live.operationId} first.`
            : `Wait for operation ${live.operationId} to end, or cancel it.`,
      },
    );
  }
}

function refuseUsedNames(reader: Reader, operation: NewOperation): void {
  for (const worker of operation.workers)
    if (getWorker(reader, worker.cluster, worker.name) !== undefined)
      throw new BurstError('conflict', `The worker name ${worker.name} was used before.`, {
        left: 'Nothing was done.',
        hint: 'Ask again: another name is then picked.',
      });
}

function refuseTooMany(reader: Reader, operation: NewOperation): void {
  const max = operation.maxBurstWorkers;
  if (max === undefined) return;
  const more = operation.workers.length;
  const have = countBurstWorkers(reader, operation.cluster);
  if (have + more <= max) return;
  throw new BurstError(
    'limit_reached',
    `${have} of ${max} burst workers exist; ${more} more would be ${have + more}.`,
    {
      left: 'Nothing was done.',
      hint: have < max ? `Ask for ${max - have} or fewer.` : 'Destroy one that is no longer needed first.',
    },
  );
}

/** An operation's parameters as approvals have them; undefined: nothing that costs. */
function askedFor(params: NewOperation['params']): ApprovalParams | undefined {
  if (params.kind === 'provision') {
    const { count, size, ttlHours } = params;
    return { action: 'provision', count, size, ttlHours };
  }
  return params.kind === 'extend' ? { action: 'extend', workers: params.workers, hours: params.hours } : undefined;
}

/** Budgets that the operation's workers, or the deadlines that it asks for, go beyond and that nobody has approved. */
function refuseOverBudget(reader: Reader, { budgets, ...operation }: NewOperation): void {
  if (budgets === undefined || budgets.policy.budgets.length === 0) return;
  const nowMs = operation.createdAtMs;
  const spans = listLifespans(reader, { sinceMs: monthOf(nowMs, budgets.policy.timezone).fromMs });
  const asked = new Map(operation.runs.map(({ workerName, data }) => [workerName, data.deadlineMs]));
  const extended = spans.flatMap((span) => {
    const untilMs = span.cluster === operation.cluster ? asked.get(span.worker) : undefined;
    return untilMs === undefined ? [] : [{ ...span, untilMs: Math.max(untilMs, span.untilMs ?? untilMs) }];
  });
  const changed = [...operation.workers.map((worker) => newLifespan(worker)), ...extended];
  const excess = excessOf(budgets.policy, spans, changed, nowMs);
  const refused = excess.filter(({ budget }) => !budgets.allowed.includes(budget.name));
  if (refused.length > 0) throw new OverBudget(refused, askedFor(operation.params));
}

/** Derives the operation's state from its runs and writes it, with the end time, when it changed. */
export function refreshOperation(writer: Writer, operationId: string, nowMs: number): void {
  const operation = existing(writer, operationId);
  const state = operationState(runsOf(writer, operationId), operation.cancelledBy !== undefined);
  if (state === operation.state) return;
  writer.run(
    build
      .updateTable('operations')
      .set({ state, ended_at_ms: state === 'running' ? null : nowMs })
      .where('id', '=', operationId),
  );
}

export function requestCancel(
  writer: Writer,
  operationId: string,
  by: Actor,
  nowMs: number,
  audit: NewAudit,
): readonly Run[] {
  const operation = existing(writer, operationId);
  const live = runsOf(writer, operationId).filter((run) => isLive(run.state));
  appendAudit(writer, [audit]);
  if (live.length === 0) return [];
  if (operation.cancelledBy === undefined)
    writer.run(
      build
        .updateTable('operations')
        .set({ cancelled_by: jsonOrNull(by) })
        .where('id', '=', operationId),
    );
  for (const run of live) {
    updateRun(writer, run.id, { cancel_requested: 1, woken: 1, next_look_at_ms: Math.min(run.nextLookAtMs, nowMs) });
    recordEvent(writer, run, { atMs: nowMs, type: 'cancel_requested', text: 'cancel was asked for' });
  }
  return runsOf(writer, operationId).filter(
    (run) => !run.pivoted && (run.state === 'running' || run.state === 'undoing'),
  );
}

export function retryStuck(writer: Writer, operationId: string, nowMs: number, audit: NewAudit): number {
  existing(writer, operationId);
  const stuck = runsOf(writer, operationId).filter((run) => run.state === 'stuck');
  appendAudit(writer, [audit]);
  for (const run of stuck) {
    const generation = run.generation + 1;
    updateRun(writer, run.id, {
      state: 'running',
      generation,
      attempts: 0,
      failure: null,
      blocked: null,
      claimed_by: null,
      claim_until_ms: null,
      next_look_at_ms: nowMs,
      step_since_ms: nowMs,
      ended_at_ms: null,
    });
    recordEvent(writer, { ...run, generation }, { atMs: nowMs, type: 'retried', text: 'put back to running' });
  }
  if (stuck.length > 0) refreshOperation(writer, operationId, nowMs);
  return stuck.length;
}

export function adjustRuns(
  writer: Writer,
  runIds: readonly string[],
  data: Partial<RunData>,
  event: Parameters<Store['adjustRuns']>[2],
  audit: readonly NewAudit[],
): readonly Run[] {
  const runs = runIds
    .map((id) => getRun(writer, id))
    .filter((run) => run !== undefined)
    .filter((run) => run.state === 'running' && !run.pivoted && !run.cancelRequested);
  appendAudit(writer, audit);
  return runs.map((run) => {
    const adjusted = { ...run, data: { ...run.data, ...data }, generation: run.generation + 1 };
    updateRun(writer, run.id, {
      data: JSON.stringify(adjusted.data),
      generation: adjusted.generation,
      claimed_by: null,
      claim_until_ms: null,
      next_look_at_ms: event.atMs,
    });
    recordEvent(writer, adjusted, event);
    return adjusted;
  });
}

function existing(reader: Reader, operationId: string): Operation {
  const operation = getOperation(reader, operationId);
  if (operation === undefined)
    throw new BurstError('not_found', `There is no operation ${operationId}.`, { left: 'Nothing was done.' });
  return operation;
}
