/**
 * The audit, read from beside the bot. Invariant: the file is opened read-only, and all that is read is one snapshot: what
 * the bot writes meanwhile neither disturbs it nor is disturbed.
 */
import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { createChainCheck } from '../domain/audit-chain.ts';
import type { Chained, ChainHead, ChainReport } from '../domain/audit-chain.ts';
import { BurstError, messageOf } from '../domain/errors.ts';
import type { AuditFilter, AuditRow } from '../ports/store.ts';
import { auditQuery } from './audit.ts';
import { digest } from './audit-chain.ts';
import { APPLICATION_ID } from './database.ts';
import { toAudit } from './rows.ts';
import type { AuditTable } from './schema.ts';

const BUSY_MS = 5000;
const EVERY_ROW = 1_000_000_000;

export type AuditTrail = {
  /** Checks every row; `kept` are heads that have to be in the chain. */
  verify(kept?: readonly ChainHead[]): ChainReport;
  /** Oldest first. */
  rows(filter?: Omit<AuditFilter, 'limit'>): IterableIterator<AuditRow>;
  close(): void;
};

/** @throws BurstError `unavailable` (no such file, or it cannot be read), `conflict` (not ours, or without a chain yet). */
export function openAuditTrail(path: string): AuditTrail {
  if (!existsSync(path))
    throw new BurstError('unavailable', `There is no database ${path}.`, { hint: 'Name it with --database.' });
  const connection = attempt(path, () => new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_MS }));
  try {
    attempt(path, () => {
      if (Number(connection.pragma('application_id', { simple: true })) !== APPLICATION_ID)
        throw new BurstError('conflict', `The file ${path} is no database of Burst's.`);
      const columns = connection.prepare("select name from pragma_table_info('audit')").pluck().all();
      if (!columns.includes('hash'))
        throw new BurstError('conflict', `The audit in ${path} is from before it was chained.`, {
          hint: 'Start this version of Burst once: it chains the rows that are there.',
        });
      connection.exec('begin');
    });
  } catch (error) {
    connection.close();
    throw error;
  }
  return {
    verify: (kept) =>
      attempt(path, () => {
        const check = createChainCheck(digest, kept);
        const all = connection.prepare<[], Chained>('select * from audit order by id').iterate();
        for (const row of all) if (!check.add(row)) break;
        const last = connection.prepare("select seq from sqlite_sequence where name = 'audit'").pluck().get();
        return check.end(typeof last === 'number' ? last : 0);
      }),
    *rows(filter = {}) {
      const { sql, parameters } = auditQuery({ ...filter, oldestFirst: true, limit: EVERY_ROW }).compile();
      for (const row of connection.prepare<unknown[], AuditTable & { id: number }>(sql).iterate(...parameters))
        yield toAudit(row);
    },
    close: () => void connection.close(),
  };
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof BurstError) throw cause;
    throw new BurstError('unavailable', `The database ${path} cannot be read: ${messageOf(cause)}.`, {
      hint: 'Burst has to be allowed to read it, and to write beside it what SQLite needs for reading; a copy will do.',
      cause,
    });
  }
}
