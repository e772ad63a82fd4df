/** The one door to what Burst can do: Slack (and later MCP) call this and nothing else that changes the world. */
import type { Away } from '../domain/breaker.ts';
import type { Actor, Operation, Run } from '../domain/operation.ts';
import type { DrainPreview } from '../domain/drain-plan.ts';
import type { RateRule } from '../domain/rate-limit.ts';
import type { SizeName, WorkerDetails, WorkerStatus, WorkerType, WorkerView } from '../domain/worker.ts';
import type { ReapPlan } from '../domain/reap-plan.ts';
import type { Stray } from '../domain/stray-plan.ts';
import type { Freshness } from '../ports/cluster.ts';
import type { VmFacts } from '../ports/vm-provider.ts';

export type Request = {
  readonly by: Actor;
  readonly channelId?: string;
  /** A thread in that channel: the operation's message is posted there. */
  readonly threadTs?: string;
  readonly reason?: string;
  /** The same key twice is the same operation (Slack's trigger id, a view's id and hash, …). */
  readonly idempotencyKey: string;
  /** Budgets that people approved going beyond. */
  readonly overBudget?: readonly string[];
  /** The requester's own limits over time, on top of everybody's. */
  readonly rates?: readonly RateRule[];
  /** No limit over time holds: people have approved it, or the configuration exempts who asks. It counts all the same. */
  readonly unlimited?: true;
  /** Everything is checked and nothing is recorded: what is answered is what would be. */
  readonly checkOnly?: true;
};

export type Accepted = { readonly operation: Operation; readonly runs: readonly Run[]; readonly duplicate: boolean };

export type Fleet = {
  readonly freshness: Freshness;
  readonly workers: readonly WorkerView[];
  /** Recorded burst workers without a node yet (being provisioned). */
  readonly joining: number;
  readonly burstCount: number;
  readonly maxBurstWorkers: number;
  /** Set while the VM server does not answer. */
  readonly vmServer?: Away | undefined;
};

export type DestroyPreview = {
  readonly worker: WorkerView;
  readonly drained: boolean;
  readonly drain: DrainPreview;
  readonly expiresAtMs: number | undefined;
  /** Changes whenever what was shown is no longer so; checked again on submit. */
  readonly fingerprint: string;
};

export type StrayRequest = Request & { readonly vmId: string; readonly name: string };
export type StrayPreview = {
  readonly stray: Stray;
  readonly vm: VmFacts;
  /** Its node, when there is one of its name. */
  readonly node: string | undefined;
  /** Why it cannot be adopted, or destroyed; undefined: it can. */
  readonly adopt: string | undefined;
  readonly destroy: string | undefined;
};
/** `recorded`: its node said all, and nothing else had to be done. */
export type StrayAnswer =
  ({ readonly kind: 'operation' } & Accepted) | { readonly kind: 'recorded'; readonly worker: string };

/** VMs that carry this installation's tag and that no record owns; the caller has established the authority. */
export interface StrayDoor {
  /** As it is now. @throws `changed_meanwhile` when it is none any more, `safety_violation` when it is another VM. */
  previewStray(id: { readonly vmId: string; readonly name: string }): Promise<StrayPreview>;
  /**
   * Takes it up: from its node, or as a worker that has yet to join (and goes when it does not).
   * @throws `safety_violation` when its node or name is not a burst worker's, `limit_reached`.
   */
  adoptStray(request: StrayRequest): Promise<StrayAnswer>;
  /** Removes it like a worker. @throws `safety_violation` when its node is not provably a burst worker. */
  destroyStray(request: StrayRequest): Promise<StrayAnswer>;
}

