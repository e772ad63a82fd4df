/** A cluster's configuration as the core sees it. Every function is pure; seconds, minutes and hours become ms here. */
import type { ApprovalPolicy, ApprovalRule } from '../domain/approval.ts';
import { ruleOfBudget } from '../domain/budget.ts';
import type { CostPolicy } from '../domain/budget.ts';
import { microsOf, moneyOf } from '../domain/money.ts';
import type { Money, Price } from '../domain/money.ts';
import type { BreakerPolicy } from '../domain/breaker.ts';
import type {
  AccessPolicy,
  DrainPolicy,
  EnginePolicy,
  HealthPolicy,
  Matcher,
  ReaperPolicy,
  SafetyPolicy,
  WorkerPolicy,
} from '../domain/policy.ts';
import type { BucketPolicy, RateRule } from '../domain/rate-limit.ts';
import type { NotifyPolicy } from '../domain/notify.ts';
import type { QuietWindow } from '../domain/quiet-hours.ts';
import type { WorkerSize } from '../domain/worker.ts';
import type { ClusterConfig } from './schema.ts';
import type { JoinTemplates } from './templates.ts';
import { compilePattern, cronEvery } from './values.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

const minutesOf = (clock = ''): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3, 5));

function matcher(source: string): Matcher {
  const compiled = compilePattern(source);
  if ('problem' in compiled) throw new TypeError(`protected pattern ${source}: ${compiled.problem}`);
  return compiled.matcher;
}

/** `safety`, and the marks of a burst worker. */
export function safetyPolicy(config: ClusterConfig): SafetyPolicy {
  const { workerLabel, ttlAnnotation } = config.burstWorkers;
  const at = workerLabel.indexOf('=');
  return {
    label: { key: workerLabel.slice(0, at), value: workerLabel.slice(at + 1) },
    ttlAnnotation,
    requireDrainBeforeDestroy: config.safety.requireDrainBeforeDestroy,
    protectedPatterns: config.safety.protectedWorkerPatterns.map(matcher),
  };
}

/** `drain`. */
export function drainPolicy({ drain }: ClusterConfig): DrainPolicy {
  return {
    gracePeriodSeconds: drain.gracePeriodSeconds,
    timeoutMs: drain.timeoutSeconds * SECOND_MS,
    ignoreDaemonSets: drain.ignoreDaemonsets,
    deleteEmptyDirData: drain.deleteEmptydirData,
    force: drain.force,
    skipWaitForDeleteMs: drain.skipWaitForDeleteSeconds * SECOND_MS,
    permanentWorkers: drain.permanentWorkers,
    volumeDetachTimeoutMs: drain.volumeDetachTimeoutSeconds * SECOND_MS,
    maxEvictionsAtOnce: drain.maxEvictionsAtOnce,
  };
}

/** `burst_workers`, `worker_sizes` and the time limits of `join`. */
export function workerPolicy(config: ClusterConfig): WorkerPolicy {
  const workers = config.burstWorkers;
  const sizes = Object.entries(config.workerSizes).map(([name, size]): [string, WorkerSize] => [
    name,
    { name, cpus: size.cpu, memoryGiB: size.memoryGb, diskGiB: size.diskGb },
  ]);
  return {
    namePrefix: workers.namePrefix,
    maxBurstWorkers: workers.maxBurstWorkers,
    maxPerRequest: workers.maxPerRequest,
    defaultTtlHours: workers.defaultTtlHours,
    minTtlHours: workers.minTtlHours,
    maxTtlHours: workers.maxTtlHours,
    defaultSize: workers.defaultSize,
    sizes: new Map(sizes),
    joinTimeoutMs: config.join.timeoutMinutes * MINUTE_MS,
    readyTimeoutMs: config.join.readyTimeoutMinutes * MINUTE_MS,
    extraLabels: workers.labels,
    prices: costPolicy(config)?.prices,
  };
}

