import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { burst, client, olga, simulator, vera } from './support.ts';
import type { Json, Simulator } from './support.ts';

afterEach(() => void vi.useRealTimers());
const plain = (text: string) => ({ type: 'plain_text', text });
const input = {
  type: 'input',
  block_id: 'count',
  label: plain('Count'),
  element: { type: 'plain_text_input', action_id: 'value' },
};
const modal = (title: string, more: Json = {}) => ({
  type: 'modal',
  callback_id: 'form',
  title: plain(title),
  submit: plain('Send'),
  blocks: [input],
  ...more,
});
const filled = { count: { value: { type: 'plain_text_input', value: '2' } } };
type App = Awaited<ReturnType<typeof client>>;

/** Sends a command that the app acknowledges; its payload. */
const command = async (sim: Simulator, app: App): Promise<Json> => {
  const place = app.envelopes().length;
  const said = sim.page('/command', { channel: burst, text: '/burst list' });
  const envelope = await app.at(place);
  app.ack(envelope);
  await said;
  return envelope.payload;
};
const trigger = async (sim: Simulator, app: App): Promise<string> => String((await command(sim, app))['trigger_id']);
const open = async (sim: Simulator, app: App, view: Json = modal('One')): Promise<Json> =>
  (await sim.call('views.open', { trigger_id: await trigger(sim, app), view }))['view'] as Json;
/** Submits the upper modal; the app answers with `answer`. */
const submit = async (sim: Simulator, app: App, answer?: Json): Promise<Json> => {
  const place = app.envelopes().length;
  const viewId = (await sim.state()).modals.at(-1)?.id;
  const said = sim.page('/view/submit', { viewId, state: filled });
  app.ack(await app.at(place), answer);
  return said;
};
const titles = async (sim: Simulator): Promise<string[]> => (await sim.state()).modals.map((view) => view.title);

describe('triggers', () => {
  test('a trigger opens one modal, within three seconds', async () => {
    const sim = await simulator();
    const app = await client(sim);
    vi.useFakeTimers({ toFake: ['Date'] });
    const used = await trigger(sim, app);
    const opens = (trigger_id: string) => sim.call('views.open', { trigger_id, view: modal('One') });
    expect(await opens(used)).toMatchObject({ ok: true });
    expect(await opens(used)).toMatchObject({ error: 'exchanged_trigger_id' });
    const late = await trigger(sim, app);
    vi.setSystemTime(Date.now() + 3001);
    expect(await opens(late)).toMatchObject({ error: 'expired_trigger_id' });
    expect(await opens('made.up')).toMatchObject({ error: 'invalid_trigger_id' });
  });
});

