/**
 * What the reaper would do now: one pure function of a snapshot. Invariants: a worker with a live run is left alone; each
 * deadline is warned of once per lead time; at most `maxRemovalsAtOnce` removals run at a time; what could not be read
 * (`undefined`) leads to nothing.
 */
import type { ReaperPolicy, SafetyPolicy } from './policy.ts';
import { beforeQuiet } from './quiet-hours.ts';
import type { QuietPolicy } from './quiet-hours.ts';
import { NODE_KEYS, notProvablyBurst } from './safety.ts';
import type { NodeFacts } from './worker.ts';

export type ReapSchedule = {
  readonly workerName: string;
  readonly operationId: string;
  readonly startsAtMs: number;
  readonly expiresAtMs: number;
  readonly warnedDeadlineMs: number | undefined;
  readonly warnedLeadMs: number | undefined;
};

/** A recorded worker, as far as the sweep needs it. */
export type ReapWorker = {
  readonly name: string;
  readonly state: 'requested' | 'active' | 'removing' | 'removed' | 'failed';
  readonly vmId: string | undefined;
  /** When its last run ended (or it was recorded), ms. */
  readonly settledAtMs: number;
};
export type ReapVm = {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly template: boolean;
};
export type ReapToken = {
  readonly id: string;
  readonly uid: string | undefined;
  readonly workerName: string;
  readonly expiresAtMs: number;
};

export type ReapSnapshot = {
  readonly nowMs: number;
  /** Active schedules whose deadline is near or past, earliest first. */
  readonly schedules: readonly ReapSchedule[];
  /** Names of workers with a live run. */
  readonly busy: ReadonlySet<string>;
  readonly removalsRunning: number;
  /** When a removal of this worker last failed, ms. */
  readonly lastFailureMs: ReadonlyMap<string, number>;
  /** Undefined: the cluster's state is not known now. */
  readonly nodes: readonly NodeFacts[] | undefined;
  /** Every worker that the nodes and VMs name, and all that are not removed. */
  readonly workers: ReadonlyMap<string, ReapWorker>;
  /** Runs that ended by being undone, of those that nodes name as their cordon's. */
  readonly undoneRuns: ReadonlySet<string>;
  /** Undefined: not listed this time, or the listing failed or is not to be believed. */
  readonly vms: readonly ReapVm[] | undefined;
  /** This installation's ownership tag. */
  readonly ownerTag: string;
  /** Those that were asked for and are not known to be gone. */
  readonly tokens: readonly ReapToken[];
};

export type ReapPlan = {
  /** Workers of one operation with one deadline together. */
  readonly expire: readonly { readonly workers: readonly string[]; readonly deadlineMs: number }[];
  readonly warn: readonly {
    readonly operationId: string;
    readonly workers: readonly string[];
    readonly deadlineMs: number;
    readonly leadMs: number;
  }[];
  /** Provable burst workers that the database does not know (it was lost). */
  readonly adopt: readonly string[];
  /** Nodes left cordoned by a run that was undone: a call of it landed late. */
  readonly uncordon: readonly { readonly name: string; readonly uid: string; readonly runId: string }[];
  /** VMs whose creation landed after its run was undone, or that outlived their removal. */
  readonly orphans: readonly { readonly workerName: string; readonly vmId: string }[];
  /** VMs with our ownership tag that no record names: a person has to look. */
  readonly strays: readonly { readonly vmId: string; readonly name: string }[];
  /** Active workers of which neither node nor VM is left. */
  readonly vanished: readonly string[];
  /** Bootstrap tokens that have expired, or whose worker nothing is done for: the call that made them landed late. */
  readonly tokens: readonly ReapToken[];
};

/**
 * The lead time to warn with now, or undefined: the shortest lead that has come, fits the worker's life, and was not
 * given for this deadline (or a shorter one). A warning that would fall into the quiet hours comes before they begin.
 */
export function dueLead(
  schedule: ReapSchedule,
  nowMs: number,
  leadsMs: readonly number[],
  quiet: QuietPolicy,
): number | undefined {
  const { startsAtMs, expiresAtMs } = schedule;
  if (expiresAtMs <= nowMs) return undefined;
  const due = leadsMs.filter(
    (leadMs) => leadMs < expiresAtMs - startsAtMs && beforeQuiet(expiresAtMs - leadMs, quiet) <= nowMs,
  );
  if (due.length === 0) return undefined;
  const leadMs = Math.min(...due);
  const warned = schedule.warnedDeadlineMs === expiresAtMs ? schedule.warnedLeadMs : undefined;
  return warned !== undefined && warned <= leadMs ? undefined : leadMs;
}

