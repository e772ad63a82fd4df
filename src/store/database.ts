/**
 * The SQLite file. Invariants: a file that is not ours, is newer than this code or is damaged is never changed; every
 * write is one BEGIN IMMEDIATE transaction that runs without giving way, so nothing of this process can come between
 * its reads and its writes, and SQLite's own lock keeps other processes out.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Compilable } from 'kysely';
import { BurstError, messageOf } from '../domain/errors.ts';
import { migrations } from './migrations.ts';
import type { Migration } from './migrations.ts';
import type { Tables } from './schema.ts';

/** "Brst" in SQLite's header: tells our files from other applications'. */
export const APPLICATION_ID = 0x42727374;

/** How long one attempt blocks on another process's lock, and how many attempts are made, with pauses between. */
const BUSY_MS = 50;
const ATTEMPTS = 100;
const PAUSE_MS = 20;
const MAX_STATEMENTS = 300;

/** Builds SQL; it has no connection of its own. */
export const build = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/** Runs queries at once, on the caller's turn. */
export type Reader = {
  all<T>(query: Compilable<T>): T[];
  first<T>(query: Compilable<T>): T | undefined;
};
/** The same inside a write transaction. */
export type Writer = Reader & {
  /** @returns how many rows were changed. */
  run(query: Compilable): number;
};

export type Database = {
  readonly read: <T>(work: (reader: Reader) => T) => T;
  /**
   * One transaction, all or nothing. `work` may not wait.
   * @throws BurstError `busy` when another process kept the file locked for long; what `work` throws, after roll-back.
   */
  readonly write: <T>(work: (writer: Writer) => T) => Promise<T>;
  readonly close: () => void;
};

/**
 * Opens (or makes) the database and brings its schema up to date.
 * @throws BurstError `unavailable` (cannot be opened or written), `conflict` (newer, or not ours), `internal` (damaged).
 */
export async function openDatabase(path: string, steps: readonly Migration[] = migrations): Promise<Database> {
  const connection = connect(path);
  try {
    refuseUnfit(connection, path, steps.length);
    await patiently(path, () => connection.pragma('journal_mode = WAL'));
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    connection.pragma('recursive_triggers = ON');
    connection.pragma('trusted_schema = OFF');
    await patiently(path, () => migrate(connection, path, steps));
  } catch (error) {
    connection.close();
    throw explained(error, path);
  }
  return wrap(connection, path);
}

/**
 * A second connection to a database that is open already, whose commits do not wait for the disk: what it writes survives
 * the end of the process, and the end of the machine from the next commit of the first one on. In memory there is only one.
 */
export function besides(database: Database, path: string): Database {
  if (path === ':memory:') return database;
  const connection = connect(path);
  connection.pragma('synchronous = NORMAL');
  connection.pragma('foreign_keys = ON');
  connection.pragma('trusted_schema = OFF');
  return wrap(connection, path);
}

function connect(path: string): Sqlite.Database {
  try {
    makeFolder(path);
    return new Sqlite(path, { timeout: BUSY_MS });
  } catch (cause) {
    throw new BurstError('unavailable', `The database ${path} cannot be opened: ${messageOf(cause)}.`, {
      left: 'Nothing was written.',
      hint: 'Check that its directory exists and that Burst may write to it.',
      cause,
    });
  }
}

/** The file's own folder is made; one that lies deeper in nothing is more likely a typing error or a missing mount. */
function makeFolder(path: string): void {
  if (path === ':memory:' || !existsSync(dirname(dirname(resolve(path))))) return;
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o700 });
}

const pragmaNumber = (connection: Sqlite.Database, name: string): number =>
  Number(connection.pragma(name, { simple: true }));

function refuseUnfit(connection: Sqlite.Database, path: string, known: number): void {
  const application = pragmaNumber(connection, 'application_id');
  const version = pragmaNumber(connection, 'user_version');
  const tables = Number(connection.prepare('select count(*) from sqlite_master').pluck().get());
  if (application !== APPLICATION_ID && (application !== 0 || version !== 0 || tables > 0))
    throw new BurstError('conflict', `The file ${path} is a database of another application.`, {
      left: 'It was not changed.',
      hint: "Point Burst's database path at a file of its own.",
    });
  refuseNewer(version, path, known);
  const damage = connection.pragma('quick_check(1)', { simple: true });
  if (damage !== 'ok') throw damaged(path, String(damage));
}

