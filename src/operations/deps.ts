import type { CostPolicy } from '../domain/budget.ts';
import type { Actor } from '../domain/operation.ts';
import type { DrainPolicy, Role, SafetyPolicy, WorkerPolicy } from '../domain/policy.ts';
import type { PlacementPolicy } from '../domain/placement.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import type { Ids } from '../ports/ids.ts';
import type { MachineServer } from '../ports/machine-server.ts';
import type { Store } from '../ports/store.ts';
import type { VmProvider } from '../ports/vm-provider.ts';

/** What a worker needs to join: rendered from the configuration's templates. */
export type RenderJoin = (variables: {
  readonly worker: string;
  readonly size: string;
  readonly endpoint: string;
  readonly token: string;
  readonly caCertHash: string;
}) => { readonly userData: string; readonly joinCommand: string };

/** Everything that steps and services work with; the same for every operation. */
export type StepDeps = {
  readonly cluster: Cluster;
  readonly vms: VmProvider;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly drain: DrainPolicy;
  readonly safety: SafetyPolicy;
  readonly workers: WorkerPolicy;
  readonly placement: PlacementPolicy;
  /** The clusters with the same VM server, this one among them. */
  readonly sharedWith: readonly string[];
  /** `kubeadm`: a bootstrap token per worker; otherwise this static token (k3s), or none. */
  readonly joinToken:
    { readonly kind: 'bootstrap'; readonly ttlMs: number } | { readonly kind: 'static'; readonly token: string };
  readonly renderJoin: RenderJoin;
  /** With `join.method: talos`: the server that configures the workers' machines, and how long a reset may take, ms. */
  readonly machines?: MachineServer & { readonly resetTimeoutMs: number };
  /** What workers cost; undefined: nothing is known of it. */
  readonly cost?: CostPolicy | undefined;
  /** The role of who asks for workers; undefined: not known. */
  readonly roleOf?: (by: Actor) => Promise<Role | undefined>;
  /** This installation's ownership tag, e.g. `burst-x7k2p`. */
  readonly ownerTag: string;
  /** How often a VM provider's task is looked at, ms. */
  readonly pollMs: number;
};

export const BURST_TAG = 'burst';
