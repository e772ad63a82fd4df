import { describe, expect, it } from 'vitest';
import { BurstError } from '../../src/domain/errors.ts';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { node } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });

async function provisioned(h: Harness, count = 1): Promise<string[]> {
  const { runs } = await h.operations.provision({ ...request('make'), count, size: 'small', ttlHours: 4 });
  await h.settle();
  return runs.map((run) => run.workerName);
}

const burstVms = (h: Harness): string[] =>
  [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);

describe('the reaper', () => {
  it('warns before quiet hours of what would fall into them, wakes up for that, and moves no deadline', async () => {
    const start = (await createHarness()).clock.now();
    const minuteOf = (ms: number): number => Math.floor((ms % (24 * HOUR)) / MINUTE);
    const window = { from: minuteOf(start + HOUR), to: minuteOf(start + 6 * HOUR), days: [] };
    const h = await createHarness(undefined, { quiet: { timezone: 'UTC', windows: [window] } });
    const [name = ''] = await provisioned(h);
    const warned = async (): Promise<number> => (await h.reaper.tick()).warned;
    await h.clock.advance(start + 50 * MINUTE - h.clock.now());
    expect(await warned()).toBe(0);
    // it wakes up for each sweep, and for that moment
    let warnings = 0;
    while (warnings === 0) {
      const next = (await h.reaper.nextMs()) ?? Infinity;
      expect(next).toBeLessThan(start + HOUR);
      await h.clock.advance(next - h.clock.now());
      warnings = await warned();
    }
    expect(warnings).toBe(1);
    await h.clock.advance(start + 3.6 * HOUR - h.clock.now());
    expect(await warned()).toBe(0);
    // made in the quiet hours: who asks is awake
    await h.operations.extend({ ...request('e'), workers: [name], hours: 1 });
    await h.settle();
    expect(await warned()).toBe(1);
    const deadlineMs = (await h.store.getSchedule('main', name))?.expiresAtMs ?? 0;
    await h.clock.advance(deadlineMs - h.clock.now() - 1);
    expect(await h.reaper.tick()).toMatchObject({ expired: 0, warned: 0 });
    await h.clock.advance(1);
    expect((await h.reaper.tick()).expired).toBe(1);
  });

  it('removes workers of one operation at their deadline in one operation; one that may not go keeps no other', async () => {
    const h = await createHarness();
    const names = await provisioned(h, 3);
    const [bad = ''] = names;
    await h.clock.advance(4 * HOUR);
    h.world.nodes.set(bad, {
      ...(h.world.nodes.get(bad) ?? node(bad)),
      labels: { 'worker-type': 'burst', 'node-role.kubernetes.io/control-plane': '' },
    });
    expect((await h.reaper.tick()).expired).toBe(2);
    await h.settle();
    expect(burstVms(h)).toEqual([bad]);
    const again = await createHarness();
    await provisioned(again, 3);
    await again.clock.advance(4 * HOUR);
    expect((await again.reaper.tick()).expired).toBe(3);
    await again.settle();
    expect(await again.operations.recent({ limit: 1 })).toMatchObject([
      { operation: { kind: 'expire', state: 'succeeded' }, runs: [{}, {}, {}] },
    ]);
  });

  it('an expiry that finds its node gone removes the VM and says that there was no node', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    await h.clock.advance(4 * HOUR);
    h.world.joins = false;
    h.world.nodes.delete(name);
    expect((await h.reaper.tick()).expired).toBe(1);
    await h.settle();
    expect(burstVms(h)).toEqual([]);
    const [{ operation, runs } = { operation: undefined, runs: [] }] = await h.operations.recent({ limit: 1 });
    expect(operation?.state).toBe('succeeded');
    expect(runs[0]?.data.nodeWasGone).toBe(true);
  });

  it('warns once for each lead time, again after an extension, and removes at the deadline', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const warnings = async () =>
      (await h.store.dueOutbox(h.clock.now(), 99)).filter((row) => row.notice.kind === 'warning').length;
    await h.clock.advance(2.5 * HOUR);
    await h.reaper.tick();
    await h.reaper.tick();
    expect(await warnings()).toBe(1);
    await h.operations.extend({ ...request('e'), workers: [name], hours: 4 });
    await h.settle();
    await h.reaper.tick();
    expect(await warnings()).toBe(1);
    await h.clock.advance(4 * HOUR);
    await h.reaper.tick();
    expect(await warnings()).toBe(2);
    await h.clock.advance(2 * HOUR);
    await h.reaper.tick();
    await h.settle();
    expect(burstVms(h)).toEqual([]);
    expect(h.world.nodes.has(name)).toBe(false);
  });

  it('removes at most the configured number at once, and catches up after downtime', async () => {
    const h = await createHarness();
    await provisioned(h, 5);
    await h.clock.advance(30 * HOUR);
    expect((await h.reaper.tick()).expired).toBe(3);
    await h.settle();
    expect((await h.reaper.tick()).expired).toBe(2);
    await h.settle();
    expect(burstVms(h)).toEqual([]);
  });

  it('takes up workers that a lost database forgot, and never a node without a readable proof', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    // another database, another installation: its own tag is not the one that the VM carries
    const other = await createHarness((deps) => ({ ...deps, ownerTag: 'burst-anew2' }));
    for (const [key, value] of h.world.nodes) other.world.nodes.set(key, value);
    for (const [key, value] of h.world.vms) other.world.vms.set(key, value);
    other.world.nodes.set('half', node('half', { labels: { 'worker-type': 'burst' } }));
    await other.reaper.tick();
    expect(await other.store.getWorker('main', name)).toMatchObject({
      state: 'active',
      vmId: '101',
      owner: { userId: 'U0OPERATOR1' },
    });
    expect(await other.store.getWorker('main', 'half')).toBeUndefined();
    await other.clock.advance(5 * HOUR);
    await other.reaper.tick();
    await other.settle();
    expect(burstVms(other)).toEqual([]);
    expect(other.world.nodes.has('half')).toBe(true);
  });

  it('uncordons a node that an undone run left cordoned', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const { runs, operation } = await h.operations.drain({ ...request('d'), workers: [name], admin: false });
    await h.operations.cancel(operation.id, olga);
    await h.settle();
    const late = h.world.nodes.get(name);
    if (late !== undefined)
      Object.assign(late, {
        unschedulable: true,
        annotations: { ...late.annotations, 'burst/cordoned-by': runs[0]?.id ?? '' },
      });
    await h.reaper.tick();
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });
});

