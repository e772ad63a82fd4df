/** Tool replies: structured content with prose beside it, and errors that say what happened, what was left and what to do. */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { isBurstError } from '../domain/errors.ts';
import { clean } from './text.ts';
import type { Log } from './types.ts';
import { time } from './views.ts';

export function reply(structured: Record<string, unknown>, text: string): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent: structured };
}

/** Anything thrown, as a tool error. What is not Burst's own is logged, and told without its words. */
export function failure(error: unknown, log: Log): CallToolResult {
  if (!isBurstError(error)) {
    log.error({ err: error }, 'an MCP tool failed');
    return {
      isError: true,
      content: [{ type: 'text', text: 'Something went wrong inside Burst; its log says what.' }],
    };
  }
  const parts = [
    clean(error.message, 600),
    error.left === undefined ? '' : clean(error.left, 300),
    error.hint === undefined ? '' : clean(error.hint, 300),
    error.retryAtMs === undefined ? '' : `Try again at ${time(error.retryAtMs)}.`,
    error.suggestions.length === 0
      ? ''
      : `Did you mean ${error.suggestions
          .slice(0, 5)
          .map((name) => clean(name))
          .join(', ')}?`,
  ];
  return { isError: true, content: [{ type: 'text', text: parts.filter((part) => part !== '').join(' ') }] };
}
