/**
 * Two processes of the unmodified program on one database, before a real control plane: a rolling update that overlaps, one
 * that is paused in the middle of a call and wakes up late, one that is killed. Whatever was asked for is done once.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createAdmin, until } from '../contract/cluster-admin.ts';
import type { ClusterAdmin } from '../contract/cluster-admin.ts';
import { startChild } from '../e2e/support/child.ts';
import type { Child } from '../e2e/support/child.ts';
import { posts, realWorld } from '../e2e/support/crash.ts';
import { startTap } from '../e2e/support/tap.ts';
import type { When } from '../e2e/support/tap.ts';
import { HOUR_MS, merged } from '../e2e/support/world.ts';
import type { World } from '../e2e/support/world.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';

let plane: ControlPlane;
let admin: ClusterAdmin;
beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
});
afterAll(async () => {
  await plane?.stop();
});

type Item = { readonly metadata: { readonly name: string }; readonly spec?: { readonly unschedulable?: boolean } };
const list = async (path: string): Promise<readonly Item[]> =>
  ((await admin.call('GET', path)) as unknown as { items: Item[] }).items;
const burstNodes = (): Promise<readonly Item[]> => list('/api/v1/nodes?labelSelector=worker-type%3Dburst');

/** Two pods that a drain has to move from this node; nothing else takes them. */
async function employ(node: string): Promise<void> {
  const labels = { guest: node };
  await admin.call('POST', '/apis/apps/v1/namespaces/default/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: node },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { 'worker-type': 'burst' },
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'guest', image: 'registry.example/guest:1' }],
        },
      },
    },
  });
  const path = `/api/v1/namespaces/default/pods?labelSelector=guest%3D${node}`;
  await until('its pods run', async () => {
    const pods = (await list(path)) as readonly { readonly status?: { readonly phase?: string } }[];
    return pods.filter(({ status }) => status?.phase === 'Running').length === 2;
  });
}

/** What a kubeadm cluster would publish. */
const JOIN = { endpoint: '10.0.0.1:6443', ca_cert_hash: `sha256:${'0'.repeat(64)}` };

/** Simulated Slack and Proxmox, the real control plane, and machines that register their nodes when they have booted. */
async function startReal() {
  const finished = onTestFinished;
  const simulated = await realWorld(finished);
  const kubernetes = await startTap(plane.url, finished);
  const kubeconfig = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'real',
    clusters: [{ name: 'real', cluster: { server: kubernetes.url } }],
    users: [{ name: 'real', user: { token: plane.token } }],
    contexts: [{ name: 'real', context: { cluster: 'real', user: 'real' } }],
  });
  const world: World = {
    ...simulated,
    kubeconfig,
    file: merged(simulated.file, {
      kubernetes: { name: 'real' },
      join: JOIN,
      drain: { grace_period_seconds: 1 },
      reaper: { sweep_interval_seconds: 1 },
      schedules: { reaper: '* * * * * *' },
    }),
    taps: { ...simulated.taps, kubernetes },
  };
  const { pve } = world.sandbox.proxmox;
  const machines = (): readonly string[] =>
    [...pve.vms.values()].filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);
  const registered = new Set<string>();
  const booting = setInterval(() => {
    for (const vm of pve.vms.values())
      if (vm.name.startsWith('burst-') && vm.status === 'running' && !registered.has(vm.name)) {
        registered.add(vm.name);
        admin.createNode(vm.name).catch(() => registered.delete(vm.name));
      }
  }, 200);
  onTestFinished(() => clearInterval(booting));
  const tasks = (type: string): number =>
    [...pve.tasks.values()].filter((task) => task.type === type && task.exit === 'OK').length;
  return { world, machines, tasks };
}
type Real = Awaited<ReturnType<typeof startReal>>;

/** Nothing is left of this worker, and nothing was done twice to it. */
async function goneOnce({ machines, tasks, world }: Real, workers: number): Promise<void> {
  expect(machines(), 'no VM is left').toEqual([]);
  expect(
    (await burstNodes()).map(({ metadata }) => metadata.name),
    'no node is left',
  ).toEqual([]);
  const tokens = '/api/v1/namespaces/kube-system/secrets?fieldSelector=type%3Dbootstrap.kubernetes.io/token';
  await until('no token is left', async () => (await list(tokens)).length === 0, 30_000);
  expect(tasks('qmclone'), 'one VM each was made').toBe(workers);
  expect(tasks('qmdestroy'), 'one VM each was deleted').toBe(workers);
  const pets = (await world.state()).vms.map(({ name }) => name).sort();
  expect(pets).toEqual(['k8s-worker-template', 'pet-db', 'pet-mail']);
}

