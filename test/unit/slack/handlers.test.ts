import { expect, test } from 'vitest';
import { freePort } from '../../e2e/support/http.ts';
import { BurstError } from '../../../src/domain/errors.ts';
import { HOUR, T, operation, run } from './fixtures.ts';
import { ada, channel, chosen, harness, nina, olga, typed, vera } from './harness.ts';

const own = 'burst-medium-aaaaa';
const others = 'burst-medium-bbbbb';

test('provision by words: one request, with its key, reason and channel; the answer is private', async () => {
  const h = await harness();
  await h.command(olga, '/burst provision 24h 3 medium load &lt;test&gt;');
  expect(await h.message(olga, /on its way/)).toMatchObject({ ephemeral: true });
  expect(h.operations.done).toMatchObject([
    {
      method: 'provision',
      args: { count: 3, size: 'medium', ttlHours: 24, reason: 'load <test>', channelId: channel, by: { userId: olga } },
    },
  ]);
  expect(h.operations.done[0]?.args['idempotencyKey']).toMatch(/^command trigger\./);
});

test('mistakes say what is wrong, and the button of the suggestion runs it', async () => {
  const h = await harness();
  await h.command(olga, '/burst provison 2 small 4h');
  const answer = await h.message(olga, /There is no command provison/);
  await h.click(olga, answer, 'burst:run:0');
  await h.message(olga, /on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'provision', args: { count: 2, size: 'small', ttlHours: 4 } }]);
  await h.command(olga, '/burst provision 2 smal');
  await h.message(olga, /no size.*smal[^]*You typed: `\/burst provision 2 smal`[^]*Did you mean: provision 2 small/);
  await h.command(olga, '/burst extend zzzzz 4h');
  await h.message(olga, /no worker zzzzz[^]*Did you mean: extend burst-medium-aaaaa 4h/);
  expect(h.operations.done).toHaveLength(1);
});

test('a refusal names the missing role, is audited, and asks for nothing', async () => {
  const h = await harness();
  await h.command(vera, '/burst provision 1 small');
  await h.message(vera, /needs the role operator, and you have the role viewer/);
  await h.command(nina, '/burst list');
  await h.message(nina, /needs the role viewer, and you have no role/);
  await h.command(olga, `/burst extend ${others} 4h`);
  await h.message(olga, /someone else's worker; this needs the role admin/);
  expect(h.operations.done).toEqual([]);
  const audit = await h.store.listAudit({ limit: 10 });
  expect(audit.map((row) => [row.action, row.outcome])).toEqual([
    ['extend', 'refused'],
    ['list', 'refused'],
    ['provision', 'refused'],
  ]);
  await h.command(ada, `/burst extend ${others} 4h`);
  await h.message(ada, /on its way/);
});

test('a failing group look-up is a no that says why; groups are asked once a minute', async () => {
  const h = await harness();
  h.slack.force('usergroups.users.list', 20, { error: 'internal_error' });
  await h.command(olga, '/burst provision 1 small');
  await h.message(olga, /could not be established/);
  expect(h.operations.done).toEqual([]);
  h.slack.force('usergroups.users.list', 0, { error: 'x' });
  await h.command(olga, '/burst provision 1 small');
  await h.message(olga, /on its way/);
  const asked = (): number => h.slack.world().calls.filter((call) => call.method === 'usergroups.users.list').length;
  const before = asked();
  await h.command(olga, '/burst provision 2 small');
  await expect.poll(() => h.operations.done.length).toBe(2);
  expect(asked()).toBe(before);
  h.clock.at += 61_000;
  await h.command(olga, '/burst provision 3 small');
  await expect.poll(() => h.operations.done.length).toBe(3);
  expect(asked()).toBeGreaterThan(before);
});

test('the provision form keeps what was typed when it is wrong or refused', async () => {
  const h = await harness();
  await h.command(olga, '/burst provision');
  const form = await h.modal(olga, /Another lifetime|another lifetime/);
  const values = (count: string, own_: string) => ({
    count: { count: { type: 'number_input', value: count } },
    size: { size: chosen('large') },
    ttl: { ttl: chosen('24') },
    own: { own: typed(own_) },
    reason: { reason: typed('demo') },
  });
  expect(await h.submit(olga, form, values('99', '1y'))).toMatchObject({
    ok: false,
    errors: { count: expect.any(String) as string, own: expect.any(String) as string },
  });
  h.operations.failures.set('provision', new BurstError('limit_reached', 'Only 1 is left.'));
  expect(await h.submit(olga, form, values('2', '3d'))).toEqual({ ok: true });
  const again = await h.modal(olga, /Only 1 is left/);
  expect(JSON.stringify(again.blocks)).toContain('"initial_value":"demo"');
  h.operations.failures.clear();
  expect(await h.submit(olga, again, values('1', '3d'))).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done.at(-1)).toMatchObject({ args: { count: 1, size: 'large', ttlHours: 72, reason: 'demo' } });
});

