/**
 * Compares the books with the world and submits what is due. Invariants: takes no input; one run at a time; a node that is
 * not provably a burst worker is never drained or removed; an unreadable world is left alone until it can be read.
 */
import { reapPlan } from '../domain/reap-plan.ts';
import type { ReapPlan, ReapVm } from '../domain/reap-plan.ts';
import { isBurstError } from '../domain/errors.ts';
import { nextQuiet } from '../domain/quiet-hours.ts';
import type { SweepReport, Sweeps } from '../operations/index.ts';
import type { ReaperDeps } from './deps.ts';
import { lookAfterHealth } from './health.ts';
import { repair } from './repairs.ts';
import { takeSnapshot } from './snapshot.ts';
import { followStrays } from './strays.ts';
import { tellOnce, warn } from './tell.ts';

/** Longer than the pause between two ticks or looks at the next deadline, ms. */
const LEASE_MS = 180_000;

export type ReapSummary = { readonly expired: number; readonly warned: number; readonly repaired: number };

export type Reaper = {
  /** One round; a call while one is under way gets that one's result. */
  readonly tick: () => Promise<ReapSummary>;
  /** Between two ticks: takes or renews the Lease, and looks at the workers' health; false when another holds it. */
  readonly renew: () => Promise<boolean>;
  /** The holder of the Lease that kept the last round from being ours. */
  readonly rival: () => string | undefined;
  /** When something falls due next (the next sweep, too), ms; undefined when nothing is scheduled. */
  readonly nextMs: () => Promise<number | undefined>;
} & Sweeps;

export function createReaper(deps: ReaperDeps): Reaper {
  let running: Promise<ReapSummary> | undefined;
  let sweptMs: number | undefined;
  let triedMs: number | undefined;
  let rival: string | undefined;
  async function isOurs(): Promise<boolean> {
    try {
      const lease = await deps.cluster.holdLease(deps.ownerTag, LEASE_MS);
      rival = lease.held ? undefined : lease.holder;
      if (!lease.held) deps.log.warn({ holder: lease.holder }, 'another installation looks after this cluster');
      return lease.held;
    } catch (error) {
      // without the lease the work is at worst done twice, and harmless then
      deps.log.warn({ err: error }, 'the lease could not be renewed');
      return true;
    }
  }
  let looking: Promise<number> | undefined;
  /** One look at a time; one that fails is repeated at the next tick. */
  function lookOnce(): Promise<number> {
    looking ??= lookAfterHealth(deps)
      .catch((error: unknown) => {
        deps.log.error({ err: error }, "the workers' health could not be looked at");
        return 0;
      })
      .finally(() => {
        looking = undefined;
      });
    return looking;
  }
  async function round(forced: boolean): Promise<ReapSummary> {
    const startedMs = deps.clock.now();
    // also where another looks after the cluster, or the round fails: the next moment lies ahead
    if (forced || triedMs === undefined || startedMs - triedMs >= deps.policy.sweepEveryMs) triedMs = startedMs;
    if (!(await isOurs())) {
      deps.ticked?.('skipped', deps.clock.now() - startedMs);
      return { expired: 0, warned: 0, repaired: 0 };
    }
    const sweep = forced || sweptMs === undefined || startedMs - sweptMs >= deps.policy.sweepEveryMs;
    if (sweep) sweptMs = startedMs;
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      const { snapshot, listed } = await takeSnapshot(deps, sweep);
      const summary = await act(deps, reapPlan(snapshot, deps.policy, deps.safety), listed);
      await lookOnce();
      outcome = 'ok';
      return summary;
    } finally {
      deps.ticked?.(outcome, deps.clock.now() - startedMs);
    }
  }
  async function survey(): Promise<SweepReport> {
    const { snapshot, listed, unknown } = await takeSnapshot(deps, true);
    const open = await deps.store.openStrays(deps.cluster.name);
    return {
      atMs: snapshot.nowMs,
      server: deps.vms.name,
      listing:
        listed === undefined
          ? { known: false, why: unknown ?? 'it was not asked' }
          : {
              known: true,
              vms: listed.length,
              ours: listed.filter((vm) => !vm.template && vm.tags.includes(deps.ownerTag)).length,
            },
      nodes: snapshot.nodes?.length,
      records: [...snapshot.workers.values()].filter(({ state }) => state !== 'failed' && state !== 'removed').length,
      plan: reapPlan(snapshot, deps.policy, deps.safety),
      strays: open,
      rival,
    };
  }
  return {
    rival: () => rival,
    async renew() {
      const ours = await isOurs();
      if (ours) await lookOnce();
      return ours;
    },
    tick() {
      running ??= round(false).finally(() => {
        running = undefined;
      });
      return running;
    },
    survey,
    async sweepNow(by) {
      // one that is under way may not be a sweep
      while (running !== undefined) await running.catch(() => undefined);
      running = round(true).finally(() => {
        running = undefined;
      });
      await deps.store.appendAudit([
        {
          atMs: deps.clock.now(),
          cluster: deps.cluster.name,
          actor: by,
          action: 'sweep',
          outcome: 'requested',
          text: 'compare the VMs with the records now, and repair',
        },
      ]);
      const done = await running;
      return { ...(await survey()), done };
    },
    async nextMs() {
      const nowMs = deps.clock.now();
      const moments = await Promise.all(
        [0, ...deps.policy.warnBeforeMs].map(async (leadMs) => {
          const deadlineMs = await deps.store.nextDeadlineMs(nowMs + leadMs, deps.cluster.name);
          return deadlineMs === undefined ? Infinity : deadlineMs - leadMs;
        }),
      );
      // what falls into the quiet hours falls due before they begin
      const sweepMs = triedMs === undefined ? Infinity : triedMs + Math.max(1000, deps.policy.sweepEveryMs);
      const next = Math.min(...moments, sweepMs, nextQuiet(nowMs, deps.policy.quiet) ?? Infinity);
      return next === Infinity ? undefined : next;
    },
  };
}

async function act(deps: ReaperDeps, plan: ReapPlan, listed: readonly ReapVm[] | undefined): Promise<ReapSummary> {
  const repaired = (await repair(deps, plan)) + (await followStrays(deps, plan.strays, listed));
  let expired = 0;
  for (const { workers, deadlineMs } of plan.expire) expired += await expireAll(deps, workers, deadlineMs);
  let warned = 0;
  for (const warning of plan.warn) if (await warn(deps, warning)) warned += 1;
  if (expired + warned + repaired > 0) deps.poke();
  return { expired, warned, repaired };
}

/** Removes these workers in one operation; when that is refused, each that may go in its own. @returns how many go. */
async function expireAll(deps: ReaperDeps, workers: readonly string[], deadlineMs: number): Promise<number> {
  try {
    await deps.upkeep.expire(workers, deadlineMs, 'its deadline has passed');
    return workers.length;
  } catch (error) {
    if (!isBurstError(error)) throw error;
    if (workers.length > 1) {
      let expired = 0;
      for (const worker of workers) expired += await expireAll(deps, [worker], deadlineMs);
      return expired;
    }
    const [workerName = ''] = workers;
    deps.log.warn({ workerName, err: error }, 'an expired worker could not be removed');
    await tellOnce(deps, {
      key: `refusal:${workerName}:${deadlineMs}:${error.message}`,
      workerName,
      text: `The deadline of ${workerName} has passed, but it stays: ${error.message}`,
    });
    return 0;
  }
}
