/** What a drain or a destruction would do, decided by the same code that does it. Invariant: changes nothing. */
import { createHash } from 'node:crypto';
import { budgetBlocks, drainPlan, podKey } from '../domain/drain-plan.ts';
import { workerCost } from '../domain/cost.ts';
import type { DrainPreview } from '../domain/drain-plan.ts';
import { actorId } from '../domain/operation.ts';
import { deadlineOf, destroyRefusal } from '../domain/safety.ts';
import { workerView } from '../domain/views.ts';
import type { NodeFacts, WorkerView } from '../domain/worker.ts';
import { missingDaemonSets } from './steps/drain.ts';
import type { Submission } from './submission.ts';
import type { DestroyPreview } from './types.ts';

export type Previews = ReturnType<typeof createPreviews>;

export function createPreviews({ deps, nodeOf }: Submission) {
  const { cluster, store, clock } = deps;

  async function drainPreview(node: NodeFacts): Promise<DrainPreview> {
    const pods = await cluster.listPodsOnNode(node.name);
    const plan = drainPlan(
      { pods, nowMs: clock.now(), missingDaemonSets: await missingDaemonSets(deps, pods) },
      {
        ignoreDaemonSets: deps.drain.ignoreDaemonSets,
        deleteEmptyDirData: deps.drain.deleteEmptyDirData,
        force: deps.drain.force,
        skipWaitForDeleteMs: deps.drain.skipWaitForDeleteMs,
      },
    );
    const evict = plan.decisions.flatMap((decision) => (decision.kind === 'evict' ? [decision] : []));
    return {
      node: node.name,
      unschedulable: node.unschedulable,
      evict: evict.map(({ pod }) => ({
        namespace: pod.namespace,
        name: pod.name,
        owner: pod.controller === undefined ? '' : `${pod.controller.kind}/${pod.controller.name}`,
      })),
      skip: plan.decisions.flatMap((decision) =>
        decision.kind === 'skip'
          ? [{ namespace: decision.pod.namespace, name: decision.pod.name, why: decision.why }]
          : [],
      ),
      errors: plan.errors.map(({ pod, text }) => ({ namespace: pod.namespace, name: pod.name, text })),
      blocked: budgetBlocks(
        evict.map(({ pod }) => pod),
        await cluster.listBudgets(),
      ),
      losses: evict.flatMap(({ pod, warning }) => (warning === undefined ? [] : [`${podKey(pod)}: ${warning}`])),
    };
  }

  /** One worker as the API server has it now. */
  async function view(node: NodeFacts): Promise<WorkerView> {
    const record = await store.getWorker(cluster.name, node.name);
    const run = await store.liveRunOf(cluster.name, node.name);
    const worker = workerView(cluster.name, node, await cluster.listPodsOnNode(node.name), deps.safety, {
      owner: record === undefined ? undefined : actorId(record.owner),
      operationId: run?.operationId ?? record?.operationId,
      activity: run?.progress,
    });
    return { ...worker, cost: record && workerCost({ ...record, untilMs: worker.expiresAtMs }, clock.now()) };
  }

  async function previewDestroy(name: string): Promise<DestroyPreview> {
    const node = await nodeOf(name);
    const refusal = destroyRefusal(node, deps.safety);
    if (refusal !== undefined) throw refusal;
    const drain = await drainPreview(node);
    const drained = node.unschedulable && drain.evict.length === 0 && drain.errors.length === 0;
    const deadlineMs = deadlineOf(node, deps.safety);
    const seen = [
      node.uid,
      node.unschedulable,
      deadlineMs ?? '',
      drain.evict
        .map((pod) => `${pod.namespace}/${pod.name}`)
        .sort()
        .join(),
      drain.errors.length,
    ].join('|');
    return {
      worker: await view(node),
      drained,
      drain,
      expiresAtMs: deadlineMs,
      fingerprint: createHash('sha256').update(seen).digest('hex').slice(0, 16),
    };
  }

  return { drainPreview, previewDestroy, view };
}
