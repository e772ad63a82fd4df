/**
 * Compares the books with the world and submits what is due. Invariants: takes no input; one run at a time; a node that is
 * not provably a burst worker is never drained or removed; an unreadable world is left alone until it can be read.
 */
import { reapPlan } from '../domain/reap-plan.ts';
import type { ReapSchedule } from '../domain/reap-plan.ts';
import { isBurstError } from '../domain/errors.ts';
import type { ReaperPolicy, SafetyPolicy } from '../domain/policy.ts';
import { NODE_KEYS, notProvablyBurst } from '../domain/safety.ts';
import type { Log } from '../engine/index.ts';
import type { Accepted } from '../operations/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { NewAudit, Store } from '../ports/store.ts';

/** Rows read in one tick at the most; the next tick goes on. */
const MAX_DUE = 500;

export type ReaperDeps = {
  readonly store: Store;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly policy: ReaperPolicy;
  readonly safety: SafetyPolicy;
  readonly log: Log;
  readonly expire: (workers: readonly string[], deadlineMs: number, reason: string) => Promise<Accepted>;
  /** Records a burst worker that the database does not know. */
  readonly adopt: (nodeName: string) => Promise<void>;
  readonly poke: () => void;
};

export type ReapSummary = { readonly expired: number; readonly warned: number; readonly repaired: number };

export type Reaper = { readonly tick: () => Promise<ReapSummary> };

