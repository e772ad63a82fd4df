/**
 * The simulated etcd and watch cache. Invariants: one counter numbers every change; objects are replaced, never changed;
 * a watcher sees every change after its resourceVersion in order, or is told 410.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { keyOf, type KubeObject, type Pod } from './objects.ts';
import { pods, resources, type Resource } from './resources.ts';
import type { Match } from './selectors.ts';
import { expired } from './status.ts';

export type Change = {
  readonly of: Resource;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
  /** The object before the change; for DELETED the last one with its former resourceVersion. */
  readonly before: KubeObject | undefined;
  readonly version: number;
};
type Shelf = {
  readonly objects: Map<string, KubeObject>;
  keys: string[] | undefined;
  events: Change[];
  /** Changes up to this version are forgotten. */
  compacted: number;
};
export type Page = {
  readonly items: readonly KubeObject[];
  readonly version: number;
  readonly next: string | undefined;
  readonly remaining: number | undefined;
};

const snapshotsKept = 16;

/** The token of a page: its moment, and the key after which it begins. */
export const continueToken = (version: number, after: string): string =>
  Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start: after })).toString('base64url');

export class Store {
  readonly #shelves = new Map<Resource, Shelf>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #podsByNode = new Map<string, Map<string, Pod>>();
  readonly #dependents = new Map<string, Map<string, { of: Resource; key: string }>>();
  readonly #snapshots = new Map<string, readonly KubeObject[]>();
  readonly #window: number;
  readonly #untold: Change[] = [];
  version = 1;

  constructor(watchCacheSize: number) {
    this.#window = watchCacheSize;
    for (const one of resources)
      this.#shelves.set(one, { objects: new Map(), keys: undefined, events: [], compacted: 0 });
  }

