/**
 * A Proxmox VE in memory: VMs, locks and tasks. Invariant: as on the real one, an accepted request is not a result: what a
 * locked or running VM refuses shows in the task, and a clone is visible, stopped and locked, while it runs.
 */
import type { SandboxClock, WorldHost, WorldTask, WorldVm } from '../contract.ts';
import { HOSTS, OFFLINE_HOST, STORAGES, baseUsedMiB, isShared } from './hosts.ts';

export type PveVm = {
  readonly id: number;
  name: string;
  node: string;
  status: 'running' | 'stopped';
  template: boolean;
  lock: string | undefined;
  config: Record<string, string>;
};
export type PveTask = {
  readonly upid: string;
  readonly node: string;
  readonly type: string;
  readonly id: string;
  readonly startedAtMs: number;
  status: 'running' | 'stopped';
  exit: string;
  readonly log: string[];
};
export type PveFault = 'clone_fails' | 'never_joins' | 'locked' | 'host_offline';

/** An error as the API answers it. */
export class PveError extends Error {
  readonly status: number;
  readonly path: string;
  constructor(status: number, message: string, path: string) {
    super(message);
    this.status = status;
    this.path = path;
  }
}

export type PveOptions = {
  readonly clock: SandboxClock;
  readonly cloneMs: number;
  readonly startMs: number;
  readonly stopMs: number;
  /** Called when a machine has started (and again with false when it stops or goes). */
  readonly power: (vm: PveVm, running: boolean) => void;
  readonly changed: () => void;
};

const NAME = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9-]+)*$/;
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const memoryMiB = (vm: PveVm): number => Number(vm.config['memory'] ?? 512);
/** A guest has not touched all of its memory. */
const usedMiB = (vm: PveVm): number => (vm.status === 'running' ? memoryMiB(vm) / 2 : 0);

export class Pve {
  readonly vms = new Map<number, PveVm>();
  readonly tasks = new Map<string, PveTask>();
  readonly faults = new Set<PveFault>();
  readonly #options: PveOptions;
  readonly #stopped = new AbortController();
  #pid = 1000;

  constructor(options: PveOptions) {
    this.#options = options;
    const disk = { net0: 'virtio=BC:24:11:00:00:01,bridge=vmbr0', agent: 'enabled=1', ostype: 'l26' };
    this.put(9000, 'k8s-worker-template', true, 'stopped', {
      cores: '2',
      memory: '2048',
      scsi0: 'ceph:base-9000-disk-0,size=8G',
      ...disk,
    });
    this.put(100, 'pet-db', false, 'running', {
      cores: '4',
      memory: '8192',
      scsi0: 'local-lvm:vm-100-disk-0,size=100G',
      ...disk,
    });
    this.put(101, 'pet-mail', false, 'running', {
      cores: '2',
      memory: '4096',
      scsi0: 'local-lvm:vm-101-disk-0,size=50G',
      ...disk,
    });
  }

  /** Places a VM as if somebody else had made it. */
  put(id: number, name: string, template: boolean, status: PveVm['status'], config: Record<string, string>): void {
    this.vms.set(id, { id, name, node: 'pve1', status, template, lock: undefined, config });
    this.#options.changed();
  }

  close(): void {
    this.#stopped.abort(new Error('closed'));
  }

  nextId(): number {
    for (let id = 100; ; id += 1) if (!this.vms.has(id)) return id;
  }

  /** @throws PveError 500 as the API does for a VM that is not there. */
  vm(node: string, id: number, path = ''): PveVm {
    this.#reachable(node, `nodes/${node}/qemu/${id}${path}`);
    const vm = this.vms.get(id);
    if (vm === undefined || vm.node !== node)
      throw new PveError(
        500,
        `Configuration file 'nodes/${node}/qemu-server/${id}.conf' does not exist`,
        `nodes/${node}/qemu/${id}${path}`,
      );
    return vm;
  }

  /** A VM as its node lists it; the cluster's listing adds the node. */
  row(vm: PveVm): Record<string, unknown> {
    const running = vm.status === 'running';
    return {
      vmid: vm.id,
      name: vm.name,
      status: this.online(vm.node) ? vm.status : 'unknown',
      cpus: Number(vm.config['cores'] ?? 1),
      maxmem: memoryMiB(vm) * MIB,
      mem: usedMiB(vm) * MIB,
      maxdisk: this.#diskGiB(vm) * GIB,
      uptime: running ? 60 : 0,
      ...(vm.template ? { template: 1 } : {}),
      ...(vm.lock === undefined ? {} : { lock: vm.lock }),
      ...(vm.config['tags'] === undefined ? {} : { tags: vm.config['tags'] }),
    };
  }

