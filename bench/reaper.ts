import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Schedule, Store, WorkerRecord } from '../src/ports/store.ts';
import { openStore } from '../src/store/index.ts';
import { benchIds, median, ms, ratio, systemClock, timed } from './bench.ts';
import type { Bench } from './bench.ts';

const DUE = 10;
const ROUNDS = 301;
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
  expiresAtMs: index < DUE ? nowMs - index : nowMs + 3_600_000 + index,
  extendedHours: 0,
  status: 'active',
  warnedDeadlineMs: undefined,
  warnedLeadMs: undefined,
});

/** What a tick asks the store for when little is due. */
async function look(store: Store, nowMs: number): Promise<void> {
  const due = await store.schedulesDue(nowMs, 1000);
  if (due.length !== DUE) throw new Error(`${due.length} schedules are due, not ${DUE}`);
  for (const { workerName } of due) await store.liveRunOf(cluster, workerName);
  await store.nextDeadlineMs(nowMs);
}

export const reaper: Bench = {
  name: 'reaper',
  how:
    `The store's part of a tick (due schedules, the live run of each, the next deadline) with ${DUE} due of 100,000 ` +
    `and of 1,000 schedules, in files, interleaved; medians of ${ROUNDS} rounds.`,
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'burst-bench-'));
    const nowMs = systemClock.now();
    const large = await filled(join(folder, 'large.db'), 100_000, nowMs);
    const small = await filled(join(folder, 'small.db'), 1_000, nowMs);
    try {
      const largeMs: number[] = [];
      const smallMs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        largeMs.push(await timed(() => look(large, nowMs)));
        smallMs.push(await timed(() => look(small, nowMs)));
      }
      return [
        { name: 'reaper look, 100,000 schedules', value: ms(median(largeMs)), goal: '< 5 ms' },
        {
          name: 'reaper look, 100,000 against 1,000',
          value: ratio(median(largeMs) / median(smallMs)),
          goal: '<= 1.5',
        },
      ];
    } finally {
      await large.close();
      await small.close();
      await rm(folder, { recursive: true, force: true });
    }
  },
};
