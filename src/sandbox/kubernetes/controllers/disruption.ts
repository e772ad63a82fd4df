/** Keeps the status of PodDisruptionBudgets. Invariant: disruptionsAllowed never counts a pod that is on its way out. */
import type { SandboxClock } from '../../contract.ts';
import type { Api } from '../api.ts';
import { allowedCondition } from '../eviction.ts';
import { controllerOf, isReady, type Budget, type Pod, type Workload } from '../objects.ts';
import { budgets, deployments, pods, replicaSets, resourceOfKind } from '../resources.ts';
import { labelSelectorTest } from '../selectors.ts';
import type { Change } from '../store.ts';
import { background, WorkQueue } from './queue.ts';

/** An eviction that was allowed but of which nothing came is forgotten after this time. */
const disruptionTimeoutMs = 2 * 60_000;

/** An int or a percentage of a total, rounded up. */
export function scaled(value: number | string, total: number): number {
  if (typeof value === 'number') return value;
  return value.endsWith('%') ? Math.ceil((Number(value.slice(0, -1)) * total) / 100) : Number(value);
}

export class Disruption {
  readonly #api: Api;
  readonly #clock: SandboxClock;
  readonly #signal: AbortSignal;
  readonly #namespaces = new Set<string>();
  readonly #queue: WorkQueue;

  constructor(api: Api, clock: SandboxClock, signal: AbortSignal) {
    this.#api = api;
    this.#clock = clock;
    this.#signal = signal;
    this.#queue = new WorkQueue((namespace) => {
      this.#reconcile(namespace);
    });
  }
  close(): void {
    this.#queue.close();
  }

  changed({ of, object }: Change): void {
    const { namespace } = object.metadata;
    if (namespace === undefined) return;
    if (of === budgets) this.#namespaces.add(namespace);
    if (!this.#namespaces.has(namespace)) return;
    if (of === budgets || of === pods || of.group === 'apps') this.#queue.add(namespace);
  }

  #reconcile(namespace: string): void {
    const found = [...this.#api.store.values(budgets)].filter(
      (one) => one.metadata.namespace === namespace,
    ) as Budget[];
    if (found.length === 0) {
      this.#namespaces.delete(namespace);
      return;
    }
    const all = [...this.#api.store.values(pods)].filter((pod) => pod.metadata.namespace === namespace) as Pod[];
    for (const budget of found) {
      const matches = labelSelectorTest(budget.spec.selector);
      this.#update(
        budget,
        all.filter((pod) => matches(pod.metadata.labels ?? {})),
      );
    }
  }

  /** How many pods there should be, by the scale of their controllers; undefined when one has none. */
  #expected(matching: readonly Pod[]): number | undefined {
    const scales = new Map<string, number>();
    for (const pod of matching) {
      const owner = controllerOf(pod);
      const of = owner && resourceOfKind(owner.apiVersion, owner.kind);
      const set =
        of && (this.#api.store.get(of, `${pod.metadata.namespace ?? ''}/${owner.name}`) as Workload | undefined);
      if (!set || set.metadata.uid !== owner.uid) return undefined;
      const above = of === replicaSets ? controllerOf(set) : undefined;
      const deployment =
        above &&
        (this.#api.store.get(deployments, `${pod.metadata.namespace ?? ''}/${above.name}`) as Workload | undefined);
      const scale = deployment ?? set;
      scales.set(scale.metadata.uid, scale.spec.replicas ?? 1);
    }
    return [...scales.values()].reduce((sum, one) => sum + one, 0);
  }

  #update(budget: Budget, matching: readonly Pod[]): void {
    const { minAvailable, maxUnavailable } = budget.spec;
    const now = this.#clock.now();
    const observedGeneration = budget.metadata.generation ?? 1;
    let expected: number | undefined = matching.length;
    let desired: number;
    if (maxUnavailable !== undefined) {
      expected = this.#expected(matching);
      desired = expected === undefined ? 0 : Math.max(0, expected - scaled(maxUnavailable, expected));
    } else if (typeof minAvailable === 'string') {
      expected = this.#expected(matching);
      desired = scaled(minAvailable, expected ?? 0);
    } else desired = minAvailable ?? 0;

    const disrupted: Record<string, string> = {};
    const byName = new Map(matching.map((pod) => [pod.metadata.name, pod]));
    for (const [name, at] of Object.entries(budget.status?.disruptedPods ?? {})) {
      const pod = byName.get(name);
      if (!pod || pod.metadata.deletionTimestamp !== undefined) continue;
      const left = Date.parse(at) + disruptionTimeoutMs - now;
      if (left <= 0) continue;
      disrupted[name] = at;
      background(this.#signal, async () => {
        await this.#clock.sleep(left, this.#signal);
        this.#queue.add(budget.metadata.namespace ?? '');
      });
    }
    const healthy = matching.filter(
      (pod) =>
        isReady(pod) && pod.metadata.deletionTimestamp === undefined && disrupted[pod.metadata.name] === undefined,
    ).length;
    const allowed = expected === undefined || expected <= 0 ? 0 : Math.max(0, healthy - desired);
    const failure = expected === undefined ? 'found no controllers for some of the pods' : undefined;
    this.#api.setStatus(budgets, budget, {
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected ?? 0,
      observedGeneration,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      conditions: [
        allowedCondition(budget.status?.conditions?.[0], allowed > 0, this.#api.now(), observedGeneration, failure),
      ],
    });
  }
}
