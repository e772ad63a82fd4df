/** Engine, operations and reaper over a cluster; the VMs are a provider in memory, and the test is what boots in them. */
import { createEngine } from '../../src/engine/index.ts';
import { createOperations, runDefinitions } from '../../src/operations/index.ts';
import type { ServiceDeps } from '../../src/operations/index.ts';
import type { Cluster } from '../../src/ports/cluster.ts';
import { createReaper } from '../../src/reaper/index.ts';
import { openStore } from '../../src/store/index.ts';
import { until } from '../contract/cluster-admin.ts';
import { noLog, realClock, testIds } from '../contract/cluster-setup.ts';
import { plainPolicies } from '../contract/policies.ts';
import { Faults, World } from '../operations/world.ts';
import { ALWAYS_LOUD } from '../../src/domain/quiet-hours.ts';

export const by = { kind: 'slack', userId: 'U0OPERATOR1' } as const;

export type Service = Awaited<ReturnType<typeof startService>>;

/** @param drain changes of the drain policy; `extraLabels` of the workers' nodes. */
export async function startService(
  cluster: Cluster,
  drain: Partial<ServiceDeps['drain']> = {},
  extraLabels: Readonly<Record<string, string>> = {},
) {
  const log = { ...noLog, debug: () => undefined };
  const world = new World(new Faults(), () => Date.now());
  world.joins = false;
  const store = await openStore({ path: ':memory:', clock: realClock, ids: testIds });
  /** What each worker's VM was told to join with. */
  const tokens = new Map<string, string>();
  const deps: ServiceDeps = {
    cluster,
    vms: world.provider,
    store,
    clock: realClock,
    ids: testIds,
    drain: {
      gracePeriodSeconds: 1,
      timeoutMs: 60_000,
      ignoreDaemonSets: true,
      deleteEmptyDirData: true,
      force: false,
      skipWaitForDeleteMs: 30_000,
      permanentWorkers: false,
      volumeDetachTimeoutMs: 10_000,
      maxEvictionsAtOnce: 5,
      ...drain,
    },
    ...plainPolicies,
    workers: { ...plainPolicies.workers, extraLabels },
    renderJoin: ({ worker, token }) => {
      tokens.set(worker, token);
      return { userData: '', joinCommand: `join ${token}` };
    },
    ownerTag: 'burst-test',
    pollMs: 200,
    submitted: () => engine.wake(),
  };
  const policy = {
    maxStepsAtOnce: 5,
    stepTimeoutMs: 20_000,
    claimMs: 30_000,
    retryBaseMs: 100,
    retryMaxMs: 1000,
    pollMs: 200,
  };
  const boot = () =>
    createEngine({
      ...deps,
      policy,
      definitions: runDefinitions(deps),
      owner: testIds.next(),
      log,
      advanced: () => undefined,
    });
  let engine = boot();
  const operations = createOperations(deps);
  const reaper = createReaper({
    store,
    cluster,
    clock: realClock,
    vms: world.provider,
    policy: {
      quiet: ALWAYS_LOUD,
      warnBeforeMs: [],
      maxRemovalsAtOnce: 3,
      retryAfterMs: 60_000,
      sweepEveryMs: 0,
      sweepGraceMs: 30_000,
      vmGoneAfterMs: 600_000,
    },
    health: { notReadyMs: 600_000, autoRepair: false, maxUnhealthyPercent: 20 },
    safety: deps.safety,
    ownerTag: deps.ownerTag,
    log,
    upkeep: operations,
    poke: () => undefined,
  });
  engine.start();
  return {
    world,
    store,
    tokens,
    operations,
    reaper,
    /** Ends the process that carries operations out; `resume` starts another. */
    pause: () => engine.stop(),
    resume: (): void => {
      engine = boot();
      engine.start();
    },
    /** Asks for one worker and waits until its VM runs. @returns the operation and the worker's name. */
    async provision(key: string): Promise<{ readonly id: string; readonly name: string }> {
      const { operation, runs } = await operations.provision({ by, idempotencyKey: key, count: 1, ttlHours: 2 });
      const name = runs[0]?.workerName ?? '';
      await until('its VM runs', () =>
        [...world.vms.values()].some((vm) => vm.name === name && vm.state === 'running'),
      );
      return { id: operation.id, name };
    },
    /** How an operation ended, with why not. */
    ended: (id: string): Promise<string> =>
      until(
        `operation ${id} ends`,
        async () => {
          const { operation, runs } = await operations.operation(id);
          return operation.state === 'running'
            ? undefined
            : [operation.state, ...runs.flatMap((one) => one.failure?.message ?? [])].join(': ');
        },
        90_000,
      ),
    async stop(): Promise<void> {
      await engine.stop();
      await store.close();
    },
  };
}
