import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { employ, HOUR_MS, MINUTE_MS, provisioned, runApp, startAll } from './support/world.ts';
import type { World } from './support/world.ts';

const deadlineOf = async (world: World, name: string): Promise<number> =>
  Date.parse((await world.node(name))?.deadline ?? '');
const warnings = async (world: World): Promise<string[]> =>
  (await world.olga.messages()).filter((item) => item.text.includes(':alarm_clock:')).map((item) => item.text);

describe('a deadline', () => {
  it('is warned of twice, to the owner, and is the end: the worker is drained and removed by itself', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 8h');
    world.skip(5 * HOUR_MS + 58 * MINUTE_MS);
    const seen = world.taps.kubernetes.calls.length;
    await world.until('the reaper to look', () => world.taps.kubernetes.calls.length > seen + 2);
    expect(await warnings(world), 'two hours are more than two hours away').toEqual([]);
    world.skip(2 * MINUTE_MS);
    const first = await olga.sees(/:alarm_clock:/);
    expect(first.text).toContain('<@U0OPERATOR1>');
    expect(first.text).toContain(name);
    expect(buttons(first)).toEqual(expect.arrayContaining(['Extend 4 h', 'Extend 24 h', 'Remove now']));
    world.skip(90 * MINUTE_MS);
    await world.until('the second warning', async () => (await warnings(world)).length === 2);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    world.skip(30 * MINUTE_MS);
    const message = await olga.sees(/Deadline reached/);
    await world.until('its removal', async () => (await world.leftOf(name)).length === 0);
    await world.until('its end in Slack', async () =>
      (await olga.again(message)).text.includes(':white_check_mark: done'),
    );
    expect(await warnings(world)).toHaveLength(2);
    expect((await olga.messages()).filter((item) => /Deadline reached/.test(item.text))).toHaveLength(1);
  });

  it('moves when the warning is answered: once, however often it is clicked, and warns again', async () => {
    const world = await startAll();
    const { olga, ada, vera } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 8h');
    const before = await deadlineOf(world, name);
    world.skip(6 * HOUR_MS);
    const warning = await olga.sees(/:alarm_clock:/);
    expect((await vera.clicksAndHears(warning, /Extend 4 h/)).text).toMatch(/Not allowed/);
    expect((await olga.clicksAndHears(warning, /Extend 4 h/)).text).toMatch(/on its way/);
    expect((await ada.clicksAndHears(warning, /Extend 4 h/)).text).toMatch(/<@U0OPERATOR1> did this already/);
    await olga.ends(/to extend/);
    expect(((await deadlineOf(world, name)) - before) / HOUR_MS).toBe(4);
    world.skip(2 * HOUR_MS + MINUTE_MS);
    await world.until('the reaper to look', async () => (await deadlineOf(world, name)) > world.sandbox.clock.now());
    expect(await world.leftOf(name), 'the old deadline has passed').toEqual(['node', 'vm']);
    world.skip(2 * HOUR_MS);
    await world.until('another warning', async () => (await warnings(world)).length === 2);
  });

  it('can be let go at once: the warning leads to the confirmation', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 1h');
    world.skip(35 * MINUTE_MS);
    const warning = await olga.sees(/:alarm_clock:/);
    expect(await warnings(world), 'a warning longer than the life is left out').toHaveLength(1);
    await olga.clicks(warning, /Remove now/);
    const form = await olga.form(/cannot be undone/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    await olga.submits(form);
    await olga.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('is reached by the skip of the page, past the last warning', async () => {
    const world = await startAll();
    const [name = ''] = await provisioned(world, world.olga, '1 small 24h');
    const answer = await fetch(`${world.sandbox.url}/api/world/clock`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ skipToNextDeadline: true }),
    });
    expect(await answer.json()).toMatchObject({
      ok: true,
      message: `It is now one second past the deadline of ${name}.`,
    });
    await world.olga.ends(/Deadline reached/);
    expect(await warnings(world)).toHaveLength(1);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('behind a PodDisruptionBudget ends in a named blocker that people are told of, and in the removal once it yields', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 4h');
    await employ(world, name);
    await world.fault('pdb_blocks', true);
    world.skip(4 * HOUR_MS);
    const message = await olga.sees(/Deadline reached[^]*is blocked/);
    expect(shown(message)).toMatch(/PodDisruptionBudget `shop\/freeze-guest`/);
    world.skip(11 * MINUTE_MS);
    await olga.sees(/The removal of burst-small-[a-z2-7]{5} waits: .*PodDisruptionBudget/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    await world.fault('pdb_blocks', false);
    await world.until('its end in Slack', async () =>
      (await olga.again(message)).text.includes(':white_check_mark: done'),
    );
    expect(await world.leftOf(name)).toEqual([]);
  });
});

describe('a lost database', () => {
  it('is rebuilt from the cluster: burst workers are taken up again and expire on time', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 4h');
    await world.app.stop();
    for (const end of ['', '-wal', '-shm']) rmSync(`${world.folder}/burst.sqlite${end}`, { force: true });
    await runApp(world);
    const list = shown(await olga.asks('/burst list burst mine'));
    expect(list).toContain(name);
    world.skip(3 * HOUR_MS);
    await olga.sees(/:alarm_clock:/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    world.skip(HOUR_MS);
    await olga.ends(/Deadline reached/);
    expect(await world.leftOf(name)).toEqual([]);
    expect((await world.state()).vms.map((vm) => vm.name).sort()).toEqual([
      'k8s-worker-template',
      'pet-db',
      'pet-mail',
    ]);
  });
});
