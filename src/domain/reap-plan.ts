/**
 * What the reaper would do now: one pure function of a snapshot. Invariants: a worker with a live run is left alone; each
 * deadline is warned of once per lead time; at most `maxRemovalsAtOnce` removals run at a time.
 */
import type { ReaperPolicy } from './policy.ts';

export type ReapSchedule = {
  readonly workerName: string;
  readonly operationId: string;
  readonly startsAtMs: number;
  readonly expiresAtMs: number;
  readonly warnedDeadlineMs: number | undefined;
  readonly warnedLeadMs: number | undefined;
};

export type ReapSnapshot = {
  readonly nowMs: number;
  /** Active schedules whose deadline is near or past, earliest first. */
  readonly schedules: readonly ReapSchedule[];
  /** Names of workers with a live run, and of those that are being removed. */
  readonly busy: ReadonlySet<string>;
  readonly removalsRunning: number;
  /** When a removal of this worker last failed, ms. */
  readonly lastFailureMs: ReadonlyMap<string, number>;
};

export type ReapPlan = {
  readonly expire: readonly { readonly workerName: string; readonly deadlineMs: number }[];
  readonly warn: readonly {
    readonly operationId: string;
    readonly workers: readonly string[];
    readonly deadlineMs: number;
    readonly leadMs: number;
  }[];
};

/**
 * The lead time to warn with now, or undefined: the shortest lead that has come, fits the worker's life, and was not
 * given for this deadline (or a shorter one).
 */
export function dueLead(schedule: ReapSchedule, nowMs: number, leadsMs: readonly number[]): number | undefined {
  const lifeMs = schedule.expiresAtMs - schedule.startsAtMs;
  const leftMs = schedule.expiresAtMs - nowMs;
  if (leftMs <= 0) return undefined;
  const due = leadsMs.filter((leadMs) => leadMs < lifeMs && leftMs <= leadMs);
  if (due.length === 0) return undefined;
  const leadMs = Math.min(...due);
  const warned = schedule.warnedDeadlineMs === schedule.expiresAtMs ? schedule.warnedLeadMs : undefined;
  return warned !== undefined && warned <= leadMs ? undefined : leadMs;
}

export function reapPlan(snapshot: ReapSnapshot, policy: ReaperPolicy): ReapPlan {
  const free = Math.max(0, policy.maxRemovalsAtOnce - snapshot.removalsRunning);
  const expire = snapshot.schedules
    .filter((schedule) => {
      const failedMs = snapshot.lastFailureMs.get(schedule.workerName);
      return (
        schedule.expiresAtMs <= snapshot.nowMs &&
        !snapshot.busy.has(schedule.workerName) &&
        (failedMs === undefined || snapshot.nowMs - failedMs >= policy.retryAfterMs)
      );
    })
    .slice(0, free)
    .map((schedule) => ({ workerName: schedule.workerName, deadlineMs: schedule.expiresAtMs }));
  const groups = new Map<string, { operationId: string; workers: string[]; deadlineMs: number; leadMs: number }>();
  for (const schedule of snapshot.schedules) {
    const leadMs = dueLead(schedule, snapshot.nowMs, policy.warnBeforeMs);
    if (leadMs === undefined) continue;
    const key = `${schedule.operationId}/${schedule.expiresAtMs}/${leadMs}`;
    const group = groups.get(key) ?? {
      operationId: schedule.operationId,
      workers: [],
      deadlineMs: schedule.expiresAtMs,
      leadMs,
    };
    group.workers.push(schedule.workerName);
    groups.set(key, group);
  }
  return { expire, warn: [...groups.values()] };
}
