/** An outside world in memory: a cluster and a VM provider with tasks, locks and late effects, and crashes on demand. */
import { BurstError } from '../../src/domain/errors.ts';
import type { HostFacts } from '../../src/domain/placement.ts';
import type { BudgetFacts, NodeFacts, PodFacts } from '../../src/domain/worker.ts';
import type { Cluster, EvictionOutcome } from '../../src/ports/cluster.ts';
import type { VmFacts, VmProvider } from '../../src/ports/vm-provider.ts';

export class Crash extends Error {}

/** Counts calls; before and after each it may crash, fail or lose the answer, as the test says. */
export class Faults {
  count = 0;
  at: { readonly call: number; readonly when: 'before' | 'after'; readonly error: () => Error } | undefined;
  readonly names: string[] = [];
  /** The process died: nothing it does reaches the world any more. */
  dead = false;
  async call<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    if (this.dead) throw new Crash('the process is dead');
    const mine = this.count++;
    this.names.push(name);
    if (this.at?.call === mine && this.at.when === 'before') this.strike(this.at.error());
    const result = await work();
    if (this.at?.call === mine && this.at.when === 'after') this.strike(this.at.error());
    return result;
  }
  private strike(error: Error): never {
    if (error instanceof Crash) this.dead = true;
    throw error;
  }
}

type Vm = {
  id: string;
  name: string;
  state: 'running' | 'stopped';
  tags: string[];
  template: boolean;
  lock: string | undefined;
  bootedAtMs: number | undefined;
  host?: string;
  memoryMiB?: number;
};
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const zero = { cpuMillis: 0, memoryMiB: 0, pods: 0 };

export function node(name: string, more: Partial<NodeFacts> = {}): NodeFacts {
  return {
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    labels: {},
    annotations: {},
    taints: [],
    unschedulable: false,
    conditions: [{ type: 'Ready', status: 'True', reason: '', message: '', sinceMs: undefined }],
    addresses: [],
    capacity: zero,
    allocatable: zero,
    createdAtMs: 0,
    deleting: false,
    providerId: undefined,
    kubeletVersion: 'v1.36.3',
    osImage: '',
    ...more,
  };
}

export function pod(name: string, nodeName: string, more: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    nodeName,
    phase: 'Running',
    labels: { app: 'web' },
    controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'rs' },
    mirror: false,
    hasEmptyDir: false,
    deletionAtMs: undefined,
    requests: { cpuMillis: 100, memoryMiB: 64 },
    createdAtMs: 0,
    ...more,
  };
}

export class World {
  readonly nodes = new Map<string, Mutable<NodeFacts>>();
  pods: PodFacts[] = [];
  budgets: BudgetFacts[] = [];
  readonly vms = new Map<string, Vm>();
  readonly tokens = new Map<string, { readonly uid: string; readonly workerName: string }>();
  readonly tasks = new Map<
    string,
    { state: 'running' | 'ok' | 'failed'; message: string; doneAtMs: number; effect: () => void }
  >();
  readonly deletedVms: string[] = [];
  readonly createdVms: string[] = [];
  readonly evicted: string[] = [];
  joins = true;
  cloneFails = false;
  taskMs = 1000;
  bootMs = 2000;
  stale = false;
  /** What the API server answers to the eviction of some pods. */
  evictAs: (target: PodFacts) => EvictionOutcome | undefined = () => undefined;
  /** What becomes of an evicted pod: undefined, it is gone at once. */
  ending: (target: PodFacts, graceSeconds: number | undefined) => PodFacts | undefined = () => undefined;
  attachments: string[] = [];
  rival: string | undefined;
  /** Of the VM server; undefined: it cannot list them. */
  hosts: HostFacts[] | undefined;
  mayJoin: (id: string) => boolean = () => true;
  /** What a VM's guest says. */
  addressesOf: (id: string) => readonly string[] = (id) => [`10.0.0.${id}`];
  /** It does not answer. */
  away = false;
  readonly faults: Faults;
  readonly now: () => number;
  constructor(faults: Faults, now: () => number) {
    this.faults = faults;
    this.now = now;
    this.vms.set('100', {
      id: '100',
      name: 'pet-db',
      state: 'running',
      tags: [],
      template: false,
      lock: undefined,
      bootedAtMs: 0,
    });
    this.vms.set('9000', {
      id: '9000',
      name: 'template',
      state: 'stopped',
      tags: [],
      template: true,
      lock: undefined,
      bootedAtMs: undefined,
    });
    for (const name of ['worker-1', 'worker-2']) this.nodes.set(name, node(name));
    this.nodes.set('cp-1', node('cp-1', { labels: { 'node-role.kubernetes.io/control-plane': '' } }));
  }

