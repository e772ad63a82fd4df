/**
 * Keeps a store in step with a collection: list, then watch from there, for ever. Invariants: what a listing shows is taken
 * as the events that led there would be, and only one that is complete takes anything away; raw objects are let go as soon
 * as they are trimmed; while the server is away the last data stay.
 */
import type { IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod';
import { BurstError, isBurstError, messageOf } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Connection } from './connection.ts';
import { listAll } from './list.ts';
import { harmless, parseStatus } from './status.ts';

export type Entry<T> = { readonly key: string; readonly resourceVersion: string; readonly value: T };

/** Where a reflector writes. */
export interface Sink<T> {
  /** A listing ended: what it did not show is gone. */
  retain(keys: ReadonlySet<string>): void;
  upsert(entry: Entry<T>): void;
  remove(key: string): void;
}

export type Log = {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
};

/** Network time, in ms of the real clock: a skipped hour breaks no connection. */
export type WatchTiming = {
  /** Without an event or bookmark for this long a watch counts as dead (the server sends a bookmark each minute). */
  readonly silentMs: number;
  readonly serverTimeoutSeconds: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
};
export const WATCH_TIMING: WatchTiming = {
  silentMs: 90_000,
  serverTimeoutSeconds: 300,
  backoffMinMs: 100,
  backoffMaxMs: 10_000,
};

export type ReflectorOptions<T> = {
  readonly cluster: string;
  /** `nodes`, `pods`, … */
  readonly what: string;
  readonly path: string;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly pageSize: number;
  readonly timing: WatchTiming;
  readonly parse: (raw: unknown) => Entry<T> | undefined;
  readonly sink: Sink<T>;
};

const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const versionSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

/** A watch that lived this long was well: the next failure begins with the shortest pause again. */
const HEALTHY_MS = 5_000;
const MAX_LINE = 32 * 2 ** 20;
/** How long events are read in one go, in ms. */
const SLICE_MS = 8;
const RELIST_AFTER_FAILURES = 5;

/** The version to go on from is too old (410), or cannot be trusted any more: list again. */
class RelistError extends Error {}

