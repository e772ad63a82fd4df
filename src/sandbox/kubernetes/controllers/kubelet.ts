/**
 * The simulated kubelets and the node lifecycle controller. Invariants: only the kubelet of a pod's node starts it or
 * confirms its end; how long a node was silent is waited for, never computed from a lease, so that a skipped clock
 * makes no node unhealthy.
 */
import type { SandboxClock } from '../../contract.ts';
import type { Api } from '../api.ts';
import {
  controllerOf,
  isReady,
  keyOf,
  microTimestamp,
  type Condition,
  type NodeObject,
  type Pod,
  type TaintSpec,
} from '../objects.ts';
import { leases, nodes, pods } from '../resources.ts';
import type { Change } from '../store.ts';
import { background } from './queue.ts';

export type KubeletTimes = {
  readonly podStartMs: number;
  readonly podShutdownMs: number;
  readonly nodeReadyMs: number;
  readonly nodeGraceMs: number;
};

const heartbeatMs = 10_000;
const beatsPerStatus = 30;
const tolerationMs = 300_000;
const prefix = 'node.kubernetes.io/';
const pressures = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
] as const;
const nodeInfo = {
  architecture: 'amd64',
  bootID: '',
  containerRuntimeVersion: 'containerd://2.1.4',
  kernelVersion: '6.8.0-71-generic',
  kubeProxyVersion: '',
  kubeletVersion: 'v1.36.3',
  machineID: '',
  operatingSystem: 'linux',
  osImage: 'Ubuntu 24.04.3 LTS',
  systemUUID: '',
};

