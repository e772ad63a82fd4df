/** The listening socket: HTTP and HTTPS on one loopback port, since kubectl sends its token over TLS only. */
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { handle, type Context } from './request.ts';

export type Server = {
  readonly port: number;
  /** While true every connection is cut, open ones too. */
  setDown(down: boolean): void;
  close(): Promise<void>;
};

const tlsHandshake = 0x16;

/** Listens on 127.0.0.1; `onRequest` is called before each request is answered. */
export async function listen(
  context: Context,
  port: number,
  tls: { certificate: string; key: string },
  onRequest: (method: string, path: string) => void,
): Promise<Server> {
  let down = false;
  const sockets = new Set<net.Socket>();
  const listener: http.RequestListener = (request, response) => {
    if (down) {
      request.socket.destroy();
      return;
    }
    onRequest(request.method ?? 'GET', request.url ?? '/');
    void handle(context, request, response);
  };
  const plain = http.createServer({ keepAliveTimeout: 60_000 }, listener);
  const secure = https.createServer({ cert: tls.certificate, key: tls.key, keepAliveTimeout: 60_000 }, listener);
  const front = net.createServer((socket) => {
    if (down) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    socket.once('data', (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      (first[0] === tlsHandshake ? secure : plain).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen(port, '127.0.0.1', resolve);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (front.address() as AddressInfo).port,
    setDown: (on) => {
      down = on;
      if (on) cut();
    },
    close: () =>
      new Promise((resolve) => {
        front.close(() => {
          resolve();
        });
        cut();
      }),
  };
}
