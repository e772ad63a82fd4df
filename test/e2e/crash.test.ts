/**
 * The process is killed at points that the outside world sees (a call that arrives, or one whose reply is lost) and
 * started again on the same database. Whatever the point: what was asked for ends, once, and nothing is left behind.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { burst, startChild } from './support/child.ts';
import type { Child } from './support/child.ts';
import type { PageMessage } from '../../src/sandbox/contract.ts';
import type { Person } from './support/person.ts';
import { shown } from './support/person.ts';
import type { When } from './support/tap.ts';
import { employ, guestsOn, HOUR_MS, MINUTE_MS, provisioned, startWorld, tokensOf } from './support/world.ts';
import type { Finished, World } from './support/world.ts';

/** The tap, the call, and whether the call or its reply is lost. */
type Point = readonly [tap: keyof World['taps'], call: string, when: When];
type Life = { readonly add: Point; readonly drain?: Point; readonly end: Point; readonly by: 'destroy' | 'expire' };

const lives: readonly Life[] = [
  {
    add: ['proxmox', 'get_cluster_nextid', 'after'],
    drain: ['kubernetes', 'PATCH nodes', 'before'],
    end: ['proxmox', 'stop_vm', 'before'],
    by: 'destroy',
  },
  {
    add: ['proxmox', 'clone_vm', 'before'],
    drain: ['kubernetes', 'PATCH nodes', 'after'],
    end: ['proxmox', 'stop_vm', 'after'],
    by: 'destroy',
  },
  {
    add: ['proxmox', 'clone_vm', 'after'],
    drain: ['kubernetes', 'POST pods/eviction', 'before'],
    end: ['proxmox', 'delete_vm', 'before'],
    by: 'destroy',
  },
  {
    add: ['kubernetes', 'POST secrets', 'before'],
    drain: ['kubernetes', 'POST pods/eviction', 'after'],
    end: ['proxmox', 'delete_vm', 'after'],
    by: 'destroy',
  },
  {
    add: ['kubernetes', 'POST secrets', 'after'],
    drain: ['slack', 'chat.update', 'after'],
    end: ['kubernetes', 'DELETE nodes', 'before'],
    by: 'destroy',
  },
  {
    add: ['proxmox', 'set_vm_config', 'before'],
    drain: ['slack', 'chat.postMessage', 'before'],
    end: ['kubernetes', 'DELETE nodes', 'after'],
    by: 'destroy',
  },
  { add: ['proxmox', 'set_vm_config', 'after'], end: ['kubernetes', 'PATCH nodes', 'after'], by: 'expire' },
  { add: ['proxmox', 'start_vm', 'before'], end: ['kubernetes', 'POST pods/eviction', 'after'], by: 'expire' },
  { add: ['proxmox', 'start_vm', 'after'], end: ['proxmox', 'stop_vm', 'after'], by: 'expire' },
  { add: ['kubernetes', 'PATCH nodes', 'before'], end: ['proxmox', 'delete_vm', 'before'], by: 'expire' },
  { add: ['kubernetes', 'PATCH nodes', 'after'], end: ['proxmox', 'delete_vm', 'after'], by: 'expire' },
  { add: ['kubernetes', 'DELETE secrets', 'before'], end: ['kubernetes', 'DELETE nodes', 'after'], by: 'expire' },
  { add: ['slack', 'chat.postMessage', 'after'], end: ['slack', 'chat.postMessage', 'after'], by: 'expire' },
  { add: ['kubernetes', 'DELETE secrets', 'after'], end: ['slack', 'chat.postMessage', 'before'], by: 'expire' },
];

/** The messages of the operation that says this. */
const posts = async (olga: Person, what: RegExp): Promise<PageMessage[]> =>
  (await olga.posts()).filter((item) => what.test(item.text));

