/** What an assistant may do alone, what a person decides, what is refused. */
import { describe, expect, it } from 'vitest';
import { assistantDecision } from '../../../src/domain/assistant.ts';
import type { AssistantAction, AssistantPolicy } from '../../../src/domain/assistant.ts';
import type { Role } from '../../../src/domain/policy.ts';

const UNTIMED = { rates: [], callsPerMinute: undefined } as const;
const policy = (more: Partial<AssistantPolicy> = {}): AssistantPolicy => ({
  name: 'a',
  userId: undefined,
  role: 'operator',
  clusters: [],
  alone: [],
  limits: { maxCount: undefined, maxTtlHours: undefined, sizes: [], ...UNTIMED },
  ...more,
});
const ACTIONS: readonly AssistantAction[] = ['provision', 'extend', 'drain', 'destroy', 'force', 'cancel'];

describe('an assistant', () => {
  it.each<[Role, boolean, readonly AssistantAction[]]>([
    ['viewer', true, []],
    ['viewer', false, []],
    ['operator', true, ['provision', 'extend', 'drain', 'cancel']],
    ['operator', false, ['provision']],
    ['admin', true, ['provision', 'extend', 'drain', 'cancel']],
    ['admin', false, ['provision', 'extend', 'drain', 'cancel']],
  ])('with the role %s (its own: %s) does alone: %j', (role, own, alone) => {
    for (const action of ACTIONS)
      expect([action, assistantDecision(policy({ role }), { action, cluster: 'main', own }).kind]).toEqual([
        action,
        alone.includes(action) ? 'alone' : 'ask',
      ]);
  });

  it.each<[Role, boolean, 'alone' | 'ask']>([
    ['operator', true, 'alone'],
    ['operator', false, 'ask'],
    ['admin', false, 'alone'],
    ['viewer', true, 'ask'],
  ])('that may destroy without asking, %s (its own: %s): %s', (role, own, kind) => {
    const asked = { action: 'destroy', cluster: 'main', own } as const;
    expect(assistantDecision(policy({ role, alone: ['destroy'] }), asked).kind).toBe(kind);
    expect(assistantDecision(policy({ role, alone: ['destroy'] }), { ...asked, action: 'force' }).kind).toBe('ask');
  });

  it.each([
    [{ clusters: ['east'] }, {}, 'refuse'],
    [{ clusters: ['main'] }, {}, 'alone'],
    [{ limits: { maxCount: 2, maxTtlHours: undefined, sizes: [], ...UNTIMED } }, { count: 2 }, 'alone'],
    [{ limits: { maxCount: 2, maxTtlHours: undefined, sizes: [], ...UNTIMED } }, { count: 3 }, 'refuse'],
    [{ limits: { maxCount: undefined, maxTtlHours: 4, sizes: [], ...UNTIMED } }, { ttlHours: 5 }, 'refuse'],
    [
      { limits: { maxCount: undefined, maxTtlHours: undefined, sizes: ['small'], ...UNTIMED } },
      { size: 'large' },
      'refuse',
    ],
    // limits hold for what a person is asked, too
    [
      { role: 'viewer', limits: { maxCount: 1, maxTtlHours: undefined, sizes: [], ...UNTIMED } },
      { count: 2 },
      'refuse',
    ],
  ] as const)('%j with %j: %s', (more, facts, kind) => {
    const request = { action: 'provision', cluster: 'main', own: true, ...facts } as const;
    expect(assistantDecision(policy(more), request).kind).toBe(kind);
  });
});
