/** Assistants for tests: the official SDK's client against the running app, over HTTP or through `burst mcp`. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult, Progress } from '@modelcontextprotocol/sdk/types.js';
import { join } from 'node:path';
import { z } from 'zod';
import type { Finished, Tree } from './world.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
export const TOKENS = {
  viewer: 'viewer-token-0123456789',
  operator: 'operator-token-0123456789',
  admin: 'admin-token-0123456789',
  alone: 'alone-token-0123456789',
  small: 'small-token-0123456789',
  elsewhere: 'elsewhere-token-0123456789',
} as const;
export type TokenName = keyof typeof TOKENS;

const variable = (name: string): string => `TOKEN_${name.toUpperCase()}`;
export const ENV = Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [variable(name), token]));
/** The configuration of an app with one assistant of each kind. */
export const MCP: Tree = {
  mcp: {
    enabled: true,
    port: 0,
    tokens: [
      { name: 'viewer', token_env: variable('viewer'), role: 'viewer' },
      { name: 'operator', token_env: variable('operator'), role: 'operator', user: 'U0OPERATOR1' },
      { name: 'admin', token_env: variable('admin'), role: 'admin' },
      { name: 'alone', token_env: variable('alone'), role: 'admin', alone: ['destroy', 'force'] },
      {
        name: 'small',
        token_env: variable('small'),
        role: 'operator',
        max_count: 1,
        max_ttl_hours: 2,
        sizes: ['small'],
      },
      { name: 'elsewhere', token_env: variable('elsewhere'), role: 'admin', clusters: ['another'] },
    ],
  },
};

export type Transport = 'http' | 'stdio';

/** A connected client; closed when the test ends. */
export async function assistant(
  url: string,
  name: TokenName,
  finished: Finished,
  transport: Transport = 'http',
): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const link =
    transport === 'http'
      ? new StreamableHTTPClientTransport(new URL(url), {
          requestInit: { headers: { Authorization: `Bearer ${TOKENS[name]}` } },
        })
      : new StdioClientTransport({
          command: process.execPath,
          args: [join(ROOT, 'src', 'main.ts'), 'mcp', '--url', url],
          env: { ...(process.env as Record<string, string>), BURST_MCP_TOKEN: TOKENS[name] },
          stderr: 'ignore',
        });
  // the SDK's transport types lack exactOptionalPropertyTypes
  await client.connect(link);
  finished(() => client.close());
  return client;
}

export type Answer = { readonly isError: boolean; readonly text: string; readonly content: Tree };

export async function call(
  client: Client,
  name: string,
  args: Tree = {},
  options: { readonly onprogress?: (progress: Progress) => void; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const result = (await client.callTool({ name, arguments: args }, undefined, {
    timeout: 60_000,
    resetTimeoutOnProgress: true,
    ...options,
  })) as CallToolResult;
  return {
    isError: result.isError === true,
    text: result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n'),
    content: result.structuredContent ?? {},
  };
}

const outcome = z.looseObject({
  status: z.string(),
  duplicate: z.boolean(),
  operation: z
    .looseObject({
      id: z.string(),
      state: z.string(),
      requested_by: z.string(),
      workers: z.array(z.looseObject({ name: z.string(), state: z.string() })),
    })
    .optional(),
  approval: z.looseObject({ id: z.string(), state: z.string() }).optional(),
});
/** What a changing tool answered. @throws with its text when it was an error. */
export function outcomeOf(answer: Answer): z.output<typeof outcome> {
  if (answer.isError) throw new Error(answer.text);
  return outcome.parse(answer.content);
}
