/**
 * One MCP server: connected when it is needed, again when it has died. Invariant: a call that was sent and not answered is
 * `unknown_outcome`; one that could not be sent is `unavailable`.
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import PQueue from 'p-queue';
import { z } from 'zod';
import { BurstError, messageOf } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import { scrubber } from './secrets.ts';
import type { Scrub } from './secrets.ts';

export type ConnectionOptions =
  // `sse` is what servers spoke before streamable HTTP
  | { readonly kind: 'http' | 'sse'; readonly url: string; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly kind: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      readonly env: Readonly<Record<string, string>>;
      readonly cwd?: string;
    };

export type Log = {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
};

/** One call with its reply or its failure, without secrets. */
export type Traced = {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly reply: string;
  readonly tookMs: number;
};

export type ServerOptions = {
  readonly name: string;
  readonly connection: ConnectionOptions;
  readonly clock: Clock;
  readonly callTimeoutMs: number;
  readonly maxReplyBytes: number;
  readonly maxCallsAtOnce: number;
  readonly log: Log;
  /** Is told every call after it ended. */
  readonly trace?: (traced: Traced) => void;
};

export type Reply = {
  readonly isError: boolean;
  readonly text: string;
  readonly texts: readonly string[];
  readonly structured: unknown;
};

export type ToolFacts = {
  readonly name: string;
  readonly properties: readonly string[];
  readonly required: readonly string[];
};

const SECRET_NAME = /secret|token|passw|key|auth|credential/i;
const MOST_TOOLS = 10_000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 10_000;
const replySchema = z.object({
  isError: z.boolean().optional(),
  structuredContent: z.unknown().optional(),
  content: z.array(z.looseObject({ type: z.string(), text: z.string().optional() })).default([]),
});

export const shorten = (text: string, longest = 300): string =>
  text.length > longest ? `${text.slice(0, longest)}…` : text;

/** What of a connection's options nobody may read: header values, secret-looking variables, what a URL carries. */
export function connectionSecrets(connection: ConnectionOptions): readonly string[] {
  if (connection.kind === 'stdio')
    return Object.entries(connection.env).flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));
  const headers = Object.values(connection.headers).flatMap((value) => [value, value.replace(/^\w+ /, '')]);
  const url = URL.parse(connection.url);
  return url === null ? headers : [...headers, url.password, ...url.searchParams.values()];
}

