/** The protocol's own conformance suite for servers, over both transports. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as send } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startMcpHttp } from '../../src/mcp/index.ts';
import type { McpHttp } from '../../src/mcp/index.ts';
import { systemClock, systemIds } from '../../src/system.ts';
import { conformanceServer } from './support/conformance-server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TOKEN = 'conformance-token-0123456789';

/** Burst's own HTTP server, with the suite's tools behind it; a port of 0 is a free one. */
async function startMcpHttpOn(port: number): Promise<McpHttp> {
  const nothing = (): void => undefined;
  const server = await startMcpHttp({
    host: '127.0.0.1',
    port,
    tokens: [
      {
        name: 'suite',
        token: TOKEN,
        userId: undefined,
        role: 'viewer',
        clusters: [],
        alone: [],
        limits: { maxCount: undefined, maxTtlHours: undefined, sizes: [], rates: [], callsPerMinute: undefined },
      },
    ],
    allowedHosts: [],
    allowedOrigins: [],
    maxBodyBytes: 1_000_000,
    maxSessions: 200,
    idleMs: 60_000,
    serverFor: conformanceServer,
    clock: systemClock,
    ids: systemIds(systemClock),
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= server.close());
  onTestFinished(close);
  return { url: server.url, close };
}
const startBurst = async (): Promise<string> => (await startMcpHttpOn(0)).url;

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${(server.address() as AddressInfo).port}/mcp`;
}

/** The suite knows no bearer token: this adds it and leaves everything else as it is. */
const withToken = (url: string): Promise<string> =>
  listen((request, response) => {
    const onward = send(
      url,
      { method: request.method ?? 'GET', headers: { ...request.headers, authorization: `Bearer ${TOKEN}` } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });

/** The suite speaks HTTP alone: this gives each of its sessions a `burst mcp` of its own, message by message. */
function throughStdio(url: string): Promise<string> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const open = async (): Promise<StreamableHTTPServerTransport> => {
    const stdio = new StdioClientTransport({
      command: process.execPath,
      args: [join(ROOT, 'src', 'main.ts'), 'mcp', '--url', url],
      env: { ...(process.env as Record<string, string>), BURST_MCP_TOKEN: TOKEN },
      stderr: 'ignore',
    });
    const front: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => void sessions.set(id, front),
    });
    // which stream a message belongs to is HTTP's own affair: what comes during a call belongs to that call
    let latest: string | number | undefined;
    front.onmessage = (message) => {
      if ('method' in message && 'id' in message) latest = message.id;
      void stdio.send(message);
    };
    stdio.onmessage = (message) => {
      const answer = 'result' in message || 'error' in message;
      void front.send(message, answer || latest === undefined ? {} : { relatedRequestId: latest });
    };
    await stdio.start();
    onTestFinished(() => stdio.close());
    return front;
  };
  return listen((request, response) => {
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    void Promise.resolve(known ?? open()).then((front) => front.handleRequest(request, response));
  });
}

type Verdict = { readonly passed: boolean; readonly text: string };
async function suite(url: string, ...args: string[]): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'burst-conformance-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(ROOT, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'server', '--url', url, ...args], { cwd: folder }, (error, out, problems) =>
      resolve({ passed: error === null, text: `${out}\n${problems}` }),
    );
  });
}

/** Scenarios of what only a server of HTTP has: its streams (2), and the Host header. */
const HTTP_ONLY = 3;
/** All the others. */
const SCENARIOS = [
  'server-initialize',
  'logging-set-level',
  'ping',
  'completion-complete',
  'tools-list',
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-with-logging',
  'tools-call-error',
  'tools-call-with-progress',
  'tools-call-sampling',
  'tools-call-elicitation',
  'json-schema-2020-12',
  'elicitation-sep1034-defaults',
  'elicitation-sep1330-enums',
  'resources-list',
  'resources-read-text',
  'resources-read-binary',
  'resources-templates-read',
  'resources-subscribe',
  'resources-unsubscribe',
  'prompts-list',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-embedded-resource',
  'prompts-get-with-image',
];

it('streamable HTTP passes every scenario', async () => {
  const { passed, text } = await suite(await withToken(await startBurst()), '--suite', 'all');
  expect(passed, text).toBe(true);
  expect(text.match(/^✓ /gm)).toHaveLength(SCENARIOS.length + HTTP_ONLY);
});

it('stdio passes every scenario that does not concern HTTP itself', async () => {
  const url = await throughStdio(await startBurst());
  const failed: string[] = [];
  const left = [...SCENARIOS];
  const lane = async (): Promise<void> => {
    for (let scenario = left.shift(); scenario !== undefined; scenario = left.shift()) {
      const { passed, text } = await suite(url, '--scenario', scenario);
      if (!passed) failed.push(`${scenario}: ${text}`);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  expect(failed, failed.join('\n')).toEqual([]);
});

it('a client of `burst mcp` is served again after the bot was restarted', async () => {
  const first = await startMcpHttpOn(0);
  const client = new Client({ name: 'test', version: '1.0.0' });
  const link = new StdioClientTransport({
    command: process.execPath,
    args: [join(ROOT, 'src', 'main.ts'), 'mcp', '--url', first.url],
    env: { ...(process.env as Record<string, string>), BURST_MCP_TOKEN: TOKEN },
    stderr: 'ignore',
  });
  await client.connect(link);
  onTestFinished(() => client.close());
  expect((await client.listTools()).tools.length).toBeGreaterThan(5);
  const { port } = new URL(first.url);
  await first.close();
  await expect(client.listTools()).rejects.toThrow();
  await startMcpHttpOn(Number(port));
  expect((await client.listTools()).tools.length).toBeGreaterThan(5);
});
