/**
 * The five worker operations (and extend, cancel, retry, force) as requests. Invariants: what is refused is audited and
 * changes nothing; what is accepted is recorded, all of it in one transaction, before anything is done.
 */
import type { Actor } from '../domain/operation.ts';
import { safetyViolation } from '../domain/errors.ts';
import { destroyRefusal } from '../domain/safety.ts';
import { createControl } from './control.ts';
import { createPreviews } from './previews.ts';
import { createQueries } from './queries.ts';
import { createRepair } from './repair.ts';
import { createRequests } from './requests.ts';
import { createStrays } from './strays.ts';
import { createSubmission } from './submission.ts';
import type { ServiceDeps } from './submission.ts';
import type { Accepted, Operations } from './types.ts';

/** The reaper's door, which no person has. */
export type Upkeep = {
  /** Removes a worker whose deadline has passed, or that an ended run left behind. */
  expire(workers: readonly string[], deadlineMs: number, reason: string, vanished?: true): Promise<Accepted>;
  /** Removes the VM of a worker that is recorded as failed or removed: a call of its ended run landed late. */
  sweep(workerName: string, vmId: string, reason: string): Promise<Accepted>;
  /** Repairs a worker that has not been Ready since `sinceMs`, once for that time. */
  repairSick(workerName: string, sinceMs: number): Promise<Accepted>;
  /** Takes up a burst worker that the database does not know, from its node's annotations. */
  adopt(nodeName: string): Promise<void>;
};

export function createOperations(deps: ServiceDeps): Operations & Upkeep {
  const { cluster, store } = deps;
  const submission = createSubmission(deps);
  const { audited, submit, nodeOf, ensureRecorded, assertRecorded, removals } = submission;
  const previews = createPreviews(submission);
  const requests = { ...createRequests(submission, previews), ...createRepair(submission) };
  const control = createControl(submission, requests);
  const strays = createStrays(submission);
  return {
    ...requests,
    ...control,
    ...strays,
    ...createQueries(submission, previews),
    async destroy(request) {
      const [worker, ...others] = request.workers;
      if (request.force && worker !== undefined && others.length === 0) {
        // a removal that is under way already (and perhaps blocked) goes on with force, instead of being in the way
        const live = await store.liveRunOf(cluster.name, worker);
        if (live?.kind === 'remove-worker' && live.state === 'running' && !live.pivoted)
          return control.force({ ...request, operationId: live.operationId, worker });
      }
      // what people approved of a VM without a record names it like a worker
      if (worker !== undefined && others.length === 0 && !request.force) {
        const stray = (await store.openStrays(cluster.name)).find(({ name }) => name === worker);
        const answer = stray && (await strays.destroyStray({ ...request, vmId: stray.vmId, name: stray.name }));
        if (answer?.kind === 'operation') return answer;
      }
      return requests.destroy(request);
    },
    async adopt(nodeName) {
      const node = await nodeOf(nodeName);
      const refusal = destroyRefusal(node, deps.safety);
      if (refusal !== undefined) throw refusal;
      await ensureRecorded(node);
    },
    repairSick(worker, sinceMs) {
      return requests.repair({
        by: { kind: 'system', name: 'reaper' },
        reason: 'it has not been Ready for too long',
        idempotencyKey: `repair:${cluster.name}:${worker}:${sinceMs}`,
        worker,
      });
    },
    async sweep(workerName, vmId, reason) {
      const by: Actor = { kind: 'system', name: 'reaper' };
      return audited('sweep', by, workerName, async () => {
        const record = await store.getWorker(cluster.name, workerName);
        if (record?.vmId !== vmId || (record.state !== 'failed' && record.state !== 'removed'))
          throw safetyViolation(`VM ${vmId} is not recorded as a leftover of ${workerName}.`, {
            left: 'The VM was not touched.',
          });
        const last = await store.lastRunOf(cluster.name, workerName, 'remove-worker');
        return submit(
          {
            by,
            reason,
            idempotencyKey: `sweep:${cluster.name}:${workerName}:${vmId}:${last?.id ?? 'first'}`,
            ...(record.channelId === undefined ? {} : { channelId: record.channelId }),
          },
          { kind: 'destroy', workers: [workerName], force: false },
          await removals([workerName], { lateClone: record.state === 'failed' }),
        );
      });
    },
    async expire(workers, deadlineMs, reason, vanished) {
      const by: Actor = { kind: 'system', name: 'reaper' };
      return audited('expire', by, workers[0], async () => {
        for (const name of workers) {
          const node = await cluster.getNode(name);
          if (node === undefined) await assertRecorded(name);
          else {
            const refusal = destroyRefusal(node, deps.safety);
            if (refusal !== undefined) throw refusal;
            await ensureRecorded(node);
          }
        }
        const channelId = (await store.getWorker(cluster.name, workers[0] ?? ''))?.channelId;
        const tries = (await store.lastRunOf(cluster.name, workers[0] ?? '', 'remove-worker'))?.id ?? 'first';
        return submit(
          {
            by,
            reason,
            idempotencyKey: `expire:${cluster.name}:${workers.join(',')}:${deadlineMs}:${tries}`,
            ...(channelId === undefined ? {} : { channelId }),
          },
          { kind: 'expire', workers, deadlineMs, ...(vanished === undefined ? {} : { vanished }) },
          await removals(workers, { deadlineMs }),
        );
      });
    },
  };
}
