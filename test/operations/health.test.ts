/** Workers that are not Ready: told once, repaired by a replacement, and told again at their end. */
import { describe, expect, it } from 'vitest';
import type { NodeCondition } from '../../src/domain/worker.ts';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { Crash, pod } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });

async function provisioned(h: Harness, count = 1): Promise<string[]> {
  const { runs } = await h.operations.provision({ ...request('make'), count, size: 'small', ttlHours: 4 });
  await h.settle();
  return runs.map((run) => run.workerName);
}
function ready(h: Harness, name: string, is: boolean): void {
  const node = h.world.nodes.get(name);
  if (node === undefined) throw new Error(`no node ${name}`);
  const condition: NodeCondition = {
    type: 'Ready',
    status: is ? 'True' : 'Unknown',
    reason: is ? 'KubeletReady' : 'NodeStatusUnknown',
    message: '',
    sinceMs: h.clock.now(),
  };
  node.conditions = [condition];
}
const told = async (h: Harness, kind: 'health' | 'alert') =>
  (await h.store.dueOutbox(h.clock.now(), 99)).map(({ notice }) => notice).filter((notice) => notice.kind === kind);
const repairs = async (h: Harness) => h.store.listOperations({ kinds: ['repair'], limit: 9 });
const burstVms = (h: Harness): string[] =>
  [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);

describe('a sick worker', () => {
  it('is told of once, after the time that is configured, and at its recovery', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    await h.reaper.tick();
    await h.clock.advance(9 * MINUTE);
    await h.reaper.tick();
    expect(await told(h, 'health')).toEqual([]);
    await h.clock.advance(MINUTE);
    await h.reaper.tick();
    await h.reaper.tick();
    expect(await told(h, 'health')).toMatchObject([{ workerName: name }]);
    const [open] = await h.store.openEpisodes('main');
    expect(open?.toldAtMs).toBe(h.clock.now());
    expect(await repairs(h), 'nothing is done by itself').toEqual([]);
    ready(h, name, true);
    await h.reaper.renew();
    expect(await told(h, 'health')).toHaveLength(2);
    expect(await h.store.getEpisode('main', name, open?.sinceMs ?? 0)).toMatchObject({ outcome: 'recovered' });
    expect(await h.store.openEpisodes('main')).toEqual([]);
  });

  it('that recovers in time is never told of, and nothing is concluded from a stale cache', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    await h.reaper.tick();
    h.world.stale = true;
    await h.clock.advance(30 * MINUTE);
    await h.reaper.tick();
    h.world.stale = false;
    ready(h, name, true);
    await h.reaper.tick();
    expect(await told(h, 'health')).toEqual([]);
    expect(await h.store.openEpisodes('main')).toEqual([]);
  });
});

