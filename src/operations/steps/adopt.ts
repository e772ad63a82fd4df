/** Taking up a VM that was there before its record. Invariants: it is never made anew; one that runs is left as it is. */
import { BurstError } from '../../domain/errors.ts';
import type { Step, StepContext, StepResult } from '../../engine/index.ts';
import type { StepDeps } from '../deps.ts';
import { foreignVm, identify } from './identity.ts';
import { removeVm } from './remove-vm.ts';
import { waitFor } from './vm-tasks.ts';

type Instead = {
  readonly run: (context: StepContext) => Promise<StepResult>;
  readonly undo: (context: StepContext) => Promise<StepResult>;
};
/** The step, and what is done instead of it for a VM that was adopted. */
export function unlessAdopted(step: Step, instead: Instead): Step {
  const { undo } = step;
  return {
    ...step,
    run: (context) => (context.data.adopted === true ? instead.run(context) : step.run(context)),
    undo: async (context) => {
      if (context.data.adopted === true) return instead.undo(context);
      return typeof undo === 'function' ? undo(context) : { kind: 'done', text: undo.none };
    },
  };
}

/** In place of the clone: the VM is still the one that was decided of, or the adoption fails. */
export function takenUp(deps: StepDeps): Instead {
  return {
    async run({ data, run, signal }) {
      const vm = await deps.vms.find(data.vmId ?? '', signal);
      if (vm === undefined) throw new BurstError('provider_failed', `VM ${data.vmId ?? ''} is gone.`);
      if (identify(vm, run.workerName, deps.ownerTag) !== 'ours') throw foreignVm(vm, run.workerName);
      if (vm.lock !== undefined) return waitFor(deps, `Waiting: the VM is locked (${vm.lock})`);
      return {
        kind: 'done',
        text: `VM ${vm.id} taken up`,
        data: vm.host === undefined ? {} : { vmHost: vm.host },
        worker: { vmSinceMs: deps.clock.now(), ...(vm.host === undefined ? {} : { vmHost: vm.host }) },
      };
    },
    undo: (context) => removeVm(deps, context, { unlessOurs: 'leave', allowUntagged: false }),
  };
}

/** In place of the configuration: one that is stopped gets what it needs to join; one that runs has booted without. */
export function configuredUnlessRunning(deps: StepDeps, configure: Step): Instead {
  return {
    async run(context) {
      const vm = await deps.vms.find(context.data.vmId ?? '', context.signal);
      return vm?.state === 'running'
        ? { kind: 'done', text: 'left as it is: the VM runs already' }
        : configure.run(context);
    },
    undo: async () => ({ kind: 'done', text: 'the VM itself is removed' }),
  };
}
