import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReaperPolicy, SafetyPolicy } from '../../../src/domain/policy.ts';
import { dueLead, reapPlan } from '../../../src/domain/reap-plan.ts';
import type { ReapSchedule, ReapSnapshot, ReapWorker } from '../../../src/domain/reap-plan.ts';
import { node } from '../../operations/world.ts';
import { ALWAYS_LOUD, QUIET_MARGIN_MS } from '../../../src/domain/quiet-hours.ts';
import type { QuietPolicy } from '../../../src/domain/quiet-hours.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = 1_800_000_000_000;
const policy: ReaperPolicy = {
  quiet: ALWAYS_LOUD,
  warnBeforeMs: [2 * HOUR, 30 * MINUTE],
  maxRemovalsAtOnce: 2,
  retryAfterMs: 10 * MINUTE,
  sweepEveryMs: 2 * MINUTE,
  sweepGraceMs: 30_000,
  vmGoneAfterMs: 10 * MINUTE,
};
const safety: SafetyPolicy = {
  label: { key: 'worker-type', value: 'burst' },
  ttlAnnotation: 'worker-ttl',
  requireDrainBeforeDestroy: true,
  protectedPatterns: [{ source: '^permanent-', matches: (text) => text.startsWith('permanent-') }],
};
const schedule = (more: Partial<ReapSchedule> = {}): ReapSchedule => ({
  workerName: 'w',
  operationId: 'op',
  startsAtMs: NOW - 24 * HOUR,
  expiresAtMs: NOW + HOUR,
  warnedDeadlineMs: undefined,
  warnedLeadMs: undefined,
  ...more,
});
const snapshot = (more: Partial<ReapSnapshot> = {}): ReapSnapshot => ({
  nowMs: NOW,
  schedules: [],
  busy: new Set(),
  removalsRunning: 0,
  lastFailureMs: new Map(),
  nodes: [],
  workers: new Map(),
  undoneRuns: new Set(),
  vms: [],
  ownerTag: 'burst-abcd2345',
  tokens: [],
  ...more,
});
const plan = (more: Partial<ReapSnapshot>) => reapPlan(snapshot(more), policy, safety);

describe('the lead to warn with', () => {
  test.each<[string, Partial<ReapSchedule>, number | undefined]>([
    ['is the shortest that has come', { expiresAtMs: NOW + 20 * MINUTE }, 30 * MINUTE],
    ['is the long one first', {}, 2 * HOUR],
    ['is none before its time', { expiresAtMs: NOW + 3 * HOUR }, undefined],
    ['is none after the deadline', { expiresAtMs: NOW }, undefined],
    ['is none when it was given', { warnedDeadlineMs: NOW + HOUR, warnedLeadMs: 2 * HOUR }, undefined],
    ['is given again for a new deadline', { warnedDeadlineMs: NOW, warnedLeadMs: 30 * MINUTE }, 2 * HOUR],
    ['does not go back to a longer one', { warnedDeadlineMs: NOW + HOUR, warnedLeadMs: 30 * MINUTE }, undefined],
    ['must fit the life', { startsAtMs: NOW, expiresAtMs: NOW + HOUR }, undefined],
  ])('%s', (_, more, expected) =>
    expect(dueLead(schedule(more), NOW, policy.warnBeforeMs, ALWAYS_LOUD)).toBe(expected),
  );
});

