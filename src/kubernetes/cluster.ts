/** The Cluster port on a real API server. Invariant: live reads go to the API server, cached ones never do. */
import { messageOf } from '../domain/errors.ts';
import type { BudgetFacts, NodeFacts, PodFacts } from '../domain/worker.ts';
import type {
  Cluster,
  ClusterChange,
  DeleteNodeOutcome,
  EvictionOutcome,
  Freshness,
  LeaseOutcome,
  PermissionCheck,
  SecondLock,
} from '../ports/cluster.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import { z } from 'zod';
import { createBootstrapToken, deleteBootstrapToken, type NewToken, type TokenRef } from './bootstrap-tokens.ts';
import { BudgetVersions, NodeCache, PodCache } from './caches.ts';
import { Connection, type Credentials } from './connection.ts';
import { budgetFacts, nodeFacts, podFacts } from './facts.ts';
import { joinFacts, type JoinOverrides } from './join.ts';
import { holdLease } from './lease.ts';
import { type ListOptions, listItems } from './list.ts';
import { deleteNode, getNode, patchNode, type NodePatch, type NodeRef } from './nodes.ts';
import { checkPermissions } from './permissions.ts';
import { deletePod, evictPod } from './pods.ts';
import { type Log, Reflector, WATCH_TIMING, type WatchTiming } from './reflector.ts';
import { secondLock } from './second-lock.ts';
import { answerError } from './status.ts';

export type ClusterOptions = {
  /** The name that every row, command and metric carries. */
  readonly name: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly credentials: Credentials;
  /** Where the Lease is kept. */
  readonly namespace: string;
  /** Longest wait for one answer, in ms of real time. */
  readonly requestTimeoutMs: number;
  readonly joinOverrides?: JoinOverrides;
  /** Groups that a node gets by its bootstrap token (`auth-extra-groups`); without this, no tokens are made. */
  readonly bootstrap?: { readonly groups: readonly string[] };
  readonly log: Log;
  /** Objects in one page of a listing; 500 as kubectl does. */
  readonly pageSize?: number;
  /** Node annotations (besides `burst/…`) that are kept whatever their size; `worker-ttl` unless given. */
  readonly neededAnnotations?: readonly string[];
  readonly watchTiming?: Partial<WatchTiming>;
};

/** A watch may be away for this long before the cache is called stale. */
const STALE_AFTER_MS = 3_000;
const NODES = '/api/v1/nodes';
const PODS = '/api/v1/pods';
const BUDGETS = '/apis/policy/v1/poddisruptionbudgets';

const attachmentSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ nodeName: z.string() }),
});

class KubernetesCluster implements Cluster {
  readonly name: string;
  readonly #options: ClusterOptions;
  readonly #connection: Connection;
  readonly #needed: ReadonlySet<string>;
  readonly #listeners = new Set<(change: ClusterChange) => void>();
  readonly #stopped = new AbortController();
  readonly #nodes: NodeCache;
  readonly #pods: PodCache;
  readonly #reflectors: readonly Pick<Reflector<unknown>, 'run' | 'trouble' | 'loaded'>[];
  #running: Promise<unknown> | undefined;

