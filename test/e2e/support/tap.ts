/**
 * A proxy on the way to one simulator. It forwards what passes, names each call, and lets a test cut the line, answer in
 * the simulator's place, or do something right before a call arrives or right after its reply was made (and is lost).
 */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

export type When = 'before' | 'after';
type Answer = { readonly status: number; readonly body: string; readonly type?: string };
export type Tap = {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Names of the calls so far, e.g. `clone_vm`, `PATCH nodes`, `chat.update`. */
  readonly calls: string[];
  /** While true every connection is refused; open ones are cut. */
  setDown(down: boolean): void;
  /** Cuts what is open now. */
  cut(): void;
  /** `act` is done at the next call of this name; the call (`before`) or its reply (`after`) is lost. */
  lose(call: string, when: When, act: () => void): void;
  /** `act` is done at the next call of this name, right before it arrives or right after its reply was made; nothing is lost. */
  see(call: string, when: When, act: () => void): void;
  /** Each call is held back for so long, ms. */
  slowMs: number;
  /** Answers in the simulator's place when this gives an answer. */
  answer: ((call: string, body: string) => Answer | undefined) | undefined;
};

const toolCall = z.looseObject({
  method: z.string(),
  params: z.looseObject({ name: z.string().optional() }).optional(),
});

/** What a call is called: the MCP tool, the Web API method, or the verb and resource of Kubernetes. */
function nameOf(method: string, path: string, body: string): string {
  if (path.startsWith('/mcp')) {
    if (body === '') return `${method} mcp`;
    const parsed = toolCall.safeParse(JSON.parse(body));
    return parsed.data?.params?.name ?? parsed.data?.method ?? 'mcp';
  }
  if (/^\/api\/[a-z]+\.[\w.]+$/i.test(path)) return path.slice('/api/'.length);
  const parts = path.split('/').slice(path.startsWith('/api/') ? 3 : 4);
  const [resource, , sub] = parts[0] === 'namespaces' && parts.length > 2 ? parts.slice(2) : parts;
  return `${method} ${resource ?? path}${sub === undefined ? '' : `/${sub}`}`;
}

/** `finished` is told how to end it. */
export async function startTap(target: string, finished: (end: () => Promise<void>) => void): Promise<Tap> {
  const to = new URL(target);
  const sockets = new Set<net.Socket>();
  const traps: { call: string; when: When; loses: boolean; act: () => void }[] = [];
  let down = false;
  const trapped = (call: string, when: When) => {
    const at = traps.findIndex((trap) => trap.call === call && trap.when === when);
    return at < 0 ? undefined : traps.splice(at, 1)[0];
  };
  const keep = (socket: net.Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const call = nameOf(request.method ?? 'GET', new URL(request.url ?? '/', target).pathname, body.toString());
      tap.calls.push(call);
      const before = trapped(call, 'before');
      before?.act();
      if (before?.loses === true) return void request.socket.destroy();
      const own = tap.answer?.(call, body.toString());
      if (own !== undefined)
        return void response.writeHead(own.status, { 'content-type': own.type ?? 'application/json' }).end(own.body);
      const after = trapped(call, 'after');
      const upstream = (to.protocol === 'https:' ? https : http).request(
        {
          host: to.hostname,
          port: to.port,
          path: request.url,
          method: request.method,
          headers: request.headers,
          // a real API server's certificate is not for this address
          rejectUnauthorized: false,
        },
        (reply) => {
          reply.on('error', () => request.socket.destroy());
          if (after?.loses === true) {
            reply.resume();
            reply.on('end', () => {
              after.act();
              request.socket.destroy();
            });
            return;
          }
          after?.act();
          if (call === 'apps.connections.open') return void redirect(reply, response);
          response.writeHead(reply.statusCode ?? 502, reply.headers);
          // a watch begins long before it has anything to tell
          response.flushHeaders();
          reply.pipe(response);
        },
      );
      upstream.on('error', () => request.socket.destroy());
      response.on('close', () => upstream.destroy());
      if (tap.slowMs === 0) upstream.end(body);
      else setTimeout(() => upstream.end(body), tap.slowMs);
    });
  });
  /** Socket Mode shall come through here too. */
  const redirect = (reply: http.IncomingMessage, response: http.ServerResponse): void => {
    let text = '';
    reply.setEncoding('utf8');
    reply.on('data', (chunk: string) => (text += chunk));
    reply.on('end', () => {
      const { 'content-length': _length, ...headers } = reply.headers;
      response.writeHead(reply.statusCode ?? 502, headers).end(text.replaceAll(to.host, new URL(tap.url).host));
    });
  };
  server.on('upgrade', (request, socket: net.Socket, head) => {
    const upstream = net.connect(Number(to.port), to.hostname, () => {
      const lines = Array.from({ length: request.rawHeaders.length / 2 }, (_, at) =>
        request.rawHeaders.slice(at * 2, at * 2 + 2).join(': '),
      );
      upstream.write(`${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
  });
  server.on('connection', (socket) => {
    if (down) return void socket.destroy();
    keep(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const tap: Tap = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    answer: undefined,
    slowMs: 0,
    cut,
    setDown(on) {
      down = on;
      if (on) cut();
    },
    lose: (call, when, act) => void traps.push({ call, when, act, loses: true }),
    see: (call, when, act) => void traps.push({ call, when, act, loses: false }),
  };
  finished(async () => {
    cut();
    await new Promise((resolve) => server.close(resolve));
  });
  return tap;
}
