/** What Slack or a person may send that nobody should have sent. */
import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { freePort } from '../../e2e/support/http.ts';
import { ada, harness, nina, olga } from './harness.ts';
import type { Harness } from './harness.ts';

const own = 'burst-medium-aaaaa';
const long = '<!channel> & <@U0VICTIM01> `x` '.repeat(1300);

test('a reason of 40,000 characters full of markup is one request, and pings nobody', async () => {
  const h = await harness();
  await h.command(olga, `/burst provision 1 small 4h ${long}`);
  const answer = await h.message(olga, /on its way/);
  expect(answer.text.length).toBeLessThan(4000);
  expect(h.operations.done).toHaveLength(1);
});

test.each([
  ['a name', `/burst destroy ${'x'.repeat(40_000)}`],
  ['a command', `/burst ${'y'.repeat(40_000)}`],
  ['a filter', `/burst list ${long}`],
  ['a size', `/burst provision 1 ${'<!here>'.repeat(5000)}x 4h`],
  ['an operation', `/burst cancel ${long}`],
  ['a time', `/burst extend ${own} ${'9'.repeat(20_000)}h`],
  ['help', `/burst help ${long}`],
])('%s of 40,000 characters is answered, privately and without markup', async (_what, text) => {
  const h = await harness();
  await h.command(ada, text);
  const seen = async () => {
    const { messages, modals } = await h.state(ada);
    const said = messages.filter((message) => message.userId === 'U0BURSTBOT1');
    return [...said.map((message) => message.text), ...markup([said, modals])].join('\n');
  };
  await expect.poll(seen).toMatch(/:x:|:warning:|There is no|Burst lends|on its way/);
  expect(await seen()).not.toMatch(/<!channel>|<!here>|<@U0VICTIM01>/);
  expect((await h.state(nina)).messages).toEqual([]);
  expect(h.operations.done.filter(({ method }) => method !== 'cancel')).toEqual([]);
  expect(h.logged.filter((line) => line.startsWith('a Slack request failed'))).toEqual([]);
});

const user = { id: olga };
const forged: readonly (readonly [string, unknown])[] = [
  ['an action without actions', { type: 'block_actions', user, actions: [] }],
  ['an action of numbers', { type: 'block_actions', user: { id: 5 }, actions: [{ action_id: 'burst:op:cancel' }] }],
  ['an action with an odd value', { type: 'block_actions', user, actions: [{ action_id: 'burst:run:0', value: 7 }] }],
  [
    'a field of an odd form',
    { type: 'block_actions', user, actions: [{ action_id: 'count' }], view: { callback_id: 3 } },
  ],
  [
    'a form without a state',
    { type: 'view_submission', user, view: { id: 'V1', callback_id: 'burst:view:provision', private_metadata: '{' } },
  ],
  ['a form without an id', { type: 'view_submission', user, view: { callback_id: 'burst:view:destroy' } }],
  [
    'a form with a forged state',
    {
      type: 'view_submission',
      user,
      view: { id: 'V1', callback_id: 'burst:view:destroy', private_metadata: '{}', state: { values: { typed: [1] } } },
    },
  ],
  [
    'a form nobody made',
    { type: 'view_submission', user, view: { id: 'V1', callback_id: 'else', private_metadata: '' } },
  ],
  ['an unknown kind', { type: 'something_new', user }],
];

test('malformed payloads are acknowledged or refused, and do nothing', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/slack/events`;
  const mode = { kind: 'http', signingSecret: 'sandbox-signing-secret', port } as const;
  const h = await harness({ mode }, url);
  for (const [name, payload] of forged) {
    const team = { team: { id: 'T0BURST0001' }, token: 'x', api_app_id: 'A0BURST0001' };
    const answer = await post(
      url,
      new URLSearchParams({ payload: JSON.stringify({ ...team, ...(payload as object) }) }),
    );
    expect([name, answer.status < 500]).toEqual([name, true]);
  }
  const command = { command: '/burst', text: 'provision 1 small 4h', team_id: 'T0BURST0001' };
  expect((await post(url, new URLSearchParams(command))).status).toBeLessThan(500);
  await works(h);
  expect(h.operations.done.map(({ args }) => args['reason'])).toEqual(['still works']);
});

/** The texts that Slack reads as markup. */
function markup(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(markup);
  if (typeof value !== 'object' || value === null) return [];
  const item = value as Record<string, unknown>;
  return item['type'] === 'mrkdwn' && typeof item['text'] === 'string'
    ? [item['text']]
    : Object.values(item).flatMap(markup);
}
async function works(h: Harness): Promise<void> {
  await h.command(olga, '/burst provision 1 small 4h still works');
  await h.message(olga, /on its way/);
}
async function post(url: string, form: URLSearchParams): Promise<Response> {
  const body = form.toString();
  const at = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', 'sandbox-signing-secret').update(`v0:${at}:${body}`).digest('hex');
  return fetch(url, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': at,
      'x-slack-signature': `v0=${signature}`,
    },
    signal: AbortSignal.timeout(5000),
  });
}
