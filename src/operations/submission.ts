/** Recording what was asked for. Invariants: all of an operation in one transaction before anything is done; a refusal is audited. */
import { HOUR_MS } from '../domain/duration.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import { actorId } from '../domain/operation.ts';
import type { Actor, Operation, OperationParams, Run, RunKind } from '../domain/operation.ts';
import { deadlineOf, NODE_KEYS } from '../domain/safety.ts';
import type { RateRule } from '../domain/rate-limit.ts';
import type { NodeFacts, SizeName } from '../domain/worker.ts';
import type { NewAudit, WorkerRecord } from '../ports/store.ts';
import { runDefinitions } from './definitions.ts';
import { AWAIT_REPLACEMENT } from './steps/replacement.ts';
import type { StepDeps } from './deps.ts';
import type { Accepted, Request } from './types.ts';

/** An ownership tag, as an annotation may give it. */
const OWNER_TAG = /^burst-[a-z2-7]{4,20}$/;

export type ServiceDeps = StepDeps & {
  /** Limits over time on requests for workers. */
  readonly rates?: readonly RateRule[];
  /** Called when something was recorded: wakes the engine and the outbox. `operation` is given when it is a new one. */
  readonly submitted: (operation?: Operation) => void;
};

export type Planned = {
  readonly workerName: string;
  readonly kind: RunKind;
  readonly data: Run['data'];
  readonly step?: string;
};

export type Submission = ReturnType<typeof createSubmission>;

