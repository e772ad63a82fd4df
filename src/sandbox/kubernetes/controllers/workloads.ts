/** Deployments, ReplicaSets, StatefulSets and DaemonSets. Invariant: each converges on its spec from whatever it finds. */
import { createHash } from 'node:crypto';
import { nameSuffix, type Api } from '../api.ts';
import {
  controllerOf,
  isFinished,
  isReady,
  keyOf,
  type KubeObject,
  type NodeObject,
  type Pod,
  type Workload,
} from '../objects.ts';
import {
  daemonSets,
  deployments,
  groupVersion,
  nodes,
  pods,
  replicaSets,
  statefulSets,
  type Resource,
} from '../resources.ts';
import { ApiError } from '../status.ts';
import type { Change } from '../store.ts';
import { WorkQueue } from './queue.ts';
import { tolerates } from './scheduler.ts';

const ownedBy = (of: Resource, owner: KubeObject) => [
  {
    apiVersion: groupVersion(of),
    kind: of.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  },
];
const daemonTolerations = [
  'not-ready',
  'unreachable',
  'disk-pressure',
  'memory-pressure',
  'pid-pressure',
  'unschedulable',
].map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
}));

export class Workloads {
  readonly #api: Api;
  readonly #sets: WorkQueue;
  readonly #deployments: WorkQueue;
  readonly #daemons: WorkQueue;
  readonly #daemonStatus: WorkQueue;