  /** Lets the outside world reach the present: tasks end, booted machines join. */
  settle(): void {
    for (const task of this.tasks.values())
      if (task.state === 'running' && task.doneAtMs <= this.now()) {
        task.state = task.message === '' ? 'ok' : 'failed';
        task.effect();
      }
    for (const vm of this.vms.values())
      if (
        this.joins &&
        vm.state === 'running' &&
        vm.bootedAtMs !== undefined &&
        vm.bootedAtMs > 0 &&
        this.now() - vm.bootedAtMs >= this.bootMs &&
        this.mayJoin(vm.id) &&
        !this.nodes.has(vm.name)
      )
        this.nodes.set(vm.name, node(vm.name, { uid: `uid-${vm.name}-${this.now()}`, createdAtMs: this.now() }));
  }

  private task(effect: () => void, message = ''): string {
    const handle = `task-${this.tasks.size + 1}`;
    this.tasks.set(handle, { state: 'running', message, doneAtMs: this.now() + this.taskMs, effect });
    return handle;
  }

  readonly provider: VmProvider = {
    name: 'fake',
    connect: async () => undefined,
    close: async () => undefined,
    health: async () => ({ ok: true, text: 'ok' }),
    freeId: (taken) =>
      this.faults.call('freeId', () => {
        for (let id = 101; ; id += 1) if (!this.vms.has(String(id)) && !taken.has(String(id))) return String(id);
      }),
    find: (id) => this.faults.call('find', () => this.facts(id)),
    capacity: () =>
      this.faults.call('capacity', () => {
        if (this.away) throw new BurstError('unavailable', 'the VM server is away');
        return { hosts: this.hosts, vms: [...this.vms.keys()].flatMap((id) => this.facts(id) ?? []) };
      }),
    addresses: ({ id }) => this.faults.call('addresses', () => this.addressesOf(id)),
    list: () => this.faults.call('list', () => [...this.vms.keys()].flatMap((id) => this.facts(id) ?? [])),
    clone: (spec) =>
      this.faults.call('clone', () => {
        if (this.vms.has(spec.id)) throw new BurstError('conflict', `VM ${spec.id} exists`);
        const vm: Vm = {
          id: spec.id,
          name: spec.name,
          state: 'stopped',
          tags: [],
          template: false,
          lock: 'clone',
          bootedAtMs: undefined,
          host: spec.place?.host ?? 'pve1',
        };
        this.vms.set(spec.id, vm);
        this.createdVms.push(spec.name);
        return this.task(
          () => {
            if (this.cloneFails) this.vms.delete(spec.id);
            vm.lock = undefined;
          },
          this.cloneFails ? 'storage is full' : '',
        );
      }),
    configure: (spec) =>
      this.faults.call('configure', () => {
        Object.assign(this.unlocked(spec.id), { tags: [...spec.tags], memoryMiB: spec.size.memoryMiB });
        return undefined;
      }),
    start: ({ id }) =>
      this.faults.call('start', () => {
        const vm = this.unlocked(id);
        return this.task(() => {
          vm.state = 'running';
          vm.bootedAtMs ??= this.now();
        });
      }),
    stop: ({ id }) =>
      this.faults.call('stop', () => {
        const vm = this.unlocked(id);
        return this.task(() => {
          vm.state = 'stopped';
          vm.bootedAtMs = undefined;
        });
      }),
    delete: ({ id }) =>
      this.faults.call('delete', () => {
        const vm = this.unlocked(id);
        return this.task(() => {
          if (vm.state === 'running') return;
          if (this.vms.delete(id)) this.deletedVms.push(vm.name);
        });
      }),
    task: (handle) =>
      this.faults.call('task', () => {
        this.settle();
        const task = this.tasks.get(handle);
        if (task === undefined) throw new BurstError('unavailable', 'no such task');
        return task.state === 'failed' ? { state: 'failed', message: task.message } : { state: task.state };
      }),
  };

  private unlocked(id: string): Vm {
    const vm = this.vms.get(id);
    if (vm === undefined) throw new BurstError('not_found', `VM ${id} does not exist`);
    if (vm.lock !== undefined) throw new BurstError('busy', `VM is locked (${vm.lock})`);
    return vm;
  }

