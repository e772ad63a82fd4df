/** Large clusters at once, for benches and tests: objects are put as they would be after everything had settled. */
import type { Api } from './api.ts';
import { nodeConditions, runningStatus } from './controllers/kubelet.ts';
import { workerNode } from './demo.ts';
import { timestamp, type KubeObject, type NodeObject, type Pod, type Workload } from './objects.ts';
import { namespaces, nodes, pods, replicaSets } from './resources.ts';

const podsPerSet = 50;

export type SeedRequest = {
  readonly nodes: number;
  readonly podsPerNode: number;
  /** Default `load`; made when missing. */
  readonly namespace?: string;
  /** Default `node-`. */
  readonly namePrefix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

/** Adds ready nodes with running pods, owned by ReplicaSets of 50 that replace what is evicted. @returns the node names. */
export function seed(api: Api, request: SeedRequest): string[] {
  const { namespace = 'load', namePrefix = 'node-', podsPerNode } = request;
  const at = timestamp(api.clock.now());
  const meta = (name: string, extra: Partial<KubeObject['metadata']> = {}) => ({
    name,
    uid: '',
    resourceVersion: '',
    creationTimestamp: at,
    ...extra,
  });
  if (!api.store.get(namespaces, namespace)) api.create(namespaces, undefined, { metadata: { name: namespace } });
  const names: string[] = [];
  for (let number = 0; number < request.nodes; number++) {
    const name = `${namePrefix}${String(number).padStart(5, '0')}`;
    const { metadata, status } = workerNode(name, number);
    names.push(name);
    api.store.put(nodes, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: meta(name, {
        labels: { ...metadata.labels, ...request.labels },
        ...(request.annotations ? { annotations: { ...request.annotations } } : {}),
      }),
      spec: {},
      status: {
        ...status,
        conditions: nodeConditions(at, true),
        nodeInfo: { kubeletVersion: 'v1.36.3', osImage: 'Ubuntu 24.04.3 LTS' },
      },
    } satisfies NodeObject);
  }
  const spec = {
    containers: [
      { name: 'main', image: 'registry.example/load:1', resources: { requests: { cpu: '10m', memory: '16Mi' } } },
    ],
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
  };
  const total = request.nodes * podsPerNode;
  for (let first = 0; first < total; first += podsPerSet) {
    const name = `${namePrefix}set-${first / podsPerSet}`;
    const labels = { app: 'load', set: name };
    const set = api.store.put(replicaSets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: meta(name, { namespace, labels, generation: 1 }),
      spec: {
        replicas: Math.min(podsPerSet, total - first),
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec },
      },
      status: {},
    } satisfies Workload);
    for (let number = first; number < Math.min(first + podsPerSet, total); number++) {
      const pod: Pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: meta(`${name}-${number}`, {
          namespace,
          labels,
          ownerReferences: [
            {
              apiVersion: 'apps/v1',
              kind: 'ReplicaSet',
              name,
              uid: set.metadata.uid,
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        }),
        spec: { ...spec, nodeName: names[number % request.nodes] ?? '' },
      };
      api.store.put(pods, {
        ...pod,
        status: runningStatus(pod, at, `10.245.${(number >> 8) & 0xff}.${number & 0xff}`),
      });
    }
  }
  return names;
}
