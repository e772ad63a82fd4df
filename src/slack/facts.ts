/** What a message tells of an operation besides its runs. Invariant: what cannot be read is left out, never a reason to be silent. */
import { workerCost } from '../domain/cost.ts';
import { stepTitle } from '../domain/steps.ts';
import type { Operation, Run } from '../domain/operation.ts';
import type { WorkerPolicy } from '../domain/policy.ts';
import type { Operations } from '../operations/types.ts';
import type { Store } from '../ports/store.ts';
import type { OperationFacts, RunFacts } from './blocks/thread.ts';

export type FactSources = {
  readonly operations: Pick<Operations, 'details'>;
  readonly store: Pick<Store, 'getWorker' | 'listAudit'>;
  readonly workers: Pick<WorkerPolicy, 'sizes'>;
};
const MOST_AUDIT = 1000;
const MOST_LOOKED_AT = 20;

/** How long removed workers lived, and how big they were. */
export async function livesOf(operation: Operation, runs: readonly Run[], from: FactSources): Promise<OperationFacts> {
  const facts = new Map<string, RunFacts>();
  if (operation.kind === 'provision')
    for (const run of runs) {
      const worker = run.state === 'undone' ? undefined : await from.store.getWorker(operation.cluster, run.workerName);
      const untilMs = run.data.deadlineMs ?? worker?.plannedUntilMs;
      // until it is there its cost is that of its whole time
      const nowMs = worker?.vmSinceMs ?? operation.createdAtMs;
      const cost = worker && workerCost({ ...worker, vmGoneMs: undefined, untilMs }, nowMs);
      if (cost !== undefined) facts.set(run.id, { cost });
    }
  if (!['destroy', 'expire', 'repair'].includes(operation.kind)) return facts;
  for (const run of runs) {
    if (run.state !== 'succeeded' || run.kind !== 'remove-worker') continue;
    const worker = await from.store.getWorker(operation.cluster, run.workerName);
    if (worker === undefined) continue;
    const { vmId } = run.data;
    // a VM without a record: nobody knows how long it lived
    if (worker.vmId === undefined && worker.nodeUid === undefined) {
      if (vmId !== undefined) facts.set(run.id, { vmId });
      continue;
    }
    const cpus = worker.cpus ?? from.workers.sizes.get(worker.size)?.cpus;
    const endMs = worker.removedAtMs ?? run.endedAtMs;
    const cost = endMs === undefined ? undefined : workerCost({ ...worker, untilMs: undefined }, endMs);
    facts.set(run.id, {
      ...(endMs === undefined ? {} : { livedMs: endMs - worker.createdAtMs }),
      ...(cpus === undefined ? {} : { cpus }),
      ...(cost === undefined ? {} : { cost }),
      ...(worker.vmId === undefined ? {} : { vmId: worker.vmId }),
      ...(worker.vmHost === undefined ? {} : { vmHost: worker.vmHost }),
    });
  }
  return facts;
}

/** Besides: addresses of what was made, and what undoing did. */
export async function endFactsOf(
  operation: Operation,
  runs: readonly Run[],
  from: FactSources,
): Promise<OperationFacts> {
  const facts = new Map(await livesOf(operation, runs, from));
  const add = (run: Run, more: RunFacts): void => void facts.set(run.id, { ...facts.get(run.id), ...more });
  if (operation.kind === 'provision' || operation.kind === 'repair')
    for (const run of runs
      .filter(({ state, kind }) => state === 'succeeded' && kind === 'add-worker')
      .slice(0, MOST_LOOKED_AT)) {
      const details = await from.operations.details(run.workerName).catch(() => undefined);
      const addresses = details?.node.addresses.map(({ type, address }) => `${type} ${address}`);
      if (addresses !== undefined) add(run, { addresses });
    }
  if (runs.some((run) => run.state === 'undone')) {
    const audit = await from.store.listAudit({ operationId: operation.id, limit: MOST_AUDIT });
    const undone = [...audit].reverse().filter((row) => row.action.startsWith('undo:'));
    for (const run of runs)
      add(run, {
        undone: undone
          .filter((row) => row.runId === run.id)
          .map((row) => `${stepTitle(row.action.slice('undo:'.length))}: ${row.text}`),
      });
  }
  return facts;
}
