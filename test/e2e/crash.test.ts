/**
 * The process is killed at points that the outside world sees (a call that arrives, or one whose reply is lost) and
 * started again on the same database. Whatever the point: what was asked for ends, once, and nothing is left behind.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { burst, startChild } from './support/child.ts';
import { crashAt, realWorld, recover } from './support/crash.ts';
import type { Point } from './support/crash.ts';
import { shown } from './support/person.ts';
import { employ, guestsOn, HOUR_MS, MINUTE_MS, tokensOf } from './support/world.ts';
import type { Finished } from './support/world.ts';

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
