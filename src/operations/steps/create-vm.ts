/** reserve-id, clone, configure, start: a VM of our own, its id journaled before the clone asks for it. */
import { HOUR_MS } from '../../domain/duration.ts';
import { BurstError, isBurstError } from '../../domain/errors.ts';
import { actorId } from '../../domain/operation.ts';
import type { RunData } from '../../domain/operation.ts';
import type { Step, StepContext, StepResult } from '../../engine/index.ts';
import type { Schedule } from '../../ports/store.ts';
import type { VmFacts, VmSpec } from '../../ports/vm-provider.ts';
import { BURST_TAG } from '../deps.ts';
import type { StepDeps } from '../deps.ts';
import { foreignVm, identify } from './identity.ts';
import { removeVm } from './remove-vm.ts';
import { deleteTokens, tokenMaker } from './tokens.ts';
import { decidePlace } from '../placing.ts';
import { lookAtTask, saveTask, waitFor } from './vm-tasks.ts';

/** Longer than a VM that was made may stay unlisted, ms. */
const UNLISTED_MS = 60_000;

export function needVmId(data: RunData): string {
  if (data.vmId === undefined) throw new BurstError('internal', 'No VM id is recorded for this run.');
  return data.vmId;
}

/** Ids that other workers hold, so that two runs never ask for one. */
async function takenIds(deps: StepDeps): Promise<ReadonlySet<string>> {
  const workers = await deps.store.listWorkers({ states: ['requested', 'active', 'removing', 'failed'] });
  return new Set(workers.flatMap((worker) => (worker.vmId === undefined ? [] : [worker.vmId])));
}

/** Decides and journals the place and a free id; one run at a time, so that each sees what the others took. */
function idReserver(deps: StepDeps): (context: StepContext) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (context) => {
    const mine = last.then(async () => {
      const place = context.data.place ?? (await decidePlace(deps, context.run, context.signal));
      const id = await deps.vms.freeId(await takenIds(deps), context.signal);
      const host = place?.host;
      await context.save(
        { vmId: id, cloneRequested: false, tasks: {}, ...(place === undefined ? {} : { place }) },
        `VM id ${id} reserved${host === undefined ? '' : ` on ${host}`}`,
        { worker: { vmId: id, ...(host === undefined ? {} : { vmHost: host }) } },
      );
    });
    last = mine.catch(() => undefined);
    return mine;
  };
}

async function vmSpec(deps: StepDeps, context: StepContext, join: VmSpec['join']): Promise<VmSpec> {
  const { run, data } = context;
  const size = deps.workers.sizes.get(data.size ?? '');
  if (size === undefined)
    throw new BurstError('invalid_input', `The size ${data.size ?? '?'} is not in the configuration any more.`);
  const operation = await deps.store.getOperation(run.operationId);
  const requester = operation === undefined ? 'unknown' : actorId(operation.requester);
  return {
    id: needVmId(data),
    name: run.workerName,
    size: { name: size.name, cpus: size.cpus, memoryMiB: size.memoryGiB * 1024, diskGiB: size.diskGiB },
    tags: [BURST_TAG, deps.ownerTag],
    description: `worker=${run.workerName}\noperation=${run.operationId}\nrequester=${requester}`,
    join,
    ...(data.place === undefined ? {} : { place: data.place }),
  };
}

const NO_JOIN: VmSpec['join'] = { userData: '', joinCommand: '', token: '' };

/** What the VM gets along to join; the token is made when it is asked for. */
function joinMaker(deps: StepDeps): (context: StepContext) => Promise<VmSpec['join']> {
  const bootstrapToken = tokenMaker(deps);
  return async (context) => {
    const { joinToken } = deps;
    const token = joinToken.kind === 'static' ? joinToken.token : await bootstrapToken(context, joinToken.ttlMs);
    const facts = await deps.cluster.joinFacts(context.signal).catch((error: unknown) => {
      // k3s publishes none, and needs none: its own URL and token are in the configuration
      if (joinToken.kind === 'static' && isBurstError(error, 'not_found')) return { endpoint: '', caCertHash: '' };
      throw error;
    });
    const rendered = deps.renderJoin({
      worker: context.run.workerName,
      size: context.data.size ?? '',
      endpoint: facts.endpoint,
      token,
      caCertHash: facts.caCertHash,
    });
    return { ...rendered, token };
  };
}

export function reserveId(deps: StepDeps, reserve = idReserver(deps)): Step {
  return {
    name: 'reserve-id',
    title: 'Reserving a VM id',
    timeoutMs: 5 * 60_000,
    async run(context): Promise<StepResult> {
      const nowMs = deps.clock.now();
      const deadlineMs =
        context.data.deadlineMs ?? nowMs + (context.data.ttlHours ?? deps.workers.defaultTtlHours) * HOUR_MS;
      if (context.data.vmId === undefined) {
        try {
          await reserve(context);
        } catch (error) {
          if (!isBurstError(error, 'limit_reached')) throw error;
          const { code, message, hint } = error;
          return { kind: 'fail', failure: { code, message, ...(hint === undefined ? {} : { hint }) } };
        }
      }
      const schedule: Schedule = {
        cluster: context.run.cluster,
        workerName: context.run.workerName,
        startsAtMs: nowMs,
        expiresAtMs: deadlineMs,
        extendedHours: 0,
        status: 'active',
        warnedDeadlineMs: undefined,
        warnedLeadMs: undefined,
      };
      const { vmId = '', place } = context.data;
      const where = place?.host === undefined ? '' : ` on ${place.host}`;
      return { kind: 'done', text: `VM id ${vmId} reserved${where}`, data: { deadlineMs }, schedule };
    },
    // the last undo to run: the VM is gone, so a node that registered meanwhile cannot come back
    async undo(context): Promise<StepResult> {
      const node = await deps.cluster.getNode(context.run.workerName, context.signal);
      if (node !== undefined && node.createdAtMs + 60_000 >= context.run.createdAtMs)
        await deps.cluster.deleteNode(node, context.signal);
      await deleteTokens(deps, context);
      return { kind: 'done', text: node === undefined ? 'nothing left behind' : 'the node object was removed' };
    },
  };
}