export const quietWindow = ({
  between,
  days,
}: {
  readonly between: string;
  readonly days: readonly string[];
}): QuietWindow => {
  const [from, to] = between.split('-');
  return { from: minutesOf(from), to: minutesOf(to), days };
};

/** `notifications`. */
export function notifyPolicy({ notifications }: ClusterConfig): NotifyPolicy {
  return {
    owners: notifications.owners,
    routes: notifications.routes.map(({ kinds, clusters, askedIn, to }) => ({
      kinds,
      clusters,
      askedIn,
      to: to === 'request' ? undefined : to,
    })),
  };
}

/** `warnings` and `reaper`. */
export function reaperPolicy({ warnings, reaper, health }: ClusterConfig): ReaperPolicy {
  return {
    quiet: {
      timezone: warnings.timezone,
      windows: warnings.quietHours.map(quietWindow),
    },
    warnBeforeMs: [...new Set(warnings.beforeMinutes)].sort((a, b) => b - a).map((minutes) => minutes * MINUTE_MS),
    maxRemovalsAtOnce: reaper.maxRemovalsAtOnce,
    retryAfterMs: reaper.retryAfterMinutes * MINUTE_MS,
    sweepEveryMs: reaper.sweepIntervalSeconds * SECOND_MS,
    sweepGraceMs: reaper.sweepGraceSeconds * SECOND_MS,
    vmGoneAfterMs: health.notReadyMinutes * MINUTE_MS,
  };
}

/** `health`. */
export function healthPolicy({ health }: ClusterConfig): HealthPolicy {
  return {
    notReadyMs: health.notReadyMinutes * MINUTE_MS,
    autoRepair: health.autoRepair,
    maxUnhealthyPercent: health.maxUnhealthyPercent,
  };
}

/** Of the calls that one cut connection takes with it, the first and the last are closer than this, ms. */
const ONE_CUT_MS = 2000;

/** `provider_health`: when the VM server counts as away. */
export function breakerPolicy({ providerHealth }: ClusterConfig): BreakerPolicy {
  return {
    failures: providerHealth.failures,
    spanMs: providerHealth.failures === 1 ? 0 : ONE_CUT_MS,
    checkEveryMs: providerHealth.checkSeconds * SECOND_MS,
    firstRetryMs: providerHealth.firstRetrySeconds * SECOND_MS,
    maxRetryMs: providerHealth.maxRetrySeconds * SECOND_MS,
  };
}

/** `provider_health.tell_after_seconds`. */
export const tellAfterMs = ({ providerHealth }: ClusterConfig): number => providerHealth.tellAfterSeconds * SECOND_MS;

/** The reaper's cron expression: `schedules.reaper`, else every `burst_workers.cleanup_interval_seconds`. */
export function reaperSchedule(config: ClusterConfig): string {
  const seconds = config.burstWorkers.cleanupIntervalSeconds;
  const expression = config.schedules.reaper ?? cronEvery(seconds);
  if (expression === undefined) throw new TypeError(`no cron expression fires every ${seconds} s`);
  return expression;
}

/** `engine`. */
export function enginePolicy({ engine }: ClusterConfig): EnginePolicy {
  return {
    maxStepsAtOnce: engine.maxStepsAtOnce,
    stepTimeoutMs: engine.stepTimeoutSeconds * SECOND_MS,
    claimMs: engine.claimSeconds * SECOND_MS,
    retryBaseMs: engine.retryBaseSeconds * SECOND_MS,
    retryMaxMs: engine.retryMaxSeconds * SECOND_MS,
    pollMs: engine.pollSeconds * SECOND_MS,
  };
}

/** `slack.roles` and `slack.channels`. */
export function accessPolicy({ slack }: ClusterConfig): AccessPolicy {
  return { roles: slack.roles, channels: slack.channels };
}

