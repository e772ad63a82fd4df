/** A loopback TCP proxy whose connections can be cut, refused or left silent, to try what a bad network does. */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export type TcpProxy = {
  readonly port: number;
  /** Breaks every connection; new ones work. */
  cut(): void;
  /** Breaks every connection and refuses new ones until `restore`. */
  refuse(): void;
  /** Passes nothing on any more through the present connections, without a word; new ones work. */
  freeze(): void;
  restore(): void;
  close(): Promise<void>;
};

export async function startTcpProxy(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let refusing = false;
  const server = createServer((inbound) => {
    if (refusing) {
      inbound.resetAndDestroy();
      return;
    }
    const outbound = connect(target.port, target.host);
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => void socket.resetAndDestroy());
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    refuse: () => {
      refusing = true;
      cut();
    },
    freeze: () => sockets.forEach((socket) => socket.unpipe().pause()),
    restore: () => {
      refusing = false;
    },
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