export function cloneVm(deps: StepDeps, reserve = idReserver(deps)): Step {
  const title = 'Cloning the VM';
  async function another(context: StepContext, why: string): Promise<StepResult> {
    await reserve(context);
    return { kind: 'wait', afterMs: 0, progress: `${title}: ${why}, taking another id` };
  }
  return {
    name: 'clone',
    title,
    timeoutMs: 30 * 60_000,
    async run(context): Promise<StepResult> {
      const { run } = context;
      const task = await lookAtTask(deps, context, 'clone');
      if (task.kind === 'failed')
        return {
          kind: 'fail',
          failure: {
            code: 'provider_failed',
            message: `The clone failed: ${task.message}`,
            hint: 'Look at the template and its storage, then retry.',
          },
        };
      if (task.kind === 'running') return waitFor(deps, title);
      const vm = await deps.vms.find(needVmId(context.data), context.signal);
      const identity = identify(vm, run.workerName, deps.ownerTag);
      if (identity === 'foreign') return another(context, `VM id ${needVmId(context.data)} was taken by somebody else`);
      if (vm !== undefined) {
        if (vm.lock !== undefined) return waitFor(deps, title);
        return {
          kind: 'done',
          text: `VM ${vm.id} cloned`,
          data: vm.host === undefined ? {} : { vmHost: vm.host },
          worker: { vmSinceMs: deps.clock.now(), ...(vm.host === undefined ? {} : { vmHost: vm.host }) },
        };
      }
      if (task.kind === 'ok' && context.data.cloneRequested === true)
        return waitFor(deps, `${title}: waiting for it to be listed`);
      await context.save({ cloneRequested: true }, `clone to VM ${needVmId(context.data)} asked for`);
      try {
        const handle = await deps.vms.clone(await vmSpec(deps, context, NO_JOIN), context.signal);
        await saveTask(context, 'clone', handle, 'clone accepted');
      } catch (error) {
        // taken: by our own lost call (same name) or by somebody else; the next look tells which
        if (!isBurstError(error, 'conflict')) throw error;
        const holder = await deps.vms.find(needVmId(context.data), context.signal);
        // held by something that the provider does not list as a VM (a container); not at once, for a listing may lag
        if (holder === undefined && context.elapsedMs > UNLISTED_MS)
          return another(context, `VM id ${needVmId(context.data)} is held by something that is no VM`);
      }
      return waitFor(deps, title);
    },
    undo: async (context) =>
      context.data.cloneRequested === true
        ? removeVm(deps, context, { unlessOurs: 'leave', allowUntagged: true })
        : { kind: 'done', text: 'no clone had been asked for' },
  };
}

export function configureVm(deps: StepDeps): Step {
  const title = 'Sizing and tagging the VM';
  const joinOf = joinMaker(deps);
  return {
    name: 'configure',
    title,
    timeoutMs: 15 * 60_000,
    async run(context): Promise<StepResult> {
      const task = await lookAtTask(deps, context, 'configure');
      if (task.kind === 'failed')
        return {
          kind: 'fail',
          failure: { code: 'provider_failed', message: `The VM could not be configured: ${task.message}` },
        };
      if (task.kind === 'running') return waitFor(deps, title);
      if (task.kind === 'ok') return { kind: 'done', text: 'VM sized and tagged' };
      const vm = await ownVm(deps, context);
      if (vm.lock !== undefined) return waitFor(deps, `${title}: the VM is locked (${vm.lock})`);
      const handle = await deps.vms.configure(
        await vmSpec(deps, context, await joinOf(context)),
        vm.host,
        context.signal,
      );
      await saveTask(context, 'configure', handle, 'configuration accepted');
      return { kind: 'wait', afterMs: handle === undefined ? 0 : deps.pollMs, progress: title };
    },
    undo: { none: 'the VM itself is removed' },
  };
}

export function startVm(deps: StepDeps): Step {
  const title = 'Starting the VM';
  return {
    name: 'start',
    title,
    timeoutMs: 15 * 60_000,
    async run(context): Promise<StepResult> {
      const vm = await ownVm(deps, context);
      if (vm.state === 'running') return { kind: 'done', text: `VM ${vm.id} started` };
      const task = await lookAtTask(deps, context, 'start');
      if (task.kind === 'failed')
        return { kind: 'fail', failure: { code: 'provider_failed', message: `The VM did not start: ${task.message}` } };
      if (task.kind !== 'none' || vm.lock !== undefined) return waitFor(deps, title);
      const handle = await deps.vms.start({ id: vm.id, host: vm.host }, context.signal);
      await saveTask(context, 'start', handle, 'start accepted');
      return waitFor(deps, title);
    },
    undo: { none: 'the VM itself is removed' },
  };
}

/** The VM of this run. @throws `safety_violation` when the id carries another identity, `unavailable` when it is absent. */
export async function ownVm(deps: StepDeps, context: StepContext): Promise<VmFacts> {
  const vm = await deps.vms.find(needVmId(context.data), context.signal);
  if (vm === undefined)
    throw new BurstError('unavailable', `VM ${needVmId(context.data)} is not listed by the provider.`);
  const identity = identify(vm, context.run.workerName, deps.ownerTag);
  if (identity === 'foreign' || identity === 'unnamed') throw foreignVm(vm, context.run.workerName);
  return vm;
}
