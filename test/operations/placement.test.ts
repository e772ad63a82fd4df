/** Where workers' VMs go, through the operations: spread, refused before anything is made, decided once whatever dies. */
import { describe, expect, it } from 'vitest';
import { NO_PLACEMENT } from '../../src/domain/placement.ts';
import type { HostFacts, PlacementPolicy } from '../../src/domain/placement.ts';
import { createHarness, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { Crash } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
const host = (name: string, totalGiB: number, usedGiB = 0, online = true): HostFacts => ({
  name,
  online,
  memoryMiB: totalGiB * 1024,
  usedMiB: usedGiB * 1024,
  storages: undefined,
});
const most: PlacementPolicy = {
  ...NO_PLACEMENT,
  target: 'most_free_memory',
  base: { hosts: [], templates: ['9000'], templatesShared: true },
};

async function made(hosts: HostFacts[], placement = most): Promise<Harness> {
  const h = await createHarness((deps) => ({ ...deps, placement }));
  h.world.hosts = hosts;
  return h;
}
const ours = (h: Harness) => [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-'));
const perHost = (h: Harness): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { host: at = '' } of ours(h)) counts[at] = (counts[at] ?? 0) + 1;
  return counts;
};
const provision = (h: Harness, count: number, key = 'make') =>
  h.operations.provision({ ...request(key), count, size: 'small', ttlHours: 4 });

describe('placement', () => {
  it('spreads ten at once by what each host has left, promised memory counted', async () => {
    const h = await made([host('pve1', 32, 8), host('pve2', 24)]);
    await provision(h, 10);
    await h.settle();
    expect(perHost(h)).toEqual({ pve1: 5, pve2: 5 });
    const rows = await h.real.listWorkers({ cluster: 'main' });
    expect(rows.map((row) => row.vmHost).sort()).toEqual([...ours(h).map((vm) => vm.host)].sort());
  });

  it('goes round the hosts, over several requests', async () => {
    const h = await made([host('pve1', 99), host('pve2', 99), host('pve3', 99, 0, false)], {
      ...most,
      target: 'round_robin',
    });
    for (const key of ['a', 'b', 'c', 'd']) {
      await provision(h, 1, key);
      await h.settle();
    }
    expect(perHost(h)['pve3']).toBeUndefined();
    expect(Object.values(perHost(h)).reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it('refuses a request without room, says what each host lacks, and has created nothing', async () => {
    const h = await made([host('pve1', 10), host('pve2', 6), host('pve3', 99, 0, false)]);
    await expect(provision(h, 4)).rejects.toMatchObject({
      code: 'limit_reached',
      message:
        'The VM server has no room for 4 small workers of 4 GiB, only for 3; beside those pve1 has 2 GiB of memory free, 4 GiB are needed; pve2 has 2 GiB of memory free, 4 GiB are needed; pve3 is offline.',
      left: 'Nothing was created.',
    });
    expect(await h.real.listWorkers({})).toEqual([]);
    expect(h.world.createdVms).toEqual([]);
    expect((await h.real.listAudit({ limit: 5 }))[0]).toMatchObject({ action: 'provision', outcome: 'refused' });
  });

  it('counts what was accepted and has no place yet', async () => {
    const h = await made([host('pve1', 9)]);
    await provision(h, 2);
    await expect(provision(h, 1, 'more')).rejects.toMatchObject({ code: 'limit_reached' });
    // the same request once more is the same operation, though it would not fit beside itself
    expect(await provision(h, 2)).toMatchObject({ duplicate: true });
  });

  it("looks again when it is each worker's turn: what has no room any more is not begun", async () => {
    const h = await made([host('pve1', 32)]);
    const { operation } = await provision(h, 3);
    h.world.hosts = [host('pve1', 32, 23)];
    await h.settle();
    const { operation: after, runs } = await h.operations.operation(operation.id);
    expect(after.state).toBe('partial');
    const failed = runs.filter((run) => run.state === 'undone');
    expect(failed.map((run) => run.failure?.message)).toEqual([
      'The VM server has no room for a small worker of 4 GiB: pve1 has 1 GiB of memory free, 4 GiB are needed.',
    ]);
    expect(h.world.createdVms).toHaveLength(2);
    expect(failed[0]?.data.vmId).toBeUndefined();
  });

  it('accepts while the VM server does not answer, and waits for it', async () => {
    const h = await made([host('pve1', 32)]);
    h.world.away = true;
    const { operation } = await provision(h, 1);
    await h.settle(60_000);
    expect(h.world.createdVms).toEqual([]);
    h.world.away = false;
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
  });

  it('counts the workers of another cluster with the same VM server', async () => {
    const h = await made([host('pve1', 9)]);
    await provision(h, 1);
    await h.settle();
    const [vm] = ours(h);
    expect(vm?.host).toBe('pve1');
    const other = await createHarness((deps) => ({
      ...deps,
      placement: most,
      store: h.store,
      sharedWith: ['east', 'main'],
    }));
    other.world.hosts = [host('pve1', 9)];
    if (vm !== undefined) other.world.vms.set(vm.id, vm);
    await expect(provision(other, 2, 'b')).rejects.toMatchObject({ code: 'limit_reached' });
  });
});

describe('a crash at any call', () => {
  it('makes one VM, where it was decided once', async () => {
    const life = async (at?: Harness['faults']['at']): Promise<Harness> => {
      const h = await made([host('pve1', 16), host('pve2', 17)]);
      await provision(h, 1);
      h.faults.at = at;
      await h.settle();
      return h;
    };
    const calls = (await life()).faults.count;
    expect(calls).toBeGreaterThan(10);
    for (let call = 1; call < calls; call += 1)
      for (const when of ['before', 'after'] as const) {
        const h = await life({ call, when, error: () => new Crash('crash') });
        const [run] = (await h.operations.recent({ limit: 1 }))[0]?.runs ?? [];
        const decisions = (await h.real.journal(run?.id ?? '')).filter(({ text }) => /reserved on/.test(text));
        expect(
          [run?.state, perHost(h), h.world.createdVms.length, decisions.filter(({ type }) => type === 'saved').length],
          `${when} call ${call}`,
        ).toEqual(['succeeded', { pve2: 1 }, 1, 1]);
      }
  });
});
