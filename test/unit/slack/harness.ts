import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import type { Chat } from '../../../src/ports/chat.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Ids } from '../../../src/ports/ids.ts';
import type { Store } from '../../../src/ports/store.ts';
import type { PageMessage, PageSlackState, PageView, ViewStateValues } from '../../../src/sandbox/contract.ts';
import { startSlackSimulator } from '../../../src/sandbox/slack/index.ts';
import type { SlackSimulatorForTests } from '../../../src/sandbox/slack/index.ts';
import { createSlackApp } from '../../../src/slack/index.ts';
import type { SlackAppOptions } from '../../../src/slack/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { FakeOperations, T, access, workers } from './fixtures.ts';

export const channel = 'C0BURST0001';
export const other = 'C0GENERAL01';
export const olga = 'U0OPERATOR1';
export const ada = 'U0ADMIN0001';
export const vera = 'U0VIEWER001';
export const nina = 'U0NOBODY001';

export type Harness = {
  readonly slack: SlackSimulatorForTests;
  /** The app that runs now. */
  readonly app: Chat;
  /** Another process takes over: a new app on the same store and workspace. */
  restart(): Promise<void>;
  readonly store: Store;
  readonly operations: FakeOperations;
  readonly clock: Clock & { at: number };
  readonly logged: string[];
  command(user: string, text: string, where?: string): Promise<void>;
  state(user: string): Promise<PageSlackState>;
  /** Waits for a message that this person sees. */
  message(user: string, text: RegExp): Promise<PageMessage>;
  modal(user: string, text: RegExp): Promise<PageView>;
  click(user: string, message: PageMessage, actionId: string, choose?: string): Promise<void>;
  /** A click that the message does not offer: a forged or outdated one. */
  press(user: string, message: PageMessage, actionId: string, value: string): Promise<void>;
  /** Opens the App Home. */
  home(user: string, text: RegExp): Promise<PageView>;
  /** A click in a view (the App Home or a form). */
  clickView(user: string, view: PageView, action: Record<string, unknown>, values?: ViewStateValues): Promise<void>;
  submit(user: string, view: PageView, state: ViewStateValues): Promise<Record<string, unknown>>;
};

/** The app against the simulated Slack, with the real store in memory. */
export async function harness(more: Partial<SlackAppOptions> = {}, requestUrl?: string): Promise<Harness> {
  const clock: Clock & { at: number } = {
    at: T,
    now: () => clock.at,
    // The delivery's looks come fast; long limits stay long, so that a test fails where one is needed.
    sleep: async (ms, signal) => wait(ms > 5000 ? ms : 20, undefined, signal === undefined ? {} : { signal }),
  };
  let count = 0;
  const ids: Ids = { next: () => `id${String(++count).padStart(8, '0')}`, base32: (length) => 'a'.repeat(length) };
  const slack = await startSlackSimulator({
    clock,
    rateLimits: false,
    ...(requestUrl === undefined ? {} : { requestUrl }),
  });
  onTestFinished(() => slack.close());
  const store = await openStore({ path: ':memory:', clock, ids });
  onTestFinished(() => store.close());
  const operations = new FakeOperations();
  operations.store = store;
  const logged: string[] = [];
  const line = (fields: Readonly<Record<string, unknown>>, text: string): void =>
    void logged.push(`${text} ${JSON.stringify(fields)}`);
  const make = (): Chat =>
    createSlackApp({
      mode: { kind: 'socket', appToken: slack.appToken },
      botToken: slack.botToken,
      apiUrl: slack.apiUrl,
      operations,
      store,
      access,
      workers,
      defaultChannelId: channel,
      clock,
      ids,
      log: { debug: () => undefined, info: line, warn: line, error: line },
      ...more,
    });
  let app = make();
  await app.start();
  app.resume();
  onTestFinished(() => app.stop());

  const state = async (user: string): Promise<PageSlackState> =>
    (await slack.handlePage('GET', '/state', new URLSearchParams({ user }), undefined)).body as PageSlackState;
  const send = async (path: string, body: object): Promise<Record<string, unknown>> =>
    (await slack.handlePage('POST', path, new URLSearchParams(), body)).body as Record<string, unknown>;
  const found = async <X>(look: () => Promise<X | undefined>, seen: () => Promise<unknown>): Promise<X> => {
    for (let tries = 0; tries < 200; tries++) {
      const value = await look();
      if (value !== undefined) return value;
      await wait(20);
    }
    throw new Error(`not seen; instead: ${JSON.stringify(await seen())}\n${logged.join('\n')}`);
  };
  return {
    slack,
    get app() {
      return app;
    },
    async restart() {
      await app.stop();
      app = make();
      await app.start();
      app.resume();
    },
    store,
    operations,
    clock,
    logged,
    state,
    async command(user, text, where = channel) {
      expect(await send('/command', { user, channel: where, text })).toEqual({ ok: true });
    },
    message: (user, text) =>
      found(
        async () => (await state(user)).messages.findLast((item) => text.test(item.text)),
        async () => (await state(user)).messages.map((item) => item.text),
      ),
    modal: (user, text) =>
      found(
        async () => (await state(user)).modals.findLast((item) => text.test(JSON.stringify(item))),
        async () => (await state(user)).modals,
      ),
    async click(user, message, actionId, choose) {
      const block = message.blocks.find((item) => JSON.stringify(item).includes(`"${actionId}"`));
      const elements = (block as { elements?: { action_id?: string; value?: string; type?: string }[] }).elements ?? [];
      const element = elements.find((item) => item.action_id === actionId);
      if (element === undefined) throw new Error(`no ${actionId} in ${JSON.stringify(message.blocks)}`);
      const action = {
        type: element.type,
        action_id: actionId,
        block_id: 'b',
        ...(choose === undefined ? { value: element.value } : { selected_option: { value: choose } }),
      };
      const container = { type: 'message', channel: message.channel, ts: message.ts };
      expect(await send('/action', { user, container, action })).toEqual({ ok: true });
    },
    async press(user, message, actionId, value) {
      const container = { type: 'message', channel: message.channel, ts: message.ts };
      const action = { type: 'button', action_id: actionId, block_id: 'b', value };
      expect(await send('/action', { user, container, action })).toEqual({ ok: true });
    },
    async home(user, text) {
      expect(await send('/home/open', { user })).toEqual({ ok: true });
      return found(
        async () => {
          const { home } = await state(user);
          return home !== undefined && text.test(JSON.stringify(home)) ? home : undefined;
        },
        async () => (await state(user)).home,
      );
    },
    async clickView(user, view, action, values) {
      const container = { type: 'view', viewId: view.id };
      const sent = {
        user,
        container,
        action: { block_id: 'b', ...action },
        ...(values === undefined ? {} : { state: values }),
      };
      expect(await send('/action', sent)).toEqual({ ok: true });
    },
    submit: (user, view, values) => send('/view/submit', { user, viewId: view.id, state: values }),
  };
}
export const typed = (value: string) => ({ type: 'plain_text_input', value });
export const chosen = (value: string) => ({ type: 'static_select', selected_option: { value } });
