/** Worker records and their deadlines. Invariant: a worker's row is never removed, so a name is used once. */
import { sql } from 'kysely';
import { BurstError } from '../domain/errors.ts';
import type { RunWrite, Schedule, ScheduleStatus, Store, WorkerRecord, WorkerState } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { fromSchedule, fromWorker, toSchedule, toWorker } from './rows.ts';

/** Literal, so that SQLite can prove that the partial index on open schedules applies. */
const isOpen = sql<boolean>`status in ('active', 'expiring')`;

export function getWorker(reader: Reader, cluster: string, name: string): WorkerRecord | undefined {
  const row = reader.first(
    build.selectFrom('workers').selectAll().where('cluster', '=', cluster).where('name', '=', name),
  );
  return row === undefined ? undefined : toWorker(row);
}

export function listWorkers(reader: Reader, filter: Parameters<Store['listWorkers']>[0]): readonly WorkerRecord[] {
  let query = build.selectFrom('workers').selectAll();
  if (filter.cluster !== undefined) query = query.where('cluster', '=', filter.cluster);
  if (filter.states !== undefined) query = query.where('state', 'in', [...filter.states]);
  if (filter.vmIds !== undefined)
    query = query.where('vm_id', 'in', sql<string>`(select value from json_each(${JSON.stringify(filter.vmIds)}))`);
  return reader.all(query.orderBy('cluster').orderBy('created_at_ms').orderBy('name')).map(toWorker);
}

/** How many burst workers of a cluster exist, are being made or are on their way out. */
export function countBurstWorkers(reader: Reader, cluster: string): number {
  const row = reader.first(
    build
      .selectFrom('workers')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('cluster', '=', cluster)
      .where('state', 'in', ['requested', 'active', 'removing']),
  );
  return row?.count ?? 0;
}

/** How many workers of a cluster were ever given a host. */
export function countPlaced(reader: Reader, cluster: string): number {
  const row = reader.first(
    build
      .selectFrom('workers')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('cluster', '=', cluster)
      .where('vm_host', 'is not', null),
  );
  return row?.count ?? 0;
}

export function insertWorker(writer: Writer, worker: WorkerRecord): void {
  writer.run(build.insertInto('workers').values(fromWorker(worker)));
}

/** Changes the given fields; one that is given as undefined is cleared. @throws BurstError `not_found`. */
export function updateWorker(
  writer: Writer,
  cluster: string,
  name: string,
  patch: NonNullable<RunWrite['worker']>,
): void {
  const changed = writer.run(
    build
      .updateTable('workers')
      .set({
        ...(patch.state === undefined ? {} : { state: patch.state }),
        ...('vmId' in patch ? { vm_id: patch.vmId ?? null } : {}),
        ...('vmHost' in patch ? { vm_host: patch.vmHost ?? null } : {}),
        ...('nodeUid' in patch ? { node_uid: patch.nodeUid ?? null } : {}),
        ...('removedAtMs' in patch ? { removed_at_ms: patch.removedAtMs ?? null } : {}),
        ...('vmSinceMs' in patch ? { vm_since_ms: patch.vmSinceMs ?? null } : {}),
        ...('vmGoneMs' in patch ? { vm_gone_ms: patch.vmGoneMs ?? null } : {}),
        name,
      })
      .where('cluster', '=', cluster)
      .where('name', '=', name),
  );
  if (changed === 0) throw unknownWorker(cluster, name);
}

export function setWorkerState(writer: Writer, cluster: string, name: string, state: WorkerState, nowMs: number): void {
  updateWorker(writer, cluster, name, { state, ...(state === 'removed' ? { removedAtMs: nowMs } : {}) });
}

/** @returns false, and nothing is written, when the worker is known. */
export function adoptWorker(writer: Writer, worker: WorkerRecord, schedule: Schedule): boolean {
  if (getWorker(writer, worker.cluster, worker.name) !== undefined) return false;
  insertWorker(writer, worker);
  saveSchedule(writer, schedule);
  return true;
}

export function getSchedule(reader: Reader, cluster: string, workerName: string): Schedule | undefined {
  const row = reader.first(
    build.selectFrom('ttl_schedules').selectAll().where('cluster', '=', cluster).where('worker_name', '=', workerName),
  );
  return row === undefined ? undefined : toSchedule(row);
}

export function schedulesDue(reader: Reader, beforeMs: number, limit: number, cluster?: string): readonly Schedule[] {
  let query = build.selectFrom('ttl_schedules').selectAll().where(isOpen).where('expires_at_ms', '<=', beforeMs);
  if (cluster !== undefined) query = query.where('cluster', '=', cluster);
  return reader
    .all(query.orderBy('expires_at_ms').orderBy('cluster').orderBy('worker_name').limit(limit))
    .map(toSchedule);
}

export function listSchedules(reader: Reader, statuses: readonly ScheduleStatus[]): readonly Schedule[] {
  return reader
    .all(
      build
        .selectFrom('ttl_schedules')
        .selectAll()
        .where('status', 'in', [...statuses])
        .orderBy('expires_at_ms')
        .orderBy('cluster')
        .orderBy('worker_name'),
    )
    .map(toSchedule);
}

export function nextDeadlineMs(reader: Reader, afterMs: number, cluster?: string): number | undefined {
  let query = build
    .selectFrom('ttl_schedules')
    .select('expires_at_ms')
    .where(isOpen)
    .where('expires_at_ms', '>', afterMs);
  if (cluster !== undefined) query = query.where('cluster', '=', cluster);
  return reader.first(query.orderBy('expires_at_ms').limit(1))?.expires_at_ms;
}

/** @throws BurstError `not_found` when the worker was never recorded. */
export function saveSchedule(writer: Writer, schedule: Schedule): void {
  if (getWorker(writer, schedule.cluster, schedule.workerName) === undefined)
    throw unknownWorker(schedule.cluster, schedule.workerName);
  const values = fromSchedule(schedule);
  writer.run(
    build
      .insertInto('ttl_schedules')
      .values(values)
      .onConflict((conflict) => conflict.columns(['cluster', 'worker_name']).doUpdateSet(values)),
  );
}

/**
 * Marks that people were warned of this deadline this long before it.
 * @returns false when the deadline is no longer the schedule's, or this or a shorter lead was warned for already.
 */
export function markWarned(writer: Writer, schedule: Schedule, leadMs: number): boolean {
  return (
    writer.run(
      build
        .updateTable('ttl_schedules')
        .set({ warned_deadline_ms: schedule.expiresAtMs, warned_lead_ms: leadMs })
        .where('cluster', '=', schedule.cluster)
        .where('worker_name', '=', schedule.workerName)
        .where('expires_at_ms', '=', schedule.expiresAtMs)
        .where(isOpen)
        .where(
          sql<boolean>`not (warned_deadline_ms is ${schedule.expiresAtMs} and coalesce(warned_lead_ms, 0) <= ${leadMs})`,
        ),
    ) === 1
  );
}

function unknownWorker(cluster: string, name: string): BurstError {
  return new BurstError('not_found', `No burst worker ${name} was ever recorded in cluster ${cluster}.`, {
    left: 'Nothing was written.',
  });
}
