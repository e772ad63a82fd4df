/** Hashes of audit rows. Invariant: a row is hashed as it is stored, whichever code writes it. */
import { createHash } from 'node:crypto';
import type Sqlite from 'better-sqlite3';
import { CHAIN_START, canonical } from '../domain/audit-chain.ts';
import type { Chained, ChainedContent } from '../domain/audit-chain.ts';

/** SHA-256, in hex. */
export const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** SQLite stores UTF-8: half of a surrogate pair would be stored as another character than was hashed. */
const stored = <T extends string | null>(text: T): T => (text === null ? text : (text.toWellFormed() as T));

/** The row as it is stored after `prevHash`. */
export function chained(row: ChainedContent, prevHash: string): Chained {
  const content: ChainedContent = {
    ...row,
    cluster: stored(row.cluster),
    actor: stored(row.actor),
    actor_id: stored(row.actor_id),
    action: stored(row.action),
    worker_name: stored(row.worker_name),
    operation_id: stored(row.operation_id),
    run_id: stored(row.run_id),
    text: stored(row.text),
    details: stored(row.details),
  };
  return { ...content, prev_hash: prevHash, hash: digest(canonical(content, prevHash)) };
}

/** Migration: moves the rows of `audit_before` into `audit`, each chained to the one before. */
export function chainRows(connection: Sqlite.Database): void {
  const insert = connection.prepare<[Chained]>(`
    insert into audit (id, at_ms, cluster, actor, actor_id, action, outcome, worker_name, operation_id, run_id, text,
      details, prev_hash, hash)
    values (@id, @at_ms, @cluster, @actor, @actor_id, @action, @outcome, @worker_name, @operation_id, @run_id, @text,
      @details, @prev_hash, @hash)`);
  let prevHash = CHAIN_START;
  const next = connection.prepare<[number], ChainedContent>(
    'select * from audit_before where id > ? order by id limit 1000',
  );
  for (let last = 0, rows = next.all(last); rows.length > 0; rows = next.all(last))
    for (const row of rows) {
      const linked = chained(row, prevHash);
      insert.run(linked);
      prevHash = linked.hash;
      last = row.id;
    }
}
