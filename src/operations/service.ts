/**
 * The five worker operations (and extend, cancel, retry) as requests. Invariants: what is refused is audited and changes
 * nothing; what is accepted is recorded, all of it in one transaction, before anything is done.
 */
import { createHash } from 'node:crypto';
import { budgetBlocks, drainPlan, podKey } from '../domain/drain-plan.ts';
import type { DrainPreview } from '../domain/drain-plan.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import type { Actor, Operation, OperationParams, Run, RunKind } from '../domain/operation.ts';
import { isLive } from '../domain/operation.ts';
import { deadlineOf, destroyRefusal, isControlPlane, NODE_KEYS, workerType } from '../domain/safety.ts';
import { workerView } from '../domain/views.ts';
import type { NodeFacts, WorkerView } from '../domain/worker.ts';
import type { NewAudit, NewOperation, NewOutbox, WorkerRecord } from '../ports/store.ts';
import type { StepDeps } from './deps.ts';
import { runDefinitions } from './definitions.ts';
import { resolveName } from './names.ts';
import { assertDrainable, missingDaemonSets } from './steps/drain.ts';
import type { Accepted, DestroyPreview, Fleet, Operations, Request } from './types.ts';

const HOUR_MS = 3_600_000;

export type ServiceDeps = StepDeps & {
  /** Called when something was recorded: wakes the engine and the outbox. */
  readonly submitted: () => void;
};

type Planned = { readonly workerName: string; readonly kind: RunKind; readonly data: Run['data'] };