test('destroy always asks; a worker that changed meanwhile is shown anew', async () => {
  const h = await harness();
  await h.command(olga, '/burst destroy aaaaa');
  const form = await h.modal(olga, /Drain, then destroy/);
  expect(JSON.stringify(form)).not.toContain('"force"');
  expect(h.operations.done).toEqual([]);
  h.operations.fingerprint = 'f2';
  expect(await h.submit(olga, form, {})).toEqual({ ok: true });
  const anew = await h.modal(olga, /This is how it is now/);
  expect(await h.submit(olga, anew, {})).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done.map((item) => item.method)).toEqual(['destroy-refused', 'destroy']);
  expect(h.operations.done[1]?.args).toMatchObject({ workers: [own], force: false, drainFirst: true });
});

test('the button of the confirmation says what it would do as force is ticked and unticked', async () => {
  const h = await harness();
  await h.command(ada, `/burst destroy ${own}`);
  const form = await h.modal(ada, /Drain, then destroy/);
  const tick = (options: object[]) => ({ force: { force: { type: 'checkboxes', selected_options: options } } });
  const action = { type: 'checkboxes', action_id: 'force', block_id: 'force' };
  await h.clickView(ada, form, { ...action, selected_options: [{ value: 'force' }] }, tick([{ value: 'force' }]));
  const forced = await h.modal(ada, /"Destroy with force"/);
  expect(forced.id).toBe(form.id);
  expect(forced.blocks).toEqual(form.blocks);
  await h.clickView(ada, form, { ...action, selected_options: [] }, tick([]));
  await h.modal(ada, /"submit":.{0,40}Drain, then destroy/);
  expect(h.operations.done).toEqual([]);
  await h.clickView(ada, form, { ...action, selected_options: [{ value: 'force' }] }, tick([{ value: 'force' }]));
  const again = await h.modal(ada, /"Destroy with force"/);
  const typedIn = { ...tick([{ value: 'force' }]), typed: { typed: { type: 'plain_text_input', value: own } } };
  expect(await h.submit(ada, again, typedIn)).toEqual({ ok: true });
  await expect.poll(() => h.operations.done).toMatchObject([{ method: 'destroy', args: { force: true } }]);
});

test('force is for admins, with the name typed, and is not taken from a forged form', async () => {
  const h = await harness();
  const force = (name: string) => ({
    force: { force: { type: 'checkboxes', selected_options: [{ value: 'force' }] } },
    typed: { typed: typed(name) },
  });
  await h.command(ada, `/burst destroy ${own}`);
  const form = await h.modal(ada, /Force \(admins only\)/);
  expect(await h.submit(ada, form, force('burst'))).toMatchObject({
    ok: false,
    errors: { typed: expect.any(String) as string },
  });
  expect(await h.submit(ada, form, { typed: { typed: typed(own) } })).toMatchObject({
    ok: false,
    errors: { typed: expect.stringContaining('Tick force') as string },
  });
  expect(await h.submit(ada, form, force(own))).toEqual({ ok: true });
  await h.modal(ada, /on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'destroy', args: { force: true, drainFirst: false } }]);
  await h.command(olga, `/burst destroy ${own}`);
  expect(await h.submit(olga, await h.modal(olga, /Drain, then destroy/), force(own))).toEqual({ ok: true });
  await h.modal(olga, /force destroy: this needs the role admin/);
  expect(h.operations.done).toHaveLength(1);
});

test('the drain form shows the preview and drains', async () => {
  const h = await harness();
  await h.command(olga, '/burst drain aaaaa');
  const form = await h.modal(olga, /shop\/web-1/);
  expect(await h.submit(olga, form, {})).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'drain', args: { workers: [own], admin: false } }]);
});

