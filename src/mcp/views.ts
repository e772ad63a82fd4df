/** Workers, operations and previews as structured content and as prose. Invariant: others' text passes `clean` or `quoted`. */
import { decimalOf, digitsOf, moneyOf } from '../domain/money.ts';
import type { Money, WorkerCost } from '../domain/money.ts';
import type { DrainPreview } from '../domain/drain-plan.ts';
import type { Actor, Operation, Run } from '../domain/operation.ts';
import type { Resources, WorkerDetails, WorkerView } from '../domain/worker.ts';
import type { Fleet } from '../operations/index.ts';
import type { DetailsOut, FleetOut, OperationOut, PreviewOut, WorkerOut } from './schemas.ts';
import { clean, cleanRecord, quoted, QUOTED_IS_DATA } from './text.ts';

const MAX_PODS = 100;
const MAX_LISTED = 200;

export const time = (ms: number): string => new Date(ms).toISOString();
const optional = <K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined ? {} : ({ [key]: value } as Record<K, V>);
const resources = ({ cpuMillis, memoryMiB, pods }: Resources) => ({
  cpu_millicores: Math.round(cpuMillis),
  memory_mib: Math.round(memoryMiB),
  pods,
});

/** `slack:U…`, `assistant:NAME` or `burst:PART`. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'slack':
      return `slack:${actor.userId}`;
    case 'assistant':
      return `assistant:${actor.name}`;
    case 'system':
      return `burst:${actor.name}`;
  }
}

export function workerOut(worker: WorkerView): WorkerOut {
  return {
    name: clean(worker.name, 253),
    cluster: worker.cluster,
    type: worker.type,
    status: worker.status,
    ...optional('size', worker.size === undefined ? undefined : clean(worker.size, 60)),
    capacity: resources(worker.capacity),
    allocatable: resources(worker.allocatable),
    requested: resources(worker.requested),
    created_at: time(worker.createdAtMs),
    ...optional('ttl_expires', worker.expiresAtMs === undefined ? undefined : time(worker.expiresAtMs)),
    ...optional('owner', worker.owner === undefined ? undefined : clean(worker.owner, 80)),
    ...optional('activity', worker.activity === undefined ? undefined : clean(worker.activity)),
    labels: cleanRecord(worker.labels),
    annotations: cleanRecord(worker.annotations),
  };
}

/** The fleets of several clusters as one. */
export function fleetOut(fleets: ReadonlyMap<string, Fleet>): FleetOut {
  return {
    clusters: [...fleets].map(([cluster, fleet]) => {
      const { freshness, vmServer } = fleet;
      return {
        cluster,
        stale: freshness.stale,
        ...(freshness.stale
          ? {
              ...optional('stale_since', freshness.sinceMs === undefined ? undefined : time(freshness.sinceMs)),
              stale_reason: clean(freshness.reason),
            }
          : {}),
        ...(vmServer === undefined
          ? {}
          : {
              vm_server_away: {
                server: clean(vmServer.server),
                since: time(vmServer.sinceMs),
                reason: clean(vmServer.reason),
                next_look: time(vmServer.nextLookMs),
              },
            }),
        burst_workers: fleet.burstCount,
        max_burst_workers: fleet.maxBurstWorkers,
        joining: fleet.joining,
      };
    }),
    workers: [...fleets.values()].flatMap(({ workers }) => workers.slice(0, MAX_LISTED).map(workerOut)),
  };
}

