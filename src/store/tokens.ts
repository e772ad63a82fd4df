/** Bootstrap tokens that were asked for. Invariant: a row is there before its Secret can be, and never holds the secret. */
import type { Store, TokenRecord } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';

/** Records a token, or the UID of one that was recorded. */
export function saveToken(writer: Writer, { cluster, id, workerName, uid, expiresAtMs }: TokenRecord): void {
  const row = { cluster, id, worker_name: workerName, uid: uid ?? null, expires_at_ms: expiresAtMs };
  writer.run(
    build
      .insertInto('bootstrap_tokens')
      .values(row)
      .onConflict((conflict) => conflict.columns(['cluster', 'id']).doUpdateSet(row)),
  );
}

export function listTokens(reader: Reader, filter: Parameters<Store['listTokens']>[0]): readonly TokenRecord[] {
  let query = build.selectFrom('bootstrap_tokens').selectAll().where('cluster', '=', filter.cluster);
  if (filter.workerName !== undefined) query = query.where('worker_name', '=', filter.workerName);
  if (filter.expiredAtMs !== undefined) query = query.where('expires_at_ms', '<', filter.expiredAtMs);
  return reader.all(query.orderBy('expires_at_ms').orderBy('id')).map((row) => ({
    cluster: row.cluster,
    id: row.id,
    workerName: row.worker_name,
    uid: row.uid ?? undefined,
    expiresAtMs: row.expires_at_ms,
  }));
}

export function forgetToken(writer: Writer, cluster: string, id: string): void {
  writer.run(build.deleteFrom('bootstrap_tokens').where('cluster', '=', cluster).where('id', '=', id));
}
