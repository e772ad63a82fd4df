import { afterEach, describe, expect, test, vi } from 'vitest';
import { burst, olga, simulator, vera } from './support.ts';

afterEach(() => void vi.useRealTimers());
const general = 'C0GENERAL01';
const blocks = [{ type: 'section', block_id: 'b', text: { type: 'mrkdwn', text: 'x' } }];

describe('bodies', () => {
  test('a form, a multipart form, JSON and a query mean the same', async () => {
    const { slack, messages } = await simulator();
    const args = { channel: burst, text: '[1]', blocks: JSON.stringify(blocks) };
    const multipart = new FormData();
    for (const [key, value] of Object.entries(args)) multipart.set(key, value);
    const query = new URLSearchParams(args);
    const url = `${slack.apiUrl}chat.postMessage`;
    const headers = { authorization: `Bearer ${slack.botToken}` };
    const json = { ...headers, 'content-type': 'application/json' };
    await fetch(url, { method: 'POST', headers, body: query });
    await fetch(url, { method: 'POST', headers, body: multipart });
    await fetch(url, { method: 'POST', headers: json, body: JSON.stringify({ ...args, blocks }) });
    await fetch(`${url}?${query.toString()}`, { method: 'POST', headers });
    await fetch(url, { method: 'POST', body: new URLSearchParams({ ...args, token: slack.botToken }) });
    expect(await messages()).toEqual(
      Array.from({ length: 5 }, () => expect.objectContaining({ text: '[1]', blocks }) as unknown),
    );
    expect(JSON.stringify(slack.world().calls)).not.toContain(slack.botToken);
  });
  test.each([
    ['application/json', '{', 'invalid_json'],
    ['application/json', '[]', 'json_not_object'],
    ['multipart/form-data; boundary=x', 'nothing', 'invalid_form_data'],
    ['text/plain', 'channel=x', 'invalid_post_type'],
  ])('%s with %j is answered %s', async (type, body, error) => {
    const { slack } = await simulator();
    const headers = { authorization: `Bearer ${slack.botToken}`, 'content-type': type };
    const answer = await fetch(`${slack.apiUrl}chat.postMessage`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ ok: false, error });
  });
});

test.each([
  ['chat.postMessage', { channel: burst, text: 7 }, 'invalid_arguments'],
  ['chat.postMessage', { text: 'x' }, 'invalid_arguments'],
  ['chat.postMessage', { channel: burst }, 'no_text'],
  ['chat.postMessage', { channel: burst, text: 'x'.repeat(40_001) }, 'msg_too_long'],
  ['chat.postMessage', { channel: burst, blocks: [{ type: 'nope' }] }, 'invalid_blocks'],
  ['chat.postMessage', { channel: 'C0NOWHERE01', text: 'x' }, 'channel_not_found'],
  ['chat.postMessage', { channel: burst, text: 'x', metadata: { event_type: 7 } }, 'invalid_arguments'],
  ['chat.postEphemeral', { channel: burst, text: 'x', user: 'U0NOWHERE01' }, 'user_not_found'],
  ['chat.update', { channel: burst, ts: '1.1', text: 'x' }, 'message_not_found'],
  ['views.open', { trigger_id: 'x', view: 'x' }, 'invalid_arguments'],
  ['usergroups.users.list', { usergroup: 'S0NOWHERE01' }, 'no_such_subteam'],
  ['chat.scream', {}, 'unknown_method'],
])('%s with %j is answered %s', async (method, args, error) => {
  const { call } = await simulator();
  expect(await call(method, args)).toMatchObject({ ok: false, error, status: 200 });
});

test('what is wrong with blocks is said with its place', async () => {
  const { call } = await simulator();
  const answer = await call('chat.postMessage', {
    channel: burst,
    blocks: [{ type: 'section', text: { type: 'mrkdwn' } }],
  });
  expect(answer).toMatchObject({
    error: 'invalid_blocks',
    errors: ['missing required field [json-pointer:/blocks/0/text/text]'],
    response_metadata: { messages: ['[ERROR] missing required field [json-pointer:/blocks/0/text/text]'] },
  });
  const long = Array.from({ length: 5 }, () => ({ type: 'section', text: { type: 'mrkdwn', text: 'x'.repeat(2900) } }));
  expect(await call('chat.postMessage', { channel: burst, blocks: long })).toMatchObject({
    error: 'msg_blocks_too_long',
  });
});

