import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SafetyPolicy } from '../../../src/domain/policy.ts';
import { deadlineOf, destroyRefusal, notProvablyBurst } from '../../../src/domain/safety.ts';
import type { NodeFacts } from '../../../src/domain/worker.ts';
import { node } from '../../operations/world.ts';

const policy: SafetyPolicy = {
  label: { key: 'worker-type', value: 'burst' },
  ttlAnnotation: 'worker-ttl',
  requireDrainBeforeDestroy: true,
  protectedPatterns: [{ source: '^permanent-', matches: (text) => text.startsWith('permanent-') }],
};
const good: Partial<NodeFacts> = {
  labels: { 'worker-type': 'burst' },
  annotations: { 'worker-ttl': '2027-01-01T00:00:00Z' },
};
const role = 'node-role.kubernetes.io/control-plane';

test.each<[string, NodeFacts, RegExp | undefined]>([
  ['burst, with a deadline', node('w', good), undefined],
  ['an unreadable deadline is a deadline', node('w', { ...good, annotations: { 'worker-ttl': 'soon' } }), undefined],
  ['no label', node('w', { annotations: good.annotations ?? {} }), /permanent worker/],
  ['another label value', node('w', { ...good, labels: { 'worker-type': 'Burst' } }), /permanent worker/],
  ['no deadline', node('w', { labels: good.labels ?? {} }), /no worker-ttl/],
  ['a protected name', node('permanent-1', good), /protected by the pattern \^permanent-/],
  ['a control plane by label', node('w', { ...good, labels: { ...good.labels, [role]: '' } }), /control-plane/],
  [
    'a control plane by taint',
    node('w', { ...good, taints: [{ key: role, value: '', effect: 'NoSchedule' }] }),
    /control-plane/,
  ],
  [
    'the old role',
    node('w', { ...good, labels: { ...good.labels, 'node-role.kubernetes.io/master': '' } }),
    /control-plane/,
  ],
])('%s', (_, one, why) => {
  const refusal = destroyRefusal(one, policy);
  if (why === undefined) expect(refusal).toBeUndefined();
  else {
    expect(refusal?.message).toMatch(/^SAFETY VIOLATION: /);
    expect(refusal?.message).toMatch(why);
  }
});

test('whatever a node says, it is burst only with label and annotation, and no role or protected name', () =>
  fc.assert(
    fc.property(
      fc.record({
        name: fc.constantFrom('w', 'permanent-1', 'burst-small-aaaaa'),
        labels: fc.dictionary(fc.constantFrom('worker-type', role, 'x'), fc.constantFrom('burst', '', 'permanent')),
        annotations: fc.dictionary(fc.constantFrom('worker-ttl', 'y'), fc.string()),
      }),
      (facts) => {
        const one = node(facts.name, facts);
        if (notProvablyBurst(one, policy) !== undefined) return;
        expect(one.labels['worker-type']).toBe('burst');
        expect(one.annotations['worker-ttl']).toBeDefined();
        expect(role in one.labels || one.name.startsWith('permanent-')).toBe(false);
      },
    ),
  ));

describe('the deadline', () => {
  test.each<[string, number | undefined]>([
    ['2027-01-01T00:00:00Z', Date.UTC(2027, 0, 1)],
    ['2027-01-01T01:00:00+01:00', Date.UTC(2027, 0, 1)],
    ['2027-01-01T00:00:00.500Z', Date.UTC(2027, 0, 1) + 500],
    ['2027-13-01T00:00:00Z', undefined],
    ['2027-01-01', undefined],
    ['24h', undefined],
    ['', undefined],
    ['9'.repeat(5000), undefined],
  ])('%j', (text, expected) => expect(deadlineOf({ annotations: { 'worker-ttl': text } }, policy)).toBe(expected));
});
