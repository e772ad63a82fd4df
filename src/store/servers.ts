/** Times that VM servers did not answer. Invariant: an episode is one row, by server and begin. */
import type { ServerEpisode } from '../domain/server-plan.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import type { ServersTable } from './schema.ts';

const toEpisode = (row: ServersTable): ServerEpisode => ({
  cluster: row.cluster,
  server: row.server,
  sinceMs: row.since_ms,
  reason: row.reason,
  toldAtMs: row.told_at_ms ?? undefined,
  endedAtMs: row.ended_at_ms ?? undefined,
});

/** The newest one, should a crash have left several. */
export function openServerEpisode(reader: Reader, cluster: string): ServerEpisode | undefined {
  const row = reader.first(
    build
      .selectFrom('server_episodes')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('ended_at_ms', 'is', null)
      .orderBy('since_ms', 'desc'),
  );
  return row === undefined ? undefined : toEpisode(row);
}

export function getServerEpisode(
  reader: Reader,
  cluster: string,
  server: string,
  sinceMs: number,
): ServerEpisode | undefined {
  const row = reader.first(
    build
      .selectFrom('server_episodes')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('server', '=', server)
      .where('since_ms', '=', sinceMs),
  );
  return row === undefined ? undefined : toEpisode(row);
}

export function saveServerEpisode(writer: Writer, episode: ServerEpisode): void {
  const values: ServersTable = {
    cluster: episode.cluster,
    server: episode.server,
    since_ms: episode.sinceMs,
    reason: episode.reason,
    told_at_ms: episode.toldAtMs ?? null,
    ended_at_ms: episode.endedAtMs ?? null,
  };
  writer.run(
    build
      .insertInto('server_episodes')
      .values(values)
      .onConflict((conflict) => conflict.columns(['cluster', 'server', 'since_ms']).doUpdateSet(values)),
  );
}
