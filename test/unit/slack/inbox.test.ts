import { setTimeout as wait } from 'node:timers/promises';
import type { ReceiverEvent } from '@slack/bolt';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { InboxStore } from '../../../src/ports/inbox.ts';
import { createInbox } from '../../../src/slack/inbox.ts';
import type { Inbox } from '../../../src/slack/inbox.ts';
import { arrivalOf } from '../../../src/slack/requests.ts';
import { openStore } from '../../../src/store/index.ts';
import { T } from './fixtures.ts';

const typed = (trigger: string, text = 'list'): Record<string, unknown> => ({
  command: '/burst',
  text,
  token: 'verification-token',
  user_id: 'U1',
  channel_id: 'C1',
  trigger_id: trigger,
});
type World = {
  readonly store: InboxStore;
  at: number;
  readonly said: string[];
  readonly inbox: () => Inbox;
  /** Sends it; answers whether it was acknowledged. */
  readonly send: (inbox: Inbox, body: unknown, serve: (event: ReceiverEvent) => Promise<void>) => Promise<boolean>;
};
async function world(): Promise<World> {
  let count = 0;
  const clock = {
    now: () => self.at,
    sleep: (ms: number, signal?: AbortSignal) => wait(Math.min(ms, 100), undefined, signal ? { signal } : {}),
  };
  const ids = { next: () => `process${++count}`, base32: () => 'a' };
  const store = await openStore({ path: ':memory:', clock, ids });
  const none = (): void => undefined;
  const log = { debug: none, info: none, warn: none, error: none };
  const self: World = {
    store,
    at: T,
    said: [],
    inbox() {
      const answers = (to: { userId: string; channelId: string | undefined }) => async (message: { text: string }) =>
        void self.said.push(`${to.userId} ${to.channelId ?? ''} ${message.text}`);
      const inbox = createInbox({ store: self.store, clock, ids, log, answers });
      onTestFinished(() => inbox.stop());
      return inbox;
    },
    async send(inbox, body, serve) {
      let acked = false;
      const ack = async (): Promise<void> => void (acked = true);
      await inbox.take({ body: body as ReceiverEvent['body'], ack }, serve);
      return acked;
    },
  };
  return self;
}
const serving = (event: ReceiverEvent): Promise<void> => Promise.resolve(event.ack());
const never = (): Promise<void> => new Promise(() => undefined);
const soon = async (look: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 200 && !look(); tries++) await wait(10);
  expect(look()).toBe(true);
};

