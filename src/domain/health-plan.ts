/**
 * Which burst workers are sick, and what to do about it. Pure. Invariants: an episode is told once, however often the
 * node's state flaps between False and Unknown; nothing is repaired by itself while too many are sick at once.
 */
import type { HealthPolicy, SafetyPolicy } from './policy.ts';
import { notProvablyBurst } from './safety.ts';
import { isReady, notReadySince } from './views.ts';
import type { NodeFacts } from './worker.ts';

/** One time that a worker was not Ready, from its begin to its recovery or end. */
export type HealthEpisode = {
  readonly cluster: string;
  readonly workerName: string;
  /** Since when it is not Ready; with the worker's name the episode's identity. */
  readonly sinceMs: number;
  /** What the node said of it. */
  readonly reason: string;
  /** When people were told; undefined while it is too short to be worth it. */
  readonly toldAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  readonly outcome: 'recovered' | 'gone' | undefined;
  /** Burst has asked for its repair by itself (and may have been refused). */
  readonly autoRepaired: boolean;
};

export type HealthSnapshot = {
  readonly cluster: string;
  readonly nowMs: number;
  readonly nodes: readonly NodeFacts[];
  /** Names of workers with a live run. */
  readonly busy: ReadonlySet<string>;
  /** Episodes that have not ended. */
  readonly open: readonly HealthEpisode[];
};

export type HealthPlan = {
  readonly begin: readonly HealthEpisode[];
  readonly tell: readonly HealthEpisode[];
  readonly end: readonly (HealthEpisode & { readonly endedAtMs: number })[];
  readonly repair: readonly HealthEpisode[];
  /** Set when repairs are held back because so many are sick; `sinceMs` tells this time from the next. */
  readonly tooMany: { readonly sick: number; readonly total: number; readonly sinceMs: number } | undefined;
};

/** How many burst workers may be sick before none is repaired by itself: the share of all, rounded up. */
export const mostSick = (total: number, percent: number): number => Math.ceil((total * percent) / 100);

function reasonOf(node: NodeFacts): string {
  const ready = node.conditions.find(({ type }) => type === 'Ready');
  return [ready?.reason ?? '', ready?.message ?? '']
    .filter((text) => text !== '')
    .join(': ')
    .slice(0, 500);
}

export function healthPlan(snapshot: HealthSnapshot, policy: HealthPolicy, safety: SafetyPolicy): HealthPlan {
  const { cluster, nowMs, busy } = snapshot;
  const byName = new Map(snapshot.nodes.map((node) => [node.name, node]));
  const burst = snapshot.nodes.filter((node) => notProvablyBurst(node, safety) === undefined);
  const known = new Set(snapshot.open.map(({ workerName }) => workerName));
  const begin = burst
    .filter((node) => !isReady(node) && !node.deleting && !busy.has(node.name) && !known.has(node.name))
    .map((node): HealthEpisode => ({
      cluster,
      workerName: node.name,
      sinceMs: Math.min(nowMs, notReadySince(node) ?? nowMs),
      reason: reasonOf(node),
      toldAtMs: undefined,
      endedAtMs: undefined,
      outcome: undefined,
      autoRepaired: false,
    }));
  const end = snapshot.open.flatMap((episode): HealthPlan['end'] => {
    const node = byName.get(episode.workerName);
    if (node === undefined)
      return busy.has(episode.workerName) ? [] : [{ ...episode, endedAtMs: nowMs, outcome: 'gone' }];
    return isReady(node) ? [{ ...episode, endedAtMs: nowMs, outcome: 'recovered' }] : [];
  });
  const sick = [...begin, ...snapshot.open].filter((episode) => {
    const node = byName.get(episode.workerName);
    return node !== undefined && !isReady(node) && nowMs - episode.sinceMs >= policy.notReadyMs;
  });
  const idle = sick.filter(({ workerName }) => !busy.has(workerName));
  const candidates = policy.autoRepair ? idle.filter(({ autoRepaired }) => !autoRepaired) : [];
  const storm = sick.length > mostSick(burst.length, policy.maxUnhealthyPercent);
  return {
    begin,
    tell: idle
      .filter(({ toldAtMs }) => toldAtMs === undefined)
      .map((episode) => {
        const node = byName.get(episode.workerName);
        return { ...episode, toldAtMs: nowMs, reason: node === undefined ? episode.reason : reasonOf(node) };
      }),
    end,
    repair: storm ? [] : candidates,
    tooMany:
      storm && candidates.length > 0
        ? { sick: sick.length, total: burst.length, sinceMs: Math.min(...sick.map(({ sinceMs }) => sinceMs)) }
        : undefined,
  };
}
