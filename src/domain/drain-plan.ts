/**
 * What a drain would do with each pod of a node: kubectl's filters (k8s.io/kubectl pkg/drain/filters.go), in kubectl's
 * order, as one pure function. Invariant: a pod in error ends the drain before the first eviction.
 */
import type { BudgetFacts, PodFacts } from './worker.ts';

export type PodDecision =
  | { readonly kind: 'evict'; readonly pod: PodFacts; readonly warning?: string }
  | {
      readonly kind: 'skip';
      readonly pod: PodFacts;
      readonly why: 'daemonset' | 'mirror' | 'deleted';
      readonly warning?: string;
    }
  | {
      readonly kind: 'error';
      readonly pod: PodFacts;
      readonly why: 'daemonset' | 'daemonset_missing' | 'local_storage' | 'unmanaged';
      readonly text: string;
    };

export type DrainPlan = {
  readonly decisions: readonly PodDecision[];
  readonly evict: readonly PodFacts[];
  readonly errors: readonly Extract<PodDecision, { kind: 'error' }>[];
};

/** A budget that allows no eviction now, and whether it ever can. */
export type BudgetBlock = {
  readonly pod: string;
  readonly budget: string;
  readonly numbers: string;
  readonly never: boolean;
};

export type DrainPreview = {
  readonly node: string;
  readonly unschedulable: boolean;
  readonly evict: readonly { readonly namespace: string; readonly name: string; readonly owner: string }[];
  readonly skip: readonly { readonly namespace: string; readonly name: string; readonly why: string }[];
  /** Pods that end the drain before it begins, with the reason. */
  readonly errors: readonly { readonly namespace: string; readonly name: string; readonly text: string }[];
  readonly blocked: readonly BudgetBlock[];
  /** What is lost for good: emptyDir data, pods that nothing recreates. */
  readonly losses: readonly string[];
};

export type DrainFlags = {
  readonly ignoreDaemonSets: boolean;
  readonly deleteEmptyDirData: boolean;
  readonly force: boolean;
  readonly skipWaitForDeleteMs: number;
};

export type DrainFacts = {
  readonly pods: readonly PodFacts[];
  readonly nowMs: number;
  /** `namespace/name` of DaemonSets that were looked up and do not exist. */
  readonly missingDaemonSets: ReadonlySet<string>;
};

export const podKey = (pod: Pick<PodFacts, 'namespace' | 'name'>): string => `${pod.namespace}/${pod.name}`;
const finished = (pod: PodFacts): boolean => pod.phase === 'Succeeded' || pod.phase === 'Failed';

/** True when the pod's controlling owner is a DaemonSet (apps/v1), as kubectl's daemonSetFilter asks. */
export const ownedByDaemonSet = (pod: PodFacts): boolean =>
  pod.controller?.kind === 'DaemonSet' && pod.controller.apiVersion === 'apps/v1';

function decide(pod: PodFacts, facts: DrainFacts, flags: DrainFlags): PodDecision {
  if (
    pod.deletionAtMs !== undefined &&
    flags.skipWaitForDeleteMs > 0 &&
    facts.nowMs - pod.deletionAtMs > flags.skipWaitForDeleteMs
  )
    return { kind: 'skip', pod, why: 'deleted' };
  let warning: string | undefined;
  if (ownedByDaemonSet(pod) && !finished(pod)) {
    const missing = facts.missingDaemonSets.has(`${pod.namespace}/${pod.controller?.name ?? ''}`);
    if (missing && !flags.force)
      return {
        kind: 'error',
        pod,
        why: 'daemonset_missing',
        text: `its DaemonSet ${pod.controller?.name ?? ''} does not exist`,
      };
    if (missing) warning = 'its DaemonSet does not exist';
    else if (!flags.ignoreDaemonSets)
      return { kind: 'error', pod, why: 'daemonset', text: 'it is managed by a DaemonSet (ignore_daemonsets is off)' };
    else return { kind: 'skip', pod, why: 'daemonset' };
  }
  if (pod.mirror) return { kind: 'skip', pod, why: 'mirror' };
  if (pod.hasEmptyDir && !finished(pod)) {
    if (!flags.deleteEmptyDirData)
      return {
        kind: 'error',
        pod,
        why: 'local_storage',
        text: 'it keeps data in an emptyDir (delete_emptydir_data is off)',
      };
    warning = warning ?? 'data in its emptyDir is lost';
  }
  if (pod.controller === undefined && !finished(pod)) {
    if (!flags.force)
      return { kind: 'error', pod, why: 'unmanaged', text: 'no controller would recreate it (drain.force is off)' };
    warning = 'nothing recreates it';
  }
  return { kind: 'evict', pod, ...(warning === undefined ? {} : { warning }) };
}

/** Decides each pod; pure. `evict` is empty whenever `errors` is not (all or nothing). */
export function drainPlan(facts: DrainFacts, flags: DrainFlags): DrainPlan {
  const decisions = facts.pods.map((pod) => decide(pod, facts, flags));
  const errors = decisions.filter((decision) => decision.kind === 'error');
  const evict =
    errors.length > 0 ? [] : decisions.filter((decision) => decision.kind === 'evict').map((decision) => decision.pod);
  return { decisions, evict, errors };
}

/** Pods that would move in a drain, for `busy` and for "still runs a pod that a drain would have evicted". */
export function podsToEvict(pods: readonly PodFacts[]): readonly PodFacts[] {
  return pods.filter((pod) => !finished(pod) && !pod.mirror && !ownedByDaemonSet(pod));
}

/**
 * Which budgets hold which pods back now. A budget that allows 0 with every expected pod healthy never lets go; a pod that
 * several budgets cover is never evicted by Kubernetes, whatever they allow.
 */
export function budgetBlocks(pods: readonly PodFacts[], budgets: readonly BudgetFacts[]): readonly BudgetBlock[] {
  return pods.flatMap((pod): readonly BudgetBlock[] => {
    const covering = budgets.filter((budget) => budget.namespace === pod.namespace && budget.matches(pod.labels));
    const name = (budget: BudgetFacts): string => `${budget.namespace}/${budget.name}`;
    if (covering.length > 1)
      return [
        {
          pod: podKey(pod),
          budget: covering.map(name).join(', '),
          numbers: `${covering.length} budgets cover it, and Kubernetes evicts no pod that more than one covers`,
          never: true,
        },
      ];
    return covering
      .filter((budget) => budget.disruptionsAllowed < 1)
      .map((budget) => ({
        pod: podKey(pod),
        budget: name(budget),
        numbers: `${budget.currentHealthy} of ${budget.expectedPods} healthy, ${budget.desiredHealthy} needed, ${budget.disruptionsAllowed} may go`,
        never:
          budget.expectedPods > 0 &&
          budget.currentHealthy >= budget.expectedPods &&
          budget.desiredHealthy >= budget.expectedPods,
      }));
  });
}