/** Every operation of this kind has one message. */
const oneMessage = async (world: World, what: RegExp): Promise<void> => {
  const ids = (await posts(world.olga, what)).map(({ text }) => /Operation `([0-9a-z]+)`/.exec(text)?.[1]);
  expect(ids.length).toBeGreaterThan(0);
  expect(new Set(ids).size, 'one message for one operation').toBe(ids.length);
};

/** The process that is left answers, perhaps only when Slack has noticed that the other one is gone. */
const serves = ({ olga }: World, what: RegExp): Promise<boolean> =>
  until(`an answer with ${what}`, async () => what.test((await olga.asks('/burst ops')).text), 60_000);

test('a rolling update: both work at once, then the old one ends', async () => {
  const real = await startReal();
  const { world } = real;
  const { olga } = world;
  const old = await startChild(world);
  await olga.types('/burst provision 3 small 24h');
  const young = await startChild(world);
  await olga.ends(/asked to provision/, 'done', 90_000);
  await oneMessage(world, /asked to provision/);
  const names = (await burstNodes()).map(({ metadata }) => metadata.name);
  expect(names).toHaveLength(3);
  expect(real.tasks('qmclone')).toBe(3);

  expect(await olga.submits(await olga.opens(`/burst destroy ${names[0]}`))).toMatchObject({ ok: true });
  await olga.sees(/asked to destroy/);
  old.kill('SIGTERM');
  expect((await old.ended).code).toBe(0);
  await olga.ends(/asked to destroy/, 'done', 90_000);
  await oneMessage(world, /asked to destroy/);
  expect(await burstNodes()).toHaveLength(2);

  // the deadline finds two reapers, and is met once
  young.kill('SIGTERM');
  await young.ended;
  await Promise.all([startChild(world, 25 * HOUR_MS), startChild(world, 25 * HOUR_MS)]);
  await until('both are removed', async () => ((await burstNodes()).length === 0 ? true : undefined), 90_000);
  await until('their VMs, too', () => (real.machines().length === 0 ? true : undefined), 60_000);
  await olga.ends(/Deadline reached/, 'done', 60_000);
  await oneMessage(world, /Deadline reached/);
  await goneOnce(real, 3);
});

type Pause = readonly [tap: keyof World['taps'], call: string, when: When];
/** Where the process is stopped: while a worker is made, and while it is removed. */
const pauses: readonly (readonly [making: Pause, removing: Pause])[] = [
  [
    ['proxmox', 'clone_vm', 'before'],
    ['proxmox', 'delete_vm', 'before'],
  ],
  [
    ['proxmox', 'clone_vm', 'after'],
    ['proxmox', 'delete_vm', 'after'],
  ],
  [
    ['proxmox', 'set_vm_config', 'after'],
    ['proxmox', 'stop_vm', 'after'],
  ],
  [
    ['proxmox', 'start_vm', 'before'],
    ['kubernetes', 'DELETE nodes', 'after'],
  ],
  [
    ['kubernetes', 'PATCH nodes', 'after'],
    ['kubernetes', 'PATCH nodes', 'after'],
  ],
  [
    ['kubernetes', 'POST secrets', 'after'],
    ['slack', 'chat.postMessage', 'after'],
  ],
  [
    ['kubernetes', 'DELETE secrets', 'after'],
    ['kubernetes', 'POST pods/eviction', 'after'],
  ],
];

function mayWrite(path: string): boolean {
  const database = new Database(path, { timeout: 50 });
  try {
    database.exec('begin immediate; rollback');
    return true;
  } catch {
    return false;
  } finally {
    database.close();
  }
}

/** Stops the process at the point that `act` leads to, while its call goes on. */
async function pauseAt({ world }: Real, child: Child, [tap, call, when]: Pause, act: () => Promise<unknown>) {
  let stopped = false;
  world.taps[tap].see(call, when, () => {
    stopped = true;
    child.kill('SIGSTOP');
  });
  await act();
  await until(`the pause at ${tap} ${call} ${when}\n${child.out()}`, () => (stopped ? true : undefined), 60_000);
  // nobody can write while it holds the file's lock: it is let go on until it has let go of that
  await until('the pause between two writes', () => {
    if (mayWrite(join(world.folder, 'burst.sqlite'))) return true;
    child.kill('SIGCONT');
    child.kill('SIGSTOP');
    return undefined;
  });
}

