/** What can go wrong between Burst and an MCP server; the same for each transport. */
import { z } from 'zod';

export const LINK_FAULTS = [
  'killed before the effect',
  'killed after the effect',
  'cut before the effect',
  'cut after the effect',
  'reply lost after the effect',
  'reply of 10 MB',
  'malformed JSON',
  'prose',
  'error with isError false',
  'tool missing',
] as const;
export type LinkFault = (typeof LINK_FAULTS)[number];
export const linkFault = z.object({ tool: z.string(), kind: z.enum(LINK_FAULTS), times: z.number() });
export type LinkInjection = z.infer<typeof linkFault>;

/** A call of a tool, as it comes over the wire. */
const callSchema = z.object({
  id: z.union([z.number(), z.string()]),
  method: z.literal('tools/call'),
  params: z.object({ name: z.string() }),
});
export type Called = { readonly id: number | string; readonly tool: string };
export function calledTool(text: string): Called | undefined {
  try {
    const { id, params } = callSchema.parse(JSON.parse(text));
    return { id, tool: params.name };
  } catch {
    return undefined;
  }
}

const BEFORE: readonly LinkFault[] = [
  'killed before the effect',
  'cut before the effect',
  'error with isError false',
  'tool missing',
];
/** Whether the server gets the call at all. */
export const reaches = (kind: LinkFault): boolean => !BEFORE.includes(kind);

/** What comes instead of the reply, as a line of JSON-RPC; undefined when nothing comes. */
export function replyInstead({ id, tool }: Called, kind: LinkFault): string | undefined {
  const reply = (text: string, isError: boolean): string =>
    JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }], isError } });
  switch (kind) {
    case 'reply of 10 MB':
      return reply(JSON.stringify({ success: true, data: 'x'.repeat(10_000_000) }), false);
    case 'malformed JSON':
      return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"te`;
    case 'prose':
      return reply('All done, the machine is fine!', false);
    case 'error with isError false':
      return reply(
        JSON.stringify({ success: false, error: '500 internal error', message: '500 internal error' }),
        false,
      );
    case 'tool missing':
      return reply(`Unknown tool: ${tool}`, true);
    case 'killed before the effect':
    case 'killed after the effect':
    case 'cut before the effect':
    case 'cut after the effect':
    case 'reply lost after the effect':
      return undefined;
  }
}

/** The list of tools as a server without this one gives it. */
export const without = (text: string, tool: string): string =>
  text.includes('"tools":[') ? text.replaceAll(`"name":"${tool}"`, `"name":"${tool}_v2"`) : text;