test('the list pages in place and its menu acts', async () => {
  const h = await harness();
  const [first] = h.operations.list;
  if (first === undefined) throw new Error('no worker');
  h.operations.list = Array.from({ length: 23 }, (_, at) => ({ ...first, name: `burst-medium-w${at}w` }));
  await h.command(olga, '/burst list mine');
  const page = await h.message(olga, /page 1 of 3/);
  await h.click(olga, page, 'burst:list:next');
  const second = await h.message(olga, /page 2 of 3/);
  expect(second.ts).toBe(page.ts);
  expect(second.text).toContain('<!date^');
  await h.click(olga, second, 'burst:worker', 'extend|burst-medium-w12w');
  expect(await h.submit(olga, await h.modal(olga, /Longer by/), { ttl: { ttl: chosen('24') } })).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'extend', args: { workers: ['burst-medium-w12w'], hours: 24 } }]);
});

test('an operation has one message, edited at most every 3 s and at once at the end', async () => {
  const h = await harness();
  const params = { kind: 'provision', count: 1, size: 'medium', ttlHours: 4 } as const;
  const runs = [run(own)];
  h.operations.operations.set('op1', { operation: operation(params), runs });
  const say = async (final = false): Promise<void> => {
    const notice = { kind: 'operation', operationId: 'op1', final } as const;
    await h.store.enqueue({ key: 'operation op1', notice, notBeforeMs: T, channelId: channel });
    h.app.poke();
  };
  h.slack.force('chat.postMessage', 1, { error: 'invalid_blocks' });
  await say();
  const message = await h.message(vera, /asked to provision/);
  expect(message).toMatchObject({ ephemeral: false, channel });
  expect(JSON.stringify(message.blocks)).not.toContain('task_card');
  runs[0] = run(own, { progress: 'waiting for Ready' });
  await say();
  const edits = (): number => h.slack.world().calls.filter((call) => call.method === 'chat.update').length;
  const later = { kind: 'alert', cluster: 'main', text: 'Said after it' } as const;
  await h.store.enqueue({ key: 'alert', notice: later, notBeforeMs: T, channelId: channel });
  h.app.poke();
  await h.message(vera, /Said after it/);
  expect(edits()).toBe(0);
  h.clock.at += 3000;
  await h.message(vera, /waiting for Ready/);
  expect(edits()).toBe(1);
  h.operations.operations.set('op1', {
    operation: operation(params, { state: 'succeeded', endedAtMs: T + 5000 }),
    runs: [run(own, { state: 'succeeded', data: { deadlineMs: T + HOUR } })],
  });
  await say(true);
  await h.message(vera, /1 of 1 ready/);
  await say(true);
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  expect(edits()).toBe(2);
  expect((await h.state(vera)).messages.filter((item) => item.text.includes('asked to provision'))).toHaveLength(1);
});

test('a warning mentions the owner; the second click is told who acted first; a refused click can be tried again', async () => {
  const h = await harness();
  const cluster = 'main';
  const by = { kind: 'slack', userId: olga } as const;
  await h.store.createOperation({
    id: 'op1',
    cluster,
    params: { kind: 'provision', count: 1, size: 'medium', ttlHours: 4 },
    requester: by,
    channelId: channel,
    reason: '',
    idempotencyKey: 'k',
    createdAtMs: T,
    runs: [],
    workers: [
      {
        cluster,
        name: own,
        size: 'medium',
        state: 'requested',
        vmId: undefined,
        vmHost: undefined,
        nodeUid: undefined,
        ownerTag: 'burst-test',
        owner: by,
        channelId: channel,
        operationId: 'op1',
        createdAtMs: T,
        removedAtMs: undefined,
      },
    ],
    audit: [],
    outbox: [],
  });
  const notice = {
    kind: 'warning',
    cluster,
    operationId: 'op1',
    workers: [own],
    deadlineMs: T + HOUR,
    leadMs: HOUR,
  } as const;
  await h.store.enqueue({ key: 'warning op1', notice, notBeforeMs: T, channelId: undefined });
  h.app.poke();
  const warning = await h.message(vera, /<@U0OPERATOR1>.*will be drained and removed <!date/);
  h.operations.failures.set('extend', new BurstError('limit_reached', 'That is past the cap.'));
  await h.click(olga, warning, 'burst:warn:extend:24');
  await h.message(olga, /past the cap/);
  h.operations.failures.clear();
  await h.click(olga, warning, 'burst:warn:extend:24');
  await h.message(olga, /on its way/);
  await h.click(ada, warning, 'burst:warn:extend:24');
  await h.message(ada, /<@U0OPERATOR1> did this already/);
  expect(h.operations.done).toHaveLength(2);
  await h.click(olga, warning, 'burst:warn:remove');
  await h.modal(olga, /Destroy worker/);
  await h.click(olga, warning, 'burst:warn:choose');
  const form = await h.modal(olga, /Longer by/);
  const values = { ttl: { ttl: chosen('24') }, own: { own: typed('1.5h') } };
  expect(await h.submit(olga, form, values)).toMatchObject({ errors: { own: expect.any(String) as string } });
  expect(await h.submit(olga, form, { ttl: { ttl: chosen('24') }, own: { own: typed('3d') } })).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done.at(-1)).toMatchObject({ method: 'extend', args: { workers: [own], hours: 72 } });
});

