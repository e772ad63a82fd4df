import type { Stray } from '../../../src/domain/stray-plan.ts';
import type { DrainPreview } from '../../../src/domain/drain-plan.ts';
import { BurstError } from '../../../src/domain/errors.ts';
import type { Operation, OperationParams, Run } from '../../../src/domain/operation.ts';
import type { AccessPolicy, WorkerPolicy } from '../../../src/domain/policy.ts';
import type { NodeFacts, WorkerDetails, WorkerView } from '../../../src/domain/worker.ts';
import type { Store } from '../../../src/ports/store.ts';
import type { Accepted, DestroyPreview, Fleet, Operations, Request } from '../../../src/operations/types.ts';

export const T = 1_800_000_000_000;
export const HOUR = 3_600_000;
export const workers: WorkerPolicy = {
  namePrefix: 'burst',
  maxBurstWorkers: 6,
  maxPerRequest: 5,
  defaultTtlHours: 24,
  minTtlHours: 1,
  maxTtlHours: 168,
  defaultSize: 'medium',
  sizes: new Map(
    ['small', 'medium', 'large'].map((name) => [name, { name, cpus: 2, memoryGiB: 8, diskGiB: 40 }] as const),
  ),
  joinTimeoutMs: 1,
  readyTimeoutMs: 1,
  extraLabels: {},
};
export const access: AccessPolicy = {
  roles: {
    viewer: { users: ['U0VIEWER001'], groups: [] },
    operator: { users: [], groups: ['S0OPERATORS'] },
    admin: { users: [], groups: ['burst-admins'] },
  },
  channels: [],
};
const room = { cpuMillis: 4000, memoryMiB: 8192, pods: 110 };
export const worker = (name: string, more: Partial<WorkerView> = {}): WorkerView => ({
  cluster: 'main',
  name,
  type: 'burst',
  status: 'ready',
  size: 'medium',
  capacity: room,
  allocatable: room,
  requested: { cpuMillis: 500, memoryMiB: 1000, pods: 3 },
  labels: {},
  annotations: {},
  createdAtMs: T,
  expiresAtMs: T + 5 * HOUR,
  owner: 'U0OPERATOR1',
  operationId: 'op1',
  activity: undefined,
  ...more,
});
export const node = (name: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  name,
  uid: 'uid',
  resourceVersion: '1',
  labels: {},
  annotations: {},
  taints: [],
  unschedulable: false,
  conditions: [],
  addresses: [],
  capacity: room,
  allocatable: room,
  createdAtMs: T,
  deleting: false,
  providerId: undefined,
  kubeletVersion: 'v1',
  osImage: 'os',
  ...more,
});
export const drainPreview = (name: string, more: Partial<DrainPreview> = {}): DrainPreview => ({
  node: name,
  unschedulable: false,
  evict: [{ namespace: 'shop', name: 'web-1', owner: 'ReplicaSet web' }],
  skip: [],
  errors: [],
  blocked: [],
  losses: [],
  ...more,
});
export const run = (workerName: string, more: Partial<Run> = {}): Run => ({
  id: `run-${workerName}`,
  operationId: 'op1',
  cluster: 'main',
  workerName,
  kind: 'add-worker',
  state: 'running',
  step: 'clone',
  startedSteps: [],
  pivoted: false,
  generation: 1,
  claimedBy: undefined,
  claimUntilMs: undefined,
  nextLookAtMs: T,
  attempts: 0,
  stepSinceMs: T,
  data: {},
  progress: 'waiting to join',
  blocked: undefined,
  failure: undefined,
  cancelRequested: false,
  createdAtMs: T,
  endedAtMs: undefined,
  ...more,
});
export const operation = (params: OperationParams, more: Partial<Operation> = {}): Operation => ({
  id: 'op1',
  cluster: 'main',
  kind: params.kind,
  state: 'running',
  params,
  requester: { kind: 'slack', userId: 'U0OPERATOR1' },
  channelId: 'C0BURST0001',
  reason: '',
  idempotencyKey: 'key',
  createdAtMs: T,
  endedAtMs: undefined,
  cancelledBy: undefined,
  ...more,
});

export const stray = (more: Partial<Stray> = {}): Stray => ({
  cluster: 'default',
  vmId: '777',
  name: 'burst-small-zzzzz',
  firstSeenMs: T,
  kind: 'unrecorded',
  host: 'pve1',
  toldAtMs: T + HOUR,
  endedAtMs: undefined,
  outcome: undefined,
  decision: undefined,
  decidedBy: undefined,
  operationId: undefined,
  attempts: 0,
  ...more,
});

export type Done = { readonly method: string; readonly args: Record<string, unknown> };
/** An Operations in memory: it records what it is asked, and fails where told. */
export class FakeOperations implements Operations {
  readonly done: Done[] = [];
  list: WorkerView[] = [worker('burst-medium-aaaaa'), worker('burst-medium-bbbbb', { owner: 'U0OTHER0001' })];
  readonly failures = new Map<string, Error>();
  drained = false;
  fingerprint = 'f1';
  readonly operations = new Map<string, { operation: Operation; runs: Run[] }>();

  /** One of several clusters. */
  cluster: string | undefined;
  /** Where operations are recorded, as the real ones do. */
  store: Store | undefined;

