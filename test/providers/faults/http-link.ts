/** Stands between Burst and an MCP server over streamable HTTP. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calledTool, reaches, replyInstead, without } from './link-faults.ts';
import type { LinkInjection } from './link-faults.ts';
import type { Link } from './link.ts';

/** @param kill ends the server's process; @param start brings it back. */
export async function createHttpLink(
  target: string,
  kill: () => Promise<void>,
  start: () => Promise<void>,
): Promise<Link & { readonly url: string; close(): Promise<void> }> {
  let faults: LinkInjection[] = [];
  let struck = 0;
  let absent: Promise<void> = Promise.resolve();

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await absent;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const called = calledTool(body.toString('utf8'));
    const fault = faults.find(({ tool, times }) => times > 0 && tool === called?.tool);
    if (fault !== undefined) {
      fault.times -= 1;
      struck += 1;
    }
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const ask = (): Promise<Response> =>
      fetch(target, {
        method: request.method ?? 'GET',
        headers: Object.entries(headers).map(([key, value]): [string, string] => [key, String(value)]),
        ...(body.length === 0 ? {} : { body }),
      });
    if (fault === undefined || called === undefined) {
      const answer = await ask();
      const { 'content-encoding': _encoding, 'content-length': _size, ...kept } = Object.fromEntries(answer.headers);
      response.writeHead(answer.status, kept);
      const hidden = faults.find(({ kind, times }) => kind === 'tool missing' && times > 0);
      if (hidden !== undefined && body.includes('"tools/list"'))
        return void response.end(without(await answer.text(), hidden.tool));
      for await (const chunk of answer.body ?? []) response.write(chunk);
      return void response.end();
    }
    // the effect has happened once the whole reply is there
    if (reaches(fault.kind)) await (await ask()).text();
    if (fault.kind.startsWith('killed')) {
      await kill();
      absent = start();
      await absent;
    }
    if (fault.kind === 'reply lost after the effect') return;
    const instead = replyInstead(called, fault.kind);
    if (instead === undefined) return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'application/json' }).end(instead);
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    inject: (injection) => void faults.push({ ...injection }),
    mend() {
      faults = [];
      struck = 0;
    },
    struck: () => struck,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
