import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { employ, provisioned, runApp, startAll, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const config = { health: { not_ready_minutes: 2 } };
/** The one message of the time that this worker is not Ready. */
const told = (world: World, name: string) =>
  world.olga.sees(new RegExp(`<@U0OPERATOR1>: \`${name}\` has not been Ready since`));

describe('a worker whose kubelet is down', () => {
  it('is told of once with its owner’s name, in the list and the details too; its recovery stands in the same message', async () => {
    const world = await startAll({ config });
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('kubelet_down', true);
    const message = await told(world, name);
    expect(message.text).toContain('Kubelet stopped posting node status');
    expect(buttons(message)).toEqual(['Repair', 'Remove…', 'Details']);
    expect((await olga.asks('/burst list burst')).text).toMatch(/not ready since/);
    const details = await olga.asks(`/burst details ${name}`);
    expect(details.text).toMatch(/not ready since/);
    expect(buttons(details)).toContain('Repair');
    await olga.clicks(message, /Remove/);
    expect(shown(await olga.form(new RegExp(name)))).toMatch(/Destroy/);
    await olga.closes();
    await world.fault('kubelet_down', false);
    await olga.sees(/is Ready again/);
    expect((await olga.again(message)).text).toMatch(/is Ready again.*it had not been for/);
    expect(buttons(await olga.again(message))).toEqual([]);
    expect((await olga.posts()).filter((post) => post.text.includes('Ready again'))).toHaveLength(1);
  });

  it('is repaired at a click, once: a replacement comes, then it goes; a restart in between loses nothing', async () => {
    const world = await startWorld({ config });
    const first = await runApp(world);
    const { olga, ada, vera } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await employ(world, name);
    await world.fault('kubelet_down', true);
    const message = await told(world, name);
    await first.stop();
    await runApp(world);
    expect((await vera.clicksAndHears(message, /Repair/)).text, 'a viewer may not').toMatch(/operator|not yours|may/i);
    await olga.clicksAndHears(message, /Repair/);
    expect((await ada.clicksAndHears(message, /Repair/)).text).toMatch(/did this already/);
    await olga.ends(/to repair/);
    const left = await world.burst();
    expect(left).toHaveLength(1);
    expect(left).not.toContain(name);
    expect(await world.leftOf(name)).toEqual([]);
    await olga.sees(new RegExp(`\`${name}\` is gone`));
    expect((await olga.posts()).filter((post) => post.text.includes(`\`${name}\` has not been Ready`))).toEqual([]);
  });

  it('stays when the replacement fails; with auto_repair it is replaced without a click', async () => {
    const world = await startAll({ config: { health: { not_ready_minutes: 2, auto_repair: true } } });
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('clone_fails', true);
    await world.fault('kubelet_down', true);
    const failed = await olga.ends(/to repair/, 'failed');
    expect(failed.text).toMatch(/out of space/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    await world.fault('clone_fails', false);
    await olga.clicksAndHears(failed, /Retry/);
    await olga.ends(/to repair/);
    expect(await world.burst()).toHaveLength(1);
    expect(await world.leftOf(name)).toEqual([]);
  });
});
