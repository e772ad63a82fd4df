import { expect, test } from 'vitest';
import type { PageView } from '../../../src/sandbox/contract.ts';
import { validateBlocks } from '../../../src/sandbox/slack/blocks.ts';
import { homeOfAll, homeView } from '../../../src/slack/blocks/home.ts';
import { HOUR, T, access, operation, run, worker } from './fixtures.ts';
import { ada, harness, nina, olga, other, vera } from './harness.ts';
import type { Harness } from './harness.ts';
import type { Approval } from '../../../src/domain/approval.ts';

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

const named = (view: { blocks: unknown[] }): string[] =>
  [...JSON.stringify(view.blocks).matchAll(/`(burst-[a-z]+-\w+)`/g)].map((match) => match[1] ?? '');
const selectIn = (view: { blocks: unknown[] }, actionId: string, text: string) => {
  const elements = view.blocks.flatMap((block) => (block as { elements?: { action_id?: string }[] }).elements ?? []);
  const menu = elements.find((element) => element.action_id === actionId) as
    { type: string; options: { text: { text: string }; value: string }[] } | undefined;
  const chosen = menu?.options.find((option) => option.text.text === text);
  if (menu === undefined || chosen === undefined) throw new Error(`no ${text} in ${JSON.stringify(view.blocks)}`);
  return { type: menu.type, action_id: actionId, selected_option: chosen };
};
const buttonIn = (view: { blocks: unknown[] }, actionId: string) => {
  const elements = view.blocks.flatMap((block) => (block as { elements?: { action_id?: string }[] }).elements ?? []);
  const found = elements.find((element) => element.action_id === actionId);
  if (found === undefined) throw new Error(`no ${actionId}`);
  return { ...found, type: 'button', action_id: actionId };
};

const letters = (at: number): string => String.fromCharCode(97 + Math.floor(at / 26), 97 + (at % 26));
const statuses = ['ready', 'busy', 'draining', 'not_ready'] as const;
const five = Array.from({ length: 500 }, (_, at) =>
  worker(`burst-${at % 2 === 0 ? 'small' : 'large'}-${letters(at)}`, {
    size: at % 2 === 0 ? 'small' : 'large',
    status: statuses[at % 4] ?? 'ready',
    owner: at < 30 ? olga : 'U0OTHER0001',
    expiresAtMs: T + (at + 1) * HOUR,
    activity: at % 3 === 0 ? 'Waiting for pods to end, 3 of 12 moved' : undefined,
  }),
);

test('500 workers and 40 operations fit into a view, each worker on one of its pages, soonest deadline first', () => {
  const running = Array.from({ length: 40 }, () => ({
    operation: operation({ kind: 'drain', workers: [own], permanent: false }),
    runs: [],
  }));
  const fleet = {
    freshness: { stale: false },
    workers: five,
    joining: 0,
    burstCount: 500,
    maxBurstWorkers: 600,
  } as const;
  const facts = { userId: olga, role: 'admin', fleet, running, channels: [] } as const;
  const seen: string[] = [];
  for (let page = 0; page < 20; page++) {
    const view = homeView(facts, T, { page, filter: { mine: false } });
    expect(view.blocks.length).toBeLessThanOrEqual(100);
    expect(JSON.stringify(view).length).toBeLessThan(250_000);
    expect(JSON.stringify(view)).toContain(`page ${page + 1} of 20`);
    expect(validateBlocks(view.blocks, 'home')).toEqual([]);
    seen.push(...named(view).filter((name) => name !== own));
  }
  expect(seen).toEqual(five.map(({ name }) => name));
  const first = JSON.stringify(homeView(facts, T));
  expect(first).toMatch(/Burst workers: .*ready 125, .*busy 125, .*draining 125, .*not ready 125/);
  expect(first).toContain('Room for 100 more burst workers');
  const east = { ...facts, fleet: { ...fleet, workers: five.slice(0, 250) } };
  const west = { ...facts, fleet: { ...fleet, workers: five.slice(250) } };
  const names = Array.from({ length: 30 }, (_, at) => `cluster-${at}`);
  const both = homeOfAll(
    names.map((cluster, at) => ({ cluster, facts: at % 2 === 0 ? east : west })),
    T,
  );
  expect(validateBlocks(both.blocks, 'home')).toEqual([]);
  expect(JSON.stringify(both).length).toBeLessThan(250_000);
});

test('the page and the menus that were chosen stay while the tab is kept current, and after a restart', async () => {
  const h = await harness();
  h.operations.list = five;
  const now = async (text: RegExp): Promise<PageView> => {
    await expect.poll(async () => JSON.stringify((await h.state(olga)).home)).toMatch(text);
    const { home } = await h.state(olga);
    if (home === undefined) throw new Error('no home');
    return home;
  };
  let view = await h.home(olga, /Yours\*: 30 workers; page 1 of 20/);
  await h.clickView(olga, view, buttonIn(view, 'burst:home:next'));
  await now(/page 2 of 20/);
  // what changes is shown on the page that is looked at
  h.operations.list = five.map((item, at) => (at === 40 ? { ...item, activity: 'being drained' } : item));
  h.clock.at += 10_000;
  view = await now(/page 2 of 20[^]*being drained/);
  await h.clickView(olga, view, selectIn(view, 'burst:home:filter:status', 'Not ready'));
  view = await now(/Yours\* \(not_ready\): 7 workers; page 1 of 5/);
  await h.clickView(olga, view, selectIn(view, 'burst:home:filter:status', 'Any status'));
  view = await now(/Yours\*: 30 workers; page 1 of 20/);
  await h.clickView(olga, view, selectIn(view, 'burst:home:filter:owner', 'Mine'));
  view = await now(/Yours\* \(mine\): 30 workers; page 1 of 2/);
  await h.restart();
  await h.clickView(olga, view, selectIn(view, 'burst:home:filter:size', 'large'));
  view = await now(/Yours\* \(large mine\): 15 workers/);
  await h.clickView(olga, view, { type: 'button', action_id: 'burst:home:next', value: '{"page":"x"}' });
  await h.message(olga, /another version of Burst[^]*Open the tab again/);
});

test('what waits for approval is parted from the workers by one line', () => {
  const approval: Approval = {
    id: 'ap1',
    cluster: 'main',
    state: 'pending',
    params: { action: 'provision', count: 6, size: 'small', ttlHours: 1 },
    digest: '',
    targets: {},
    previews: [],
    requester: { kind: 'slack', userId: olga, userName: 'olga' },
    channelId: undefined,
    askIn: undefined,
    reason: '',
    why: 'more than 5 workers',
    rules: [],
    idempotencyKey: 'k',
    createdAtMs: T,
    expiresAtMs: T + HOUR,
    remindAtMs: undefined,
    endedAtMs: undefined,
    endedBy: undefined,
    note: '',
    operationId: undefined,
    decisions: [],
  };
  const fleet = { freshness: { stale: false }, workers: [], joining: 0, burstCount: 0, maxBurstWorkers: 9 } as const;
  const facts = { userId: ada, role: 'admin', fleet, running: [], approvals: [approval], channels: [] } as const;
  const types = homeView(facts, T).blocks.map(({ type }) => type);
  expect(types.filter((type) => type === 'divider')).toHaveLength(1);
  expect(types.indexOf('divider')).toBeGreaterThan(types.lastIndexOf('actions', types.indexOf('divider')));
});