describe('removals', () => {
  const due = (workerName: string) => schedule({ workerName, expiresAtMs: NOW - 1 });
  const names = (more: Partial<ReapSnapshot>) =>
    plan({ schedules: ['a', 'b', 'c'].map(due), ...more }).expire.flatMap((item) => item.workers);
  test.each<[string, Partial<ReapSnapshot>, string[]]>([
    ['are at most so many', {}, ['a', 'b']],
    ['count those under way', { removalsRunning: 1 }, ['a']],
    ['are none when all places are taken', { removalsRunning: 5 }, []],
    ['leave workers with a live run alone', { busy: new Set(['a', 'b']) }, ['c']],
    ['wait after a failure', { lastFailureMs: new Map([['a', NOW - MINUTE]]) }, ['b', 'c']],
    ['are tried again later', { lastFailureMs: new Map([['a', NOW - 11 * MINUTE]]) }, ['a', 'b']],
  ])('%s', (_, more, expected) => expect(names(more)).toEqual(expected));

  test('never touch a worker before its deadline, or one with a live run, whatever else is so', () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            workerName: fc.constantFrom('a', 'b', 'c', 'd'),
            expiresAtMs: fc.integer({ min: NOW - 10, max: NOW + 10 }),
          }),
        ),
        fc.array(fc.constantFrom('a', 'b', 'c', 'd')),
        fc.nat(5),
        (some, busy, removalsRunning) => {
          const { expire } = plan({ schedules: some.map(schedule), busy: new Set(busy), removalsRunning });
          expect(expire.flatMap(({ workers }) => workers).length + removalsRunning).toBeLessThanOrEqual(
            Math.max(policy.maxRemovalsAtOnce, removalsRunning),
          );
          for (const item of expire) {
            expect(item.deadlineMs).toBeLessThanOrEqual(NOW);
            for (const name of item.workers) expect(busy).not.toContain(name);
          }
        },
      ),
    ));
});

test('workers of one operation with one deadline get one warning', () =>
  expect(
    plan({
      schedules: [
        schedule({ workerName: 'a' }),
        schedule({ workerName: 'b' }),
        schedule({ workerName: 'c', expiresAtMs: NOW + HOUR + 1 }),
        schedule({ workerName: 'd', operationId: 'other' }),
      ],
    }).warn.map((item) => item.workers),
  ).toEqual([['a', 'b'], ['c'], ['d']]));

test('workers of one operation with one deadline are removed in one operation', () =>
  expect(
    reapPlan(
      snapshot({
        schedules: [
          schedule({ workerName: 'a', expiresAtMs: NOW - 1 }),
          schedule({ workerName: 'b', expiresAtMs: NOW - 1 }),
          schedule({ workerName: 'c', expiresAtMs: NOW }),
          schedule({ workerName: 'd', expiresAtMs: NOW, operationId: 'other' }),
        ],
      }),
      { ...policy, maxRemovalsAtOnce: 9 },
      safety,
    ).expire,
  ).toEqual([
    { workers: ['a', 'b'], deadlineMs: NOW - 1 },
    { workers: ['c'], deadlineMs: NOW },
    { workers: ['d'], deadlineMs: NOW },
  ]));

describe('a warning that would fall into the quiet hours', () => {
  const at = (text: string): number => Date.parse(`2026-03-${text}:00Z`);
  const night: QuietPolicy = { timezone: 'UTC', windows: [{ from: 22 * 60, to: 7 * 60, days: [] }] };
  const lead = (nowMs: number, more: Partial<ReapSchedule> = {}) =>
    dueLead(
      schedule({ startsAtMs: at('10T08'), expiresAtMs: at('11T05'), ...more }),
      nowMs,
      policy.warnBeforeMs,
      night,
    );
  const given = { warnedDeadlineMs: at('11T05'), warnedLeadMs: 30 * MINUTE };
  test.each<[string, number, Partial<ReapSchedule>, number | undefined]>([
    ['is not given long before', at('10T21'), {}, undefined],
    ['is given before they begin', at('10T22') - QUIET_MARGIN_MS, {}, 30 * MINUTE],
    ['is given late rather than not', at('11T04'), {}, 30 * MINUTE],
    ['is given once', at('11T04'), given, undefined],
    ['is given again for a new deadline', at('11T01'), { ...given, expiresAtMs: at('11T06') }, 30 * MINUTE],
    ['of a worker that is made in them, is given at once', at('11T01'), { startsAtMs: at('11T01') }, 30 * MINUTE],
    [
      'is none when it does not fit the life',
      at('11T04') + 50 * MINUTE,
      { startsAtMs: at('11T04') + 40 * MINUTE },
      undefined,
    ],
    ['stays where the deadline alone falls into them', at('10T21') - 1, { expiresAtMs: at('10T23') }, undefined],
    ['and comes then', at('10T21'), { expiresAtMs: at('10T23') }, 2 * HOUR],
  ])('%s', (_, nowMs, more, expected) => expect(lead(nowMs, more)).toBe(expected));
});

