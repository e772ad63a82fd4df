/**
 * HTTP to one API server, with the kubeconfig's credentials. Invariants: every request ends (answer, time-out or
 * abort); connections are kept and used again; no credential appears in an error.
 */
import { createHash } from 'node:crypto';
import { accessSync, readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { setImmediate } from 'node:timers/promises';
import { KubeConfig, bufferFromFileOrString } from '@kubernetes/client-node';
import { z } from 'zod';
import { BurstError, isBurstError, messageOf } from '../domain/errors.ts';
import { ItemSplitter } from './items.ts';
import { type Answer, answerError, harmless, parseStatus } from './status.ts';

export type Credentials =
  | {
      readonly kind: 'kubeconfig';
      /** File; without `path` and `text` the usual places (KUBECONFIG, ~/.kube/config). */
      readonly path?: string;
      readonly text?: string;
      readonly context?: string;
    }
  | {
      /** The service account of this pod; its address comes from KUBERNETES_SERVICE_HOST and _PORT. */
      readonly kind: 'in-cluster';
      /** Folder under which the service account's files are looked for instead of `/`. */
      readonly rootPath?: string;
    };

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export type RequestOptions = {
  /** What is tried, for errors: `get node worker-1`. */
  readonly what: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** Is given each of a list's items as soon as it has arrived; the answer's body then has none. */
  readonly onItem?: (raw: unknown) => void;
};
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const MAX_BODY = 256 * 2 ** 20;
const FREE_SOCKET_MS = 30_000;
const RELOAD_AFTER_MS = 5_000;

const hints: Readonly<Record<Credentials['kind'], string>> = {
  kubeconfig: 'Check the kubeconfig (path, context, certificate files) of this cluster.',
  'in-cluster': "Run Burst in a pod with its service account's token mounted, or name a kubeconfig.",
};
function invalidCredentials(cluster: string, kind: Credentials['kind'], error: unknown): BurstError {
  const reason = harmless(messageOf(error)).slice(0, 300);
  return new BurstError('invalid_input', `Kubernetes cluster ${cluster}: the credentials cannot be used: ${reason}`, {
    hint: hints[kind],
    cause: error,
  });
}

const tokenFileSchema = z.looseObject({ config: z.looseObject({ tokenFile: z.string().min(1) }) });
/** The file whose token is sent, which may be another one at any time (those of service accounts rotate hourly). */
function tokenFileOf(config: KubeConfig): string | undefined {
  return tokenFileSchema.safeParse(config.getCurrentUser()?.authProvider).data?.config.tokenFile;
}

function loadKubeConfig(cluster: string, credentials: Credentials): KubeConfig {
  const config = new KubeConfig();
  try {
    if (credentials.kind === 'in-cluster') config.loadFromCluster(credentials.rootPath);
    else if (credentials.text !== undefined) config.loadFromString(credentials.text);
    else if (credentials.path !== undefined) config.loadFromFile(credentials.path);
    else config.loadFromDefault();
    if (credentials.kind === 'kubeconfig' && credentials.context !== undefined)
      config.setCurrentContext(credentials.context);
    const current = config.getCurrentCluster();
    if (current === null) throw new Error(`context "${config.getCurrentContext()}" names no known cluster`);
    if (credentials.kind === 'in-cluster') {
      if (current.server.includes('undefined')) throw new Error('this process does not run in a Kubernetes pod');
      for (const file of [current.caFile, tokenFileOf(config)]) if (file !== undefined) accessSync(file);
    }
    const url = new URL(current.server);
    // Plain HTTP has no certificate to verify; client-node wants that said, kubectl does not.
    if (url.protocol === 'http:') Object.assign(current, { skipTLSVerify: true });
  } catch (error) {
    throw invalidCredentials(cluster, credentials.kind, error);
  }
  return config;
}

type Transport = {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: http.Agent;
  readonly watchAgent: http.Agent;
};

export class Connection {
  readonly #cluster: string;
  readonly #credentials: Credentials;
  readonly #timeoutMs: number;
  readonly #closed = new AbortController();
  #config: KubeConfig;
  #loadedAt = performance.now();
  /** Which credentials are used; a request that was refused with earlier ones is tried with these. */
  #generation = 0;
  #sentToken: string | undefined;
  #preparing: Promise<Transport> | undefined;
  #agents: { readonly key: string; readonly agent: http.Agent; readonly watchAgent: http.Agent } | undefined;

  /** @throws BurstError `invalid_input` when the credentials cannot be read. */
  constructor(cluster: string, credentials: Credentials, timeoutMs: number) {
    this.#cluster = cluster;
    this.#credentials = credentials;
    this.#timeoutMs = timeoutMs;
    this.#config = loadKubeConfig(cluster, credentials);
  }

  /** The API server's address and its CA's certificate as these credentials know them. */
  server(): { readonly url: string; readonly ca: Buffer | undefined } {
    const current = this.#config.getCurrentCluster();
    const ca = current === null ? null : bufferFromFileOrString(current.caFile, current.caData);
    return { url: current?.server ?? '', ca: ca ?? undefined };
  }

  /** Ends what is under way; no request works afterwards. */
  close(): void {
    this.#closed.abort(new BurstError('unavailable', `Kubernetes cluster ${this.#cluster}: the connection was closed`));
    this.#agents?.agent.destroy();
    this.#agents?.watchAgent.destroy();
  }

  /** After a sign of a dead network: kept connections are dropped, the next request opens a new one. */
  dropIdle(): void {
    for (const agent of [this.#agents?.agent, this.#agents?.watchAgent])
      for (const sockets of Object.values(agent?.freeSockets ?? {}))
        for (const socket of [...(sockets ?? [])]) socket.destroy();
  }

  /**
   * Sends a request and reads the answer, whatever its status.
   * @throws BurstError `unavailable` without an answer in time; the signal's reason when it is aborted.
   */
  async request(method: Method, path: string, options: RequestOptions): Promise<Answer> {
    const generation = this.#generation;
    const answer = await this.#once(method, path, options);
    if (answer.status !== 401) return answer;
    if (generation === this.#generation && !this.#reload()) return answer;
    return this.#once(method, path, options);
  }

  /** As `request`, and throws for any status but 2xx. @returns the body. */
  async call(method: Method, path: string, options: RequestOptions): Promise<unknown> {
    const answer = await this.request(method, path, options);
    if (answer.status < 200 || answer.status > 299) throw answerError(this.#cluster, options.what, answer);
    return answer.body;
  }

  /**
   * Opens a watch. @returns the body's stream once the server answered 200; aborting `signal` ends it.
   * @throws BurstError as `call` does.
   */
  async stream(
    path: string,
    options: RequestOptions & { readonly signal: AbortSignal },
  ): Promise<http.IncomingMessage> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#timeoutMs);
    const signal = AbortSignal.any([options.signal, deadline.signal, this.#closed.signal]);
    try {
      const response = await this.#send('GET', path, options, signal, true);
      const status = response.statusCode ?? 0;
      if (status === 200) return response;
      const answer = { status, body: await readJson(response, this.#sentToken), retryAfterMs: retryAfter(response) };
      if (status === 401) this.#reload();
      throw answerError(this.#cluster, options.what, answer);
    } catch (error) {
      throw this.#failure(error, options, deadline.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  async #once(method: Method, path: string, options: RequestOptions): Promise<Answer> {
    options.signal?.throwIfAborted();
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#timeoutMs);
    const signals = [deadline.signal, this.#closed.signal];
    const signal = AbortSignal.any(options.signal === undefined ? signals : [...signals, options.signal]);
    try {
      const response = await this.#send(method, path, options, signal, false);
      const status = response.statusCode ?? 0;
      const body = await (status === 200 && options.onItem !== undefined
        ? readList(response, options.onItem)
        : readJson(response, status < 300 ? undefined : this.#sentToken));
      // A proxy's or another server's 404 must never be taken for "that node is gone".
      if (status === 404 && parseStatus(body) === undefined) throw new Error('the 404 did not come from an API server');
      return { status, body, retryAfterMs: retryAfter(response) };
    } catch (error) {
      throw this.#failure(error, options, deadline.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(error: unknown, options: RequestOptions, deadline: AbortSignal): unknown {
    if (options.signal?.aborted === true) return options.signal.reason;
    if (this.#closed.signal.aborted) return this.#closed.signal.reason;
    if (isBurstError(error)) return error;
    if (deadline.aborted) this.dropIdle();
    const why = deadline.aborted
      ? `no answer within ${this.#timeoutMs / 1000} s`
      : harmless(error instanceof Error ? error.message || error.name : String(error));
    return new BurstError('unavailable', `Kubernetes cluster ${this.#cluster}: could not ${options.what}: ${why}`, {
      hint: 'Check that the API server is up and can be reached from here.',
      cause: error,
    });
  }

  async #send(
    method: Method,
    path: string,
    options: RequestOptions,
    signal: AbortSignal,
    watch: boolean,
  ): Promise<http.IncomingMessage> {
    const transport = await abortable(this.#transport(), signal);
    const url = new URL(transport.server + path);
    for (const [key, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, String(value));
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      ...transport.headers,
      Accept: 'application/json',
      'User-Agent': 'burst',
      ...(body === undefined
        ? {}
        : { 'Content-Type': options.contentType ?? 'application/json', 'Content-Length': Buffer.byteLength(body) }),
    };
    const settings = { method, headers, signal, agent: watch ? transport.watchAgent : transport.agent };
    try {
      return await exchange(url, settings, body);
    } catch (error) {
      // The server closed a kept connection just as it was used again: nothing was processed.
      if (error instanceof StaleSocketError && !signal.aborted) return exchange(url, settings, body);
      throw error;
    }
  }

  /** Credentials may come from a slow plugin: those who need them at the same time share one look. */
  #transport(): Promise<Transport> {
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = undefined;
    });
    return this.#preparing;
  }

  async #prepare(): Promise<Transport> {
    const options: https.RequestOptions = {};
    const current = this.#config.getCurrentCluster();
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      const reason = harmless(messageOf(error)).slice(0, 300);
      throw new BurstError('denied', `Kubernetes cluster ${this.#cluster}: no credentials could be had: ${reason}`, {
        hint: 'Check the credential plugin or token file that the kubeconfig names.',
        cause: error,
      });
    }
    const headers = Object.fromEntries(
      Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value).trim()]),
    );
    if (typeof options.auth === 'string')
      headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    this.#sentToken = headers['Authorization']?.replace(/^Bearer\s+/, '');
    const server = (current?.server ?? '').replace(/\/+$/, '');
    if (current?.proxyUrl !== undefined && options.agent instanceof http.Agent)
      return { server, headers, agent: options.agent, watchAgent: options.agent };
    return { server, headers, ...this.#agentsFor(server, options) };
  }

  #agentsFor(server: string, options: https.RequestOptions): Pick<Transport, 'agent' | 'watchAgent'> {
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const hash = createHash('sha256');
    for (const part of [server, ca, cert, key, pfx, passphrase, rejectUnauthorized, servername])
      hash.update(Buffer.isBuffer(part) ? part : JSON.stringify(part ?? null)).update('\u0000');
    const digest = hash.digest('hex');
    if (this.#agents?.key === digest) return this.#agents;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    const common = { keepAlive: true, keepAliveMsecs: 15_000, timeout: FREE_SOCKET_MS };
    const make = (maxSockets: number): http.Agent =>
      server.startsWith('http:')
        ? new http.Agent({ ...common, maxSockets })
        : new https.Agent({ ...common, ...tls, maxSockets });
    this.#agents = { key: digest, agent: make(64), watchAgent: make(16) };
    return this.#agents;
  }

  /** Reads the credentials again (they rotate), not too often. @returns whether another try makes sense. */
  #reload(): boolean {
    if (performance.now() - this.#loadedAt < RELOAD_AFTER_MS && !this.#rotated()) return false;
    this.#loadedAt = performance.now();
    try {
      this.#config = loadKubeConfig(this.#cluster, this.#credentials);
      this.#generation++;
      return true;
    } catch {
      return false;
    }
  }

  /** Whether the token file holds another token than was sent last. */
  #rotated(): boolean {
    const file = tokenFileOf(this.#config);
    try {
      return file !== undefined && readFileSync(file, 'utf8').trim() !== this.#sentToken;
    } catch {
      return false;
    }
  }
}

class StaleSocketError extends Error {}

function exchange(url: URL, settings: https.RequestOptions, body: string | undefined): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'http:' ? http : https).request(url, settings, resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      reject(stale ? new StaleSocketError(error.message, { cause: error }) : error);
    });
    request.end(body);
  });
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(new Error('aborted'));
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** How long items are read in one go, in ms. */
const SLICE_MS = 8;

/** Reads a list and lets others work now and then. */
async function readList(response: http.IncomingMessage, onItem: (raw: unknown) => void): Promise<unknown> {
  const splitter = new ItemSplitter(onItem);
  let since = performance.now();
  for await (const chunk of response as AsyncIterable<Buffer>) {
    splitter.push(chunk);
    if (performance.now() - since < SLICE_MS) continue;
    await setImmediate();
    since = performance.now();
  }
  return splitter.end();
}

/** @param secret is taken out of what a server says, lest it repeat what it was told. */
async function readJson(response: http.IncomingMessage, secret?: string): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) {
      response.destroy();
      throw new BurstError('internal', `an answer of over ${MAX_BODY / 2 ** 20} MiB was not read`);
    }
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks).toString('utf8');
  const text = secret === undefined || secret === '' ? whole : whole.replaceAll(secret, '[redacted]');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function retryAfter(response: http.IncomingMessage): number | undefined {
  const seconds = Number(response.headers['retry-after'] ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}