export class McpServer {
  readonly #options: ServerOptions;
  readonly #queue: PQueue;
  readonly #scrub: Scrub;
  #client: Client | undefined;
  #connecting: Promise<Client> | undefined;
  #failures = 0;
  #notBeforeMs = 0;
  #closed = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#scrub = scrubber(connectionSecrets(options.connection));
    this.#queue = new PQueue({ concurrency: options.maxCallsAtOnce });
  }

  /** @throws BurstError `unavailable`. */
  async connect(): Promise<void> {
    await this.#connected();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  /** What the server calls itself, as `name version`. @throws BurstError `unavailable`. */
  async title(): Promise<string> {
    const client = await this.#connected();
    const { name, version } = client.getServerVersion() ?? { name: 'a nameless MCP server', version: '' };
    return shorten(`${name} ${version}`.trim(), 100);
  }

  /** The tools as the server lists them, all pages. @throws BurstError `unavailable`, `unknown_outcome`. */
  async tools(signal?: AbortSignal): Promise<readonly ToolFacts[]> {
    const client = await this.#connected();
    const tools: ToolFacts[] = [];
    let cursor: string | undefined;
    do {
      const page = cursor === undefined ? undefined : { cursor };
      const listed = await this.#guard('tools/list', () => client.listTools(page, this.#requestOptions(signal)));
      for (const tool of listed.tools)
        tools.push({
          name: tool.name,
          properties: Object.keys(tool.inputSchema.properties ?? {}),
          required: tool.inputSchema.required ?? [],
        });
      cursor = listed.nextCursor;
    } while (cursor !== undefined && tools.length < MOST_TOOLS);
    return tools;
  }

  /**
   * Calls a tool.
   * @param changes it changes something: a reply that cannot be used leaves open whether that happened.
   * @throws BurstError `unavailable` (not sent), `unknown_outcome` (sent, no answer), `provider_failed` (an answer that cannot be used).
   */
  async call(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
    changes = false,
  ): Promise<Reply> {
    const { trace, clock } = this.#options;
    if (trace === undefined) return this.#call(tool, args, signal, changes);
    const startMs = clock.now();
    const told = (reply: string): void =>
      trace({
        tool,
        args: JSON.parse(
          this.#scrub(JSON.stringify(args, (key, value: unknown) => (SECRET_NAME.test(key) ? '[secret]' : value))),
        ) as Record<string, unknown>,
        reply: shorten(this.#scrub(reply), 4000),
        tookMs: clock.now() - startMs,
      });
    try {
      const reply = await this.#call(tool, args, signal, changes);
      told(`${reply.isError ? '(isError) ' : ''}${reply.text}`);
      return reply;
    } catch (error) {
      told(`(failed) ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }

  async #call(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    signal: AbortSignal | undefined,
    changes: boolean,
  ): Promise<Reply> {
    const unusable = changes ? 'unknown_outcome' : 'provider_failed';
    const reply = await this.#queue.add(async () => {
      const client = await this.#connected();
      return this.#guard(tool, () =>
        client.callTool({ name: tool, arguments: { ...args } }, undefined, this.#requestOptions(signal)),
      );
    });
    const parsed = replySchema.safeParse(reply);
    if (!parsed.success)
      throw new BurstError(unusable, `${this.#options.name}: the reply to ${tool} is not an MCP tool result.`);
    const texts = parsed.data.content.flatMap((block) =>
      block.type === 'text' && block.text !== undefined ? [block.text] : [],
    );
    const text = texts.join('\n');
    const structured = parsed.data.structuredContent;
    const bytes = Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(structured ?? ''));
    if (bytes > this.#options.maxReplyBytes)
      throw new BurstError(
        unusable,
        `${this.#options.name}: the reply to ${tool} is larger than ${Math.round(this.#options.maxReplyBytes / 1024)} KiB.`,
      );
    return { isError: parsed.data.isError === true, text, texts, structured };
  }

  #words(error: unknown): string {
    return shorten(this.#scrub(messageOf(error)));
  }

  /** Causes are logged: one whose message holds a secret is replaced. */
  #cause(error: unknown): unknown {
    const message = messageOf(error);
    return this.#scrub(message) === message ? error : new Error(this.#scrub(message));
  }

  #requestOptions(signal: AbortSignal | undefined): { timeout: number; signal?: AbortSignal } {
    return { timeout: this.#options.callTimeoutMs, ...(signal === undefined ? {} : { signal }) };
  }

  async #guard<T>(tool: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (
        error instanceof McpError &&
        (error.code === Number(ErrorCode.InvalidParams) || error.code === Number(ErrorCode.MethodNotFound))
      )
        throw new BurstError('provider_failed', `${this.#options.name}: ${tool} was refused: ${this.#words(error)}`, {
          cause: this.#cause(error),
        });
      const timedOut = error instanceof McpError && error.code === Number(ErrorCode.RequestTimeout);
      // a broken link (or a session that a restarted server does not know): the next call connects anew
      if (!timedOut) await this.#drop();
      throw new BurstError(
        'unknown_outcome',
        timedOut
          ? `${this.#options.name} did not answer ${tool} within ${this.#options.callTimeoutMs / 1000} s; it may have happened.`
          : `${this.#options.name}: the connection broke during ${tool}; it may have happened.`,
        { hint: 'Burst looks again by itself.', cause: this.#cause(error) },
      );
    }
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close().catch(() => undefined);
  }

  async #connected(): Promise<Client> {
    if (this.#closed) throw new BurstError('unavailable', `${this.#options.name} is closed.`);
    if (this.#client !== undefined) return this.#client;
    this.#connecting ??= this.#dial().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #dial(): Promise<Client> {
    const { name, clock, log } = this.#options;
    await clock.sleep(this.#notBeforeMs - clock.now());
    const client = new Client({ name: 'burst', version: '1' });
    client.onclose = () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      log.warn({ server: name }, 'MCP server closed the connection');
    };
    try {
      const transport = this.#transport();
      // the SDK's transports and its interface disagree under exactOptionalPropertyTypes
      await client.connect(transport, { timeout: this.#options.callTimeoutMs });
    } catch (error) {
      await client.close().catch(() => undefined);
      this.#failures += 1;
      this.#notBeforeMs = clock.now() + Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#failures - 1));
      throw new BurstError('unavailable', `${name} cannot be reached: ${this.#words(error)}`, {
        left: 'Nothing was sent.',
        hint: 'Burst tries again by itself.',
        cause: this.#cause(error),
      });
    }
    this.#failures = 0;
    this.#client = client;
    log.info({ server: name }, 'MCP server connected');
    return client;
  }

  #transport(): StdioClientTransport | StreamableHTTPClientTransport | SSEClientTransport {
    const { connection, log, name } = this.#options;
    if (connection.kind !== 'stdio') {
      const url = new URL(connection.url);
      const init = { requestInit: { headers: { ...connection.headers } } };
      return connection.kind === 'sse'
        ? new SSEClientTransport(url, init)
        : new StreamableHTTPClientTransport(url, init);
    }
    const transport = new StdioClientTransport({
      command: connection.command,
      args: [...connection.args],
      env: { ...connection.env },
      stderr: 'pipe',
      ...(connection.cwd === undefined ? {} : { cwd: connection.cwd }),
    });
    transport.stderr?.on('data', (chunk: Buffer) =>
      log.debug(
        { server: name, detail: shorten(this.#scrub(chunk.toString('utf8')), 1000) },
        'MCP server wrote to stderr',
      ),
    );
    return transport;
  }
}
