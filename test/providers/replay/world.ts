/**
 * The Proxmox that the recordings show, kept as far as a worker's life needs it. Invariant: every reply is a recorded one
 * with the ids, names, values and task ids of the request that it answers.
 */
import { z } from 'zod';
import { bodyOf, recorded, recordedConfiguration, succeeded } from './recording.ts';
import type { Args, RecordedCall } from './recording.ts';

export type ReplayVm = {
  readonly id: number;
  name: string;
  status: 'running' | 'stopped';
  readonly template: boolean;
  locked: boolean;
  config: Record<string, string>;
};
type Task = {
  readonly row: Record<string, unknown>;
  readonly endsAtMs: number;
  readonly end: () => string;
  ended?: string;
};
export type Answer = { readonly text: string; readonly isError: boolean };
export type WorldOptions = {
  readonly now: () => number;
  /** How long a clone of the slow template takes, and a start, in ms. */
  readonly cloneMs: number;
  readonly startMs: number;
  /** Asked at each start: shall QEMU fail? */
  readonly failsStart: () => boolean;
};

const row = z.looseObject({ vmid: z.number(), name: z.string(), status: z.enum(['running', 'stopped']) });
const SLOW_TEMPLATE = 9001;
const NODE = 'pve1';
const text = (args: Args, key: string): string => z.string().parse(args[key]);
const whole = (args: Args, key: string): number => z.number().parse(args[key]);
const data = (value: unknown): Answer => ({ text: JSON.stringify({ data: value }, undefined, 2), isError: false });
/** A recorded reply with each of the pairs' first texts replaced by its second. */
const like = (one: RecordedCall, ...pairs: readonly (readonly [string, string])[]): Answer => ({
  text: pairs.reduce((reply, [from, to]) => reply.replaceAll(from, to), one.text),
  isError: one.isError,
});
const says =
  (words: string) =>
  (one: RecordedCall): boolean =>
    one.text.includes(words);

export class ReplayWorld {
  readonly vms = new Map<number, ReplayVm>();
  readonly #tasks = new Map<string, Task>();
  readonly #options: WorldOptions;
  readonly #rows: readonly z.infer<typeof row>[];
  #count = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#rows = z.array(row).parse(bodyOf(recorded('list_vms', succeeded)).data);
    for (const { vmid, name, status, template, cpus, maxmem } of this.#rows)
      this.vms.set(vmid, {
        id: vmid,
        name,
        status,
        template: template === 1,
        locked: false,
        config: { ...plainConfiguration(), cores: String(cpus), memory: String(Number(maxmem) / 2 ** 20) },
      });
  }

