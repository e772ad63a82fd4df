import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { budgetBlocks, drainPlan, podsToEvict } from '../../../src/domain/drain-plan.ts';
import type { DrainFlags } from '../../../src/domain/drain-plan.ts';
import type { BudgetFacts, PodFacts } from '../../../src/domain/worker.ts';
import { pod } from '../../operations/world.ts';

const NOW = 1_800_000_000_000;
const flags: DrainFlags = { ignoreDaemonSets: true, deleteEmptyDirData: false, force: false, skipWaitForDeleteMs: 0 };
const daemon = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'ds' };
const decide = (made: PodFacts, more: Partial<DrainFlags> = {}, missing: string[] = []) => {
  const [decision] = drainPlan(
    { pods: [made], nowMs: NOW, missingDaemonSets: new Set(missing) },
    { ...flags, ...more },
  ).decisions;
  return decision === undefined ? undefined : 'why' in decision ? `${decision.kind} ${decision.why}` : decision.kind;
};

describe("a pod, by kubectl's filters in kubectl's order", () => {
  test.each<[string, Partial<PodFacts>, Partial<DrainFlags>, string[], string]>([
    ['of a ReplicaSet', {}, {}, [], 'evict'],
    ['deleted long ago', { deletionAtMs: NOW - 31_000 }, { skipWaitForDeleteMs: 30_000 }, [], 'skip deleted'],
    ['deleted just now', { deletionAtMs: NOW - 29_000 }, { skipWaitForDeleteMs: 30_000 }, [], 'evict'],
    ['deleted, always waited for', { deletionAtMs: NOW - 1e9 }, {}, [], 'evict'],
    ['of a DaemonSet', { controller: daemon }, {}, [], 'skip daemonset'],
    [
      'of a DaemonSet of another API group',
      { controller: { ...daemon, apiVersion: 'apps.example.com/v1' } },
      {},
      [],
      'evict',
    ],
    ['of a DaemonSet, not ignored', { controller: daemon }, { ignoreDaemonSets: false }, [], 'error daemonset'],
    ['of a missing DaemonSet', { controller: daemon }, {}, ['shop/web-1'], 'skip daemonset'],
    ['of a DaemonSet that is gone', { controller: daemon }, {}, ['shop/agent'], 'error daemonset_missing'],
    ['of a DaemonSet that is gone, forced', { controller: daemon }, { force: true }, ['shop/agent'], 'evict'],
    ['of a DaemonSet, finished', { controller: daemon, phase: 'Succeeded' }, {}, [], 'evict'],
    ['a mirror', { mirror: true, controller: undefined }, {}, [], 'skip mirror'],
    ['with an emptyDir', { hasEmptyDir: true }, {}, [], 'error local_storage'],
    ['with an emptyDir, allowed', { hasEmptyDir: true }, { deleteEmptyDirData: true }, [], 'evict'],
    ['with an emptyDir, finished', { hasEmptyDir: true, phase: 'Failed' }, {}, [], 'evict'],
    ['of nobody', { controller: undefined }, {}, [], 'error unmanaged'],
    ['of nobody, forced', { controller: undefined }, { force: true }, [], 'evict'],
    ['of nobody, finished', { controller: undefined, phase: 'Succeeded' }, {}, [], 'evict'],
    ['of a DaemonSet, with an emptyDir', { controller: daemon, hasEmptyDir: true }, {}, [], 'skip daemonset'],
    ['a mirror with an emptyDir', { mirror: true, hasEmptyDir: true, controller: undefined }, {}, [], 'skip mirror'],
  ])('%s', (_, more, change, missing, expected) =>
    expect(decide(pod('web-1', 'n', more), change, missing)).toBe(expected),
  );
});

const pods = fc.array(
  fc
    .record({
      mirror: fc.boolean(),
      hasEmptyDir: fc.boolean(),
      phase: fc.constantFrom('Running' as const, 'Succeeded' as const, 'Failed' as const, 'Pending' as const),
      controller: fc.constantFrom(undefined, daemon, pod('x', 'n').controller),
      deletionAtMs: fc.constantFrom(undefined, NOW - 1e6, NOW + 1e4),
    })
    .map((more) => pod('p', 'n', more)),
  { maxLength: 8 },
);

test('one pod in error ends the drain before the first eviction; nothing else is left out', () =>
  fc.assert(
    fc.property(pods, fc.boolean(), fc.boolean(), (some, force, ignoreDaemonSets) => {
      const named = some.map((item, index) => ({ ...item, name: `p${index}` }));
      const plan = drainPlan(
        { pods: named, nowMs: NOW, missingDaemonSets: new Set() },
        { ...flags, force, ignoreDaemonSets },
      );
      expect(plan.decisions).toHaveLength(named.length);
      if (plan.errors.length > 0) expect(plan.evict).toEqual([]);
      else expect(plan.evict).toHaveLength(plan.decisions.filter((decision) => decision.kind === 'evict').length);
      for (const item of plan.evict) expect(item.mirror).toBe(false);
    }),
  ));

test('a pod that keeps a worker busy is never one that a forced drain would leave there', () =>
  fc.assert(
    fc.property(pods, (some) => {
      const moved = new Set(
        drainPlan(
          { pods: some, nowMs: NOW, missingDaemonSets: new Set() },
          { ...flags, force: true, deleteEmptyDirData: true },
        ).evict,
      );
      for (const item of podsToEvict(some)) expect(moved.has(item)).toBe(true);
    }),
  ));

describe('a budget', () => {
  const budget = (more: Partial<BudgetFacts>): BudgetFacts => ({
    namespace: 'shop',
    name: 'web',
    matches: (labels) => labels['app'] === 'web',
    disruptionsAllowed: 0,
    currentHealthy: 2,
    desiredHealthy: 2,
    expectedPods: 2,
    ...more,
  });
  test.each<[string, Partial<BudgetFacts>, boolean | undefined]>([
    ['with all pods healthy and none to spare never lets go', {}, true],
    ['with a pod down may let go once it is back', { currentHealthy: 1, desiredHealthy: 1 }, false],
    ['that allows one holds nothing back', { disruptionsAllowed: 1 }, undefined],
    ['of another namespace is no matter', { namespace: 'bank' }, undefined],
    ['for other pods is no matter', { matches: () => false }, undefined],
  ])('%s', (_, more, never) => expect(budgetBlocks([pod('web-1', 'n')], [budget(more)])[0]?.never).toBe(never));
});
