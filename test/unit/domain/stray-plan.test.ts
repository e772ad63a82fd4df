import { describe, expect, test } from 'vitest';
import { strayKey, strayPlan } from '../../../src/domain/stray-plan.ts';
import type { Stray, StraySnapshot } from '../../../src/domain/stray-plan.ts';

const NOW = 1_000_000;
const stray = (more: Partial<Stray> = {}): Stray => ({
  cluster: 'main',
  vmId: '7',
  name: 'w',
  firstSeenMs: NOW - 120_000,
  kind: 'unrecorded',
  host: 'pve1',
  toldAtMs: undefined,
  endedAtMs: undefined,
  outcome: undefined,
  decision: undefined,
  decidedBy: undefined,
  operationId: undefined,
  attempts: 0,
  ...more,
});
const found = { vmId: '7', name: 'w', host: 'pve1', kind: 'unrecorded' } as const;
const plan = (more: Partial<StraySnapshot>) =>
  strayPlan({
    cluster: 'main',
    nowMs: NOW,
    graceMs: 30_000,
    found: [found],
    listed: new Set(['7 w']),
    open: [],
    operations: new Map(),
    elsewhere: new Set(),
    ...more,
  });
const told = stray({ toldAtMs: NOW - 60_000 });
const decided = stray({ toldAtMs: NOW - 60_000, decision: 'destroy', operationId: 'op' });
const NONE = { begin: [], tell: [], end: [] };

describe('a VM that no record owns', () => {
  test.each<[string, Partial<StraySnapshot>, ReturnType<typeof strayPlan>]>([
    ['is remembered when it is first seen', {}, { ...NONE, begin: [stray({ firstSeenMs: NOW })] }],
    ['is not, when another cluster tells of it', { elsewhere: new Set(['7 w']) }, NONE],
    ['is spared while it is young', { open: [stray({ firstSeenMs: NOW - 30_000 })] }, NONE],
    ['is told of after that', { open: [stray()] }, { ...NONE, tell: [stray({ toldAtMs: NOW })] }],
    ['is told of once', { open: [told] }, NONE],
    ['is unknown, not gone, without a listing', { found: undefined, open: [told] }, NONE],
    [
      'is gone when it is not listed',
      { found: [], listed: new Set(), open: [told] },
      { ...NONE, end: [{ ...told, endedAtMs: NOW, outcome: 'gone' }] },
    ],
    [
      'has a record when it is listed and owned',
      { found: [], open: [told] },
      { ...NONE, end: [{ ...told, endedAtMs: NOW, outcome: 'recorded' }] },
    ],
    ['waits for what was decided', { open: [decided], operations: new Map([['op', 'running']]) }, NONE],
    [
      'waits for it while it is owned by it',
      { found: [], open: [decided], operations: new Map([['op', 'stuck']]) },
      NONE,
    ],
    [
      'was destroyed when that is done',
      { found: [], listed: new Set(), open: [decided], operations: new Map([['op', 'succeeded']]) },
      { ...NONE, end: [{ ...decided, endedAtMs: NOW, outcome: 'destroyed' }] },
    ],
    [
      'was adopted when that is done',
      { found: [], open: [{ ...decided, decision: 'adopt' }], operations: new Map([['op', 'succeeded']]) },
      { ...NONE, end: [{ ...decided, decision: 'adopt', endedAtMs: NOW, outcome: 'adopted' }] },
    ],
    [
      'is asked about again when that came to nothing',
      { found: [{ ...found, kind: 'leftover' }], open: [decided], operations: new Map([['op', 'failed']]) },
      { ...NONE, tell: [{ ...decided, kind: 'leftover', decision: undefined, operationId: undefined, attempts: 1 }] },
    ],
  ])('%s', (_, more, expected) => expect(plan(more)).toEqual(expected));

  test('each attempt has a key of its own, both decisions the same', () => {
    expect(strayKey(told)).toBe(strayKey(decided));
    expect(strayKey({ ...told, attempts: 1 })).not.toBe(strayKey(told));
  });
});
