/** What goes when something else went: dependents of a deleted owner, pods of a deleted node, a deleted namespace's content. */
import type { Api } from '../api.ts';
import { keyOf, type KubeObject } from '../objects.ts';
import { leases, namespaces, nodes, pods, resources, type Resource } from '../resources.ts';
import { ApiError } from '../status.ts';
import type { Change } from '../store.ts';
import { WorkQueue } from './queue.ts';

export class Garbage {
  readonly #api: Api;
  readonly #owners: WorkQueue;
  readonly #nodes: WorkQueue;
  readonly #namespaces: WorkQueue;
  readonly #terminating = new Set<string>();

  constructor(api: Api) {
    this.#api = api;
    this.#owners = new WorkQueue((uid) => {
      for (const { of, object } of api.store.dependents(uid)) this.#delete(of, object);
    });
    this.#nodes = new WorkQueue((name) => {
      if (api.store.get(nodes, name)) return;
      for (const pod of api.store.podsOn(name)) this.#delete(pods, pod, 0);
      api.store.remove(leases, `kube-node-lease/${name}`);
    });
    this.#namespaces = new WorkQueue((name) => {
      this.#empty(name);
    });
  }
  close(): void {
    for (const queue of [this.#owners, this.#nodes, this.#namespaces]) queue.close();
  }

  changed({ of, type, object }: Change): void {
    const { name, namespace, uid, deletionTimestamp } = object.metadata;
    if (type === 'DELETED') {
      this.#owners.add(uid);
      if (of === nodes) this.#nodes.add(name);
      if (namespace !== undefined && this.#terminating.has(namespace)) this.#namespaces.add(namespace);
    }
    if (of === namespaces && type !== 'DELETED' && deletionTimestamp !== undefined) {
      this.#terminating.add(name);
      this.#namespaces.add(name);
    }
  }

  #delete(of: Resource, object: KubeObject, gracePeriodSeconds?: number): void {
    try {
      this.#api.delete(of, object.metadata.namespace, object.metadata.name, {
        preconditions: { uid: object.metadata.uid },
        ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #empty(name: string): void {
    let left = 0;
    for (const content of resources) {
      if (!content.namespaced) continue;
      for (const object of [...this.#api.store.values(content)]) {
        if (object.metadata.namespace !== name) continue;
        if (object.metadata.deletionTimestamp === undefined) this.#delete(content, object);
        if (this.#api.store.get(content, keyOf(object))) left++;
      }
    }
    if (left === 0) {
      this.#terminating.delete(name);
      this.#api.store.remove(namespaces, name);
    }
  }
}