export function createOperations(deps: ServiceDeps): Operations & {
  /** The reaper's door: removes a worker whose deadline has passed, or that an ended run left behind. */
  expire(workers: readonly string[], deadlineMs: number, reason: string): Promise<Accepted>;
  /** Takes up a burst worker that the database does not know, from its node's annotations. */
  adopt(nodeName: string): Promise<void>;
} {
  const { cluster, store, clock } = deps;
  const first = new Map([...runDefinitions(deps)].map(([kind, definition]) => [kind, definition.steps[0]?.name ?? '']));

  const actorText = (by: Actor): string => (by.kind === 'slack' ? by.userId : by.name);

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
        await store.appendAudit([row]);
      }
      throw error;
    }
  }

  async function submit(
    request: Request,
    params: OperationParams,
    planned: readonly Planned[],
    workers: readonly WorkerRecord[],
    maxBurstWorkers?: number,
  ): Promise<Accepted> {
    const nowMs = clock.now();
    const id = deps.ids.next();
    const notice: NewOutbox = {
      key: `operation:${id}`,
      notBeforeMs: 0,
      channelId: request.channelId,
      notice: { kind: 'operation', operationId: id, final: false },
    };
    const operation: NewOperation = {
      id,
      cluster: cluster.name,
      params,
      requester: request.by,
      channelId: request.channelId,
      reason: (request.reason ?? '').slice(0, 500),
      idempotencyKey: request.idempotencyKey,
      createdAtMs: nowMs,
      runs: planned.map((plan) => ({
        id: deps.ids.next(),
        workerName: plan.workerName,
        kind: plan.kind,
        step: first.get(plan.kind) ?? '',
        data: plan.data,
      })),
      workers: workers.map((worker) => ({ ...worker, operationId: id })),
      ...(maxBurstWorkers === undefined ? {} : { maxBurstWorkers }),
      audit: [
        {
          atMs: nowMs,
          cluster: cluster.name,
          actor: request.by,
          action: params.kind,
          outcome: 'requested',
          operationId: id,
          text: `${params.kind} ${planned.map((plan) => plan.workerName).join(', ')}${'force' in params && params.force ? ' with FORCE' : ''}`,
          details: { ...params, reason: request.reason ?? '' },
        },
      ],
      outbox: [notice],
    };
    const result = await store.createOperation(operation);
    deps.submitted();
    return { operation: result.operation, runs: await store.runsOf(result.operation.id), duplicate: !result.created };
  }

  /** Live read; @throws `not_found`. */
  async function nodeOf(name: string): Promise<NodeFacts> {
    const node = await cluster.getNode(name);
    if (node === undefined)
      throw new BurstError('not_found', `There is no node ${name}.`, { hint: 'See `/burst list`.' });
    return node;
  }

  /** Takes up a burst worker that the database does not know, from its annotations. */
  async function ensureRecorded(node: NodeFacts): Promise<void> {
    if ((await store.getWorker(cluster.name, node.name)) !== undefined) return;
    const nowMs = clock.now();
    const requester = node.annotations[NODE_KEYS.requester];
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
        owner,
        channelId: node.annotations[NODE_KEYS.channel],
        operationId: node.annotations[NODE_KEYS.operation] ?? 'adopted',
        createdAtMs: node.createdAtMs,
        removedAtMs: undefined,
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
        atMs: nowMs,
        cluster: cluster.name,
        actor: { kind: 'system', name: 'reaper' },
        action: 'adopt',
        outcome: 'noticed',
        workerName: node.name,
        text: 'taken up from its annotations',
      },
    );
  }

  async function drainPreview(node: NodeFacts, force: boolean): Promise<DrainPreview> {
    const pods = await cluster.listPodsOnNode(node.name);
    const missing = await missingDaemonSets(deps, pods);
    const flags = {
      ignoreDaemonSets: deps.drain.ignoreDaemonSets,
      deleteEmptyDirData: deps.drain.deleteEmptyDirData || force,
      force: deps.drain.force || force,
      skipWaitForDeleteMs: deps.drain.skipWaitForDeleteMs,
    };
    const plan = drainPlan({ pods, nowMs: clock.now(), missingDaemonSets: missing }, flags);
    const evict = plan.decisions.flatMap((decision) => (decision.kind === 'evict' ? [decision] : []));
    return {
      node: node.name,
      unschedulable: node.unschedulable,
      evict: evict.map(({ pod }) => ({
        namespace: pod.namespace,
        name: pod.name,
        owner: pod.controller === undefined ? '' : `${pod.controller.kind}/${pod.controller.name}`,
      })),
      skip: plan.decisions.flatMap((decision) =>
        decision.kind === 'skip'
          ? [{ namespace: decision.pod.namespace, name: decision.pod.name, why: decision.why }]
          : [],
      ),
      errors: plan.errors.map(({ pod, text }) => ({ namespace: pod.namespace, name: pod.name, text })),
      blocked: budgetBlocks(
        evict.map(({ pod }) => pod),
        await cluster.listBudgets(),
      ),
      losses: evict.flatMap(({ pod, warning }) => (warning === undefined ? [] : [`${podKey(pod)}: ${warning}`])),
    };
  }

  async function view(node: NodeFacts): Promise<WorkerView> {
    const record = await store.getWorker(cluster.name, node.name);
    const run = await store.liveRunOf(cluster.name, node.name);
    return workerView(cluster.name, node, await cluster.listPodsOnNode(node.name), deps.safety, {
      owner: record === undefined ? undefined : actorText(record.owner),
      operationId: run?.operationId ?? record?.operationId,
      activity: run?.progress,
    });
  }

  async function names(): Promise<readonly string[]> {
    const records = await store.listWorkers({
      cluster: cluster.name,
      states: ['requested', 'active', 'removing', 'failed'],
    });
    return [
      ...new Set([...cluster.cachedNodes().map((node) => node.name), ...records.map((record) => record.name)]),
    ].sort();
  }

  async function previewDestroy(name: string): Promise<DestroyPreview> {
    const node = await nodeOf(name);
    const refusal = destroyRefusal(node, deps.safety);
    if (refusal !== undefined) throw refusal;
    const drain = await drainPreview(node, false);
    const drained = node.unschedulable && drain.evict.length === 0 && drain.errors.length === 0;
    const deadlineMs = deadlineOf(node, deps.safety);
    const seen = [
      node.uid,
      node.unschedulable,
      deadlineMs ?? '',
      drain.evict
        .map((pod) => `${pod.namespace}/${pod.name}`)
        .sort()
        .join(),
      drain.errors.length,
    ].join('|');
    return {
      worker: await view(node),
      drained,
      drain,
      expiresAtMs: deadlineMs,
      fingerprint: createHash('sha256').update(seen).digest('hex').slice(0, 16),
    };
  }

  const base: Operations = {
    provision: (request) =>
      audited('provision', request.by, undefined, async () => {
        const { workers } = deps;
        const size = request.size ?? workers.defaultSize;
        const ttlHours = request.ttlHours ?? workers.defaultTtlHours;
        if (!Number.isInteger(request.count) || request.count < 1 || request.count > workers.maxPerRequest)
          throw new BurstError(
            'invalid_input',
            `The count must be a whole number from 1 to ${workers.maxPerRequest}.`,
            { hint: 'For example `/burst provision 2 medium 24h`.' },
          );
        if (!workers.sizes.has(size))
          throw new BurstError('invalid_input', `There is no size "${size.slice(0, 40)}".`, {
            hint: `Sizes: ${[...workers.sizes.keys()].join(', ')}.`,
          });
        if (!Number.isInteger(ttlHours) || ttlHours < workers.minTtlHours || ttlHours > workers.maxTtlHours)
          throw new BurstError(
            'invalid_input',
            `The TTL must be from ${workers.minTtlHours} to ${workers.maxTtlHours} whole hours.`,
            { hint: 'For example `24h` or `2d`.' },
          );
        const nowMs = clock.now();
        const chosen = Array.from(
          { length: request.count },
          () => `${workers.namePrefix}-${size}-${deps.ids.base32(5)}`,
        );
        return submit(
          request,
          { kind: 'provision', count: request.count, size, ttlHours },
          chosen.map((workerName) => ({ workerName, kind: 'add-worker', data: { size, ttlHours } })),
          chosen.map((name) => ({
            cluster: cluster.name,
            name,
            size,
            state: 'requested',
            vmId: undefined,
            vmHost: undefined,
            nodeUid: undefined,
            owner: request.by,
            channelId: request.channelId,
            operationId: '',
            createdAtMs: nowMs,
            removedAtMs: undefined,
          })),
          workers.maxBurstWorkers,
        );
      }),

    drain: (request) =>
      audited('drain', request.by, request.workers[0], async () => {
        let permanent = false;
        for (const name of request.workers) {
          const node = await nodeOf(name);
          assertDrainable(deps, node, { removing: false });
          if (workerType(node, deps.safety) !== 'burst') permanent = true;
        }
        if (permanent && !request.admin)
          throw new BurstError('forbidden', 'Draining a permanent worker is for admins.', {
            left: 'Nothing was changed.',
          });
        return submit(
          request,
          { kind: 'drain', workers: request.workers, permanent },
          request.workers.map((workerName) => ({ workerName, kind: 'drain-worker', data: {} })),
          [],
        );
      }),

    destroy: (request) =>
      audited('destroy', request.by, request.workers[0], async () => {
        for (const name of request.workers) {
          const node = await cluster.getNode(name);
          if (node === undefined) {
            await assertRecordedBurst(name);
            continue;
          }
          const preview = await previewDestroy(name);
          const shown = request.fingerprints?.[name];
          if (shown !== undefined && shown !== preview.fingerprint)
            throw new BurstError('changed_meanwhile', `${name} is not as it was shown any more.`, {
              left: 'Nothing was changed.',
              hint: 'Look at the new state and confirm again.',
            });
          if (!preview.drained && !request.force && !request.drainFirst && deps.safety.requireDrainBeforeDestroy)
            throw new BurstError('not_drained', `${name} is not drained.`, {
              left: 'Nothing was changed.',
              hint: 'Drain it first, or choose "Drain, then destroy".',
            });
          await ensureRecorded(node);
        }
        return submit(
          request,
          { kind: 'destroy', workers: request.workers, force: request.force },
          await removals(request.workers, { force: request.force }),
          [],
        );
      }),

    extend: (request) =>
      audited('extend', request.by, request.workers[0], async () => {
        if (!Number.isInteger(request.hours) || request.hours < 1 || request.hours > deps.workers.maxTtlHours)
          throw new BurstError('invalid_input', `Extend by 1 to ${deps.workers.maxTtlHours} whole hours.`, {
            hint: 'For example `/burst extend NAME 12h`.',
          });
        const planned: Planned[] = [];
        for (const name of request.workers) {
          const node = await nodeOf(name);
          const refusal = destroyRefusal(node, deps.safety);
          if (refusal !== undefined)
            throw new BurstError(
              'invalid_input',
              `${name} has no deadline to extend: ${refusal.message.replace(/^.*?: .*?: /, '')}`,
            );
          await ensureRecorded(node);
          const schedule = await store.getSchedule(cluster.name, name);
          const fromMs = schedule?.expiresAtMs ?? deadlineOf(node, deps.safety) ?? clock.now();
          const capMs = (schedule?.startsAtMs ?? node.createdAtMs) + deps.workers.maxTtlHours * HOUR_MS;
          const deadlineMs = Math.min(Math.max(fromMs, clock.now()) + request.hours * HOUR_MS, capMs);
          if (deadlineMs <= fromMs)
            throw new BurstError(
              'limit_reached',
              `${name} has reached its longest life of ${deps.workers.maxTtlHours} h.`,
              { left: 'Its deadline stays.', hint: 'Provision a new worker.' },
            );
          planned.push({ workerName: name, kind: 'extend-worker', data: { deadlineMs } });
        }
        return submit(request, { kind: 'extend', workers: request.workers, hours: request.hours }, planned, []);
      }),

    cancel: (operationId, by) =>
      audited('cancel', by, undefined, async () => {
        const operation = await operationOf(operationId);
        const before = (await store.runsOf(operationId)).filter((run) => isLive(run.state));
        if (before.length === 0)
          throw new BurstError('not_cancellable', `Operation ${operationId} has ended (${operation.state}).`, {
            left: 'Nothing was changed.',
          });
        const stopping = await store.requestCancel(operationId, by, clock.now(), {
          atMs: clock.now(),
          cluster: operation.cluster,
          actor: by,
          action: 'cancel',
          outcome: 'requested',
          operationId,
          text: `cancel ${operation.kind}`,
        });
        deps.submitted();
        const ids = new Set(stopping.map((run) => run.id));
        return { operation, stopping, tooLate: before.filter((run) => !ids.has(run.id)) };
      }),

    retry: (operationId, request) =>
      audited('retry', request.by, undefined, async () => {
        const operation = await operationOf(operationId);
        const runs = await store.runsOf(operationId);
        const row: NewAudit = {
          atMs: clock.now(),
          cluster: operation.cluster,
          actor: request.by,
          action: 'retry',
          outcome: 'requested',
          operationId,
          text: `retry ${operation.kind}`,
        };
        if (runs.some((run) => run.state === 'stuck')) {
          await store.retryStuck(operationId, clock.now(), row);
          deps.submitted();
          return { operation: await operationOf(operationId), runs: await store.runsOf(operationId), duplicate: false };
        }
        const undone = runs.filter((run) => run.state === 'undone');
        if (undone.length === 0)
          throw new BurstError('not_retryable', `Nothing of operation ${operationId} failed.`, {
            left: 'Nothing was changed.',
          });
        const again = { ...request, reason: request.reason ?? operation.reason };
        const workers = undone.map((run) => run.workerName);
        switch (operation.params.kind) {
          case 'provision':
            return base.provision({
              ...again,
              count: undone.length,
              size: operation.params.size,
              ttlHours: operation.params.ttlHours,
            });
          case 'drain':
            return base.drain({ ...again, workers, admin: false });
          case 'destroy':
            return base.destroy({ ...again, workers, force: false, drainFirst: true });
          case 'extend':
            return base.extend({ ...again, workers, hours: operation.params.hours });
          case 'expire':
            return base.destroy({ ...again, workers, force: false, drainFirst: true });
        }
      }),

    async fleet(filter = {}): Promise<Fleet> {
      const records = await store.listWorkers({
        cluster: cluster.name,
        states: ['requested', 'active', 'removing', 'failed'],
      });
      const byName = new Map(records.map((record) => [record.name, record]));
      const live = new Map((await store.liveRuns()).map((run) => [run.workerName, run]));
      const nodes = cluster.cachedNodes().filter((node) => !isControlPlane(node));
      const present = new Set(nodes.map((node) => node.name));
      const workers = nodes
        .map((node) => {
          const record = byName.get(node.name);
          return workerView(cluster.name, node, cluster.cachedPods(node.name), deps.safety, {
            owner: record === undefined ? undefined : actorText(record.owner),
            operationId: record?.operationId,
            activity: live.get(node.name)?.progress,
          });
        })
        .filter(
          (worker) =>
            (filter.type === undefined || worker.type === filter.type) &&
            (filter.status === undefined || worker.status === filter.status) &&
            (filter.owner === undefined || worker.owner === filter.owner),
        )
        .sort((a, b) => a.type.localeCompare(b.type) || a.name.localeCompare(b.name));
      const counted = records.filter((record) => record.state !== 'failed');
      return {
        freshness: cluster.freshness(),
        workers,
        joining: records.filter((record) => record.state === 'requested' && !present.has(record.name)).length,
        burstCount: counted.length,
        maxBurstWorkers: deps.workers.maxBurstWorkers,
      };
    },

    async resolve(nameOrPart) {
      return resolveName(nameOrPart, await names());
    },

    async details(name) {
      const node = await nodeOf(name);
      const record = await store.getWorker(cluster.name, name);
      const vmId = record?.vmId ?? (node.annotations[NODE_KEYS.vmId] || undefined);
      const history = await store.listAudit({ cluster: cluster.name, workerName: name, limit: 20 });
      let state = 'unknown';
      if (vmId !== undefined) {
        try {
          state = (await deps.vms.find(vmId))?.state ?? 'not found';
        } catch {
          state = 'unknown (the VM server did not answer)';
        }
      }
      return {
        ...(await view(node)),
        node,
        pods: await cluster.listPodsOnNode(name),
        vm: vmId === undefined ? undefined : { id: vmId, host: record?.vmHost, state },
        history: history.map((row) => ({
          atMs: row.atMs,
          actor: actorText(row.actor),
          text: `${row.action}: ${row.text}`,
        })),
      };
    },

    async previewDrain(name) {
      const node = await nodeOf(name);
      assertDrainable(deps, node, { removing: false });
      return drainPreview(node, false);
    },
    previewDestroy,

    async operation(id) {
      return { operation: await operationOf(id), runs: await store.runsOf(id) };
    },
    async recent(filter) {
      const operations = await store.listOperations({
        cluster: cluster.name,
        limit: filter.limit,
        ...(filter.requesterId === undefined ? {} : { requesterId: filter.requesterId }),
      });
      return Promise.all(operations.map(async (operation) => ({ operation, runs: await store.runsOf(operation.id) })));
    },
  };

  async function assertRecordedBurst(name: string): Promise<void> {
    const record = await store.getWorker(cluster.name, name);
    if (record === undefined || record.state === 'removed')
      throw new BurstError('not_found', `There is no worker ${name}.`, { hint: 'See `/burst list`.' });
  }

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

  async function operationOf(id: string): Promise<Operation> {
    const operation = await store.getOperation(id);
    if (operation === undefined)
      throw new BurstError('not_found', `There is no operation "${id.slice(0, 40)}".`, { hint: 'See `/burst ops`.' });
    return operation;
  }

  return {
    ...base,
    async adopt(nodeName) {
      const node = await nodeOf(nodeName);
      const refusal = destroyRefusal(node, deps.safety);
      if (refusal !== undefined) throw refusal;
      await ensureRecorded(node);
    },
    async expire(workers, deadlineMs, reason) {
      const by: Actor = { kind: 'system', name: 'reaper' };
      return audited('expire', by, workers[0], async () => {
        for (const name of workers) {
          const node = await cluster.getNode(name);
          if (node === undefined) await assertRecordedBurst(name);
          else {
            const refusal = destroyRefusal(node, deps.safety);
            if (refusal !== undefined) throw refusal;
            await ensureRecorded(node);
          }
        }
        const channelId = (await store.getWorker(cluster.name, workers[0] ?? ''))?.channelId;
        const planned = await removals(workers, { deadlineMs });
        const tries = (await store.lastRunOf(cluster.name, workers[0] ?? '', 'remove-worker'))?.id ?? 'first';
        return submit(
          {
            by,
            reason,
            idempotencyKey: `expire:${cluster.name}:${workers.join(',')}:${deadlineMs}:${tries}`,
            ...(channelId === undefined ? {} : { channelId }),
          },
          { kind: 'expire', workers, deadlineMs },
          planned,
          [],
        );
      });
    },
  };
}
