/**
 * Faults around real MCP servers, at every step of a worker's life: at the Proxmox VE API behind them, and on their link to
 * Burst. After each the operation has ended and tells the truth, nothing of ours is without an owner, and what belongs to
 * others is as it was.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ApiFault, ApiMatch } from './faults/api-proxy.ts';
import { LINK_FAULTS } from './faults/link-faults.ts';
import type { LinkFault } from './faults/link-faults.ts';
import { startCase, startRig } from './faults/world.ts';
import type { Case, Rig, Server, ServerName } from './faults/world.ts';

type During = 'provision' | 'destroy';

const API_FAULTS: Readonly<Record<string, ApiFault>> = {
  'an internal error': { kind: 'answer', status: 500, message: 'internal error' },
  'a lock': { kind: 'answer', status: 500, message: 'VM is locked (backup)' },
  'the token is refused': { kind: 'answer', status: 401, message: 'authentication failure' },
  'a slow answer': { kind: 'late', ms: 1_000 },
  'the connection is cut before the effect': { kind: 'cut-before' },
  'the connection is cut after the effect': { kind: 'cut-after' },
  'malformed JSON': { kind: 'malformed' },
  'a page of prose': { kind: 'prose' },
  'a reply of 10 MB': { kind: 'huge' },
};
const request = (method: string, path: RegExp): ApiMatch => ({ method, path });
const LISTING = request('GET', /^\/cluster\/resources$/);
const TASK = request('GET', /\/tasks(\/[^/]+\/status)?$/);
const CONFIGURATION = request('GET', /\/qemu\/\d+\/(config|firewall\/rules)$/);
/** During which operation, and which request. */
const API_STEPS: readonly (readonly [During, string, ApiMatch])[] = [
  ['provision', 'the listing', LISTING],
  ['provision', 'the clone', request('POST', /\/clone$/)],
  ['provision', 'the look at a task', TASK],
  ['provision', 'the look at the VM', CONFIGURATION],
  ['provision', 'the configuration', request('PUT', /\/config$/)],
  ['provision', 'the start', request('POST', /\/status\/start$/)],
  ['destroy', 'the listing', LISTING],
  ['destroy', 'the stop', request('POST', /\/status\/stop$/)],
  ['destroy', 'the look at a task', TASK],
  ['destroy', 'the deletion', request('DELETE', /\/qemu\/\d+$/)],
];
const TAGGING = ['provision', 'the tagging', request('POST', /\/firewall\/rules$/)] as const;

const TOOLS: Readonly<Record<ServerName, readonly (readonly [During, string])[]>> = {
  'proxmox-mcp-plus': [
    ['provision', 'get_next_vmid'],
    ['provision', 'get_vms'],
    ['provision', 'clone_vm'],
    ['provision', 'poll_job'],
    ['provision', 'update_vm_config'],
    ['provision', 'start_vm'],
    ['destroy', 'get_vm_config'],
    ['destroy', 'stop_vm'],
    ['destroy', 'poll_job'],
    ['destroy', 'delete_vm'],
  ],
  'mcp-proxmox': [
    ['provision', 'list_containers'],
    ['provision', 'list_vms'],
    ['provision', 'clone_guest'],
    ['provision', 'list_tasks'],
    ['provision', 'resize_guest'],
    ['provision', 'add_firewall_rule'],
    ['provision', 'start_guest'],
    ['destroy', 'list_firewall_rules'],
    ['destroy', 'stop_guest'],
    ['destroy', 'list_tasks'],
    ['destroy', 'delete_guest'],
  ],
};

type Row = {
  readonly server: ServerName;
  readonly during: During;
  readonly at: string;
  readonly fault: string;
  readonly inject: (rig: Rig, server: Server) => void;
};
const apiRow = (server: ServerName, [during, at, match]: (typeof API_STEPS)[number], fault: string): Row => ({
  ...{ server, during, at, fault: `Proxmox: ${fault}` },
  inject: ({ api }) => api.fail(match, API_FAULTS[fault] ?? { kind: 'cut-before' }),
});
const linkRow = (server: ServerName, [during, tool]: readonly [During, string], kind: LinkFault): Row => ({
  ...{ server, during, at: tool, fault: `link: ${kind}` },
  inject: (_, { link }) => link.inject({ tool, kind, times: kind === 'tool missing' ? 999 : 1 }),
});
/** Every n-th pair, shifted from step to step: each step meets several faults, each fault several steps. */
const every = (n: number, step: number, fault: number): boolean => (step + fault) % n === 0;

