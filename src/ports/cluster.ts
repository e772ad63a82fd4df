/** A Kubernetes cluster. Invariant: live reads never come from a cache; cached reads say how fresh they are. */
import type { BudgetFacts, NodeFacts, PodFacts } from '../domain/worker.ts';

export type Freshness =
  { readonly stale: false } | { readonly stale: true; readonly sinceMs: number | undefined; readonly reason: string };

export type ClusterChange =
  | { readonly kind: 'node'; readonly nodeName: string }
  | { readonly kind: 'pod'; readonly nodeName: string | undefined; readonly namespace: string }
  | { readonly kind: 'budget'; readonly namespace: string };

/** Names of a PodDisruptionBudget that held an eviction back, as the API server's 429 told it. */
export type EvictionOutcome =
  /** Accepted: the pod is being deleted. */
  | { readonly kind: 'accepted' }
  /** 404 or a UID conflict: that pod is gone. */
  | { readonly kind: 'gone' }
  /** 429 by a budget (or 500: several budgets match one pod). `message` is the server's own. */
  | { readonly kind: 'blocked'; readonly message: string; readonly budget: string | undefined }
  /** 429 by the API server's own flow control. */
  | { readonly kind: 'throttled'; readonly retryAfterMs: number }
  /** 403 with cause NamespaceTerminating: wait. */
  | { readonly kind: 'namespace_terminating' }
  | { readonly kind: 'failed'; readonly message: string };

export type DeleteNodeOutcome = 'deleted' | 'gone' | 'uid_mismatch';

/** `untilMs` undefined: another was faster just now. */
export type LeaseOutcome =
  { readonly held: true } | { readonly held: false; readonly holder: string; readonly untilMs: number | undefined };

export type PermissionCheck = { readonly what: string; readonly allowed: boolean; readonly reason: string };

/** `unknown`: the cluster has only burst workers, so there is nothing to try it on. */
export type SecondLock = 'in_force' | 'absent' | 'unknown';

/**
 * Failures of every method: BurstError `unavailable` when the API server cannot be reached or did not answer in time
 * (the outcome of a change is then unknown), `denied` for 401/403, `conflict` for 409, else `internal`.
 */
export interface Cluster {
  readonly name: string;
  /** Starts the caches; resolves once they are filled or `signal` aborts. Goes on trying while the server is away. */
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  freshness(): Freshness;
  /** Called after the cache has changed; returns the unsubscribe function. */
  onChange(listener: (change: ClusterChange) => void): () => void;

  cachedNodes(): readonly NodeFacts[];
  cachedNode(name: string): NodeFacts | undefined;
  /** Pods of one node, or all, from the cache. */
  cachedPods(nodeName?: string): readonly PodFacts[];

  /** Live read; undefined only when the API server answered 404. */
  getNode(name: string, signal?: AbortSignal): Promise<NodeFacts | undefined>;
  /** Live and paginated: all namespaces, field selector spec.nodeName. */
  listPodsOnNode(nodeName: string, signal?: AbortSignal): Promise<readonly PodFacts[]>;
  /** Live: budgets of all namespaces. */
  listBudgets(signal?: AbortSignal): Promise<readonly BudgetFacts[]>;
  /** Live: whether this DaemonSet exists. */
  daemonSetExists(namespace: string, name: string, signal?: AbortSignal): Promise<boolean>;
  /** Live: names of the VolumeAttachments of a node. */
  listVolumeAttachments(nodeName: string, signal?: AbortSignal): Promise<readonly string[]>;

  /**
   * Sets labels and annotations (null removes one) and, if given, `unschedulable`, in one patch guarded by the UID.
   * @throws BurstError `conflict` when the node of that name has another UID, `not_found` when there is none.
   */
  patchNode(
    node: { readonly name: string; readonly uid: string },
    patch: {
      readonly labels?: Readonly<Record<string, string | null>>;
      readonly annotations?: Readonly<Record<string, string | null>>;
      readonly unschedulable?: boolean;
    },
    signal?: AbortSignal,
  ): Promise<NodeFacts>;
  /** policy/v1 Eviction with a UID precondition. `graceSeconds` undefined leaves the pod's own. */
  evict(pod: PodFacts, graceSeconds: number | undefined, signal?: AbortSignal): Promise<EvictionOutcome>;
  /** Deletes past any budget (force only), with a UID precondition. */
  deletePod(pod: PodFacts, graceSeconds: number | undefined, signal?: AbortSignal): Promise<'accepted' | 'gone'>;
  /** Deletes the Node object with a UID precondition. */
  deleteNode(node: { readonly name: string; readonly uid: string }, signal?: AbortSignal): Promise<DeleteNodeOutcome>;

  /**
   * Makes the Secret `bootstrap-token-<id>` in kube-system. Secrets are never read, so a name that is taken cannot be
   * told from a call of one's own that was thought lost.
   * @returns the token, `id.secret`, and the UID of its Secret.
   * @throws BurstError `conflict` when the name is taken: take another id.
   */
  createBootstrapToken(
    token: { readonly id: string; readonly secret: string; readonly workerName: string; readonly expiresAtMs: number },
    signal?: AbortSignal,
  ): Promise<{ readonly token: string; readonly uid: string }>;
  /**
   * Deletes one of them; gone already is fine. With a UID, a Secret of that name which is another is left as it is;
   * without one (its making was never confirmed) only the admission policy tells Burst's from others'.
   */
  deleteBootstrapToken(
    token: { readonly id: string; readonly uid: string | undefined },
    signal?: AbortSignal,
  ): Promise<void>;
  /** What a join command needs: `host:port` of the API server and `sha256:…` of its CA's public key. */
  joinFacts(signal?: AbortSignal): Promise<{ readonly endpoint: string; readonly caCertHash: string }>;

  /**
   * Takes or renews the Lease `burst` in the configured namespace for this holder, unless another's has not run out. It
   * saves double reaping and shows a second installation; nothing that must be right may rest on it.
   */
  holdLease(holder: string, durationMs: number, signal?: AbortSignal): Promise<LeaseOutcome>;

  /** One SelfSubjectAccessReview for each thing that Burst does. */
  checkPermissions(signal?: AbortSignal): Promise<readonly PermissionCheck[]>;
  /** Whether the API server refuses these credentials a node without this label, whatever Burst itself checks. */
  secondLock(label: { readonly key: string; readonly value: string }, signal?: AbortSignal): Promise<SecondLock>;
}
