/**
 * Runs and their journal. Invariants: each claim raises the generation; a write that carries another generation than
 * the row's changes nothing; a run changes state only as the transition table allows.
 */
import { sql } from 'kysely';
import type { Updateable } from 'kysely';
import { BurstError } from '../domain/errors.ts';
import { RUN_EVENTS, transition } from '../domain/operation.ts';
import type { Run, RunKind, RunState } from '../domain/operation.ts';
import type { NewOperation, RunPatch, RunWrite, Store } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { jsonOrNull, toRun } from './rows.ts';
import type { RunsTable } from './schema.ts';

/** Literals, so that SQLite can prove that the partial indexes apply. */
const isLiveRow = sql<boolean>`state in ('running', 'undoing', 'stuck')`;
const isWorkedOn = sql<boolean>`state in ('running', 'undoing')`;
const unclaimed = (nowMs: number) => sql<boolean>`(claimed_by is null or claim_until_ms <= ${nowMs})`;

export function insertRun(writer: Writer, operation: NewOperation, run: NewOperation['runs'][number]): void {
  writer.run(
    build.insertInto('runs').values({
      id: run.id,
      operation_id: operation.id,
      cluster: operation.cluster,
      worker_name: run.workerName,
      kind: run.kind,
      state: 'running',
      step: run.step,
      started_steps: '[]',
      pivoted: 0,
      generation: 0,
      claimed_by: null,
      claim_until_ms: null,
      next_look_at_ms: operation.createdAtMs,
      attempts: 0,
      step_since_ms: operation.createdAtMs,
      data: JSON.stringify(run.data),
      progress: '',
      blocked: null,
      failure: null,
      cancel_requested: 0,
      created_at_ms: operation.createdAtMs,
      ended_at_ms: null,
    }),
  );
  recordEvent(
    writer,
    { id: run.id, generation: 0 },
    { atMs: operation.createdAtMs, type: 'created', text: `${run.kind} of ${run.workerName}` },
  );
}

export function recordEvent(
  writer: Writer,
  run: Pick<Run, 'id' | 'generation'>,
  event: { readonly atMs: number; readonly type: string; readonly text: string },
): void {
  writer.run(
    build.insertInto('journal').values({
      run_id: run.id,
      at_ms: event.atMs,
      generation: run.generation,
      type: event.type,
      text: event.text,
    }),
  );
}

export function updateRun(writer: Writer, id: string, set: Updateable<RunsTable>): void {
  writer.run(build.updateTable('runs').set(set).where('id', '=', id));
}

export function getRun(reader: Reader, id: string): Run | undefined {
  const row = reader.first(build.selectFrom('runs').selectAll().where('id', '=', id));
  return row === undefined ? undefined : toRun(row);
}

export function runsOf(reader: Reader, operationId: string): readonly Run[] {
  return reader
    .all(build.selectFrom('runs').selectAll().where('operation_id', '=', operationId).orderBy('seq'))
    .map(toRun);
}

export function liveRuns(reader: Reader): readonly Run[] {
  return reader.all(build.selectFrom('runs').selectAll().where(isLiveRow).orderBy('seq')).map(toRun);
}

export function countLive(reader: Reader, cluster: string): number {
  const row = reader.first(
    build
      .selectFrom('runs')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('cluster', '=', cluster)
      .where(isLiveRow),
  );
  return row?.count ?? 0;
}

export function liveRunOf(reader: Reader, cluster: string, workerName: string): Run | undefined {
  const row = reader.first(
    build
      .selectFrom('runs')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('worker_name', '=', workerName)
      .where(isLiveRow),
  );
  return row === undefined ? undefined : toRun(row);
}

export function lastRunOf(reader: Reader, cluster: string, workerName: string, kind: RunKind): Run | undefined {
  const row = reader.first(
    build
      .selectFrom('runs')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('worker_name', '=', workerName)
      .where('kind', '=', kind)
      .orderBy('seq', 'desc')
      .limit(1),
  );
  return row === undefined ? undefined : toRun(row);
}

export function journalOf(reader: Reader, runId: string): Awaited<ReturnType<Store['journal']>> {
  return reader.all(
    build
      .selectFrom('journal')
      .select(['at_ms as atMs', 'type', 'text', 'generation'])
      .where('run_id', '=', runId)
      .orderBy('seq'),
  );
}

export function claimRuns(writer: Writer, request: Parameters<Store['claimRuns']>[0]): readonly Run[] {
  let query = build
    .selectFrom('runs')
    .selectAll()
    .where(isWorkedOn)
    .where('next_look_at_ms', '<=', request.nowMs)
    .where(unclaimed(request.nowMs));
  if (request.cluster !== undefined) query = query.where('cluster', '=', request.cluster);
  const due = writer.all(query.orderBy('next_look_at_ms').orderBy('seq').limit(request.limit));
  return due.map((row) => {
    const claim = {
      generation: row.generation + 1,
      claimed_by: request.owner,
      claim_until_ms: request.nowMs + request.claimMs,
      woken: 0,
    };
    updateRun(writer, row.id, claim);
    return toRun({ ...row, ...claim });
  });
}