/** Before proxmox-mcp-plus every second pair; before mcp-proxmox, which answers one call after the other, every third. */
const TABLE: readonly Row[] = (['proxmox-mcp-plus', 'mcp-proxmox'] as const).flatMap((server) => {
  const n = server === 'mcp-proxmox' ? 3 : 2;
  const requests = server === 'mcp-proxmox' ? [...API_STEPS, TAGGING] : API_STEPS;
  return [
    ...requests.flatMap((step, index) =>
      Object.keys(API_FAULTS)
        .filter((_, fault) => every(n, index, fault))
        .map((fault) => apiRow(server, step, fault)),
    ),
    ...TOOLS[server].flatMap((step, index) =>
      LINK_FAULTS.filter((_, fault) => every(n, index, fault)).map((kind) => linkRow(server, step, kind)),
    ),
  ];
});

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(async () => {
  await (rig as Rig | undefined)?.stop();
});

async function begin(name: ServerName, slow = false): Promise<{ readonly one: Case; readonly server: Server }> {
  const server = rig.servers[name];
  const one = await startCase(rig, server, slow ? server.slow : server.vms);
  onTestFinished(() => one.clear());
  return { one, server };
}

describe('a fault around a real server', () => {
  it.each(TABLE)('$server, during $during, at $at: $fault', async ({ server: name, during, inject }) => {
    const { one, server } = await begin(name);
    if (during === 'provision') inject(rig, server);
    const made = await one.provision();
    await one.expectTruth('provision', made, made.name);
    if (during === 'destroy') {
      // a stop that takes a moment, so that its task is looked at
      const [vm] = await one.made();
      await rig.proxmox.setVm(vm?.id ?? 0, { stop_secs: 4 });
      inject(rig, server);
      await one.expectTruth('destroy', await one.destroy(made.name), made.name);
    }
    expect(rig.api.struck() + server.link.struck(), 'the fault never struck').toBeGreaterThan(0);
    await one.expectOrder(made.name);
  });
});

const BOTH = ['proxmox-mcp-plus', 'mcp-proxmox'] as const;
const CLONE = request('POST', /\/clone$/);
type Outcome = 'succeeded' | 'failed';
type Change = (rig: Rig, one: Case) => Promise<void> | void;
const stranger = (at: Rig, id: number): Promise<void> =>
  at.proxmox.addVm(id, 'pet-new', 'running', { cores: '1', memory: '512', tags: 'pets' });
const ours = async (one: Case) => {
  const [vm] = await one.made();
  if (vm === undefined) throw new Error('there is no VM of ours');
  return vm;
};
/** The row of the task that was looked at, ended with these words. */
const endedWith = (words: string) => (reply: string) =>
  reply
    .replaceAll('"exitstatus": "OK"', `"exitstatus": "${words}"`)
    .replaceAll('"exitstatus":"OK"', `"exitstatus":"${words}"`)
    .replaceAll('"status": "OK"', `"status": "${words}"`)
    .replaceAll('"status":"OK"', `"status":"${words}"`);

describe.each(BOTH)('a mishap at Proxmox while %s makes a worker', (name) => {
  /** What a mishap does a moment after it was set up; it must not reach into the next test. */
  let later: Promise<unknown> = Promise.resolve();
  it.each<[string, Change, Outcome, RegExp]>([
    [
      'the storage is full',
      ({ proxmox }) => proxmox.failRequests('POST', '/nodes/pve1/qemu/9000/clone', 500, 'storage full'),
      'failed',
      /storage full/,
    ],
    [
      'the clone dies after it was accepted',
      ({ api, proxmox }) => {
        api.fail(TASK, { kind: 'rewrite', change: endedWith('clone failed: got signal 9') }, 2);
        api.fail(CLONE, { kind: 'meanwhile', work: async () => undefined });
        later = new Promise((resolve) => setTimeout(resolve, 250)).then(() => proxmox.removeVm(101));
      },
      'failed',
      /signal 9/,
    ],
    [
      'the start fails in its task',
      ({ proxmox }) => proxmox.failTasks('POST', '/nodes/pve1/qemu/101/status/start', 'qemu_exited_code'),
      'failed',
      /QEMU exited with code/,
    ],
    [
      'the id is taken by somebody else between two calls',
      (at) => at.api.fail(CLONE, { kind: 'meanwhile', work: () => stranger(at, 101) }),
      'succeeded',
      /^$/,
    ],
    [
      'the token is refused from now on',
      ({ api }) => api.fail(request('GET', /./), { kind: 'answer', status: 401, message: 'no' }, 9999),
      'failed',
      /./,
    ],
  ])('%s', async (_, change, expected, words) => {
    const { one } = await begin(name);
    await change(rig, one);
    const made = await one.provision();
    await later;
    expect([made.state, made.why]).toEqual([expected, expect.stringMatching(words)]);
    await one.expectTruth('provision', made, made.name);
    const pet = (await rig.proxmox.vms()).find((vm) => vm.name === 'pet-new');
    if (pet !== undefined) expect(pet).toMatchObject({ status: 'running', config: { tags: 'pets' } });
    await one.expectOrder(made.name);
    expect((await rig.proxmox.vms()).find((vm) => vm.name === 'pet-new')).toEqual(pet);
  });

  it('a slow clone is waited for, and asked for once', async () => {
    const { one } = await begin(name, true);
    await rig.proxmox.slowClones(30);
    const made = await one.provision();
    expect(made.state).toBe('succeeded');
    expect(rig.api.changes().filter((change) => change.endsWith('/clone'))).toHaveLength(1);
    await one.expectTruth('provision', made, made.name);
    await one.expectOrder(made.name);
  });
});

