/** Binds pending pods to the ready, schedulable node with most room. Invariant: no node is given more than it can hold. */
import type { Api } from '../api.ts';
import {
  isFinished,
  isReady,
  keyOf,
  quantity,
  type NodeObject,
  type Pod,
  type TaintSpec,
  type Toleration,
} from '../objects.ts';
import { nodes, pods } from '../resources.ts';
import type { Change } from '../store.ts';
import { WorkQueue } from './queue.ts';

type Room = { cpu: number; memory: number; pods: number };

/** Whether one of these tolerations covers a taint. */
export const tolerates = (tolerations: readonly Toleration[], taint: TaintSpec): boolean =>
  tolerations.some(
    (one) =>
      (one.effect === undefined || one.effect === '' || one.effect === taint.effect) &&
      (one.operator === 'Exists'
        ? one.key === undefined || one.key === '' || one.key === taint.key
        : one.key === taint.key && (one.value ?? '') === (taint.value ?? '')),
  );

const requests = (pod: Pod): Room => {
  const room = { cpu: 0, memory: 0, pods: 1 };
  for (const container of pod.spec.containers ?? []) {
    room.cpu += quantity(container.resources?.requests?.['cpu']);
    room.memory += quantity(container.resources?.requests?.['memory']);
  }
  return room;
};

export class Scheduler {
  readonly #api: Api;
  readonly #waiting = new Set<string>();
  readonly #used = new Map<string, Room>();
  readonly #queue: WorkQueue;

  constructor(api: Api) {
    this.#api = api;
    this.#queue = new WorkQueue(() => {
      for (const key of [...this.#waiting]) this.#schedule(key);
    });
  }
  close(): void {
    this.#queue.close();
  }

  changed({ of, object, before, type }: Change): void {
    if (of === pods) {
      const pod = object as Pod;
      for (const one of [pod, before as Pod | undefined])
        if (one?.spec.nodeName !== undefined) this.#used.delete(one.spec.nodeName);
      const wants =
        type !== 'DELETED' &&
        pod.spec.nodeName === undefined &&
        !isFinished(pod) &&
        pod.metadata.deletionTimestamp === undefined;
      const key = keyOf(pod);
      if (!wants) this.#waiting.delete(key);
      else if (type === 'ADDED') {
        this.#waiting.add(key);
        this.#queue.add('');
      }
      if (type === 'DELETED' && this.#waiting.size > 0) this.#queue.add('');
    } else if (of === nodes && this.#waiting.size > 0) this.#queue.add('');
  }

  #usedOn(name: string): Room {
    let used = this.#used.get(name);
    if (!used) {
      used = { cpu: 0, memory: 0, pods: 0 };
      for (const pod of this.#api.store.podsOn(name)) {
        if (isFinished(pod)) continue;
        const wants = requests(pod);
        used.cpu += wants.cpu;
        used.memory += wants.memory;
        used.pods++;
      }
      this.#used.set(name, used);
    }
    return used;
  }

  #schedule(key: string): void {
    const pod = this.#api.store.get(pods, key) as Pod | undefined;
    if (!pod || pod.spec.nodeName !== undefined) {
      this.#waiting.delete(key);
      return;
    }
    const wants = requests(pod);
    const tolerations = pod.spec.tolerations ?? [];
    const selector = Object.entries(pod.spec.nodeSelector ?? {});
    let best: { name: string; score: number } | undefined;
    for (const object of this.#api.store.values(nodes)) {
      const node = object as NodeObject;
      if (node.spec?.unschedulable === true || !isReady(node) || node.metadata.deletionTimestamp !== undefined)
        continue;
      if (!selector.every(([name, value]) => node.metadata.labels?.[name] === value)) continue;
      if (
        !(node.spec?.taints ?? []).every(
          (taint) => taint.effect === 'PreferNoSchedule' || tolerates(tolerations, taint),
        )
      )
        continue;
      const has = node.status?.allocatable ?? {};
      const [cpu, memory, count] = [quantity(has['cpu']), quantity(has['memory']), quantity(has['pods'])];
      const used = this.#usedOn(node.metadata.name);
      if (used.cpu + wants.cpu > cpu || used.memory + wants.memory > memory || used.pods + 1 > count) continue;
      const score =
        1 - (used.cpu + wants.cpu) / (cpu || 1) + (1 - (used.memory + wants.memory) / (memory || 1)) - used.pods / 1e6;
      if (!best || score > best.score) best = { name: node.metadata.name, score };
    }
    const lastTransitionTime = this.#api.now();
    if (best) {
      this.#waiting.delete(key);
      const conditions = [{ type: 'PodScheduled', status: 'True', lastTransitionTime }];
      this.#api.store.put(pods, {
        ...pod,
        spec: { ...pod.spec, nodeName: best.name },
        status: { ...pod.status, conditions },
      });
    } else if (pod.status?.conditions === undefined) {
      const message = `0/${this.#api.store.count(nodes)} nodes are available for this pod.`;
      const conditions = [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime },
      ];
      this.#api.setStatus(pods, pod, { ...pod.status, conditions });
    }
  }
}
