/** The list: its menus narrow it in place, and act on its rows as far as who looks may. */
import { expect, test } from 'vitest';
import { listMessage } from '../../../src/slack/blocks/list.ts';
import { FakeOperations, T, access, worker, workers } from './fixtures.ts';
import { ada, channel, harness, olga, vera } from './harness.ts';
import type { Harness } from './harness.ts';
import type { PageMessage } from '../../../src/sandbox/contract.ts';

type Menu = {
  action_id?: string;
  options?: { text: { text: string }; value: string }[];
  option_groups?: { options: { value: string }[] }[];
};
const menus = (message: PageMessage): Menu[] =>
  message.blocks.flatMap((block) => (block as { elements?: Menu[] }).elements ?? []);
const choose = async (
  h: Harness,
  user: string,
  message: PageMessage,
  actionId: string,
  text: string,
): Promise<void> => {
  const value = menus(message)
    .find((menu) => menu.action_id === actionId)
    ?.options?.find((option) => option.text.text === text)?.value;
  if (value === undefined) throw new Error(`no ${text} in ${JSON.stringify(message.blocks)}`);
  await h.click(user, message, actionId, value);
};
const rows = (message: PageMessage): string[] =>
  [...message.text.matchAll(/^`([^`]+)`/gm)].map((match) => match[1] ?? '');

test('menus narrow the list in place, one after the other, and back', async () => {
  const h = await harness();
  h.operations.list = [
    worker('worker-1', { type: 'permanent', size: undefined, owner: undefined, expiresAtMs: undefined }),
    worker('burst-small-aaaaa', { size: 'small', status: 'busy' }),
    worker('burst-large-bbbbb', { size: 'large', status: 'busy', owner: 'U0OTHER0001' }),
    worker('burst-large-ccccc', { size: 'large' }),
  ];
  await h.command(olga, '/burst list');
  const first = await h.message(olga, /\*Workers\*: 4 workers/);
  await choose(h, olga, first, 'burst:list:filter:type', 'Burst');
  const burst = await h.message(olga, /\*Workers\* \(burst\): 3 workers/);
  expect(burst.ts).toBe(first.ts);
  await choose(h, olga, burst, 'burst:list:filter:size', 'large');
  const large = await h.message(olga, /\(burst large\): 2 workers/);
  await choose(h, olga, large, 'burst:list:filter:owner', 'Mine');
  const mine = await h.message(olga, /\(burst large mine\): 1 worker\b/);
  expect(rows(mine)).toEqual(['burst-large-ccccc']);
  // the fleet in a line is of all workers, whatever is shown
  expect(mine.text).toMatch(/all workers: 2 ready, 2 busy/);
  await choose(h, olga, mine, 'burst:list:filter:status', 'Busy');
  const none = await h.message(olga, /\(burst busy large mine\): 0 workers/);
  expect(JSON.stringify(none.blocks)).toContain('No worker matches');
  await choose(h, olga, none, 'burst:list:filter:size', 'Any size');
  expect(rows(await h.message(olga, /\(burst busy mine\): 1 worker\b/))).toEqual(['burst-small-aaaaa']);
});

test('words say the same as the menus, sizes among them', async () => {
  const h = await harness();
  h.operations.list = [worker('burst-small-aaaaa', { size: 'small' }), worker('burst-large-bbbbb', { size: 'large' })];
  await h.command(olga, '/burst list my larges please');
  const message = await h.message(olga, /\*Workers\* \(large mine\): 1 worker/);
  expect(rows(message)).toEqual(['burst-large-bbbbb']);
  await h.command(olga, '/burst list lrage');
  await h.click(olga, await h.message(olga, /`list` does not know `lrage`/), 'burst:run:0');
  await h.message(olga, /\*Workers\* \(large\): 1 worker/);
});

test("a row's menu offers what who looks may do with it", async () => {
  const h = await harness();
  const offered = async (user: string): Promise<Record<string, string[]>> => {
    await h.command(user, '/burst list');
    const message = await h.message(user, /\*Workers\*/);
    const menu = menus(message).find((item) => item.action_id === 'burst:worker');
    const values = (menu?.option_groups ?? []).flatMap(({ options }) => options.map(({ value }) => value.split('|')));
    const by: Record<string, string[]> = {};
    for (const [verb = '', name = ''] of values) by[name] = [...(by[name] ?? []), verb];
    return by;
  };
  const all = ['details', 'extend', 'drain', 'destroy'];
  expect(await offered(vera)).toEqual({ 'burst-medium-aaaaa': ['details'], 'burst-medium-bbbbb': ['details'] });
  expect(await offered(olga)).toEqual({ 'burst-medium-aaaaa': all, 'burst-medium-bbbbb': ['details'] });
  expect(await offered(ada)).toEqual({ 'burst-medium-aaaaa': all, 'burst-medium-bbbbb': all });
});

test('sections in place of the table have the same menus and say the same', () => {
  const view = { filter: { mine: false }, sizes: ['small'], userId: olga, page: 0, mayAct: () => true };
  const fleet = { freshness: { stale: false }, joining: 0, burstCount: 1, maxBurstWorkers: 6 } as const;
  const { blocks = [], fallback = [] } = listMessage({ ...fleet, workers: [worker('burst-small-aaaaa')] }, view, T);
  expect(blocks.map(({ type }) => type)).toEqual(['section', 'actions', 'table', 'actions']);
  expect(fallback.map(({ type }) => type)).toEqual(['section', 'actions', 'section', 'actions']);
  expect(fallback.filter(({ type }) => type === 'actions')).toEqual(blocks.filter(({ type }) => type === 'actions'));
  expect(JSON.stringify(fallback)).toMatch(/burst-small-aaaaa.*CPU 0.5 of 4.*5 h left.*U0OPERATOR1/);
});

test('of several clusters one is chosen in the message, and all again', async () => {
  const east = new FakeOperations();
  const west = new FakeOperations();
  east.list = [worker('burst-small-east1', { cluster: 'east' })];
  west.list = [worker('burst-small-west1', { cluster: 'west' })];
  const h = await harness({
    cluster: 'east',
    operations: east,
    others: [{ cluster: 'west', operations: west, access, workers }],
  });
  await h.command(olga, '/burst list mine', channel);
  const first = await h.message(olga, /\*Workers\*/);
  expect(rows(first)).toEqual(['burst-small-east1']);
  await choose(h, olga, first, 'burst:list:cluster@east', 'west');
  const other = await h.message(olga, /^\*west\* · \*Workers\* \(mine\)/);
  expect(rows(other)).toEqual(['burst-small-west1']);
  await choose(h, olga, other, 'burst:list:cluster@west', 'All clusters');
  const both = await h.message(olga, /\*Workers\* \(mine\): 2 workers/);
  expect(rows(both)).toEqual(['burst-small-east1', 'burst-small-west1']);
  await choose(h, olga, both, 'burst:list:cluster@all', 'east');
  expect(rows(await h.message(olga, /^\*east\* · \*Workers\*/))).toEqual(['burst-small-east1']);
});
