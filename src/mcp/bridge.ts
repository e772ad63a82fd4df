/**
 * `burst mcp`: stdio on one side, the running bot's streamable HTTP on the other. Invariant: it decides nothing; every
 * message goes through as it is, so that the bot's rules hold. When the bot restarts, the session is opened again with
 * the client's own initialize message.
 */
import { StreamableHTTPClientTransport, StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import {
  ErrorCode,
  isInitializeRequest,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  InitializeResultSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

export type BridgeOptions = {
  readonly url: string;
  readonly token: string;
  /** A line for the person who set it up; never standard output, which is the protocol's. */
  readonly say: (text: string) => void;
};

const refusal = z.object({ error: z.object({ code: z.int(), message: z.string() }) });

/** What the bot said, out of what the transport makes of it. */
function reasonOf(error: unknown): { readonly code: number; readonly message: string } {
  const text = error instanceof Error ? error.message : String(error);
  try {
    const { data } = refusal.safeParse(JSON.parse(text.slice(Math.max(0, text.indexOf('{')))));
    if (data !== undefined) return data.error;
  } catch {
    // not the bot's own words: the network's
  }
  return { code: ErrorCode.InternalError, message: text };
}
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').slice(0, 300);

/** Runs until standard input ends or `signal` aborts. */
export async function bridgeStdio({ url, token, say }: BridgeOptions, signal?: AbortSignal): Promise<void> {
  const stdio = new StdioServerTransport();
  let initialize: JSONRPCMessage | undefined;
  let initialized: JSONRPCMessage | undefined;
  /** The id of a repeated initialize, whose answer the client must not see. */
  let hidden: string | number | undefined;
  let http = connect();
  let reopening: Promise<void> | undefined;
  let opening: Promise<void> = Promise.resolve();

  function connect(): StreamableHTTPClientTransport {
    const transport = new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: { Authorization: `Bearer ${token}` } },
    });
    transport.onmessage = (message) => {
      if (isJSONRPCResultResponse(message)) {
        const result = InitializeResultSchema.safeParse(message.result);
        if (result.success) transport.setProtocolVersion(result.data.protocolVersion);
        if (message.id === hidden) return;
      }
      stdio.send(message).catch((error: unknown) => say(`the client does not read: ${String(error)}`));
    };
    transport.onerror = (error) => say(oneLine(reasonOf(error).message));
    return transport;
  }

  /** The bot forgot the session (it was restarted): the same client introduces itself again. */
  const reopen = (): Promise<void> =>
    (reopening ??= (async () => {
      await http.close().catch(() => undefined);
      http = connect();
      await http.start();
      if (initialize !== undefined && isJSONRPCRequest(initialize)) {
        hidden = 'burst-reopen';
        await http.send({ ...initialize, id: hidden });
      }
      if (initialized !== undefined) await http.send(initialized);
    })().finally(() => {
      reopening = undefined;
    }));

  const forward = async (message: JSONRPCMessage): Promise<void> => {
    if (isInitializeRequest(message)) initialize = message;
    else if ('method' in message && message.method === 'notifications/initialized') initialized = message;
    await reopening;
    try {
      // a client that does not wait for the answer to its initialize finds its session all the same
      if (isInitializeRequest(message)) await (opening = http.send(message));
      else {
        await opening.catch(() => undefined);
        await http.send(message);
      }
    } catch (error) {
      if (!(error instanceof StreamableHTTPError) || error.code !== 404 || isInitializeRequest(message)) throw error;
      await reopen();
      await http.send(message);
    }
  };

  stdio.onmessage = (message) => {
    forward(message).catch((error: unknown) => {
      if (!isJSONRPCRequest(message)) return;
      const { code, message: why } = reasonOf(error);
      const failure = { code, message: `Burst at ${url} did not take this: ${why}` };
      stdio.send({ jsonrpc: '2.0', id: message.id, error: failure }).catch(() => undefined);
    });
  };
  stdio.onerror = (error) => {
    const failure =
      error instanceof SyntaxError
        ? { code: ErrorCode.ParseError, message: 'this line is not JSON' }
        : { code: ErrorCode.InvalidRequest, message: 'this line is not a JSON-RPC message' };
    say(`${failure.message}; it was left out`);
    // the id of what cannot be read is null (JSON-RPC 2.0, 5.1); the SDK's type does not know that
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: null, error: failure })}\n`);
  };
  const ended = new Promise<void>((resolve) => {
    process.stdin.once('end', resolve);
    process.stdin.once('close', resolve);
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
  await http.start();
  await stdio.start();
  await ended;
  await http.terminateSession().catch(() => undefined);
  await http.close();
  await stdio.close();
}
