/** Two clusters behind one Slack: every request finds its cluster, and says which it is. */
import { expect, test } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import type { AccessPolicy } from '../../../src/domain/policy.ts';
import { readMark } from '../../../src/slack/blocks/clusters.ts';
import { FakeOperations, HOUR, T, access, operation, run, worker, workers } from './fixtures.ts';
import { ada, channel, chosen, harness, nina, olga, other, typed, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const inEast = 'burst-medium-aaaaa';
const inWest = 'burst-medium-ccccc';
type Two = { readonly h: Harness; readonly east: FakeOperations; readonly west: FakeOperations };

/** `other` is west's own channel. */
async function two(westAccess: AccessPolicy = access): Promise<Two> {
  const west = new FakeOperations();
  west.cluster = 'west';
  west.list = [
    worker(inWest, { cluster: 'west' }),
    worker('burst-large-aaaaa', { cluster: 'west', owner: 'U0OTHER0001' }),
  ];
  const door = { cluster: 'west', operations: west, access: westAccess, workers, defaultIn: [other] };
  const h = await harness({ cluster: 'east', others: [door] });
  west.store = h.store;
  const east = h.operations;
  east.cluster = 'east';
  east.list = [worker(inEast, { cluster: 'east' }), worker('burst-medium-bbbbb', { cluster: 'east' })];
  return { h, east, west };
}
const methods = (from: FakeOperations): string[] => from.done.map(({ method }) => method);
const actionIds = (from: unknown): string[] =>
  [...JSON.stringify(from).matchAll(/"action_id":"([^"]+)"/g)].map(([, id]) => id ?? '');

test('a command goes to the cluster that it names, else the channel’s, else the default one; answers say which', async () => {
  const { h, east, west } = await two();
  await h.command(olga, '/burst provision 2 small 4h');
  await h.message(olga, /^\*east\* · .*op-provisioneast/);
  await h.command(olga, '/burst provision 2 small 4h on west load test', channel);
  await h.message(olga, /^\*west\* · .*op-provisionwest`/);
  await h.command(olga, '/burst provision 1 small 4h', other);
  await h.message(olga, /^\*west\* · .*op-provisionwest2/);
  await h.command(olga, '/burst on east provision 1 small 4h', other);
  await h.message(olga, /^\*east\* · .*op-provisioneast2/);
  expect([methods(east), methods(west)]).toEqual([
    ['provision', 'provision'],
    ['provision', 'provision'],
  ]);
  expect(west.done[0]?.args['reason']).toBe('load test');
});

test('workers say their cluster by themselves when only one has them; else it is asked', async () => {
  const { h, east, west } = await two();
  await h.command(olga, '/burst extend ccccc 4h');
  await h.message(olga, /^\*west\* · /);
  expect(methods(west)).toEqual(['extend']);
  await h.command(olga, '/burst extend aaaaa 4h');
  const asked = await h.message(olga, /"aaaaa" is in the names of workers of 2 clusters/);
  expect(asked.text).toContain(`${inEast} on east`);
  expect(asked.text).toContain('burst-large-aaaaa on west');
  await h.click(olga, asked, 'burst:run:0');
  await h.message(olga, /^\*east\* · /);
  expect(east.done).toMatchObject([{ method: 'extend', args: { workers: [inEast] } }]);
  await h.command(olga, `/burst extend ${inEast} ${inWest} 4h`);
  await h.message(
    olga,
    /These workers are in several clusters: burst-medium-aaaaa on east, burst-medium-ccccc on west/,
  );
  await h.command(olga, '/burst details zzzzz');
  await h.message(olga, /There is no worker "zzzzz" in any cluster/);
  // in a cluster's own channel its workers are meant first
  await h.command(ada, '/burst extend aaaaa 4h', other);
  await h.message(ada, /^\*west\* · /);
  expect(west.done.at(-1)).toMatchObject({ method: 'extend', args: { workers: ['burst-large-aaaaa'] } });
  expect(methods(east)).toHaveLength(1);
});

test('lists of all clusters name them, and what is chosen there acts in the right one', async () => {
  const { h, west } = await two();
  await h.command(olga, '/burst list on all');
  const list = await h.message(olga, /\*Workers\*/);
  expect(list.text).toMatch(/\*east\*: 2 of at most 6[^]*\*west\*: 2 of at most 6/);
  expect(list.text).toContain(`\`${inWest}\` on west`);
  expect(actionIds(list.blocks).filter((id) => id.startsWith('burst:worker'))).toEqual([
    'burst:worker@east',
    'burst:worker@west',
  ]);
  await h.click(olga, list, 'burst:worker@west', `extend|${inWest}`);
  const form = await h.modal(olga, /Longer by/);
  expect(JSON.stringify(form)).toContain('Cluster *west*');
  expect(await h.submit(olga, form, { ttl: { ttl: chosen('12') } })).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(west.done).toMatchObject([{ method: 'extend', args: { workers: [inWest], hours: 12 } }]);
  await h.click(olga, list, 'burst:list:refresh@all');
  await expect
    .poll(async () => (await h.state(olga)).messages.filter(({ text }) => /\*Workers\*/.test(text)).length)
    .toBe(1);
  await h.command(olga, '/burst provision small on all');
  await h.message(olga, /one cluster at a time[^]*Nothing was done/);
  expect(methods(west)).toEqual(['extend']);
});

test('forms carry their cluster to the submit, errors and all', async () => {
  const { h, east, west } = await two();
  await h.command(olga, '/burst provision on west');
  const form = await h.modal(olga, /How many/);
  expect(JSON.stringify(form)).toContain('Cluster *west*');
  west.failures.set('provision', new BurstError('limit_reached', 'No room.'));
  const values = {
    count: { count: { type: 'number_input', value: '1' } },
    size: { size: chosen('small') },
    ttl: { ttl: chosen('4') },
    own: { own: typed('') },
  };
  expect(await h.submit(olga, form, values)).toEqual({ ok: true });
  const again = await h.modal(olga, /No room/);
  west.failures.clear();
  expect(await h.submit(olga, again, values)).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(methods(west)).toEqual(['provision', 'provision']);
  expect(methods(east)).toEqual([]);
});

test('an operation’s message names its cluster, and its buttons work there, marked or not', async () => {
  const { h, east, west } = await two();
  const params = { kind: 'provision', count: 1, size: 'small', ttlHours: 4 } as const;
  const made = operation(params, { id: 'opw', cluster: 'west', channelId: channel });
  await h.store.createOperation({ ...made, runs: [], workers: [], audit: [], outbox: [] });
  west.operations.set('opw', { operation: made, runs: [run(inWest)] });
  const notice = { kind: 'operation', operationId: 'opw', final: false } as const;
  await h.store.enqueue({ key: 'operation:opw', notice, notBeforeMs: T, channelId: channel });
  h.app.poke();
  const message = await h.message(vera, /^\*west\* · .*asked to provision 1 small/);
  expect(actionIds(message.blocks).every((id) => readMark(id).cluster === 'west')).toBe(true);
  await h.click(olga, message, 'burst:op:cancel@west');
  await h.message(olga, /^\*west\* · :no_entry_sign:/);
  await h.press(ada, message, 'burst:op:cancel', 'opw');
  await h.message(ada, /^\*west\* · :no_entry_sign:/);
  await h.command(ada, '/burst cancel opw');
  await expect.poll(() => west.done.length).toBe(3);
  expect(methods(east)).toEqual([]);
  const warning = {
    kind: 'warning',
    cluster: 'west',
    operationId: 'opw',
    workers: [inWest],
    deadlineMs: T + HOUR,
    leadMs: HOUR,
  } as const;
  await h.store.enqueue({ key: 'warning', notice: warning, notBeforeMs: T, channelId: channel });
  h.app.poke();
  const warned = await h.message(olga, /^\*west\* · :alarm_clock:/);
  await h.click(olga, warned, 'burst:warn:extend:4@west');
  await expect.poll(() => west.done.at(-1)?.method).toBe('extend');
});

test('a button of a cluster that is gone does nothing and says so', async () => {
  const { h, east, west } = await two();
  await h.command(olga, '/burst list');
  const list = await h.message(olga, /\*Workers\*/);
  await h.press(olga, list, 'burst:worker:drain@north', inEast);
  await h.message(olga, /There is no cluster "north" \(any more\)/);
  expect([...methods(east), ...methods(west)]).toEqual([]);
});

test('each cluster has its own roles: what a person may not look at is neither listed nor searched', async () => {
  const closed: AccessPolicy = {
    ...access,
    roles: { viewer: { users: [], groups: [] }, operator: { users: [], groups: [] }, admin: access.roles.admin },
  };
  const { h, west } = await two(closed);
  await h.command(olga, '/burst list on all');
  expect((await h.message(olga, /\*Workers\*/)).text).not.toContain('west');
  await h.command(olga, '/burst details ccccc');
  await h.message(olga, /There is no worker "ccccc" in any cluster/);
  await h.command(olga, '/burst extend ccccc 4h on west');
  await h.message(olga, /In west: extend: this needs the role operator/);
  expect(west.done).toEqual([]);
  expect((await h.store.listAudit({ cluster: 'west', limit: 5 })).map(({ outcome }) => outcome)).toEqual(['refused']);
  const home = await h.home(olga, /Burst workers/);
  expect(JSON.stringify(home)).not.toContain('west');
  const full = await h.home(ada, /west/);
  expect(JSON.stringify(full)).toMatch(/"text":"east"[^]*"text":"west"/);
  expect(actionIds(full)).toEqual(expect.arrayContaining(['burst:panel:provision@east', 'burst:panel:provision@west']));
  await h.command(nina, '/burst');
  await h.message(nina, /Not allowed/);
  await h.command(ada, '/burst');
  const panel = await h.message(ada, /\*east\*: [^]*\*west\*: /);
  await h.click(ada, panel, 'burst:panel:provision@west');
  expect(JSON.stringify(await h.modal(ada, /How many/))).toContain('Cluster *west*');
});

test('with one cluster nothing speaks of clusters', async () => {
  const h = await harness({ cluster: 'only' });
  await h.command(olga, '/burst list');
  const list = await h.message(olga, /\*Workers\*/);
  expect(JSON.stringify(list)).not.toMatch(/@only|\*only\*|Cluster/);
  await h.command(olga, '/burst list on only');
  await h.message(olga, /`list` does not know `on`/);
  await h.command(olga, '/burst help');
  await h.message(olga, /Burst lends this cluster temporary workers/);
});
