/**
 * Claims a cluster's due runs and advances them, at most `maxStepsAtOnce` at a time. Invariants: nothing is remembered here
 * that the store does not know, so a crash costs one repeated look; a cluster that hangs takes no other's slots.
 */
import type { Run } from '../domain/operation.ts';
import type { Clock } from '../ports/clock.ts';
import { advance } from './runner.ts';
import type { RunnerDeps } from './runner.ts';

export type Engine = {
  start(): void;
  /** Stops claiming, lets looks under way end (aborting their waits), and releases the claims. */
  stop(): Promise<void>;
  /** Something may have become due: look at the store now. */
  wake(): void;
  /** Claims and advances what is due until nothing is due now; for tests and simulations. */
  drainDue(): Promise<void>;
};

export type LoopDeps = RunnerDeps & {
  readonly clock: Clock;
  /** The cluster whose runs it advances; without it, runs of every cluster. */
  readonly clusterName?: string;
  /** Called after a run was advanced: the outbox may have news. */
  readonly advanced: (run: Run) => void;
};

export function createEngine(deps: LoopDeps): Engine {
  const mine = deps.clusterName === undefined ? {} : { cluster: deps.clusterName };
  const shutdown = new AbortController();
  const inFlight = new Set<Promise<void>>();
  let looping: Promise<void> | undefined;
  let wakeUp = new AbortController();

  async function claim(): Promise<number> {
    const free = deps.policy.maxStepsAtOnce - inFlight.size;
    if (free <= 0) return 0;
    const runs = await deps.store.claimRuns({
      ...mine,
      owner: deps.owner,
      nowMs: deps.clock.now(),
      claimMs: deps.policy.claimMs,
      limit: free,
    });
    for (const run of runs) {
      const work = advance(deps, run, shutdown.signal)
        .catch((error: unknown) => {
          // the claim runs out by itself and the run is looked at again
          deps.log.error({ runId: run.id, workerName: run.workerName, err: error }, 'run could not be advanced');
        })
        .finally(() => {
          inFlight.delete(work);
          deps.advanced(run);
          wake();
        });
      inFlight.add(work);
    }
    return runs.length;
  }

  function wake(): void {
    wakeUp.abort();
  }

  async function loop(): Promise<void> {
    while (!shutdown.signal.aborted) {
      wakeUp = new AbortController();
      const woken = wakeUp.signal;
      let waitMs = deps.policy.pollMs;
      try {
        const claimed = await claim();
        if (claimed > 0) continue;
        const dueMs = await deps.store.nextRunDueMs(deps.clusterName);
        if (dueMs !== undefined && inFlight.size < deps.policy.maxStepsAtOnce)
          waitMs = Math.max(5, Math.min(waitMs, dueMs - deps.clock.now()));
      } catch (error) {
        deps.log.error({ err: error }, 'runs could not be claimed');
      }
      await deps.clock.sleep(waitMs, AbortSignal.any([woken, shutdown.signal])).catch(() => undefined);
    }
  }

  return {
    start() {
      looping ??= loop();
    },
    async stop() {
      shutdown.abort(new Error('shutting down'));
      await looping;
      await Promise.all(inFlight);
    },
    wake,
    async drainDue() {
      while ((await claim()) > 0 || inFlight.size > 0) await Promise.all(inFlight);
    },
  };
}
