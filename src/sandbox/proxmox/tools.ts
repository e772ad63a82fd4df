/** The tools of ry-ops/proxmox-mcp-server 2.0.0 that a worker's life needs: names, arguments and reply shapes are its own. */
import { z } from 'zod';
import { addressOf } from './hosts.ts';
import { PveError } from './pve.ts';
import type { PveTask, Pve } from './pve.ts';

type Type = 'string' | 'integer' | 'boolean';
type Args = Readonly<Record<string, unknown>>;
type Tool = {
  readonly name: string;
  readonly properties: Readonly<Record<string, Type>>;
  readonly required: readonly string[];
  readonly run: (pve: Pve, args: Args) => unknown;
};

const text = (args: Args, key: string): string => z.string().catch('').parse(args[key]);
const optional = (args: Args, key: string): string | undefined =>
  z.string().optional().catch(undefined).parse(args[key]);
const whole = (args: Args, key: string): number => z.number().catch(0).parse(args[key]);
const at = (args: Args): [string, number] => [text(args, 'node'), whole(args, 'vmid')];
const accepted = (task: PveTask): string => task.upid;

const place = { node: 'string', vmid: 'integer' } as const;
const TOOLS: readonly Tool[] = [
  { name: 'get_cluster_nextid', properties: { vmid: 'integer' }, required: [], run: (pve) => String(pve.nextId()) },
  {
    name: 'list_nodes',
    properties: {},
    required: [],
    run: (pve) => pve.resources('node'),
  },
  {
    name: 'get_cluster_resources',
    properties: { type: 'string' },
    required: [],
    run: (pve, args) => pve.resources(optional(args, 'type')),
  },
  {
    name: 'list_vms',
    properties: { node: 'string' },
    required: [],
    run: (pve, args) =>
      [...pve.vms.values()]
        .filter((vm) => args['node'] === undefined || vm.node === args['node'])
        .map((vm) => ({ ...pve.row(vm), ...(args['node'] === undefined ? { node: vm.node } : {}) })),
  },
  {
    name: 'get_vm_status',
    properties: place,
    required: ['node', 'vmid'],
    run: (pve, args) => {
      const vm = pve.vm(...at(args), '/status/current');
      return { ...pve.row(vm), qmpstatus: vm.status };
    },
  },
  {
    name: 'get_vm_config',
    properties: { ...place, current: 'boolean', snapshot: 'string' },
    required: ['node', 'vmid'],
    run: (pve, args) => {
      const vm = pve.vm(...at(args), '/config');
      return { ...vm.config, name: vm.name, ...(vm.lock === undefined ? {} : { lock: vm.lock }) };
    },
  },
  {
    name: 'vm_agent_get_network_interfaces',
    properties: place,
    required: ['node', 'vmid'],
    run: (pve, args) => {
      const vm = pve.vm(...at(args), '/agent/network-get-interfaces');
      if (vm.status !== 'running')
        throw new PveError(500, `VM ${vm.id} is not running`, `nodes/${vm.node}/qemu/${vm.id}/agent`);
      const address = (ip: string) => [{ 'ip-address': ip, 'ip-address-type': 'ipv4', prefix: 8 }];
      return {
        result: [
          { name: 'lo', 'hardware-address': '00:00:00:00:00:00', 'ip-addresses': address('127.0.0.1') },
          { name: 'eth0', 'hardware-address': 'bc:24:11:00:00:01', 'ip-addresses': address(addressOf(vm)) },
        ],
      };
    },
  },
  {
    name: 'clone_vm',
    properties: {
      ...place,
      newid: 'integer',
      name: 'string',
      description: 'string',
      full: 'boolean',
      storage: 'string',
      pool: 'string',
      target: 'string',
      snapname: 'string',
      format: 'string',
    },
    required: ['node', 'vmid'],
    run: (pve, args) =>
      accepted(
        pve.clone(
          ...at(args),
          args['newid'] === undefined ? pve.nextId() : whole(args, 'newid'),
          optional(args, 'name'),
          optional(args, 'description'),
          optional(args, 'target'),
        ),
      ),
  },
  {
    name: 'set_vm_config',
    properties: {
      ...place,
      name: 'string',
      description: 'string',
      memory: 'integer',
      cores: 'integer',
      sockets: 'integer',
      cpu: 'string',
      onboot: 'boolean',
      tags: 'string',
      delete: 'string',
    },
    required: ['node', 'vmid'],
    run: (pve, args) => {
      const values = Object.entries(args).flatMap(([key, value]) =>
        key === 'node' || key === 'vmid' ? [] : [[key, String(value)] as const],
      );
      pve.configure(...at(args), Object.fromEntries(values));
      return null;
    },
  },
  {
    name: 'resize_vm_disk',
    properties: { ...place, disk: 'string', size: 'string', skiplock: 'boolean', digest: 'string' },
    required: ['node', 'vmid', 'disk', 'size'],
    run: (pve, args) => accepted(pve.resize(...at(args), text(args, 'disk'), text(args, 'size'))),
  },
  {
    name: 'start_vm',
    properties: { ...place, skiplock: 'boolean', timeout: 'integer' },
    required: ['node', 'vmid'],
    run: (pve, args) => accepted(pve.start(...at(args))),
  },
  {
    name: 'stop_vm',
    properties: { ...place, timeout: 'integer', skiplock: 'boolean', keepActive: 'boolean' },
    required: ['node', 'vmid'],
    run: (pve, args) => accepted(pve.stop(...at(args), 'qmstop')),
  },
  {
    name: 'shutdown_vm',
    properties: { ...place, timeout: 'integer', forceStop: 'boolean', skiplock: 'boolean' },
    required: ['node', 'vmid'],
    run: (pve, args) => accepted(pve.stop(...at(args), 'qmshutdown')),
  },
  {
    name: 'delete_vm',
    properties: { ...place, 'destroy-unreferenced-disks': 'boolean', purge: 'boolean', skiplock: 'boolean' },
    required: ['node', 'vmid'],
    run: (pve, args) => accepted(pve.destroy(...at(args))),
  },
  {
    name: 'get_task_status',
    properties: { node: 'string', upid: 'string' },
    required: ['node', 'upid'],
    run: (pve, args) => {
      const task = taskOf(pve, args);
      const [, , pid = '0', pstart = '0'] = task.upid.split(':');
      return {
        upid: task.upid,
        node: task.node,
        pid: Number.parseInt(pid, 16),
        pstart: Number.parseInt(pstart, 16),
        starttime: Math.floor(task.startedAtMs / 1000),
        type: task.type,
        id: task.id,
        user: 'root@pam!bot',
        status: task.status,
        ...(task.status === 'stopped' ? { exitstatus: task.exit } : {}),
        tokenid: 'bot',
      };
    },
  },
  {
    name: 'get_task_log',
    properties: { node: 'string', upid: 'string', limit: 'integer', start: 'integer', download: 'boolean' },
    required: ['node', 'upid'],
    run: (pve, args) => taskOf(pve, args).log.map((line, index) => ({ n: index + 1, t: line })),
  },
];