  clone(
    node: string,
    source: number,
    target: number,
    name: string | undefined,
    description: string | undefined,
    to: string = node,
  ): PveTask {
    const from = this.vm(node, source, '/clone');
    const path = `nodes/${node}/qemu/${source}/clone`;
    if (this.vms.has(target))
      throw new PveError(500, `unable to create VM ${target}: config file already exists`, path);
    if (name !== undefined && !NAME.test(name)) throw new PveError(400, 'Parameter verification failed.', path);
    if (!HOSTS.some((host) => host.name === to)) throw new PveError(500, `no such cluster node '${to}'`, path);
    this.#reachable(to, path);
    if (to !== node && !isShared(from.config['scsi0']))
      throw new PveError(500, `can't clone VM to node '${to}' (VM uses local storage)`, path);
    const { tags: _tags, smbios1: _smbios1, ...config } = from.config;
    const vm: PveVm = {
      id: target,
      name: name ?? `Copy-of-VM-${from.name}`,
      node,
      status: 'stopped',
      template: false,
      lock: 'clone',
      config: { ...config, ...(description === undefined ? {} : { description }) },
    };
    this.vms.set(target, vm);
    return this.#task(node, 'qmclone', String(source), this.#options.cloneMs, () => {
      vm.lock = undefined;
      // as on the real one, it moves when the clone has ended
      vm.node = to;
      if (!this.faults.has('clone_fails')) return 'OK';
      this.vms.delete(target);
      return "clone failed: storage 'local-lvm' is out of space";
    });
  }

  configure(node: string, id: number, values: Readonly<Record<string, string>>): void {
    const path = `nodes/${node}/qemu/${id}/config`;
    const vm = this.vm(node, id, '/config');
    this.#unlocked(vm, path);
    const { name, delete: removed, ...rest } = values;
    vm.config = { ...vm.config, ...rest };
    for (const key of (removed ?? '').split(','))
      vm.config = Object.fromEntries(Object.entries(vm.config).filter(([have]) => have !== key));
    if (name !== undefined) vm.name = name;
    this.#options.changed();
  }

  resize(node: string, id: number, disk: string, size: string): PveTask {
    const path = `nodes/${node}/qemu/${id}/resize`;
    const vm = this.vm(node, id, '/resize');
    this.#unlocked(vm, path);
    const asked = /^(\+?)(\d+)G$/.exec(size);
    if (asked === null || vm.config[disk] === undefined)
      throw new PveError(400, 'Parameter verification failed.', path);
    const have = this.#diskGiB(vm, disk);
    const want = asked[1] === '+' ? have + Number(asked[2]) : Number(asked[2]);
    if (want < have) throw new PveError(500, 'shrinking disks is not supported', path);
    return this.#task(node, 'resize', String(id), 100, () => {
      vm.config[disk] = (vm.config[disk] ?? '').replace(/size=\d+G/, `size=${want}G`);
      return 'OK';
    });
  }

  start(node: string, id: number): PveTask {
    const vm = this.vm(node, id, '/status/start');
    return this.#task(node, 'qmstart', String(id), this.#options.startMs, () => {
      const locked = this.#lockOf(vm);
      if (locked !== undefined) return `VM is locked (${locked})`;
      if (vm.template) return `you can't start a vm if it's a template`;
      if (vm.status === 'running') return `VM ${id} already running`;
      vm.status = 'running';
      this.#options.power(vm, true);
      return 'OK';
    });
  }

  stop(node: string, id: number, type: 'qmstop' | 'qmshutdown'): PveTask {
    const vm = this.vm(node, id, '/status/stop');
    return this.#task(node, type, String(id), this.#options.stopMs, () => {
      const locked = this.#lockOf(vm);
      if (locked !== undefined) return `VM is locked (${locked})`;
      if (vm.status === 'running') {
        vm.status = 'stopped';
        this.#options.power(vm, false);
      }
      return 'OK';
    });
  }

  destroy(node: string, id: number): PveTask {
    const vm = this.vm(node, id);
    if (vm.status === 'running')
      throw new PveError(500, `VM ${id} is running - destroy failed`, `nodes/${node}/qemu/${id}`);
    return this.#task(node, 'qmdestroy', String(id), 400, () => {
      const locked = this.#lockOf(vm);
      if (locked !== undefined) return `VM is locked (${locked})`;
      if (vm.status === 'running') return `VM ${id} is running - destroy failed`;
      if (vm.template) return `unable to remove VM ${id} - used by clones`;
      this.vms.delete(id);
      return 'OK';
    });
  }

  online(host: string): boolean {
    return !(this.faults.has('host_offline') && host === OFFLINE_HOST);
  }

  /** `GET /cluster/resources`. */
  resources(type: string | undefined): Record<string, unknown>[] {
    const rows = [
      ...[...this.vms.values()].map((vm) => ({ type: 'vm', id: `qemu/${vm.id}`, node: vm.node, ...this.row(vm) })),
      ...this.world().hosts.map(({ name, online, memoryMiB: max, usedMiB: used }) => ({
        type: 'node',
        id: `node/${name}`,
        node: name,
        status: online ? 'online' : 'offline',
        ...(online ? { maxmem: max * MIB, mem: used * MIB } : {}),
      })),
      ...HOSTS.flatMap(({ name }) =>
        STORAGES.map((storage) => ({
          type: 'storage',
          id: `storage/${name}/${storage.name}`,
          node: name,
          storage: storage.name,
          status: this.online(name) ? 'available' : 'unknown',
          shared: storage.shared ? 1 : 0,
          maxdisk: storage.GiB * GIB,
          disk: this.#usedOn(storage.name, storage.shared ? undefined : name) * GIB,
        })),
      ),
    ];
    return type === undefined ? rows : rows.filter((row) => row.type === type);
  }

  #usedOn(storage: string, host: string | undefined): number {
    const there = [...this.vms.values()].filter(
      (vm) => (vm.config['scsi0'] ?? '').startsWith(`${storage}:`) && (host === undefined || vm.node === host),
    );
    return there.reduce((sum, vm) => sum + this.#diskGiB(vm), 0);
  }

  #reachable(node: string, path: string): void {
    if (!this.online(node)) throw new PveError(595, 'No route to host', path);
  }

  world(): { hosts: WorldHost[]; vms: WorldVm[]; tasks: WorldTask[] } {
    return {
      hosts: HOSTS.map(({ name, memoryMiB: max }) => ({
        name,
        online: this.online(name),
        memoryMiB: max,
        usedMiB: [...this.vms.values()]
          .filter((vm) => vm.node === name)
          .reduce((sum, vm) => sum + usedMiB(vm), baseUsedMiB),
      })),
      vms: [...this.vms.values()]
        .sort((a, b) => a.id - b.id)
        .map((vm) => ({
          id: vm.id,
          name: vm.name,
          status: vm.status,
          lock: this.#lockOf(vm),
          template: vm.template,
          tags: (vm.config['tags'] ?? '').split(';').filter((tag) => tag !== ''),
          cpus: Number(vm.config['cores'] ?? 1),
          memoryMiB: memoryMiB(vm),
          host: vm.node,
        })),
      tasks: [...this.tasks.values()].slice(-20).map((task) => ({
        id: task.upid,
        type: task.type,
        vmId: task.id,
        status: task.status === 'running' ? 'running' : task.exit,
        startedAtMs: task.startedAtMs,
      })),
    };
  }

  #diskGiB(vm: PveVm, disk = 'scsi0'): number {
    return Number(/size=(\d+)G/.exec(vm.config[disk] ?? '')?.[1] ?? 8);
  }

  #lockOf(vm: PveVm): string | undefined {
    return vm.lock ?? (this.faults.has('locked') && !vm.template ? 'backup' : undefined);
  }

  #unlocked(vm: PveVm, path: string): void {
    const lock = this.#lockOf(vm);
    if (lock !== undefined) throw new PveError(500, `VM is locked (${lock})`, path);
  }

  #task(node: string, type: string, id: string, ms: number, finish: () => string): PveTask {
    const nowMs = this.#options.clock.now();
    const pid = (this.#pid += 1);
    const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
    const task: PveTask = {
      upid: `UPID:${node}:${hex(pid)}:${hex(pid * 7)}:${hex(Math.floor(nowMs / 1000))}:${type}:${id}:root@pam!bot:`,
      node,
      type,
      id,
      startedAtMs: nowMs,
      status: 'running',
      exit: '',
      log: [`${type} ${id}`],
    };
    this.tasks.set(task.upid, task);
    this.#options.changed();
    void this.#options.clock.sleep(ms, this.#stopped.signal).then(
      () => {
        task.exit = finish();
        task.status = 'stopped';
        task.log.push(task.exit === 'OK' ? 'TASK OK' : `TASK ERROR: ${task.exit}`);
        this.#options.changed();
      },
      () => undefined,
    );
    return task;
  }
}