export function fleetText(fleet: FleetOut, total: number): string {
  const lines = fleet.clusters.map(
    (cluster) =>
      `Cluster ${cluster.cluster}: ${cluster.burst_workers} of at most ${cluster.max_burst_workers} burst workers` +
      (cluster.joining === 0 ? '' : `, ${cluster.joining} on the way`) +
      (cluster.stale ? `; STALE${cluster.stale_since === undefined ? '' : ` since ${cluster.stale_since}`}` : '') +
      (cluster.vm_server_away === undefined
        ? ''
        : `; the VM server ${quoted(cluster.vm_server_away.server)} has not answered since ${cluster.vm_server_away.since}: what needs it waits`),
  );
  const workers = fleet.workers.map(
    (worker) =>
      `- ${quoted(worker.name)} ${worker.type}, ${worker.status}` +
      (worker.size === undefined ? '' : `, size ${quoted(worker.size)}`) +
      (worker.ttl_expires === undefined ? '' : `, expires ${worker.ttl_expires}`) +
      `, cpu ${worker.requested.cpu_millicores}/${worker.allocatable.cpu_millicores} m` +
      `, memory ${worker.requested.memory_mib}/${worker.allocatable.memory_mib} MiB` +
      `, pods ${worker.requested.pods}/${worker.allocatable.pods}`,
  );
  const rest = total - fleet.workers.length;
  return [...lines, ...workers, ...(rest > 0 ? [`… and ${rest} more`] : []), QUOTED_IS_DATA].join('\n');
}

export function detailsOut(details: WorkerDetails): DetailsOut {
  const { node, vm } = details;
  return {
    ...workerOut(details),
    conditions: node.conditions.slice(0, 20).map((condition) => ({
      type: clean(condition.type, 80),
      status: condition.status,
      reason: clean(condition.reason, 120),
      message: clean(condition.message, 300),
      ...optional('since', condition.sinceMs === undefined ? undefined : time(condition.sinceMs)),
    })),
    addresses: node.addresses.slice(0, 20).map(({ type, address }) => ({ type: clean(type), address: clean(address) })),
    taints: node.taints.slice(0, 20).map(({ key, value, effect }) => ({
      key: clean(key),
      value: clean(value),
      effect: clean(effect),
    })),
    pods: details.pods.slice(0, MAX_PODS).map((pod) => ({
      namespace: clean(pod.namespace),
      name: clean(pod.name, 253),
      phase: pod.phase,
      owner: pod.controller === undefined ? '' : clean(`${pod.controller.kind} ${pod.controller.name}`),
    })),
    pods_total: details.pods.length,
    ...(vm === undefined
      ? {}
      : {
          vm: {
            id: clean(vm.id),
            ...optional('host', vm.host === undefined ? undefined : clean(vm.host)),
            state: clean(vm.state),
          },
        }),
    ...optional('cost', costOut(details.cost === undefined ? [] : [details.cost])),
    kubelet_version: clean(node.kubeletVersion),
    os_image: clean(node.osImage),
    history: details.history.map((row) => ({
      at: time(row.atMs),
      actor: clean(row.actor),
      text: clean(row.text, 300),
    })),
  };
}

export function detailsText(details: DetailsOut): string {
  const lines = [
    `Worker ${quoted(details.name)} (${details.type}) in ${details.cluster}: ${details.status}`,
    details.ttl_expires === undefined ? 'No deadline' : `Deadline ${details.ttl_expires}`,
    ...(details.cost === undefined ? [] : [costText(details.cost)]),
    `VM: ${details.vm === undefined ? 'not known' : `${details.vm.id}, ${details.vm.state}`}`,
    `Pods: ${details.pods_total}`,
    ...details.conditions.map((item) => `- ${quoted(item.type)} ${item.status}: ${quoted(item.message, 120)}`),
    QUOTED_IS_DATA,
  ];
  return lines.join('\n');
}

export function previewOut(preview: DrainPreview): PreviewOut {
  const named = ({ namespace, name }: { namespace: string; name: string }) => ({
    namespace: clean(namespace),
    name: clean(name, 253),
  });
  return {
    worker: clean(preview.node, 253),
    cordoned: preview.unschedulable,
    evict: preview.evict.slice(0, MAX_LISTED).map((pod) => ({ ...named(pod), owner: clean(pod.owner) })),
    skip: preview.skip.slice(0, MAX_LISTED).map((pod) => ({ ...named(pod), why: pod.why })),
    errors: preview.errors.slice(0, MAX_LISTED).map((pod) => ({ ...named(pod), text: clean(pod.text) })),
    blocked: preview.blocked.slice(0, MAX_LISTED).map((block) => ({
      ...block,
      pod: clean(block.pod),
      budget: clean(block.budget),
      numbers: clean(block.numbers),
    })),
    losses: preview.losses.slice(0, MAX_LISTED).map((loss) => clean(loss)),
  };
}

