/**
 * A maker of virtual machines. Invariants: an accepted request is not a result (look at the task, then at the VM);
 * a listing that failed throws and is never an empty list.
 */
import type { HostFacts, Place } from '../domain/placement.ts';
import type { Away } from '../domain/breaker.ts';

export type VmState = 'running' | 'stopped' | 'unknown';

export type VmFacts = {
  readonly id: string;
  readonly name: string;
  readonly host: string | undefined;
  readonly state: VmState;
  readonly tags: readonly string[];
  readonly template: boolean;
  /** The lock's name (`clone`, `backup`, …) while the provider works on it. */
  readonly lock: string | undefined;
  /** Its configured memory and what it uses of it now, where the listing says so. */
  readonly memoryMiB?: number;
  readonly usedMiB?: number;
};

/** One look at the hosts and all VMs; `hosts` is undefined for a server that cannot list them. */
export type Capacity = { readonly hosts: readonly HostFacts[] | undefined; readonly vms: readonly VmFacts[] };

export type VmSpec = {
  readonly id: string;
  readonly name: string;
  readonly size: { readonly name: string; readonly cpus: number; readonly memoryMiB: number; readonly diskGiB: number };
  readonly tags: readonly string[];
  /** Worker, operation and requester, one `key=value` a line. */
  readonly description: string;
  /** Rendered cloud-init user data, and single values, for profiles that can carry them. May hold a join secret. */
  /** Where it was decided to go; what is not said is as the profile's settings say. */
  readonly place?: Place;
  readonly join: { readonly userData: string; readonly joinCommand: string; readonly token: string };
};

/** An opaque task handle, safe to journal. */
export type TaskHandle = string;
export type TaskState =
  { readonly state: 'running' } | { readonly state: 'ok' } | { readonly state: 'failed'; readonly message: string };

export type ProviderHealth = { readonly ok: boolean; readonly text: string };

/**
 * Failures: BurstError `unknown_outcome` (timed out or the connection broke: it may have happened), `busy` (locked, try
 * again), `conflict` (id or name taken), `not_found`, `denied`, `unavailable` (not sent), `provider_failed` (said no).
 */
export interface VmProvider {
  readonly name: string;
  connect(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
  /** Connects, compares the profile with `tools/list`, and runs what is read-only. */
  health(signal?: AbortSignal): Promise<ProviderHealth>;
  /** A VM id that is free now, other than those in `taken`. Nothing is reserved at the provider. */
  freeId(taken: ReadonlySet<string>, signal?: AbortSignal): Promise<string>;
  /** Undefined only when the provider answered that there is no such VM. */
  find(id: string, signal?: AbortSignal): Promise<VmFacts | undefined>;
  /** Every VM that the provider shows. */
  list(signal?: AbortSignal): Promise<readonly VmFacts[]>;
  /** The hosts with their memory and storage, and every VM as the listing shows it (it may lack tags). */
  capacity(signal?: AbortSignal): Promise<Capacity>;
  /** Where a running VM can be reached, as its guest says, the best one first; none while that does not answer. */
  addresses(
    vm: { readonly id: string; readonly host: string | undefined },
    signal?: AbortSignal,
  ): Promise<readonly string[]>;
  /** Asks for the clone. @throws `conflict` when the id is taken. */
  clone(spec: VmSpec, signal?: AbortSignal): Promise<TaskHandle | undefined>;
  /** Size, tags, description, cloud-init; may be repeated. */
  configure(spec: VmSpec, host: string | undefined, signal?: AbortSignal): Promise<TaskHandle | undefined>;
  /** Already running is fine. */
  start(
    vm: { readonly id: string; readonly host: string | undefined; readonly spec?: VmSpec },
    signal?: AbortSignal,
  ): Promise<TaskHandle | undefined>;
  /** Already stopped is fine. */
  stop(
    vm: { readonly id: string; readonly host: string | undefined },
    signal?: AbortSignal,
  ): Promise<TaskHandle | undefined>;
  delete(
    vm: { readonly id: string; readonly host: string | undefined },
    signal?: AbortSignal,
  ): Promise<TaskHandle | undefined>;
  task(handle: TaskHandle, signal?: AbortSignal): Promise<TaskState>;
  /** Of one whose server is watched: since when that does not answer. Its other methods then throw `ServerAway`, unsent. */
  readonly away?: () => Away | undefined;
}