  private facts(id: string): VmFacts | undefined {
    this.settle();
    const vm = this.vms.get(id);
    return vm === undefined
      ? undefined
      : {
          id,
          name: vm.name,
          host: vm.host ?? 'pve1',
          state: vm.state,
          tags: vm.tags,
          template: vm.template,
          lock: vm.lock,
          ...(vm.memoryMiB === undefined ? {} : { memoryMiB: vm.memoryMiB }),
        };
  }

  readonly cluster: Cluster = {
    name: 'main',
    start: async () => undefined,
    stop: async () => undefined,
    freshness: () => (this.stale ? { stale: true, sinceMs: 0, reason: 'cut' } : { stale: false }),
    onChange: () => () => undefined,
    cachedNodes: () => [...this.nodes.values()],
    cachedNode: (name) => this.nodes.get(name),
    cachedPods: (name) => this.pods.filter((item) => name === undefined || item.nodeName === name),
    getNode: (name) =>
      this.faults.call('getNode', () => {
        this.settle();
        const found = this.nodes.get(name);
        return found === undefined ? undefined : { ...found };
      }),
    listPodsOnNode: (name) =>
      this.faults.call('listPodsOnNode', () => this.pods.filter((item) => item.nodeName === name)),
    listBudgets: () => this.faults.call('listBudgets', () => this.budgets),
    daemonSetExists: () => this.faults.call('daemonSetExists', () => true),
    listVolumeAttachments: () => this.faults.call('listVolumeAttachments', () => this.attachments),
    patchNode: (target, patch) =>
      this.faults.call('patchNode', () => {
        const found = this.nodes.get(target.name);
        if (found === undefined) throw new BurstError('not_found', 'no node');
        if (found.uid !== target.uid) throw new BurstError('conflict', 'another node');
        const apply = (
          now: Readonly<Record<string, string>>,
          more: Readonly<Record<string, string | null>> = {},
        ): Record<string, string> =>
          Object.fromEntries(
            Object.entries({ ...now, ...more }).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
          );
        found.labels = apply(found.labels, patch.labels);
        found.annotations = apply(found.annotations, patch.annotations);
        if (patch.unschedulable !== undefined) found.unschedulable = patch.unschedulable;
        return { ...found };
      }),
    evict: (target, graceSeconds) =>
      this.faults.call('evict', () => {
        if (!this.pods.some((item) => item.uid === target.uid)) return { kind: 'gone' };
        const answer = this.evictAs(target);
        if (answer !== undefined) return answer;
        const budget = this.budgets.find((item) => item.matches(target.labels) && item.disruptionsAllowed < 1);
        if (budget !== undefined) return { kind: 'blocked', message: 'needs more', budget: budget.name };
        const left = this.ending(target, graceSeconds);
        this.pods = this.pods.flatMap((item) => (item.uid !== target.uid ? [item] : left === undefined ? [] : [left]));
        this.evicted.push(target.name);
        return { kind: 'accepted' };
      }),
    deletePod: (target) =>
      this.faults.call('deletePod', () => {
        this.pods = this.pods.filter((item) => item.uid !== target.uid);
        return 'accepted';
      }),
    deleteNode: (target) =>
      this.faults.call('deleteNode', () => {
        const found = this.nodes.get(target.name);
        if (found === undefined) return 'gone';
        if (found.uid !== target.uid) return 'uid_mismatch';
        this.nodes.delete(target.name);
        return 'deleted';
      }),
    createBootstrapToken: (token) =>
      this.faults.call('createBootstrapToken', () => {
        if (this.tokens.has(token.id)) throw new BurstError('conflict', `token ${token.id} is there already`);
        const uid = `uid-of-${token.id}`;
        this.tokens.set(token.id, { uid, workerName: token.workerName });
        return { token: `${token.id}.${token.secret}`, uid };
      }),
    deleteBootstrapToken: ({ id, uid }) =>
      this.faults.call('deleteBootstrapToken', () => {
        if (uid === undefined || this.tokens.get(id)?.uid === uid) this.tokens.delete(id);
      }),
    joinFacts: () => this.faults.call('joinFacts', () => ({ endpoint: 'api:6443', caCertHash: 'sha256:00' })),
    holdLease: async () =>
      this.rival === undefined ? { held: true } : { held: false, holder: this.rival, untilMs: undefined },
    checkPermissions: async () => [],
    secondLock: async () => 'unknown',
  };
}