it('leaves a cluster that another installation looks after alone', async () => {
  const h = await createHarness();
  await provisioned(h);
  await h.clock.advance(30 * HOUR);
  h.world.rival = 'burst-other';
  expect(await h.reaper.tick()).toEqual({ expired: 0, warned: 0, repaired: 0 });
  expect(h.reaper.rival()).toBe('burst-other');
  h.world.rival = undefined;
  expect((await h.reaper.tick()).expired).toBe(1);
});

describe('the sweep', () => {
  /** A provision that failed, whose VM shows up long after the undo looked. */
  async function lateVm(h: Harness, tags: string[], id?: string): Promise<string> {
    h.world.cloneFails = true;
    const { runs } = await h.operations.provision({ ...request('late'), count: 1, size: 'small' });
    await h.settle();
    const name = runs[0]?.workerName ?? '';
    const recorded = (await h.store.getWorker('main', name))?.vmId ?? '';
    h.world.vms.set(id ?? recorded, {
      id: id ?? recorded,
      name,
      state: 'running',
      tags,
      template: false,
      lock: undefined,
      bootedAtMs: 0,
    });
    await h.clock.advance(3 * MINUTE);
    return name;
  }

  it('removes a VM that landed after its run was undone, tagged or not, and the worker stays failed', async () => {
    const h = await createHarness();
    const name = await lateVm(h, []);
    expect(burstVms(h)).toEqual([name]);
    await h.reaper.tick();
    await h.settle();
    expect(burstVms(h)).toEqual([]);
    expect(
      (await h.store.listAudit({ workerName: name, limit: 99 })).some((row) => row.action === 'remove-worker'),
    ).toBe(true);
  });

  it('leaves a VM of that name with another id alone, and a VM that a person gave that id', async () => {
    const h = await createHarness();
    await lateVm(h, [], '555');
    await h.reaper.tick();
    await h.settle();
    expect(h.world.vms.has('555')).toBe(true);
    expect(h.world.deletedVms).toEqual([]);
  });

  it('runs every two minutes, whatever the cron expression says, and not in a loop where another looks after the cluster', async () => {
    const h = await createHarness();
    h.world.rival = 'burst-other';
    await h.reaper.tick();
    expect(await h.reaper.nextMs()).toBe(h.clock.now() + 2 * MINUTE);
    h.world.rival = undefined;
    await h.clock.advance(2 * MINUTE);
    await h.reaper.tick();
    expect(h.faults.names.filter((name) => name === 'list')).toHaveLength(1);
    await h.clock.advance(MINUTE);
    await h.reaper.tick();
    expect(
      h.faults.names.filter((name) => name === 'list'),
      'a tick in between is no sweep',
    ).toHaveLength(1);
    expect(await h.reaper.nextMs()).toBe(h.clock.now() + MINUTE);
  });

  it('on demand looks and changes nothing, or acts at once and tells what it did', async () => {
    const h = await createHarness();
    const name = await lateVm(h, []);
    const audit = (await h.store.listAudit({ limit: 999 })).length;
    const look = await h.reaper.survey();
    expect(look).toMatchObject({
      listing: { known: true, vms: 3, ours: 0 },
      plan: { orphans: [{ workerName: name }] },
    });
    expect(await h.store.listAudit({ limit: 999 })).toHaveLength(audit);
    expect(await h.store.liveRuns()).toEqual([]);
    const done = await h.reaper.sweepNow(olga);
    expect(done).toMatchObject({ done: { repaired: 1 } });
    await h.settle();
    expect(burstVms(h)).toEqual([]);
    expect(
      (await h.store.listAudit({ limit: 999 })).some((row) => row.action === 'sweep' && row.actor.kind === 'slack'),
    ).toBe(true);
  });

  it('settles a worker whose VM vanished and whose node has long been silent, and says what happened', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    for (const [id, vm] of h.world.vms) if (vm.name === name) h.world.vms.delete(id);
    const dead = h.world.nodes.get(name);
    const sinceMs = h.clock.now();
    if (dead !== undefined)
      dead.conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '', sinceMs }];
    await h.clock.advance(9 * MINUTE);
    await h.reaper.tick();
    await h.settle();
    expect(h.world.nodes.has(name), 'it may come back').toBe(true);
    await h.clock.advance(3 * MINUTE);
    await h.reaper.tick();
    await h.settle();
    expect(h.world.nodes.has(name)).toBe(false);
    expect(await h.store.getWorker('main', name)).toMatchObject({ state: 'removed' });
    const [operation] = await h.store.listOperations({ kinds: ['expire'], limit: 9 });
    expect(operation).toMatchObject({
      state: 'succeeded',
      params: { vanished: true },
      reason: expect.stringContaining('gone') as string,
    });
  });

  it('closes the books of a worker of which neither node nor VM is left', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.nodes.delete(name);
    for (const [id, vm] of h.world.vms) if (vm.name === name) h.world.vms.delete(id);
    await h.clock.advance(3 * MINUTE);
    await h.reaper.tick();
    await h.settle();
    expect((await h.store.getWorker('main', name))?.state).toBe('removed');
    expect((await h.operations.fleet()).burstCount).toBe(0);
  });

  it.each([
    ['an empty listing', (h: Harness) => h.world.vms.clear()],
    ['a cluster that cannot be read', (h: Harness) => Object.assign(h.world, { stale: true })],
    [
      'a node that is left',
      (h: Harness) => void [...h.world.vms].map(([id]) => id !== '9000' && h.world.vms.delete(id)),
    ],
  ])('concludes nothing from %s', async (what, happens) => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    if (!what.includes('node')) h.world.nodes.delete(name);
    happens(h);
    await h.clock.advance(3 * MINUTE);
    await h.reaper.tick();
    await h.settle();
    expect((await h.store.getWorker('main', name))?.state).toBe('active');
  });
});

