/** What the configuration decides, as the core sees it. Times in ms unless the name says otherwise. */
import type { Price } from './money.ts';
import type { QuietPolicy } from './quiet-hours.ts';
import type { SizeName, WorkerSize } from './worker.ts';

export type Matcher = { readonly source: string; readonly matches: (text: string) => boolean };

export type SafetyPolicy = {
  /** `burst_workers.worker_label`, split: `worker-type` = `burst`. */
  readonly label: { readonly key: string; readonly value: string };
  /** `burst_workers.ttl_annotation`: `worker-ttl`. */
  readonly ttlAnnotation: string;
  readonly requireDrainBeforeDestroy: boolean;
  readonly protectedPatterns: readonly Matcher[];
};

export type DrainPolicy = {
  /** -1 leaves each pod its own grace period. */
  readonly gracePeriodSeconds: number;
  readonly timeoutMs: number;
  readonly ignoreDaemonSets: boolean;
  readonly deleteEmptyDirData: boolean;
  /** Evict pods without a controller, and of missing DaemonSets, too (kubectl's --force). */
  readonly force: boolean;
  readonly skipWaitForDeleteMs: number;
  readonly permanentWorkers: boolean;
  readonly volumeDetachTimeoutMs: number;
  readonly maxEvictionsAtOnce: number;
};

export type WorkerPolicy = {
  readonly namePrefix: string;
  readonly maxBurstWorkers: number;
  readonly maxPerRequest: number;
  readonly defaultTtlHours: number;
  readonly minTtlHours: number;
  readonly maxTtlHours: number;
  readonly defaultSize: SizeName;
  readonly sizes: ReadonlyMap<SizeName, WorkerSize>;
  readonly joinTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly extraLabels: Readonly<Record<string, string>>;
  /** Of one hour of each size; without it nothing is known of what they cost. */
  readonly prices?: ReadonlyMap<SizeName, Price> | undefined;
};

export type ReaperPolicy = {
  /** Lead times before the deadline, longest first. */
  readonly warnBeforeMs: readonly number[];
  /** When nobody is warned. */
  readonly quiet: QuietPolicy;
  readonly maxRemovalsAtOnce: number;
  /** Before a removal that failed or got stuck is tried again. */
  readonly retryAfterMs: number;
  /** Between two comparisons of the provider's VMs with the records, ms. */
  readonly sweepEveryMs: number;
  /** How long a VM or worker must have been nobody's business before the sweep acts on it, ms. */
  readonly sweepGraceMs: number;
  /** How long a node must not have been Ready before a VM that is not listed counts as gone, ms. */
  readonly vmGoneAfterMs: number;
};

export type HealthPolicy = {
  /** How long a burst worker may be not Ready before people are told, ms. */
  readonly notReadyMs: number;
  /** Repair by itself what has been told. */
  readonly autoRepair: boolean;
  /** Never by itself while more than this share of the burst workers (rounded up to whole ones) is sick. */
  readonly maxUnhealthyPercent: number;
};

export type EnginePolicy = {
  readonly maxStepsAtOnce: number;
  readonly stepTimeoutMs: number;
  readonly claimMs: number;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
  readonly pollMs: number;
};

export type Role = 'viewer' | 'operator' | 'admin';
export type AccessPolicy = {
  /** Slack user ids and user group ids (or handles) of each role; `*` is everybody. */
  readonly roles: Readonly<Record<Role, { readonly users: readonly string[]; readonly groups: readonly string[] }>>;
  /** Channel ids in which commands are allowed; empty: everywhere. */
  readonly channels: readonly string[];
};
