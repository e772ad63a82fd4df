/**
 * Where new workers' VMs go. Invariants: the decision is journaled before anything is asked for, so that a repeated look
 * finds it; what other runs were promised and is not to be seen yet counts as taken, in every cluster with this VM server.
 */
import { BurstError, isBurstError } from '../domain/errors.ts';
import type { Run, RunData } from '../domain/operation.ts';
import { decides, placeAll, refusedInWords } from '../domain/placement.ts';
import type { Demand, Placing, Promised, Scene } from '../domain/placement.ts';
import type { Capacity } from '../ports/vm-provider.ts';
import type { StepDeps } from './deps.ts';
import type { Request } from './types.ts';

type Placed = NonNullable<RunData['place']>;

/** How long a request waits for the VM server to say whether there is room, ms; the step asks again. */
const ASK_MS = 5_000;

const demandOf = ({ workers }: Pick<StepDeps, 'workers'>, name: string): Demand | undefined => {
  const size = workers.sizes.get(name);
  return size === undefined ? undefined : { size: name, memoryMiB: size.memoryGiB * 1024, diskGiB: size.diskGiB };
};

/** Runs that are making a VM. */
async function makingOf({ store, sharedWith }: StepDeps): Promise<readonly Run[]> {
  return (await store.liveRuns()).filter(
    ({ kind, state, cluster }) => kind === 'add-worker' && state === 'running' && sharedWith.includes(cluster),
  );
}

async function sceneOf(deps: StepDeps, { hosts, vms }: Capacity, making: readonly Run[]): Promise<Scene> {
  const promised: Promised[] = [];
  const counted = new Set<string>();
  for (const { data, startedSteps } of making) {
    const { place, vmId } = data;
    if (place?.host === undefined) continue;
    if (vmId !== undefined) counted.add(vmId);
    const { storage, host, memoryMiB, diskGiB } = place;
    promised.push({
      host,
      memoryMiB,
      ...(vmId === undefined ? {} : { vmId }),
      // from the start on its disk is what the storage itself counts
      ...(storage === undefined || startedSteps.includes('start') ? {} : { disk: { storage, GiB: diskGiB } }),
    });
  }
  const records = await deps.store.listWorkers({ vmIds: vms.map(({ id }) => id) });
  const vmById = new Map(vms.map((vm) => [vm.id, vm]));
  for (const { cluster, name, size, vmId } of records) {
    const vm = vmById.get(vmId ?? '');
    if (vm?.host === undefined || vm.name !== name || counted.has(vm.id) || !deps.sharedWith.includes(cluster))
      continue;
    const memoryMiB = vm.memoryMiB ?? demandOf(deps, size)?.memoryMiB ?? 0;
    // one that was stopped on purpose still has to start again
    promised.push({ vmId: vm.id, host: vm.host, memoryMiB });
  }
  const placedBefore = await deps.store.countPlaced(deps.cluster.name);
  return { hosts, vms, promised, placedBefore };
}

function noRoom(
  placing: Extract<Placing, { kind: 'no_room' }>,
  count: number,
  { size, memoryMiB }: Demand,
): BurstError {
  const what = count === 1 ? `a ${size} worker` : `${count} ${size} workers`;
  const some = placing.fit > 0 ? `, only for ${placing.fit}; beside ${placing.fit === 1 ? 'that' : 'those'} ` : ': ';
  return new BurstError(
    'limit_reached',
    `The VM server has no room for ${what} of ${Math.round(memoryMiB / 102.4) / 10} GiB${some}${refusedInWords(placing.refused)}.`,
    { left: 'Nothing was created.', hint: 'Ask for fewer or smaller ones, or make room on a host.' },
  );
}

/**
 * Refuses what has no room now. A VM server that does not answer refuses nothing: each worker's own step asks again.
 * @throws BurstError `limit_reached` that says of each host what is missing.
 */
export async function assertRoom(
  deps: StepDeps,
  { idempotencyKey }: Pick<Request, 'idempotencyKey'>,
  size: string,
  count: number,
): Promise<void> {
  const demand = demandOf(deps, size);
  if (!decides(deps.placement) || demand === undefined) return;
  // the repetition of what was accepted is the same operation
  if ((await deps.store.operationByKey(idempotencyKey)) !== undefined) return;
  let capacity: Capacity;
  try {
    capacity = await deps.vms.capacity(AbortSignal.timeout(ASK_MS));
  } catch (error) {
    if (isBurstError(error)) return;
    throw error;
  }
  const making = await makingOf(deps);
  const waiting = making.flatMap(({ cluster, data }) =>
    cluster === deps.cluster.name && data.place === undefined ? (demandOf(deps, data.size ?? '') ?? []) : [],
  );
  const wanted = Array.from({ length: count }, () => demand);
  const placing = placeAll([...waiting, ...wanted], deps.placement, await sceneOf(deps, capacity, making));
  if (placing.kind === 'no_room')
    throw noRoom({ ...placing, fit: Math.max(0, placing.fit - waiting.length) }, count, demand);
}

/**
 * Decides for one run; undefined when nothing is to be decided.
 * @throws BurstError `limit_reached` as above, `unavailable` or `unknown_outcome` when the VM server does not say.
 */
export async function decidePlace(deps: StepDeps, run: Run, signal: AbortSignal): Promise<Placed | undefined> {
  const demand = demandOf(deps, run.data.size ?? '');
  if (!decides(deps.placement) || demand === undefined) return undefined;
  const capacity = await deps.vms.capacity(signal);
  const making = (await makingOf(deps)).filter(({ id }) => id !== run.id);
  const placing = placeAll([demand], deps.placement, await sceneOf(deps, capacity, making));
  if (placing.kind === 'no_room') throw noRoom(placing, 1, demand);
  const [place = {}] = placing.places;
  return { ...place, memoryMiB: demand.memoryMiB, diskGiB: demand.diskGiB };
}
