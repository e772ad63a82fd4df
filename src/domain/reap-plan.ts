/**
 * What the reaper would do now: one pure function of a snapshot. Invariants: a worker with a live run is left alone; each
 * deadline is warned of once per lead time; at most `maxRemovalsAtOnce` removals run at a time; what could not be read
 * (`undefined`) leads to nothing.
 */
import type { ReaperPolicy, SafetyPolicy } from './policy.ts';
import { beforeQuiet } from './quiet-hours.ts';
import type { QuietPolicy } from './quiet-hours.ts';
import { NODE_KEYS, notProvablyBurst } from './safety.ts';
import { isReady, notReadySince } from './views.ts';
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
  readonly host?: string | undefined;
  readonly lock?: string | undefined;
};
/** A VM with our ownership tag that no record owns. */
export type ReapStray = {
  readonly vmId: string;
  readonly name: string;
  readonly host: string | undefined;
  /**
   * `unrecorded`: no worker of its name; `leftover`: that worker has ended, with another VM; `twin`: that worker lives, with
   * another VM.
   */
  readonly kind: 'unrecorded' | 'leftover' | 'twin';
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
  /** VMs with our ownership tag that no record owns: a person has to look. Undefined: the VMs are not known now. */
  readonly strays: readonly ReapStray[] | undefined;
  /** Active workers whose VM is gone, and whose node is too, or has long not been Ready. */
  readonly vanished: readonly string[];
  /** So many VMs are missing at once, of workers that have a node, that the listing is not believed for them. */
  readonly unlisted: readonly string[];
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

/** More VMs than this share of the active workers' (and more than one) do not go at once: the listing lacks them. */
const MOST_GONE = 0.2;

type VmRepairs = Pick<ReapPlan, 'orphans' | 'strays' | 'vanished' | 'unlisted'>;

function vmRepairs(snapshot: ReapSnapshot, policy: ReaperPolicy): VmRepairs {
  const { vms, workers, busy, nowMs } = snapshot;
  if (vms === undefined) return { orphans: [], strays: undefined, vanished: [], unlisted: [] };
  const settled = (worker: ReapWorker): boolean =>
    !busy.has(worker.name) && nowMs - worker.settledAtMs > policy.sweepGraceMs;
  const byVmId = new Map(
    [...workers.values()].flatMap((worker) => (worker.vmId === undefined ? [] : [[worker.vmId, worker]])),
  );
  return {
    orphans: vms.flatMap((vm) => {
      // a half-made clone has no name yet: its id was journaled before it was asked for
      const worker = workers.get(vm.name) ?? (isHalfMade(vm) ? byVmId.get(vm.id) : undefined);
      const over = worker?.state === 'failed' || worker?.state === 'removed';
      return worker !== undefined && over && !vm.template && worker.vmId === vm.id && settled(worker)
        ? [{ workerName: worker.name, vmId: vm.id }]
        : [];
    }),
    strays: vms.flatMap((vm): ReapStray[] => {
      if (vm.template || !vm.tags.includes(snapshot.ownerTag)) return [];
      const kind = strayKind(vm, workers.get(vm.name), settled);
      return kind === undefined ? [] : [{ vmId: vm.id, name: vm.name, host: vm.host, kind }];
    }),
    ...vanishedOf(snapshot, policy, vms, settled),
  };
}

const isHalfMade = (vm: ReapVm): boolean =>
  vm.lock !== undefined && vm.tags.length === 0 && (vm.name === '' || vm.name === `VM ${vm.id}`);

function vanishedOf(
  { nodes, workers, nowMs }: ReapSnapshot,
  policy: ReaperPolicy,
  vms: readonly ReapVm[],
  settled: (worker: ReapWorker) => boolean,
): Pick<ReapPlan, 'vanished' | 'unlisted'> {
  if (nodes === undefined) return { vanished: [], unlisted: [] };
  const named = new Set(vms.map((vm) => vm.name));
  const ids = new Set(vms.map((vm) => vm.id));
  const present = new Map(nodes.map((node) => [node.name, node]));
  const active = [...workers.values()].filter((worker) => worker.state === 'active');
  const missing = active.filter(
    (worker) => settled(worker) && !named.has(worker.name) && (worker.vmId === undefined || !ids.has(worker.vmId)),
  );
  const alone = missing.filter((worker) => !present.has(worker.name)).map((worker) => worker.name);
  const withNode = missing.filter((worker) => present.has(worker.name) && worker.vmId !== undefined);
  if (withNode.length > Math.max(1, Math.ceil(active.length * MOST_GONE)))
    return { vanished: alone, unlisted: withNode.map((worker) => worker.name) };
  const dead = withNode.filter((worker) => {
    const node = present.get(worker.name);
    const sinceMs = node === undefined || isReady(node) ? undefined : notReadySince(node);
    return sinceMs !== undefined && nowMs - sinceMs >= policy.vmGoneAfterMs;
  });
  return { vanished: [...alone, ...dead.map((worker) => worker.name)], unlisted: [] };
}

/** Why this VM with our tag is nobody's, or undefined when it is somebody's. */
function strayKind(
  vm: ReapVm,
  worker: ReapWorker | undefined,
  settled: (worker: ReapWorker) => boolean,
): ReapStray['kind'] | undefined {
  if (worker === undefined) return 'unrecorded';
  if (worker.vmId === vm.id || !settled(worker)) return undefined;
  if (worker.state === 'failed' || worker.state === 'removed') return 'leftover';
  // a worker whose VM id is not recorded owns the VM of its name
  return worker.vmId === undefined ? undefined : 'twin';
}