describe.each(pauses)('paused at %j, and at %j', (making, removing) => {
  test('another takes over; the late one writes nothing more, and serves on', async () => {
    const real = await startReal();
    const { world } = real;
    const { olga } = world;
    const first = await startChild(world);
    await pauseAt(real, first, making, () => olga.types('/burst provision 1 small 24h'));
    const second = await startChild(world);
    await olga.ends(/asked to provision/, 'done', 90_000);
    first.kill('SIGCONT');
    second.kill();
    await second.ended;
    // the late one is alone now: when it answers, it has gone on with what it wanted to do
    await serves(world, /provision/);
    const [node, ...others] = await burstNodes();
    expect(others).toEqual([]);
    expect(node?.spec?.unschedulable ?? false).toBe(false);
    expect(real.machines()).toEqual([node?.metadata.name]);
    expect(real.tasks('qmclone')).toBe(1);

    // it works on, and is paused in the middle of a removal
    await employ(node?.metadata.name ?? '');
    const form = await olga.opens(`/burst destroy ${node?.metadata.name}`);
    await pauseAt(real, first, removing, () => olga.submits(form));
    const third = await startChild(world);
    await olga.ends(/asked to destroy/, 'done', 90_000);
    first.kill('SIGCONT');
    third.kill();
    await third.ended;
    await serves(world, /destroy/);
    await goneOnce(real, 1);
    await oneMessage(world, /asked to provision/);
    await oneMessage(world, /asked to destroy/);
  });
});

const databaseOf = ({ folder }: World): string => join(folder, 'burst.sqlite');

/** Which processes hold a run now. A claim's holder is named by when its process began; `began` are those moments. */
function holders(world: World, began: readonly number[]): readonly number[] {
  const database = new Database(databaseOf(world), { readonly: true, timeout: 1000 });
  try {
    const rows = database
      .prepare('select claimed_by from runs where claimed_by is not null and claim_until_ms > ?')
      .all(Date.now()) as { claimed_by: string }[];
    const process = (ms: number): number => began.filter((from) => from <= ms).length - 1;
    return rows.map((row) => process(Number.parseInt(row.claimed_by.slice(0, 9), 36)));
  } finally {
    database.close();
  }
}
const MAKING = ['clone_vm', 'get_task_status', 'set_vm_config', 'start_vm'];
const REMOVING = ['stop_vm', 'get_task_status', 'delete_vm'];

/** Does `act` once, at the first of these calls that comes while a process holds a run, to such a process. */
function onceHolding(world: World, began: readonly number[], calls: readonly string[], act: (which: number) => void) {
  const struck: { which?: number } = {};
  const arm = (call: string): void =>
    world.taps.proxmox.see(call, 'before', () => {
      const [which] = struck.which === undefined ? holders(world, began) : [];
      if (which === undefined) {
        if (struck.which === undefined) arm(call);
        return;
      }
      struck.which = which;
      act(which);
    });
  for (const call of calls) arm(call);
  return struck;
}

/** Stops a process that is not in the middle of a write. */
const freeze = (world: World, child: Child): Promise<boolean> =>
  until('the pause between two writes', () => {
    child.kill('SIGSTOP');
    if (mayWrite(databaseOf(world))) return true;
    child.kill('SIGCONT');
    return undefined;
  });

describe.each([
  ['older', 0],
  ['younger', 1],
] as const)('of two at work the %s', (_, victim) => {
  test.each([['SIGKILL'], ['SIGSTOP']] as const)('gets %s while it holds a run: the other ends it', async (signal) => {
    const real = await startReal();
    const { world } = real;
    const { olga } = world;
    const began: number[] = [];
    const children: Child[] = [];
    const start = async (): Promise<void> => {
      began.push(Date.now());
      children.push(await startChild(world));
    };
    const kill = (which: number, how: NodeJS.Signals): void => children[which]?.kill(how);
    const struck: Promise<unknown>[] = [];
    const strike = (which: number): void => {
      const child = children[which];
      // one that is stopped in the middle of a write holds everybody's file
      if (signal === 'SIGSTOP' && child !== undefined) struck.push(freeze(world, child));
      else kill(which, signal);
    };
    await start();
    await start();
    // the other one is held until the victim has taken the work
    const other = children[1 - victim];
    if (other !== undefined) await freeze(world, other);
    const making = onceHolding(world, began, MAKING, (which) => {
      other?.kill('SIGCONT');
      strike(which);
    });
    await olga.types('/burst provision 3 small 24h');
    await olga.ends(/asked to provision/, 'done', 120_000);
    expect(making.which, 'it held a run').toBe(victim);
    expect(real.tasks('qmclone')).toBe(3);
    const names = (await burstNodes()).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(3);

    // the late one writes nothing more, or a new one is started; then whichever removes them is hit
    if (signal === 'SIGSTOP') kill(victim, 'SIGCONT');
    else await start();
    await serves(world, /provision/);
    const removing = onceHolding(world, began, REMOVING, strike);
    const form = await olga.opens(`/burst destroy ${names.join(' ')}`);
    expect(await olga.submits(form)).toMatchObject({ ok: true });
    await olga.ends(/asked to destroy/, 'done', 120_000);
    expect(removing.which, 'one held a run').toBeDefined();
    await Promise.all(struck);
    if (signal === 'SIGSTOP') kill(removing.which ?? 0, 'SIGCONT');
    await serves(world, /destroy/);
    await oneMessage(world, /asked to provision/);
    await oneMessage(world, /asked to destroy/);
    await goneOnce(real, 3);
  });
});

