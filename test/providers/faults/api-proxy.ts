/** Stands between the MCP servers and the Proxmox VE API, and does harm on demand. */
import https from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What becomes of one request. */
export type ApiFault =
  | { readonly kind: 'answer'; readonly status: number; readonly message: string }
  | { readonly kind: 'cut-before' | 'cut-after' | 'malformed' | 'prose' | 'huge' }
  | { readonly kind: 'late'; readonly ms: number }
  /** Something happens just before the request is served, or what it answers is another. */
  | { readonly kind: 'meanwhile'; readonly work: () => Promise<void> }
  | { readonly kind: 'rewrite'; readonly change: (reply: string) => string };
export type ApiMatch = { readonly method: string; readonly path: RegExp };

export type ApiProxy = {
  readonly port: number;
  /** The next requests like this fail; without `times` one. */
  fail(match: ApiMatch, fault: ApiFault, times?: number): void;
  mend(): void;
  /** How often a fault struck. */
  readonly struck: () => number;
  /** Changing requests, as `METHOD path`. */
  readonly changes: () => readonly string[];
  /** Where the API listens. */
  aim(port: number, certificate: string, key: string): Promise<void>;
  close(): Promise<void>;
};

const HUGE = 10_000_000;

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function createApiProxy(port: number): ApiProxy {
  let faults: { match: ApiMatch; fault: ApiFault; times: number }[] = [];
  let changes: string[] = [];
  let struck = 0;
  let server: https.Server | undefined;
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });

  async function forward(request: IncomingMessage, body: Buffer, target: number): Promise<[IncomingMessage, Buffer]> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const { method, url: path, headers } = request;
      const out = https.request({ host: '127.0.0.1', port: target, method, path, headers, agent }, resolve);
      out.on('error', reject);
      out.end(body);
    });
    return [answer, await bodyOf(answer)];
  }

  async function handle(request: IncomingMessage, response: ServerResponse, target: number): Promise<void> {
    const { method = '', url = '' } = request;
    const path = new URL(url, 'https://api').pathname.replace('/api2/json', '');
    if (method !== 'GET') changes.push(`${method} ${path}`);
    const found = faults.find(({ match, times }) => times > 0 && match.method === method && match.path.test(path));
    const body = await bodyOf(request);
    if (found !== undefined) {
      found.times -= 1;
      struck += 1;
    }
    const fault = found?.fault;
    if (fault?.kind === 'cut-before') return void request.socket.destroy();
    if (fault?.kind === 'answer') {
      // as Proxmox VE does it: the words stand in the status line
      response.writeHead(fault.status, fault.message, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ data: null, message: `${fault.message}\n` }));
    }
    if (fault?.kind === 'meanwhile') await fault.work();
    const [answer, reply] = await forward(request, body, target);
    if (fault?.kind === 'late') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === 'cut-after') return void request.socket.destroy();
    const text =
      fault?.kind === 'malformed'
        ? reply.subarray(0, Math.max(1, reply.length / 2))
        : fault?.kind === 'prose'
          ? Buffer.from('<html><body>The gateway is having a lie-down.</body></html>')
          : fault?.kind === 'huge'
            ? Buffer.from(JSON.stringify({ data: 'x'.repeat(HUGE) }))
            : fault?.kind === 'rewrite'
              ? Buffer.from(fault.change(reply.toString('utf8')))
              : reply;
    const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 500, answer.statusMessage, { ...headers, 'content-length': text.length });
    response.end(text);
  }

  return {
    port,
    fail: (match, fault, times = 1) => void faults.push({ match, fault, times }),
    mend() {
      faults = [];
      changes = [];
      struck = 0;
    },
    struck: () => struck,
    changes: () => changes,
    async aim(target, cert, key) {
      server = https.createServer({ cert, key }, (request, response) => {
        handle(request, response, target).catch(() => request.socket.destroy());
      });
      await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
    },
    async close() {
      agent.destroy();
      server?.closeAllConnections();
      await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
    },
  };
}
