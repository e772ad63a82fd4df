/** Shortcuts: the global one asks where to tell it, the one of a message tells it in that message's thread. */
import { expect, test } from 'vitest';
import { HOUR, T, FakeOperations, access, workers } from './fixtures.ts';
import { channel, chosen, harness, olga, other, typed, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const shortcut = async (
  h: Harness,
  user: string,
  callbackId: string,
  message?: { channel: string; ts: string },
): Promise<unknown> => {
  const body = { user, callbackId, ...(message === undefined ? {} : { message }) };
  return (await h.slack.handlePage('POST', '/shortcut', new URLSearchParams(), body)).body;
};
const say = async (
  h: Harness,
  user: string,
  text: string,
  threadTs?: string,
): Promise<{ channel: string; ts: string }> => {
  const body = { user, channel, text, ...(threadTs === undefined ? {} : { threadTs }) };
  await h.slack.handlePage('POST', '/message', new URLSearchParams(), body);
  return h.message(user, new RegExp(text));
};
const asked = {
  count: { count: typed('2') },
  size: { size: chosen('large') },
  ttl: { ttl: chosen('48') },
  own: { own: typed('') },
  reason: { reason: typed('') },
};

test('"Provision for this thread" is told in the thread, in its details too, and survives a restart', async () => {
  const h = await harness();
  const first = await say(h, vera, 'The shop is slow');
  const reply = await say(h, olga, 'Let us have more', first.ts);
  expect(await shortcut(h, olga, 'burst_provision_thread', reply)).toEqual({ ok: true });
  const form = await h.modal(olga, /How many/);
  expect(JSON.stringify(form.blocks)).not.toContain('conversations_select');
  await h.submit(olga, form, asked);
  await h.modal(olga, /is on its way/);
  expect(h.operations.done).toMatchObject([{ method: 'provision', args: { channelId: channel, threadTs: first.ts } }]);
  const op = [...h.operations.operations.values()][0];
  if (op === undefined) throw new Error('no operation');
  const notice = { kind: 'operation', operationId: op.operation.id, final: false } as const;
  const draw = async (): Promise<void> => {
    await h.store.enqueue({ key: `operation:${op.operation.id}`, notice, notBeforeMs: T, channelId: channel });
    h.app.poke();
  };
  const told = { ...op.operation, channelId: channel, threadTs: first.ts };
  h.operations.operations.set(told.id, { ...op, operation: told });
  await draw();
  const message = await h.message(vera, /asked to provision/);
  expect(message).toMatchObject({ channel, threadTs: first.ts });
  await h.restart();
  h.clock.at += 60_000;
  const ended = { ...told, state: 'succeeded', endedAtMs: T + HOUR } as const;
  h.operations.operations.set(told.id, {
    operation: ended,
    runs: op.runs.map((run) => ({ ...run, state: 'succeeded', endedAtMs: T + HOUR })),
  });
  await draw();
  expect(await h.message(vera, /Details of operation/)).toMatchObject({ channel, threadTs: first.ts });
  expect((await h.state(vera)).messages.find(({ ts }) => ts === message.ts)?.text).toMatch(/done: 1 of 1/);
});

test('a thread that cannot be written in is left for the channel', async () => {
  const h = await harness();
  const operation = {
    id: 'op1',
    cluster: 'main',
    kind: 'provision',
    state: 'running',
    params: { kind: 'provision', count: 1, size: 'medium', ttlHours: 1 },
    requester: { kind: 'slack', userId: olga },
    channelId: 'C0GONE00001',
    threadTs: '1.2',
    reason: '',
    idempotencyKey: 'k',
    createdAtMs: T,
    endedAtMs: undefined,
    cancelledBy: undefined,
  } as const;
  h.operations.operations.set('op1', { operation, runs: [] });
  const notice = { kind: 'operation', operationId: 'op1', final: false } as const;
  await h.store.enqueue({ key: 'operation:op1', notice, notBeforeMs: T, channelId: 'C0GONE00001' });
  h.app.poke();
  const message = await h.message(vera, /asked to provision/);
  expect(message.channel).toBe(channel);
  expect(message.threadTs).toBeUndefined();
});

test('"Provision workers" from anywhere asks where to tell it, and keeps that while the form is brought up to date', async () => {
  const h = await harness();
  expect(await shortcut(h, olga, 'burst_provision')).toEqual({ ok: true });
  const form = await h.modal(olga, /Tell it in/);
  const told = { channel: { channel: { type: 'conversations_select', selected_conversation: other } } };
  await h.clickView(
    olga,
    form,
    { type: 'number_input', action_id: 'count', block_id: 'count', value: '2' },
    { ...asked, ...told },
  );
  const fresh = await h.modal(olga, new RegExp(`initial_conversation":"${other}`));
  await h.submit(olga, fresh, { ...asked, ...told });
  await h.modal(olga, /is on its way/);
  expect(h.operations.done).toMatchObject([
    { method: 'provision', args: { channelId: other, count: 2, size: 'large', ttlHours: 48 } },
  ]);
});

test('a channel where commands are not allowed is refused, before the form or after it', async () => {
  const h = await harness({ access: { ...access, channels: [other] } });
  const message = await say(h, vera, 'The shop is slow');
  await shortcut(h, olga, 'burst_provision_thread', message);
  await h.message(olga, /commands are not allowed in this channel/);
  await shortcut(h, olga, 'burst_provision');
  const form = await h.modal(olga, /Tell it in/);
  await h.submit(olga, form, {
    ...asked,
    channel: { channel: { type: 'conversations_select', selected_conversation: channel } },
  });
  await h.modal(olga, /commands are not allowed in this channel/);
  expect(h.operations.done).toEqual([]);
});

test('of several clusters one is chosen: the sizes are its own, and so is the request', async () => {
  const east = new FakeOperations();
  const west = new FakeOperations();
  west.cluster = 'west';
  const sizes = new Map([['huge', { name: 'huge', cpus: 64, memoryGiB: 512, diskGiB: 400 }]]);
  const h = await harness({
    cluster: 'east',
    operations: east,
    others: [{ cluster: 'west', operations: west, access, workers: { ...workers, sizes, defaultSize: 'huge' } }],
  });
  await shortcut(h, olga, 'burst_provision');
  const form = await h.modal(olga, /Tell it in/);
  const at = {
    cluster: { cluster: chosen('west') },
    channel: { channel: { type: 'conversations_select', selected_conversation: channel } },
  };
  const action = {
    type: 'static_select',
    action_id: 'cluster',
    block_id: 'cluster',
    selected_option: { value: 'west' },
  };
  await h.clickView(olga, form, action, { ...asked, ...at });
  const fresh = await h.modal(olga, /huge: 64 CPU/);
  await h.submit(olga, fresh, { ...asked, ...at, size: { size: chosen('huge') } });
  await h.modal(olga, /is on its way/);
  expect(east.done).toEqual([]);
  expect(west.done).toMatchObject([{ method: 'provision', args: { channelId: channel, size: 'huge' } }]);
});

test('who may not provision is told so in the form', async () => {
  const h = await harness();
  await shortcut(h, vera, 'burst_provision');
  await h.modal(vera, /this needs the role operator/);
});