export function createSubmission(deps: ServiceDeps) {
  const { cluster, store, clock } = deps;
  const first = new Map(
    [...runDefinitions(deps)].map(([kind, definition]) => [
      kind,
      definition.steps.find(({ name }) => name !== AWAIT_REPLACEMENT)?.name ?? '',
    ]),
  );

  /** Runs `work`; a BurstError it throws is audited as a refusal and thrown on. */
  async function audited<T>(action: string, by: Actor, worker: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isBurstError(error)) {
        const row: NewAudit = {
          atMs: clock.now(),
          cluster: cluster.name,
          actor: by,
          action,
          outcome: 'refused',
          text: error.message,
          ...(worker === undefined ? {} : { workerName: worker }),
        };
        if (await isNews(action, by, error)) await store.appendAudit([row]);
      }
      throw error;
    }
  }

  /** A refusal by a limit over time is audited once, however often it is asked for until that is over. */
  async function isNews(action: string, by: Actor, { code, retryAtMs }: BurstError): Promise<boolean> {
    if (code !== 'rate_limited') return true;
    const key = `refused ${cluster.name} ${action} ${by.kind} ${actorId(by)} ${retryAtMs ?? 'ever'}`;
    return (await store.claimAction(key, by, clock.now())) === undefined;
  }

  async function submit(
    request: Request,
    params: OperationParams,
    planned: readonly Planned[],
    workers: readonly WorkerRecord[] = [],
    maxBurstWorkers?: number,
  ): Promise<Accepted> {
    const nowMs = clock.now();
    const id = deps.ids.next();
    const reason = (request.reason ?? '').slice(0, 500);
    const rates =
      request.unlimited === true
        ? []
        : [...(params.kind === 'provision' ? (deps.rates ?? []) : []), ...(request.rates ?? [])];
    if (request.checkOnly === true) {
      const count = params.kind === 'provision' ? params.count : 0;
      await store.assertWithinRates({ requester: request.by, rates, workers: count, nowMs });
      return checked(id, request, params);
    }
    const result = await store.createOperation({
      id,
      cluster: cluster.name,
      params,
      requester: request.by,
      channelId: request.channelId,
      ...(request.threadTs === undefined ? {} : { threadTs: request.threadTs }),
      reason,
      idempotencyKey: request.idempotencyKey,
      createdAtMs: nowMs,
      runs: planned.map((plan) => ({
        id: deps.ids.next(),
        workerName: plan.workerName,
        kind: plan.kind,
        step: plan.step ?? first.get(plan.kind) ?? '',
        data: plan.data,
      })),
      workers: workers.map((worker) => ({ ...worker, operationId: id })),
      ...(maxBurstWorkers === undefined ? {} : { maxBurstWorkers }),
      ...(deps.cost !== undefined && (params.kind === 'provision' || params.kind === 'extend')
        ? { budgets: { policy: deps.cost, allowed: request.overBudget ?? [] } }
        : {}),
      rates,
      audit: [
        {
          atMs: nowMs,
          cluster: cluster.name,
          actor: request.by,
          action: params.kind,
          outcome: 'requested',
          operationId: id,
          text: `${params.kind} ${planned.map((plan) => plan.workerName).join(', ')}${'force' in params && params.force ? ' with FORCE' : ''}`,
          details: { ...params, reason },
        },
      ],
      outbox: [
        {
          key: `operation:${id}`,
          notBeforeMs: 0,
          channelId: request.channelId,
          notice: { kind: 'operation', operationId: id, final: false },
        },
      ],
    });
    deps.submitted(result.created ? result.operation : undefined);
    return { operation: result.operation, runs: await store.runsOf(result.operation.id), duplicate: !result.created };
  }

  /** What would be recorded. */
  const checked = (id: string, { by, ...request }: Request, params: OperationParams): Accepted => ({
    operation: {
      id,
      cluster: cluster.name,
      kind: params.kind,
      state: 'running',
      params,
      requester: by,
      channelId: request.channelId,
      reason: request.reason ?? '',
      idempotencyKey: request.idempotencyKey,
      createdAtMs: clock.now(),
      endedAtMs: undefined,
      cancelledBy: undefined,
    },
    runs: [],
    duplicate: false,
  });

  /** Live read. @throws `not_found`, which says what becomes of a recorded worker without a node. */
  async function nodeOf(name: string): Promise<NodeFacts> {
    const node = await cluster.getNode(name);
    if (node !== undefined) return node;
    const run = await store.liveRunOf(cluster.name, name);
    throw new BurstError(
      'not_found',
      run === undefined ? `There is no node ${name}.` : `${name} has no node: ${run.progress}.`,
      { hint: run === undefined ? 'See `/burst list`.' : `See \`/burst ops\` (operation ${run.operationId}).` },
    );
  }

  async function operationOf(id: string): Promise<Operation> {
    const operation = await store.getOperation(id);
    if (operation?.cluster !== cluster.name)
      throw new BurstError('not_found', `There is no operation "${id.slice(0, 40)}".`, { hint: 'See `/burst ops`.' });
    return operation;
  }

  /** Takes up a burst worker that the database does not know, from its node's annotations. */
  async function ensureRecorded(node: NodeFacts): Promise<void> {
    if ((await store.getWorker(cluster.name, node.name)) !== undefined) return;
    const requester = node.annotations[NODE_KEYS.requester];
    const tagged = node.annotations[NODE_KEYS.ownerTag];
    const owner: Actor =
      requester === undefined || requester === 'system'
        ? { kind: 'system', name: 'unknown' }
        : { kind: 'slack', userId: requester };
    await store.adoptWorker(
      {
        cluster: cluster.name,
        name: node.name,
        size: node.annotations[NODE_KEYS.size] ?? 'unknown',
        state: 'active',
        vmId: node.annotations[NODE_KEYS.vmId] || undefined,
        vmHost: undefined,
        nodeUid: node.uid,
        ownerTag: tagged !== undefined && OWNER_TAG.test(tagged) ? tagged : deps.ownerTag,
        owner,
        channelId: node.annotations[NODE_KEYS.channel],
        operationId: node.annotations[NODE_KEYS.operation] ?? 'adopted',
        createdAtMs: node.createdAtMs,
        removedAtMs: undefined,
        price: deps.cost?.prices.get(node.annotations[NODE_KEYS.size] ?? ''),
        cpus: deps.workers.sizes.get(node.annotations[NODE_KEYS.size] ?? '')?.cpus,
        vmSinceMs: node.createdAtMs,
      },
      {
        cluster: cluster.name,
        workerName: node.name,
        startsAtMs: node.createdAtMs,
        // an unreadable deadline must not make a worker immortal: the longest life allowed
        expiresAtMs: deadlineOf(node, deps.safety) ?? node.createdAtMs + deps.workers.maxTtlHours * HOUR_MS,
        extendedHours: 0,
        status: 'active',
        warnedDeadlineMs: undefined,
        warnedLeadMs: undefined,
      },
      {
        atMs: clock.now(),
        cluster: cluster.name,
        actor: { kind: 'system', name: 'reaper' },
        action: 'adopt',
        outcome: 'noticed',
        workerName: node.name,
        text: 'taken up from its annotations',
      },
    );
  }

  /** @throws `not_found` unless the database knows this worker and it was not removed. */
  async function assertRecorded(name: string): Promise<void> {
    const record = await store.getWorker(cluster.name, name);
    if (record === undefined || record.state === 'removed')
      throw new BurstError('not_found', `There is no worker ${name}.`, { hint: 'See `/burst list`.' });
  }

  /** One removal for each worker, with what was recorded of its VM and node. */
  async function removals(workers: readonly string[], more: Run['data']): Promise<readonly Planned[]> {
    return Promise.all(
      workers.map(async (workerName): Promise<Planned> => {
        const record = await store.getWorker(cluster.name, workerName);
        return {
          workerName,
          kind: 'remove-worker',
          data: {
            ...more,
            ...(record?.vmId === undefined ? {} : { vmId: record.vmId }),
            ...(record?.nodeUid === undefined ? {} : { nodeUid: record.nodeUid }),
          },
        };
      }),
    );
  }

  /** A worker as it is recorded when it is asked for; it costs nothing. */
  const unpriced = (request: Request, name: string, size: SizeName): WorkerRecord => ({
    cluster: cluster.name,
    name,
    size,
    state: 'requested',
    vmId: undefined,
    vmHost: undefined,
    nodeUid: undefined,
    ownerTag: deps.ownerTag,
    owner: request.by,
    channelId: request.channelId,
    operationId: '',
    createdAtMs: clock.now(),
    removedAtMs: undefined,
  });
  /** Workers as they are recorded when they are asked for together, with what each costs from then on. */
  async function asked(
    request: Request,
    names: readonly string[],
    size: SizeName,
    ttlHours: number,
  ): Promise<readonly WorkerRecord[]> {
    // the role is for budgets: where nothing costs anything nobody looks it up
    const role = deps.cost === undefined ? undefined : await deps.roleOf?.(request.by);
    const record = unpriced(request, '', size);
    return names.map((name) => ({
      ...record,
      name,
      price: deps.cost?.prices.get(size),
      cpus: deps.workers.sizes.get(size)?.cpus,
      role,
      plannedUntilMs: record.createdAtMs + ttlHours * HOUR_MS,
    }));
  }

  return {
    deps,
    audited,
    submit,
    nodeOf,
    operationOf,
    ensureRecorded,
    assertRecorded,
    removals,
    unpriced,
    asked,
  };
}
