/** What the demonstration cluster holds: a control plane, three permanent workers and a small shop. */
import type { Api } from './api.ts';
import { isReady, keyOf, type Budget, type KubeObject, type NodeObject, type Pod, type Workload } from './objects.ts';
import { budgets, configMaps, daemonSets, deployments, namespaces, nodes, statefulSets } from './resources.ts';
import { labelSelectorTest } from './selectors.ts';
import type { Change } from './store.ts';

export const isBurst = (node: KubeObject): boolean =>
  node.metadata.labels?.['worker-type'] === 'burst' || node.metadata.name.startsWith('burst-');

const zones = ['rack-a', 'rack-b', 'rack-c'];
const replicasForANode = 2;

/** A node as kubeadm makes one; its kubelet completes it. */
export function workerNode(name: string, number: number, cpu = '4', memory = '8Gi') {
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': zones[number % zones.length] ?? 'rack-a',
      },
    },
    status: {
      capacity: { cpu, memory, pods: '110', 'ephemeral-storage': '100Gi' },
      allocatable: { cpu, memory, pods: '110', 'ephemeral-storage': '100Gi' },
      addresses: [
        { type: 'InternalIP', address: `192.0.2.${10 + number}` },
        { type: 'Hostname', address: name },
      ],
    },
  };
}

const container = (name: string, image: string, cpu: string, memory: string) => ({
  name,
  image,
  resources: { requests: { cpu, memory } },
});
const deployment = (name: string, replicas: number, cpu: string, memory: string, volumes?: object[]) => ({
  metadata: { name, labels: { app: name } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [container(name, `registry.example/shop/${name}:1.4`, cpu, memory)],
        ...(volumes ? { volumes } : {}),
      },
    },
  },
});

/** The ConfigMap that tells a joining machine which cluster this is. */
export function clusterInfo(server: string, certificate: string) {
  const ca = Buffer.from(certificate).toString('base64');
  const kubeconfig = `apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${ca}\n    server: ${server}\n  name: ""\ncontexts: null\ncurrent-context: ""\nkind: Config\nusers: null\n`;
  return { metadata: { name: 'cluster-info' }, data: { kubeconfig } };
}

export function seedDemo(api: Api): void {
  api.create(namespaces, undefined, { metadata: { name: 'shop' } });
  const controlPlane = workerNode('cp-1', 0);
  api.create(nodes, undefined, {
    ...controlPlane,
    metadata: {
      ...controlPlane.metadata,
      labels: { ...controlPlane.metadata.labels, 'node-role.kubernetes.io/control-plane': '' },
    },
    spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] },
  });
  for (let number = 1; number <= 3; number++) api.create(nodes, undefined, workerNode(`worker-${number}`, number));
  api.create(daemonSets, 'kube-system', {
    metadata: { name: 'node-agent', labels: { app: 'node-agent' } },
    spec: {
      selector: { matchLabels: { app: 'node-agent' } },
      template: {
        metadata: { labels: { app: 'node-agent' } },
        spec: {
          containers: [container('node-agent', 'registry.example/node-agent:2.0', '50m', '64Mi')],
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  });
  api.create(budgets, 'shop', {
    metadata: { name: 'web' },
    spec: { minAvailable: 4, selector: { matchLabels: { app: 'web' } } },
  });
  api.create(budgets, 'shop', {
    metadata: { name: 'checkout' },
    spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'checkout' } } },
  });
}

/** The shop opens when all workers take pods, so that they share it: a burst worker is then the one with most room. */
function openShop(api: Api): void {
  api.create(deployments, 'shop', deployment('web', 6, '250m', '256Mi'));
  api.create(deployments, 'shop', deployment('checkout', 3, '250m', '256Mi'));
  api.create(deployments, 'shop', deployment('cache', 2, '100m', '512Mi', [{ name: 'scratch', emptyDir: {} }]));
}
const takesPods = (object: KubeObject | undefined): boolean => {
  if (object === undefined) return false;
  const { spec } = object as NodeObject;
  return (
    isReady(object) &&
    spec?.unschedulable !== true &&
    !spec?.taints?.some((taint) => taint.effect !== 'PreferNoSchedule')
  );
};

/** The shop grows when a burst worker becomes ready and shrinks when it goes, so that each has something to drain. */
export function demoRule(api: Api): (change: Change) => void {
  const counted = new Set<string>();
  let open = false;
  const scale = (by: number) => {
    const web = api.store.get(deployments, 'shop/web') as Workload | undefined;
    if (web)
      api.update(
        deployments,
        'shop',
        'web',
        { ...web, spec: { ...web.spec, replicas: (web.spec.replicas ?? 0) + by } },
        '',
      );
  };
  return ({ of, type, object }) => {
    if (of !== nodes) return;
    if (!open && ['worker-1', 'worker-2', 'worker-3'].every((name) => takesPods(api.store.get(nodes, name)))) {
      open = true;
      openShop(api);
    }
    const { uid } = object.metadata;
    if (type === 'DELETED') {
      if (counted.delete(uid)) scale(-replicasForANode);
    } else if (!counted.has(uid) && isBurst(object) && takesPods(object)) {
      counted.add(uid);
      scale(replicasForANode);
    }
  };
}

const frozen = 'freeze-';

/** Makes budgets refuse every eviction of a workload's pods outside kube-system, or gives them their own rules back. */
export function budgetFreezer(api: Api): (on: boolean) => void {
  const before = new Map<string, Budget['spec']>();
  const replace = (budget: Budget, spec: Budget['spec']) => {
    const { namespace, name } = budget.metadata;
    api.update(budgets, namespace, name, { ...budget, spec }, '');
  };
  return (on) => {
    if (!on) {
      for (const object of [...api.store.values(budgets)]) {
        const old = before.get(keyOf(object));
        if (object.metadata.name.startsWith(frozen))
          api.delete(budgets, object.metadata.namespace, object.metadata.name);
        else if (old) replace(object as Budget, old);
      }
      before.clear();
      return;
    }
    for (const object of [...api.store.values(budgets)] as Budget[]) {
      const key = keyOf(object);
      if (before.has(key) || object.metadata.name.startsWith(frozen)) continue;
      before.set(key, object.spec);
      replace(object, { ...(object.spec.selector ? { selector: object.spec.selector } : {}), maxUnavailable: 0 });
    }
    for (const workloads of [deployments, statefulSets]) {
      for (const object of [...api.store.values(workloads)] as Workload[]) {
        const { name, namespace = '' } = object.metadata;
        const labels = object.spec.template.metadata?.labels ?? {};
        const covered = ([...api.store.values(budgets)] as Budget[]).some(
          (one) => one.metadata.namespace === namespace && labelSelectorTest(one.spec.selector)(labels),
        );
        if (covered || namespace === 'kube-system') continue;
        api.create(budgets, namespace, {
          metadata: { name: `${frozen}${name}` },
          spec: { maxUnavailable: 0, ...(object.spec.selector ? { selector: object.spec.selector } : {}) },
        });
      }
    }
  };
}

export const ensureClusterInfo = (api: Api, server: string, certificate: string): void => {
  api.create(configMaps, 'kube-public', clusterInfo(server, certificate));
};

/** A pod's owner as people name it: the deployment rather than its ReplicaSet. */
export function ownerName(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.find((one) => one.controller === true);
  if (!owner) return '';
  const name = owner.kind === 'ReplicaSet' ? owner.name.replace(/-[0-9a-f]{10}$/, '') : owner.name;
  return `${owner.kind === 'ReplicaSet' && name !== owner.name ? 'Deployment' : owner.kind}/${name}`;
}
