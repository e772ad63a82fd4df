import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { headText } from '../../../src/domain/audit-chain.ts';
import { openDatabase } from '../../../src/store/database.ts';
import { openAuditTrail, openStore } from '../../../src/store/index.ts';
import { migrations } from '../../../src/store/migrations.ts';
import { verifyAudit } from '../../../src/audit.ts';
import { T, ann, audit, clock, countingIds, endAll, open, provision, reaper, temporaryPath } from './fixtures.ts';

function raw(path: string): Sqlite.Database {
  const connection = new Sqlite(path);
  onTestFinished(() => void connection.close());
  return connection;
}
/** What somebody with the file in hand would do first. */
const unguarded = (path: string): Sqlite.Database => {
  const connection = raw(path);
  for (const name of ['never_changed', 'never_deleted', 'never_replaced', 'chained'])
    connection.exec(`drop trigger audit_is_${name}`);
  return connection;
};
const faultOf = (path: string, ...kept: string[]) => {
  const { ok, lines } = verifyAudit(path, kept);
  return ok ? 'whole' : lines[0];
};
async function filled(): Promise<string> {
  const path = await temporaryPath();
  const store = await open(path);
  await store.createOperation(provision('op1', ['a', 'b']));
  await endAll(store, 'succeeded');
  await store.appendAudit([audit('warn', { actor: reaper, details: { leadMs: 5, name: 'ü"\n' } }), audit('drain')]);
  await store.appendAudit([audit('destroy'), audit('extend'), audit('cancel')]);
  return path;
}

test('every row is chained, whichever method writes it, and texts that SQLite cannot hold as they are', async () => {
  const path = await filled();
  const store = await open(path);
  await store.appendAudit([
    audit('odd', { text: `half a pair \ud800, nothing \0, \u2028`, details: { x: '\udfff', 2: 'b', 1: 'a' } }),
  ]);
  const rows = await store.listAudit({ limit: 100, oldestFirst: true });
  expect(rows.map(({ id }) => id)).toEqual(rows.map((_, at) => at + 1));
  for (const [at, row] of rows.entries()) expect(row.prevHash).toBe(rows[at - 1]?.hash ?? '0'.repeat(64));
  expect(await store.auditHead()).toEqual({ id: rows.length, hash: rows.at(-1)?.hash });
  expect(faultOf(path)).toBe('whole');
});

test('the database refuses a row that does not follow the last one', async () => {
  const path = await filled();
  const connection = raw(path);
  const copy = `insert into audit select 99, at_ms, cluster, actor, actor_id, action, outcome, worker_name, operation_id, run_id, text, details, prev_hash, hash from audit where id = 2`;
  expect(() => connection.exec(copy)).toThrow('follows the last one');
});

describe('what is done behind the triggers is found, at its row', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a changed text', "update audit set text = 'x' where id = 3", /^BROKEN at row 3: its content/],
    ['a changed time', 'update audit set at_ms = at_ms + 1 where id = 2', /^BROKEN at row 2: its content/],
    ['a changed person', `update audit set actor = '{"kind":"slack","userId":"U9"}' where id = 1`, /^BROKEN at row 1/],
    ['a removed row', 'delete from audit where id = 4', /^BROKEN at row 4: this row was removed/],
    ['several removed rows', 'delete from audit where id in (2, 3)', /^BROKEN at row 2: rows 2 to 3 were removed/],
    [
      'a removed row, closed up',
      'delete from audit where id = 2; update audit set id = id - 1 where id > 2',
      /^BROKEN at row 2/,
    ],
    [
      'the last rows removed',
      'delete from audit where id > 4',
      /^BROKEN at row 5: rows 5 to \d were removed from the end/,
    ],
    ['everything removed', 'delete from audit', /^BROKEN at row 1/],
    [
      'two exchanged rows',
      'update audit set id = -1 where id = 2; update audit set id = 2 where id = 3; update audit set id = 3 where id = -1',
      /^BROKEN at row 2/,
    ],
    [
      'a copied row',
      'insert into audit select 100, at_ms, cluster, actor, actor_id, action, outcome, worker_name, operation_id, run_id, text, details, prev_hash, hash from audit where id = 2',
      /^BROKEN at row \d+: rows/,
    ],
  ];
  test.each(cases)('%s', async (_name, sql, fault) => {
    const path = await filled();
    unguarded(path).exec(sql);
    expect(faultOf(path)).toMatch(fault);
  });

  test('rows removed from the end stay found when the bot goes on, and with the counter set back by a head that was kept', async () => {
    const path = await filled();
    const store = await open(path);
    const head = await store.auditHead();
    if (head === undefined) throw new Error('no head');
    const connection = unguarded(path);
    connection.exec('delete from audit where id >= 5');
    await store.appendAudit([audit('later')]);
    expect(faultOf(path)).toMatch(/^BROKEN at row 5/);
    connection.exec("delete from audit where id >= 5; update sqlite_sequence set seq = 4 where name = 'audit'");
    expect(faultOf(path)).toBe('whole');
    expect(faultOf(path, headText(head))).toMatch(/^BROKEN at row 5: rows 5 to 6 were removed from the end/);
    await store.appendAudit([audit('x'), audit('y')]);
    expect(faultOf(path)).toBe('whole');
    expect(faultOf(path, headText(head))).toMatch(/^BROKEN at row 6: its hash is not the one that was kept/);
  });
});

