/** What Burst knows of workers and operations. Invariant: reads only; what may be old says so. */
import { auditText } from '../domain/steps.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import { actorId } from '../domain/operation.ts';
import { isControlPlane, NODE_KEYS } from '../domain/safety.ts';
import { workerView } from '../domain/views.ts';
import { resolveName } from './names.ts';
import type { Previews } from './previews.ts';
import { assertDrainable } from './steps/drain.ts';
import type { Submission } from './submission.ts';
import type { Operations } from './types.ts';

/** Names are ASCII: no need of a language's order, which takes many times as long. */
const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export function createQueries(
  { deps, nodeOf, operationOf }: Submission,
  { drainPreview, previewDestroy, view }: Previews,
): Pick<Operations, 'fleet' | 'resolve' | 'details' | 'previewDrain' | 'previewDestroy' | 'operation' | 'recent'> {
  const { cluster, store } = deps;
  const present = () => store.listWorkers({ cluster: cluster.name, states: ['requested', 'active', 'removing'] });

  return {
    async fleet(filter = {}) {
      const records = await present();
      const byName = new Map(records.map((record) => [record.name, record]));
      const live = new Map(
        (await store.liveRuns()).filter((run) => run.cluster === cluster.name).map((run) => [run.workerName, run]),
      );
      const nodes = cluster.cachedNodes().filter((node) => !isControlPlane(node));
      const names = new Set(nodes.map((node) => node.name));
      const workers = nodes
        .map((node) => {
          const record = byName.get(node.name);
          return workerView(cluster.name, node, cluster.cachedPods(node.name), deps.safety, {
            owner: record === undefined ? undefined : actorId(record.owner),
            operationId: record?.operationId,
            activity: live.get(node.name)?.progress,
          });
        })
        .filter(
          (worker) =>
            (filter.type === undefined || worker.type === filter.type) &&
            (filter.status === undefined || worker.status === filter.status) &&
            (filter.owner === undefined || worker.owner === filter.owner),
        )
        .sort((a, b) => inOrder(a.type, b.type) || inOrder(a.name, b.name));
      return {
        freshness: cluster.freshness(),
        workers,
        joining: records.filter((record) => record.state === 'requested' && !names.has(record.name)).length,
        burstCount: records.length,
        maxBurstWorkers: deps.workers.maxBurstWorkers,
        vmServer: deps.vms.away?.(),
      };
    },

    async resolve(nameOrPart) {
      const recorded = (await present()).map((record) => record.name);
      const known = new Set([...cluster.cachedNodes().map((node) => node.name), ...recorded]);
      try {
        return resolveName(nameOrPart, [...known].sort());
      } catch (error) {
        const freshness = cluster.freshness();
        if (!isBurstError(error, 'not_found') || !freshness.stale) throw error;
        throw new BurstError('not_found', error.message, {
          hint: `The cluster is out of reach (${freshness.reason}): its nodes may not all be known.`,
          suggestions: error.suggestions,
          cause: error,
        });
      }
    },

    async details(name) {
      const node = await nodeOf(name);
      const record = await store.getWorker(cluster.name, name);
      const vmId = record?.vmId ?? (node.annotations[NODE_KEYS.vmId] || undefined);
      const history = await store.listAudit({ cluster: cluster.name, workerName: name, limit: 20 });
      let state = 'unknown';
      if (vmId !== undefined) {
        try {
          state = (await deps.vms.find(vmId))?.state ?? 'not found';
        } catch {
          state = 'unknown (the VM server did not answer)';
        }
      }
      return {
        ...(await view(node)),
        node,
        pods: await cluster.listPodsOnNode(name),
        vm: vmId === undefined ? undefined : { id: vmId, host: record?.vmHost, state },
        history: history.map((row) => ({
          atMs: row.atMs,
          actor: actorId(row.actor),
          text: auditText(row.action, row.text),
        })),
      };
    },

    async previewDrain(name) {
      const node = await nodeOf(name);
      assertDrainable(deps, node, { removing: false });
      return drainPreview(node);
    },
    previewDestroy,

    async operation(id) {
      return { operation: await operationOf(id), runs: await store.runsOf(id) };
    },
    async recent(filter) {
      const operations = await store.listOperations({
        cluster: cluster.name,
        limit: filter.limit,
        ...(filter.requesterId === undefined ? {} : { requesterId: filter.requesterId }),
      });
      return Promise.all(operations.map(async (operation) => ({ operation, runs: await store.runsOf(operation.id) })));
    },
  };
}
