/** Nodes and pods as the workers that people see. Pure. */
import { podsToEvict } from './drain-plan.ts';
import type { SafetyPolicy } from './policy.ts';
import { deadlineOf, NODE_KEYS, workerType } from './safety.ts';
import type { NodeFacts, PodFacts, Resources, WorkerStatus, WorkerView } from './worker.ts';

export const isReady = (node: Pick<NodeFacts, 'conditions'>): boolean =>
  node.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');

/** When the node last stopped being Ready, ms; undefined while it is Ready or does not say. */
export function notReadySince(node: Pick<NodeFacts, 'conditions'>): number | undefined {
  return isReady(node) ? undefined : node.conditions.find(({ type }) => type === 'Ready')?.sinceMs;
}

/** not_ready before draining before busy before ready; busy: runs at least one pod that a drain would evict. */
export function workerStatus(node: NodeFacts, pods: readonly PodFacts[]): WorkerStatus {
  if (!isReady(node)) return 'not_ready';
  if (node.unschedulable) return 'draining';
  return podsToEvict(pods).length > 0 ? 'busy' : 'ready';
}

/** What the pods of a node request together; finished pods request nothing. */
export function requestedResources(pods: readonly PodFacts[]): Resources {
  const live = pods.filter((pod) => pod.phase !== 'Succeeded' && pod.phase !== 'Failed');
  return {
    cpuMillis: live.reduce((sum, pod) => sum + pod.requests.cpuMillis, 0),
    memoryMiB: live.reduce((sum, pod) => sum + pod.requests.memoryMiB, 0),
    pods: live.length,
  };
}

export function workerView(
  cluster: string,
  node: NodeFacts,
  pods: readonly PodFacts[],
  safety: SafetyPolicy,
  known: {
    readonly owner?: string | undefined;
    readonly operationId?: string | undefined;
    readonly activity?: string | undefined;
  },
): WorkerView {
  const burst = workerType(node, safety) === 'burst';
  const notReady = notReadySince(node);
  return {
    cluster,
    name: node.name,
    type: burst ? 'burst' : 'permanent',
    status: workerStatus(node, pods),
    ...(notReady === undefined ? {} : { notReadySinceMs: notReady }),
    size: node.annotations[NODE_KEYS.size],
    capacity: node.capacity,
    allocatable: node.allocatable,
    requested: requestedResources(pods),
    labels: node.labels,
    annotations: node.annotations,
    createdAtMs: node.createdAtMs,
    expiresAtMs: burst ? deadlineOf(node, safety) : undefined,
    owner: known.owner ?? (burst ? node.annotations[NODE_KEYS.requester] : undefined),
    operationId: known.operationId ?? (burst ? node.annotations[NODE_KEYS.operation] : undefined),
    activity: known.activity,
  };
}