describe.each(BOTH)('a mishap at Proxmox while %s removes a worker', (name) => {
  it.each<[string, Change]>([
    [
      'the stop times out in its task, once',
      async ({ proxmox }, one) =>
        proxmox.failTasks(
          'POST',
          `/nodes/pve1/qemu/${(await ours(one)).id}/status/stop`,
          'quit_powerdown_failed_got_timeout',
        ),
    ],
    [
      'the deletion dies on a lock, once',
      async ({ proxmox }, one) => proxmox.failTasks('DELETE', `/nodes/pve1/qemu/${(await ours(one)).id}`, 'locked'),
    ],
    [
      'the deletion is refused for a while',
      ({ api }) =>
        api.fail(request('DELETE', /\/qemu\/\d+$/), { kind: 'answer', status: 500, message: 'no quorum?' }, 4),
    ],
  ])('%s: it is gone in the end, and only then the node', async (_, change) => {
    const { one } = await begin(name);
    const made = await one.provision();
    await change(rig, one);
    const ended = await one.destroy(made.name);
    expect(ended).toMatchObject({ state: 'succeeded' });
    await one.expectTruth('destroy', ended, made.name);
    await one.expectOrder(made.name);
  });

  it.each<[string, Change]>([
    [
      'the id was reused for a foreign VM',
      async ({ proxmox }, one) => {
        const { id } = await ours(one);
        await proxmox.removeVm(id);
        await stranger(rig, id);
      },
    ],
    [
      'the VM carries another name',
      async ({ proxmox }, one) => {
        const { id, config } = await ours(one);
        await proxmox.setVm(id, { name: 'burst-large-zzzzz', config: { ...config, name: 'burst-large-zzzzz' } });
      },
    ],
    ['the VM lost its tags', async ({ proxmox }, one) => proxmox.untag((await ours(one)).id)],
    [
      'the VM became a template',
      async ({ proxmox }, one) => {
        const { id, config } = await ours(one);
        await proxmox.setVm(id, { template: true, status: 'stopped', config: { ...config, template: 1 } });
      },
    ],
  ])('%s: it is refused, and nothing is touched', async (_, change) => {
    const { one } = await begin(name);
    const made = await one.provision();
    await change(rig, one);
    const before = await rig.proxmox.vms();
    const asked = rig.api.changes().length;
    const ended = await one.destroy(made.name);
    expect(ended).toEqual({ state: 'failed', why: expect.stringContaining('SAFETY VIOLATION') as string });
    expect(rig.api.changes().slice(asked)).toEqual([]);
    expect(await rig.proxmox.vms()).toEqual(before);
    expect(one.h.world.nodes.get(made.name)).toMatchObject({ unschedulable: false });
    await one.expectPets();
  });

  it('a stranger that gets the id between the deletion and the look is left alone', async () => {
    const { one } = await begin(name);
    const made = await one.provision();
    const { id } = await ours(one);
    const seen = { added: false };
    const work = async (): Promise<void> => {
      if (seen.added || (await rig.proxmox.vms()).some((vm) => vm.id === id)) return;
      seen.added = true;
      await stranger(rig, id);
    };
    rig.api.fail(TASK, { kind: 'meanwhile', work }, 999);
    rig.api.fail(LISTING, { kind: 'meanwhile', work }, 999);
    expect(await one.destroy(made.name)).toMatchObject({ state: 'succeeded' });
    expect(seen.added).toBe(true);
    expect((await rig.proxmox.vms()).find((vm) => vm.id === id)).toMatchObject({ name: 'pet-new', status: 'running' });
    expect(one.h.world.nodes.has(made.name)).toBe(false);
    await one.expectPets();
  });

  it('a tool that is missing after an upgrade is named by the health check', async () => {
    const { server } = await begin(name);
    const tool = name === 'mcp-proxmox' ? 'stop_guest' : 'stop_vm';
    server.link.inject({ tool, kind: 'tool missing', times: 1 });
    expect(await server.vms.health()).toEqual({
      ok: false,
      text: expect.stringContaining(`lacks the tools ${tool}`) as string,
    });
    server.link.mend();
    expect(await server.vms.health()).toMatchObject({ ok: true });
  });
});

it('is a table of more than sixty', () => {
  expect(TABLE.length).toBeGreaterThan(60);
});
