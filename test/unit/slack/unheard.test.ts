/** Requests that nothing in Burst listens to: each is answered at once, and a person is told where Slack allows it. */
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { freePort } from '../../e2e/support/http.ts';
import { channel, harness, olga } from './harness.ts';
import type { Harness } from './harness.ts';

const SECRET = 'sandbox-signing-secret';
const team = { team: { id: 'T0BURST0001' }, team_id: 'T0BURST0001', token: 'x', api_app_id: 'A0BURST0001' };
const user = { id: olga, team_id: 'T0BURST0001' };
const here = { channel: { id: channel, name: 'burst' } };
const view = { id: 'V0', type: 'modal', callback_id: 'else', private_metadata: '', state: { values: {} } };

async function overHttp(): Promise<{ h: Harness; url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/slack/events`;
  const mode = { kind: 'http', signingSecret: SECRET, port } as const;
  return { h: await harness({ mode }, url), url };
}
type Sent = { readonly status: number; readonly text: string };
/** Posts as Slack does; fails when no answer comes within 1 s. */
async function post(url: string, body: string, type: string, secret = SECRET): Promise<Sent> {
  const at = String(Math.floor(Date.now() / 1000));
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
  const answer = await fetch(url, {
    method: 'POST',
    body,
    headers: { 'content-type': type, 'x-slack-request-timestamp': at, 'x-slack-signature': signature },
    signal: AbortSignal.timeout(1000),
  });
  return { status: answer.status, text: await answer.text() };
}
const FORM = 'application/x-www-form-urlencoded';
const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();
const interactive = (payload: object): string => form({ payload: JSON.stringify({ ...team, ...payload }) });

const command = { ...{ command: '/other', text: 'x', user_id: olga, channel_id: channel }, team_id: 'T0BURST0001' };
const privately = [
  ['a click', { type: 'block_actions', user, ...here, actions: [{ action_id: 'else', block_id: 'b', value: 'v' }] }],
  ['a click without an action', { type: 'block_actions', user, ...here, actions: [] }],
  ['a global shortcut', { type: 'shortcut', user, callback_id: 'else', trigger_id: 't' }],
  ['a message shortcut', { type: 'message_action', user, ...here, callback_id: 'else', trigger_id: 't' }],
  ['an unknown kind', { type: 'something_new', user, ...here }],
] as const;

test.each(privately)('%s that nothing listens to is answered, and the person told', async (_what, payload) => {
  const { h, url } = await overHttp();
  expect(await post(url, interactive(payload), FORM)).toEqual({ status: 200, text: '' });
  expect(await h.message(olga, /does not know/)).toMatchObject({
    text: expect.stringMatching(/Nothing was done/) as string,
  });
  expect(h.logged.join('\n')).toMatch(/request that nothing listens to/);
});

test('a command that nothing listens to is answered in place', async () => {
  const { h, url } = await overHttp();
  const answer = await post(url, form(command), FORM);
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toMatchObject({
    response_type: 'ephemeral',
    text: expect.stringMatching(/does not know \/other.*Nothing was done.*\/burst help/s) as string,
  });
  expect(h.logged.join('\n')).toMatch(/request that nothing listens to/);
});

test('a form that nobody made says so, also when it is not even a form', async () => {
  const { url } = await overHttp();
  for (const payload of [
    { type: 'view_submission', user, view },
    { type: 'view_submission', user },
  ]) {
    const answer = await post(url, interactive(payload), FORM);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ response_action: 'update' });
    expect(answer.text).toMatch(/Nothing was done/);
  }
  expect(await post(url, interactive({ type: 'view_closed', user, view }), FORM)).toEqual({ status: 200, text: '' });
});

test('a menu that nothing fills has no options; an event that nothing listens to is logged', async () => {
  const { h, url } = await overHttp();
  const menu = await post(url, interactive({ type: 'block_suggestion', user, action_id: 'else', value: 'x' }), FORM);
  expect([menu.status, JSON.parse(menu.text)]).toEqual([200, { options: [] }]);
  const event = JSON.stringify({ ...team, type: 'event_callback', event: { type: 'team_join', user } });
  expect((await post(url, event, 'application/json')).status).toBe(200);
  await expect.poll(() => h.logged.join('\n')).toMatch(/event that nothing listens to.*team_join/);
});

test.each([
  ['null', form({ payload: 'null' }), FORM],
  ['a list', form({ payload: '[]' }), FORM],
  ['a number', form({ payload: '7' }), FORM],
  ['a string', form({ payload: '"x"' }), FORM],
  ['broken JSON', form({ payload: '{' }), FORM],
  ['an event of null', 'null', 'application/json'],
  ['an event of a list', '[]', 'application/json'],
  ['a broken event', '{', 'application/json'],
])('a body of %s is refused, and the next is served', async (_what, body, type) => {
  const { h, url } = await overHttp();
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    expect((await post(url, body, type, 'guessed')).status).toBe(401);
    expect((await post(url, body, type)).status).toBe(400);
    await h.command(olga, '/burst provision 1 small 4h');
    await h.message(olga, /on its way/);
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('a body without end is refused, and so is another path', async () => {
  const { url } = await overHttp();
  expect((await post(url, form({ payload: 'x'.repeat(5_000_000) }), FORM)).status).toBe(413);
  expect((await post(`${url}/else`, form({ payload: 'null' }), FORM)).status).toBe(404);
});

test('over Socket Mode what nothing listens to is acknowledged too', async () => {
  const h = await harness();
  await h.command(olga, '/other x');
  await h.message(olga, /does not know \/other/);
  const send = async (path: string, body: object): Promise<unknown> =>
    (await h.slack.handlePage('POST', path, new URLSearchParams(), { user: olga, ...body })).body;
  expect(await send('/shortcut', { callbackId: 'else' })).toEqual({ ok: true });
  await h.message(olga, /does not know this shortcut/);
});
