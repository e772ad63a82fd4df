import { expect, test } from 'vitest';
import { access, operation, run, worker } from './fixtures.ts';
import { ada, harness, nina, olga, other, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const own = 'burst-medium-aaaaa';
const others = 'burst-medium-bbbbb';
const menus = (view: { blocks: unknown[] }): string[][] =>
  view.blocks.flatMap((block) => {
    const menu = (block as { accessory?: { options: { value: string }[] } }).accessory;
    return menu === undefined ? [] : [menu.options.map(({ value }) => value)];
  });
const choose = (value: string) => ({ type: 'overflow', action_id: 'burst:worker', selected_option: { value } });
const published = (h: Harness): number =>
  h.slack.world().calls.filter(({ method }) => method === 'views.publish').length;

test('shows what a role may: viewers look, operators act on their own, admins on all', async () => {
  const h = await harness();
  h.operations.operations.set('op1', {
    operation: operation({ kind: 'drain', workers: [own], permanent: false }),
    runs: [run(own, { kind: 'drain-worker' })],
  });
  const all = (name: string) => ['details', 'extend', 'drain', 'destroy'].map((verb) => `${verb}|${name}`);
  const mine = await h.home(olga, /Yours\*: 1 worker/);
  expect(menus(mine)).toEqual([all(own), [`details|${others}`]]);
  expect(JSON.stringify(mine)).toMatch(
    /Room for 4 more burst workers[^]*"burst:panel:provision"[^]*Under way\*: 1 operation/,
  );
  const seen = await h.home(vera, /Yours\*: none/);
  expect(menus(seen)).toEqual([[`details|${own}`], [`details|${others}`]]);
  expect(JSON.stringify(seen)).not.toContain('burst:panel:provision');
  expect(menus(await h.home(ada, /Yours/))).toEqual([all(own), all(others)]);
  const refused = await h.home(nina, /needs the role viewer, and you have no role/);
  expect(JSON.stringify(refused)).not.toContain(own);
  expect((await h.store.listAudit({ limit: 5 }))[0]).toMatchObject({ action: 'home', outcome: 'refused' });
});

test('an open tab follows the world within 10 s, and is not sent when nothing changed', async () => {
  const h = await harness();
  await h.home(olga, /Yours\*: 1 worker/);
  const before = published(h);
  h.operations.list = [...h.operations.list, worker('burst-large-zzzzz')];
  h.clock.at += 9000;
  await h.command(olga, '/burst help');
  await h.message(olga, /burst help/);
  expect(published(h)).toBe(before);
  h.clock.at += 1000;
  await expect.poll(async () => JSON.stringify((await h.state(olga)).home)).toContain('burst-large-zzzzz');
  expect(published(h)).toBe(before + 1);
  const asked = h.operations.looks;
  h.clock.at += 10_000;
  await expect.poll(() => h.operations.looks).toBeGreaterThan(asked);
  expect(published(h)).toBe(before + 1);
  // Long after it was last used it no longer counts as open.
  h.clock.at += 5 * 3_600_000;
  const jumped = h.operations.looks;
  // A clock that jumps does not close it.
  await expect.poll(() => h.operations.looks).toBeGreaterThan(jumped);
  for (let passed = 0; passed < 15; passed++) {
    const seen = h.operations.looks;
    h.clock.at += 55_000;
    await expect.poll(() => h.operations.looks).toBeGreaterThan(seen);
  }
  for (const words of ['list burst', 'list mine', 'list ready']) {
    h.clock.at += 55_000;
    await h.command(olga, `/burst ${words}`);
    await h.message(olga, new RegExp(`Workers. .${words.slice(5)}`));
  }
  const later = h.operations.looks;
  h.clock.at += 10_000;
  await h.command(olga, '/burst help');
  expect(h.operations.looks).toBe(later);
});

test('its menus and buttons open forms, and details without a channel open a view', async () => {
  const h = await harness();
  const home = await h.home(olga, /Yours/);
  await h.clickView(olga, home, choose(`details|${own}`));
  await h.modal(olga, /burst-medium-aaaaa\*: burst worker[^]*Conditions/);
  await h.clickView(olga, home, choose(`destroy|${own}`));
  await h.modal(olga, /Destroy worker/);
  await h.clickView(olga, home, { type: 'button', action_id: 'burst:panel:provision', value: 'provision' });
  await h.modal(olga, /Provision workers/);
  await h.clickView(olga, home, choose(`destroy|${others}`));
  await h.modal(olga, /someone else's worker/);
  await h.clickView(olga, home, { type: 'button', action_id: 'burst:panel:list', value: 'list' });
  expect((await h.message(olga, /\*Workers\*/)).channel).toMatch(/^D/);
});

test('where channels are limited it offers nothing and says where', async () => {
  const h = await harness({ access: { ...access, channels: [other] } });
  const home = await h.home(olga, /Yours/);
  expect(menus(home)).toEqual([]);
  expect(JSON.stringify(home)).toContain(`allowed in <#${other}>`);
  await h.clickView(olga, home, choose(`destroy|${own}`));
  await h.message(olga, /allowed in some channels only[^]*<#C0GENERAL01>/);
});
