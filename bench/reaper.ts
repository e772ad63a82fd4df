import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Operation } from '../src/domain/operation.ts';
import type { Cluster } from '../src/ports/cluster.ts';
import type { Schedule, Store, WorkerRecord } from '../src/ports/store.ts';
import { createReaper } from '../src/reaper/index.ts';
import type { Reaper } from '../src/reaper/index.ts';
import { openStore } from '../src/store/index.ts';
import { benchIds, median, ms, ratio, silent, systemClock, timed } from './bench.ts';
import type { Bench } from './bench.ts';
import { ALWAYS_LOUD } from '../src/domain/quiet-hours.ts';

const DUE = 10;
const ROUNDS = 301;
const HOUR_MS = 3_600_000;
const cluster = 'bench';
const actor = { kind: 'system', name: 'bench' } as const;

async function filled(path: string, schedules: number, nowMs: number): Promise<Store> {
  const store = await openStore({ path, clock: systemClock, ids: benchIds });
  const names = Array.from({ length: schedules }, (_, index) => `burst-medium-${index}`);
  const workers = names.map((name): WorkerRecord => ({
    cluster,
    name,
    size: 'medium',
    state: 'active',
    vmId: undefined,
    vmHost: undefined,
    nodeUid: undefined,
    ownerTag: 'burst-bench',
    owner: actor,
    channelId: undefined,
    operationId: 'fill',
    createdAtMs: nowMs,
    removedAtMs: undefined,
  }));
  for (const [index, worker] of workers.entries())
    await store.adoptWorker(worker, schedule(worker.name, nowMs, index), {
      atMs: nowMs,
      cluster,
      actor,
      action: 'adopt',
      outcome: 'noticed',
      text: 'bench',
    });
  return store;
}

const schedule = (workerName: string, nowMs: number, index: number): Schedule => ({
  cluster,
  workerName,
  startsAtMs: nowMs,
  expiresAtMs: index < DUE ? nowMs - index : nowMs + 4 * HOUR_MS + index,
  extendedHours: 0,
  status: 'active',
  warnedDeadlineMs: undefined,
  warnedLeadMs: undefined,
});

const operation: Operation = {
  id: 'op',
  cluster,
  kind: 'expire',
  state: 'running',
  params: { kind: 'expire', workers: [], deadlineMs: 0 },
  requester: actor,
  channelId: undefined,
  reason: '',
  idempotencyKey: '',
  createdAtMs: 0,
  endedAtMs: undefined,
  cancelledBy: undefined,
};

/** The reaper over this store; its cluster has no nodes, and what is due stays due, for the next round. */
function reaperOf(store: Store, nowMs: number): Reaper {
  const needed: Pick<Cluster, 'name' | 'freshness' | 'cachedNodes' | 'holdLease'> = {
    name: cluster,
    freshness: () => ({ stale: false }),
    cachedNodes: () => [],
    holdLease: async () => ({ held: true }),
  };
  return createReaper({
    store,
    cluster: new Proxy({} as Cluster, {
      get: (_, key) => {
        if (!(key in needed)) throw new Error(`a tick asked the cluster for ${String(key)}`);
        return Reflect.get(needed, key) as unknown;
      },
    }),
    vms: { name: 'bench', list: async () => [] },
    clock: { ...systemClock, now: () => nowMs },
    policy: {
      quiet: ALWAYS_LOUD,
      warnBeforeMs: [2 * HOUR_MS, HOUR_MS / 2],
      maxRemovalsAtOnce: DUE,
      retryAfterMs: 600_000,
      // the comparison with the VM server has a rhythm of its own and is not part of this
      sweepEveryMs: Number.MAX_SAFE_INTEGER,
      sweepGraceMs: 30_000,
      vmGoneAfterMs: 600_000,
    },
    health: { notReadyMs: 600_000, autoRepair: false, maxUnhealthyPercent: 20 },
    safety: {
      label: { key: 'worker-type', value: 'burst' },
      ttlAnnotation: 'worker-ttl',
      requireDrainBeforeDestroy: true,
      protectedPatterns: [],
    },
    ownerTag: 'burst-bench',
    log: { ...silent, debug: silent.info },
    upkeep: {
      expire: async () => ({ operation, runs: [], duplicate: true }),
      repairSick: async () => ({ operation, runs: [], duplicate: true }),
      adopt: async () => undefined,
      sweep: async () => ({ operation, runs: [], duplicate: true }),
    },
    poke: () => undefined,
  });
}

async function tick(reaper: Reaper): Promise<void> {
  const { expired } = await reaper.tick();
  if (expired !== DUE) throw new Error(`${expired} workers expired, not ${DUE}`);
  await reaper.nextMs();
}

export const reaper: Bench = {
  name: 'reaper',
  how:
    `A whole tick of the reaper (the VM sweep and the removals themselves left out) with ${DUE} due of 100,000 and of ` +
    `1,000 schedules, in SQLite files, interleaved; medians of ${ROUNDS} rounds.`,
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'burst-bench-'));
    const nowMs = systemClock.now();
    const stores = [
      await filled(join(folder, 'large.db'), 100_000, nowMs),
      await filled(join(folder, 'small.db'), 1_000, nowMs),
    ] as const;
    try {
      const [large, small] = [reaperOf(stores[0], nowMs), reaperOf(stores[1], nowMs)];
      await tick(large);
      await tick(small);
      const largeMs: number[] = [];
      const smallMs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        largeMs.push(await timed(() => tick(large)));
        smallMs.push(await timed(() => tick(small)));
      }
      return [
        { name: 'reaper tick, 100,000 schedules', value: ms(median(largeMs)), goal: '< 5 ms' },
        {
          name: 'reaper tick, 100,000 against 1,000',
          value: ratio(median(largeMs) / median(smallMs)),
          goal: '<= 1.5',
        },
      ];
    } finally {
      for (const store of stores) await store.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
