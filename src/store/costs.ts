/** Workers as they cost. Invariant: a deadline that was asked for counts from the moment that it was recorded. */
import { sql } from 'kysely';
import type { Lifespan } from '../domain/cost.ts';
import type { Store, WorkerRecord } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader } from './database.ts';
import { toWorker } from './rows.ts';

function lifespan(worker: WorkerRecord, untilMs: number | undefined): Lifespan {
  const over = worker.state === 'removed' || worker.state === 'failed';
  return {
    cluster: worker.cluster,
    worker: worker.name,
    size: worker.size,
    owner: worker.owner,
    channelId: worker.channelId,
    role: worker.role,
    cpus: worker.cpus,
    price: worker.price,
    requestedAtMs: worker.createdAtMs,
    vmFromMs: worker.vmSinceMs,
    // one whose end was not seen has cost at most to the end of its books
    vmToMs: worker.vmGoneMs ?? (over ? (worker.removedAtMs ?? worker.vmSinceMs) : undefined),
    over,
    untilMs: over ? undefined : untilMs,
  };
}

/** A worker that is about to be recorded. */
export const newLifespan = (worker: WorkerRecord): Lifespan => lifespan(worker, worker.plannedUntilMs);

/** Deadlines of extensions that are under way, as the runs' data hold them. */
const asked = sql<number | null>`(
  select max(json_extract(runs.data, '$.deadlineMs')) from runs
  where runs.cluster = workers.cluster and runs.worker_name = workers.name and runs.kind = 'extend-worker'
    and runs.state in ('running', 'undoing', 'stuck'))`;

/** Those that are not over, and those whose VM was gone after `sinceMs`; the oldest first. */
export function listLifespans(reader: Reader, filter: Parameters<Store['listLifespans']>[0]): readonly Lifespan[] {
  let query = build
    .selectFrom('workers')
    .leftJoin('ttl_schedules', (join) =>
      join
        .onRef('ttl_schedules.cluster', '=', 'workers.cluster')
        .onRef('ttl_schedules.worker_name', '=', 'workers.name'),
    )
    .selectAll('workers')
    .select(['ttl_schedules.expires_at_ms as expires', asked.as('asked')])
    .where((where) =>
      where.or([
        where('workers.vm_gone_ms', '>', filter.sinceMs),
        where('workers.state', 'in', ['requested', 'active', 'removing']),
      ]),
    );
  if (filter.cluster !== undefined) query = query.where('workers.cluster', '=', filter.cluster);
  return reader
    .all(query.orderBy('workers.created_at_ms').orderBy('workers.cluster').orderBy('workers.name'))
    .map((row) => {
      const until = row.expires ?? row.planned_until_ms ?? undefined;
      const later = row.asked ?? undefined;
      return lifespan(toWorker(row), until === undefined ? later : Math.max(until, later ?? until));
    });
}