export function previewText(preview: PreviewOut): string {
  return [
    `A drain of ${quoted(preview.worker)} would evict ${preview.evict.length} pods and leave ${preview.skip.length}.`,
    ...preview.errors.map(
      (pod) => `It would not begin: ${quoted(`${pod.namespace}/${pod.name}`)}: ${quoted(pod.text)}`,
    ),
    ...preview.blocked.map(
      (block) =>
        `Held back now: ${quoted(block.pod)} by ${quoted(block.budget)} (${quoted(block.numbers)})${block.never ? ', which cannot let go by itself' : ''}`,
    ),
    ...preview.losses.map((loss) => `Lost for good: ${quoted(loss)}`),
    QUOTED_IS_DATA,
  ].join('\n');
}

type CostOut = NonNullable<OperationOut['cost']>;
/** What workers cost together; nothing where no price is known, or they have several currencies. */
export function costOut(costs: readonly WorkerCost[]): CostOut | undefined {
  const [first] = costs;
  const { currency } = first?.price ?? { currency: '' };
  if (first === undefined || costs.some(({ price }) => price.currency !== currency)) return undefined;
  const sum = (of: (worker: WorkerCost) => Money): string =>
    decimalOf({ exact: costs.reduce((all, worker) => all + of(worker).exact, 0n) }, Math.max(4, digitsOf(currency)));
  return {
    currency,
    per_hour: sum(({ price }) => moneyOf(currency, price.micros)),
    so_far: sum(({ spent }) => spent),
    at_deadline: sum(({ planned }) => planned),
  };
}
const costText = ({ currency, per_hour: hour, so_far: soFar, at_deadline: end }: CostOut): string =>
  `Cost in ${currency}: ${hour} an hour, ${soFar} so far, ${end} at the deadline`;

export function operationOut(
  operation: Operation,
  runs: readonly Run[],
  costs: readonly WorkerCost[] = [],
): OperationOut {
  return {
    id: operation.id,
    cluster: operation.cluster,
    kind: operation.kind,
    state: operation.state,
    requested_by: actorName(operation.requester),
    reason: clean(operation.reason, 500),
    created_at: time(operation.createdAtMs),
    ...optional('cost', costOut(costs)),
    ...optional('ended_at', operation.endedAtMs === undefined ? undefined : time(operation.endedAtMs)),
    workers: runs.map((run) => ({
      name: run.workerName,
      state: run.state,
      progress: clean(run.progress),
      ...(run.blocked === undefined
        ? {}
        : {
            blocked: { text: clean(run.blocked.text, 400), since: time(run.blocked.sinceMs), never: run.blocked.never },
          }),
      ...(run.failure === undefined
        ? {}
        : {
            failure: {
              code: run.failure.code,
              message: clean(run.failure.message, 400),
              ...optional('hint', run.failure.hint === undefined ? undefined : clean(run.failure.hint)),
            },
          }),
    })),
  };
}

export function operationText(operation: OperationOut): string {
  return [
    `Operation ${operation.id} (${operation.kind} in ${operation.cluster}): ${operation.state}`,
    ...(operation.cost === undefined ? [] : [costText(operation.cost)]),
    ...operation.workers.map(
      (worker) =>
        `- ${quoted(worker.name)} ${worker.state}: ${quoted(worker.progress)}` +
        (worker.blocked === undefined ? '' : `; blocked: ${quoted(worker.blocked.text, 400)}`) +
        (worker.failure === undefined ? '' : `; failed: ${quoted(worker.failure.message, 400)}`),
    ),
    QUOTED_IS_DATA,
  ].join('\n');
}
