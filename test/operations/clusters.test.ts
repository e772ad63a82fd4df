/** Two clusters over one store: each engine and reaper does its own work alone. */
import { describe, expect, it } from 'vitest';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { node } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
type Two = { readonly east: Harness; readonly west: Harness };

/** Each with an API server of its own; `sharedVms`: both have one VM server. */
async function two({ sharedVms = false } = {}): Promise<Two> {
  const east = await createHarness((deps) => ({ ...deps, cluster: { ...deps.cluster, name: 'east' } }));
  const west = await createHarness((deps) => ({
    ...deps,
    cluster: { ...deps.cluster, name: 'west' },
    store: east.deps.store,
    clock: east.deps.clock,
    ids: east.deps.ids,
    ...(sharedVms ? { vms: east.deps.vms } : {}),
  }));
  return { east, west };
}
const states = async (h: Harness): Promise<string[]> =>
  (await h.store.liveRuns()).map(({ cluster, state }) => `${cluster} ${state}`);

describe('two clusters', () => {
  it('a cluster’s runs are advanced by its own engine alone', async () => {
    const { east, west } = await two();
    await west.operations.provision({ ...request('w'), count: 2, size: 'small', ttlHours: 4 });
    await east.operations.provision({ ...request('e'), count: 1, size: 'small', ttlHours: 4 });
    await east.settle(HOUR / 2);
    expect(await states(east)).toEqual(['west running', 'west running']);
    expect([east.world.createdVms.length, west.world.createdVms.length]).toEqual([1, 0]);
  });

  it('an operation is no business of another cluster’s door', async () => {
    const { east, west } = await two();
    const { operation } = await west.operations.provision({ ...request('w'), count: 1, size: 'small', ttlHours: 4 });
    await expect(east.operations.cancel(operation.id, olga)).rejects.toMatchObject({ code: 'not_found' });
    await expect(east.operations.retry(operation.id, request('r'))).rejects.toMatchObject({ code: 'not_found' });
    expect((await west.operations.operation(operation.id)).operation.cancelledBy).toBeUndefined();
    expect((await east.operations.recent({ limit: 9 })).length).toBe(0);
    expect((await west.operations.recent({ limit: 9 })).length).toBe(1);
  });

  it('a worker of the same name in both is two workers: what is done to one leaves the other', async () => {
    const { east, west } = await two();
    const { runs } = await east.operations.provision({ ...request('e'), count: 1, size: 'small', ttlHours: 4 });
    await east.settle();
    const name = runs[0]?.workerName ?? '';
    const twin = east.world.nodes.get(name);
    west.world.nodes.set(name, node(name, { ...twin, uid: 'uid-west' }));
    await east.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
    expect(
      (await west.operations.fleet({ type: 'burst' })).workers.map((view) => [view.cluster, view.activity]),
    ).toEqual([['west', undefined]]);
    await east.settle();
    expect([east.world.nodes.has(name), west.world.nodes.has(name)]).toEqual([false, true]);
  });

  it('a reaper expires, warns and counts its own workers only, however many of another are overdue', async () => {
    const { east, west } = await two();
    await east.operations.provision({ ...request('e'), count: 4, size: 'small', ttlHours: 1 });
    await east.settle();
    await east.clock.advance(5 * HOUR);
    expect(await west.reaper.nextMs()).toBeUndefined();
    expect(await west.reaper.tick()).toEqual({ expired: 0, warned: 0, repaired: 0 });
    expect((await east.reaper.tick()).expired).toBe(3);
    const backlog = [await east.store.backlog('east'), await east.store.backlog('west')];
    expect(backlog.map(({ liveRuns }) => liveRuns)).toEqual([3, 0]);
    expect(backlog[0]?.outbox).toBeGreaterThan(0);
    expect(backlog[1]?.outbox).toBe(0);
  });

  it('on one VM server, the VMs of the other cluster are no strays, and ids are not used twice', async () => {
    const { east, west } = await two({ sharedVms: true });
    await east.operations.provision({ ...request('e'), count: 2, size: 'small', ttlHours: 4 });
    await east.settle();
    const before = [...east.world.vms.keys()];
    expect(await west.reaper.tick()).toEqual({ expired: 0, warned: 0, repaired: 0 });
    const alerts = (await east.store.dueOutbox(east.clock.now(), 99)).filter(({ notice }) => notice.kind === 'stray');
    expect(alerts).toEqual([]);
    expect(await east.store.openStrays()).toEqual([]);
    expect([...east.world.vms.keys()]).toEqual(before);
    // one that is in nobody's books is told once, by whoever sees it first
    east.world.vms.set('777', { ...strayLike(east), id: '777', name: 'burst-small-zzzzz' });
    await west.clock.advance(HOUR);
    await east.clock.advance(HOUR);
    for (const cluster of [west, east, west, east]) {
      await cluster.reaper.tick();
      await cluster.clock.advance(3 * MINUTE);
    }
    await west.reaper.tick();
    expect(
      (await east.store.dueOutbox(east.clock.now(), 99)).filter(({ notice }) => notice.kind === 'stray'),
    ).toMatchObject([{ notice: { cluster: 'west', vmId: '777' } }]);
  });
});

function strayLike(h: Harness) {
  const vm = [...h.world.vms.values()].find(({ tags }) => tags.includes('burst-test'));
  if (vm === undefined) throw new Error('no VM of ours');
  return vm;
}
