/** What can be done with an operation under way or ended: cancel, retry, wait longer, force. */
import { BurstError } from '../domain/errors.ts';
import type { Actor, Operation, Run, RunData } from '../domain/operation.ts';
import { isLive } from '../domain/operation.ts';
import { destroyRefusal } from '../domain/safety.ts';
import type { NewAudit } from '../ports/store.ts';
import { assertDrainable } from './steps/drain.ts';
import type { Submission } from './submission.ts';
import type { Accepted, Operations } from './types.ts';

export function createControl(
  submission: Submission,
  requests: Pick<Operations, 'provision' | 'drain' | 'destroy' | 'extend' | 'repair'>,
): Pick<Operations, 'cancel' | 'retry' | 'force' | 'waitLonger'> {
  const { deps, audited, operationOf } = submission;
  const { cluster, store, clock } = deps;

  const auditRow = (operation: Operation, by: Actor, action: string, text: string): NewAudit => ({
    atMs: clock.now(),
    cluster: operation.cluster,
    actor: by,
    action,
    outcome: 'requested',
    operationId: operation.id,
    text,
  });

  async function accepted(operationId: string): Promise<Accepted> {
    deps.submitted();
    return { operation: await operationOf(operationId), runs: await store.runsOf(operationId), duplicate: false };
  }

  /** Runs that are draining now. @throws `not_forcible` when there is none. */
  async function draining(operation: Operation, worker?: string): Promise<readonly Run[]> {
    const runs = (await store.runsOf(operation.id)).filter(
      (run) =>
        run.state === 'running' &&
        !run.pivoted &&
        !run.cancelRequested &&
        (run.kind === 'drain-worker' || run.kind === 'remove-worker') &&
        (worker === undefined || run.workerName === worker),
    );
    if (runs.length === 0)
      throw new BurstError(
        'not_forcible',
        `No drain of ${worker ?? `operation ${operation.id}`} is under way any more (the operation is ${operation.state}).`,
        { left: 'Nothing was changed.', hint: 'See `/burst ops` for how it stands.' },
      );
    return runs;
  }

  /** @throws `not_forcible` when the runs ended, were cancelled or passed the pivot meanwhile. */
  async function adjust(
    operation: Operation,
    runs: readonly Run[],
    data: Partial<RunData>,
    type: string,
    audit: readonly NewAudit[],
  ): Promise<Accepted> {
    const event = { atMs: clock.now(), type, text: audit[0]?.text ?? type };
    const changed = await store.adjustRuns(
      runs.map((run) => run.id),
      data,
      event,
      audit,
    );
    if (changed.length === 0)
      throw new BurstError('not_forcible', `The drain of operation ${operation.id} has ended meanwhile.`, {
        left: 'Nothing was changed.',
      });
    return accepted(operation.id);
  }

  return {
    cancel: (operationId, by) =>
      audited('cancel', by, undefined, async () => {
        const operation = await operationOf(operationId);
        const before = (await store.runsOf(operationId)).filter((run) => isLive(run.state));
        if (before.length === 0)
          throw new BurstError('not_cancellable', `Operation ${operationId} has ended (${operation.state}).`, {
            left: 'Nothing was changed.',
          });
        const row = auditRow(operation, by, 'cancel', `cancel ${operation.kind}`);
        const stopping = await store.requestCancel(operationId, by, clock.now(), row);
        deps.submitted();
        const ids = new Set(stopping.map((run) => run.id));
        return { operation, stopping, tooLate: before.filter((run) => !ids.has(run.id)) };
      }),

    force: (request) =>
      audited('force', request.by, request.worker, async () => {
        const operation = await operationOf(request.operationId);
        const runs = await draining(operation, request.worker);
        const node = await cluster.getNode(request.worker);
        if (node !== undefined) {
          const removing = runs.some((run) => run.kind === 'remove-worker');
          const refusal = removing ? destroyRefusal(node, deps.safety) : undefined;
          if (refusal !== undefined) throw refusal;
          assertDrainable(deps, node, { removing });
        }
        if (request.checkOnly === true) return { operation, runs, duplicate: false };
        const why = (request.reason ?? '').slice(0, 500);
        return adjust(operation, runs, { force: true }, 'forced', [
          {
            ...auditRow(operation, request.by, 'force', `FORCE: ${operation.kind} ${request.worker} past its budgets`),
            workerName: request.worker,
            details: { reason: why },
          },
        ]);
      }),

    waitLonger: (operationId, request) =>
      audited('wait-longer', request.by, undefined, async () => {
        const operation = await operationOf(operationId);
        const runs = await draining(operation);
        // the whole limit again from now on, however much of it is used up
        const usedMs = Math.max(...runs.map((run) => clock.now() - run.stepSinceMs));
        const minutes = Math.round(deps.drain.timeoutMs / 60_000);
        return adjust(operation, runs, { extraDrainMs: usedMs }, 'wait_longer', [
          auditRow(operation, request.by, 'wait-longer', `wait ${minutes} min longer for ${operation.kind}`),
        ]);
      }),

    retry: (operationId, request) =>
      audited('retry', request.by, undefined, async () => {
        const operation = await operationOf(operationId);
        const runs = await store.runsOf(operationId);
        if (runs.some((run) => run.state === 'stuck')) {
          const row = auditRow(operation, request.by, 'retry', `retry ${operation.kind}`);
          await store.retryStuck(operationId, clock.now(), row);
          return accepted(operationId);
        }
        const undone = runs.filter((run) => run.state === 'undone');
        if (undone.length === 0)
          throw new BurstError('not_retryable', `Nothing of operation ${operationId} failed.`, {
            left: 'Nothing was changed.',
          });
        const again = { ...request, reason: request.reason ?? operation.reason };
        const workers = undone.map((run) => run.workerName);
        const { params } = operation;
        switch (params.kind) {
          case 'provision':
            if (params.adopted !== undefined)
              throw new BurstError(
                'not_retryable',
                `VM ${params.adopted.vmId} was removed: it cannot be adopted again.`,
                {
                  left: 'Nothing was changed.',
                  hint: 'Provision another worker.',
                },
              );
            return requests.provision({ ...again, count: undone.length, size: params.size, ttlHours: params.ttlHours });
          case 'drain':
            return requests.drain({ ...again, workers, admin: false });
          case 'extend':
            return requests.extend({ ...again, workers, hours: params.hours });
          case 'repair': {
            const sick = params.workers[0] ?? '';
            // with its replacement there already, what is left to do is the removal
            return workers.includes(params.replacement)
              ? requests.repair({ ...again, worker: sick })
              : requests.destroy({ ...again, workers, force: false, drainFirst: true });
          }
          case 'destroy':
          case 'expire':
            // force is never repeated by itself: it needs its own confirmation
            return requests.destroy({ ...again, workers, force: false, drainFirst: true });
        }
      }),
  };
}
