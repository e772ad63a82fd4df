/**
 * Faults between the operations and the VM server, at every step. After each: the operation has ended and tells the truth,
 * no VM of ours is without an owner, and what belongs to others is as it was.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Injection } from '../../src/sandbox/proxmox/index.ts';
import { MINUTE, olga } from './harness.ts';
import { createRig, SERVER_SECRET, type Rig } from './vm-faults.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
const api = (status: string) => `Server error '${status}' for url 'https://127.0.0.1:8006/api2/json/x'`;

/** What goes wrong with one call. */
const LINK: Readonly<Record<string, Omit<Injection, 'tool' | 'times'>>> = {
  'the API fails': { fail: api('500 internal error') },
  'the VM is locked': { fail: api('500 VM is locked (backup)') },
  'the token is refused': { fail: "Client error '403 Forbidden' for url 'https://127.0.0.1:8006/api2/json/x'" },
  'the connection is cut before the effect': { cut: 'before' },
  'the connection is cut after the effect': { cut: 'after' },
  'the reply is lost after the effect': { lose: true },
  'the reply is malformed JSON': { reply: '{"data": "UPI' },
  'the reply is prose': { reply: 'All done, the machine is fine!' },
  'the reply has 10 MB': { reply: `{"data":"${'x'.repeat(10_000_000)}"}` },
};
/** During which operation, and which call. */
const STEPS = [
  ['provision', 'get_cluster_nextid'],
  ['provision', 'list_vms'],
  ['provision', 'clone_vm'],
  ['provision', 'get_task_status'],
  ['provision', 'get_vm_config'],
  ['provision', 'set_vm_config'],
  ['provision', 'start_vm'],
  ['destroy', 'list_vms'],
  ['destroy', 'stop_vm'],
  ['destroy', 'get_task_status'],
  ['destroy', 'delete_vm'],
] as const;
const TABLE = STEPS.flatMap(([during, tool]) =>
  Object.entries(LINK).map(([fault, injection]) => [during, tool, fault, injection] as const),
);

async function rig(cloneMs?: number): Promise<Rig> {
  const made = await createRig(cloneMs);
  onTestFinished(() => made.end());
  return made;
}

async function provision({ h }: Rig): Promise<{ name: string; state: string; why: string }> {
  const { operation, runs } = await h.operations.provision({
    ...request('make'),
    count: 1,
    size: 'small',
    ttlHours: 4,
  });
  await h.settle();
  const seen = await h.operations.operation(operation.id);
  return {
    name: runs[0]?.workerName ?? '',
    state: seen.operation.state,
    why: seen.runs[0]?.failure?.message ?? '',
  };
}

async function destroy({ h }: Rig, name: string, key = 'go'): Promise<{ state: string; why: string }> {
  const { operation } = await h.operations.destroy({
    ...request(key),
    workers: [name],
    force: false,
    drainFirst: true,
  });
  await h.settle();
  const seen = await h.operations.operation(operation.id);
  return { state: seen.operation.state, why: seen.runs[0]?.failure?.message ?? '' };
}

/** The words about an operation, beside the world. */
function expectTruth(
  { h, made }: Rig,
  during: 'provision' | 'destroy',
  state: string,
  why: string,
  name: string,
): void {
  expect(['succeeded', 'failed']).toContain(state);
  const there = during === 'provision' ? state === 'succeeded' : state === 'failed';
  expect(made().map((vm) => vm.name)).toEqual(there ? [name] : []);
  expect(h.world.nodes.has(name)).toBe(there);
  if (state === 'failed') expect(why).not.toBe('');
  if (there)
    expect(made()[0]).toMatchObject({
      lock: undefined,
      status: 'running',
      config: { tags: 'burst;burst-test', cores: '2', memory: '4096' },
    });
}

/** Nothing that was made is without an owner in the books, and when all is over nothing is left at all. */
async function expectOrder(at: Rig, name: string): Promise<void> {
  const { h, sim, made } = at;
  for (const vm of made()) {
    const owner = await h.store.getWorker('main', vm.name);
    expect(owner, `VM ${vm.id} is unowned`).toMatchObject({ vmId: String(vm.id) });
    expect(['active', 'removing']).toContain(owner?.state);
  }
  sim.mend();
  sim.pve.faults.clear();
  if (made().length > 0) expect(await destroy(at, name, 'again')).toMatchObject({ state: 'succeeded' });
  await h.clock.advance(5 * MINUTE);
  await h.reaper.tick();
  await h.settle();
  expect(made()).toEqual([]);
  expect(h.world.nodes.has(name)).toBe(false);
  expect(await h.real.liveRuns()).toEqual([]);
}