export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #firstList = Promise.withResolvers<void>();
  #resourceVersion: string | undefined;
  #brokenSinceMs: number | undefined;
  #reason = 'not loaded yet';
  #loaded = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  /** Resolves when the first listing is in the store. */
  get loaded(): Promise<void> {
    return this.#firstList.promise;
  }

  /** Since when there is no watch, and why; undefined while all is well. */
  trouble(): { readonly loaded: boolean; readonly sinceMs: number | undefined; readonly reason: string } | undefined {
    if (!this.#loaded) return { loaded: false, sinceMs: undefined, reason: this.#reason };
    if (this.#brokenSinceMs === undefined) return undefined;
    return { loaded: true, sinceMs: this.#brokenSinceMs, reason: this.#reason };
  }

  /** Runs until `signal` aborts; never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, what, cluster } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const watch = { openedAt: undefined as number | undefined };
      let problem: string;
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        await this.#watch(watch, signal);
        problem = 'the watch ended';
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof RelistError) this.#resourceVersion = undefined;
        problem = harmless(messageOf(error));
      }
      const healthy = watch.openedAt !== undefined && performance.now() - watch.openedAt >= HEALTHY_MS;
      failures = healthy ? 0 : failures + 1;
      this.#broken(problem);
      if (failures >= RELIST_AFTER_FAILURES) this.#resourceVersion = undefined;
      if (failures === 0) continue;
      const waitMs = this.#backoff(failures);
      if (failures > 1) log.warn({ cluster, what, problem, failures, waitMs }, 'watch could not be kept up');
      await pause(waitMs, signal);
    }
  }

  #broken(reason: string): void {
    this.#reason = `${this.#options.what}: ${reason}`;
    if (this.#loaded) this.#brokenSinceMs ??= this.#options.clock.now();
  }

  /** Exponential, spread over its upper half so that many processes do not come back at once. */
  #backoff(failures: number): number {
    const { timing, ids } = this.#options;
    const full = Math.min(timing.backoffMaxMs, timing.backoffMinMs * 2 ** Math.min(failures - 1, 20));
    let spread = 0;
    for (const letter of ids.base32(2))
      spread = spread * 32 + Math.max(0, 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(letter));
    return Math.round(full * (0.5 + spread / 2048));
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { cluster, connection, path, what, pageSize, parse, sink } = this.#options;
    const seen = new Set<string>();
    const version = await listAll(
      { cluster, connection, path, what, pageSize, signal },
      (raw) => {
        const entry = parse(raw);
        if (entry === undefined) return;
        seen.add(entry.key);
        sink.upsert(entry);
      },
      () => seen.clear(),
    );
    signal.throwIfAborted();
    sink.retain(seen);
    this.#resourceVersion = version;
    if (this.#loaded) return;
    this.#loaded = true;
    this.#firstList.resolve();
  }

  async #watch(state: { openedAt: number | undefined }, outer: AbortSignal): Promise<void> {
    const { connection, path, what, timing } = this.#options;
    const silent = new AbortController();
    const signal = AbortSignal.any([outer, silent.signal]);
    const response = await connection
      .stream(path, {
        what: `watch ${what}`,
        signal,
        query: {
          watch: true,
          allowWatchBookmarks: true,
          resourceVersion: this.#resourceVersion,
          timeoutSeconds: timing.serverTimeoutSeconds,
        },
      })
      .catch((error: unknown) => {
        throw isGone(error) ? new RelistError('the watched version is too old', { cause: error }) : error;
      });
    state.openedAt = performance.now();
    this.#brokenSinceMs = undefined;
    const onSilent = (): void => silent.abort(new RelistError(`nothing was heard for ${timing.silentMs / 1000} s`));
    let timer = setTimeout(onSilent, timing.silentMs);
    try {
      await readLines(
        response,
        (line) => this.#event(line),
        () => {
          clearTimeout(timer);
          timer = setTimeout(onSilent, timing.silentMs);
        },
      );
    } catch (error) {
      if (!silent.signal.aborted) throw error;
      connection.dropIdle();
      throw silent.signal.reason;
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
  }

  #event(line: string): void {
    const { cluster, what, parse, sink } = this.#options;
    const event = eventSchema.safeParse(parseJson(line));
    if (!event.success) throw new RelistError('an event could not be read');
    const { type, object } = event.data;
    if (type === 'ERROR') {
      const status = parseStatus(object);
      if (status?.code === 410) throw new RelistError('the watched version is too old');
      throw new BurstError('internal', `Kubernetes cluster ${cluster}: watch ${what}: ${status?.message ?? 'error'}`);
    }
    const version = versionSchema.safeParse(object);
    if (type !== 'BOOKMARK') {
      const entry = parse(object);
      if (entry !== undefined && type === 'DELETED') sink.remove(entry.key);
      else if (entry !== undefined) sink.upsert(entry);
    }
    if (version.success) this.#resourceVersion = version.data.metadata.resourceVersion;
  }
}

const isGone = (error: unknown): boolean => isBurstError(error, 'changed_meanwhile');

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** Calls `onLine` for each full line; an incomplete last line (the connection broke) is dropped. */
async function readLines(response: IncomingMessage, onLine: (line: string) => void, onData: () => void): Promise<void> {
  response.setEncoding('utf8');
  let parts: string[] = [];
  let size = 0;
  let since = performance.now();
  for await (const chunk of response as AsyncIterable<string>) {
    onData();
    // what has piled up in the connection comes without a pause between its pieces
    if (performance.now() - since >= SLICE_MS) {
      await setImmediate();
      since = performance.now();
    }
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      parts.push(chunk.slice(start, end));
      const line = parts.join('');
      parts = [];
      size = 0;
      start = end + 1;
      if (line.trim() !== '') onLine(line);
    }
    if (start < chunk.length) parts.push(chunk.slice(start));
    size += chunk.length - start;
    if (size > MAX_LINE) throw new RelistError('an event was too large');
  }
}

/** Waits in real time, or until `signal` aborts; never throws. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
