import { createHash } from 'node:crypto';
import { mkdir, open as openFile, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../../src/store/database.ts';
import { openStore } from '../../../src/store/index.ts';
import { migrations } from '../../../src/store/migrations.ts';
import {
  audit,
  claim,
  clock,
  cluster,
  countingIds,
  drain,
  endAll,
  open,
  provision,
  schedule,
  T,
  temporaryPath,
} from './fixtures.ts';

const digest = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

function raw(path: string): Sqlite.Database {
  const connection = new Sqlite(path);
  onTestFinished(() => {
    connection.close();
  });
  return connection;
}

const opening = (path: string) => openStore({ path, clock, ids: countingIds() });

describe('what can be opened', () => {
  test('everything is there again after a restart, the installation id included', async () => {
    const path = await temporaryPath();
    const first = await open(path, 'q');
    await first.createOperation(provision('op1', ['a']));
    await first.saveSchedule(schedule('a', T + 5));
    await first.saveMessage({ key: 'k', channelId: 'C1', ts: '1.0', digest: 'd' });
    const [run] = await claim(first, 'me');
    expect(await first.installationId()).toBe('qqqqqqqq');
    await first.close();
    const second = await open(path, 'z');
    expect(await second.installationId()).toBe('qqqqqqqq');
    expect(await second.getRun('op1-a')).toEqual(run);
    expect(await second.getSchedule(cluster, 'a')).toEqual(schedule('a', T + 5));
    expect(await second.getMessage('k')).toMatchObject({ digest: 'd' });
    expect(await second.listAudit({ limit: 5 })).toHaveLength(1);
    expect(await second.dueOutbox(T, 5)).toHaveLength(1);
  });

  test('is crash safe: WAL, full synchronisation, foreign keys and our application id', async () => {
    const path = await temporaryPath();
    await open(path);
    const connection = raw(path);
    expect(connection.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(connection.pragma('user_version', { simple: true })).toBe(migrations.length);
    expect(connection.pragma('application_id', { simple: true })).toBe(0x42727374);
    const tables = connection.prepare("select name, strict from pragma_table_list where schema = 'main'").all() as {
      name: string;
      strict: number;
    }[];
    expect(tables.filter((row) => row.strict === 0 && !row.name.startsWith('sqlite_'))).toEqual([]);
  });

  test('a database of an older version keeps its operations, runs and notices', async () => {
    const path = await temporaryPath();
    (await openDatabase(path, migrations.slice(0, 2))).close();
    const before = raw(path);
    before.exec(`
      insert into operations (seq, id, cluster, kind, state, params, requester, requester_id, reason, idempotency_key, created_at_ms)
        values (7, 'op1', 'main', 'drain', 'running', '{"kind":"drain","workers":["a"],"permanent":false}', '{"kind":"system","name":"x"}', 'x', '', 'k', 1);
      insert into runs (id, operation_id, cluster, worker_name, kind, state, step, started_steps, pivoted, generation,
        next_look_at_ms, attempts, step_since_ms, data, progress, cancel_requested, created_at_ms)
        values ('run1', 'op1', 'main', 'a', 'drain-worker', 'running', 'cordon', '[]', 0, 0, 1, 0, 1, '{}', '', 0, 1);
      insert into outbox (id, key, kind, notice, not_before_ms, created_at_ms)
        values (9, 'k', 'alert', '{"kind":"alert","cluster":"main","text":"t"}', 1, 1);`);
    const store = await open(path);
    expect(await store.getOperation('op1')).toMatchObject({ kind: 'drain', state: 'running' });
    expect(await store.runsOf('op1')).toMatchObject([{ id: 'run1' }]);
    expect(await store.dueOutbox(T, 5)).toMatchObject([{ id: 9, key: 'k' }]);
    expect(before.pragma('foreign_key_check')).toEqual([]);
    expect(before.prepare("select sql from sqlite_master where name = 'runs'").pluck().get()).toContain(
      'references operations (id)',
    );
  });

  test('migrations are applied once each, in order, and a failing one leaves the old schema', async () => {
    const path = await temporaryPath();
    (await openDatabase(path, migrations)).close();
    const next = {
      name: 'next',
      sql: 'create table extra (id integer primary key) strict; insert into extra values (1);',
    };
    const broken = { name: 'broken', sql: 'create table half (id integer) strict; insert into nowhere values (1);' };
    await expect(openDatabase(path, [...migrations, next, broken])).rejects.toMatchObject({ code: 'internal' });
    const connection = raw(path);
    expect(connection.pragma('user_version', { simple: true })).toBe(migrations.length);
    expect(connection.prepare("select name from sqlite_master where name in ('extra', 'half')").all()).toEqual([]);
    (await openDatabase(path, [...migrations, next])).close();
    (await openDatabase(path, [...migrations, next])).close();
    expect(connection.prepare('select count(*) from extra').pluck().get()).toBe(1);
    expect(connection.pragma('user_version', { simple: true })).toBe(migrations.length + 1);
  });
});

test('its own folder is made, for nobody else to read', async () => {
  const folder = join(dirname(await temporaryPath()), 'data');
  (await openDatabase(join(folder, 'burst.db'))).close();
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
});

describe('what is refused, and left as it was', () => {
  test('a directory that does not exist, and a path that is a directory', async () => {
    const path = await temporaryPath();
    const missing = join(dirname(path), 'nowhere', 'deeper', 'burst.db');
    await expect(opening(missing)).rejects.toMatchObject({
      name: 'BurstError',
      code: 'unavailable',
      message: expect.stringContaining(missing) as string,
      hint: expect.stringContaining('directory') as string,
    });
    const folder = join(dirname(path), 'folder');
    await mkdir(folder);
    await expect(opening(folder)).rejects.toMatchObject({ name: 'BurstError', code: 'unavailable' });
  });

  test('a database from a newer Burst', async () => {
    const path = await temporaryPath();
    await (await opening(path)).close();
    const connection = new Sqlite(path);
    connection.pragma(`user_version = ${migrations.length + 1}`);
    connection.close();
    const before = await digest(path);
    await expect(opening(path)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`schema version ${migrations.length + 1}`) as string,
    });
    expect(await digest(path)).toBe(before);
  });

  test.each(['with an id', 'without an id'])('a database of another application, %s', async (kind) => {
    const path = await temporaryPath();
    const connection = new Sqlite(path);
    connection.exec('create table theirs (id integer)');
    if (kind === 'with an id') connection.pragma('application_id = 77');
    connection.close();
    const before = await digest(path);
    await expect(opening(path)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('another application') as string,
    });
    expect(await digest(path)).toBe(before);
  });

  test('a file that is no database', async () => {
    const path = await temporaryPath();
    await writeFile(path, 'shopping list: milk, bread, '.repeat(100));
    const before = await digest(path);
    await expect(opening(path)).rejects.toMatchObject({ code: 'internal', hint: expect.any(String) as string });
    expect(await digest(path)).toBe(before);
  });

  test('a damaged database', async () => {
    const path = await temporaryPath();
    const store = await opening(path);
    for (let i = 0; i < 30; i += 1) await store.createOperation(drain(`op${i}`, [`w${i}`]));
    await store.close();
    const file = await openFile(path, 'r+');
    const { size } = await file.stat();
    for (let page = 3; page * 4096 < size; page += 1) await file.write(Buffer.alloc(64, 0xa5), 0, 64, page * 4096);
    await file.close();
    const before = await digest(path);
    await expect(opening(path)).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('damaged') as string,
    });
    expect(await digest(path)).toBe(before);
  });

  test('JSON that is not what the schema says, naming the row', async () => {
    const path = await temporaryPath();
    const store = await open(path);
    await store.createOperation(provision('op1', ['a']));
    raw(path).exec(`update runs set data = '{"vmId": 7}'`);
    await expect(store.getRun('op1-a')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('data of run op1-a') as string,
    });
  });
});