  /** Answers a request that the recording has. */
  answer(tool: string, args: Args): Answer {
    for (const task of this.#tasks.values())
      if (task.ended === undefined && this.#options.now() >= task.endsAtMs) task.ended = task.end();
    const tools: Readonly<Record<string, (args: Args) => Answer>> = {
      get_cluster_nextid: () => data(String(this.#nextId())),
      list_vms: (given) => data([...this.vms.values()].map((vm) => this.#row(vm, given['node'] === undefined))),
      get_vm_config: (given) => this.#at(given, 'config', (vm) => data({ ...vm.config, name: vm.name })),
      get_vm_status: (given) => this.#at(given, 'status/current', (vm) => this.#status(vm)),
      clone_vm: (given) => this.#clone(given),
      set_vm_config: (given) => this.#at(given, 'config', (vm) => this.#configure(vm, given)),
      resize_vm_disk: (given) => this.#at(given, 'resize', (vm) => this.#resize(vm, given)),
      start_vm: (given) => this.#at(given, 'status/start', (vm) => this.#start(vm)),
      stop_vm: (given) => this.#at(given, 'status/stop', (vm) => this.#stop(vm)),
      delete_vm: (given) => this.#at(given, '', (vm) => this.#delete(vm)),
      get_task_status: (given) => this.#task(given),
    };
    const work = tools[tool];
    if (work === undefined) throw new Error(`${tool} was recorded, and is not part of a worker's life`);
    return work(args);
  }

  #nextId(): number {
    for (let id = 100; ; id += 1) if (!this.vms.has(id)) return id;
  }

  /** As the recorded row of a VM in the same state; tags and lock are the API's own names for what other replies show. */
  #row(vm: ReplayVm, withNode: boolean): Record<string, unknown> {
    const kind = this.#rows.find((one) => one.status === vm.status);
    const { template: _template, node, ...rest }: Record<string, unknown> = kind ?? {};
    return {
      ...rest,
      vmid: vm.id,
      name: vm.name,
      cpus: Number(vm.config['cores']),
      maxmem: Number(vm.config['memory']) * 2 ** 20,
      ...(vm.template ? { template: 1 } : {}),
      ...(vm.config['tags'] === undefined ? {} : { tags: vm.config['tags'] }),
      ...(vm.locked ? { lock: 'clone' } : {}),
      ...(withNode ? { node } : {}),
    };
  }

  #status(vm: ReplayVm): Answer {
    const kind = recorded('get_vm_status', (one) => succeeded(one) && one.text.includes(`"status": "${vm.status}"`));
    const { lock: _lock, ...rest } = z.looseObject({}).parse(bodyOf(kind).data);
    return data({ ...rest, vmid: vm.id, name: vm.name, ...(vm.locked ? { lock: 'clone' } : {}) });
  }

  /** What is answered about a VM that is not there, whatever was asked of it. */
  #at(args: Args, path: string, answer: (vm: ReplayVm) => Answer): Answer {
    const vm = this.vms.get(whole(args, 'vmid'));
    if (vm !== undefined && text(args, 'node') === NODE) return answer(vm);
    const absent = recorded('get_vm_status', says('does not exist'));
    return like(
      absent,
      ['/status/current', path === '' ? '' : `/${path}`],
      [String(absent.args['vmid']), String(args['vmid'])],
    );
  }

  #clone(args: Args): Answer {
    const source = this.vms.get(whole(args, 'vmid'));
    const id = whole(args, 'newid');
    const ids = (one: RecordedCall): (readonly [string, string])[] => [
      [String(one.args['newid']), String(id)],
      [String(one.args['vmid']), String(args['vmid'])],
    ];
    if (source === undefined) {
      const absent = recorded('clone_vm', says('does not exist'));
      return like(absent, ...ids(absent));
    }
    if (this.vms.has(id)) {
      const taken = recorded('clone_vm', says('config file already exists'));
      return like(taken, ...ids(taken));
    }
    const name = text(args, 'name');
    if (!/^[a-zA-Z0-9.-]+$/.test(name)) return like(recorded('clone_vm', says('400 Parameter verification failed')));
    const description = args['description'] === undefined ? {} : { description: text(args, 'description') };
    const vm: ReplayVm = {
      id,
      name,
      status: 'stopped',
      template: false,
      locked: true,
      config: { ...source.config, scsi0: (source.config['scsi0'] ?? '').replaceAll('101', String(id)), ...description },
    };
    this.vms.set(id, vm);
    return this.#accept('clone_vm', source.id, source.id === SLOW_TEMPLATE ? this.#options.cloneMs : 0, () => {
      vm.locked = false;
      return 'OK';
    });
  }

  #configure(vm: ReplayVm, args: Args): Answer {
    if (vm.locked) {
      const locked = recorded('set_vm_config', says('VM is locked (clone)'));
      return like(locked, [String(locked.args['vmid']), String(vm.id)]);
    }
    const { node: _node, vmid: _vmid, ...values } = args;
    vm.config = {
      ...vm.config,
      ...Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)])),
    };
    return like(recorded('set_vm_config', succeeded));
  }

  #resize(vm: ReplayVm, args: Args): Answer {
    const disk = text(args, 'disk');
    const size = text(args, 'size');
    const have = Number(/size=(\d+)G/.exec(vm.config[disk] ?? '')?.[1] ?? 0);
    const want = size.startsWith('+') ? have + Number.parseInt(size.slice(1), 10) : Number.parseInt(size, 10);
    return this.#accept('resize_vm_disk', vm.id, 0, () => {
      vm.config[disk] = (vm.config[disk] ?? '').replace(/size=\d+G/, `size=${want}G`);
      return 'OK';
    });
  }

  #start(vm: ReplayVm): Answer {
    const fails = this.#options.failsStart();
    return this.#accept('start_vm', vm.id, this.#options.startMs, () => {
      if (fails) return 'QEMU exited with code 1';
      if (vm.locked) return 'VM is locked (clone)';
      if (vm.status === 'running') return `VM ${vm.id} already running`;
      vm.status = 'running';
      return 'OK';
    });
  }

  #stop(vm: ReplayVm): Answer {
    return this.#accept('stop_vm', vm.id, 0, () => {
      vm.status = 'stopped';
      return 'OK';
    });
  }

  #delete(vm: ReplayVm): Answer {
    if (vm.status === 'running') {
      const refused = recorded('delete_vm', says('is running - destroy failed'));
      return like(refused, [String(refused.args['vmid']), String(vm.id)]);
    }
    return this.#accept('delete_vm', vm.id, 0, () => {
      if (vm.locked) return 'VM is locked (clone)';
      this.vms.delete(vm.id);
      return 'OK';
    });
  }

  /** The recorded task id with a number of its own; `end` says how it ends, in words that a recorded task ended with. */
  #accept(tool: string, about: number, ms: number, end: () => string): Answer {
    const upid = z.string().parse(bodyOf(recorded(tool, succeeded)).data);
    const [name, node, , , began, type, , ...rest] = upid.split(':');
    const number = (this.#count += 1);
    const hex = number.toString(16).toUpperCase().padStart(8, '0');
    const own = [name, node, hex, hex, began, type, String(about), ...rest].join(':');
    const numbers = { pid: number, pstart: number };
    const task: Task = {
      row: { upid: own, node, type, id: String(about), ...numbers },
      endsAtMs: this.#options.now() + ms,
      end,
    };
    this.#tasks.set(own, task);
    if (ms === 0) task.ended = end();
    return data(own);
  }

  #task(args: Args): Answer {
    const task = this.#tasks.get(text(args, 'upid'));
    if (task === undefined) {
      const unknown = recorded('get_task_status', says('unable to parse worker upid'));
      return like(unknown, [String(unknown.args['upid']), text(args, 'upid')]);
    }
    const { ended } = task;
    const words = ended?.replace(/^VM \d+/, 'VM 101');
    const kind = recorded('get_task_status', (one) =>
      words === undefined
        ? one.text.includes('"status": "running"')
        : one.text.includes(`"exitstatus": ${JSON.stringify(words)}`),
    );
    return data({
      ...z.looseObject({}).parse(bodyOf(kind).data),
      ...task.row,
      ...(ended === undefined ? {} : { exitstatus: ended }),
    });
  }
}

/** A recorded configuration without what somebody had set on that VM. */
function plainConfiguration(): Record<string, string> {
  const {
    tags: _tags,
    description: _description,
    ciuser: _user,
    sshkeys: _keys,
    cicustom: _custom,
    ipconfig0: _ip,
    ...rest
  } = recordedConfiguration();
  return rest;
}
