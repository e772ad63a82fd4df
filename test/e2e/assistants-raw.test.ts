/** What no well-made client sends, over both transports, and what a stolen name gets. */
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assistant, call, ENV, MCP, outcomeOf, TOKENS } from './support/assistant.ts';
import type { TokenName } from './support/assistant.ts';
import { provisioned, startAll } from './support/world.ts';

type Said = { readonly id?: unknown; readonly result?: object; readonly error?: { code: number; message: string } };
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
const start = async () => {
  const world = await startAll({ config: MCP, env: ENV });
  const url = world.app.mcpUrl ?? '';
  return { ...world, url, as: (name: TokenName) => assistant(url, name, world.finished) };
};

/** `burst mcp` with bare lines. */
function raw(url: string, token: string) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '..', '..', 'src', 'main.ts'), 'mcp', '--url', url],
    {
      env: { PATH: process.env['PATH'], BURST_MCP_TOKEN: token },
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const said: Said[] = [];
  let err = '';
  createInterface({ input: child.stdout }).on('line', (line) => void said.push(JSON.parse(line) as Said));
  child.stderr.on('data', (chunk: Buffer) => void (err += chunk.toString()));
  return {
    said,
    err: () => err,
    send: (...lines: readonly unknown[]): void =>
      void child.stdin.write(
        lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''),
      ),
  };
}

describe('burst mcp', () => {
  it('answers every line, in any order of arrival, and goes on', async () => {
    const world = await start();
    const { said, send, err } = raw(world.url, TOKENS.viewer);
    send(
      INITIALIZE,
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      'garbage',
      '{"a":1}',
      'null',
      [INITIALIZE],
      { jsonrpc: '2.0', id: 2, method: 'nothing/known' },
      { jsonrpc: '2.0', id: 3, method: 'tools/call', params: { name: 'nothing_known', arguments: {} } },
      { jsonrpc: '2.0', id: 4, method: 'tools/call', params: { name: 'provision_workers', arguments: { count: 'x' } } },
      {
        jsonrpc: '2.0',
        id: 5,
        method: 'tools/call',
        params: { name: 'list_workers', arguments: { a: 'x'.repeat(300_000) } },
      },
      { jsonrpc: '2.0', id: 'last', method: 'ping' },
    );
    const of = (id: unknown): Said[] => said.filter((each) => each.id === id);
    await world.until('all answers', () => said.length >= 10, 40_000);
    expect(of(1)).toMatchObject([{ result: { serverInfo: { name: 'burst' } } }]);
    expect(of(null).map(({ error }) => error?.code)).toEqual([-32_700, -32_600, -32_600, -32_600]);
    expect(of(2)).toMatchObject([{ error: { code: -32_601 } }]);
    expect(of(3)).toHaveLength(1);
    expect(JSON.stringify(of(4))).toMatch(/count/);
    expect(of(5)).toMatchObject([
      { error: { code: -32_600, message: expect.stringMatching(/over \d+ bytes$/) as string } },
    ]);
    expect(of('last')).toMatchObject([{ result: {} }]);
    for (const line of err().trim().split('\n')) expect(line).toMatch(/^burst mcp: .{1,300}$/);
    expect(err()).not.toContain(TOKENS.viewer);
  });

  it('says that its token is not known', async () => {
    const world = await start();
    const { said, send } = raw(world.url, 'a-wrong-token-0123456789');
    send(INITIALIZE);
    await world.until('the answer', () => said.length > 0, 40_000);
    expect(said).toMatchObject([
      { id: 1, error: { message: expect.stringMatching(/bearer token is needed/) as string } },
    ]);
  });
});

describe('over HTTP', () => {
  /** A request with a Host of one's own, which fetch does not allow. */
  const statusFor = (url: string, host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { hostname, port, pathname } = new URL(url);
      const body = JSON.stringify(INITIALIZE);
      const headers = {
        host,
        authorization: `Bearer ${TOKENS.viewer}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      request({ hostname, port, path: pathname, method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .on('error', reject)
        .end(body);
    });

  it('only a known Host is answered', async () => {
    const { url } = await start();
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'localhost'])
      expect(await statusFor(url, host), host).toBe(200);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.evil.example'])
      expect(await statusFor(url, host), host).toBe(403);
  });
});

describe('what an assistant follows', () => {
  it('the audit tells of a refusal, an operation and its worker of how they go on', async () => {
    const world = await start();
    const client = await world.as('operator');
    const updated = new Set<string>();
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.add(params.uri));
    await client.subscribeResource({ uri: 'burst://audit' });
    await world.nina.asks('/burst provision 1 small 24h');
    await world.until('news of the audit', () => updated.has('burst://audit'));

    const [name = ''] = await provisioned(world, world.olga, '1 small');
    const worker = `burst://clusters/sandbox/workers/${name}`;
    await client.subscribeResource({ uri: worker });
    const drained = outcomeOf(await call(await world.as('alone'), 'drain_worker', { worker_id: name }));
    const operation = `burst://operations/${drained.operation?.id ?? ''}`;
    await client.subscribeResource({ uri: operation });
    await world.until('news of both', () => updated.has(worker) && updated.has(operation));
  });

  it('what people denied may be asked for again, with another key', async () => {
    const world = await start();
    const viewer = await world.as('viewer');
    const other = outcomeOf(await call(await world.as('alone'), 'provision_workers', { count: 1, size: 'small' }));
    const cancel = async (more: object) =>
      outcomeOf(await call(viewer, 'cancel_operation', { operation_id: other.operation?.id ?? '', ...more }));
    const first = await cancel({});
    expect((await cancel({})).approval?.id).toBe(first.approval?.id);
    expect((await cancel({ idempotency_key: 'again' })).approval?.id).not.toBe(first.approval?.id);
  });
});
