/** The eviction subresource. Invariant: a healthy pod that one budget covers is deleted only when that budget allows it. */
import { z } from 'zod';
import type { Api } from './api.ts';
import { deleteOptions, isFinished, isReady, timestamp, type Budget, type Pod } from './objects.ts';
import { budgets, namespaces, pods } from './resources.ts';
import { labelSelectorTest } from './selectors.ts';
import { ApiError, badRequest, namespaceTerminating, type StatusBody } from './status.ts';

const eviction = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: z.looseObject({ name: z.string().optional(), namespace: z.string().optional() }).optional(),
  deleteOptions: deleteOptions.nullish(),
});

/** Budgets of a pod's namespace whose selector matches it. */
export function budgetsOf(api: Api, pod: Pod): Budget[] {
  const labels = pod.metadata.labels ?? {};
  return [...api.store.values(budgets)].filter(
    (one): one is Budget =>
      one.metadata.namespace === pod.metadata.namespace && labelSelectorTest((one as Budget).spec.selector)(labels),
  );
}

const refusal = (budget: string, text: string, retryAfterSeconds?: number) =>
  new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [{ reason: 'DisruptionBudget', message: `The disruption budget ${budget} ${text}` }],
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });

/**
 * Evicts one pod. A budget's refusal comes before the preconditions are looked at, as in the real server.
 * @throws ApiError 400, 403 (namespace terminating), 404, 409 (precondition), 429 (budget), 500 (several budgets).
 */
export function evict(api: Api, namespace: string, name: string, body: unknown, dryRunQuery: boolean): StatusBody {
  const parsed = eviction.safeParse(body);
  if (!parsed.success) throw badRequest('the object provided is unrecognized (must be of type Eviction)');
  if (parsed.data.metadata?.name !== undefined && parsed.data.metadata.name !== name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const pod = api.read(pods, namespace, name) as Pod;
  if (api.store.get(namespaces, namespace)?.metadata.deletionTimestamp !== undefined) {
    throw namespaceTerminating(pods, name, namespace);
  }
  const options = parsed.data.deleteOptions ?? {};
  const dryRun = dryRunQuery || (options.dryRun?.includes('All') ?? false);
  const unguarded = isFinished(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
  if (!unguarded) {
    const [budget, second] = budgetsOf(api, pod);
    if (second) {
      throw new ApiError(
        500,
        undefined,
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    }
    if (budget) spend(api, budget, pod, dryRun);
  }
  api.delete(pods, namespace, name, { ...options, ...(dryRun ? { dryRun: ['All'] } : {}) });
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
}

function spend(api: Api, budget: Budget, pod: Pod, dryRun: boolean): void {
  const status = budget.status ?? {};
  const { currentHealthy = 0, desiredHealthy = 0, disruptionsAllowed = 0, observedGeneration = 0 } = status;
  if (!isReady(pod)) {
    const spare = currentHealthy >= desiredHealthy && desiredHealthy > 0;
    if (spare || budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return;
  }
  const { name } = budget.metadata;
  if (observedGeneration < (budget.metadata.generation ?? 0)) {
    throw refusal(name, 'is still being processed by the server.', 10);
  }
  if (disruptionsAllowed <= 0) {
    const failed = status.conditions?.find((one) => one.type === 'DisruptionAllowed' && one.reason === 'SyncFailed');
    throw failed
      ? refusal(name, `does not allow evicting pods currently because it failed sync: ${failed.message ?? ''}`)
      : refusal(name, `needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`);
  }
  if (dryRun) return;
  const left = disruptionsAllowed - 1;
  const at = timestamp(api.clock.now());
  api.setStatus(budgets, budget, {
    ...status,
    disruptionsAllowed: left,
    disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: at },
    conditions: [allowedCondition(status.conditions?.[0], left > 0, at, observedGeneration)],
  });
}

/** The DisruptionAllowed condition for a number of allowed disruptions. */
export function allowedCondition(
  before: { status: string; lastTransitionTime?: string } | undefined,
  allowed: boolean,
  at: string,
  observedGeneration: number,
  failure?: string,
) {
  const status = allowed ? 'True' : 'False';
  return {
    type: 'DisruptionAllowed',
    status,
    observedGeneration,
    lastTransitionTime:
      before?.status === status && before.lastTransitionTime !== undefined ? before.lastTransitionTime : at,
    reason: failure !== undefined ? 'SyncFailed' : allowed ? 'SufficientPods' : 'InsufficientPods',
    message: failure ?? '',
  };
}