export function wakeRuns(
  writer: Writer,
  cluster: string,
  workerNames: readonly string[] | 'all',
  nowMs: number,
): number {
  const named =
    workerNames === 'all'
      ? undefined
      : sql<boolean>`worker_name in (select value from json_each(${JSON.stringify(workerNames)}))`;
  const live = build.updateTable('runs').where(isWorkedOn).where('cluster', '=', cluster);
  const runs = named === undefined ? live : live.where(named);
  // One that is being looked at may have looked before the change: it looks once more when that look ends.
  writer.run(runs.set({ woken: 1 }).where('claimed_by', 'is not', null).where('claim_until_ms', '>', nowMs));
  return writer.run(runs.set({ next_look_at_ms: nowMs }).where('next_look_at_ms', '>', nowMs).where(unclaimed(nowMs)));
}

export function nextRunDueMs(reader: Reader, cluster?: string): number | undefined {
  let query = build
    .selectFrom('runs')
    .select(
      sql<number | null>`min(case when claimed_by is null then next_look_at_ms
          else max(next_look_at_ms, claim_until_ms) end)`.as('due'),
    )
    .where(isWorkedOn);
  if (cluster !== undefined) query = query.where('cluster', '=', cluster);
  return reader.first(query)?.due ?? undefined;
}

const isEnded = (state: RunState): boolean => state === 'succeeded' || state === 'undone';

/**
 * Writes the run's own row and its journal event.
 * @returns the run as it was, and whether its state changed.
 * @throws BurstError `not_found`, `stale_generation`, or `conflict` when the transition table forbids the change.
 */
export function writeRun(writer: Writer, write: RunWrite): { readonly before: Run; readonly stateChanged: boolean } {
  const row = writer.first(build.selectFrom('runs').selectAll().where('id', '=', write.runId));
  if (row === undefined)
    throw new BurstError('not_found', `There is no run ${write.runId}.`, { left: 'Nothing was written.' });
  const before = toRun(row);
  if (before.generation !== write.generation) throw staleWrite(before, write.generation);
  refuseIllegal(before, write.patch);
  const next = write.patch.state ?? before.state;
  const set = columnsOf(write.patch);
  if (row.woken === 1 && (set.next_look_at_ms ?? row.next_look_at_ms) > write.nowMs) set.next_look_at_ms = write.nowMs;
  if (isEnded(next)) {
    set.claimed_by = null;
    set.claim_until_ms = null;
    set.blocked = null;
    set.ended_at_ms = set.ended_at_ms ?? write.nowMs;
  } else if (next === 'stuck' && before.state !== 'stuck') {
    set.claimed_by = null;
    set.claim_until_ms = null;
  }
  const changed = writer.run(
    build
      .updateTable('runs')
      .set({ ...set, generation: write.generation })
      .where('id', '=', write.runId)
      .where('generation', '=', write.generation),
  );
  if (changed === 0) throw staleWrite(before, write.generation);
  recordEvent(writer, before, write.event);
  return { before, stateChanged: next !== before.state };
}

function staleWrite(run: Run, generation: number): BurstError {
  return new BurstError(
    'stale_generation',
    `The run ${run.id} of ${run.workerName} was claimed again: it is at generation ${run.generation}, the write came from ${generation}.`,
    { left: 'Nothing was written.' },
  );
}

function refuseIllegal(run: Run, patch: RunPatch): void {
  if (isEnded(run.state))
    throw new BurstError('conflict', `The run ${run.id} of ${run.workerName} has ended (${run.state}).`, {
      left: 'Nothing was written.',
    });
  if (run.pivoted && patch.pivoted === false)
    throw new BurstError('conflict', `The run ${run.id} of ${run.workerName} is past its pivot.`, {
      left: 'Nothing was written.',
      hint: 'After the pivot a run only goes forward.',
    });
  const next = patch.state;
  if (next === undefined || next === run.state) return;
  const pivoted = run.pivoted || patch.pivoted === true;
  if (!RUN_EVENTS.some((event) => transition(run.state, event, pivoted) === next))
    throw new BurstError(
      'conflict',
      `The run ${run.id} of ${run.workerName} cannot go from ${run.state} to ${next}${pivoted ? ' after its pivot' : ''}.`,
      { left: 'Nothing was written.' },
    );
}

/** Only keys that the patch has; a clearable key given as undefined becomes NULL. */
function columnsOf(patch: RunPatch): Updateable<RunsTable> {
  const set: Updateable<RunsTable> = {};
  if (patch.state !== undefined) set.state = patch.state;
  if (patch.step !== undefined) set.step = patch.step;
  if (patch.startedSteps !== undefined) set.started_steps = JSON.stringify(patch.startedSteps);
  if (patch.pivoted !== undefined) set.pivoted = patch.pivoted ? 1 : 0;
  if ('claimedBy' in patch) set.claimed_by = patch.claimedBy ?? null;
  if ('claimUntilMs' in patch) set.claim_until_ms = patch.claimUntilMs ?? null;
  if (patch.nextLookAtMs !== undefined) set.next_look_at_ms = patch.nextLookAtMs;
  if (patch.attempts !== undefined) set.attempts = patch.attempts;
  if (patch.stepSinceMs !== undefined) set.step_since_ms = patch.stepSinceMs;
  if (patch.data !== undefined) set.data = JSON.stringify(patch.data);
  if (patch.progress !== undefined) set.progress = patch.progress;
  if ('blocked' in patch) set.blocked = jsonOrNull(patch.blocked);
  if ('failure' in patch) set.failure = jsonOrNull(patch.failure);
  if ('endedAtMs' in patch) set.ended_at_ms = patch.endedAtMs ?? null;
  return set;
}