/** The conditions of a node whose kubelet reports (`ready`) or is silent. */
export function nodeConditions(at: string, ready: boolean, before: readonly Condition[] = []): Condition[] {
  const make = (type: string, status: string, reason: string, message: string): Condition => {
    const was = before.find((one) => one.type === type);
    const since = was?.status === status ? was.lastTransitionTime : undefined;
    const lastHeartbeatTime = ready ? at : (was?.lastHeartbeatTime ?? at);
    return { type, status, lastHeartbeatTime, lastTransitionTime: since ?? at, reason, message };
  };
  if (!ready) {
    return [...pressures.map(([type]) => type), 'Ready'].map((type) =>
      make(type, 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'),
    );
  }
  return [
    ...pressures.map(([type, reason, message]) => make(type, 'False', reason, message)),
    make('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

/** The status of a pod that runs. */
export function runningStatus(pod: Pod, at: string, podIP: string): Pod['status'] & object {
  const conditions = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
  return {
    ...pod.status,
    phase: 'Running',
    conditions: conditions.map((type) => ({ type, status: 'True', lastTransitionTime: at })),
    podIP,
    ...{ podIPs: [{ ip: podIP }], startTime: at },
    containerStatuses: (pod.spec.containers ?? []).map(({ name, image }) => ({
      name,
      image: image ?? '',
      imageID: '',
      ready: true,
      started: true,
      restartCount: 0,
      state: { running: { startedAt: at } },
    })),
  };
}

export class Kubelets {
  readonly #api: Api;
  readonly #clock: SandboxClock;
  readonly #times: KubeletTimes;
  readonly #signal: AbortSignal;
  readonly #silent = new Set<string>();
  readonly #busy = new Set<string>();
  #addresses = 0;

  constructor(api: Api, clock: SandboxClock, times: KubeletTimes, signal: AbortSignal) {
    this.#api = api;
    this.#clock = clock;
    this.#times = times;
    this.#signal = signal;
    background(signal, () => this.#heartbeats());
  }

  changed({ of, type, object }: Change): void {
    if (type === 'DELETED') return;
    if (of === pods) this.#pod(object as Pod);
    if (of === nodes) this.#node(object);
  }

  /** The node's kubelet falls silent; its node turns Unknown after a time and its pods stay as they are. */
  stop(name: string): void {
    if (this.#silent.has(name)) return;
    this.#silent.add(name);
    const uid = this.#api.store.get(nodes, name)?.metadata.uid;
    background(this.#signal, async () => {
      await this.#clock.sleep(this.#times.nodeGraceMs, this.#signal);
      if (!this.#mark(name, uid)) return;
      await this.#clock.sleep(tolerationMs, this.#signal);
      if (!this.#silent.has(name) || this.#api.store.get(nodes, name)?.metadata.uid !== uid) return;
      for (const pod of this.#api.store.podsOn(name)) {
        const stays = pod.metadata.deletionTimestamp !== undefined || controllerOf(pod)?.kind === 'DaemonSet';
        if (!stays) this.#api.delete(pods, pod.metadata.namespace, pod.metadata.name);
      }
    });
  }

  /** The node's kubelet works again, and takes up what waited for it. */
  start(name: string): void {
    if (!this.#silent.delete(name)) return;
    const node = this.#api.store.get(nodes, name) as NodeObject | undefined;
    if (node) this.#report(node);
    for (const pod of this.#api.store.podsOn(name)) {
      if (pod.status?.phase === 'Running' && !isReady(pod)) this.#run(pod);
      else this.#pod(pod);
    }
  }

  #mark(name: string, uid: string | undefined): boolean {
    const node = this.#api.store.get(nodes, name) as NodeObject | undefined;
    if (!node || node.metadata.uid !== uid || !this.#silent.has(name)) return false;
    const at = this.#api.now();
    const unreachable = ['NoSchedule', 'NoExecute'].map((effect) => ({
      key: `${prefix}unreachable`,
      effect,
      timeAdded: at,
    }));
    this.#api.store.put(nodes, {
      ...node,
      spec: { ...node.spec, taints: [...(node.spec?.taints ?? []), ...unreachable] },
      status: { ...node.status, conditions: nodeConditions(at, false, node.status?.conditions) },
    });
    for (const pod of this.#api.store.podsOn(name)) {
      const conditions = (pod.status?.conditions ?? []).map((one) =>
        one.type === 'Ready' && one.status === 'True'
          ? { ...one, status: 'False', reason: 'NodeNotReady', lastTransitionTime: at }
          : one,
      );
      this.#api.setStatus(pods, pod, { ...pod.status, conditions });
    }
    return true;
  }

  #node(node: NodeObject): void {
    const { name, uid } = node.metadata;
    const taints = node.spec?.taints ?? [];
    const cordoned = node.spec?.unschedulable === true;
    if (cordoned !== taints.some((taint) => taint.key === `${prefix}unschedulable`)) {
      const others = taints.filter((taint) => taint.key !== `${prefix}unschedulable`);
      const taint: TaintSpec = { key: `${prefix}unschedulable`, effect: 'NoSchedule', timeAdded: this.#api.now() };
      this.#api.store.put(nodes, { ...node, spec: { ...node.spec, taints: cordoned ? [...others, taint] : others } });
      return;
    }
    // a kubelet that has just registered says NotReady itself until it has started
    const said = node.status?.conditions?.find((one) => one.type === 'Ready');
    if ((said !== undefined && said.reason !== 'KubeletNotReady') || this.#busy.has(uid)) return;
    this.#busy.add(uid);
    background(this.#signal, async () => {
      await this.#clock.sleep(this.#times.nodeReadyMs, this.#signal);
      this.#busy.delete(uid);
      const current = this.#api.store.get(nodes, name) as NodeObject | undefined;
      if (current?.metadata.uid === uid && !this.#silent.has(name)) this.#report(current);
    });
  }

  #report(node: NodeObject): void {
    const capacity = node.status?.capacity ?? { cpu: '2', memory: '4Gi', pods: '110', 'ephemeral-storage': '40Gi' };
    const number = this.#api.store.count(nodes);
    const { name } = node.metadata;
    this.#api.store.put(nodes, {
      ...node,
      metadata: {
        ...node.metadata,
        labels: {
          'kubernetes.io/hostname': name,
          'kubernetes.io/os': 'linux',
          'kubernetes.io/arch': 'amd64',
          ...node.metadata.labels,
        },
      },
      spec: {
        ...node.spec,
        podCIDR: node.spec?.podCIDR ?? `10.244.${number % 256}.0/24`,
        taints: (node.spec?.taints ?? []).filter(
          ({ key }) => key !== `${prefix}not-ready` && key !== `${prefix}unreachable`,
        ),
      },
      status: {
        ...node.status,
        capacity: { pods: '110', ...capacity },
        allocatable: { pods: '110', ...capacity, ...node.status?.allocatable },
        conditions: nodeConditions(this.#api.now(), true, node.status?.conditions),
        addresses: node.status?.addresses ?? [
          { type: 'InternalIP', address: `192.0.2.${(number % 200) + 20}` },
          { type: 'Hostname', address: name },
        ],
        nodeInfo: { ...nodeInfo, ...node.status?.nodeInfo },
      },
    });
    this.#renew(name, node.metadata.uid);
  }

  #renew(name: string, uid: string): void {
    const key = `kube-node-lease/${name}`;
    const now = this.#clock.now();
    const before = this.#api.store.get(leases, key);
    this.#api.store.put(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? {
        name,
        namespace: 'kube-node-lease',
        uid: '',
        resourceVersion: '',
        creationTimestamp: this.#api.now(),
        ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }],
      },
      spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: microTimestamp(now) },
    });
  }

  async #heartbeats(): Promise<void> {
    for (let beat = 1; ; beat++) {
      await this.#clock.sleep(heartbeatMs, this.#signal);
      for (const object of [...this.#api.store.values(nodes)]) {
        const { name, uid } = object.metadata;
        if (this.#silent.has(name) || !isReady(object)) continue;
        this.#renew(name, uid);
        if (beat % beatsPerStatus === 0) {
          const { status } = object as NodeObject;
          this.#api.setStatus(nodes, object, {
            ...status,
            conditions: nodeConditions(this.#api.now(), true, status?.conditions),
          });
        }
      }
    }
  }

  #pod(pod: Pod): void {
    const { nodeName } = pod.spec;
    const { uid, deletionTimestamp } = pod.metadata;
    if (nodeName === undefined || this.#silent.has(nodeName)) return;
    const ending = deletionTimestamp !== undefined;
    if (!ending && pod.status?.phase !== 'Pending') return;
    const task = `${uid} ${ending}`;
    if (this.#busy.has(task)) return;
    this.#busy.add(task);
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 0) * 1000;
    const waitMs = ending ? Math.min(this.#times.podShutdownMs, graceMs) : this.#times.podStartMs;
    background(this.#signal, async () => {
      await this.#clock.sleep(waitMs, this.#signal);
      this.#busy.delete(task);
      const current = this.#api.store.get(pods, keyOf(pod)) as Pod | undefined;
      if (current?.metadata.uid !== uid || this.#silent.has(nodeName)) return;
      if (ending) this.#end(current);
      else if (current.metadata.deletionTimestamp === undefined) this.#run(current);
    });
  }

  #run(pod: Pod): void {
    const number = ++this.#addresses;
    const podIP = `10.244.${(number >> 8) & 0xff}.${number & 0xff}`;
    this.#api.setStatus(pods, pod, runningStatus(pod, this.#api.now(), podIP));
  }

  #end(pod: Pod): void {
    if ((pod.metadata.finalizers?.length ?? 0) === 0) this.#api.store.remove(pods, keyOf(pod));
    else if (pod.metadata.deletionGracePeriodSeconds !== 0) {
      this.#api.store.put(pods, { ...pod, metadata: { ...pod.metadata, deletionGracePeriodSeconds: 0 } });
    }
  }
}