/** Kills the process at the point that `act` leads to. */
async function crashAt(world: World, child: Child, [tap, call, when]: Point, act: () => Promise<unknown>) {
  let dead = false;
  world.taps[tap].lose(call, when, () => {
    dead = true;
    child.kill();
  });
  await act();
  await world.until(`the crash at ${tap} ${call} ${when}\n${child.out()}`, () => dead, 30_000);
  expect((await child.ended).code, 'it was killed, it did not exit').toBeNull();
}

/** Starts the process anew and waits until Slack tells the good end, in one message. */
async function recover(world: World, what: RegExp, aheadMs = 0): Promise<Child> {
  const child = await startChild(world, aheadMs);
  await world.olga.ends(what, 'done', 60_000);
  expect(await posts(world.olga, what), 'one message for one operation').toHaveLength(1);
  return child;
}

/** A world in real time, where a claim of a dead process ends soon. */
const realWorld = (finished: Finished): Promise<World> =>
  startWorld({
    finished,
    stepMs: 0,
    times: { cloneMs: 300, bootMs: 300, shutdownMs: 200, podStartMs: 100, podShutdownMs: 200, nodeReadyMs: 200 },
    config: {
      kubernetes: { request_timeout_seconds: 3 },
      mcp_servers: { proxmox: { call_timeout_seconds: 3 } },
      engine: { poll_seconds: 1, step_timeout_seconds: 3, claim_seconds: 4 },
      logging: { level: 'info' },
    },
  });

async function live({ add, drain, end, by }: Life, finished: Finished): Promise<void> {
  const world = await realWorld(finished);
  const { olga } = world;
  const tasks = async (type: string): Promise<number> =>
    [...world.sandbox.proxmox.pve.tasks.values()].filter((task) => task.type === type && task.exit === 'OK').length;
  let child = await startChild(world);
  await crashAt(world, child, add, () => olga.types('/burst provision 1 small 24h'));
  child = await recover(world, /asked to provision/);
  const [name = '', ...others] = await world.burst();
  expect(others).toEqual([]);
  expect(await world.node(name)).toMatchObject({ ready: true, unschedulable: false });
  expect(await world.vm(name)).toMatchObject({ status: 'running' });
  expect((await world.state()).vms.filter((vm) => vm.name.startsWith('burst-'))).toHaveLength(1);
  expect(await tasks('qmclone'), 'one VM was made').toBe(1);
  expect(await tokensOf(world.sandbox), 'no token is left').toEqual([]);
  await employ(world, name);

  if (drain !== undefined) {
    const form = await olga.opens(`/burst drain ${name}`);
    await crashAt(world, child, drain, () => olga.submits(form));
    child = await recover(world, /asked to drain/);
    expect((await world.node(name))?.unschedulable).toBe(true);
    expect(await guestsOn(world, name)).toBe(0);
  }
  if (by === 'destroy') {
    const form = await olga.opens(`/burst destroy ${name}`);
    await crashAt(world, child, end, () => olga.submits(form));
    await recover(world, /asked to destroy/);
  } else {
    child.kill('SIGTERM');
    expect((await child.ended).code, child.out()).toBe(0);
    const aheadMs = 24 * HOUR_MS + MINUTE_MS;
    world.skip(aheadMs);
    child = await startChild(world, aheadMs, false);
    await crashAt(world, child, end, () => Promise.resolve());
    await recover(world, /Deadline reached/, aheadMs);
  }
  expect(await world.leftOf(name)).toEqual([]);
  expect(await tasks('qmdestroy'), 'one VM was destroyed').toBe(1);
  const { nodes, vms } = await world.state();
  expect(nodes.filter((node) => node.unschedulable)).toEqual([]);
  expect(vms.map((vm) => vm.name).sort()).toEqual(['k8s-worker-template', 'pet-db', 'pet-mail']);
  expect(shown(await olga.asks('/burst list burst'))).toContain('0 of at most 10 burst workers');
}

// what it compiles is kept for the many starts to come; a process that is killed keeps nothing
beforeAll(async () => void (await burst(['--version']).ended));