describe('modals', () => {
  test('three are stacked, no more; closing and clearing takes them away', async () => {
    const sim = await simulator();
    const app = await client(sim);
    const first = await open(sim, app);
    expect(await submit(sim, app, { response_action: 'push', view: modal('Two') })).toEqual({ ok: true });
    const pushed = await sim.call('views.push', { trigger_id: await trigger(sim, app), view: modal('Three') });
    expect(pushed).toMatchObject({ ok: true, view: { root_view_id: first['id'] } });
    expect(await sim.call('views.push', { trigger_id: await trigger(sim, app), view: modal('Four') })).toMatchObject({
      error: 'push_limit_reached',
    });
    expect(await titles(sim)).toEqual(['One', 'Two', 'Three']);
    expect(await submit(sim, app)).toEqual({ ok: true });
    expect(await titles(sim)).toEqual(['One', 'Two']);
    expect(await submit(sim, app, { response_action: 'update', view: modal('Two again') })).toEqual({ ok: true });
    expect(await titles(sim)).toEqual(['One', 'Two again']);
    expect(await submit(sim, app, { response_action: 'clear' })).toEqual({ ok: true });
    expect(await titles(sim)).toEqual([]);
  });
  test('an update with an old hash is a conflict', async () => {
    const sim = await simulator();
    const app = await client(sim);
    const { id: view_id, hash } = await open(sim, app);
    const update = (title: string) => sim.call('views.update', { view_id, hash, view: modal(title) });
    expect(await update('New')).toMatchObject({ ok: true });
    expect(await update('Newer')).toMatchObject({ error: 'hash_conflict' });
    expect(await titles(sim)).toEqual(['New']);
    expect(await sim.call('views.update', { view_id: 'V0', view: modal('x') })).toMatchObject({ error: 'not_found' });
  });
  test.each([
    ['a long title', modal('x'.repeat(25))],
    ['no title', modal('x', { title: undefined })],
    ['inputs without submit', modal('x', { submit: undefined })],
    ['long private_metadata', modal('x', { private_metadata: 'x'.repeat(3001) })],
    ['a long callback_id', modal('x', { callback_id: 'x'.repeat(256) })],
    ['101 blocks', modal('x', { blocks: Array.from({ length: 101 }, () => ({ type: 'divider' })) })],
    ['another type', modal('x', { type: 'dialog' })],
  ])('%s is refused', async (_name, view) => {
    const sim = await simulator();
    const app = await client(sim);
    const answer = await sim.call('views.open', { trigger_id: await trigger(sim, app), view });
    expect(answer).toMatchObject({ ok: false, error: 'invalid_arguments' });
    expect(await titles(sim)).toEqual([]);
  });
  test('a view of more than 250 kB is refused by a code of its own', async () => {
    const sim = await simulator();
    const section = { type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(2900) } };
    const view = modal('x', { blocks: Array.from({ length: 90 }, () => section) });
    expect(await sim.call('views.open', { trigger_id: await trigger(sim, await client(sim)), view })).toMatchObject({
      error: 'view_too_large',
    });
  });
  test('what is wrong with a view is said with its place', async () => {
    const sim = await simulator();
    const view = modal('One', { blocks: [{ type: 'divider' }, { type: 'header', text: plain('') }] });
    expect(await sim.call('views.open', { trigger_id: await trigger(sim, await client(sim)), view })).toMatchObject({
      response_metadata: { messages: [expect.stringContaining('[json-pointer:/view/blocks/1/text/text]') as unknown] },
    });
  });
  test('a submission says which values there are; errors are shown at inputs only', async () => {
    const sim = await simulator();
    const app = await client(sim);
    const { id } = await open(sim, app, modal('One', { private_metadata: 'kept', notify_on_close: true }));
    expect(await submit(sim, app, { response_action: 'errors', errors: { count: 'Too many' } })).toEqual({
      ok: false,
      errors: { count: 'Too many' },
    });
    expect(app.envelopes().at(-1)?.payload).toMatchObject({
      type: 'view_submission',
      user: { id: olga },
      view: { id, callback_id: 'form', private_metadata: 'kept', close: null, state: { values: filled } },
      response_urls: [],
    });
    for (const wrong of [
      { response_action: 'errors', errors: { nowhere: 'x' } },
      { response_action: 'jump' },
      { response_action: 'update', view: modal('x'.repeat(25)) },
    ])
      expect(await submit(sim, app, wrong)).toMatchObject({
        ok: false,
        error: expect.stringMatching(/trouble/) as unknown,
      });
    expect(await titles(sim)).toEqual(['One']);
    await sim.page('/view/close', { viewId: id });
    await expect.poll(() => app.envelopes().at(-1)?.payload).toMatchObject({ type: 'view_closed', is_cleared: false });
  });
});

test('the App Home is per person and has a hash', async () => {
  const sim = await simulator();
  const home = (hash?: unknown) => ({ user_id: olga, hash, view: { type: 'home', blocks: [{ type: 'divider' }] } });
  const { view } = (await sim.call('views.publish', home())) as { view: Json };
  expect((await sim.state(olga)).home).toMatchObject({ type: 'home', hash: view['hash'] });
  expect((await sim.state(vera)).home).toBeUndefined();
  expect(await sim.call('views.publish', home(view['hash']))).toMatchObject({ ok: true });
  expect(await sim.call('views.publish', home(view['hash']))).toMatchObject({ error: 'hash_conflict' });
});

