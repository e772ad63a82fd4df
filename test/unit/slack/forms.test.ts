import { expect, test } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import { createAnswers } from '../../../src/slack/answers.ts';
import { createClients } from '../../../src/slack/clients.ts';
import { readForm } from '../../../src/slack/forms.ts';
import { chosen, harness, olga, typed } from './harness.ts';

const number = (value: string) => ({ type: 'number_input', value });
const values = (count: string, more: Record<string, unknown> = {}) => ({
  count: { count: number(count) },
  size: { size: chosen('large') },
  ttl: { ttl: chosen('24') },
  own: { own: typed('') },
  reason: { reason: typed('load <test>') },
  ...more,
});

test('the provision form adds up as it is filled in, says what is left, and keeps what was typed', async () => {
  const h = await harness();
  await h.command(olga, '/burst provision');
  const form = await h.modal(olga, /Or another lifetime/);
  expect(JSON.stringify(form)).toMatch(
    /1 × medium for 24 h: 2 CPU, 8 GiB memory, 40 GiB disk; 48 vCPU-hours[^]*Room for 4 more, 3 after this/,
  );
  const action = { ...number('3'), action_id: 'count', block_id: 'count' };
  await h.clickView(olga, form, action, values('3', { own: { own: typed('2d') } }));
  const next = await h.modal(olga, /3 × large for 48 h: 6 CPU/);
  expect(JSON.stringify(next)).toMatch(/Room for 4 more, 1 after this/);
  expect(JSON.stringify(next)).toContain('"initial_value":"load <test>"');
  expect(JSON.stringify(next)).toContain('"initial_value":"2d"');
  await h.clickView(olga, next, { ...action, value: '5' }, values('5'));
  await h.modal(olga, /There is room for 4 more only/);
  expect(h.operations.done).toEqual([]);
});

test('errors stand at their fields, all at once', async () => {
  const h = await harness();
  await h.command(olga, '/burst provision');
  const form = await h.modal(olga, /Or another lifetime/);
  const wrong = values('6', { size: { size: chosen('huge') }, own: { own: typed('90min') } });
  expect(await h.submit(olga, form, wrong)).toEqual({
    ok: false,
    errors: {
      count: 'A whole number from 1 to 5',
      size: 'One of small, medium, large',
      own: 'From 1 h to 168 h, in whole hours; for example 36h or 3d',
    },
  });
  expect(await h.submit(olga, form, values('1', { own: { own: typed('soon') } }))).toMatchObject({
    errors: { own: expect.any(String) as string },
  });
  expect(h.operations.done).toEqual([]);
});

test('a refused operation shows the form again with everything that was typed', async () => {
  const h = await harness();
  h.operations.failures.set('provision', new BurstError('limit_reached', 'Only 1 is left.'));
  await h.command(olga, '/burst provision');
  const form = await h.modal(olga, /Or another lifetime/);
  expect(await h.submit(olga, form, values('2', { own: { own: typed('37h') } }))).toEqual({ ok: true });
  const again = JSON.stringify(await h.modal(olga, /Only 1 is left/));
  for (const kept of ['"initial_value":"2"', '"initial_value":"37h"', '"initial_value":"load <test>"'])
    expect(again).toContain(kept);
  expect(again).toMatch(/"initial_option":\{[^}]*\{[^}]*\},"value":"large"/);
});

test.each([
  ['not json', {}],
  ['[]', {}],
  ['{"workers":"x"}', {}],
  ['{}', { count: 'x' }],
  ['{}', { count: { count: { value: 5 } } }],
])('a form that is not ours is nothing: %s %j', (metadata, state) => expect(readForm(metadata, state)).toBeUndefined());

const message = {
  text: 'said',
  blocks: [{ type: 'divider' as const }, { type: 'divider' as const }],
  fallback: [{ type: 'divider' as const }],
};
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const refused = (statusCode: number) =>
  Object.assign(new Error('no'), { code: 'slack_bolt_respond_error', statusCode });
async function answering(statuses: readonly (number | undefined)[]) {
  const h = await harness();
  const clients = createClients(h.slack.botToken, { ...quiet }, h.slack.apiUrl);
  const tries: unknown[] = [];
  const respond = (content: Record<string, unknown>): Promise<void> => {
    const status = statuses[tries.length];
    tries.push(content['blocks']);
    return status === undefined ? Promise.resolve() : Promise.reject(refused(status));
  };
  const to = { userId: olga, channelId: undefined, respond, replaceOriginal: false };
  return { h, tries, answer: createAnswers(clients, log)(to) };
}
const quiet: Parameters<typeof createClients>[1] = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => 'error' as ReturnType<Parameters<typeof createClients>[1]['getLevel']>,
  setName: () => undefined,
};

test('an answer whose blocks are refused is given plainer, down to its text', async () => {
  const { h, tries, answer } = await answering([400, 400]);
  await answer(message);
  expect(tries).toEqual([message.blocks, message.fallback, undefined]);
  expect((await h.state(olga)).messages).toEqual([]);
});

test('an answer whose link is used up goes by direct message', async () => {
  const { h, tries, answer } = await answering([404]);
  await answer(message);
  expect(tries).toHaveLength(1);
  expect((await h.message(olga, /said/)).channel).toMatch(/^D/);
});

test('an answer that its link does not take is given once by the Web API', async () => {
  const { h, answer } = await answering([500, 500]);
  await answer(message);
  expect((await h.state(olga)).messages).toHaveLength(1);
});