test('blocks.validate says what is wrong with blocks, a message or a view, and where', async () => {
  const { call } = await simulator();
  const header = (text: string) => [{ type: 'header', text: { type: 'plain_text', text } }];
  const wrong = {
    pointer: '/blocks/0/text/text',
    code: 'failed_constraint',
    message: 'must be less than 151 characters',
    constraint: { type: 'max_length', expected: ['150'], got: '151' },
  };
  expect(await call('blocks.validate', { blocks: header('h') })).toMatchObject({ ok: true });
  const long = header('h'.repeat(151));
  expect(await call('blocks.validate', { blocks: long })).toMatchObject({ error: 'invalid_blocks', errors: [wrong] });
  expect(await call('blocks.validate', { message: { blocks: long } })).toMatchObject({
    error: 'invalid_message',
    errors: [wrong],
  });
  expect(await call('blocks.validate', { view: { type: 'home', blocks: long } })).toMatchObject({
    error: 'invalid_view',
    errors: [wrong],
  });
  expect(await call('blocks.validate', {})).toMatchObject({ error: 'invalid_arguments' });
});

test.each([
  ['chat.postMessage', { channel: burst, text: 'x' }, 'chat:write'],
  ['chat.update', { channel: burst, ts: '1.1', text: 'x' }, 'chat:write'],
  ['users.info', { user: olga }, 'users:read'],
  ['usergroups.users.list', { usergroup: 'S0OPERATORS' }, 'usergroups:read'],
  ['conversations.list', {}, 'channels:read'],
  ['conversations.history', { channel: burst }, 'channels:history'],
  ['conversations.history', { channel: 'D0OPERATOR1' }, 'im:history'],
  ['conversations.open', { users: olga }, 'im:write'],
  ['files.getUploadURLExternal', { filename: 'a.txt', length: 1 }, 'files:write'],
])('%s with %j needs the scope %s', async (method, args, needed) => {
  const manifest = (bot: string[]) => ({ features: {}, oauth_config: { scopes: { bot } } });
  const without = await simulator({ manifest: manifest(['commands']) });
  expect(await without.call(method, args)).toMatchObject({
    ok: false,
    error: 'missing_scope',
    needed,
    provided: 'commands',
  });
  expect(await without.call('auth.test')).toMatchObject({ ok: true });
  const granted = await simulator({ manifest: manifest([needed]) });
  expect(await granted.call(method, args)).not.toMatchObject({ error: 'missing_scope' });
});

test('each token opens its own doors', async () => {
  const { call, slack } = await simulator();
  expect(await call('auth.test', {}, 'xoxb-other')).toMatchObject({ error: 'invalid_auth' });
  expect(await call('apps.connections.open', {})).toMatchObject({ error: 'invalid_auth' });
  expect(await (await fetch(`${slack.apiUrl}auth.test`, { method: 'POST' })).json()).toMatchObject({
    error: 'not_authed',
  });
});

describe('rates', () => {
  test('a channel takes ten messages at once, then one a second; other channels are not concerned', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { call } = await simulator();
    const post = (channel: string) => call('chat.postMessage', { channel, text: 'x' });
    for (let at = 0; at < 10; at++) expect(await post(burst)).toMatchObject({ ok: true });
    expect(await post(burst)).toMatchObject({ status: 429, error: 'ratelimited', retryAfter: '1' });
    expect(await post(general)).toMatchObject({ ok: true });
    vi.setSystemTime(Date.now() + 1000);
    expect(await post(burst)).toMatchObject({ ok: true });
    expect(await post(burst)).toMatchObject({ status: 429 });
  });
  const home = { type: 'home', blocks: [] };
  test.each([
    ['users.list', 20, {}],
    ['conversations.list', 20, {}],
    ['usergroups.users.list', 20, { usergroup: 'S0OPERATORS' }],
    ['chat.update', 50, { text: 'y' }],
    ['conversations.info', 50, {}],
    ['chat.postEphemeral', 100, { user: olga, text: 'e' }],
    ['views.publish', 100, { user_id: olga, view: home }],
    ['users.info', 100, { user: olga }],
  ])('%s: %i a minute', async (method, most, args) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { call } = await simulator();
    const { ts } = await call('chat.postMessage', { channel: burst, text: 'x' });
    const once = () => call(method, { channel: burst, ts, ...args });
    for (let at = 0; at < most; at++) expect(await once()).toMatchObject({ ok: true });
    expect(await once()).toMatchObject({ status: 429, retryAfter: '60' });
    vi.setSystemTime(Date.now() + 60_000);
    expect(await once()).toMatchObject({ ok: true });
  });
  test('without rate limits there are none', async () => {
    const { call } = await simulator({ rateLimits: false });
    for (let at = 0; at < 25; at++) expect(await call('users.list')).toMatchObject({ ok: true });
  });
  test('a method can be made to refuse', async () => {
    const { call, slack } = await simulator();
    slack.force('auth.test', 1, { retryAfterSeconds: 7 });
    expect(await call('auth.test')).toMatchObject({ status: 429, retryAfter: '7', error: 'ratelimited' });
    expect(await call('auth.test')).toMatchObject({ ok: true });
    slack.force('auth.test', 1, { error: 'fatal_error' });
    expect(await call('auth.test')).toMatchObject({ status: 200, error: 'fatal_error' });
  });
});

