/**
 * apply-config and reset-machine: what a Talos server does for a worker whose VM another server makes. Invariants: only the
 * machine whose own guest names the address is configured or reset; a reset is done when the machine shows it; from its
 * acceptance on the removal only goes forward.
 */
import type { BurstError } from '../../domain/errors.ts';
import { isBurstError, safetyViolation } from '../../domain/errors.ts';
import type { Step, StepContext, StepResult } from '../../engine/index.ts';
import type { Machine, MachineState } from '../../ports/machine-server.ts';
import type { VmFacts } from '../../ports/vm-provider.ts';
import type { StepDeps } from '../deps.ts';
import { ownVm } from './create-vm.ts';
import { foreignVm, identify, ownerTagOf } from './identity.ts';
import { knownVmId, proveRemovable } from './remove.ts';

/** How long a machine that was asked to be reset may go on as it is before it is asked again, ms. */
const ASK_AGAIN_MS = 60_000;
/** How often a machine is looked at, ms: each look is a process of the Talos server. */
const POLL_MS = 5_000;
/** Beyond the reset's own limit: a Talos server that stays away ends the removal, ms. */
const SERVER_AWAY_MS = 5 * 60_000;

/**
 * Where the worker's machine is: an address that its own guest names, and that no other node has.
 * @returns undefined while its guest does not answer.
 * @throws `safety_violation` when the node's address is not the machine's, or is another node's.
 */
async function machineOf(deps: StepDeps, context: StepContext, vm: VmFacts): Promise<Machine | undefined> {
  const { workerName: name } = context.run;
  const own = await deps.vms.addresses({ id: vm.id, host: vm.host }, context.signal);
  if (own.length === 0) return undefined;
  const node = await deps.cluster.getNode(name, context.signal);
  const internal = node?.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address) ?? [];
  const address = internal.length === 0 ? own[0] : internal.find((candidate) => own.includes(candidate));
  if (address === undefined)
    throw safetyViolation(
      `The node ${name} says that it is at ${internal.join(', ')}, VM ${vm.id} that it is at ${own.join(', ')}.`,
      { left: 'No machine was touched.' },
    );
  const other = deps.cluster
    .cachedNodes()
    .find((candidate) => candidate.name !== name && candidate.addresses.some((one) => one.address === address));
  if (other !== undefined)
    throw safetyViolation(`${address}, where ${name} is to be, is the address of the node ${other.name}.`, {
      left: 'No machine was touched.',
    });
  const record = await deps.store.getWorker(context.run.cluster, name);
  if (context.data.machineAddress !== address)
    await context.save({ machineAddress: address }, `the machine is at ${address}`);
  return { address, name, size: context.data.size ?? record?.size ?? '' };
}

const waitFor = (progress: string): StepResult => ({ kind: 'wait', afterMs: POLL_MS, progress });

export function applyConfig(deps: StepDeps): Step {
  const title = 'Giving the machine its configuration';
  const { machines } = deps;
  return {
    name: 'apply-config',
    title,
    skipped: machines === undefined,
    timeoutMs: deps.workers.joinTimeoutMs,
    async run(context): Promise<StepResult> {
      if (machines === undefined) return { kind: 'done', text: 'there is no Talos server any more' };
      if (context.data.configApplied === true) return { kind: 'done', text: 'machine configuration accepted' };
      const vm = await ownVm(deps, context);
      const machine = await machineOf(deps, context, vm);
      if (machine === undefined) return waitFor(`${title}: its guest does not answer yet`);
      try {
        await machines.apply(machine, context.signal);
      } catch (error) {
        if (isBurstError(error, 'busy')) return waitFor(`${title}: it does not answer yet (${error.message})`);
        if (isBurstError(error, 'denied')) return refused(error);
        throw error;
      }
      // that it was taken shows when the node joins
      return { kind: 'done', text: 'machine configuration accepted', data: { configApplied: true } };
    },
    undo: { none: 'the VM itself is removed' },
  };
}

const refused = ({ code, message }: BurstError): StepResult => ({
  kind: 'fail',
  failure: { code, message, hint: "Look at the Talos server's profile, its allowed tools and its credentials." },
});

export function resetMachine(deps: StepDeps): Step {
  const title = 'Resetting the machine';
  const { machines } = deps;

  async function reset(context: StepContext, limitMs: number): Promise<StepResult> {
    if (machines === undefined) return { kind: 'done', text: 'there is no Talos server any more' };
    await proveRemovable(deps, context);
    const id = await knownVmId(deps, context);
    const vm = id === undefined ? undefined : await deps.vms.find(id, context.signal);
    if (vm === undefined) return { kind: 'done', text: 'there is no VM' };
    if (context.data.lateClone === true) return { kind: 'done', text: 'it never had a configuration' };
    if (identify(vm, context.run.workerName, await ownerTagOf(deps, context.run)) !== 'ours')
      throw foreignVm(vm, context.run.workerName);
    if (vm.state !== 'running') return { kind: 'done', text: 'the machine is off' };
    const asked = context.data.resetAskedAtMs;
    const late = context.elapsedMs > limitMs;
    const machine = await machineOf(deps, context, vm);
    /** Force goes past whatever the Talos server says, once it is known that nothing is under way. */
    const passes = (error: unknown): error is BurstError =>
      context.data.force === true && isBurstError(error) && (late || error.code !== 'unknown_outcome');
    let state: MachineState | undefined;
    try {
      state = machine === undefined ? undefined : await machines.look(machine, context.signal);
    } catch (error) {
      if (passes(error)) return { kind: 'done', text: `not reset: ${error.message}` };
      throw error;
    }
    if (machine === undefined || state === undefined || state.state === 'away') {
      const what = asked === undefined ? 'it does not answer' : 'it was asked to, and does not answer';
      // whatever is on its disk goes with the VM
      if (late) return { kind: 'done', text: `not known to be reset: ${what}` };
      return waitFor(`${title}: ${what}`);
    }
    if (state.state === 'reset') return { kind: 'done', text: 'the machine is reset' };
    if (asked !== undefined && state.boot !== context.data.resetBoot)
      return { kind: 'done', text: 'the machine is reset and has started anew' };
    const nowMs = deps.clock.now();
    if (late) return { kind: 'done', text: 'not known to be reset: it goes on as it was' };
    if (asked !== undefined && nowMs - asked < ASK_AGAIN_MS) return waitFor(title);
    await context.save({ resetBoot: state.boot, resetAskedAtMs: nowMs }, `reset of ${machine.address} asked for`);
    try {
      await machines.reset(machine, context.signal);
    } catch (error) {
      if (passes(error)) return { kind: 'done', text: `not reset: ${error.message}` };
      if (isBurstError(error, 'busy')) return waitFor(`${title}: it cannot be asked now (${error.message})`);
      if (isBurstError(error, 'denied')) return refused(error);
      throw error;
    }
    await context.save({}, 'reset accepted', { pivoted: true });
    return waitFor(title);
  }

  return {
    name: 'reset-machine',
    title,
    skipped: machines === undefined,
    timeoutMs: machines === undefined ? 0 : machines.resetTimeoutMs + SERVER_AWAY_MS,
    run: (context) => reset(context, machines?.resetTimeoutMs ?? 0),
    async undo({ data }): Promise<StepResult> {
      const asked = data.resetAskedAtMs !== undefined;
      return { kind: 'done', text: asked ? 'it was asked to, and may have been reset' : 'it was not asked to' };
    },
  };
}
