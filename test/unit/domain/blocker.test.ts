/** How many pods may go at once, within their PodDisruptionBudgets. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedNow } from '../../../src/domain/blocker.ts';
import type { BudgetFacts, PodFacts } from '../../../src/domain/worker.ts';

const pod = (name: string, app: string, namespace = 'shop'): PodFacts => ({
  namespace,
  name,
  uid: name,
  nodeName: 'n',
  phase: 'Running',
  labels: { app },
  controller: undefined,
  mirror: false,
  hasEmptyDir: false,
  deletionAtMs: undefined,
  requests: { cpuMillis: 0, memoryMiB: 0 },
  createdAtMs: 0,
});
const budget = (app: string, allowed: number, namespace = 'shop'): BudgetFacts => ({
  namespace,
  name: `${app}-budget`,
  matches: (labels) => labels['app'] === app,
  disruptionsAllowed: allowed,
  currentHealthy: 10,
  desiredHealthy: 10 - allowed,
  expectedPods: 10,
});
const names = (pods: readonly PodFacts[]): string[] => pods.map(({ name }) => name);

describe('allowedNow', () => {
  it('takes as many as each budget allows, in order, and all that have none', () => {
    const pods = [pod('a1', 'a'), pod('a2', 'a'), pod('b1', 'b'), pod('free', 'c'), pod('a3', 'a')];
    const { tried, held, budgets } = allowedNow(pods, [budget('a', 2), budget('b', 0)]);
    expect(names(tried)).toEqual(['a1', 'a2', 'free']);
    expect(names(held)).toEqual(['b1', 'a3']);
    expect(budgets.map(({ disruptionsAllowed }) => disruptionsAllowed)).toEqual([0, 0]);
  });

  it('a budget of another namespace does not count', () => {
    const { tried } = allowedNow([pod('a1', 'a', 'other')], [budget('a', 0)]);
    expect(names(tried)).toEqual(['a1']);
  });

  it('never lets more go than any budget allows, and forgets no pod', () => {
    const app = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.array(app), fc.array(fc.tuple(app, fc.nat(3)), { maxLength: 4 }), (apps, limits) => {
        const pods = apps.map((name, index) => pod(`${name}${index}`, name));
        const budgets = limits.map(([name, allowed]) => budget(name, allowed));
        const { tried, held } = allowedNow(pods, budgets);
        for (const limit of budgets)
          expect(tried.filter(({ labels }) => limit.matches(labels)).length).toBeLessThanOrEqual(
            limit.disruptionsAllowed,
          );
        expect([...names(tried), ...names(held)].sort()).toEqual(names(pods).sort());
        for (const { labels } of held) expect(budgets.some((limit) => limit.matches(labels))).toBe(true);
      }),
    );
  });
});