describe('response_url', () => {
  const post = (url: unknown, body: Json) =>
    fetch(String(url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  test('five answers', async () => {
    const sim = await simulator();
    const { response_url: url } = await command(sim, await client(sim));
    for (let at = 0; at < 5; at++) expect((await post(url, { text: `${at}` })).status).toBe(200);
    const sixth = await post(url, { text: '5' });
    expect([sixth.status, await sixth.json()]).toEqual([404, { ok: false, error: 'used_url' }]);
    expect((await sim.messages(olga)).map((message) => message.text)).toEqual(['0', '1', '2', '3', '4']);
    expect(await sim.messages(vera)).toEqual([]);
  });
  test('within 30 minutes, and with content that Slack takes', async () => {
    const sim = await simulator();
    const { response_url: url } = await command(sim, await client(sim));
    expect((await post(url, { blocks: [{ type: 'nope' }] })).status).toBe(400);
    expect((await post(url, { text: 'all', response_type: 'in_channel' })).status).toBe(200);
    expect(await sim.messages(vera)).toMatchObject([{ text: 'all', ephemeral: false }]);
    sim.clock.skippedMs = 30 * 60_000 + 1000;
    expect((await post(url, { text: 'late' })).status).toBe(404);
  });
  test('of a click it replaces and deletes the message, an ephemeral one too', async () => {
    const sim = await simulator();
    const app = await client(sim);
    const { message_ts: ts } = await sim.call('chat.postEphemeral', { channel: burst, user: olga, text: 'sure?' });
    const click = async (): Promise<Json> => {
      const place = app.envelopes().length;
      const container = { type: 'message', channel: burst, ts };
      const said = sim.page('/action', { container, action: { type: 'button', action_id: 'a', block_id: 'b' } });
      const envelope = await app.at(place);
      app.ack(envelope);
      await said;
      return envelope.payload;
    };
    const payload = await click();
    expect(payload).toMatchObject({
      type: 'block_actions',
      container: { type: 'message', message_ts: ts, channel_id: burst, is_ephemeral: true },
      actions: [{ action_id: 'a', action_ts: expect.any(String) as unknown }],
    });
    await post(payload['response_url'], { replace_original: true, text: 'done' });
    expect(await sim.messages()).toMatchObject([{ text: 'done' }]);
    await post((await click())['response_url'], { delete_original: true });
    expect(await sim.messages()).toEqual([]);
  });
});

describe('a manifest', () => {
  const manifest = {
    features: {
      slash_commands: [{ command: '/burst', description: 'Workers', usage_hint: '[list]', should_escape: true }],
      shortcuts: [
        { name: 'Ask', type: 'global', callback_id: 'ask', description: 'd' },
        { name: 'Explain', type: 'message', callback_id: 'explain', description: 'd' },
      ],
    },
  };
  test('says which commands there are, with hints, and escapes names', async () => {
    const sim = await simulator({ manifest });
    const app = await client(sim);
    expect((await sim.state()).commands).toEqual([{ command: '/burst', description: 'Workers', usageHint: '[list]' }]);
    expect(await sim.page('/command', { channel: burst, text: '/other' })).toMatchObject({ ok: false });
    const said = sim.page('/command', { channel: burst, text: '/burst list @vera a@b #burst @nobody' });
    const envelope = await app.at(0);
    app.ack(envelope);
    await said;
    expect(envelope.payload['text']).toBe('list <@U0VIEWER001|vera> a@b <#C0BURST0001|burst> @nobody');
  });
  test('says which shortcuts there are', async () => {
    const sim = await simulator({ manifest });
    const app = await client(sim);
    const { ts } = await sim.call('chat.postMessage', { channel: burst, text: 'what is this' });
    const take = async (body: Json): Promise<Json> => {
      const place = app.envelopes().length;
      const said = sim.page('/shortcut', body);
      const envelope = await app.at(place);
      app.ack(envelope);
      expect(await said).toEqual({ ok: true });
      return envelope.payload;
    };
    const asked = await take({ callbackId: 'ask' });
    expect(asked).toMatchObject({ type: 'shortcut', callback_id: 'ask', user: { id: olga, username: 'olga' } });
    expect(asked).not.toHaveProperty('response_url');
    const explained = await take({ callbackId: 'explain', message: { channel: burst, ts } });
    expect(explained).toMatchObject({
      type: 'message_action',
      message_ts: ts,
      channel: { id: burst, name: 'burst' },
      message: { text: 'what is this' },
      response_url: expect.stringContaining('/response/') as unknown,
    });
    const opened = { trigger_id: explained['trigger_id'], view: modal('One') };
    expect(await sim.call('views.open', opened)).toMatchObject({ ok: true });
    expect(await sim.page('/shortcut', { callbackId: 'explain' })).toEqual({ ok: false, error: 'no_such_shortcut' });
  });
  test('that is none is refused', async () => {
    await expect(simulator({ manifest: { features: { slash_commands: [{ command: 'burst' }] } } })).rejects.toThrow();
  });
});

test('over HTTP payloads are signed, and the answer is the ack', async () => {
  const got: { type: string; body: string; signed: boolean }[] = [];
  let secret = '';
  const server = createServer((req, res) => {
    let body = '';
    req.on('data', (data: Buffer) => void (body += data.toString()));
    req.on('end', () => {
      const at = String(req.headers['x-slack-request-timestamp']);
      const expected = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
      const signed = req.headers['x-slack-signature'] === expected && Math.abs(Number(at) - Date.now() / 1000) < 300;
      got.push({ type: String(req.headers['content-type']), body, signed });
      if (body.includes('command=')) res.setHeader('content-type', 'text/plain').end('plainly');
      else if (body.includes('block_actions')) res.writeHead(500).end();
      else res.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const sim = await simulator({
    requestUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`,
  });
  secret = sim.slack.signingSecret;
  await sim.page('/command', { channel: burst, text: '/burst a&b=c' });
  expect(await sim.messages()).toMatchObject([{ text: 'plainly', ephemeral: true }]);
  const { ts } = await sim.call('chat.postMessage', { channel: burst, text: 'x' });
  const container = { type: 'message', channel: burst, ts };
  expect(await sim.page('/action', { container, action: { type: 'button', action_id: 'a' } })).toMatchObject({
    ok: false,
  });
  await sim.page('/home/open', {});
  await expect.poll(() => got.length).toBe(3);
  expect(got.map((request) => [request.type, request.signed])).toEqual([
    ['application/x-www-form-urlencoded', true],
    ['application/x-www-form-urlencoded', true],
    ['application/json', true],
  ]);
  expect(new URLSearchParams(got[0]?.body).get('text')).toBe('a&b=c');
  expect(JSON.parse(new URLSearchParams(got[1]?.body).get('payload') ?? '')).toMatchObject({ type: 'block_actions' });
  expect(JSON.parse(got[2]?.body ?? '')).toMatchObject({ type: 'event_callback', event: { type: 'app_home_opened' } });
});

test('page requests that are malformed are refused', async () => {
  const sim = await simulator();
  for (const [path, body] of [
    ['/command', { channel: burst }],
    ['/action', { container: { type: 'page' }, action: {} }],
    ['/view/submit', { viewId: 'V1', state: [] }],
    ['/shortcut', {}],
  ] as const)
    expect(await sim.page(path, body)).toEqual({ ok: false, error: 'invalid_arguments' });
});