function refuseNewer(version: number, path: string, known: number): void {
  if (version > known)
    throw new BurstError(
      'conflict',
      `The database ${path} has schema version ${version}; this Burst knows versions up to ${known}.`,
      { left: 'It was not changed.', hint: 'Run the newer version of Burst, or restore the backup from before it.' },
    );
}

function migrate(connection: Sqlite.Database, path: string, steps: readonly Migration[]): void {
  connection
    .transaction(() => {
      const version = pragmaNumber(connection, 'user_version');
      refuseNewer(version, path, steps.length);
      if (version === 0) connection.pragma(`application_id = ${APPLICATION_ID}`);
      for (const step of steps.slice(version)) {
        connection.exec(step.sql);
        step.move?.(connection);
        if (step.after !== undefined) connection.exec(step.after);
      }
      connection.pragma(`user_version = ${steps.length}`);
    })
    .immediate();
}

function wrap(connection: Sqlite.Database, path: string): Database {
  const statements = new Map<string, Sqlite.Statement>();
  const prepare = (sql: string): Sqlite.Statement => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= MAX_STATEMENTS) statements.clear();
      statement = connection.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
  const writer: Writer = {
    all<T>(query: Compilable<T>): T[] {
      const compiled = query.compile();
      return prepare(compiled.sql).all(...compiled.parameters) as T[];
    },
    first<T>(query: Compilable<T>): T | undefined {
      const compiled = query.compile();
      return prepare(compiled.sql).get(...compiled.parameters) as T | undefined;
    },
    run(query) {
      const compiled = query.compile();
      return prepare(compiled.sql).run(...compiled.parameters).changes;
    },
  };
  return {
    read(work) {
      try {
        return work(writer);
      } catch (error) {
        throw explained(error, path);
      }
    },
    async write(work) {
      try {
        return await patiently(path, () => connection.transaction(() => work(writer)).immediate());
      } catch (error) {
        throw explained(error, path);
      }
    },
    close() {
      statements.clear();
      connection.close();
    },
  };
}

/** Tries again, giving way between attempts, while another process holds the lock. */
async function patiently<T>(path: string, work: () => T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (!isSqlite(error) || !error.code.startsWith('SQLITE_BUSY')) throw error;
      if (attempt === ATTEMPTS)
        throw new BurstError('busy', `The database ${path} is locked by another process.`, {
          left: 'Nothing was written.',
          hint: 'Stop the other process that uses this file, or try again.',
          cause: error,
        });
    }
    await delay(PAUSE_MS);
  }
}

type SqliteError = InstanceType<typeof Sqlite.SqliteError>;
const isSqlite = (error: unknown): error is SqliteError => error instanceof Sqlite.SqliteError;

function damaged(path: string, why: string, cause?: unknown): BurstError {
  return new BurstError('internal', `The database ${path} is damaged or no database at all: ${why}.`, {
    left: 'It was not changed.',
    hint: 'Restore it from a backup, or move it away: Burst then rebuilds its workers from the cluster.',
    cause,
  });
}

function explained(error: unknown, path: string): unknown {
  if (error instanceof BurstError) return error;
  if (!isSqlite(error)) {
    if (error instanceof TypeError && error.message.includes('not open'))
      return new BurstError('unavailable', `The database ${path} has been closed.`, { cause: error });
    return error;
  }
  if (error.code === 'SQLITE_NOTADB' || error.code.startsWith('SQLITE_CORRUPT'))
    return damaged(path, error.message, error);
  if (error.code.startsWith('SQLITE_CONSTRAINT'))
    return new BurstError('conflict', `The database refused a write: ${error.message}.`, {
      left: 'Nothing was written.',
      cause: error,
    });
  if (error.code === 'SQLITE_FULL' || /^SQLITE_(IOERR|CANTOPEN|READONLY|PERM)/.test(error.code))
    return new BurstError('unavailable', `The database ${path} cannot be used: ${error.message}.`, {
      left: 'Nothing was written.',
      hint: 'Check that the disk has room and that Burst may write to the file and its directory.',
      cause: error,
    });
  return new BurstError('internal', `The database ${path} failed: ${error.message}.`, { cause: error });
}
