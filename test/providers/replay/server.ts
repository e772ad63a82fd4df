/**
 * ry-ops/proxmox-mcp-server 2.0.0 from its recordings, on stdio: `node server.ts FOLDER [--clone-ms N]`. Invariant: a request
 * that the recording does not have is refused, and noted in FOLDER/refused. FOLDER/vms.json is the world as it is now; a
 * file FOLDER/fail-start makes the next start fail.
 */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { recorded, recording, unrecorded, violation } from './recording.ts';
import type { Args } from './recording.ts';
import { ReplayWorld } from './world.ts';
import type { Answer } from './world.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'clone-ms': { type: 'string', default: '800' } },
});
const folder = positionals[0] ?? '.';
const at = (name: string): string => join(folder, name);

const world = new ReplayWorld({
  now: () => performance.now(),
  cloneMs: Number(values['clone-ms']),
  startMs: 60,
  failsStart() {
    try {
      rmSync(at('fail-start'));
      return true;
    } catch {
      return false;
    }
  },
});
const save = (): void => {
  writeFileSync(at('vms.json'), JSON.stringify([...world.vms.values()]));
};

function answer(tool: string, args: Args): Answer {
  if (recording.tools[tool] === undefined) {
    const unknown = recorded('no_such_tool', () => true);
    return { text: unknown.text.replaceAll('no_such_tool', tool), isError: unknown.isError };
  }
  const fault = violation(tool, args);
  if (fault !== undefined) return { text: fault, isError: true };
  const why = unrecorded(tool, args);
  if (why !== undefined) {
    appendFileSync(at('refused'), `${why}: ${JSON.stringify(args)}\n`);
    throw new McpError(ErrorCode.InvalidParams, `not in the recording: ${why}`);
  }
  const answered = world.answer(tool, args);
  save();
  return answered;
}

const server = new Server(recording.serverInfo, { capabilities: { tools: { listChanged: false } } });
server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: Object.entries(recording.tools).map(([name, form]) => ({ name, inputSchema: form })),
}));
server.setRequestHandler(CallToolRequestSchema, ({ params: { name, arguments: args = {} } }) => {
  const { text, isError } = answer(name, args);
  return { content: [{ type: 'text', text }], isError };
});
save();
await server.connect(new StdioServerTransport());
