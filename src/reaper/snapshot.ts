/** What the reaper decides on. Invariant: what could not be read is left undefined, never taken for empty. */
import { messageOf } from '../domain/errors.ts';
import type { ReapSchedule, ReapSnapshot, ReapVm, ReapWorker } from '../domain/reap-plan.ts';
import { afterQuiet } from '../domain/quiet-hours.ts';
import { NODE_KEYS } from '../domain/safety.ts';
import type { NodeFacts } from '../domain/worker.ts';
import type { WorkerRecord } from '../ports/store.ts';
import type { ReaperDeps } from './deps.ts';

/** Rows read in one tick at the most; the next tick goes on. */
const MAX_DUE = 1000;

export type Look = {
  readonly snapshot: ReapSnapshot;
  /** Every VM that the server shows, as it shows them; undefined when they were not asked for, or could not be listed. */
  readonly listed: readonly ReapVm[] | undefined;
  /** Why nothing is concluded from the listing of the VMs. */
  readonly unknown: string | undefined;
};

/** @param sweep also list the VMs and look at what became of each worker's. */
export async function takeSnapshot(deps: ReaperDeps, sweep: boolean): Promise<Look> {
  const { store, cluster, clock, policy } = deps;
  // the provider first, the records second: a worker recorded in between is then never a stray
  const { vms, why } = sweep ? await listVms(deps) : { vms: undefined, why: undefined };
  const nodes = cluster.freshness().stale ? undefined : cluster.cachedNodes();
  const tokens = sweep ? await store.listTokens({ cluster: cluster.name }) : [];
  const nowMs = clock.now();
  const live = (await store.liveRuns()).filter((run) => run.cluster === cluster.name);
  const workers =
    sweep || nodes !== undefined ? await workersOf(deps, nodes ?? [], vms ?? [], sweep) : new Map<string, ReapWorker>();
  const { schedules, lastFailureMs } = await dueSchedules(
    deps,
    nowMs,
    // deadlines that are warned of in the quiet hours are warned of before them
    afterQuiet(nowMs, policy.quiet) + Math.max(0, ...policy.warnBeforeMs),
  );
  const believed = believable(vms, workers);
  const snapshot: ReapSnapshot = {
    nowMs,
    schedules,
    busy: new Set(live.map((run) => run.workerName)),
    removalsRunning: live.filter((run) => run.kind === 'remove-worker' && run.state !== 'stuck').length,
    lastFailureMs,
    nodes,
    workers,
    undoneRuns: await undoneRuns(deps, nodes ?? []),
    vms: await withoutNeighbours(deps, believed, workers),
    ownerTag: deps.ownerTag,
    tokens,
  };
  const empty = vms !== undefined && believed === undefined;
  return {
    snapshot,
    listed: believed,
    unknown: empty ? 'it lists no VM at all, although workers have some' : why,
  };
}

async function dueSchedules(
  { store, cluster }: ReaperDeps,
  nowMs: number,
  horizonMs: number,
): Promise<{ readonly schedules: readonly ReapSchedule[]; readonly lastFailureMs: ReadonlyMap<string, number> }> {
  const schedules: ReapSchedule[] = [];
  const lastFailureMs = new Map<string, number>();
  for (const schedule of await store.schedulesDue(horizonMs, MAX_DUE, cluster.name)) {
    const worker = await store.getWorker(schedule.cluster, schedule.workerName);
    schedules.push({ ...schedule, operationId: worker?.operationId ?? schedule.workerName });
    if (schedule.expiresAtMs > nowMs) continue;
    const last = await store.lastRunOf(schedule.cluster, schedule.workerName, 'remove-worker');
    if (last?.state === 'undone' && last.endedAtMs !== undefined)
      lastFailureMs.set(schedule.workerName, last.endedAtMs);
  }
  return { schedules, lastFailureMs };
}

async function listVms({
  vms,
  log,
}: ReaperDeps): Promise<{ readonly vms: readonly ReapVm[] | undefined; readonly why: string | undefined }> {
  try {
    return { vms: await vms.list(), why: undefined };
  } catch (error) {
    log.warn({ err: error }, 'the VMs could not be listed; nothing is concluded from that');
    return { vms: undefined, why: messageOf(error) };
  }
}

/** An empty listing while VMs are recorded is an outage of the provider, not an end of everything. */
function believable(
  vms: readonly ReapVm[] | undefined,
  workers: ReadonlyMap<string, ReapWorker>,
): readonly ReapVm[] | undefined {
  const expected = [...workers.values()].some((worker) => worker.state === 'active' && worker.vmId !== undefined);
  return vms?.length === 0 && expected ? undefined : vms;
}

/** VMs of this installation's other clusters are no strays of this one: they may share a VM server. */
async function withoutNeighbours(
  { store, cluster, ownerTag }: ReaperDeps,
  vms: readonly ReapVm[] | undefined,
  workers: ReadonlyMap<string, ReapWorker>,
): Promise<readonly ReapVm[] | undefined> {
  const unknown = vms?.filter((vm) => !workers.has(vm.name)) ?? [];
  if (vms === undefined || !unknown.some((vm) => vm.tags.includes(ownerTag))) return vms;
  const recorded = await store.listWorkers({ vmIds: unknown.map(({ id }) => id) });
  const others = recorded.filter((worker) => worker.cluster !== cluster.name);
  const known = new Set(others.map(({ name, vmId }) => `${name} ${vmId ?? ''}`));
  return vms.filter((vm) => workers.has(vm.name) || !known.has(`${vm.name} ${vm.id}`));
}

async function workersOf(
  { store, cluster, safety }: ReaperDeps,
  nodes: readonly NodeFacts[],
  vms: readonly ReapVm[],
  sweep: boolean,
): Promise<ReadonlyMap<string, ReapWorker>> {
  const records = new Map<string, WorkerRecord>();
  if (sweep)
    for (const record of await store.listWorkers({
      cluster: cluster.name,
      states: ['requested', 'active', 'removing', 'failed'],
    }))
      records.set(record.name, record);
  const marked = nodes.filter((node) => node.labels[safety.label.key] === safety.label.value);
  for (const name of new Set([...marked.map((node) => node.name), ...vms.map((vm) => vm.name)])) {
    if (records.has(name)) continue;
    const record = await store.getWorker(cluster.name, name);
    if (record !== undefined) records.set(name, record);
  }
  const workers = new Map<string, ReapWorker>();
  const present = new Set(nodes.map((node) => node.name));
  const withVm = new Set(vms.map((vm) => vm.name));
  for (const { name, state, vmId, createdAtMs, removedAtMs } of records.values()) {
    // only those that something may have to be done about are worth the queries
    const suspect = sweep && (state === 'active' ? !present.has(name) : withVm.has(name));
    const runs = suspect
      ? await Promise.all(
          (['add-worker', 'remove-worker'] as const).map((kind) => store.lastRunOf(cluster.name, name, kind)),
        )
      : [];
    workers.set(name, {
      name,
      state,
      vmId,
      settledAtMs: Math.max(createdAtMs, removedAtMs ?? 0, ...runs.map((run) => run?.endedAtMs ?? 0)),
    });
  }
  return workers;
}

async function undoneRuns({ store }: ReaperDeps, nodes: readonly NodeFacts[]): Promise<ReadonlySet<string>> {
  const undone = new Set<string>();
  for (const node of nodes) {
    const runId = node.annotations[NODE_KEYS.cordonedBy];
    if (runId !== undefined && node.unschedulable && (await store.getRun(runId))?.state === 'undone') undone.add(runId);
  }
  return undone;
}