function taskOf(pve: Pve, args: Args): PveTask {
  const task = pve.tasks.get(text(args, 'upid'));
  if (task === undefined)
    throw new PveError(
      500,
      `unable to parse worker upid '${text(args, 'upid')}'`,
      `nodes/${text(args, 'node')}/tasks/${text(args, 'upid')}/status`,
    );
  return task;
}

/** `tools/list`, with JSON Schemas that let undeclared keys pass, as the real server's do. */
export const toolList = TOOLS.map(({ name, properties, required }) => ({
  name,
  description: name.replaceAll('_', ' '),
  inputSchema: {
    type: 'object' as const,
    properties: Object.fromEntries(Object.entries(properties).map(([key, type]) => [key, { type }])),
    ...(required.length === 0 ? {} : { required: [...required] }),
  },
}));

export type ToolReply = { content: { type: 'text'; text: string }[]; isError: boolean };
const reply = (value: unknown, isError = false): ToolReply => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value, undefined, 2) }],
  isError,
});

const fits = (value: unknown, type: Type): boolean =>
  type === 'integer' ? Number.isInteger(value) : typeof value === type;
const quoted = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** Answers one call. API errors come with `isError: false`; only a violated schema sets it. */
export function callTool(pve: Pve, name: string, args: Args): ToolReply {
  const tool = TOOLS.find((candidate) => candidate.name === name);
  if (tool === undefined) return reply({ error: `Unknown tool: ${name}`, tool: name });
  const missing = tool.required.find((key) => args[key] === undefined);
  if (missing !== undefined) return reply(`Input validation error: '${missing}' is a required property`, true);
  for (const [key, type] of Object.entries(tool.properties))
    if (args[key] !== undefined && !fits(args[key], type))
      return reply(`Input validation error: ${quoted(args[key])} is not of type '${type}'`, true);
  try {
    return reply({ data: tool.run(pve, args) });
  } catch (error) {
    if (!(error instanceof PveError)) throw error;
    const kind = error.status >= 500 ? 'Server' : 'Client';
    return reply({
      error: `${kind} error '${error.status} ${error.message}' for url 'https://127.0.0.1:8006/api2/json/${error.path}'\nFor more information check: https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/${error.status}`,
      tool: name,
    });
  }
}
