import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { employ, guestsOn, MINUTE_MS, provisioned, startAll } from './support/world.ts';
import type { World } from './support/world.ts';

const audits = (world: World): string[] => world.taps.kubernetes.calls.filter((call) => call.startsWith('DELETE pods'));

describe('force', () => {
  it('of a destroy needs an admin, a tick and the name typed; it goes past the budgets and nothing else', async () => {
    const world = await startAll();
    const { olga, ada } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await employ(world, name);
    await world.fault('pdb_blocks', true);
    expect(shown(await olga.opens(`/burst destroy ${name}`)), 'an operator cannot').not.toMatch(/force/i);
    await olga.closes();
    const form = await ada.opens(`/burst destroy ${name}`);
    expect(shown(form)).toMatch(/not drained/);
    const wrong = await ada.submits(form, { force: 'force', typed: 'burst-other' });
    expect(wrong.errors?.['typed']).toContain(name);
    expect((await ada.submits(form, { force: 'force' })).errors?.['typed']).toContain(name);
    expect((await ada.submits(form, { typed: name })).ok, 'the name without the tick').toBe(false);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    expect((await ada.submits(form, { force: 'force', typed: name })).ok).toBe(true);
    const message = await ada.ends(/to \*force\* destroy/);
    expect(message.text).toContain(name);
    expect(await world.leftOf(name)).toEqual([]);
    expect((await world.state()).vms.map((vm) => vm.name).sort()).toEqual([
      'k8s-worker-template',
      'pet-db',
      'pet-mail',
    ]);
  });

  it('of a permanent worker is refused like everything else', async () => {
    const world = await startAll();
    const { ada } = world;
    const [name = ''] = await provisioned(world, ada, '1 small');
    const form = await ada.opens(`/burst destroy ${name}`);
    // the form is for this worker: another name cannot be forced through it
    expect((await ada.submits(form, { force: 'force', typed: 'worker-1' })).ok).toBe(false);
    await ada.closes();
    const refused = await ada.opens('/burst destroy worker-1');
    expect(shown(refused)).toMatch(/SAFETY VIOLATION/);
    await ada.send('/view/submit', {
      viewId: refused.id,
      state: {
        force: { force: { type: 'checkboxes', selected_options: [{ value: 'force' }] } },
        typed: { typed: { type: 'plain_text_input', value: 'worker-1' } },
      },
    });
    expect(await world.node('worker-1')).toMatchObject({ ready: true, unschedulable: false });
    expect(audits(world)).toEqual([]);
  });

  it('of a drain that is blocked is an admin’s button; others may wait longer', async () => {
    const world = await startAll();
    const { olga, ada } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await employ(world, name);
    await world.fault('pdb_blocks', true);
    await olga.submits(await olga.opens(`/burst drain ${name}`));
    const message = await olga.sees(/is blocked for/);
    expect(buttons(message)).toEqual(expect.arrayContaining(['Wait longer', 'Cancel and uncordon', 'Force…']));
    world.skip(8 * MINUTE_MS);
    expect((await olga.clicksAndHears(message, /Wait longer/)).text).toMatch(/waits on/);
    world.skip(8 * MINUTE_MS);
    await world.until(
      'another look',
      () => world.taps.kubernetes.calls.filter((call) => call === 'POST pods/eviction').length > 8,
    );
    expect((await olga.again(message)).text, 'it would have ended after 10 min').toMatch(/running/);
    await olga.clicks(await olga.again(message), /Force…/);
    expect(shown(await olga.form(/Not allowed|needs the role/))).toMatch(/admin/);
    await olga.closes();
    expect(await guestsOn(world, name)).toBeGreaterThan(0);
    await ada.clicks(await ada.again(message), /Force…/);
    const form = await ada.form(/Type the name of the worker/);
    expect(shown(form)).toMatch(/Force deletes \d+ pods/);
    expect((await ada.submits(form, { typed: 'nonsense' })).ok).toBe(false);
    expect((await ada.submits(form, { typed: name, Reason: 'the rack is being moved' })).ok).toBe(true);
    await ada.ends(/to drain/);
    expect(await guestsOn(world, name)).toBe(0);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    expect((await world.node(name))?.unschedulable).toBe(true);
  });
});
