import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Actor } from '../../../src/domain/operation.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Ids } from '../../../src/ports/ids.ts';
import type {
  NewAudit,
  NewOperation,
  NewOutbox,
  RunWrite,
  Schedule,
  Store,
  WorkerRecord,
} from '../../../src/ports/store.ts';
import { openStore } from '../../../src/store/index.ts';

export const T = 1_800_000_000_000;
export const cluster = 'main';
export const ann: Actor = { kind: 'slack', userId: 'U1', userName: 'ann' };
export const bob: Actor = { kind: 'slack', userId: 'U2' };
export const reaper: Actor = { kind: 'system', name: 'reaper' };
export const clock: Clock = { now: () => T, sleep: () => Promise.resolve() };

export function countingIds(prefix = 'a'): Ids {
  let count = 0;
  return { next: () => `id${String(++count).padStart(8, '0')}`, base32: (length) => prefix.repeat(length) };
}

/** A database path in a folder that goes when the test ends. */
export async function temporaryPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'burst-store-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'burst.db');
}

export async function open(path = ':memory:', prefix = 'a'): Promise<Store> {
  const store = await openStore({ path, clock, ids: countingIds(prefix) });
  onTestFinished(() => store.close());
  return store;
}

export const worker = (name: string, more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  cluster,
  name,
  size: 'medium',
  state: 'requested',
  vmId: undefined,
  vmHost: undefined,
  nodeUid: undefined,
  ownerTag: 'burst-test',
  owner: ann,
  channelId: 'C1',
  operationId: 'op1',
  createdAtMs: T,
  removedAtMs: undefined,
  ...more,
});

export const schedule = (workerName: string, expiresAtMs: number, more: Partial<Schedule> = {}): Schedule => ({
  cluster,
  workerName,
  startsAtMs: T,
  expiresAtMs,
  extendedHours: 0,
  status: 'active',
  warnedDeadlineMs: undefined,
  warnedLeadMs: undefined,
  ...more,
});

export const audit = (action: string, more: Partial<NewAudit> = {}): NewAudit => ({
  atMs: T,
  cluster,
  actor: ann,
  action,
  outcome: 'requested',
  text: `${action} was asked for`,
  ...more,
});

export const drawing = (operationId: string, more: Partial<NewOutbox> = {}): NewOutbox => ({
  key: `operation:${operationId}`,
  notice: { kind: 'operation', operationId, final: false },
  notBeforeMs: T,
  channelId: 'C1',
  ...more,
});

/** A provision of these workers; its runs are named `<id>-<worker>`. */
export const provision = (id: string, names: readonly string[], more: Partial<NewOperation> = {}): NewOperation => ({
  id,
  cluster,
  params: { kind: 'provision', count: names.length, size: 'medium', ttlHours: 24 },
  requester: ann,
  channelId: 'C1',
  reason: 'load test',
  idempotencyKey: `key-${id}`,
  createdAtMs: T,
  runs: names.map((name) => ({
    id: `${id}-${name}`,
    workerName: name,
    kind: 'add-worker',
    step: 'reserve',
    data: { size: 'medium', ttlHours: 24 },
  })),
  workers: names.map((name) => worker(name, { operationId: id })),
  audit: [audit('provision', { operationId: id })],
  outbox: [drawing(id)],
  ...more,
});

export const drain = (id: string, names: readonly string[], more: Partial<NewOperation> = {}): NewOperation => ({
  ...provision(id, names),
  params: { kind: 'drain', workers: names, permanent: false },
  runs: names.map((name) => ({
    id: `${id}-${name}`,
    workerName: name,
    kind: 'drain-worker',
    step: 'cordon',
    data: {},
  })),
  workers: [],
  ...more,
});

export const write = (
  runId: string,
  generation: number,
  patch: RunWrite['patch'],
  more: Partial<RunWrite> = {},
): RunWrite => ({
  runId,
  generation,
  patch,
  event: { atMs: T + 1, type: 'step_done', text: 'went on' },
  nowMs: T + 1,
  ...more,
});

export const claim = (store: Store, owner: string, nowMs = T, limit = 10) =>
  store.claimRuns({ owner, nowMs, claimMs: 60_000, limit });

/** Claims everything due, then ends each run that way. */
export async function endAll(store: Store, state: 'succeeded' | 'stuck', nowMs = T): Promise<void> {
  for (const run of await claim(store, 'ender', nowMs, 1000))
    await store.recordRun(write(run.id, run.generation, { state }, { nowMs }));
}
