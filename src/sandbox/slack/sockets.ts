/**
 * Socket Mode. Invariant: an envelope that was sent stays until it is acknowledged or was sent as often as Slack sends
 * it; while no socket is there, it waits for the next one. A socket that was told to go gets nothing more.
 */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { Rec } from './values.ts';
import { APP } from './workspace.ts';

export type DeliveryKind = 'slash_commands' | 'interactive' | 'events_api';
/** Sends a payload to the app; the ack's payload, or undefined when none came in time. */
export type Deliver = (kind: DeliveryKind, payload: Rec) => Promise<Rec | undefined>;

type Envelope = {
  id: string;
  kind: DeliveryKind;
  payload: Rec;
  sent: number;
  via: WebSocket | undefined;
  timer: NodeJS.Timeout | undefined;
  done: (ack: Rec | undefined) => void;
};

/** How long Slack waits for an ack, in real ms. */
export const ACK_MS = 3000;
const MOST_CONNECTIONS = 10;
const MOST_SENDS = 4;
/** How long a client may be away after it was told to reconnect, in real ms. */
const RECONNECT_MS = 30_000;
/** How long a socket that was told to go stays, in real ms. */
const LEAVE_MS = 10_000;

const ackSchema = z.looseObject({
  envelope_id: z.string(),
  payload: z.record(z.string(), z.unknown()).nullish(),
});
const readAck = (data: RawData): z.infer<typeof ackSchema> | undefined => {
  try {
    return ackSchema.safeParse(JSON.parse((data as Buffer).toString())).data;
  } catch {
    return undefined;
  }
};

/** Serves sockets at `/socket` of `server`. `ackMs`: how long to wait for an ack before sending again, default 3000. */
export function createSockets(server: Server, ackMs = ACK_MS) {
  const pending = new Map<string, Envelope>();
  const sockets = new Set<WebSocket>();
  const leaving = new Set<WebSocket>();
  let turn = 0;
  let reconnectingUntilMs = 0;

  const drop = (e: Envelope): void => {
    clearTimeout(e.timer);
    pending.delete(e.id);
    e.done(undefined);
  };
  const later = (e: Envelope, ms: number, then: () => void): void => {
    clearTimeout(e.timer);
    e.timer = setTimeout(then, ms).unref();
  };
  /** Sends over the next socket in turn; false when there is none. */
  const send = (e: Envelope): boolean => {
    const open = [...sockets].filter((s) => s.readyState === s.OPEN && !leaving.has(s));
    const socket = open[turn++ % Math.max(1, open.length)];
    if (!socket) return false;
    const envelope = {
      envelope_id: e.id,
      type: e.kind,
      payload: e.payload,
      accepts_response_payload: e.kind !== 'events_api',
    };
    const retry = { retry_attempt: e.sent, retry_reason: e.sent > 0 ? 'timeout' : '' };
    socket.send(JSON.stringify(e.kind === 'events_api' || e.sent > 0 ? { ...envelope, ...retry } : envelope));
    e.via = socket;
    e.sent++;
    later(e, ackMs, () => {
      e.done(undefined);
      if (e.sent >= MOST_SENDS) drop(e);
      else if (!send(e)) e.via = undefined;
    });
    return true;
  };
  const wss = new WebSocketServer({ server, path: '/socket' });
  wss.on('connection', (socket) => {
    if (sockets.size >= MOST_CONNECTIONS) {
      socket.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets' }));
      return socket.close();
    }
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      leaving.delete(socket);
      for (const e of pending.values())
        if (e.via === socket) {
          e.via = undefined;
          if (e.sent < MOST_SENDS) send(e);
        }
    });
    socket.on('message', (data: RawData) => {
      const ack = readAck(data);
      const e = ack && pending.get(ack.envelope_id);
      if (!e) return;
      clearTimeout(e.timer);
      pending.delete(e.id);
      e.done(ack.payload ?? {});
    });
    socket.send(
      JSON.stringify({
        type: 'hello',
        num_connections: sockets.size,
        connection_info: { app_id: APP },
        debug_info: { host: 'sandbox', approximate_connection_time: 18_060 },
      }),
    );
    for (const e of pending.values()) if (e.via === undefined) send(e);
  });
  const pings = setInterval(() => sockets.forEach((s) => s.ping()), 10_000);
  const deliver: Deliver = (kind, payload) =>
    new Promise((resolve) => {
      const e: Envelope = { id: randomUUID(), kind, payload, sent: 0, via: undefined, timer: undefined, done: resolve };
      pending.set(e.id, e);
      if (send(e)) return;
      // Nobody listens: an event or a client on its way back is waited for, a person is told soon.
      const waitMs = kind === 'events_api' ? RECONNECT_MS : Math.max(ackMs, reconnectingUntilMs - Date.now());
      later(e, waitMs, () => drop(e));
    });
  return {
    deliver,
    count: (): number => sockets.size,
    /** Tells every client to reconnect, as Slack does every few hours. */
    refresh(): void {
      reconnectingUntilMs = Date.now() + RECONNECT_MS;
      for (const socket of sockets) {
        leaving.add(socket);
        socket.send(
          JSON.stringify({ type: 'disconnect', reason: 'refresh_requested', debug_info: { host: 'sandbox' } }),
        );
        setTimeout(() => socket.close(), LEAVE_MS).unref();
      }
    },
    close(): void {
      clearInterval(pings);
      for (const e of [...pending.values()]) drop(e);
      sockets.forEach((s) => s.terminate());
    },
  };
}
