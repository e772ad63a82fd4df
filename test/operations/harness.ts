/** The engine and the operations over a world in memory, with a store of their own; processes may die and come back. */
import { createEngine } from '../../src/engine/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { createOperations, runDefinitions } from '../../src/operations/index.ts';
import { NO_PLACEMENT } from '../../src/domain/placement.ts';
import type { HealthPolicy } from '../../src/domain/policy.ts';
import type { ServiceDeps } from '../../src/operations/index.ts';
import { createReaper } from '../../src/reaper/index.ts';
import type { Ids } from '../../src/ports/ids.ts';
import type { Store } from '../../src/ports/store.ts';
import { openStore } from '../../src/store/index.ts';
import { manualClock } from './clock.ts';
import { Faults, World } from './world.ts';
import { ALWAYS_LOUD } from '../../src/domain/quiet-hours.ts';
import type { QuietPolicy } from '../../src/domain/quiet-hours.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const olga = { kind: 'slack', userId: 'U0OPERATOR1' } as const;

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function countingIds(): Ids {
  let count = 0;
  return {
    next: () => `id${String((count += 1)).padStart(6, '0')}`,
    base32: (length) => {
      count += 1;
      let rest = count;
      let text = '';
      while (text.length < length) {
        text += 'abcdefghijklmnopqrstuvwxyz234567'.charAt(rest % 32);
        rest = Math.floor(rest / 32);
      }
      return text;
    },
  };
}

export type Harness = Awaited<ReturnType<typeof createHarness>>;

/** `change` may alter the policies. */
export async function createHarness(
  change: (deps: ServiceDeps) => ServiceDeps = (deps) => deps,
  more: {
    readonly limits?: { readonly stepTimeoutMs?: number };
    readonly health?: Partial<HealthPolicy>;
    readonly withWorld?: (world: World) => void;
    readonly quiet?: QuietPolicy;
    /** Writes at which a process may die, besides those of runs. */
    readonly writes?: readonly ('createOperation' | 'saveStray')[];
  } = {},
) {
  const clock = manualClock();
  const ids = countingIds();
  const faults = new Faults();
  const world = new World(faults, () => clock.now());
  more.withWorld?.(world);
  const real = await openStore({ path: ':memory:', clock, ids });
  const store: Store = new Proxy(real, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      if (typeof value !== 'function') return value;
      const name = ['recordRun', ...(more.writes ?? [])].find((write) => write === key);
      if (name === undefined) return value;
      return (...args: unknown[]) => faults.call(name, () => Reflect.apply(value, target, args) as Promise<unknown>);
    },
  });
  const deps = change({
    cluster: world.cluster,
    vms: world.provider,
    store,
    clock,
    ids,
    drain: {
      gracePeriodSeconds: 300,
      timeoutMs: 10 * MINUTE,
      ignoreDaemonSets: true,
      deleteEmptyDirData: true,
      force: false,
      skipWaitForDeleteMs: 30_000,
      permanentWorkers: false,
      volumeDetachTimeoutMs: 2 * MINUTE,
      maxEvictionsAtOnce: 5,
    },
    safety: {
      label: { key: 'worker-type', value: 'burst' },
      ttlAnnotation: 'worker-ttl',
      requireDrainBeforeDestroy: true,
      protectedPatterns: [{ source: '^permanent-', matches: (text) => text.startsWith('permanent-') }],
    },
    workers: {
      namePrefix: 'burst',
      maxBurstWorkers: 10,
      maxPerRequest: 10,
      defaultTtlHours: 24,
      minTtlHours: 1,
      maxTtlHours: 168,
      defaultSize: 'medium',
      sizes: new Map([
        ['small', { name: 'small', cpus: 2, memoryGiB: 4, diskGiB: 50 }],
        ['medium', { name: 'medium', cpus: 4, memoryGiB: 8, diskGiB: 100 }],
      ]),
      joinTimeoutMs: 15 * MINUTE,
      readyTimeoutMs: 10 * MINUTE,
      extraLabels: {},
    },
    placement: NO_PLACEMENT,
    sharedWith: ['main'],
    joinToken: { kind: 'bootstrap', ttlMs: HOUR },
    renderJoin: ({ token }) => ({ userData: `#cloud-config ${token}`, joinCommand: `kubeadm join ${token}` }),
    ownerTag: 'burst-test',
    pollMs: 1000,
    submitted: () => undefined,
  });
  const policy = {
    maxStepsAtOnce: 20,
    stepTimeoutMs: 60_000,
    claimMs: 90_000,
    retryBaseMs: 1000,
    retryMaxMs: 30_000,
    pollMs: 1000,
    ...more.limits,
  };
  let processes = 0;
  const boot = (): Engine =>
    createEngine({
      ...deps,
      clusterName: deps.cluster.name,
      policy,
      definitions: runDefinitions(deps),
      owner: `process-${(processes += 1)}`,
      log: silent,
      away: () => deps.vms.away?.(),
      advanced: () => undefined,
    });
  let engine = boot();
  const operations = createOperations(deps);
  const reaper = createReaper({
    store: deps.store,
    cluster: deps.cluster,
    clock,
    vms: deps.vms,
    policy: {
      quiet: more.quiet ?? ALWAYS_LOUD,
      warnBeforeMs: [2 * HOUR, 30 * MINUTE],
      maxRemovalsAtOnce: 3,
      retryAfterMs: 10 * MINUTE,
      sweepEveryMs: 2 * MINUTE,
      sweepGraceMs: 30_000,
      vmGoneAfterMs: 10 * MINUTE,
    },
    health: { notReadyMs: 10 * MINUTE, autoRepair: false, maxUnhealthyPercent: 20, ...more.health },
    safety: deps.safety,
    ownerTag: deps.ownerTag,
    log: silent,
    upkeep: operations,
    poke: () => undefined,
  });
  return {
    clock,
    world,
    faults,
    store,
    real,
    deps,
    operations,
    reaper,
    /** The process dies: its claims stay in the store until they run out. */
    restart: () => {
      faults.dead = false;
      engine = boot();
    },
    /** Runs the engine, moving the clock from one due moment to the next, until nothing runs (stuck runs excepted). */
    async settle(limitMs = 3 * HOUR): Promise<void> {
      const untilMs = clock.now() + limitMs;
      for (;;) {
        await engine.drainDue();
        if (faults.dead) {
          faults.dead = false;
          engine = boot();
        }
        const live = (await deps.store.liveRuns()).filter(
          (run) => run.state !== 'stuck' && run.cluster === deps.cluster.name,
        );
        if (live.length === 0 || clock.now() > untilMs) return;
        const dueMs = Math.min(
          ...live.map((run) =>
            run.claimUntilMs !== undefined && run.claimUntilMs > clock.now() ? run.claimUntilMs : run.nextLookAtMs,
          ),
        );
        await clock.advance(Math.max(1, dueMs - clock.now()));
      }
    },
  };
}
