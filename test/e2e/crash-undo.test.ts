/** Killed while it cleans up, gives back or extends: the rest of that work is done by the process that comes after. */
import { describe, expect, it } from 'vitest';
import { startChild } from './support/child.ts';
import { crashAt, posts, realWorld, recover } from './support/crash.ts';
import { shown } from './support/person.ts';
import { employ, guestsOn, HOUR_MS, provisioned, tokensOf } from './support/world.ts';

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
