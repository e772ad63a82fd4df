/** The four kinds of run as lists of steps, readable top to bottom, and what their end means for the books. */
import type { Run, RunKind } from '../domain/operation.ts';
import { stepTitle } from '../domain/steps.ts';
import { alertOf } from '../engine/index.ts';
import type { RunDefinition } from '../engine/index.ts';
import type { NewOutbox, Schedule, ScheduleStatus, WorkerRecord } from '../ports/store.ts';
import type { StepDeps } from './deps.ts';
import { cloneVm, configureVm, reserveId, startVm } from './steps/create-vm.ts';
import { awaitDetach, cordon, evictPods } from './steps/drain.ts';
import { extendDeadline } from './steps/extend.ts';
import { awaitJoin, awaitReady, labelNode } from './steps/join.ts';
import { applyConfig, resetMachine } from './steps/machine.ts';
import { awaitReplacement } from './steps/replacement.ts';
import { configuredUnlessRunning, takenUp, unlessAdopted } from './steps/adopt.ts';
import { closeWorker, deleteVm, removeNode, stopVm } from './steps/remove.ts';

async function scheduleAs(deps: StepDeps, run: Run, status: ScheduleStatus): Promise<{ readonly schedule?: Schedule }> {
  const schedule = await deps.store.getSchedule(run.cluster, run.workerName);
  return schedule === undefined ? {} : { schedule: { ...schedule, status } };
}

const recordOf = (deps: StepDeps, run: Run): Promise<WorkerRecord | undefined> =>
  deps.store.getWorker(run.cluster, run.workerName);

/** Its VM has gone, by now at the latest; one that was never seen never was. */
const vmGone = (record: WorkerRecord | undefined, nowMs: number): { readonly vmGoneMs?: number } =>
  record?.vmSinceMs === undefined ? {} : { vmGoneMs: record.vmGoneMs ?? nowMs };

function stuckAlert(run: Run): readonly NewOutbox[] {
  const why = run.failure?.message ?? run.progress;
  const text = `${run.workerName} is stuck at "${stepTitle(run.step)}" and needs a person: ${why}`;
  return [alertOf(run, `alert:${run.id}:stuck`, text)];
}

function addWorker(deps: StepDeps): RunDefinition {
  const configure = configureVm(deps);
  return {
    kind: 'add-worker',
    steps: [
      reserveId(deps),
      unlessAdopted(cloneVm(deps), takenUp(deps)),
      unlessAdopted(configure, configuredUnlessRunning(deps, configure)),
      startVm(deps),
      applyConfig(deps),
      awaitJoin(deps),
      labelNode(deps),
      awaitReady(deps),
    ],
    async ended(run, state, nowMs) {
      switch (state) {
        case 'succeeded':
          return { worker: { state: 'active' } };
        case 'undone':
          return {
            worker: { state: 'failed', ...vmGone(await recordOf(deps, run), nowMs) },
            ...(await scheduleAs(deps, run, 'done')),
          };
        case 'stuck':
          return { outbox: stuckAlert(run) };
      }
    },
  };
}

function drainWorker(deps: StepDeps): RunDefinition {
  const mode = { removing: false };
  return {
    kind: 'drain-worker',
    steps: [cordon(deps, mode), evictPods(deps, mode), awaitDetach(deps)],
    async ended(run, state) {
      return state === 'stuck' ? { outbox: stuckAlert(run) } : {};
    },
  };
}

function removeWorker(deps: StepDeps): RunDefinition {
  const mode = { removing: true };
  return {
    kind: 'remove-worker',
    steps: [
      // a plain removal begins at the step after it
      awaitReplacement(deps),
      cordon(deps, mode),
      evictPods(deps, mode),
      awaitDetach(deps),
      resetMachine(deps),
      stopVm(deps),
      deleteVm(deps),
      removeNode(deps),
      closeWorker(deps),
    ],
    async ended(run, state, nowMs) {
      switch (state) {
        case 'succeeded': {
          const record = await recordOf(deps, run);
          return {
            ...(record === undefined
              ? {}
              : { worker: { state: 'removed', removedAtMs: nowMs, ...vmGone(record, nowMs) } }),
            ...(await scheduleAs(deps, run, 'done')),
          };
        }
        case 'undone':
          return {
            // a worker that had failed before (its late VM was being swept) does not come to life by this
            ...((await recordOf(deps, run))?.state === 'removing'
              ? { worker: { state: 'active' }, ...(await scheduleAs(deps, run, 'active')) }
              : {}),
          };
        case 'stuck':
          return { outbox: stuckAlert(run) };
      }
    },
  };
}

function extendWorker(deps: StepDeps): RunDefinition {
  return {
    kind: 'extend-worker',
    steps: [extendDeadline(deps)],
    async ended(run, state) {
      return state === 'stuck' ? { outbox: stuckAlert(run) } : {};
    },
  };
}

export function runDefinitions(deps: StepDeps): ReadonlyMap<RunKind, RunDefinition> {
  const all = [addWorker(deps), drainWorker(deps), removeWorker(deps), extendWorker(deps)];
  return new Map(all.map((definition) => [definition.kind, definition]));
}
