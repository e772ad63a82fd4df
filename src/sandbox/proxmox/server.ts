/** The MCP server of a simulated Proxmox VE; `around` may change how a call goes. */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Pve } from './pve.ts';
import { callTool, toolList } from './tools.ts';
import type { ToolReply } from './tools.ts';

type Around = (
  tool: string,
  args: Readonly<Record<string, unknown>>,
  answer: () => ToolReply,
) => Promise<ToolReply> | ToolReply;

export function createMcpServer(pve: Pve, around: Around = (_tool, _args, answer) => answer()): Server {
  const server = new Server({ name: 'proxmox-mcp-server', version: '1.30.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: toolList }));
  server.setRequestHandler(CallToolRequestSchema, ({ params: { name, arguments: args = {} } }) =>
    around(name, args, () => callTool(pve, name, args)),
  );
  return server;
}
