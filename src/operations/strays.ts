/**
 * What people decide of a VM that carries this installation's tag and that no record owns. Invariants: its id, name and tag
 * are proved anew, here and again by each step; a node that is not provably a burst worker is neither adopted nor removed;
 * one VM is decided of once, however often and by whomever it is clicked.
 */
import { BurstError, safetyViolation } from '../domain/errors.ts';
import { actorId } from '../domain/operation.ts';
import type { Operation } from '../domain/operation.ts';
import { destroyRefusal, protectedBy } from '../domain/safety.ts';
import { decided, strayKey } from '../domain/stray-plan.ts';
import type { Stray } from '../domain/stray-plan.ts';
import type { NodeFacts } from '../domain/worker.ts';
import type { NewAudit, NewOutbox } from '../ports/store.ts';
import type { VmFacts } from '../ports/vm-provider.ts';
import { foreignVm, identify } from './steps/identity.ts';
import type { Submission } from './submission.ts';
import type { Accepted, Request, StrayAnswer, StrayDoor, StrayRequest } from './types.ts';

export const strayNotice = ({ cluster, vmId, name, firstSeenMs }: Stray): NewOutbox => ({
  key: `stray:${cluster}:${vmId}:${name}:${firstSeenMs}`,
  notBeforeMs: 0,
  channelId: undefined,
  notice: { kind: 'stray', cluster, vmId, name, firstSeenMs },
});

type Proved = {
  readonly stray: Stray;
  readonly vm: VmFacts;
  readonly node: NodeFacts | undefined;
  readonly recorded: boolean;
};