test('a database from before is chained at its first start; ids and texts stay', async () => {
  const path = await temporaryPath();
  const chain = migrations.findIndex(({ name }) => name === 'chain of audit rows');
  const before = await openDatabase(path, migrations.slice(0, chain));
  before.close();
  const old = raw(path);
  const insert = old.prepare(
    `insert into audit (at_ms, cluster, actor, actor_id, action, outcome, text) values (?, 'main', '{"kind":"system","name":"reaper"}', 'reaper', 'warn', 'done', ?)`,
  );
  for (let at = 0; at < 2500; at++) insert.run(T + at, `warned ${at}`);
  expect(() => openAuditTrail(path)).toThrow('from before it was chained');
  const store = await openStore({ path, clock, ids: countingIds() });
  onTestFinished(() => store.close());
  expect(verifyAudit(path, []).lines[0]).toBe('whole: 2500 rows, each as it was written');
  expect((await store.listAudit({ limit: 1 }))[0]).toMatchObject({ id: 2500, text: 'warned 2499' });
  await store.appendAudit([audit('provision')]);
  expect((await store.auditHead())?.id).toBe(2501);
  for (const statement of ["update audit set text = 'x'", 'delete from audit'])
    expect(() => raw(path).exec(statement)).toThrow('only ever added');
});

test('verifying reads one snapshot: the bot writes on meanwhile, and is not held up', async () => {
  const path = await filled();
  const store = await open(path);
  const trail = openAuditTrail(path);
  onTestFinished(() => trail.close());
  const first = trail.verify();
  await store.appendAudit([audit('meanwhile')]);
  expect(trail.verify()).toEqual(first);
  expect((await store.auditHead())?.id).toBe((first.head?.id ?? 0) + 1);
});

test('a filter finds what concerns a person, what is about a worker, and pages by id', async () => {
  const store = await open();
  await store.createOperation(provision('op1', ['a', 'b']));
  await store.createOperation({
    ...provision('op2', ['c'], { requester: { kind: 'slack', userId: 'U2' } }),
    workers: provision('op2', ['c']).workers.map((one) => ({ ...one, owner: { kind: 'slack', userId: 'U2' } })),
    audit: [audit('provision', { operationId: 'op2', actor: { kind: 'slack', userId: 'U2' } })],
  });
  const system = { actor: reaper, outcome: 'done' } as const;
  await store.appendAudit([
    audit('step:clone', { ...system, workerName: 'a', operationId: 'op1' }),
    audit('warn', { ...system, workerName: 'c' }),
    audit('list', { actor: { kind: 'assistant', name: 'claude', userId: 'U1' }, outcome: 'refused' }),
    audit('warn', { ...system, workerName: 'a', cluster: 'west' }),
  ]);
  const seen = async (filter: Omit<Parameters<typeof store.listAudit>[0], 'limit'>): Promise<string[]> =>
    (await store.listAudit({ limit: 100, ...filter })).map((row) => `${row.id} ${row.action}`);
  const all = await seen({});
  expect(all).toEqual(['6 warn', '5 list', '4 warn', '3 step:clone', '2 provision', '1 provision']);
  expect(await seen({ scopes: [{ cluster: 'main', concerning: 'U1' }] })).toEqual([
    '5 list',
    '3 step:clone',
    '1 provision',
  ]);
  expect(await seen({ scopes: [{ cluster: 'main', concerning: 'U2' }, { cluster: 'west' }] })).toEqual([
    '6 warn',
    '4 warn',
    '2 provision',
  ]);
  expect(await seen({ scopes: [] })).toEqual([]);
  expect(await seen({ about: 'a', cluster: 'main' })).toEqual(['3 step:clone', '1 provision']);
  expect(await seen({ about: 'b' })).toEqual(['1 provision']);
  expect(await seen({ person: ann.kind === 'slack' ? ann.userId : '' })).toEqual(['5 list', '1 provision']);
  expect(await seen({ actorId: 'claude' })).toEqual(['5 list']);
  expect(await seen({ actions: ['warn'], steps: false })).toEqual(['6 warn', '4 warn']);
  expect(await seen({ steps: false, outcomes: ['done'] })).toEqual(['6 warn', '4 warn']);
  expect(await seen({ beforeId: 5, limit: 2 } as never)).toEqual(['4 warn', '3 step:clone']);
  expect(await seen({ afterId: 2, oldestFirst: true })).toEqual(['3 step:clone', '4 warn', '5 list', '6 warn']);
  expect(await seen({ sinceMs: T + 1 })).toEqual([]);
  expect(await seen({ untilMs: T + 1, cluster: 'west' })).toEqual(['6 warn']);
});

test('any change of any one column behind the triggers is found', async () => {
  const path = await filled();
  const connection = unguarded(path);
  connection.pragma('ignore_check_constraints = ON');
  // these read the JSON
  connection.exec('drop index audit_by_person; drop index audit_by_approval');
  connection.exec('create temp table kept as select * from audit');
  const columns = [
    'at_ms',
    'cluster',
    'actor',
    'actor_id',
    'action',
    'outcome',
    'worker_name',
    'operation_id',
    'run_id',
    'text',
    'details',
    'prev_hash',
    'hash',
  ];
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(...columns),
      fc.string(),
      fc.nat(),
      (id, column, text, number) => {
        const value = column === 'at_ms' ? number : text.toWellFormed();
        const { changes } = connection
          .prepare(`update audit set ${column} = ? where id = ? and ${column} is not ?`)
          .run(value, id, value);
        expect(faultOf(path)).toMatch(changes === 0 ? /whole/ : new RegExp(`^BROKEN at row ${id}: `));
        // back to what it was
        connection.exec('delete from audit; insert into audit select * from temp.kept');
      },
    ),
    { numRuns: 60 },
  );
});
