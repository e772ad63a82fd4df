/**
 * Streamable HTTP. Invariants: nothing is answered without a known Host, an allowed Origin and a valid bearer token; a
 * session belongs to the token that opened it; bodies, sessions and idle time are bounded.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { ErrorCode, isInitializeRequest } from '@modelcontextprotocol/sdk/types.js';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import { createEventStore } from './events.ts';
import type { Log, Token } from './types.ts';

export type McpHttpOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly tokens: readonly Token[];
  /** Host names besides the address listened on (and localhost, on loopback); without a port: any port. */
  readonly allowedHosts: readonly string[];
  /** Origins of web pages that may call, e.g. `https://inspector.example.com`; others and `null` are refused. */
  readonly allowedOrigins: readonly string[];
  /** Bytes; a longer body is refused with 413. */
  readonly maxBodyBytes: number;
  readonly maxSessions: number;
  /** A session without a request for so long is closed, ms. */
  readonly idleMs: number;
  /** A new server for each session. */
  readonly serverFor: (token: Token) => McpServer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
};
export type McpHttp = { readonly url: string; close(): Promise<void> };

type Session = {
  readonly token: Token;
  readonly server: McpServer;
  readonly transport: StreamableHTTPServerTransport;
  usedAtMs: number;
  /** Requests being answered, streams among them. */
  open: number;
};

export const MCP_PATH = '/mcp';
/** When a client whose stream broke may come again. */
const RETRY_MS = 1000;
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** A refusal at the HTTP level, with the JSON-RPC error that MCP wants in its body. */
class Refused extends Error {
  readonly status: number;
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, code: number = -32_000, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The token that a request shows, compared in constant time with every known one. */
export function tokenOf(header: string | undefined, tokens: readonly Token[]): Token | undefined {
  const shown = /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1];
  const shownDigest = digest(shown ?? '');
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(shownDigest, digest(token.token))) found = token;
  return shown === undefined ? undefined : found;
}

const bare = (host: string): string =>
  host
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();

function checkHost(request: IncomingMessage, options: McpHttpOptions): void {
  const host = (request.headers.host ?? '').toLowerCase();
  const known = new Set(options.allowedHosts.map((name) => name.toLowerCase()));
  const own = LOOPBACK.has(options.host) ? LOOPBACK : new Set([options.host.toLowerCase()]);
  if (own.has(bare(host)) || known.has(host) || known.has(bare(host))) return;
  throw new Refused(403, 'this Host is not one of mcp.allowed_hosts');
}

function checkOrigin(request: IncomingMessage, options: McpHttpOptions): void {
  const { origin } = request.headers;
  if (origin === undefined || options.allowedOrigins.includes(origin)) return;
  const name = bare(URL.parse(origin)?.host ?? '');
  // a page of this very machine, when only this machine is listened to
  if (LOOPBACK.has(options.host) && LOOPBACK.has(name)) return;
  throw new Refused(403, 'this Origin is not one of mcp.allowed_origins');
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const tooLarge = new Refused(413, `the body is over ${maxBytes} bytes`, ErrorCode.InvalidRequest, {
    Connection: 'close',
  });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch {
    throw new Refused(400, 'the body is not JSON', ErrorCode.ParseError);
  }
}

function answer(response: ServerResponse, refused: Refused): void {
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify({ jsonrpc: '2.0', error: { code: refused.code, message: refused.message }, id: null });
  response.writeHead(refused.status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...refused.headers,
  });
  response.end(body);
}

/** Starts to listen. @throws when the address cannot be listened on. */
export async function startMcpHttp(options: McpHttpOptions): Promise<McpHttp> {
  const { clock, ids, log } = options;
  const sessions = new Map<string, Session>();

  const end = async (id: string): Promise<void> => {
    const session = sessions.get(id);
    sessions.delete(id);
    await session?.server.close();
  };
  /** Closes what has been idle for too long; when all places are taken, also the longest idle one. */
  const makeRoom = async (): Promise<void> => {
    const idle = [...sessions]
      .filter(([, session]) => session.open === 0)
      .sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
    for (const [id, { usedAtMs }] of idle)
      if (clock.now() - usedAtMs > options.idleMs || sessions.size >= options.maxSessions) await end(id);
    if (sessions.size >= options.maxSessions)
      throw new Refused(503, `${sessions.size} sessions are open`, -32_000, { 'Retry-After': '5' });
  };

  const open = async (token: Token): Promise<Session> => {
    await makeRoom();
    const server = options.serverFor(token);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => ids.base32(32),
      eventStore: createEventStore(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => void sessions.set(id, session),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    const session: Session = { token, server, transport, usedAtMs: clock.now(), open: 0 };
    transport.onerror = (error) => log.debug({ err: error, token: token.name }, 'an MCP request was refused');
    // the SDK's transport types lack exactOptionalPropertyTypes
    await server.connect(transport);
    return session;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    checkHost(request, options);
    checkOrigin(request, options);
    if ((request.url ?? '').split('?')[0] !== MCP_PATH) throw new Refused(404, `there is only ${MCP_PATH}`);
    const token = tokenOf(request.headers.authorization, options.tokens);
    if (token === undefined)
      throw new Refused(401, 'a valid bearer token is needed', -32_001, { 'WWW-Authenticate': 'Bearer' });
    const { method } = request;
    if (method !== 'POST' && method !== 'GET' && method !== 'DELETE')
      throw new Refused(405, 'only POST, GET and DELETE', -32_000, { Allow: 'POST, GET, DELETE' });
    const body = method === 'POST' ? await readBody(request, options.maxBodyBytes) : undefined;
    const header = request.headers['mcp-session-id'];
    let session: Session | undefined;
    if (header === undefined) {
      if (!isInitializeRequest(body))
        throw new Refused(400, 'the Mcp-Session-Id header is missing; begin with initialize');
      session = await open(token);
    } else {
      session = typeof header === 'string' ? sessions.get(header) : undefined;
      // another token's session is as unknown as none
      if (session === undefined || session.token.name !== token.name)
        throw new Refused(404, 'there is no such session; begin with initialize', -32_001);
    }
    const used = session;
    used.usedAtMs = clock.now();
    used.open += 1;
    response.once('close', () => {
      used.open -= 1;
      used.usedAtMs = clock.now();
    });
    await used.transport.handleRequest(request, response, body);
  };

  const http = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (!(error instanceof Refused)) log.error({ err: error }, 'an MCP request could not be answered');
      answer(response, error instanceof Refused ? error : new Refused(500, 'this could not be answered', -32_603));
    });
  });
  http.headersTimeout = 10_000;
  http.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port, options.host, () => {
      http.off('error', reject);
      resolve();
    });
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}${MCP_PATH}`,
    async close() {
      await Promise.all([...sessions.keys()].map(end));
      await new Promise<void>((resolve, reject) => {
        http.close((error) => (error === undefined ? resolve() : reject(error)));
        http.closeAllConnections();
      });
    },
  };
}