test('an unknown error is an apology with an id that is in the log; a failed delivery is tried again', async () => {
  const h = await harness();
  h.operations.failures.set('fleet', new Error('secret internals'));
  await h.command(olga, '/burst');
  const apology = await h.message(olga, /Error id `id\d+`/);
  expect(apology.text).not.toContain('secret');
  const errorId = /`(id\d+)`/.exec(apology.text)?.[1] ?? 'none';
  expect(h.logged.some((line) => line.includes(errorId) && line.includes('secret internals'))).toBe(true);
  h.slack.force('chat.postMessage', 1, { error: 'fatal_error' });
  await h.store.enqueue({
    key: 'a',
    notice: { kind: 'alert', cluster: 'main', text: 'A node went' },
    notBeforeMs: T,
    channelId: undefined,
  });
  h.app.poke();
  await expect.poll(async () => (await h.app.health()).ok).toBe(false);
  h.clock.at += 2000;
  await h.message(vera, /A node went/);
  await expect.poll(async () => (await h.app.health()).ok).toBe(true);
});

test('the home tab shows the fleet; help lists every command; tokens are checked', async () => {
  const h = await harness();
  await h.slack.handlePage('POST', '/home/open', new URLSearchParams(), { user: olga });
  await expect.poll(async () => JSON.stringify((await h.state(olga)).home ?? '')).toContain('2 of at most 6');
  await h.command(nina, '/burst help');
  await h.message(nina, /burst provision[^]*burst destroy[^]*burst help/);
  await h.command(olga, '/burst details aaaaa');
  await h.message(olga, /burst-medium-aaaaa\*: burst worker/);
  expect(await h.app.check()).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
});

test('a stop waits for the socket to close and for work in flight', async () => {
  const h = await harness();
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const real = h.operations.provision.bind(h.operations);
  h.operations.provision = async (request) => {
    begun.resolve();
    await release.promise;
    return real(request);
  };
  await h.command(olga, '/burst provision 1 small');
  await begun.promise;
  let stopped = false;
  const stopping = h.app.stop().then(() => (stopped = true));
  await expect.poll(async () => (await h.app.health()).ok).toBe(false);
  expect(stopped).toBe(false);
  release.resolve();
  await stopping;
  await h.message(olga, /on its way/);
  expect(h.operations.done).toHaveLength(1);
});

test('a refused token fails the start, and says so', async () => {
  const error = await harness({ mode: { kind: 'socket', appToken: 'xapp-wrong' }, botToken: 'xoxb-wrong' }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'denied', message: 'Slack refused a token: invalid_auth.' });
});

test('over HTTP, signed requests are served', async () => {
  const port = await freePort();
  const mode = { kind: 'http', signingSecret: 'sandbox-signing-secret', port } as const;
  const h = await harness({ mode }, `http://127.0.0.1:${port}/slack/events`);
  await h.command(olga, '/burst provision 1 small');
  await h.message(olga, /on its way/);
  const url = `http://127.0.0.1:${port}/slack/events`;
  const forged = await fetch(url, {
    method: 'POST',
    body: 'command=%2Fburst&text=provision',
    headers: { 'x-slack-signature': 'v0=0' },
  });
  expect(forged.ok).toBe(false);
  expect(h.operations.done).toHaveLength(1);
});