export function reapPlan(snapshot: ReapSnapshot, policy: ReaperPolicy, safety: SafetyPolicy): ReapPlan {
  return {
    expire: dueRemovals(snapshot, policy),
    warn: dueWarnings(snapshot, policy),
    ...nodeRepairs(snapshot, safety),
    ...vmRepairs(snapshot, policy),
    tokens: snapshot.tokens.filter(
      (token) => token.expiresAtMs < snapshot.nowMs || !snapshot.busy.has(token.workerName),
    ),
  };
}

function dueRemovals(snapshot: ReapSnapshot, policy: ReaperPolicy): ReapPlan['expire'] {
  const free = Math.max(0, policy.maxRemovalsAtOnce - snapshot.removalsRunning);
  const due = snapshot.schedules
    .filter((schedule) => {
      const failedMs = snapshot.lastFailureMs.get(schedule.workerName);
      return (
        schedule.expiresAtMs <= snapshot.nowMs &&
        !snapshot.busy.has(schedule.workerName) &&
        (failedMs === undefined || snapshot.nowMs - failedMs >= policy.retryAfterMs)
      );
    })
    .slice(0, free);
  return grouped(due, (schedule) => `${schedule.operationId}/${schedule.expiresAtMs}`).map((group) => ({
    workers: group.map(({ workerName }) => workerName),
    deadlineMs: group[0].expiresAtMs,
  }));
}

function dueWarnings(snapshot: ReapSnapshot, policy: ReaperPolicy): ReapPlan['warn'] {
  const due = snapshot.schedules.flatMap((schedule) => {
    const leadMs = dueLead(schedule, snapshot.nowMs, policy.warnBeforeMs, policy.quiet);
    return leadMs === undefined ? [] : [{ ...schedule, leadMs }];
  });
  return grouped(due, ({ operationId, expiresAtMs, leadMs }) => `${operationId}/${expiresAtMs}/${leadMs}`).map(
    (group) => ({
      operationId: group[0].operationId,
      workers: group.map(({ workerName }) => workerName),
      deadlineMs: group[0].expiresAtMs,
      leadMs: group[0].leadMs,
    }),
  );
}

/** Those with the same key together, in the order in which each key came first. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function nodeRepairs(snapshot: ReapSnapshot, safety: SafetyPolicy): Pick<ReapPlan, 'adopt' | 'uncordon'> {
  const nodes = snapshot.nodes ?? [];
  return {
    adopt: nodes
      .filter((node) => !snapshot.workers.has(node.name) && notProvablyBurst(node, safety) === undefined)
      .map((node) => node.name),
    uncordon: nodes.flatMap((node) => {
      const runId = node.annotations[NODE_KEYS.cordonedBy];
      return runId !== undefined && node.unschedulable && snapshot.undoneRuns.has(runId)
        ? [{ name: node.name, uid: node.uid, runId }]
        : [];
    }),
  };
}

function vmRepairs(snapshot: ReapSnapshot, policy: ReaperPolicy): Pick<ReapPlan, 'orphans' | 'strays' | 'vanished'> {
  const { vms, nodes, workers, busy, nowMs } = snapshot;
  if (vms === undefined) return { orphans: [], strays: [], vanished: [] };
  const settled = (worker: ReapWorker): boolean =>
    !busy.has(worker.name) && nowMs - worker.settledAtMs > policy.sweepGraceMs;
  const named = new Set(vms.map((vm) => vm.name));
  const ids = new Set(vms.map((vm) => vm.id));
  const present = new Set((nodes ?? []).map((node) => node.name));
  return {
    orphans: vms.flatMap((vm) => {
      const worker = workers.get(vm.name);
      const over = worker?.state === 'failed' || worker?.state === 'removed';
      return worker !== undefined && over && !vm.template && worker.vmId === vm.id && settled(worker)
        ? [{ workerName: worker.name, vmId: vm.id }]
        : [];
    }),
    strays: vms
      .filter((vm) => !vm.template && vm.tags.includes(snapshot.ownerTag) && !workers.has(vm.name))
      .map((vm) => ({ vmId: vm.id, name: vm.name })),
    vanished:
      nodes === undefined
        ? []
        : [...workers.values()]
            .filter(
              (worker) =>
                worker.state === 'active' &&
                settled(worker) &&
                !present.has(worker.name) &&
                !named.has(worker.name) &&
                (worker.vmId === undefined || !ids.has(worker.vmId)),
            )
            .map((worker) => worker.name),
  };
}