/** `limits.per_user` and `limits.per_workspace`; 0 is no limit. */
export function provisionRates({ limits }: ClusterConfig): readonly RateRule[] {
  const windowMs = limits.windowMinutes * MINUTE_MS;
  return (
    [
      ['requester', limits.perUser],
      ['everybody', limits.perWorkspace],
    ] as const
  )
    .filter(([, { requests, workers }]) => requests > 0 || workers > 0)
    .map(([of, { requests, workers }]) => ({
      of,
      counts: 'provisions',
      windowMs,
      maxRequests: requests === 0 ? undefined : requests,
      maxWorkers: workers === 0 ? undefined : workers,
    }));
}

/** `limits.commands`; undefined: nobody is refused. */
export function floodPolicy({ limits }: ClusterConfig): BucketPolicy | undefined {
  const { burst, perMinute } = limits.commands;
  return perMinute === 0 ? undefined : { burst, perMinute };
}

function micros(value: number): number {
  const found = microsOf(value);
  if (found === undefined) throw new TypeError(`${value} is no amount`);
  return found;
}

/** `cost`; undefined without prices, when nothing speaks of cost. */
export function costPolicy({ cost }: ClusterConfig): CostPolicy | undefined {
  const { currency, timezone } = cost;
  const prices = Object.entries(cost.prices).map(([size, price]): [string, Price] => [
    size,
    { currency, micros: micros(price) },
  ]);
  if (prices.length === 0) return undefined;
  return {
    currency,
    timezone,
    prices: new Map(prices),
    budgets: cost.budgets.map(({ name, monthly, beyond, warnPercent, roles, channels, clusters }) => ({
      name,
      limit: moneyOf(currency, micros(monthly)),
      beyond,
      warnPercent,
      roles,
      channels,
      clusters,
    })),
  };
}

/** Budgets beyond which people have to approve, as rules. */
const budgetRules = ({ cost }: ClusterConfig): readonly ApprovalRule[] =>
  cost.budgets
    .filter(({ beyond }) => beyond === 'approval')
    .map(({ name, approvers, needed, self }) => ({
      name: ruleOfBudget(name),
      actions: ['provision', 'extend'],
      moreThan: undefined,
      longerThanHours: undefined,
      costAbove: undefined,
      sizes: [],
      others: false,
      channels: [],
      clusters: [],
      between: undefined,
      days: [],
      approvers,
      needed,
      self,
      channelId: undefined,
      expiresMs: undefined,
    }));

/** `approvals`, and the budgets beyond which they are asked for. */
export function approvalPolicy(config: ClusterConfig): ApprovalPolicy {
  const { approvals, cost } = config;
  const above = (value: number | undefined): Money | undefined =>
    value === undefined ? undefined : moneyOf(cost.currency, micros(value));
  return {
    channelId: approvals.channel,
    expiresMs: approvals.expiresMinutes * MINUTE_MS,
    remindBeforeMs: approvals.remindBeforeMinutes * MINUTE_MS,
    timezone: approvals.timezone,
    budgetRules: budgetRules(config),
    rules: approvals.rules.map((rule): ApprovalRule => {
      const [from, to] = rule.between?.split('-') ?? [];
      return {
        name: rule.name,
        actions: rule.actions,
        moreThan: rule.moreThan,
        longerThanHours: rule.longerThanHours,
        costAbove: above(rule.costOver),
        sizes: rule.sizes,
        others: rule.others,
        channels: rule.channels,
        clusters: rule.clusters,
        between: rule.between === undefined ? undefined : { from: minutesOf(from), to: minutesOf(to) },
        days: rule.days,
        approvers: rule.approvers,
        needed: rule.needed,
        self: rule.self,
        channelId: rule.channel,
        expiresMs: rule.expiresMinutes === undefined ? undefined : rule.expiresMinutes * MINUTE_MS,
      };
    }),
  };
}

/** The join templates, for `renderJoin`. */
export function joinTemplates({ join }: ClusterConfig): JoinTemplates {
  return { userData: join.userData, joinCommand: join.joinCommand };
}
