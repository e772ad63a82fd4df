/** A small MCP server of the official SDK, over streamable HTTP, whose tools answer what a test says. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import {
  CallToolRequestSchema,
  ListToolsRequestSchema,
  type CallToolResult,
  type Tool,
} from '@modelcontextprotocol/sdk/types.js';

export type Answer = (
  args: Readonly<Record<string, unknown>>,
) => CallToolResult | string | Promise<CallToolResult | string>;
export type TestServer = {
  readonly url: string;
  readonly headers: readonly IncomingHttpHeaders[];
  readonly calls: readonly { readonly tool: string; readonly args: Readonly<Record<string, unknown>> }[];
  /** Takes it off the network, connections and sessions included; its URL stays its own. */
  down(): Promise<void>;
  up(): Promise<void>;
};

export const text = (value: unknown, isError = false): CallToolResult => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
  isError,
});

export async function startTestServer(
  answers: Readonly<Record<string, Answer>>,
  schemas: Readonly<Record<string, Tool['inputSchema']>> = {},
): Promise<TestServer> {
  const headers: IncomingHttpHeaders[] = [];
  const calls: { tool: string; args: Readonly<Record<string, unknown>> }[] = [];
  let sessions = new Map<string, StreamableHTTPServerTransport>();

  function mcp(): Server {
    const server = new Server({ name: 'test-server', version: '9.8.7' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: Object.keys(answers).map((name) => ({ name, inputSchema: schemas[name] ?? { type: 'object' } })),
    }));
    server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
      const args = params.arguments ?? {};
      calls.push({ tool: params.name, args });
      const answer = answers[params.name];
      if (answer === undefined) return text(`Unknown tool: ${params.name}`, true);
      const reply = await answer(args);
      return typeof reply === 'string' ? text(reply) : reply;
    });
    return server;
  }
  const listen = async (port: number) => {
    const http = createServer((request, response) => {
      headers.push(request.headers);
      const id = request.headers['mcp-session-id'];
      const known = typeof id === 'string' ? sessions.get(id) : undefined;
      if (id !== undefined && known === undefined) return void response.writeHead(404).end();
      if (known !== undefined) return void known.handleRequest(request, response);
      const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => randomUUID(),
        onsessioninitialized: (session) => void sessions.set(session, transport),
      });
      void mcp()
        .connect(transport)
        .then(() => transport.handleRequest(request, response));
    });
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve));
    return http;
  };
  let http = await listen(0);
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    headers,
    calls,
    async down() {
      sessions = new Map();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
    async up() {
      http = await listen(port);
    },
  };
}