  constructor(options: ClusterOptions) {
    this.name = options.name;
    this.#options = options;
    this.#connection = new Connection(options.name, options.credentials, options.requestTimeoutMs);
    this.#needed = new Set(options.neededAnnotations ?? ['worker-ttl']);
    const notify = (change: ClusterChange): void => this.#notify(change);
    const nodes = new NodeCache(notify);
    const pods = new PodCache(notify);
    const budgets = new BudgetVersions(notify);
    const common = {
      cluster: options.name,
      connection: this.#connection,
      clock: options.clock,
      ids: options.ids,
      log: options.log,
      pageSize: options.pageSize ?? 500,
      timing: { ...WATCH_TIMING, ...options.watchTiming },
    };
    this.#nodes = nodes;
    this.#pods = pods;
    this.#reflectors = [
      new Reflector({
        ...common,
        what: 'nodes',
        path: NODES,
        sink: nodes,
        parse: (raw) => {
          const value = nodeFacts(raw, this.#needed);
          return value && { key: value.name, resourceVersion: value.resourceVersion, value };
        },
      }),
      new Reflector({ ...common, what: 'pods', path: PODS, sink: pods, parse: (raw) => pods.parse(raw) }),
      new Reflector({
        ...common,
        what: 'poddisruptionbudgets',
        path: BUDGETS,
        sink: budgets,
        parse: (raw) => budgets.parse(raw),
      }),
    ];
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#running ??= Promise.all(this.#reflectors.map((reflector) => reflector.run(this.#stopped.signal)));
    const over = AbortSignal.any([signal, this.#stopped.signal]);
    if (over.aborted) return;
    const aborted = Promise.withResolvers<void>();
    over.addEventListener('abort', () => aborted.resolve(), { once: true });
    await Promise.race([Promise.all(this.#reflectors.map((reflector) => reflector.loaded)), aborted.promise]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#connection.close();
    await this.#running;
  }

  freshness(): Freshness {
    if (this.#running === undefined || this.#stopped.signal.aborted)
      return { stale: true, sinceMs: undefined, reason: 'the caches are not running' };
    const now = this.#options.clock.now();
    const troubles = this.#reflectors.flatMap((reflector) => reflector.trouble() ?? []);
    const notLoaded = troubles.find((trouble) => !trouble.loaded);
    if (notLoaded !== undefined) return { stale: true, sinceMs: undefined, reason: notLoaded.reason };
    const oldest = troubles
      .flatMap(({ sinceMs, reason }) => (sinceMs === undefined ? [] : [{ sinceMs, reason }]))
      .sort((a, b) => a.sinceMs - b.sinceMs)[0];
    if (oldest === undefined || now - oldest.sinceMs < STALE_AFTER_MS) return { stale: false };
    return { stale: true, ...oldest };
  }

  onChange(listener: (change: ClusterChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #notify(change: ClusterChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        const reason = messageOf(error);
        this.#options.log.error({ cluster: this.name, reason }, 'a listener of cluster changes failed');
      }
    }
  }

  cachedNodes(): readonly NodeFacts[] {
    return this.#nodes.all();
  }

  cachedNode(name: string): NodeFacts | undefined {
    return this.#nodes.get(name);
  }

  cachedPods(nodeName?: string): readonly PodFacts[] {
    return nodeName === undefined ? this.#pods.all() : this.#pods.onNode(nodeName);
  }

  get #context() {
    return {
      cluster: this.name,
      connection: this.#connection,
      neededAnnotations: this.#needed,
      pageSize: this.#options.pageSize ?? 500,
    };
  }

  #list<T>(
    options: Pick<ListOptions, 'path' | 'what' | 'query' | 'signal'>,
    parse: (raw: unknown) => T | undefined,
  ): Promise<T[]> {
    return listItems({ ...this.#context, ...options }, parse);
  }

  getNode(name: string, signal?: AbortSignal): Promise<NodeFacts | undefined> {
    return getNode(this.#context, name, signal);
  }

  listPodsOnNode(nodeName: string, signal?: AbortSignal): Promise<readonly PodFacts[]> {
    const query = { fieldSelector: `spec.nodeName=${nodeName}` };
    return this.#list({ path: PODS, what: `pods of node ${nodeName}`, query, signal }, (raw) => podFacts(raw)?.facts);
  }

  listBudgets(signal?: AbortSignal): Promise<readonly BudgetFacts[]> {
    return this.#list({ path: BUDGETS, what: 'PodDisruptionBudgets', signal }, budgetFacts);
  }

  async daemonSetExists(namespace: string, name: string, signal?: AbortSignal): Promise<boolean> {
    const what = `get DaemonSet ${namespace}/${name}`;
    const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/daemonsets/${encodeURIComponent(name)}`;
    const answer = await this.#connection.request('GET', path, { what, signal });
    if (answer.status === 404) return false;
    if (answer.status === 200) return true;
    throw answerError(this.name, what, answer);
  }

  listVolumeAttachments(nodeName: string, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#list(
      { path: '/apis/storage.k8s.io/v1/volumeattachments', what: 'VolumeAttachments', signal },
      (raw) => {
        const attachment = attachmentSchema.safeParse(raw);
        if (!attachment.success || attachment.data.spec.nodeName !== nodeName) return undefined;
        return attachment.data.metadata.name;
      },
    );
  }

  patchNode(node: NodeRef, patch: NodePatch, signal?: AbortSignal): Promise<NodeFacts> {
    return patchNode(this.#context, node, patch, signal);
  }

  evict(pod: PodFacts, graceSeconds: number | undefined, signal?: AbortSignal): Promise<EvictionOutcome> {
    return evictPod(this.#connection, this.name, pod, graceSeconds, signal);
  }

  deletePod(pod: PodFacts, graceSeconds: number | undefined, signal?: AbortSignal): Promise<'accepted' | 'gone'> {
    return deletePod(this.#connection, this.name, pod, graceSeconds, signal);
  }

  deleteNode(node: NodeRef, signal?: AbortSignal): Promise<DeleteNodeOutcome> {
    return deleteNode(this.#context, node, signal);
  }

  createBootstrapToken(
    token: NewToken,
    signal?: AbortSignal,
  ): Promise<{ readonly token: string; readonly uid: string }> {
    return createBootstrapToken(this.#context, token, this.#options.bootstrap?.groups ?? [], signal);
  }

  deleteBootstrapToken(token: TokenRef, signal?: AbortSignal): Promise<void> {
    return deleteBootstrapToken(this.#context, token, signal);
  }

  joinFacts(signal?: AbortSignal): Promise<{ readonly endpoint: string; readonly caCertHash: string }> {
    const inCluster = this.#options.credentials.kind === 'in-cluster';
    return joinFacts(this.#connection, this.name, this.#options.joinOverrides ?? {}, inCluster, signal);
  }

  holdLease(holder: string, durationMs: number, signal?: AbortSignal): Promise<LeaseOutcome> {
    const context = { ...this.#context, namespace: this.#options.namespace };
    return holdLease(context, { holder, durationMs, nowMs: this.#options.clock.now() }, signal);
  }

  checkPermissions(signal?: AbortSignal): Promise<readonly PermissionCheck[]> {
    const { namespace, bootstrap } = this.#options;
    const needs = { namespace, bootstrapTokens: bootstrap !== undefined };
    return checkPermissions(this.#connection, this.name, needs, signal);
  }

  secondLock(label: { readonly key: string; readonly value: string }, signal?: AbortSignal): Promise<SecondLock> {
    return secondLock(this.#connection, this.name, label, signal);
  }
}

/**
 * The Kubernetes cluster behind these credentials; nothing is sent before the first call.
 * @throws BurstError `invalid_input` when the credentials cannot be read.
 */
export function createCluster(options: ClusterOptions): Cluster {
  return new KubernetesCluster(options);
}
