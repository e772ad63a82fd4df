/**
 * Who may be touched at all. Invariant: only a node that is provably a burst worker (label and deadline annotation, no
 * control-plane role, no protected name) is ever destroyed, and force does not change that. Pure: callers read the node
 * from the API server at the moment of acting.
 */
import { safetyViolation } from './errors.ts';
import type { BurstError } from './errors.ts';
import type { SafetyPolicy } from './policy.ts';
import type { NodeFacts, WorkerType } from './worker.ts';

const CONTROL_PLANE_KEYS = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];

/** Annotations and labels that Burst writes on a node. */
export const NODE_KEYS = {
  size: 'burst/size',
  requester: 'burst/requester',
  operation: 'burst/operation',
  createdAt: 'burst/created-at',
  vmId: 'burst/vm-id',
  channel: 'burst/channel',
  ownerTag: 'burst/owner-tag',
  cordonedBy: 'burst/cordoned-by',
} as const;

export function isControlPlane(node: Pick<NodeFacts, 'labels' | 'taints'>): boolean {
  return CONTROL_PLANE_KEYS.some((key) => key in node.labels || node.taints.some((taint) => taint.key === key));
}

/** @returns the deadline in ms, or undefined when the annotation is missing or no RFC 3339 time. */
export function deadlineOf(node: Pick<NodeFacts, 'annotations'>, policy: SafetyPolicy): number | undefined {
  const text = node.annotations[policy.ttlAnnotation];
  if (text === undefined || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : atMs;
}

export function workerType(node: Pick<NodeFacts, 'labels'>, policy: SafetyPolicy): WorkerType {
  return node.labels[policy.label.key] === policy.label.value ? 'burst' : 'permanent';
}

export function protectedBy(name: string, policy: SafetyPolicy): string | undefined {
  return policy.protectedPatterns.find((pattern) => pattern.matches(name))?.source;
}

/** @returns why this node is not provably a burst worker, or undefined when it is one. */
export function notProvablyBurst(
  node: Pick<NodeFacts, 'name' | 'labels' | 'annotations' | 'taints'>,
  policy: SafetyPolicy,
): string | undefined {
  if (isControlPlane(node)) return 'it is a control-plane node';
  const pattern = protectedBy(node.name, policy);
  if (pattern !== undefined) return `its name is protected by the pattern ${pattern}`;
  if (workerType(node, policy) !== 'burst')
    return `it is a permanent worker (no label ${policy.label.key}=${policy.label.value})`;
  if (node.annotations[policy.ttlAnnotation] === undefined) return `it has no ${policy.ttlAnnotation} annotation`;
  return undefined;
}

/** The refusal to destroy (or let the reaper drain) this node, or undefined when it may be done. */
export function destroyRefusal(
  node: Pick<NodeFacts, 'name' | 'labels' | 'annotations' | 'taints'>,
  policy: SafetyPolicy,
): BurstError | undefined {
  const why = notProvablyBurst(node, policy);
  if (why === undefined) return undefined;
  return safetyViolation(`Cannot destroy ${node.name}: ${why}. Only burst workers can be destroyed.`, {
    left: 'Nothing was changed.',
    hint: 'Permanent workers are removed by the people who run the cluster, never through Burst.',
  });
}
