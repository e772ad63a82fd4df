/**
 * Proof that a VM is the one we recorded: id, name and ownership tag all match. Invariant: nothing is changed or deleted
 * at the provider without it.
 */
import { safetyViolation } from '../../domain/errors.ts';
import type { VmFacts } from '../../ports/vm-provider.ts';
import type { Run } from '../../domain/operation.ts';
import { BURST_TAG } from '../deps.ts';
import type { StepDeps } from '../deps.ts';

/** The tag that this worker's VM must carry. */
export async function ownerTagOf(deps: Pick<StepDeps, 'store' | 'ownerTag'>, run: Run): Promise<string> {
  const recorded = (await deps.store.getWorker(run.cluster, run.workerName))?.ownerTag;
  return recorded === undefined || recorded === '' ? deps.ownerTag : recorded;
}

export type Identity = 'absent' | 'ours' | 'untagged' | 'unnamed' | 'foreign';

/**
 * `untagged`: our unique name, but not (yet) our tags: a clone that was not configured. `unnamed`: a locked VM without a name,
 * which a clone is at its very begin: nobody can tell yet whose it is.
 */
export function identify(vm: VmFacts | undefined, name: string, ownerTag: string): Identity {
  if (vm === undefined) return 'absent';
  if (isUnnamed(vm)) return 'unnamed';
  if (vm.name !== name || vm.template) return 'foreign';
  return vm.tags.includes(BURST_TAG) && vm.tags.includes(ownerTag) ? 'ours' : 'untagged';
}

/** Proxmox shows a VM whose configuration has no name yet as `VM 101`. */
const isUnnamed = (vm: VmFacts): boolean =>
  vm.lock !== undefined && !vm.template && vm.tags.length === 0 && (vm.name === '' || vm.name === `VM ${vm.id}`);

export function foreignVm(vm: VmFacts, name: string): Error {
  return safetyViolation(
    `VM ${vm.id} is called ${vm.name}${vm.template ? ' (a template)' : ''} with the tags [${vm.tags.join(', ')}], not ${name} with Burst's ownership tag.`,
    { left: 'The VM was not touched.', hint: 'Compare the VM with the worker by hand before anything else is done.' },
  );
}
