import type { HealthPolicy, ReaperPolicy, SafetyPolicy } from '../domain/policy.ts';
import type { Log } from '../engine/index.ts';
import type { Upkeep } from '../operations/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Store } from '../ports/store.ts';
import type { VmProvider } from '../ports/vm-provider.ts';

export type ReaperDeps = {
  readonly store: Store;
  readonly cluster: Cluster;
  readonly vms: Pick<VmProvider, 'list' | 'name'>;
  readonly clock: Clock;
  readonly policy: ReaperPolicy;
  readonly health: HealthPolicy;
  readonly safety: SafetyPolicy;
  /** This installation's ownership tag; also its name as the Lease's holder. */
  readonly ownerTag: string;
  readonly log: Log;
  readonly upkeep: Upkeep;
  readonly poke: () => void;
  /** Called after each tick, for metrics. */
  readonly ticked?: (outcome: 'ok' | 'failed' | 'skipped', tookMs: number) => void;
};
