/** Stop, wait, delete, wait, look: gone means that the provider says not found, or that the id carries another identity. */
import { isBurstError } from '../../domain/errors.ts';
import type { StepContext, StepResult } from '../../engine/index.ts';
import type { TaskHandle } from '../../ports/vm-provider.ts';
import type { StepDeps } from '../deps.ts';
import { foreignVm, identify, ownerTagOf } from './identity.ts';
import { lookAtTask, saveTask, waitFor } from './vm-tasks.ts';

/** How long a VM that was asked for may take to show up after its clone call was lost, ms. */
const LATE_CLONE_MS = 20_000;

/** How long a refused deletion is asked for again before a person is called, ms; there is no way back from here. */
const REFUSED_MS = 5 * 60_000;

export type RemoveOptions = {
  /** What to do when the id carries another VM: refuse, or (it is not ours, ours is gone) be done. */
  readonly unlessOurs: 'refuse' | 'leave';
  /** A clone that was journaled but not tagged yet: our unique name at our reserved id is proof enough. */
  readonly allowUntagged: boolean;
};

/** One look at the removal of this run's VM; repeats until it answers `done`. */
export async function removeVm(deps: StepDeps, context: StepContext, options: RemoveOptions): Promise<StepResult> {
  const id = context.data.vmId;
  if (id === undefined) return { kind: 'done', text: 'there was no VM' };
  const vm = await deps.vms.find(id, context.signal);
  const identity = identify(vm, context.run.workerName, await ownerTagOf(deps, context.run));
  if (vm === undefined) {
    const clone = await lookAtTask(deps, context, 'clone').catch(() => ({ kind: 'none' }) as const);
    const mayLand = options.allowUntagged && context.data.cloneRequested === true && context.data.vmGone !== true;
    if (mayLand && (clone.kind === 'running' || (clone.kind === 'none' && context.elapsedMs < LATE_CLONE_MS)))
      return waitFor(deps, 'Waiting for a clone that may still land');
    return { kind: 'done', text: `VM ${id} is gone`, data: { vmGone: true } };
  }
  if (identity === 'foreign' || (identity === 'unnamed' && !options.allowUntagged)) {
    if (options.unlessOurs === 'leave' || context.data.vmGone === true)
      return { kind: 'done', text: `VM ${id} is another VM now; ours is gone` };
    throw foreignVm(vm, context.run.workerName);
  }
  if (identity === 'untagged' && !options.allowUntagged) throw foreignVm(vm, context.run.workerName);
  if (vm.lock !== undefined) return waitFor(deps, `Waiting: the VM is locked (${vm.lock})`);
  if (vm.state !== 'stopped') {
    const stop = await lookAtTask(deps, context, 'stop');
    if (stop.kind === 'running') return waitFor(deps, 'Stopping the VM');
    await saveTask(context, 'stop', await deps.vms.stop({ id, host: vm.host }, context.signal), 'stop accepted');
    return waitFor(deps, 'Stopping the VM');
  }
  const deletion = await lookAtTask(deps, context, 'delete');
  if (deletion.kind === 'running') return waitFor(deps, 'Deleting the VM');
  let handle: TaskHandle | undefined;
  try {
    handle = await deps.vms.delete({ id, host: vm.host }, context.signal);
  } catch (error) {
    if (!isBurstError(error, 'provider_failed') || context.elapsedMs > REFUSED_MS) throw error;
    return { kind: 'wait', afterMs: 10 * deps.pollMs, progress: `Deleting the VM again (${error.message})` };
  }
  await saveTask(context, 'delete', handle, 'deletion accepted');
  return {
    kind: 'wait',
    afterMs: deps.pollMs,
    progress: deletion.kind === 'failed' ? `Deleting the VM again (${deletion.message})` : 'Deleting the VM',
    data: { vmGone: true },
  };
}
