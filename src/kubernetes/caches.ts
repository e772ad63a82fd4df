/**
 * What is kept of nodes and pods. Invariant: facts only, equal strings and labels shared, so that 5,000 nodes and
 * 50,000 pods fit in a small process.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NodeFacts, PodFacts } from '../domain/worker.ts';
import type { ClusterChange } from '../ports/cluster.ts';
import type { Entry, Sink } from './reflector.ts';
import { podFacts, versionOf } from './facts.ts';

type Notify = (change: ClusterChange) => void;

const MAX_SHARED = 100_000;

/** Makes equal values one value. It forgets everything when it grows too large, which costs sharing only. */
class Shared {
  readonly #values = new Map<string, unknown>();
  get<T>(key: string, value: T): T {
    const known = this.#values.get(key);
    if (known !== undefined) return known as T;
    if (this.#values.size >= MAX_SHARED) this.#values.clear();
    this.#values.set(key, value);
    return value;
  }
  text(value: string): string {
    return this.get(`t:${value}`, value);
  }
}

export class NodeCache implements Sink<NodeFacts> {
  readonly #nodes = new Map<string, NodeFacts>();
  readonly #notify: Notify;

  constructor(notify: Notify) {
    this.#notify = notify;
  }

  all(): readonly NodeFacts[] {
    return [...this.#nodes.values()];
  }

  get(name: string): NodeFacts | undefined {
    return this.#nodes.get(name);
  }

  retain(keys: ReadonlySet<string>): void {
    for (const key of [...this.#nodes.keys()]) if (!keys.has(key)) this.remove(key);
  }

  upsert(entry: Entry<NodeFacts>): void {
    const before = this.#nodes.get(entry.key);
    this.#nodes.set(entry.key, entry.value);
    // A heartbeat changes the version and nothing that anybody waits for.
    const same =
      before !== undefined && isDeepStrictEqual({ ...before, resourceVersion: entry.resourceVersion }, entry.value);
    if (!same) this.#notify({ kind: 'node', nodeName: entry.key });
  }

  remove(name: string): void {
    if (this.#nodes.delete(name)) this.#notify({ kind: 'node', nodeName: name });
  }
}

export class PodCache implements Sink<PodFacts> {
  readonly #pods = new Map<string, Entry<PodFacts>>();
  readonly #byNode = new Map<string, Map<string, PodFacts>>();
  readonly #shared = new Shared();
  readonly #notify: Notify;

  constructor(notify: Notify) {
    this.#notify = notify;
  }

  /** Trims a raw pod and shares what it has in common with others. */
  parse(raw: unknown): Entry<PodFacts> | undefined {
    const pod = podFacts(raw);
    if (pod === undefined) return undefined;
    const { facts } = pod;
    const value: PodFacts = {
      ...facts,
      namespace: this.#shared.text(facts.namespace),
      nodeName: facts.nodeName === undefined ? undefined : this.#shared.text(facts.nodeName),
      labels: this.#shared.get(`l:${JSON.stringify(facts.labels)}`, facts.labels),
      controller:
        facts.controller === undefined
          ? undefined
          : this.#shared.get(`c:${JSON.stringify(facts.controller)}`, facts.controller),
      requests: this.#shared.get(`r:${facts.requests.cpuMillis}/${facts.requests.memoryMiB}`, facts.requests),
    };
    return { key: `${facts.namespace}/${facts.name}`, resourceVersion: pod.resourceVersion, value };
  }

  all(): readonly PodFacts[] {
    return Array.from(this.#pods.values(), (entry) => entry.value);
  }

  onNode(nodeName: string): readonly PodFacts[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])];
  }

  retain(keys: ReadonlySet<string>): void {
    for (const key of [...this.#pods.keys()]) if (!keys.has(key)) this.remove(key);
  }

  upsert(entry: Entry<PodFacts>): void {
    const before = this.#pods.get(entry.key);
    if (before?.resourceVersion === entry.resourceVersion && entry.resourceVersion !== '') return;
    if (before !== undefined && before.value.nodeName !== entry.value.nodeName) this.#unplace(before);
    this.#pods.set(entry.key, entry);
    const { nodeName, namespace } = entry.value;
    if (nodeName !== undefined) {
      const pods = this.#byNode.get(nodeName) ?? new Map<string, PodFacts>();
      pods.set(entry.key, entry.value);
      this.#byNode.set(nodeName, pods);
    }
    if (before !== undefined && isDeepStrictEqual(before.value, entry.value)) return;
    this.#notify({ kind: 'pod', nodeName, namespace });
  }

  remove(key: string): void {
    const before = this.#pods.get(key);
    if (before === undefined) return;
    this.#pods.delete(key);
    this.#unplace(before);
    this.#notify({ kind: 'pod', nodeName: before.value.nodeName, namespace: before.value.namespace });
  }

  #unplace(entry: Entry<PodFacts>): void {
    const { nodeName } = entry.value;
    if (nodeName === undefined) return;
    const pods = this.#byNode.get(nodeName);
    pods?.delete(entry.key);
    if (pods?.size === 0) this.#byNode.delete(nodeName);
  }
}

/** Only tells that budgets of a namespace changed; their numbers are read live. */
export class BudgetVersions implements Sink<string> {
  readonly #namespaces = new Map<string, Entry<string>>();
  readonly #notify: Notify;

  constructor(notify: Notify) {
    this.#notify = notify;
  }

  parse(raw: unknown): Entry<string> | undefined {
    const version = versionOf(raw);
    if (version === undefined) return undefined;
    const { namespace, name, resourceVersion } = version;
    return { key: `${namespace}/${name}`, resourceVersion, value: namespace };
  }

  retain(keys: ReadonlySet<string>): void {
    for (const key of [...this.#namespaces.keys()]) if (!keys.has(key)) this.remove(key);
  }

  upsert(entry: Entry<string>): void {
    const before = this.#namespaces.get(entry.key);
    this.#namespaces.set(entry.key, entry);
    if (before?.resourceVersion !== entry.resourceVersion) this.#notify({ kind: 'budget', namespace: entry.value });
  }

  remove(key: string): void {
    const before = this.#namespaces.get(key);
    this.#namespaces.delete(key);
    if (before !== undefined) this.#notify({ kind: 'budget', namespace: before.value });
  }
}