describe('a fault of the link', () => {
  it.each(TABLE)('during %s, at %s: %s', async (during, tool, _, injection) => {
    const at = await rig();
    const before = at.pets();
    const fault = { tool, times: 1, ...injection };
    if (during === 'provision') at.sim.inject(fault);
    const { name, state, why } = await provision(at);
    expectTruth(at, 'provision', state, why, name);
    if (during === 'destroy') {
      at.sim.inject(fault);
      const ended = await destroy(at, name);
      expectTruth(at, 'destroy', ended.state, ended.why, name);
    }
    await expectOrder(at, name);
    expect(at.pets()).toBe(before);
    expect(at.trespasses()).toEqual([]);
  });
});

type Change = (at: Rig, name: string) => void;
const ours = (at: Rig) => at.made().find((vm) => vm.name.startsWith('burst-'));
const meanwhile = (at: Rig, tool: string, change: (pve: Rig['sim']['pve']) => void): void =>
  at.sim.inject({ tool, times: 1, meanwhile: change });
const stranger = (pve: Rig['sim']['pve'], id: number): void =>
  pve.put(id, 'pet-new', false, 'running', { cores: '1', memory: '512', tags: 'pets' });

describe('a fault of Proxmox while a worker is made', () => {
  it.each<[string, Change, 'succeeded' | 'failed', RegExp]>([
    ['the storage is full', ({ sim }) => sim.setFault('clone_fails', true), 'failed', /out of space/],
    [
      'the clone task dies after it was accepted',
      (at) =>
        at.sim.inject({
          tool: 'get_task_status',
          times: 1,
          reply: '{"data":{"status":"stopped","exitstatus":"clone failed: got signal 9"}}',
        }),
      'failed',
      /signal 9/,
    ],
    ['the start fails in its task', (at) => once(at, 'start_vm'), 'failed', /locked/],
    [
      'the id is taken by somebody else between two calls',
      (at) => meanwhile(at, 'clone_vm', (pve) => stranger(pve, 102)),
      'succeeded',
      /^$/,
    ],
    [
      'the server lost its sessions',
      (at) => meanwhile(at, 'set_vm_config', () => void at.sim.restart()),
      'succeeded',
      /^$/,
    ],
  ])('%s', async (_, change, expected, words) => {
    const at = await rig();
    const before = at.pets();
    change(at, '');
    const { name, state, why } = await provision(at);
    expect([state, why]).toEqual([expected, expect.stringMatching(words)]);
    expect(ours(at)?.name).toBe(expected === 'succeeded' ? name : undefined);
    expect(at.pets()).toBe(before);
    expect(at.trespasses()).toEqual([]);
    const left = at.made().filter((vm) => vm.name === 'pet-new');
    expect(left.every((vm) => vm.status === 'running' && vm.config['tags'] === 'pets')).toBe(true);
  });

  it('a clone of ten minutes is waited for', async () => {
    const at = await rig(10 * MINUTE);
    const { name, state, why } = await provision(at);
    expectTruth(at, 'provision', state, why, name);
    expect(state).toBe('succeeded');
    expect(at.sim.requests().filter(({ tool }) => tool === 'clone_vm')).toHaveLength(1);
    await expectOrder(at, name);
  });
});