describe('repairs', () => {
  const burst = (name: string, more = {}) =>
    node(name, { labels: { 'worker-type': 'burst' }, annotations: { 'worker-ttl': '2027-01-01T00:00:00Z' }, ...more });
  const worker = (name: string, more: Partial<ReapWorker> = {}): readonly [string, ReapWorker] => [
    name,
    { name, state: 'active', vmId: '101', settledAtMs: NOW - HOUR, ...more },
  ];
  const vm = (id: string, name: string, more = {}) => ({ id, name, tags: [], template: false, ...more });

  test.each([
    ['a burst worker that nothing is recorded of', burst('w'), ['w']],
    ['not one with a protected name', burst('permanent-1'), []],
    ['not one without a deadline', burst('w', { annotations: {} }), []],
    ['not one without the label', burst('w', { labels: {} }), []],
    [
      'not a control-plane node',
      burst('w', { labels: { 'worker-type': 'burst', 'node-role.kubernetes.io/control-plane': '' } }),
      [],
    ],
  ])('adopt %s', (_, one, expected) => expect(plan({ nodes: [one] }).adopt).toEqual(expected));

  test('uncordon only what an undone run of ours left cordoned', () => {
    const cordoned = (name: string, runId: string) =>
      node(name, { unschedulable: true, annotations: { 'burst/cordoned-by': runId } });
    expect(
      plan({
        nodes: [cordoned('a', 'r1'), cordoned('b', 'r2'), node('c', { unschedulable: true })],
        undoneRuns: new Set(['r1']),
      }).uncordon.map((item) => item.name),
    ).toEqual(['a']);
  });

  test.each<[string, Partial<ReapWorker>, object, string[], boolean]>([
    ['of a failed worker, at its id', { state: 'failed' }, {}, [], true],
    ['of a removed worker', { state: 'removed' }, {}, [], true],
    ['not of an active worker', {}, {}, [], false],
    ['not at another id', { state: 'failed', vmId: '102' }, {}, [], false],
    ['not a template', { state: 'failed' }, { template: true }, [], false],
    ['not while a run is at it', { state: 'failed' }, {}, ['w'], false],
    ['not right after its run', { state: 'failed', settledAtMs: NOW - 29_000 }, {}, [], false],
    ['that is half made: locked and without a name yet', { state: 'failed' }, { name: '', lock: 'clone' }, [], true],
    ['that Proxmox calls by its id meanwhile', { state: 'failed' }, { name: 'VM 101', lock: 'create' }, [], true],
    ['not one without a name that nothing is done with', { state: 'failed' }, { name: '' }, [], false],
    ['not a locked one with a name of its own', { state: 'failed' }, { name: 'pet', lock: 'clone' }, [], false],
    ['not a locked one with tags', { state: 'failed' }, { name: '', lock: 'clone', tags: ['pet'] }, [], false],
    ['not a half-made one at the id of a worker that lives', {}, { name: '', lock: 'clone' }, [], false],
  ])('an orphan VM %s', (_, more, vmMore, busy, expected) =>
    expect(
      plan({ vms: [vm('101', 'w', vmMore)], workers: new Map([worker('w', more)]), busy: new Set(busy) }).orphans,
    ).toEqual(expected ? [{ workerName: 'w', vmId: '101' }] : []),
  );

  test('strays carry our tag and no record; another installation is not ours to tell of', () =>
    expect(
      plan({
        vms: [
          vm('1', 'x', { tags: ['burst', 'burst-abcd2345'] }),
          vm('2', 'y', { tags: ['burst', 'burst-zzzz'] }),
          vm('3', 'z'),
        ],
      }).strays,
    ).toEqual([{ vmId: '1', name: 'x', host: undefined, kind: 'unrecorded' }]));

  test.each<[string, Partial<ReapWorker>, string[], string | undefined]>([
    ['of a worker that has ended, with another VM', { state: 'removed', vmId: '101' }, [], 'leftover'],
    ['of a failed worker without a VM', { state: 'failed', vmId: undefined }, [], 'leftover'],
    ['of a worker that lives with another VM', { vmId: '101' }, [], 'twin'],
    ['of a worker whose VM id is not known: it is its VM', { vmId: undefined }, [], undefined],
    ['of a worker with this VM', { vmId: '555' }, [], undefined],
    ['of a worker that a run is at', { state: 'failed', vmId: '101' }, ['w'], undefined],
    ['of a worker right after its run', { state: 'failed', vmId: '101', settledAtMs: NOW }, [], undefined],
  ])('a VM with our tag and the name %s', (_, more, busy, kind) =>
    expect(
      plan({
        vms: [vm('555', 'w', { tags: ['burst', 'burst-abcd2345'] })],
        workers: new Map([worker('w', more)]),
        busy: new Set(busy),
      }).strays?.map((stray) => stray.kind),
    ).toEqual(kind === undefined ? [] : [kind]),
  );

  const silent = (name: string, forMs: number) =>
    burst(name, {
      conditions: [{ type: 'Ready', status: 'Unknown', reason: '', message: '', sinceMs: NOW - forMs }],
    });
  test.each<[string, string[], number, { vanished: string[]; unlisted: string[] }]>([
    ['its node has long been silent', ['a'], 10 * MINUTE, { vanished: ['a'], unlisted: [] }],
    ['not while the node may come back', ['a'], 9 * MINUTE, { vanished: [], unlisted: [] }],
    [
      'not of several at once: the listing lacks them',
      ['a', 'b', 'c'],
      HOUR,
      { vanished: [], unlisted: ['a', 'b', 'c'] },
    ],
  ])('a VM that is not listed is gone when %s', (_, names, forMs, expected) => {
    const workers = new Map([...names, 'x', 'y'].map((name, at) => worker(name, { vmId: `${200 + at}` })));
    const vms = ['x', 'y'].map((name) => vm(workers.get(name)?.vmId ?? '', name));
    const nodes = [...names.map((name) => silent(name, forMs)), burst('x'), burst('y')];
    expect(plan({ vms, nodes, workers })).toMatchObject(expected);
  });

  test('without a listing nothing is concluded, of strays neither', () =>
    expect(plan({ vms: undefined, workers: new Map([worker('w')]) })).toMatchObject({
      orphans: [],
      strays: undefined,
      vanished: [],
      unlisted: [],
    }));

  test.each<[string, Partial<ReapSnapshot>, string[]]>([
    ['nothing left', {}, ['w']],
    ['its node is there', { nodes: [burst('w')] }, []],
    ['its VM is there', { vms: [vm('101', 'w')] }, []],
    ['its id carries another VM', { vms: [vm('101', 'pet')] }, []],
    ['the cluster is not known', { nodes: undefined }, []],
    ['the VMs are not known', { vms: undefined }, []],
    ['a run is at it', { busy: new Set(['w']) }, []],
  ])('a worker is gone: %s', (_, more, expected) =>
    expect(plan({ vms: [vm('9000', 'template')], workers: new Map([worker('w')]), ...more }).vanished).toEqual(
      expected,
    ),
  );

  test('tokens go that have expired, or whose worker nothing is done for', () =>
    expect(
      plan({
        tokens: [
          { id: 'old', uid: 'u1', workerName: 'w', expiresAtMs: NOW - 1 },
          { id: 'unconfirmed', uid: undefined, workerName: 'w', expiresAtMs: NOW - 1 },
          { id: 'new', uid: 'u2', workerName: 'w', expiresAtMs: NOW + 1 },
          { id: 'late', uid: undefined, workerName: 'ended', expiresAtMs: NOW + 1 },
        ],
        busy: new Set(['w']),
      }).tokens.map(({ id }) => id),
    ).toEqual(['old', 'unconfirmed', 'late']));
});
