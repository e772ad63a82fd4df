/** Open watches. Invariant: each gets what changed after its resourceVersion, once and in order, filtered by its selectors. */
import type { ServerResponse } from 'node:http';
import type { KubeObject } from './objects.ts';
import { groupVersion, type Resource } from './resources.ts';
import type { Match } from './selectors.ts';
import { ApiError, expired } from './status.ts';
import type { Change, Store } from './store.ts';

export type WatchRequest = {
  readonly of: Resource;
  readonly namespace: string | undefined;
  readonly match: Match | undefined;
  readonly resourceVersion: string;
  readonly bookmarks: boolean;
  readonly initialEvents: boolean;
  readonly timeoutMs: number;
  /** How an object is written: as JSON, or as a Table. */
  readonly write: (object: KubeObject, first: boolean) => string;
};

type Open = WatchRequest & { readonly response: ServerResponse; version: number; sent: boolean; end(): void };

/** As the real server's bookmarkHeartbeat before a deadline. */
const BOOKMARK_BEFORE_END_MS = 2_000;

export class Watches {
  readonly #store: Store;
  readonly #bookmarkMs: number;
  readonly #open = new Set<Open>();
  readonly #stopListening: () => void;

  constructor(store: Store, bookmarkMs: number) {
    this.#store = store;
    this.#bookmarkMs = bookmarkMs;
    this.#stopListening = store.onChange((change) => {
      for (const watch of this.#open) if (watch.of === change.of) this.#deliver(watch, change);
    });
  }

  get count(): number {
    return this.#open.size;
  }

  /** Answers a watch request and keeps it open until its time is over, the client leaves or the server ends it. */
  start(request: WatchRequest, response: ServerResponse): void {
    const since = /^\d+$/.test(request.resourceVersion) ? Number(request.resourceVersion) : 0;
    // Streaming bodies have no length; the client counts lines.
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    response.flushHeaders();
    const timers: NodeJS.Timeout[] = [];
    const watch: Open = {
      ...request,
      response,
      version: since,
      sent: false,
      end: () => {
        this.#open.delete(watch);
        for (const timer of timers) clearTimeout(timer);
        response.end();
      },
    };
    try {
      if (since === 0 || request.initialEvents) this.#initial(watch);
      else for (const change of this.#store.since(request.of, since)) this.#deliver(watch, change);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#fail(watch, error);
      return;
    }
    this.#open.add(watch);
    // The transport's own times are real: a client counts them in real seconds, whatever the sandbox's clock shows.
    timers.push(setTimeout(() => watch.end(), request.timeoutMs).unref());
    if (request.bookmarks) {
      timers.push(setInterval(() => this.#bookmark(watch, false), this.#bookmarkMs).unref());
      // The last word before the end, so that the next watch begins near the present.
      const lastMs = request.timeoutMs - BOOKMARK_BEFORE_END_MS;
      if (lastMs > 0) timers.push(setTimeout(() => this.#bookmark(watch, false), lastMs).unref());
    }
    response.on('close', () => watch.end());
  }

  #initial(watch: Open): void {
    const { items, version } = this.#store.list(watch.of, {
      namespace: watch.namespace,
      match: watch.match,
      nodeName: undefined,
      limit: 0,
      from: undefined,
    });
    for (const object of items) this.#send(watch, 'ADDED', object);
    watch.version = Math.max(watch.version, version);
    if (watch.initialEvents && watch.bookmarks) this.#bookmark(watch, true);
  }

  #deliver(watch: Open, change: Change): void {
    if (change.version <= watch.version) return;
    watch.version = change.version;
    if (watch.namespace !== undefined && change.object.metadata.namespace !== watch.namespace) return;
    const was = change.before !== undefined && (watch.match?.(change.before) ?? true);
    const is = change.type !== 'DELETED' && (watch.match?.(change.object) ?? true);
    if (was && is) this.#send(watch, 'MODIFIED', change.object);
    else if (is) this.#send(watch, 'ADDED', change.object);
    else if (was) {
      // A watcher is shown what it knew, at the version of the change that took it away.
      const gone =
        change.type === 'DELETED' ? change.object : atVersion(change.before ?? change.object, change.version);
      this.#send(watch, 'DELETED', gone);
    }
  }

  #send(watch: Open, type: string, object: KubeObject): void {
    watch.response.write(`{"type":"${type}","object":${watch.write(object, !watch.sent)}}\n`);
    watch.sent = true;
  }

  #bookmark(watch: Open, end: boolean): void {
    const metadata = {
      resourceVersion: String(this.#store.version),
      ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    };
    const object = { kind: watch.of.kind, apiVersion: groupVersion(watch.of), metadata };
    watch.response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  #fail(watch: Open, error: ApiError): void {
    watch.response.write(`${JSON.stringify({ type: 'ERROR', object: error.body() })}\n`);
    watch.end();
  }

  /** Tells every open watch that its place in history is forgotten. */
  expireAll(): void {
    for (const watch of [...this.#open]) {
      this.#fail(watch, expired(`too old resource version: ${watch.version} (${this.#store.version})`));
    }
  }
  /** Ends every open watch, as a restarted proxy does. */
  dropAll(): void {
    for (const watch of [...this.#open]) watch.response.destroy();
  }
  close(): void {
    this.#stopListening();
    for (const watch of [...this.#open]) watch.end();
  }
}

const atVersion = (object: KubeObject, version: number): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(version) },
});