describe('repair', () => {
  it('replaces it: same size, deadline and owner, Ready before the sick one is drained and removed', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const deadlineMs = (await h.store.getSchedule('main', name))?.expiresAtMs ?? 0;
    await h.clock.advance(HOUR);
    ready(h, name, false);
    h.world.pods = [pod('web-1', name)];
    const { operation, runs } = await h.operations.repair({ ...request('r'), worker: name });
    const other = runs[0]?.workerName ?? '';
    h.world.joins = false;
    await h.settle(5 * MINUTE);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
    expect(h.world.evicted).toEqual([]);
    expect((await h.operations.operation(operation.id)).runs[1]?.progress).toBe(`Waiting for its replacement ${other}`);
    h.world.joins = true;
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
    expect(burstVms(h)).toEqual([other]);
    expect(h.world.nodes.has(name)).toBe(false);
    expect(await h.store.getWorker('main', other)).toMatchObject({ state: 'active', size: 'small', owner: olga });
    expect((await h.store.getSchedule('main', other))?.expiresAtMs).toBe(deadlineMs);
  });

  it('leaves the sick worker as it is when the replacement fails, and can be tried again', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    h.world.cloneFails = true;
    const { operation } = await h.operations.repair({ ...request('r'), worker: name });
    await h.settle();
    const ended = await h.operations.operation(operation.id);
    expect(ended.operation.state).toBe('failed');
    expect(ended.runs[1]?.failure?.message).toMatch(/stays as it is: its replacement did not come .*storage is full/);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
    expect(burstVms(h)).toEqual([name]);
    h.world.cloneFails = false;
    const again = await h.operations.retry(operation.id, request('again'));
    await h.settle();
    expect((await h.operations.operation(again.operation.id)).operation.state).toBe('succeeded');
    expect(burstVms(h)).not.toContain(name);
  });

  it('cancelled while it waits leaves only the sick worker', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    h.world.joins = false;
    const { operation } = await h.operations.repair({ ...request('r'), worker: name });
    await h.settle(2 * MINUTE);
    await h.operations.cancel(operation.id, olga);
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('cancelled');
    expect(burstVms(h)).toEqual([name]);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });

  it('survives the death of the process at each moment', async () => {
    for (const at of [10, 25, 40, 55]) {
      const h = await createHarness();
      const [name = ''] = await provisioned(h);
      ready(h, name, false);
      h.faults.at = { call: h.faults.count + at, when: 'after', error: () => new Crash('died') };
      const { operation } = await h.operations.repair({ ...request('r'), worker: name });
      await h.settle();
      h.restart();
      await h.settle();
      expect((await h.operations.operation(operation.id)).operation.state, `call ${at}`).toBe('succeeded');
      expect(burstVms(h), `call ${at}`).toHaveLength(1);
      expect(burstVms(h)).not.toContain(name);
    }
  });

  it('counts as a worker: without room it is refused and says what to do', async () => {
    const h = await createHarness((deps) => ({ ...deps, workers: { ...deps.workers, maxBurstWorkers: 1 } }));
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    await expect(h.operations.repair({ ...request('r'), worker: name })).rejects.toMatchObject({
      code: 'limit_reached',
      hint: expect.stringContaining(`Remove ${name} first`) as string,
    });
    expect(h.world.createdVms).toEqual([name]);
  });

  it('of a worker that is Ready again, of a permanent one and of one that is busy is refused', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    await expect(h.operations.repair({ ...request('a'), worker: name })).rejects.toMatchObject({
      code: 'changed_meanwhile',
    });
    await expect(h.operations.repair({ ...request('b'), worker: 'worker-1' })).rejects.toMatchObject({
      code: 'safety_violation',
    });
    ready(h, name, false);
    await h.operations.drain({ ...request('c'), workers: [name], admin: false });
    await expect(h.operations.repair({ ...request('d'), worker: name })).rejects.toMatchObject({ code: 'worker_busy' });
  });
});

describe('with auto_repair', () => {
  it('a sick worker is replaced without anybody’s asking, once', async () => {
    const h = await createHarness(undefined, { health: { autoRepair: true } });
    const [name = ''] = await provisioned(h, 2);
    ready(h, name, false);
    await h.reaper.tick();
    expect(await repairs(h)).toEqual([]);
    await h.clock.advance(10 * MINUTE);
    await h.reaper.tick();
    await h.reaper.tick();
    expect(await repairs(h)).toMatchObject([{ requester: { kind: 'system' }, channelId: 'C0BURST0001' }]);
    await h.settle();
    await h.reaper.tick();
    expect(burstVms(h)).not.toContain(name);
    expect(burstVms(h)).toHaveLength(2);
    expect(await h.store.openEpisodes('main')).toEqual([]);
  });

  it('nothing is repaired while too many are sick, and that is said once', async () => {
    const h = await createHarness(undefined, { health: { autoRepair: true } });
    const [a = '', b = ''] = await provisioned(h, 4);
    ready(h, a, false);
    ready(h, b, false);
    await h.clock.advance(10 * MINUTE);
    await h.reaper.tick();
    await h.reaper.tick();
    expect(await repairs(h)).toEqual([]);
    expect(await told(h, 'alert')).toMatchObject([{ text: expect.stringMatching(/^2 of 4 .* 20 %/) as string }]);
    ready(h, b, true);
    await h.reaper.tick();
    expect(await repairs(h)).toMatchObject([{ params: { workers: [a] } }]);
  });

  it('what is refused is told, and not tried again and again', async () => {
    const h = await createHarness((deps) => ({ ...deps, workers: { ...deps.workers, maxBurstWorkers: 1 } }), {
      health: { autoRepair: true },
    });
    const [name = ''] = await provisioned(h);
    ready(h, name, false);
    await h.clock.advance(10 * MINUTE);
    await h.reaper.tick();
    await h.reaper.tick();
    expect(await told(h, 'alert')).toMatchObject([{ text: expect.stringMatching(/no room.*Remove/) as string }]);
    const audit = await h.store.listAudit({ workerName: name, limit: 99 });
    expect(audit.filter(({ action }) => action === 'repair')).toHaveLength(1);
  });
});
