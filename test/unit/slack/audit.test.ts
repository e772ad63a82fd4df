/** `/burst audit`: what whom concerns, pages that stand still, and the file. */
import { expect, test } from 'vitest';
import type { AuditRow, NewAudit } from '../../../src/ports/store.ts';
import { provision } from '../store/fixtures.ts';
import { FakeOperations, T, access, worker, workers } from './fixtures.ts';
import { ada, harness, nina, olga, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const by = (userId: string) => ({ kind: 'slack', userId }) as const;
const row = (text: string, more: Partial<NewAudit> = {}): NewAudit => ({
  atMs: T,
  cluster: 'default',
  actor: by(ada),
  action: 'extend',
  outcome: 'requested',
  text,
  ...more,
});
/** How many rows a page names, by their texts. */
const shown = (text: string): string[] => [...text.matchAll(/row-\d+/g)].map(([name]) => name);
const fileOf = async (h: Harness, user: string) =>
  (await h.state(user)).messages.flatMap((message) => message.files ?? []);

test('an admin sees everything, who approved it and how it ended; others what concerns them', async () => {
  const h = await harness();
  const mine = by(olga);
  await h.store.createOperation({
    ...provision('op-mine', ['burst-medium-zzzzz']),
    cluster: 'default',
    requester: mine,
    workers: provision('op-mine', ['burst-medium-zzzzz']).workers.map((one) => ({
      ...one,
      cluster: 'default',
      owner: mine,
    })),
    audit: [
      row('provision row-1', {
        actor: mine,
        action: 'provision',
        operationId: 'op-mine',
        details: { reason: 'load *test*' },
      }),
    ],
    outbox: [],
  });
  await h.store.appendAudit([
    row('warned row-2', {
      actor: { kind: 'system', name: 'reaper' },
      action: 'warn',
      outcome: 'done',
      workerName: 'burst-medium-zzzzz',
    }),
    row('row-3', { text: 'row-3 <!channel> & more' }),
    row('row-4', { action: 'step:clone', workerName: 'burst-medium-zzzzz' }),
    row('row-5', { cluster: 'elsewhere' }),
  ]);
  await h.command(ada, '/burst audit');
  const all = await h.message(ada, /^\*Audit\*/);
  expect(all).toMatchObject({ ephemeral: true });
  expect(shown(all.text)).toEqual(['row-3', 'row-2', 'row-1']);
  expect(all.text).toContain('&lt;!channel&gt; &amp; more');
  expect(all.text).toMatch(
    /provision\* requested by <@U0OPERATOR1> → running\n.*Why: load .*test.*operation `op-mine`/,
  );
  expect(JSON.stringify(all.blocks)).toContain('burst:audit:export');

  await h.command(olga, '/burst audit');
  const own = await h.message(olga, /^\*Audit\*/);
  expect(shown(own.text)).toEqual(['row-2', 'row-1']);
  expect(own.text).toContain('What concerns you');
  expect(JSON.stringify(own.blocks)).not.toContain('burst:audit:export');
  await h.command(vera, '/burst audit');
  await h.message(vera, /^\*Audit\*: no row matches/);
  // a worker's history is everybody's, as in its details; removed ones have one too
  await h.command(vera, '/burst audit ZZZZZ steps');
  expect(shown((await h.message(vera, /zzzzz/i)).text)).toEqual(['row-4', 'row-2', 'row-1']);
  await h.command(nina, '/burst audit');
  await h.message(nina, /needs the role viewer/);
});

test('filters combine; mistakes are answered with what may have been meant', async () => {
  const h = await harness();
  await h.store.appendAudit([
    row('row-1', { actor: by(olga), outcome: 'refused', atMs: T - 10 * 86_400_000 }),
    row('row-2', { actor: by(olga), outcome: 'refused' }),
    row('row-3', { actor: by(olga), action: 'destroy', outcome: 'failed' }),
    row('row-4', { actor: { kind: 'assistant', name: 'claude', userId: olga } }),
    row('row-5', { action: 'approval:destroy', outcome: 'decided' }),
  ]);
  const asked = async (words: string, expected: readonly string[]): Promise<void> => {
    await h.command(ada, `/burst audit ${words}`);
    await expect.poll(async () => shown((await h.state(ada)).messages.at(-1)?.text ?? '')).toEqual(expected);
  };
  await asked('refused', ['row-2', 'row-1']);
  await asked('refused 7d', ['row-2']);
  await asked(`&lt;@${olga}|olga&gt;`, ['row-4', 'row-3', 'row-2', 'row-1']);
  await asked('by claude', ['row-4']);
  await asked('destroys', ['row-5', 'row-3']);
  await asked('approvals', ['row-5']);
  await h.command(ada, '/burst audit destory 7d');
  const answer = await h.message(ada, /"destory" is no worker, operation, action or outcome/);
  await h.click(ada, answer, 'burst:run:0');
  await expect.poll(async () => shown((await h.state(ada)).messages.at(-1)?.text ?? '')).toEqual(['row-5', 'row-3']);
  await h.command(ada, '/burst audit burst-medium');
  await h.message(ada, /is in the names of \d workers[^]*Did you mean: audit burst-medium-aaaaa/);
  await h.command(ada, '/burst audit 7');
  await h.message(ada, /no unit[^]*For example: \/burst audit/);
});

test('pages are turned in place, and rows that are added meanwhile move none', async () => {
  const h = await harness();
  const add = (from: number, to: number): Promise<void> =>
    h.store.appendAudit(Array.from({ length: to - from + 1 }, (_, at) => row(`row-${from + at}`)));
  const names = (from: number, to: number): string[] =>
    Array.from({ length: from - to + 1 }, (_, at) => `row-${from - at}`);
  await add(1, 25);
  await h.command(ada, '/burst audit extend');
  const page = await h.message(ada, /^\*Audit\*/);
  const now = async (): Promise<string[]> =>
    shown((await h.state(ada)).messages.find(({ ts }) => ts === page.ts)?.text ?? '');
  const turn = async (to: string, expected: readonly string[]): Promise<void> => {
    const message = (await h.state(ada)).messages.find(({ ts }) => ts === page.ts);
    if (message === undefined) throw new Error('gone');
    await h.click(ada, message, `burst:audit:${to}`);
    await expect.poll(now).toEqual(expected);
  };
  expect(await now()).toEqual(names(25, 16));
  await add(26, 40);
  await turn('older', names(15, 6));
  await turn('older', names(5, 1));
  await turn('newer', names(15, 6));
  await turn('newer', names(25, 16));
  await turn('newer', names(35, 26));
  await turn('newer', names(40, 31));
  expect((await h.state(ada)).messages.filter(({ text }) => text.startsWith('*Audit*'))).toHaveLength(1);
  await turn('older', names(30, 21));
  await turn('newest', names(40, 31));
});

test('an admin gets the rows as a file that nobody else sees, and that is audited; others do not', async () => {
  const h = await harness();
  await h.store.appendAudit([
    row('row-1'),
    row('row-2', { outcome: 'failed' }),
    row('row-3', { action: 'step:clone' }),
  ]);
  await h.command(olga, '/burst audit export');
  await h.message(olga, /needs the role admin/);
  await h.command(ada, '/burst audit export extend 7d');
  await h.message(ada, /2 rows of the audit are in your direct messages/);
  expect(await fileOf(h, ada)).toMatchObject([
    { title: 'Audit of Burst', name: expect.stringMatching(/\.jsonl$/) as string },
  ]);
  expect(await fileOf(h, olga)).toEqual([]);
  const audited = async (): Promise<string[]> =>
    (await h.store.listAudit({ limit: 3 })).map((one: AuditRow) => `${one.action} ${one.outcome}: ${one.text}`);
  expect(await audited()).toEqual([
    'audit done: export of 2 rows (extend 7d)',
    'audit requested: export of 2 rows (extend 7d)',
    expect.stringMatching(/^audit refused/),
  ]);
  h.slack.force('files.getUploadURLExternal', 9, { error: 'missing_scope' });
  await h.command(ada, '/burst audit export');
  await h.message(ada, /did not take the file: missing_scope[^]*files:write/);
  expect((await audited())[0]).toMatch(/^audit failed/);
});

test('several clusters: all that one may look at, each row with its cluster; an admin of one exports that one alone', async () => {
  const west = new FakeOperations();
  west.cluster = 'west';
  west.list = [worker('burst-medium-ccccc', { cluster: 'west' })];
  const roles = { ...access.roles, admin: { users: [], groups: [] } };
  const h = await harness({
    cluster: 'east',
    others: [{ cluster: 'west', operations: west, access: { ...access, roles }, workers }],
  });
  west.store = h.store;
  await h.store.appendAudit([
    row('row-1', { cluster: 'east' }),
    row('row-2', { cluster: 'west' }),
    row('row-3', { cluster: 'west', actor: by(olga) }),
  ]);
  await h.command(ada, '/burst audit on east');
  expect(shown((await h.message(ada, /^\*east\* · \*Audit\*/)).text)).toEqual(['row-1']);
  await h.command(ada, '/burst audit');
  const page = await h.message(ada, /^\*Audit\*/);
  expect(page.text).toMatch(/row-1/);
  expect(page.text).toContain('on east');
  expect(page.text).not.toContain('row-3');
  await h.click(ada, page, 'burst:audit:newest@all');
  await h.click(ada, page, 'burst:audit:export@all');
  await h.message(ada, /rows? of the audit (is|are) in your direct messages/);
  expect((await h.store.listAudit({ limit: 5, actions: ['audit'] })).every(({ cluster }) => cluster === 'east')).toBe(
    true,
  );
});