describe.concurrent('killed and started again, the work ends as if nothing had been', () => {
  for (const life of lives)
    it(
      [life.add, life.drain, life.end]
        .filter((point) => point !== undefined)
        .map((point) => point.join(' '))
        .join(', then '),
      async ({ onTestFinished }) => live(life, onTestFinished),
    );
});

describe.concurrent('killed while it cleans up, or waits, it goes on cleaning up', () => {
  for (const when of ['before', 'after'] as const) {
    it(`a cancelled drain: the node is uncordoned (${when})`, async ({ onTestFinished }) => {
      const world = await realWorld(onTestFinished);
      const { olga } = world;
      const child = await startChild(world);
      const [name = ''] = await provisioned(world, olga, '1 small');
      await employ(world, name);
      await world.fault('pdb_blocks', true);
      await olga.submits(await olga.opens(`/burst drain ${name}`));
      const message = await olga.sees(/is blocked for/);
      await crashAt(world, child, ['kubernetes', 'PATCH nodes', when], () =>
        olga.clicks(message, /Cancel and uncordon/),
      );
      await startChild(world);
      await olga.ends(/to drain/, 'cancelled');
      expect(await world.node(name)).toMatchObject({ ready: true, unschedulable: false });
      expect(await guestsOn(world, name)).toBeGreaterThan(0);
      expect(await posts(olga, /to drain/)).toHaveLength(1);
    });

    it(`a cancelled provision: VM and token go (${when})`, async ({ onTestFinished }) => {
      const world = await realWorld(onTestFinished);
      const { olga } = world;
      const child = await startChild(world);
      await world.fault('never_joins', true);
      await olga.types('/burst provision 1 small 24h');
      const message = await olga.sees(/Waiting for the node to join/);
      const vm = (await world.state()).vms.find((item) => item.name.startsWith('burst-'));
      expect(vm).toMatchObject({ status: 'running' });
      await crashAt(world, child, ['proxmox', 'delete_vm', when], () => olga.clicks(message, /Cancel/));
      await startChild(world);
      await olga.ends(/to provision/, 'cancelled');
      expect(await world.leftOf(vm?.name ?? '')).toEqual([]);
      expect((await world.state()).vms).toHaveLength(3);
      expect(shown(await olga.asks('/burst list'))).toContain('0 of at most 10 burst workers');
    });
  }

  it('a clone that failed meanwhile', async ({ onTestFinished }) => {
    const world = await realWorld(onTestFinished);
    const { olga } = world;
    const child = await startChild(world);
    await world.fault('clone_fails', true);
    await crashAt(world, child, ['proxmox', 'clone_vm', 'after'], () => olga.types('/burst provision 1 small 24h'));
    await world.until('the failed clone', async () => (await world.state()).vms.length === 3);
    await world.fault('clone_fails', false);
    await startChild(world);
    // it cannot know that the lost call failed: it asks again for the same VM
    const message = await olga.sees(/to provision[^]*(:white_check_mark: done|:x: failed)/, 60_000);
    const burstVms = (await world.state()).vms.filter((item) => item.name.startsWith('burst-'));
    expect(burstVms).toHaveLength(message.text.includes(':x: failed') ? 0 : 1);
    expect(await tokensOf(world.sandbox)).toEqual([]);
  });

  it('an extension: the deadline moves once', async ({ onTestFinished }) => {
    const world = await realWorld(onTestFinished);
    const { olga } = world;
    const child = await startChild(world);
    const [name = ''] = await provisioned(world, olga, '1 small 24h');
    const before = Date.parse((await world.node(name))?.deadline ?? '');
    await crashAt(world, child, ['kubernetes', 'PATCH nodes', 'after'], () => olga.types(`/burst extend ${name} 12h`));
    await recover(world, /to extend/);
    expect((Date.parse((await world.node(name))?.deadline ?? '') - before) / HOUR_MS).toBe(12);
  });
});
