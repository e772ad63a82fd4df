/** Confirmations: looked at again on request and when they come back; what has changed is said, and nothing is done blindly. */
import { expect, test } from 'vitest';
import type { PageView } from '../../../src/sandbox/contract.ts';
import { HOUR, T, drainPreview, operation, run } from './fixtures.ts';
import { ada, channel, chosen, harness, olga, typed } from './harness.ts';
import type { Harness } from './harness.ts';

const own = 'burst-medium-aaaaa';
const reload = { type: 'button', action_id: 'reload', value: 'reload' };
const pods = (...names: string[]) => names.map((name) => ({ namespace: 'shop', name, owner: `ReplicaSet ${name}` }));
/** What is to be evicted from now on. */
const evicting = (h: Harness, ...names: string[]): void => {
  h.operations.previewDrain = async (name) => drainPreview(name, { evict: pods(...names) });
};
const text = (view: PageView): string => JSON.stringify(view);

test('a drain shows the world again on request, says that it changed, and drains what was shown', async () => {
  const h = await harness();
  evicting(h, 'web-1');
  await h.command(olga, `/burst drain ${own}`);
  const first = await h.modal(olga, /web-1/);
  await h.clickView(olga, first, reload);
  await expect.poll(async () => (await h.state(olga)).modals.at(-1)?.hash).not.toBe(first.hash);
  expect(text(await h.modal(olga, /web-1/))).not.toContain('It has changed');
  evicting(h, 'web-1', 'queue-1');
  await h.clickView(olga, await h.modal(olga, /web-1/), reload);
  const changed = await h.modal(olga, /It has changed/);
  expect(text(changed)).toContain('queue-1');
  await h.submit(olga, changed, {});
  await h.modal(olga, /is on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'drain', args: { workers: [own] } }]);
});

test('a drain that would move other pods than were shown is asked about again', async () => {
  const h = await harness();
  evicting(h, 'web-1');
  await h.command(olga, `/burst drain ${own}`);
  const form = await h.modal(olga, /web-1/);
  evicting(h, 'web-1', 'queue-1');
  await h.submit(olga, form, {});
  const again = await h.modal(olga, /is not as it was shown any more[^]*Nothing was drained[^]*queue-1/);
  expect(h.operations.done).toEqual([]);
  await h.submit(olga, again, {});
  await h.modal(olga, /is on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'drain' }]);
});

test('a destroy is looked at again without losing force; what is gone meanwhile is said', async () => {
  const h = await harness();
  await h.command(ada, `/burst destroy ${own}`);
  const form = await h.modal(ada, /Destroy worker/);
  const force = { force: { force: { type: 'checkboxes', selected_options: [{ value: 'force' }] } } };
  h.operations.fingerprint = 'f2';
  await h.clickView(ada, form, reload, force);
  const changed = await h.modal(ada, /It has changed/);
  expect(changed.submit).toBe('Destroy with force');
  h.operations.previewDestroy = async () => {
    await h.operations.resolve('gone');
    throw new Error('it was found');
  };
  await h.clickView(ada, changed, reload);
  await h.modal(ada, /There is no worker gone/);
});

test('force deletes what was shown, or asks again', async () => {
  const h = await harness();
  const params = { kind: 'drain', workers: [own], permanent: false } as const;
  const blocked = { sinceMs: T, text: 'held', pod: 'shop/web-1', budget: 'shop/web', never: false };
  h.operations.operations.set('op1', {
    operation: operation(params),
    runs: [run(own, { kind: 'drain-worker', blocked })],
  });
  await h.store.enqueue({
    key: 'operation:op1',
    notice: { kind: 'operation', operationId: 'op1', final: false },
    notBeforeMs: T,
    channelId: channel,
  });
  h.app.poke();
  evicting(h, 'web-1');
  await h.click(ada, await h.message(ada, /blocked for/), 'burst:op:force:0');
  const form = await h.modal(ada, /Force deletes 1 pod/);
  evicting(h, 'web-1', 'db-0');
  const name = { typed: { typed: typed(own) }, reason: { reason: typed('') } };
  await h.submit(ada, form, name);
  const again = await h.modal(ada, /Nothing was forced[^]*Force deletes 2 pods/);
  expect(h.operations.done).toEqual([]);
  await h.submit(ada, again, { ...name, typed: { typed: typed('burst') } });
  expect(h.operations.done).toEqual([]);
  await h.submit(ada, again, name);
  await h.modal(ada, /Forced: the pods/);
  expect(h.operations.done).toMatchObject([{ method: 'force' }]);
});

test('the form that extends says which deadline its choice gives, as far as the longest life allows', async () => {
  const h = await harness({ cluster: 'main' });
  const by = { kind: 'slack', userId: olga } as const;
  await h.store.adoptWorker(
    {
      cluster: 'main',
      name: own,
      size: 'medium',
      state: 'active',
      vmId: undefined,
      vmHost: undefined,
      nodeUid: undefined,
      ownerTag: 'burst-test',
      owner: by,
      channelId: undefined,
      operationId: 'op0',
      createdAtMs: T,
      removedAtMs: undefined,
    },
    {
      cluster: 'main',
      workerName: own,
      startsAtMs: T,
      expiresAtMs: T + 100 * HOUR,
      extendedHours: 0,
      status: 'active',
      warnedDeadlineMs: undefined,
      warnedLeadMs: undefined,
    },
    { atMs: T, cluster: 'main', actor: by, action: 'adopt', outcome: 'done', text: '' },
  );
  await h.store.enqueue({
    key: 'warning',
    notice: {
      kind: 'warning',
      cluster: 'main',
      operationId: 'op0',
      workers: [own],
      deadlineMs: T + 100 * HOUR,
      leadMs: HOUR,
    },
    notBeforeMs: T,
    channelId: channel,
  });
  h.app.poke();
  await h.click(olga, await h.message(olga, /will be drained and removed/), 'burst:warn:choose');
  const form = await h.modal(olga, /`burst-medium-aaaaa` until .*\(5 d 4 h left\) instead of/);
  const choice = { ttl: { ttl: chosen('72') }, own: { own: typed('') } };
  const action = { type: 'static_select', action_id: 'ttl', block_id: 'ttl', selected_option: { value: '72' } };
  await h.clickView(olga, form, action, choice);
  await h.modal(olga, /until .*\(7 d left\) instead of .*, its longest life/);
  expect(h.operations.done).toEqual([]);
});
