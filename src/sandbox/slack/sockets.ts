/** Socket Mode. Invariant: an envelope stays until it is acknowledged or was sent as often as Slack sends it. */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { parsed, rec, str } from './values.ts';
import type { Rec } from './values.ts';
import { APP } from './workspace.ts';

export type DeliveryKind = 'slash_commands' | 'interactive' | 'events_api';
/** Sends a payload to the app; the ack's payload, or undefined when none came in time. */
export type Deliver = (kind: DeliveryKind, payload: Rec) => Promise<Rec | undefined>;

type Envelope = { id: string; type: string; payload: Rec; attempt: number; done: (ack: Rec) => void };

/** How long Slack waits for an ack, in real ms. */
export const ACK_MS = 3000;

/** Serves sockets at `/socket` of `server`. */
export function createSockets(server: Server) {
  const pending = new Map<string, Envelope>();
  const sockets = new Set<WebSocket>();
  let next = 0;

  const send = (e: Envelope): void => {
    const open = [...sockets].filter((s) => s.readyState === s.OPEN);
    const socket = open[next++ % Math.max(1, open.length)];
    if (!socket || !pending.has(e.id)) return;
    const slow = e.type !== 'events_api';
    socket.send(
      JSON.stringify({
        envelope_id: e.id,
        type: e.type,
        payload: e.payload,
        accepts_response_payload: slow,
        retry_attempt: e.attempt,
        retry_reason: e.attempt > 0 ? 'timeout' : '',
      }),
    );
    e.attempt++;
    if (e.attempt < 4) setTimeout(() => send(e), ACK_MS).unref();
    else setTimeout(() => pending.delete(e.id), ACK_MS).unref();
  };
  const wss = new WebSocketServer({ server, path: '/socket' });
  wss.on('connection', (socket) => {
    if (sockets.size >= 10) return socket.close();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data: Buffer) => {
      const ack = rec(parsed(data.toString()));
      const e = pending.get(str(ack['envelope_id']));
      pending.delete(str(ack['envelope_id']));
      e?.done(rec(ack['payload']));
    });
    socket.send(
      JSON.stringify({
        type: 'hello',
        num_connections: sockets.size,
        connection_info: { app_id: APP },
        debug_info: { host: 'sandbox' },
      }),
    );
    for (const e of pending.values()) if (e.attempt === 0) send(e);
  });
  const pings = setInterval(() => sockets.forEach((s) => s.ping()), 10_000);
  const deliver: Deliver = (type, payload) =>
    new Promise((resolve) => {
      const e: Envelope = { id: randomUUID(), type, payload, attempt: 0, done: resolve };
      pending.set(e.id, e);
      setTimeout(() => resolve(undefined), ACK_MS).unref();
      send(e);
    });
  return {
    deliver,
    refresh: (): void =>
      sockets.forEach((s) => s.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }))),
    close(): void {
      clearInterval(pings);
      sockets.forEach((s) => s.terminate());
    },
  };
}
