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
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

export type BridgeOptions = {
  readonly url: string;
  readonly token: string;
  /** A line for the person who set it up; never standard output, which is the protocol's. */
  readonly say: (text: string) => void;
};

/** Runs until standard input ends or `signal` aborts. */
export async function bridgeStdio({ url, token, say }: BridgeOptions, signal?: AbortSignal): Promise<void> {
  const stdio = new StdioServerTransport();
  let initialize: JSONRPCMessage | undefined;
  let initialized: JSONRPCMessage | undefined;
  /** The id of a repeated initialize, whose answer the client must not see. */
  let hidden: string | number | undefined;
  let http = connect();
  let reopening: Promise<void> | undefined;

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
    transport.onerror = (error) => say(error.message);
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
      await http.send(message);
    } catch (error) {
      if (!(error instanceof StreamableHTTPError) || error.code !== 404 || isInitializeRequest(message)) throw error;
      await reopen();
      await http.send(message);
    }
  };

  stdio.onmessage = (message) => {
    forward(message).catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      say(text);
      if (!isJSONRPCRequest(message)) return;
      const failure = { code: ErrorCode.InternalError, message: `Burst at ${url} did not take this: ${text}` };
      stdio.send({ jsonrpc: '2.0', id: message.id, error: failure }).catch(() => undefined);
    });
  };
  stdio.onerror = (error) => {
    say(error.message);
    const failure = { code: ErrorCode.ParseError, message: 'this line is not a JSON-RPC message' };
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