  #shelf(of: Resource): Shelf {
    const shelf = this.#shelves.get(of);
    if (!shelf) throw new Error(`${of.plural} are not stored`);
    return shelf;
  }

  /** Calls back after every change; returns the unsubscribe function. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(of: Resource, key: string): KubeObject | undefined {
    return this.#shelf(of).objects.get(key);
  }
  has(of: Resource, object: KubeObject): boolean {
    return this.get(of, keyOf(object))?.metadata.uid === object.metadata.uid;
  }
  values(of: Resource): Iterable<KubeObject> {
    return this.#shelf(of).objects.values();
  }
  count(of: Resource): number {
    return this.#shelf(of).objects.size;
  }
  podsOn(nodeName: string): readonly Pod[] {
    return [...(this.#podsByNode.get(nodeName)?.values() ?? [])];
  }
  /** Objects with an owner reference to this UID. */
  dependents(uid: string): { of: Resource; object: KubeObject }[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])].flatMap(({ of, key }) => {
      const object = this.get(of, key);
      return object ? [{ of, object }] : [];
    });
  }

  /** Creates or replaces; gives the next resourceVersion. An unchanged object is left alone, as the API server does. */
  put(of: Resource, object: KubeObject): KubeObject {
    const shelf = this.#shelf(of);
    const key = keyOf(object);
    const before = shelf.objects.get(key);
    if (before) {
      const same = { ...object, metadata: { ...object.metadata, resourceVersion: before.metadata.resourceVersion } };
      if (isDeepStrictEqual(same, before)) return before;
    }
    this.version++;
    const stored: KubeObject = {
      ...object,
      metadata: {
        ...object.metadata,
        uid: object.metadata.uid === '' ? randomUUID() : object.metadata.uid,
        resourceVersion: String(this.version),
      },
    };
    shelf.objects.set(key, stored);
    if (!before) shelf.keys = undefined;
    this.#index(of, key, before, stored);
    this.#record(shelf, { of, type: before ? 'MODIFIED' : 'ADDED', object: stored, before, version: this.version });
    return stored;
  }

  /** Removes at once; finalizers are the caller's business. */
  remove(of: Resource, key: string): void {
    const shelf = this.#shelf(of);
    const before = shelf.objects.get(key);
    if (!before) return;
    this.version++;
    shelf.objects.delete(key);
    shelf.keys = undefined;
    this.#index(of, key, before, undefined);
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.version) } };
    this.#record(shelf, { of, type: 'DELETED', object, before, version: this.version });
  }

  #index(of: Resource, key: string, before: KubeObject | undefined, after: KubeObject | undefined): void {
    if (of === pods) {
      const was = (before as Pod | undefined)?.spec.nodeName;
      const is = (after as Pod | undefined)?.spec.nodeName;
      if (was !== undefined && was !== is) {
        const there = this.#podsByNode.get(was);
        there?.delete(key);
        if (there?.size === 0) this.#podsByNode.delete(was);
      }
      if (is !== undefined && after) {
        const there = this.#podsByNode.get(is) ?? new Map<string, Pod>();
        there.set(key, after as Pod);
        this.#podsByNode.set(is, there);
      }
    }
    const entry = `${of.group}/${of.plural}/${key}`;
    if (before?.metadata.ownerReferences !== after?.metadata.ownerReferences) {
      for (const owner of before?.metadata.ownerReferences ?? []) {
        const group = this.#dependents.get(owner.uid);
        group?.delete(entry);
        if (group?.size === 0) this.#dependents.delete(owner.uid);
      }
      for (const owner of after?.metadata.ownerReferences ?? []) {
        const group = this.#dependents.get(owner.uid) ?? new Map<string, { of: Resource; key: string }>();
        group.set(entry, { of, key });
        this.#dependents.set(owner.uid, group);
      }
    }
  }

  #record(shelf: Shelf, change: Change): void {
    shelf.events.push(change);
    // Trimmed in blocks, so that a long window costs nothing per change.
    if (shelf.events.length > this.#window + Math.max(16, this.#window >> 2)) {
      const dropped = shelf.events.splice(0, shelf.events.length - this.#window);
      shelf.compacted = dropped.at(-1)?.version ?? shelf.compacted;
    }
    // A listener may write too: its change is told after this one, so that all listeners see one order.
    this.#untold.push(change);
    if (this.#untold.length > 1) return;
    for (let at = 0; at < this.#untold.length; at++) {
      const one = this.#untold[at];
      if (one) for (const listener of this.#listeners) listener(one);
    }
    this.#untold.length = 0;
  }

  /** Changes of a resource after a version, oldest first. @throws ApiError 410 when some of them are forgotten. */
  since(of: Resource, version: number): readonly Change[] {
    const { events, compacted } = this.#shelf(of);
    if (version < compacted) throw expired(`too old resource version: ${version} (${compacted})`);
    return events.filter((event) => event.version > version);
  }

  /** Forgets all past changes and all snapshots of unfinished lists. */
  compact(): void {
    for (const shelf of this.#shelves.values()) {
      shelf.events = [];
      shelf.compacted = this.version;
    }
    this.#snapshots.clear();
  }

  #sorted(of: Resource, namespace: string | undefined): readonly KubeObject[] {
    const shelf = this.#shelf(of);
    shelf.keys ??= [...shelf.objects.keys()].sort();
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    const found: KubeObject[] = [];
    for (const key of shelf.keys) {
      const object = key.startsWith(prefix) ? shelf.objects.get(key) : undefined;
      if (object) found.push(object);
    }
    return found;
  }

  /** One page of a consistent list, in key order. @throws ApiError 410 when the page before it is too long ago. */
  list(
    of: Resource,
    query: {
      namespace: string | undefined;
      match: Match | undefined;
      /** Known value of a pods' spec.nodeName selector. */
      nodeName: string | undefined;
      limit: number;
      from: { version: number; after: string } | undefined;
    },
  ): Page {
    const { namespace, match, limit, from } = query;
    const id = (version: number) => `${version} ${of.group}/${of.plural} ${namespace ?? ''} ${query.nodeName ?? ''}`;
    // Version -1: go on at the present moment, as the answer to a forgotten one offers.
    const now = from === undefined || from.version < 0;
    const snapshot = now ? this.#current(of, query) : this.#snapshots.get(id(from.version));
    if (!snapshot) {
      throw expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
        continueToken(-1, from?.after ?? ''),
      );
    }
    const version = now ? this.version : from.version;
    let at = 0;
    if (from) {
      let high = snapshot.length;
      while (at < high) {
        const middle = (at + high) >> 1;
        const object = snapshot[middle];
        if (object && keyOf(object) <= from.after) at = middle + 1;
        else high = middle;
      }
    }
    const items: KubeObject[] = [];
    for (; at < snapshot.length && (limit === 0 || items.length < limit); at++) {
      const object = snapshot[at];
      if (object && (!match || match(object))) items.push(object);
    }
    const last = snapshot[at - 1];
    if (at >= snapshot.length || !last) return { items, version, next: undefined, remaining: undefined };
    this.#snapshots.set(id(version), snapshot);
    const oldest = this.#snapshots.keys().next().value;
    if (this.#snapshots.size > snapshotsKept && oldest !== undefined) this.#snapshots.delete(oldest);
    return { items, version, next: keyOf(last), remaining: match ? undefined : snapshot.length - at };
  }

  #current(
    of: Resource,
    query: { namespace: string | undefined; nodeName: string | undefined },
  ): readonly KubeObject[] {
    if (of !== pods || query.nodeName === undefined || query.nodeName === '') return this.#sorted(of, query.namespace);
    return this.podsOn(query.nodeName)
      .filter((pod) => query.namespace === undefined || pod.metadata.namespace === query.namespace)
      .sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  }
}
