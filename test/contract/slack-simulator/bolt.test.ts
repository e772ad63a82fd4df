import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { App, ExpressReceiver, LogLevel } from '@slack/bolt';
import { afterEach, expect, test } from 'vitest';
import { startSlackSimulator } from '../../../src/sandbox/slack/index.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

test('an unmodified Bolt app serves a command, a modal and its errors; ephemerals stay private', async () => {
  const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
  const slack = await startSlackSimulator({ clock });
  closers.push(() => slack.close());
  const app = new App({
    token: slack.botToken,
    appToken: slack.appToken,
    socketMode: true,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  });
  app.command('/burst', async ({ ack, client, command }) => {
    await ack('working');
    const label = { type: 'plain_text' as const, text: 'Count' };
    await client.views.open({
      trigger_id: command.trigger_id,
      view: {
        type: 'modal',
        callback_id: 'm',
        title: label,
        submit: label,
        blocks: [{ type: 'input', block_id: 'n', label, element: { type: 'plain_text_input', action_id: 'n' } }],
      },
    });
  });
  app.view('m', ({ ack }) => ack({ response_action: 'errors', errors: { n: 'Too many' } }));
  await app.start();
  closers.unshift(() => app.stop());
  const user = 'U0OPERATOR1';
  const query = (id: string) => slack.handlePage('GET', '/state', new URLSearchParams({ user: id }), undefined);
  const send = (path: string, body: object) => slack.handlePage('POST', path, new URLSearchParams(), { user, ...body });
  expect(await send('/command', { channel: 'C0BURST0001', text: '/burst list' })).toMatchObject({ body: { ok: true } });
  await expect
    .poll(async () => (await query(user)).body)
    .toMatchObject({ messages: [{ text: 'working', ephemeral: true }], modals: [{ callbackId: 'm' }] });
  expect((await query('U0VIEWER001')).body).toMatchObject({ messages: [], modals: [] });
  const { modals } = (await query(user)).body as { modals: { id: string }[] };
  const viewId = modals[0]?.id;
  expect((await send('/view/submit', { viewId, state: {} })).body).toMatchObject({
    errors: { n: expect.stringContaining('required') as string },
  });
  const state = { n: { n: { type: 'plain_text_input', value: '9' } } };
  expect((await send('/view/submit', { viewId, state })).body).toEqual({ ok: false, errors: { n: 'Too many' } });
});

test('metadata of a message is kept, and shown only where it is asked for', async () => {
  const slack = await startSlackSimulator({ clock: { now: () => Date.now(), sleep: () => Promise.resolve() } });
  closers.push(() => slack.close());
  const { client } = new App({
    token: slack.botToken,
    signingSecret: slack.signingSecret,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  });
  const channel = 'C0BURST0001';
  const metadata = { event_type: 'said', event_payload: { key: 'a' } };
  const { ts = '' } = await client.chat.postMessage({ channel, text: 'first', metadata });
  await client.chat.postMessage({ channel, text: 'in its thread', thread_ts: ts, metadata });
  const seen = await client.conversations.history({ channel, include_all_metadata: true });
  expect(seen.messages).toMatchObject([{ text: 'first', metadata }]);
  expect((await client.conversations.history({ channel })).messages?.[0]).not.toHaveProperty('metadata');
  expect((await client.conversations.history({ channel, oldest: ts })).messages).toEqual([]);
  const replies = await client.conversations.replies({ channel, ts, include_all_metadata: true });
  expect(replies.messages).toMatchObject([{ text: 'first' }, { text: 'in its thread', metadata }]);
});

test('an unmodified Bolt app behind a signed request URL serves a command and an event', async () => {
  let secret = '';
  const receiver = new ExpressReceiver({ signingSecret: () => Promise.resolve(secret) });
  const server = createServer(receiver.app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(async () => server.close());
  const requestUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
  const clock = { now: () => Date.now(), sleep: () => Promise.resolve() };
  const slack = await startSlackSimulator({ clock, requestUrl });
  closers.push(() => slack.close());
  secret = slack.signingSecret;
  const app = new App({
    token: slack.botToken,
    receiver,
    logLevel: LogLevel.ERROR,
    clientOptions: { slackApiUrl: slack.apiUrl },
  });
  app.command('/burst', async ({ ack, respond }) => {
    await ack('working');
    await respond('done');
  });
  app.event('app_home_opened', async ({ client, event }) => {
    await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [{ type: 'divider' }] } });
  });
  const user = 'U0OPERATOR1';
  const send = (path: string, body: object) => slack.handlePage('POST', path, new URLSearchParams(), { user, ...body });
  await send('/command', { channel: 'C0BURST0001', text: '/burst list' });
  await send('/home/open', {});
  await expect
    .poll(async () => (await slack.handlePage('GET', '/state', new URLSearchParams({ user }), undefined)).body)
    .toMatchObject({
      home: { type: 'home' },
      messages: expect.toSatisfy((seen: { text: string }[]) => {
        const texts = seen.map((message) => message.text).sort();
        return texts.join() === 'done,working';
      }) as unknown,
    });
});