  constructor(api: Api) {
    this.#api = api;
    this.#sets = new WorkQueue((key) => {
      const [kind = '', ...rest] = key.split(' ');
      const of = kind === statefulSets.plural ? statefulSets : replicaSets;
      const found = api.store.get(of, rest.join(' '));
      if (found) this.#reconcileSet(of, found as Workload);
    });
    this.#deployments = new WorkQueue((key) => {
      const found = api.store.get(deployments, key);
      if (found) this.#reconcileDeployment(found as Workload);
    });
    this.#daemons = new WorkQueue((name) => {
      this.#reconcileNode(name);
    });
    this.#daemonStatus = new WorkQueue((key) => {
      const found = api.store.get(daemonSets, key);
      if (found) this.#daemonSetStatus(found as Workload);
    });
  }

  close(): void {
    for (const queue of [this.#sets, this.#deployments, this.#daemons, this.#daemonStatus]) queue.close();
  }

  changed({ of, object, type }: Change): void {
    const owner = controllerOf(object);
    const ownerKey = `${object.metadata.namespace ?? ''}/${owner?.name ?? ''}`;
    switch (of) {
      case pods:
        if (owner?.kind === 'ReplicaSet') this.#sets.add(`replicasets ${ownerKey}`);
        if (owner?.kind === 'StatefulSet') this.#sets.add(`statefulsets ${ownerKey}`);
        if (owner?.kind === 'DaemonSet') {
          this.#daemonStatus.add(ownerKey);
          if (type === 'DELETED') this.#daemons.add((object as Pod).spec.nodeName ?? '');
        }
        break;
      case replicaSets:
      case statefulSets:
        this.#sets.add(`${of.plural} ${keyOf(object)}`);
        if (owner?.kind === 'Deployment') this.#deployments.add(ownerKey);
        break;
      case deployments:
        this.#deployments.add(keyOf(object));
        break;
      case daemonSets:
        if (type !== 'DELETED') this.#daemonStatus.add(keyOf(object));
        if (type === 'ADDED') for (const node of this.#api.store.values(nodes)) this.#daemons.add(node.metadata.name);
        break;
      case nodes:
        if (type === 'ADDED') this.#daemons.add(object.metadata.name);
        if (type === 'DELETED')
          for (const set of this.#api.store.values(daemonSets)) this.#daemonStatus.add(keyOf(set));
        break;
      default:
    }
  }

  #podsOf(owner: KubeObject): Pod[] {
    return this.#api.store
      .dependents(owner.metadata.uid)
      .flatMap(({ of, object }) => (of === pods ? [object as Pod] : []));
  }

  #createPod(of: Resource, owner: Workload, name: string, extra: Partial<Pod['spec']> = {}): void {
    const { template } = owner.spec;
    const namespace = owner.metadata.namespace ?? 'default';
    const generateName = `${owner.metadata.name}-`;
    const body = {
      metadata: {
        name,
        ...(of === statefulSets ? {} : { generateName }),
        ...(template.metadata?.labels ? { labels: template.metadata.labels } : {}),
        ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
        ownerReferences: ownedBy(of, owner),
      },
      spec: { ...template.spec, ...extra },
    };
    try {
      this.#api.create(pods, namespace, body);
    } catch (error) {
      // The namespace is being deleted, or the name is still taken by a pod that is: the next change brings us back.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  #reconcileSet(of: Resource, set: Workload): void {
    const all = this.#podsOf(set);
    const active = all.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isFinished(pod));
    const wanted = set.metadata.deletionTimestamp === undefined ? (set.spec.replicas ?? 1) : 0;
    if (of === statefulSets) {
      const names = new Set(all.map((pod) => pod.metadata.name));
      for (let ordinal = 0; ordinal < wanted; ordinal++) {
        const name = `${set.metadata.name}-${ordinal}`;
        if (!names.has(name)) this.#createPod(of, set, name);
      }
    } else {
      for (let missing = wanted - active.length; missing > 0; missing--) {
        this.#createPod(of, set, `${set.metadata.name}-${nameSuffix()}`);
      }
    }
    if (active.length > wanted) {
      const rank = (pod: Pod) => (pod.spec.nodeName === undefined ? 0 : isReady(pod) ? 2 : 1);
      const order = [...active].sort((left, right) =>
        rank(left) !== rank(right)
          ? rank(left) - rank(right)
          : Number(right.metadata.resourceVersion) - Number(left.metadata.resourceVersion),
      );
      for (const pod of order.slice(0, active.length - wanted))
        this.#api.delete(pods, pod.metadata.namespace, pod.metadata.name);
    }
    const now = this.#podsOf(set).filter((pod) => pod.metadata.deletionTimestamp === undefined && !isFinished(pod));
    const ready = now.filter(isReady).length;
    this.#api.setStatus(of, set, {
      replicas: now.length,
      readyReplicas: ready,
      availableReplicas: ready,
      ...(of === replicaSets ? { fullyLabeledReplicas: now.length } : { currentReplicas: now.length }),
      observedGeneration: set.metadata.generation ?? 1,
    });
  }

  #reconcileDeployment(deployment: Workload): void {
    const { store } = this.#api;
    const namespace = deployment.metadata.namespace ?? 'default';
    const { template, replicas = 1 } = deployment.spec;
    const hash = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
    const labels = { ...template.metadata?.labels, 'pod-template-hash': hash };
    const name = `${deployment.metadata.name}-${hash}`;
    const sets = store
      .dependents(deployment.metadata.uid)
      .flatMap(({ of, object }) => (of === replicaSets ? [object as Workload] : []));
    if (!sets.some((set) => set.metadata.name === name)) {
      try {
        this.#api.create(replicaSets, namespace, {
          metadata: {
            name,
            labels,
            annotations: { 'deployment.kubernetes.io/revision': String(sets.length + 1) },
            ownerReferences: ownedBy(deployments, deployment),
          },
          spec: {
            replicas,
            selector: { matchLabels: { ...deployment.spec.selector?.matchLabels, 'pod-template-hash': hash } },
            template: { ...template, metadata: { ...template.metadata, labels } },
          },
        });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
      }
    }
    let [ready, total, current] = [0, 0, 0];
    for (const set of sets) {
      const wanted = set.metadata.name === name ? replicas : 0;
      if (set.spec.replicas !== wanted) {
        this.#api.update(
          replicaSets,
          namespace,
          set.metadata.name,
          { ...set, spec: { ...set.spec, replicas: wanted } },
          '',
        );
      }
      const count = (key: string) => Number(set.status?.[key] ?? 0);
      ready += count('readyReplicas');
      total += count('replicas');
      if (set.metadata.name === name) current += count('replicas');
    }
    const available = ready >= replicas;
    const before = (
      deployment.status?.['conditions'] as { status: string; lastTransitionTime: string }[] | undefined
    )?.[0];
    const status = available ? 'True' : 'False';
    const at = before?.status === status ? before.lastTransitionTime : this.#api.now();
    this.#api.setStatus(deployments, deployment, {
      observedGeneration: deployment.metadata.generation ?? 1,
      replicas: total,
      updatedReplicas: current,
      readyReplicas: ready,
      availableReplicas: ready,
      ...(ready < replicas ? { unavailableReplicas: replicas - ready } : {}),
      conditions: [
        {
          type: 'Available',
          status,
          lastTransitionTime: at,
          lastUpdateTime: at,
          reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
          message: available
            ? 'Deployment has minimum availability.'
            : 'Deployment does not have minimum availability.',
        },
      ],
    });
  }

  #reconcileNode(name: string): void {
    const node = this.#api.store.get(nodes, name) as NodeObject | undefined;
    if (!node) return;
    const here = this.#api.store.podsOn(name);
    for (const object of this.#api.store.values(daemonSets)) {
      const set = object as Workload;
      if (
        set.metadata.deletionTimestamp !== undefined ||
        here.some((pod) => controllerOf(pod)?.uid === set.metadata.uid)
      )
        continue;
      const tolerations = [...(set.spec.template.spec?.tolerations ?? []), ...daemonTolerations];
      const selector = Object.entries(set.spec.template.spec?.nodeSelector ?? {});
      const fits =
        selector.every(([key, value]) => node.metadata.labels?.[key] === value) &&
        (node.spec?.taints ?? []).every(
          (taint) => taint.effect === 'PreferNoSchedule' || tolerates(tolerations, taint),
        );
      if (fits)
        this.#createPod(daemonSets, set, `${set.metadata.name}-${nameSuffix()}`, { nodeName: name, tolerations });
    }
  }

  #daemonSetStatus(set: Workload): void {
    const mine = this.#podsOf(set).filter((pod) => pod.metadata.deletionTimestamp === undefined);
    const ready = mine.filter(isReady).length;
    this.#api.setStatus(daemonSets, set, {
      currentNumberScheduled: mine.length,
      desiredNumberScheduled: mine.length,
      numberMisscheduled: 0,
      numberReady: ready,
      numberAvailable: ready,
      updatedNumberScheduled: mine.length,
      observedGeneration: set.metadata.generation ?? 1,
    });
  }
}