export function createStrays(submission: Submission): StrayDoor {
  const { deps, audited, submit, ensureRecorded, removals, unpriced, asked } = submission;
  const { cluster, store, clock } = deps;

  const noStray = (vmId: string, name: string): BurstError =>
    new BurstError('changed_meanwhile', `VM ${vmId} (${name}) is not a VM without a record any more.`, {
      left: 'Nothing was changed.',
      hint: 'Its message tells what became of it; `/burst sweep` looks anew.',
    });

  const openOf = async ({ vmId, name }: Pick<Stray, 'vmId' | 'name'>): Promise<Stray> => {
    const stray = (await store.openStrays(cluster.name)).find((each) => each.vmId === vmId && each.name === name);
    if (stray === undefined) throw noStray(vmId, name);
    return stray;
  };

  /** The VM as it is now. @throws BurstError when it is not (any more) what people were told of. */
  async function prove(stray: Stray): Promise<Proved> {
    const { vmId, name } = stray;
    const vm = await deps.vms.find(vmId);
    if (vm === undefined)
      throw new BurstError('changed_meanwhile', `VM ${vmId} (${name}) is gone.`, { left: 'Nothing was changed.' });
    if (identify(vm, name, deps.ownerTag) !== 'ours') throw foreignVm(vm, name);
    // of this cluster or of another that shares the VM server
    if ((await store.listWorkers({ vmIds: [vmId] })).some((worker) => worker.name === name)) throw noStray(vmId, name);
    const record = await store.getWorker(cluster.name, name);
    const over = record?.state === 'failed' || record?.state === 'removed';
    const kind = record === undefined ? 'unrecorded' : over ? 'leftover' : 'twin';
    return { stray: { ...stray, kind }, vm, node: await cluster.getNode(name), recorded: record !== undefined };
  }

  const auditOf = (request: Request, { name, vmId }: Stray, action: string, text: string): NewAudit => ({
    atMs: clock.now(),
    cluster: cluster.name,
    actor: request.by,
    action,
    outcome: 'requested',
    workerName: name,
    text,
    details: { vmId },
  });

  /** What was decided of it before, if it was. */
  async function standingOf(stray: Stray): Promise<StrayAnswer | undefined> {
    const id = stray.operationId ?? (await store.operationByKey(strayKey(stray)))?.id;
    const operation = id === undefined ? undefined : await store.getOperation(id);
    if (operation === undefined) return undefined;
    await keep(stray, operation);
    return { kind: 'operation', operation, runs: await store.runsOf(operation.id), duplicate: true };
  }
  /** A crash before this write costs nothing: the operation is found by its key. */
  async function keep(stray: Stray, operation: Operation): Promise<void> {
    if (stray.operationId !== undefined) return;
    const known = decided(stray, operation);
    await store.saveStray(known, strayNotice(known));
  }
  /** Submits what was decided, under the one key of this decision; what people approved keeps its own. */
  async function decide(
    stray: Stray,
    request: Request,
    work: (own: Request) => Promise<Accepted>,
  ): Promise<StrayAnswer> {
    if (request.checkOnly === true) return { kind: 'operation', ...(await work(request)) };
    const approved = request.idempotencyKey.startsWith('approval:');
    const accepted = await work(approved ? request : { ...request, idempotencyKey: strayKey(stray) });
    await keep(stray, accepted.operation);
    return { kind: 'operation', ...accepted };
  }

  const sizeOf = (name: string): string => {
    const size = name.slice(deps.workers.namePrefix.length + 1, -6);
    return deps.workers.sizes.has(size) ? size : deps.workers.defaultSize;
  };
  /** Why this name cannot become a worker's, or undefined. */
  function unfitName(name: string): string | undefined {
    const pattern = protectedBy(name, deps.safety);
    if (pattern !== undefined) return `its name is protected by the pattern ${pattern}`;
    const { namePrefix } = deps.workers;
    return name.startsWith(`${namePrefix}-`) && /^-[a-z0-9-]+-[a-z2-7]{5}$/.test(name.slice(namePrefix.length))
      ? undefined
      : `its name is none that Burst gives (${namePrefix}-SIZE-xxxxx)`;
  }
  /** Why it cannot be adopted, or undefined. */
  function unadoptable({ stray, node }: Proved): BurstError | undefined {
    const refuse = (why: string, hint: string): BurstError =>
      safetyViolation(`VM ${stray.vmId} (${stray.name}) cannot be adopted: ${why}.`, {
        left: 'Nothing was changed.',
        hint,
      });
    if (stray.kind !== 'unrecorded')
      return refuse('a worker of its name is recorded, with another VM', 'Names of workers are never used twice.');
    if (node !== undefined) return destroyRefusal(node, deps.safety);
    const unfit = unfitName(stray.name);
    return unfit === undefined ? undefined : refuse(unfit, 'Destroy it, or take its tags off if it is not Burst’s.');
  }
  function undestroyable({ stray, node }: Proved): BurstError | undefined {
    if (stray.kind === 'twin')
      return safetyViolation(
        `VM ${stray.vmId} bears the name of ${stray.name}, a worker that lives with another VM: its node could be harmed.`,
        { left: 'Nothing was changed.', hint: 'Compare the two VMs, and delete the wrong one at the provider.' },
      );
    return node === undefined ? undefined : destroyRefusal(node, deps.safety);
  }

  return {
    async previewStray(id) {
      const proved = await prove(await openOf(id));
      return {
        stray: proved.stray,
        vm: proved.vm,
        node: proved.node?.name,
        adopt: unadoptable(proved)?.message,
        destroy: undestroyable(proved)?.message,
      };
    },
    adoptStray: (request) =>
      audited('adopt', request.by, request.name, async (): Promise<StrayAnswer> => {
        const open = await openOf(request);
        const standing = await standingOf(open);
        if (standing !== undefined) return standing;
        const proved = await prove(open);
        const refusal = unadoptable(proved);
        if (refusal !== undefined) throw refusal;
        const { stray, node } = proved;
        if (node !== undefined) return adoptWithNode(request, stray, node);
        const size = sizeOf(stray.name);
        const ttlHours = deps.workers.defaultTtlHours;
        return decide(open, request, async (own) =>
          submit(
            own,
            {
              kind: 'provision',
              count: 1,
              size,
              ttlHours,
              adopted: { vmId: stray.vmId, worker: stray.name },
            },
            [
              {
                workerName: stray.name,
                kind: 'add-worker',
                step: 'reserve-id',
                data: { size, ttlHours, vmId: stray.vmId, adopted: true },
              },
            ],
            (await asked(own, [stray.name], size, ttlHours)).map((worker) => ({ ...worker, vmId: stray.vmId })),
            deps.workers.maxBurstWorkers,
          ),
        );
      }),
    destroyStray: (request) =>
      audited('destroy', request.by, request.name, async (): Promise<StrayAnswer> => {
        const open = await openOf(request);
        const standing = await standingOf(open);
        if (standing !== undefined) return standing;
        const proved = await prove(open);
        const refusal = undestroyable(proved);
        if (refusal !== undefined) throw refusal;
        const { node, recorded } = proved;
        const { vmId, name } = open;
        return decide(open, request, async (own) => {
          const params = { kind: 'destroy', workers: [name], force: false } as const;
          if (node !== undefined && !recorded) {
            if (own.checkOnly !== true) await ensureRecorded(node);
            return submit(own, params, await removals([name], { vmId }));
          }
          // its record owns no VM: the run has its id, and one that is cancelled leaves a stray again
          const records = recorded ? [] : [{ ...unpriced(own, name, sizeOf(name)), state: 'failed' as const }];
          return submit(own, params, [{ workerName: name, kind: 'remove-worker', data: { vmId } }], records);
        });
      }),
  };

  /** Its node says all that has to be known of it. */
  async function adoptWithNode(request: StrayRequest, stray: Stray, node: NodeFacts): Promise<StrayAnswer> {
    if (request.checkOnly === true) return { kind: 'recorded', worker: stray.name };
    await ensureRecorded(node);
    const ended: Stray = {
      ...stray,
      decision: 'adopt',
      decidedBy: request.by,
      endedAtMs: clock.now(),
      outcome: 'adopted',
    };
    await store.saveStray(
      ended,
      strayNotice(ended),
      auditOf(request, stray, 'adopt', `adopted by ${actorId(request.by)} from its node's annotations`),
    );
    return { kind: 'recorded', worker: stray.name };
  }
}
