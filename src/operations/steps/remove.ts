/** stop-vm, delete-vm (the pivot), confirm-gone, remove-node, close. The node goes only after the VM is gone. */
import { podsToEvict } from '../../domain/drain-plan.ts';
import { BurstError, safetyViolation } from '../../domain/errors.ts';
import { destroyRefusal, NODE_KEYS } from '../../domain/safety.ts';
import type { Step, StepContext, StepResult } from '../../engine/index.ts';
import type { StepDeps } from '../deps.ts';
import { foreignVm, identify, ownerTagOf } from './identity.ts';
import { removeVm } from './remove-vm.ts';
import { deleteTokens } from './tokens.ts';
import { lookAtTask, saveTask, waitFor } from './vm-tasks.ts';

/** Proves once more, from the API server, that this worker may go. @throws `safety_violation`, `not_drained`. */
export async function proveRemovable(deps: StepDeps, context: StepContext): Promise<void> {
  const node = await deps.cluster.getNode(context.run.workerName, context.signal);
  if (node === undefined) return;
  const refusal = destroyRefusal(node, deps.safety);
  if (refusal !== undefined) throw refusal;
  if (context.data.nodeUid !== undefined && node.uid !== context.data.nodeUid)
    throw safetyViolation(`The node ${node.name} was replaced by another one meanwhile.`, {
      left: 'The VM was not touched.',
    });
  if (context.data.force === true) return;
  if (!node.unschedulable)
    throw new BurstError('not_drained', `${node.name} was uncordoned meanwhile.`, { left: 'The VM was not touched.' });
  const pods = podsToEvict(await deps.cluster.listPodsOnNode(node.name, context.signal));
  const rest = pods.filter(
    (pod) => pod.deletionAtMs === undefined || deps.clock.now() - pod.deletionAtMs <= deps.drain.skipWaitForDeleteMs,
  );
  if (rest.length > 0)
    throw new BurstError('not_drained', `${node.name} runs ${rest.length} pods again.`, {
      left: 'The VM was not touched.',
    });
}

/** A worker whose VM id is not recorded (a lost database): by the node's annotation, else by name and tag in the listing. */
export async function knownVmId(deps: StepDeps, context: StepContext): Promise<string | undefined> {
  if (context.data.vmId !== undefined) return context.data.vmId;
  const record = await deps.store.getWorker(context.run.cluster, context.run.workerName);
  const node = await deps.cluster.getNode(context.run.workerName, context.signal);
  let id = record?.vmId ?? (node?.annotations[NODE_KEYS.vmId] || undefined);
  if (id === undefined) {
    // identity (with the tags, which a listing may lack) is proved by the steps that follow
    const vms = (await deps.vms.list(context.signal)).filter(
      (vm) => vm.name === context.run.workerName && !vm.template,
    );
    if (vms.length > 1)
      throw safetyViolation(`${vms.length} VMs are called ${context.run.workerName}.`, { left: 'None was touched.' });
    id = vms[0]?.id;
  }
  if (id !== undefined)
    await context.save({ vmId: id }, `VM id ${id} found`, record === undefined ? {} : { worker: { vmId: id } });
  return id;
}

export function stopVm(deps: StepDeps): Step {
  const title = 'Stopping the VM';
  return {
    name: 'stop-vm',
    title,
    timeoutMs: 30 * 60_000,
    async run(context): Promise<StepResult> {
      await proveRemovable(deps, context);
      const id = await knownVmId(deps, context);
      if (id === undefined) return { kind: 'done', text: 'no VM of this name is known or listed' };
      const vm = await deps.vms.find(id, context.signal);
      const identity = identify(vm, context.run.workerName, await ownerTagOf(deps, context.run));
      if (vm === undefined)
        return { kind: 'done', text: `VM ${id} is gone already`, data: { vmGone: true, vmWasGone: true } };
      if (identity !== 'ours' && !(identity !== 'foreign' && context.data.lateClone === true))
        throw foreignVm(vm, context.run.workerName);
      if (vm.state === 'stopped' && vm.lock === undefined) return { kind: 'done', text: `VM ${id} stopped` };
      if (vm.lock !== undefined) return waitFor(deps, `Waiting: the VM is locked (${vm.lock})`);
      const task = await lookAtTask(deps, context, 'stop');
      if (task.kind === 'running') return waitFor(deps, title);
      await saveTask(context, 'stop', await deps.vms.stop({ id, host: vm.host }, context.signal), 'stop accepted');
      return waitFor(deps, task.kind === 'failed' ? `${title} again (${task.message})` : title);
    },
    async undo(context): Promise<StepResult> {
      const id = context.data.vmId;
      const vm = id === undefined ? undefined : await deps.vms.find(id, context.signal);
      if (
        vm === undefined ||
        identify(vm, context.run.workerName, await ownerTagOf(deps, context.run)) !== 'ours' ||
        vm.state === 'running' ||
        context.data.tasks?.['stop'] === undefined
      )
        return { kind: 'done', text: 'nothing to start again' };
      if (vm.lock !== undefined) return waitFor(deps, `Waiting: the VM is locked (${vm.lock})`);
      await deps.vms.start({ id: vm.id, host: vm.host }, context.signal);
      return waitFor(deps, 'Starting the VM again');
    },
  };
}

export function deleteVm(deps: StepDeps): Step {
  return {
    name: 'delete-vm',
    title: 'Deleting the VM',
    pivot: true,
    timeoutMs: 60 * 60_000,
    async run(context): Promise<StepResult> {
      if (context.data.vmGone !== true) await proveRemovable(deps, context);
      const looked = await removeVm(deps, context, {
        unlessOurs: 'refuse',
        allowUntagged: context.data.lateClone === true,
      });
      if (looked.kind !== 'done') return looked;
      const record = await deps.store.getWorker(context.run.cluster, context.run.workerName);
      // what it cost ends here, whenever the rest of the removal does
      return record?.vmSinceMs === undefined ? looked : { ...looked, worker: { vmGoneMs: deps.clock.now() } };
    },
    undo: { none: 'a deleted VM does not come back' },
  };
}

export function removeNode(deps: StepDeps): Step {
  return {
    name: 'remove-node',
    title: 'Removing the node',
    timeoutMs: 60 * 60_000,
    async run(context): Promise<StepResult> {
      const node = await deps.cluster.getNode(context.run.workerName, context.signal);
      if (node === undefined) return { kind: 'done', text: 'node removed' };
      const refusal = destroyRefusal(node, deps.safety);
      if (refusal !== undefined) throw refusal;
      await deps.cluster.deleteNode({ name: node.name, uid: context.data.nodeUid ?? node.uid }, context.signal);
      return { kind: 'wait', afterMs: deps.pollMs, progress: 'Removing the node' };
    },
    undo: { none: 'after the pivot there is no way back' },
  };
}

export function closeWorker(deps: StepDeps): Step {
  return {
    name: 'close',
    title: 'Closing the books',
    timeoutMs: 60 * 60_000,
    async run(context): Promise<StepResult> {
      await deleteTokens(deps, context);
      return { kind: 'done', text: 'removed' };
    },
    undo: { none: 'after the pivot there is no way back' },
  };
}
