/** Times that workers were not Ready. Invariant: an episode is one row, by worker and begin. */
import type { HealthEpisode } from '../domain/health-plan.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import type { HealthTable } from './schema.ts';

const toEpisode = (row: HealthTable): HealthEpisode => ({
  cluster: row.cluster,
  workerName: row.worker_name,
  sinceMs: row.since_ms,
  reason: row.reason,
  toldAtMs: row.told_at_ms ?? undefined,
  endedAtMs: row.ended_at_ms ?? undefined,
  outcome: row.outcome ?? undefined,
  autoRepaired: row.auto_repaired === 1,
});

export function openEpisodes(reader: Reader, cluster: string): readonly HealthEpisode[] {
  return reader
    .all(
      build
        .selectFrom('health_episodes')
        .selectAll()
        .where('cluster', '=', cluster)
        .where('ended_at_ms', 'is', null)
        .orderBy('since_ms')
        .orderBy('worker_name'),
    )
    .map(toEpisode);
}

export function getEpisode(
  reader: Reader,
  cluster: string,
  workerName: string,
  sinceMs: number,
): HealthEpisode | undefined {
  const row = reader.first(
    build
      .selectFrom('health_episodes')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('worker_name', '=', workerName)
      .where('since_ms', '=', sinceMs),
  );
  return row === undefined ? undefined : toEpisode(row);
}

export function saveEpisode(writer: Writer, episode: HealthEpisode): void {
  const values: HealthTable = {
    cluster: episode.cluster,
    worker_name: episode.workerName,
    since_ms: episode.sinceMs,
    reason: episode.reason,
    told_at_ms: episode.toldAtMs ?? null,
    ended_at_ms: episode.endedAtMs ?? null,
    outcome: episode.outcome ?? null,
    auto_repaired: episode.autoRepaired ? 1 : 0,
  };
  writer.run(
    build
      .insertInto('health_episodes')
      .values(values)
      .onConflict((conflict) => conflict.columns(['cluster', 'worker_name', 'since_ms']).doUpdateSet(values)),
  );
}
