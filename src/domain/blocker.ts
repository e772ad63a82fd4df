/**
 * What holds a drain back, as people are told it. Pure. Invariant: whatever keeps a pod on the node is named, with the
 * pod; the time since when is kept while it is the same blocker and no pod moves.
 */
import { budgetBlocks, podKey } from './drain-plan.ts';
import type { Blocked } from './operation.ts';
import type { BudgetFacts, PodFacts } from './worker.ts';

/** A pod that was not let go just now. `message`: the API server's own. */
export type HeldPod = { readonly pod: PodFacts } & (
  | { readonly why: 'budget'; readonly message: string }
  | { readonly why: 'terminating' }
  | { readonly why: 'failed'; readonly message: string }
);

type What = Omit<Blocked, 'sinceMs'>;

function byBudget(held: readonly Extract<HeldPod, { why: 'budget' }>[], budgets: readonly BudgetFacts[]): What {
  const blocks = budgetBlocks(
    held.map(({ pod }) => pod),
    budgets,
  );
  const block = blocks.find((candidate) => candidate.never) ?? blocks[0];
  const [first] = held;
  if (block === undefined) {
    const pod = first === undefined ? '' : podKey(first.pod);
    return { text: `${pod} is held by a PodDisruptionBudget: ${first?.message ?? ''}`, pod, never: false };
  }
  const several = block.budget.includes(', ');
  return {
    text: `${block.pod} is held by the PodDisruptionBudget${several ? 's' : ''} ${block.budget} (${block.numbers})${block.never ? '; it cannot finish by itself' : ''}`,
    pod: block.pod,
    budget: block.budget,
    numbers: block.numbers,
    never: block.never,
  };
}

function whatHolds(held: readonly HeldPod[], budgets: readonly BudgetFacts[]): What | undefined {
  const budgeted = held.filter((item) => item.why === 'budget');
  if (budgeted.length > 0) return byBudget(budgeted, budgets);
  const failed = held.find((item) => item.why === 'failed');
  if (failed !== undefined) {
    const pod = podKey(failed.pod);
    return { text: `${pod} could not be evicted: ${failed.message}`, pod, never: false };
  }
  const [terminating] = held;
  if (terminating === undefined) return undefined;
  const pod = podKey(terminating.pod);
  return { text: `the namespace of ${pod} is being deleted`, pod, never: false };
}

/**
 * @param before what held this drain at the last look; `moved`: whether a pod has gone since.
 * @returns undefined when nothing holds it.
 */
export function blockerOf(
  held: readonly HeldPod[],
  budgets: readonly BudgetFacts[],
  before: Blocked | undefined,
  nowMs: number,
  moved = false,
): Blocked | undefined {
  const what = whatHolds(held, budgets);
  if (what === undefined) return undefined;
  const same =
    before !== undefined &&
    !moved &&
    (what.budget === undefined ? what.pod === before.pod : what.budget === before.budget);
  return { sinceMs: same ? before.sinceMs : nowMs, ...what };
}

/** Pods that were accepted or are ending, but stay past the drain's time limit. */
export function lingering(pods: readonly PodFacts[], before: Blocked | undefined, nowMs: number): Blocked | undefined {
  const [first] = pods;
  if (first === undefined) return undefined;
  const names = pods.slice(0, 5).map(podKey).join(', ');
  const rest = pods.length > 5 ? ` and ${pods.length - 5} more` : '';
  return {
    sinceMs: before?.sinceMs ?? nowMs,
    text: `still there: ${names}${rest}`,
    pod: podKey(first),
    never: false,
  };
}

export type Allowed = {
  readonly tried: readonly PodFacts[];
  readonly held: readonly PodFacts[];
  /** As they will be once `tried` has been evicted. */
  readonly budgets: readonly BudgetFacts[];
};

/** As many of these pods, in their order, as their budgets let go at once. */
export function allowedNow(pods: readonly PodFacts[], budgets: readonly BudgetFacts[]): Allowed {
  let left = budgets;
  const [tried, held]: [PodFacts[], PodFacts[]] = [[], []];
  for (const pod of pods) {
    if (budgetBlocks([pod], left).length > 0) {
      held.push(pod);
      continue;
    }
    tried.push(pod);
    left = left.map((budget) =>
      budget.namespace === pod.namespace && budget.matches(pod.labels)
        ? {
            ...budget,
            disruptionsAllowed: budget.disruptionsAllowed - 1,
            currentHealthy: budget.currentHealthy - 1,
          }
        : budget,
    );
  }
  return { tried, held, budgets: left };
}
