/**
 * A cluster whose credentials cannot be read yet. Invariants: until they can, every call fails as it does for an API server
 * that is away, and nothing is taken for empty; from then on it is the cluster itself.
 */
import { BurstError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster, ClusterChange, Freshness } from '../ports/cluster.ts';
import type { Log } from './reflector.ts';

const TRY_EVERY_MS = 5_000;

export type LateOptions = {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** @throws BurstError while the credentials cannot be read. */
  readonly make: () => Cluster;
};

/** The cluster if it can be made now, else one that goes on trying. */
export function createLateCluster(options: LateOptions): Cluster {
  const { name, clock, log, make } = options;
  const stopped = new AbortController();
  const sinceMs = clock.now();
  const listeners = new Map<(change: ClusterChange) => void, (() => void) | undefined>();
  let made: Cluster | undefined;
  let triedMs: number | undefined;
  let trouble = '';

  const now = (): Cluster | undefined => {
    if (made !== undefined || stopped.signal.aborted) return made;
    if (triedMs !== undefined && clock.now() - triedMs < TRY_EVERY_MS) return undefined;
    triedMs = clock.now();
    try {
      made = make();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== trouble) log.error({ cluster: name, reason }, 'the cluster cannot be used yet');
      trouble = reason;
      return undefined;
    }
    for (const listener of listeners.keys()) listeners.set(listener, made.onChange(listener));
    return made;
  };
  const cluster = (): Cluster => {
    const found = now();
    if (found === undefined)
      throw new BurstError('unavailable', trouble === '' ? `Kubernetes cluster ${name} was stopped.` : trouble, {
        hint: 'Check the kubeconfig (path, context, certificate files) of this cluster.',
      });
    return found;
  };
  now();
  return {
    name,
    async start(signal) {
      const over = AbortSignal.any([signal, stopped.signal]);
      while (!over.aborted) {
        const found = now();
        if (found !== undefined) return found.start(signal);
        await clock.sleep(TRY_EVERY_MS, over).catch(() => undefined);
      }
    },
    async stop() {
      stopped.abort();
      await made?.stop();
    },
    freshness: (): Freshness => made?.freshness() ?? { stale: true, sinceMs, reason: trouble },
    onChange(listener) {
      listeners.set(listener, made?.onChange(listener));
      return () => {
        listeners.get(listener)?.();
        listeners.delete(listener);
      };
    },
    cachedNodes: () => made?.cachedNodes() ?? [],
    cachedNode: (node) => made?.cachedNode(node),
    cachedPods: (node) => made?.cachedPods(node) ?? [],
    getNode: async (...of) => cluster().getNode(...of),
    listPodsOnNode: async (...of) => cluster().listPodsOnNode(...of),
    listBudgets: async (...of) => cluster().listBudgets(...of),
    daemonSetExists: async (...of) => cluster().daemonSetExists(...of),
    listVolumeAttachments: async (...of) => cluster().listVolumeAttachments(...of),
    patchNode: async (...of) => cluster().patchNode(...of),
    evict: async (...of) => cluster().evict(...of),
    deletePod: async (...of) => cluster().deletePod(...of),
    deleteNode: async (...of) => cluster().deleteNode(...of),
    createBootstrapToken: async (...of) => cluster().createBootstrapToken(...of),
    deleteBootstrapToken: async (...of) => cluster().deleteBootstrapToken(...of),
    joinFacts: async (...of) => cluster().joinFacts(...of),
    holdLease: async (...of) => cluster().holdLease(...of),
    checkPermissions: async (...of) => cluster().checkPermissions(...of),
    secondLock: async (...of) => cluster().secondLock(...of),
  };
}