export function createReaper(deps: ReaperDeps): Reaper {
  let running: Promise<ReapSummary> | undefined;
  return {
    tick() {
      running ??= reap(deps).finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}

async function reap(deps: ReaperDeps): Promise<ReapSummary> {
  const repaired = (await adoptUnknown(deps)) + (await repairCordons(deps)) + (await sweepTokens(deps));
  const { store, cluster, clock, policy } = deps;
  const nowMs = clock.now();
  const horizonMs = nowMs + Math.max(0, ...policy.warnBeforeMs);
  const due = await store.schedulesDue(horizonMs, MAX_DUE);
  const live = await store.liveRuns();
  const lastFailureMs = new Map<string, number>();
  const schedules: ReapSchedule[] = [];
  for (const schedule of due) {
    if (schedule.cluster !== cluster.name) continue;
    const worker = await store.getWorker(schedule.cluster, schedule.workerName);
    schedules.push({ ...schedule, operationId: worker?.operationId ?? schedule.workerName });
    if (schedule.expiresAtMs > nowMs) continue;
    const last = await store.lastRunOf(schedule.cluster, schedule.workerName, 'remove-worker');
    if (last?.state === 'undone' && last.endedAtMs !== undefined)
      lastFailureMs.set(schedule.workerName, last.endedAtMs);
  }
  const plan = reapPlan(
    {
      nowMs,
      schedules,
      busy: new Set(live.filter((run) => run.cluster === cluster.name).map((run) => run.workerName)),
      removalsRunning: live.filter((run) => run.kind === 'remove-worker' && run.state !== 'stuck').length,
      lastFailureMs,
    },
    policy,
  );
  let expired = 0;
  for (const item of plan.expire) {
    try {
      await deps.expire([item.workerName], item.deadlineMs, 'its deadline has passed');
      expired += 1;
    } catch (error) {
      if (!isBurstError(error)) throw error;
      deps.log.warn({ workerName: item.workerName, err: error }, 'an expired worker could not be removed');
      await tellRefusal(deps, item.workerName, item.deadlineMs, error.message);
    }
  }
  let warned = 0;
  for (const warning of plan.warn) if (await warn(deps, due, warning)) warned += 1;
  if (expired + warned + repaired > 0) deps.poke();
  return { expired, warned, repaired };
}

async function warn(
  deps: ReaperDeps,
  due: Awaited<ReturnType<Store['schedulesDue']>>,
  warning: {
    readonly operationId: string;
    readonly workers: readonly string[];
    readonly deadlineMs: number;
    readonly leadMs: number;
  },
): Promise<boolean> {
  const { store, cluster, clock } = deps;
  const channelId = (await store.getWorker(cluster.name, warning.workers[0] ?? ''))?.channelId;
  return store.recordWarning({
    schedules: due.filter(
      (schedule) => schedule.cluster === cluster.name && warning.workers.includes(schedule.workerName),
    ),
    deadlineMs: warning.deadlineMs,
    leadMs: warning.leadMs,
    outbox: {
      key: `warning:${warning.operationId}:${warning.deadlineMs}:${warning.leadMs}`,
      notBeforeMs: 0,
      channelId,
      notice: {
        kind: 'warning',
        cluster: cluster.name,
        operationId: warning.operationId,
        workers: warning.workers,
        deadlineMs: warning.deadlineMs,
        leadMs: warning.leadMs,
      },
    },
    audit: warning.workers.map((workerName): NewAudit => ({
      atMs: clock.now(),
      cluster: cluster.name,
      actor: { kind: 'system', name: 'reaper' },
      action: 'warn',
      outcome: 'done',
      workerName,
      operationId: warning.operationId,
      text: `warned ${Math.round(warning.leadMs / 60_000)} min before the deadline`,
    })),
  });
}

/** Says once for each deadline why an expired worker stays. */
async function tellRefusal(deps: ReaperDeps, workerName: string, deadlineMs: number, text: string): Promise<void> {
  const key = `refusal:${deps.cluster.name}:${workerName}:${deadlineMs}:${text}`;
  const by = { kind: 'system', name: 'reaper' } as const;
  if ((await deps.store.claimAction(key, by, deps.clock.now())) !== undefined) return;
  await deps.store.enqueue({
    key,
    notBeforeMs: 0,
    channelId: (await deps.store.getWorker(deps.cluster.name, workerName))?.channelId,
    notice: {
      kind: 'alert',
      cluster: deps.cluster.name,
      workerName,
      text: `The deadline of ${workerName} has passed, but it stays: ${text}`,
    },
  });
  deps.poke();
}

/** Burst workers in the cluster that the database does not know (it was lost) are taken up from their annotations. */
async function adoptUnknown(deps: ReaperDeps): Promise<number> {
  if (deps.cluster.freshness().stale) return 0;
  let adopted = 0;
  for (const node of deps.cluster.cachedNodes()) {
    if (notProvablyBurst(node, deps.safety) !== undefined) continue;
    if ((await deps.store.getWorker(deps.cluster.name, node.name)) !== undefined) continue;
    await deps.adopt(node.name);
    adopted += 1;
  }
  return adopted;
}

/** A node left cordoned by a run of ours that was undone (a late call landed after the undo). */
async function repairCordons(deps: ReaperDeps): Promise<number> {
  if (deps.cluster.freshness().stale) return 0;
  let repaired = 0;
  for (const node of deps.cluster.cachedNodes()) {
    const runId = node.annotations[NODE_KEYS.cordonedBy];
    if (runId === undefined || !node.unschedulable) continue;
    const run = await deps.store.getRun(runId);
    if (run?.state !== 'undone') continue;
    try {
      await deps.cluster.patchNode(node, { unschedulable: false, annotations: { [NODE_KEYS.cordonedBy]: null } });
      repaired += 1;
      await deps.store.appendAudit([
        {
          atMs: deps.clock.now(),
          cluster: deps.cluster.name,
          actor: { kind: 'system', name: 'reaper' },
          action: 'uncordon',
          outcome: 'done',
          workerName: node.name,
          runId,
          text: 'it was left cordoned by a run that was undone',
        },
      ]);
    } catch (error) {
      deps.log.warn({ workerName: node.name, err: error }, 'a leftover cordon could not be removed');
    }
  }
  return repaired;
}

async function sweepTokens(deps: ReaperDeps): Promise<number> {
  try {
    const nowMs = deps.clock.now();
    const expired = (await deps.cluster.listBootstrapTokens()).filter(
      (token) => token.expiresAtMs !== undefined && token.expiresAtMs < nowMs,
    );
    for (const token of expired) await deps.cluster.deleteBootstrapToken(token.id);
    return expired.length;
  } catch (error) {
    deps.log.warn({ err: error }, 'bootstrap tokens could not be swept');
    return 0;
  }
}
