import { describe, expect, it } from 'vitest';
import { healthPlan, mostSick } from '../../../src/domain/health-plan.ts';
import type { HealthEpisode, HealthSnapshot } from '../../../src/domain/health-plan.ts';
import type { HealthPolicy } from '../../../src/domain/policy.ts';
import type { NodeFacts } from '../../../src/domain/worker.ts';
import { node } from '../../operations/world.ts';

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const policy: HealthPolicy = { notReadyMs: 10 * MINUTE, autoRepair: false, maxUnhealthyPercent: 20 };
const auto = { ...policy, autoRepair: true };
const safety = {
  label: { key: 'worker-type', value: 'burst' },
  ttlAnnotation: 'worker-ttl',
  requireDrainBeforeDestroy: true,
  protectedPatterns: [],
};
/** A burst worker that has not been Ready for so many minutes; undefined: it is Ready. */
const burst = (name: string, minutes?: number): NodeFacts =>
  node(name, {
    labels: { 'worker-type': 'burst' },
    annotations: { 'worker-ttl': '2030-01-01T00:00:00Z' },
    conditions: [
      {
        type: 'Ready',
        status: minutes === undefined ? 'True' : 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        sinceMs: NOW - (minutes ?? 0) * MINUTE,
      },
    ],
  });
const episode = (workerName: string, minutes: number, more: Partial<HealthEpisode> = {}): HealthEpisode => ({
  cluster: 'main',
  workerName,
  sinceMs: NOW - minutes * MINUTE,
  reason: '',
  toldAtMs: undefined,
  endedAtMs: undefined,
  outcome: undefined,
  autoRepaired: false,
  ...more,
});
const plan = (nodes: readonly NodeFacts[], more: Partial<HealthSnapshot> = {}, by: HealthPolicy = policy) =>
  healthPlan({ cluster: 'main', nowMs: NOW, nodes, busy: new Set(), open: [], ...more }, by, safety);
const names = (items: readonly { readonly workerName: string }[]): string[] => items.map((item) => item.workerName);

describe('a worker that is not Ready', () => {
  it('is noted at once and told after the time that is configured, with what its node says', () => {
    expect(plan([burst('a', 1)])).toMatchObject({ begin: [{ workerName: 'a' }], tell: [], repair: [] });
    const told = plan([burst('a', 10)]).tell;
    expect(told).toMatchObject([
      { workerName: 'a', toldAtMs: NOW, reason: 'NodeStatusUnknown: Kubelet stopped posting node status.' },
    ]);
  });
  it('is told once, though its state flaps between False and Unknown', () => {
    expect(plan([burst('a', 1)], { open: [episode('a', 30)] }).tell).toMatchObject([{ sinceMs: NOW - 30 * MINUTE }]);
    expect(plan([burst('a', 1)], { open: [episode('a', 30, { toldAtMs: 1 })] })).toMatchObject({ begin: [], tell: [] });
  });
  it('is left alone while Burst works on it, and when it is no burst worker', () => {
    const permanent = node('p', { conditions: burst('p', 60).conditions });
    const found = plan([burst('a', 60), permanent], { busy: new Set(['a']) });
    expect([...found.begin, ...found.tell]).toEqual([]);
  });
  it('ends the episode by recovery, or by going once nothing works on it any more', () => {
    expect(plan([burst('a')], { open: [episode('a', 30)] }).end).toMatchObject([{ outcome: 'recovered' }]);
    expect(plan([], { open: [episode('a', 30)] }).end).toMatchObject([{ outcome: 'gone', endedAtMs: NOW }]);
    expect(plan([], { open: [episode('a', 30)], busy: new Set(['a']) }).end).toEqual([]);
  });
});

describe('repair by itself', () => {
  const others = ['b', 'c', 'd', 'e', 'f'].map((name) => burst(name));
  it('is off unless it is configured', () => {
    expect(plan([burst('a', 30), ...others]).repair).toEqual([]);
    expect(names(plan([burst('a', 30), ...others], {}, auto).repair)).toEqual(['a']);
  });
  it('is tried once for each episode', () => {
    const open = [episode('a', 30, { autoRepaired: true, toldAtMs: 1 })];
    expect(plan([burst('a', 30), ...others], { open }, auto).repair).toEqual([]);
  });
  it('is held back while more than the configured share is sick, busy ones counted', () => {
    const sick = [burst('x', 20), burst('y', 20), burst('z', 30)];
    const found = plan([...sick, ...others], { busy: new Set(['z']), open: [episode('z', 30)] }, auto);
    expect(found.repair).toEqual([]);
    expect(found.tooMany).toEqual({ sick: 3, total: 8, sinceMs: NOW - 30 * MINUTE });
    expect(names(plan([...sick, ...others], {}, { ...auto, maxUnhealthyPercent: 40 }).repair)).toEqual(['x', 'y', 'z']);
    expect(plan([...sick, ...others]).tooMany, 'nothing is held back that is off').toBeUndefined();
  });
  it('rounds the share up, so that one of few may be repaired', () =>
    expect([1, 4, 5, 6, 10].map((total) => mostSick(total, 20))).toEqual([1, 1, 1, 2, 2]));
});