  async #accept(method: string, params: OperationParams, request: Request): Promise<Accepted> {
    this.done.push({ method, args: { ...request } });
    const failure = this.failures.get(method);
    if (failure !== undefined) throw failure;
    const where = this.cluster === undefined ? {} : { cluster: this.cluster };
    const id = `op-${method}${this.cluster ?? ''}${this.done.length > 1 ? String(this.done.length) : ''}`;
    const made = operation(params, { id, requester: request.by, idempotencyKey: request.idempotencyKey, ...where });
    const recorded = await this.store?.createOperation({ ...made, runs: [], workers: [], audit: [], outbox: [] });
    if (recorded?.created === false) return { operation: recorded.operation, runs: [], duplicate: true };
    this.operations.set(made.id, { operation: made, runs: [run('burst-medium-ccccc')] });
    return { operation: made, runs: [], duplicate: false };
  }
  async provision(request: Parameters<Operations['provision']>[0]): Promise<Accepted> {
    const { count, size = 'medium', ttlHours = 24 } = request;
    return this.#accept('provision', { kind: 'provision', count, size, ttlHours }, request);
  }
  async drain(request: Parameters<Operations['drain']>[0]): Promise<Accepted> {
    return this.#accept('drain', { kind: 'drain', workers: request.workers, permanent: false }, request);
  }
  async repair(request: Parameters<Operations['repair']>[0]): Promise<Accepted> {
    return this.#accept(
      'repair',
      {
        kind: 'repair',
        workers: [request.worker],
        replacement: 'burst-small-new00',
        size: 'small',
        deadlineMs: T + HOUR,
      },
      request,
    );
  }
  async destroy(request: Parameters<Operations['destroy']>[0]): Promise<Accepted> {
    if (request.workers.some((name) => request.fingerprints?.[name] !== this.fingerprint)) {
      this.done.push({ method: 'destroy-refused', args: { ...request } });
      throw new BurstError('changed_meanwhile', 'The worker changed.');
    }
    return this.#accept('destroy', { kind: 'destroy', workers: request.workers, force: request.force }, request);
  }
  async extend(request: Parameters<Operations['extend']>[0]): Promise<Accepted> {
    return this.#accept('extend', { kind: 'extend', workers: request.workers, hours: request.hours }, request);
  }
  async cancel(id: string): ReturnType<Operations['cancel']> {
    this.done.push({ method: 'cancel', args: { id } });
    return { operation: (await this.operation(id)).operation, stopping: [], tooLate: [] };
  }
  async force(request: Parameters<Operations['force']>[0]): Promise<Accepted> {
    return this.#accept('force', (await this.operation(request.operationId)).operation.params, request);
  }
  async waitLonger(id: string, request: Request): Promise<Accepted> {
    return this.#accept('waitLonger', (await this.operation(id)).operation.params, request);
  }
  async retry(id: string, request: Request): Promise<Accepted> {
    return this.#accept('retry', (await this.operation(id)).operation.params, request);
  }
  looks = 0;
  async fleet(filter: Parameters<Operations['fleet']>[0] = {}): Promise<Fleet> {
    this.looks++;
    const failure = this.failures.get('fleet');
    if (failure !== undefined) throw failure;
    const found = this.list.filter((item) => filter.owner === undefined || item.owner === filter.owner);
    return { freshness: { stale: false }, workers: found, joining: 0, burstCount: 2, maxBurstWorkers: 6 };
  }
  async resolve(part: string): Promise<string> {
    const found = this.list.find((item) => item.name.includes(part));
    if (found !== undefined) return found.name;
    throw new BurstError('not_found', `There is no worker ${part}.`, { suggestions: ['burst-medium-aaaaa'] });
  }
  async details(name: string): Promise<WorkerDetails> {
    return { ...worker(name), node: node(name), pods: [], vm: undefined, history: [] };
  }
  async previewDrain(name: string): Promise<DrainPreview> {
    return drainPreview(name);
  }
  async previewDestroy(name: string): Promise<DestroyPreview> {
    return {
      worker: this.list.find((item) => item.name === name) ?? worker(name),
      drained: this.drained,
      drain: drainPreview(name),
      expiresAtMs: T + HOUR,
      fingerprint: this.fingerprint,
    };
  }
  async previewStray(id: Parameters<Operations['previewStray']>[0]): ReturnType<Operations['previewStray']> {
    const vm = { id: id.vmId, name: id.name, host: 'pve1', state: 'running', tags: ['burst', 'burst-test'] } as const;
    const known = { adopt: undefined, destroy: undefined, node: undefined };
    return { ...known, stray: stray(id), vm: { ...vm, template: false, lock: undefined } };
  }
  async adoptStray(request: Parameters<Operations['adoptStray']>[0]): ReturnType<Operations['adoptStray']> {
    const adopted = { vmId: request.vmId, worker: request.name };
    const params = { kind: 'provision', count: 1, size: 'small', ttlHours: 24, adopted } as const;
    return { kind: 'operation', ...(await this.#accept('adoptStray', params, request)) };
  }
  async destroyStray(request: Parameters<Operations['destroyStray']>[0]): ReturnType<Operations['destroyStray']> {
    const params = { kind: 'destroy', workers: [request.name], force: false } as const;
    return { kind: 'operation', ...(await this.#accept('destroyStray', params, request)) };
  }
  async operation(id: string): Promise<{ operation: Operation; runs: Run[] }> {
    const found = this.operations.get(id);
    if (found === undefined) throw new BurstError('not_found', `There is no operation ${id}.`);
    return found;
  }
  async recent(): Promise<readonly { operation: Operation; runs: readonly Run[] }[]> {
    return [...this.operations.values()];
  }
}
