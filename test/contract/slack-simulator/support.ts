import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { PageMessage, PageSlackState } from '../../../src/sandbox/contract.ts';
import { startSlackSimulator } from '../../../src/sandbox/slack/index.ts';
import type { SlackOptions } from '../../../src/sandbox/slack/index.ts';

export const olga = 'U0OPERATOR1';
export const vera = 'U0VIEWER001';
export const burst = 'C0BURST0001';
export type Json = Record<string, unknown>;

/** A simulator of its own, with a clock that can be moved, and one person's page. */
export async function simulator(options: Partial<SlackOptions> = {}) {
  const clock = { skippedMs: 0, now: () => Date.now() + clock.skippedMs, sleep: () => Promise.resolve() };
  const slack = await startSlackSimulator({ clock, ...options });
  onTestFinished(() => slack.close());
  const call = async (method: string, args: Json = {}, token = slack.botToken): Promise<Json> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json; charset=utf-8' };
    const answer = await fetch(`${slack.apiUrl}${method}`, { method: 'POST', headers, body: JSON.stringify(args) });
    return { ...((await answer.json()) as Json), status: answer.status, retryAfter: answer.headers.get('retry-after') };
  };
  const state = async (user = olga): Promise<PageSlackState> =>
    (await slack.handlePage('GET', '/state', new URLSearchParams({ user }), undefined)).body as PageSlackState;
  return {
    slack,
    clock,
    call,
    state,
    /** Does something on the page. */
    page: async (path: string, body: Json): Promise<Json> =>
      (await slack.handlePage('POST', path, new URLSearchParams(), { user: olga, ...body })).body as Json,
    messages: async (user = olga): Promise<PageMessage[]> => (await state(user)).messages,
  };
}
export type Simulator = Awaited<ReturnType<typeof simulator>>;

export type Envelope = {
  type: string;
  envelope_id: string;
  payload: Json;
  reason?: string;
  retry_attempt?: number;
  num_connections?: number;
};

/** A bare Socket Mode client that acknowledges nothing by itself. */
export async function client({ call, slack }: Simulator) {
  const { url } = await call('apps.connections.open', {}, slack.appToken);
  const socket = new WebSocket(String(url));
  onTestFinished(() => socket.terminate());
  const all: Envelope[] = [];
  socket.on('message', (data: Buffer) => void all.push(JSON.parse(data.toString()) as Envelope));
  const envelopes = (): Envelope[] => all.filter((item) => !['hello', 'disconnect'].includes(item.type));
  await expect.poll(() => all[0]?.type).toBe('hello');
  return {
    socket,
    all,
    envelopes,
    ack: (envelope: Envelope | undefined, payload?: Json): void =>
      socket.send(JSON.stringify({ envelope_id: envelope?.envelope_id, ...(payload ? { payload } : {}) })),
    /** The envelope at this place, once it is there. */
    async at(place: number): Promise<Envelope> {
      await expect.poll(() => envelopes().length).toBeGreaterThan(place);
      return envelopes()[place] as Envelope;
    },
  };
}