test('ephemeral messages are seen by one and updated by nobody', async () => {
  const { call, messages } = await simulator();
  const { message_ts } = await call('chat.postEphemeral', { channel: burst, user: olga, text: 'psst' });
  expect(await messages(olga)).toMatchObject([{ text: 'psst', ephemeral: true }]);
  expect(await messages(vera)).toEqual([]);
  for (const method of ['chat.update', 'chat.delete'])
    expect(await call(method, { channel: burst, ts: message_ts, text: 'x' })).toMatchObject({
      error: 'message_not_found',
    });
  expect(await call('conversations.history', { channel: burst })).toMatchObject({ messages: [] });
});

test('threads count their replies and stay out of the channel; people own what they write', async () => {
  const { call, messages, page } = await simulator();
  const { ts } = await call('chat.postMessage', { channel: burst, text: 'parent' });
  await call('chat.postMessage', { channel: burst, text: 'reply', thread_ts: ts });
  await page('/message', { channel: burst, text: 'mine', threadTs: ts });
  expect(await messages()).toMatchObject([{ replyCount: 2 }, { threadTs: ts }, { threadTs: ts, userId: olga }]);
  expect(await call('conversations.history', { channel: burst })).toMatchObject({ messages: [{ text: 'parent' }] });
  expect(await call('conversations.replies', { channel: burst, ts })).toMatchObject({
    messages: [{ text: 'parent' }, { text: 'reply' }, { text: 'mine' }],
  });
  const mine = (await messages())[2]?.ts;
  expect(await call('chat.update', { channel: burst, ts: mine, text: 'x' })).toMatchObject({
    error: 'cant_update_message',
  });
  expect(await call('chat.delete', { channel: burst, ts: mine })).toMatchObject({ error: 'cant_delete_message' });
});

test('people and user groups are listed', async () => {
  const { call } = await simulator();
  expect(await call('users.info', { user: olga })).toMatchObject({ user: { name: 'olga', is_bot: false } });
  const { usergroups } = (await call('usergroups.list')) as { usergroups: { id: string; handle: string }[] };
  const operators = usergroups.find((group) => group.handle === 'burst-operators');
  expect(await call('usergroups.users.list', { usergroup: operators?.id })).toMatchObject({ users: [olga] });
});

test('a file is shared once its bytes are there', async () => {
  const { call, messages, slack } = await simulator();
  const { upload_url, file_id } = await call('files.getUploadURLExternal', { filename: 'a.txt', length: 5 });
  const complete = () =>
    call('files.completeUploadExternal', {
      files: [{ id: file_id, title: 'A' }],
      channel_id: burst,
      initial_comment: 'see',
    });
  expect(await complete()).toMatchObject({ error: 'file_not_found' });
  const send = (body: string) => fetch(String(upload_url), { method: 'POST', body });
  expect((await send('four')).status).toBe(400);
  expect((await send('hello')).status).toBe(200);
  const done = (await complete()) as { files?: { url_private: string }[] };
  expect(done).toMatchObject({ ok: true, files: [{ id: file_id, title: 'A', size: 5 }] });
  expect(await messages()).toMatchObject([{ text: 'see', files: [{ id: file_id, name: 'a.txt' }] }]);
  expect(await complete()).toMatchObject({ error: 'file_not_found' });
  const url = done.files?.[0]?.url_private ?? '';
  const headers = { authorization: `Bearer ${slack.botToken}` };
  expect(await (await fetch(url, { headers })).text()).toBe('hello');
  expect((await fetch(url)).status).toBe(404);
  expect(slack.workspaces[0]?.readFile(vera, String(file_id))).toMatchObject({ mimetype: 'text/plain' });
});

test('a file of a direct message is for that person alone', async () => {
  const { call, slack } = await simulator();
  const { upload_url, file_id } = await call('files.getUploadURLExternal', { filename: 'a.csv', length: 3 });
  await fetch(String(upload_url), { method: 'POST', body: 'a,b' });
  expect(slack.workspaces[0]?.readFile(olga, String(file_id))).toBeUndefined();
  await call('files.completeUploadExternal', { files: [{ id: file_id }], channel_id: olga });
  expect(slack.workspaces[0]?.readFile(olga, String(file_id))).toMatchObject({
    mimetype: 'text/csv',
    data: Buffer.from('a,b'),
  });
  expect(slack.workspaces[0]?.readFile(vera, String(file_id))).toBeUndefined();
});