describe('bootstrap tokens', () => {
  it('that landed after their run was undone are swept, and forgotten when they have expired', async () => {
    const h = await createHarness();
    const { operation, runs } = await h.operations.provision({
      ...request('late'),
      count: 1,
      size: 'small',
      ttlHours: 4,
    });
    const workerName = runs[0]?.workerName ?? '';
    const record = { cluster: 'main', id: 'late22', workerName, uid: undefined, expiresAtMs: h.clock.now() + HOUR };
    await h.store.saveToken(record);
    await h.operations.cancel(operation.id, olga);
    await h.settle();
    // the call that made it was thought lost
    h.world.tokens.set('late22', { uid: 'u', workerName });
    h.world.tokens.set('theirs', { uid: 'v', workerName: 'another' });
    await h.reaper.tick();
    expect([...h.world.tokens.keys()]).toEqual(['theirs']);
    expect(await h.store.listTokens({ cluster: 'main' })).toHaveLength(1);
    await h.clock.advance(HOUR + MINUTE);
    await h.reaper.tick();
    expect(await h.store.listTokens({ cluster: 'main' })).toEqual([]);
  });

  it('are not needed, nor the facts that go with them, where nodes join otherwise', async () => {
    const h = await createHarness((deps) => ({ ...deps, joinToken: { kind: 'static', token: 'of-k3s' } }));
    h.world.cluster.joinFacts = () => Promise.reject(new BurstError('not_found', 'nothing is published'));
    const [name = ''] = await provisioned(h);
    expect((await h.store.getWorker('main', name))?.state).toBe('active');
    expect(await h.store.listTokens({ cluster: 'main' })).toEqual([]);
  });
});