describe('a fault of Proxmox while a worker is removed', () => {
  it.each<[string, Change, RegExp]>([
    [
      'the id was reused for a foreign VM',
      (at) => stranger(at.sim.pve, ours(at)?.id ?? 0),
      /SAFETY VIOLATION: VM \d+ is called pet-new/,
    ],
    [
      'the VM carries another name',
      (at) => ours(at) !== undefined && rename(at, 'burst-large-zzzzz'),
      /SAFETY VIOLATION/,
    ],
    ['the VM lost its tags', (at) => retag(at, ''), /SAFETY VIOLATION/],
    ['the VM carries the tag of another installation', (at) => retag(at, 'burst;burst-other'), /SAFETY VIOLATION/],
    ['the id became a template', (at) => void Object.assign(ours(at) ?? {}, { template: true }), /SAFETY VIOLATION/],
  ])('%s: it is refused, and nothing is touched', async (_, change, words) => {
    const at = await rig();
    const { name } = await provision(at);
    change(at, name);
    const before = JSON.stringify([...at.sim.pve.vms.values()]);
    const calls = at.sim.requests().length;
    const { state, why } = await destroy(at, name);
    expect(state).toBe('failed');
    expect(why).toMatch(words);
    expect(JSON.stringify([...at.sim.pve.vms.values()])).toBe(before);
    const changing = at.sim
      .requests()
      .slice(calls)
      .filter(({ tool }) => !/^(get|list)_/.test(tool));
    expect(changing).toEqual([]);
    expect(at.h.world.nodes.get(name)).toMatchObject({ unschedulable: false });
  });

  it.each<[string, Change]>([
    ['the stop dies in its task once', (at) => once(at, 'stop_vm')],
    ['the deletion dies in its task once', (at) => once(at, 'delete_vm')],
    [
      'the deletion is refused for a minute',
      (at) => at.sim.inject({ tool: 'delete_vm', times: 5, fail: api('500 internal error') }),
    ],
    ['a backup locks it for ten minutes', (at) => backup(at)],
    ['the server lost its sessions', (at) => meanwhile(at, 'delete_vm', () => void at.sim.restart())],
  ])('%s: it is gone in the end, and only then the node', async (_, change) => {
    const at = await rig();
    const before = at.pets();
    const { name } = await provision(at);
    change(at, name);
    const { state, why } = await destroy(at, name);
    expectTruth(at, 'destroy', state, why, name);
    expect(state).toBe('succeeded');
    await expectOrder(at, name);
    expect(at.pets()).toBe(before);
    expect(at.trespasses()).toEqual([]);
  });

  it('an id that a stranger gets between the deletion and the look is left alone', async () => {
    const at = await rig();
    const { name } = await provision(at);
    const id = ours(at)?.id ?? 0;
    const seen = { deleted: false };
    at.sim.onChange(() => {
      if (at.sim.pve.vms.has(id) || seen.deleted) return;
      seen.deleted = true;
      stranger(at.sim.pve, id);
    });
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(seen.deleted).toBe(true);
    expect(at.sim.pve.vms.get(id)).toMatchObject({ name: 'pet-new', status: 'running' });
    expect(at.h.world.nodes.has(name)).toBe(false);
  });
});

it('a server that lacks a tool after an upgrade is said to be unfit, and a removal waits for a person', async () => {
  const at = await rig();
  const { name } = await provision(at);
  at.sim.inject({ tool: 'stop_vm', times: 999, reply: '{"error":"Unknown tool: stop_vm","tool":"stop_vm"}' });
  const { state, why } = await destroy(at, name);
  expect([state, why]).toEqual(['failed', expect.stringContaining('Unknown tool: stop_vm')]);
  expect(at.made().map((vm) => vm.name)).toEqual([name]);
  await expectOrder(at, name);
});

it('a server that echoes all that it was sent gets no secret into the books, the messages or the log', async () => {
  const at = await rig();
  const { h, sim } = at;
  const sent: string[] = [];
  for (const tool of ['clone_vm', 'set_vm_config', 'start_vm'])
    meanwhile(at, tool, () => {
      const smbios = /serial=(.+)$/.exec(String(sim.requests().at(-1)?.args['smbios1']))?.[1];
      if (smbios !== undefined) sent.push(smbios, Buffer.from(smbios, 'base64').toString('utf8'));
    });
  const { name, state } = await provision(at);
  expect(state).toBe('succeeded');
  expect(sent).toHaveLength(2);
  const echo = `refused: Authorization: Bearer ${SERVER_SECRET} ${Buffer.from(SERVER_SECRET).toString('base64')}`;
  sim.inject({ tool: 'stop_vm', times: 999, reply: JSON.stringify({ error: echo }) });
  const ended = await destroy(at, name);
  expect(ended).toMatchObject({ state: 'failed', why: expect.stringContaining('refused: Authorization') as string });
  const operations = await h.store.listAudit({ limit: 500 });
  const written = JSON.stringify([
    operations,
    await h.store.dueOutbox(h.clock.now() + 24 * 60 * MINUTE, 500),
    await h.store.getWorker('main', name),
    await Promise.all(
      [...new Set(operations.map((row) => row.operationId ?? ''))].map((id) => h.store.getOperation(id)),
    ),
    ended,
    at.logged,
  ]);
  expect(written).toContain(name);
  for (const secret of [SERVER_SECRET, Buffer.from(SERVER_SECRET).toString('base64'), ...sent])
    expect(written).not.toContain(secret);
});

function rename(at: Rig, name: string): void {
  const vm = ours(at);
  if (vm !== undefined) vm.name = name;
}
function retag(at: Rig, tags: string): void {
  const vm = ours(at);
  if (vm !== undefined) vm.config = { ...vm.config, tags };
}
/** The next task of this call dies on a lock. */
function once(at: Rig, tool: string): void {
  meanwhile(at, tool, (pve) => {
    pve.faults.add('locked');
    meanwhile(at, 'get_task_status', () => void pve.faults.delete('locked'));
  });
}
function backup(at: Rig): void {
  const vm = ours(at);
  if (vm === undefined) return;
  vm.lock = 'backup';
  void at.h.clock.sleep(10 * MINUTE).then(() => (vm.lock = undefined));
}