describe('the inbox', () => {
  it('has a request on record before it is served', async () => {
    const { store, inbox, send } = await world();
    let onRecord: number | undefined;
    await send(inbox(), typed('t1'), async (event) => {
      const claim = { owner: 'other', nowMs: T + 60_000, claimUntilMs: T + 60_000, limit: 10 };
      onRecord = (await store.claimRequests(claim)).length;
      await event.ack();
    });
    expect(onRecord).toBe(1);
  });

  it('serves what comes twice once, and acknowledges it twice', async () => {
    const { inbox, send } = await world();
    const one = inbox();
    let served = 0;
    const serve = (event: ReceiverEvent): Promise<void> => {
      served += 1;
      return serving(event);
    };
    const acks = await Promise.all([send(one, typed('t1'), serve), send(one, typed('t1'), serve)]);
    acks.push(await send(one, typed('t1'), serve));
    acks.push(await send(inbox(), typed('t2'), serve));
    expect({ acks, served }).toEqual({ acks: [true, true, true, true], served: 2 });
  });

  it('gives what a process left to the next one, when its claim is over', async () => {
    const self = await world();
    void self.inbox().take({ body: typed('t1', 'provision 1'), ack: serving as never }, never);
    await wait(20);
    const next = self.inbox();
    const got: unknown[] = [];
    next.resume(async (event) => void got.push([event.body, event.customProperties]));
    await wait(250);
    expect(got, 'the first one may be at work').toEqual([]);
    self.at += 10_001;
    await soon(() => got.length > 0);
    const { token: _secret, ...kept } = typed('t1', 'provision 1');
    expect(got).toEqual([[kept, { takenUp: true }]]);
    self.at += 20_000;
    await wait(250);
    expect(got).toHaveLength(1);
  });

  it('tells what it cannot begin with any more', async () => {
    const self = await world();
    void self.inbox().take({ body: typed('t1', 'provision 1 &lt;b&gt;'), ack: serving as never }, never);
    await wait(20);
    self.at += 31 * 60_000;
    const next = self.inbox();
    let served = 0;
    next.resume(async () => void (served += 1));
    await soon(() => self.said.length > 0);
    expect(self.said.join()).toMatch(/^U1 C1 .*`\/burst provision 1 &lt;b&gt;`.*away for too long/);
    expect(served).toBe(0);
  });

  it('tells what took three processes down', async () => {
    const self = await world();
    void self.inbox().take({ body: typed('t1'), ack: serving as never }, never);
    for (let process = 0; process < 2; process++) {
      await wait(20);
      self.at += 10_001;
      const next = self.inbox();
      let begun = 0;
      next.resume(() => {
        begun += 1;
        return never();
      });
      await soon(() => begun === 1);
    }
    self.at += 10_001;
    let served = 0;
    self.inbox().resume(async () => void (served += 1));
    await soon(() => self.said.length > 0);
    expect(self.said.join()).toContain('ended several times over it');
    expect(served).toBe(0);
  });

  it('serves without a record what cannot be recorded', async () => {
    const self = await world();
    const broken: InboxStore = { ...self.store, recordRequests: () => Promise.reject(new Error('disk full')) };
    const one = { ...self, store: broken };
    let served = 0;
    const none = (): void => undefined;
    const inbox = createInbox({
      store: one.store,
      clock: { now: () => T, sleep: (ms) => wait(ms) },
      ids: { next: () => 'p', base32: () => 'a' },
      log: { debug: none, info: none, warn: none, error: none },
      answers: () => () => Promise.resolve(),
    });
    expect(
      await self.send(inbox, typed('t1'), (event) => {
        served += 1;
        return serving(event);
      }),
    ).toBe(true);
    expect(served).toBe(1);
  });

  it('acknowledges although the record takes its time', async () => {
    const self = await world();
    let written = (): void => undefined;
    const slow = new Promise<void>((resolve) => (written = resolve));
    Object.assign(self, { store: { ...self.store, recordRequests: () => slow.then(() => ['new']) } });
    expect(await self.send(self.inbox(), typed('t1'), serving)).toBe(true);
    written();
  });

  it('leaves what it did not end to the next process when it is stopped', async () => {
    const self = await world();
    const first = self.inbox();
    void first.take({ body: typed('t1'), ack: serving as never }, never);
    await wait(20);
    await first.stop();
    let served = 0;
    self.inbox().resume(async () => void (served += 1));
    await soon(() => served === 1);
  });
});

describe('what is kept of a request', () => {
  const click = {
    type: 'block_actions',
    trigger_id: 't',
    user: { id: 'U1' },
    actions: [{ action_id: 'burst:op:cancel' }],
  };
  it.each([
    ['a command', typed('t'), 'command t'],
    ['a button', click, 'click t'],
    ['a form', { type: 'view_submission', trigger_id: 't', view: { id: 'V' } }, 'form t'],
    ['a shortcut', { type: 'shortcut', trigger_id: 't' }, 'shortcut t'],
    ['a shortcut on a message', { type: 'message_action', trigger_id: 't' }, 'shortcut t'],
    ['a field of a form', { ...click, actions: [{ action_id: 'count' }] }, undefined],
    ['an event', { type: 'event_callback', trigger_id: 't' }, undefined],
    ['a form that was closed', { type: 'view_closed', trigger_id: 't' }, undefined],
    ['nothing', null, undefined],
    ['a list', [], undefined],
    ['without a trigger', { command: '/burst' }, undefined],
    ['a payload beyond all bounds', typed('t', 'x'.repeat(70_000)), undefined],
  ])('%s', (_, body, key) => {
    expect(arrivalOf(body, T)?.key).toBe(key);
  });

  it('is without secrets and without what was shown', () => {
    const body = {
      ...click,
      token: 'secret',
      message: { ts: '1', text: 'hi', blocks: [{ type: 'section' }], attachments: [{}] },
      view: {
        id: 'V',
        private_metadata: '{}',
        blocks: [{ type: 'input' }],
        state: { values: { a: { a: { value: 'x' } } } },
      },
      response_url: 'https://hooks.example/1',
    };
    expect(JSON.parse(arrivalOf(body, T)?.payload ?? '')).toEqual({
      ...click,
      message: { ts: '1', text: 'hi' },
      view: { id: 'V', private_metadata: '{}', state: { values: { a: { a: { value: 'x' } } } } },
      response_url: 'https://hooks.example/1',
    });
  });
});
