/**
 * What an assistant may do by itself, what a person must decide for it, and what it may not even ask. Invariant: destroy
 * and force are a person's decision unless the token's own configuration says otherwise; limits hold for both.
 */
import type { RateRule } from './rate-limit.ts';
import type { Role } from './policy.ts';

export type AssistantAction = 'provision' | 'extend' | 'drain' | 'destroy' | 'force' | 'cancel';

/** What one bearer token stands for; the token itself stays at the edge. */
export type AssistantPolicy = {
  readonly name: string;
  /** The Slack user who answers for this assistant: owner of its workers, mentioned in warnings. */
  readonly userId: string | undefined;
  readonly role: Role;
  /** Cluster names; empty: all. */
  readonly clusters: readonly string[];
  /** What it may do without a person although people are asked otherwise. */
  readonly alone: readonly ('destroy' | 'force')[];
  readonly limits: {
    /** Workers a request. */
    readonly maxCount: number | undefined;
    readonly maxTtlHours: number | undefined;
    /** Sizes it may ask for; empty: all. */
    readonly sizes: readonly string[];
    /** Limits over time, on top of everybody's. */
    readonly rates: readonly RateRule[];
    /** Calls of any tool, and reads of any resource. */
    readonly callsPerMinute: number | undefined;
  };
};

export type AssistantRequest = {
  readonly action: AssistantAction;
  readonly cluster: string;
  /** The worker or operation is this assistant's own (asked for with the same token). */
  readonly own: boolean;
  readonly count?: number;
  readonly ttlHours?: number;
  readonly size?: string;
};

export type AssistantDecision =
  | { readonly kind: 'alone' }
  /** `why` says in a few words which rule wants a person. */
  | { readonly kind: 'ask'; readonly why: string }
  | { readonly kind: 'refuse'; readonly text: string; readonly hint: string };

/** Whether the token may see this cluster at all. */
export const mayUseCluster = (policy: AssistantPolicy, cluster: string): boolean =>
  policy.clusters.length === 0 || policy.clusters.includes(cluster);

function beyondLimits({ name, limits }: AssistantPolicy, request: AssistantRequest): AssistantDecision | undefined {
  const refuse = (text: string, hint: string): AssistantDecision => ({ kind: 'refuse', text, hint });
  if (limits.maxCount !== undefined && (request.count ?? 0) > limits.maxCount)
    return refuse(`the token ${name} may ask for at most ${limits.maxCount} workers at once`, 'Ask for fewer.');
  if (limits.maxTtlHours !== undefined && (request.ttlHours ?? 0) > limits.maxTtlHours)
    return refuse(`the token ${name} may ask for at most ${limits.maxTtlHours} hours`, 'Ask for a shorter time.');
  if (request.size !== undefined && limits.sizes.length > 0 && !limits.sizes.includes(request.size))
    return refuse(`the token ${name} may not ask for the size ${request.size}`, `Sizes: ${limits.sizes.join(', ')}.`);
  return undefined;
}

/** The one decision for every tool that changes something. */
export function assistantDecision(policy: AssistantPolicy, request: AssistantRequest): AssistantDecision {
  if (!mayUseCluster(policy, request.cluster))
    return {
      kind: 'refuse',
      text: `the token ${policy.name} may not use the cluster ${request.cluster}`,
      hint: `Clusters: ${policy.clusters.join(', ')}.`,
    };
  const beyond = beyondLimits(policy, request);
  if (beyond !== undefined) return beyond;
  if (policy.role === 'viewer') return { kind: 'ask', why: 'its role is viewer' };
  if (request.action === 'destroy' || request.action === 'force') {
    if (!policy.alone.includes(request.action)) return { kind: 'ask', why: `${request.action} is decided by a person` };
  }
  if (policy.role === 'operator' && !request.own && request.action !== 'provision')
    return { kind: 'ask', why: 'it is not its own' };
  return { kind: 'alone' };
}