type Lease = {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: { readonly holderIdentity: string; readonly leaseTransitions?: number };
};
const LEASES = '/apis/coordination.k8s.io/v1/namespaces';
const leases = async (): Promise<readonly Lease[]> => {
  const all = (await admin.call('GET', '/apis/coordination.k8s.io/v1/leases')) as unknown as { items: Lease[] };
  return all.items.filter(({ metadata }) => metadata.name === 'burst');
};
/** Nobody holds it, whatever time the last one's clock told. */
async function freeLease(): Promise<void> {
  for (const { metadata } of await leases())
    await admin.call('DELETE', `${LEASES}/${metadata.namespace ?? ''}/leases/burst`);
}
const MINUTE_MS = 60_000;

describe.each([['GET leases'], ['PUT leases']])('the holder of the Lease, paused past its end after %s', (call) => {
  test('wakes up late: another process met the deadline, and nothing is done twice', async () => {
    await freeLease();
    const real = await startReal();
    const { world } = real;
    const { olga } = world;
    const maker = await startChild(world);
    await olga.types('/burst provision 2 small 24h');
    await olga.ends(/asked to provision/, 'done', 90_000);
    maker.kill('SIGTERM');
    await maker.ended;

    // a day later: the holder is stopped in the middle of the round that would have met the deadline
    const holder = await startChild(world, 25 * HOUR_MS, false);
    const pause: Pause = ['kubernetes', call, 'after'];
    await pauseAt(real, holder, pause, () => Promise.resolve());
    const other = await startChild(world, 25 * HOUR_MS + 10 * MINUTE_MS);
    await until('both are removed', async () => ((await burstNodes()).length === 0 ? true : undefined), 90_000);
    await olga.ends(/Deadline reached/, 'done', 90_000);
    holder.kill('SIGCONT');
    await until('it runs on', () => (holder.out().includes('Burst runs') ? true : undefined), 60_000);
    other.kill('SIGTERM');
    await other.ended;
    await serves(world, /Deadline|deadline|expire/i);
    await oneMessage(world, /Deadline reached/);
    await goneOnce(real, 2);
  });

  test('wakes up late: a second installation holds it now, and what belongs to the first is left alone', async () => {
    await freeLease();
    const real = await startReal();
    const { world } = real;
    const { olga } = world;
    const holder = await startChild(world);
    await olga.types('/burst provision 1 small 24h');
    await olga.ends(/asked to provision/, 'done', 90_000);
    const [before] = await leases();
    await pauseAt(real, holder, ['kubernetes', call, 'after'], () => Promise.resolve());

    const database = { path: join(world.folder, 'second.sqlite') };
    const second: World = { ...world, file: merged(world.file, { database }) };
    const rival = await startChild(second, 10 * MINUTE_MS, false);
    const taken = await until(
      'the second installation holds the Lease',
      async () => (await leases()).find(({ spec }) => spec.holderIdentity !== before?.spec.holderIdentity),
      60_000,
    );
    expect(taken.spec.leaseTransitions).toBe((before?.spec.leaseTransitions ?? 0) + 1);
    holder.kill('SIGCONT');
    await until(
      'the first has noticed',
      () => (holder.out().includes('another installation looks after this cluster') ? true : undefined),
      60_000,
    );
    expect((await leases()).map(({ spec }) => spec.holderIdentity)).toEqual([taken.spec.holderIdentity]);
    expect(real.tasks('qmclone')).toBe(1);
    expect(real.tasks('qmdestroy')).toBe(0);
    expect(await burstNodes()).toHaveLength(1);
    expect(real.machines()).toHaveLength(1);
    rival.kill('SIGTERM');
    await rival.ended;

    // the Lease of the second ends in its own future: without it, the first holds on to what is its own
    await freeLease();
    const [node] = await burstNodes();
    expect(await olga.submits(await olga.opens(`/burst destroy ${node?.metadata.name}`))).toMatchObject({ ok: true });
    await olga.ends(/asked to destroy/, 'done', 90_000);
    await goneOnce(real, 1);
  });
});