/** Every method that refuses throws a BurstError and has audited the refusal. */
export interface Operations extends StrayDoor {
  provision(
    request: Request & { readonly count: number; readonly size?: SizeName; readonly ttlHours?: number },
  ): Promise<Accepted>;
  drain(request: Request & { readonly workers: readonly string[]; readonly admin: boolean }): Promise<Accepted>;
  /** `fingerprints` by worker: refused with `changed_meanwhile` when the worker is no longer as it was shown. */
  destroy(
    request: Request & {
      readonly workers: readonly string[];
      readonly force: boolean;
      readonly drainFirst: boolean;
      readonly fingerprints?: Readonly<Record<string, string>>;
    },
  ): Promise<Accepted>;
  extend(request: Request & { readonly workers: readonly string[]; readonly hours: number }): Promise<Accepted>;
  /**
   * Replaces a worker that is not Ready: one of the same size and deadline is provisioned, and when that is Ready the sick
   * one is drained and removed. It stays when the replacement fails.
   * @throws `changed_meanwhile` when it is Ready again, `limit_reached` when there is no room for a replacement.
   */
  repair(request: Request & { readonly worker: string }): Promise<Accepted>;
  cancel(
    operationId: string,
    by: Actor,
  ): Promise<{ readonly operation: Operation; readonly stopping: readonly Run[]; readonly tooLate: readonly Run[] }>;
  /**
   * An admin's force for a worker whose drain or removal is under way: from now on its pods are deleted past their
   * PodDisruptionBudgets. The caller has established the authority. @throws `not_found` when nothing of this operation is
   * under way for the worker, `not_forcible` when there is nothing to force (no drain, or the VM's deletion has begun).
   */
  force(request: Request & { readonly operationId: string; readonly worker: string }): Promise<Accepted>;
  /**
   * Drains of this operation that are blocked or slow get their whole time limit (`drain.timeout_seconds`) once more.
   * @throws `not_found`, `not_forcible` when no drain of it is under way.
   */
  waitLonger(operationId: string, request: Request): Promise<Accepted>;
  /** Stuck runs go on; failed parts of a provision are asked for again as a new operation. */
  retry(operationId: string, request: Request): Promise<Accepted>;

  fleet(filter?: {
    readonly type?: WorkerType;
    readonly status?: WorkerStatus;
    readonly owner?: string;
  }): Promise<Fleet>;
  /**
   * Finds one worker (or a recorded one without a node) by its name or a unique part of it.
   * @throws `not_found` with suggestions, or `ambiguous` with the candidates as suggestions.
   */
  resolve(nameOrPart: string): Promise<string>;
  details(name: string): Promise<WorkerDetails>;
  previewDrain(name: string): Promise<DrainPreview>;
  previewDestroy(name: string): Promise<DestroyPreview>;
  operation(id: string): Promise<{ readonly operation: Operation; readonly runs: readonly Run[] }>;
  recent(filter: {
    readonly requesterId?: string;
    readonly limit: number;
  }): Promise<readonly { readonly operation: Operation; readonly runs: readonly Run[] }[]>;
}

/** What a sweep sees, the VM server's listing first, and what it would do. */
export type SweepReport = {
  readonly atMs: number;
  readonly server: string;
  /** `ours`: those that carry this installation's tag. */
  readonly listing:
    | { readonly known: true; readonly vms: number; readonly ours: number }
    | { readonly known: false; readonly why: string };
  /** Undefined: the cluster's state is not known now. */
  readonly nodes: number | undefined;
  /** Workers that are recorded and have not ended. */
  readonly records: number;
  readonly plan: ReapPlan;
  /** VMs that no record owns and that people are told of. */
  readonly strays: readonly Stray[];
  /** Another installation that looks after the cluster. */
  readonly rival: string | undefined;
  /** What was done just before this look. */
  readonly done?: { readonly expired: number; readonly warned: number; readonly repaired: number };
};
export type Sweeps = {
  /** Looks, and changes nothing. */
  readonly survey: () => Promise<SweepReport>;
  /** Sweeps at once, and looks again. */
  readonly sweepNow: (by: Actor) => Promise<SweepReport>;
};
