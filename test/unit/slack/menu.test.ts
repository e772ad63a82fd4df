/** Menus of workers whose names are longer than what a menu's value may hold. */
import { expect, test } from 'vitest';
import { workerMenu } from '../../../src/slack/blocks/workers.ts';
import { T } from './fixtures.ts';
import { chosen, harness, olga } from './harness.ts';

const long = (end: string): string => `burst-medium-${'x'.repeat(80)}-${end}`;
const values = (blocks: unknown): string[] =>
  [...JSON.stringify(blocks).matchAll(/"value":"((?:details|extend|drain|destroy)\|[^"]*)"/g)].map(
    ([, value = '']) => value,
  );

async function listed() {
  const h = await harness();
  const [first] = h.operations.list;
  if (first === undefined) throw new Error('no worker');
  const of = (...names: string[]): void => void (h.operations.list = names.map((name) => ({ ...first, name })));
  of(long('one'), long('two'));
  await h.command(olga, '/burst list mine');
  return { h, of, first, message: await h.message(olga, /Workers/) };
}

test('each choice is one worker, and Slack takes its value whole', async () => {
  const { message } = await listed();
  const offered = values(message.blocks);
  expect(offered).toHaveLength(8);
  expect(new Set(offered).size).toBe(8);
  expect(offered.filter((value) => value.length > 75)).toEqual([]);
});

test('what is chosen is done with the very worker that was shown, whatever the list is by then', async () => {
  const { h, of, message } = await listed();
  const [first, second] = values(message.blocks).filter((value) => value.startsWith('extend'));
  of(long('new'), long('two'), long('one'));
  await h.click(olga, message, 'burst:worker', second);
  expect(await h.submit(olga, await h.modal(olga, /Longer by/), { ttl: { ttl: chosen('24') } })).toEqual({ ok: true });
  await expect.poll(() => h.operations.done).toMatchObject([{ method: 'extend', args: { workers: [long('two')] } }]);
  of(long('two'));
  await h.click(olga, message, 'burst:worker', first);
  await h.message(olga, /worker that this menu was for is not there any more[^]*Nothing was done/);
  expect(h.operations.done).toHaveLength(1);
});

test('a name that a value can hold is the value', async () => {
  const { first } = await listed();
  expect(values([workerMenu({ ...first, expiresAtMs: T }, true)])).toContain(`drain|${first.name}`);
});