describe('rules that the database itself holds', () => {
  test('audit rows cannot be changed, deleted or replaced, by anyone', async () => {
    const path = await temporaryPath();
    const store = await open(path);
    await store.appendAudit([audit('provision')]);
    const connection = raw(path);
    for (const statement of [
      "update audit set text = 'x'",
      'delete from audit',
      "insert or replace into audit (id, at_ms, cluster, actor, actor_id, action, outcome, text) values (1, 0, 'c', '{}', 'x', 'x', 'done', 'x')",
    ])
      expect(() => connection.exec(statement)).toThrow('only ever added');
    expect(() => connection.exec("delete from workers where name = 'none'")).not.toThrow();
    expect(await store.listAudit({ limit: 5 })).toMatchObject([
      { action: 'provision', text: 'provision was asked for' },
    ]);
  });

  test('one live run for each worker, whoever writes', async () => {
    const path = await temporaryPath();
    const store = await open(path);
    await store.createOperation(drain('op1', ['a']));
    await endAll(store, 'succeeded');
    await store.createOperation(drain('op2', ['a']));
    const connection = raw(path);
    for (const state of ['running', 'undoing', 'stuck'])
      expect(() => connection.prepare('update runs set state = ? where id = ?').run(state, 'op1-a')).toThrow('UNIQUE');
  });

  test('workers are kept for ever', async () => {
    const path = await temporaryPath();
    const store = await open(path);
    await store.createOperation(provision('op1', ['a']));
    expect(() => raw(path).exec('delete from workers')).toThrow('kept for ever');
  });
});

test('a write waits for another process that holds the lock, without stopping this one', async () => {
  const path = await temporaryPath();
  const store = await open(path);
  const other = raw(path);
  other.exec('begin immediate');
  let done = false;
  const writing = store.appendAudit([audit('provision')]).then(() => (done = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toBe(false);
  expect(await store.listAudit({ limit: 5 })).toEqual([]);
  other.exec('commit');
  await writing;
  expect(await store.listAudit({ limit: 5 })).toHaveLength(1);
});
