/** Fills a real control plane with many nodes and pods, as fast as it takes them. */
import https from 'node:https';
import { startControlPlane } from '../test/cluster/control-plane.ts';
import type { ControlPlane } from '../test/cluster/control-plane.ts';

const NAMESPACES = 20;
const WRITERS = 24;

export type FullCluster = ControlPlane & {
  /** Changes a label of `count` pods, one after the other with `WRITERS` at once. */
  readonly churn: (count: number) => Promise<void>;
};

const namespaceOf = (index: number): string => `team-${index % NAMESPACES}`;
const podName = (index: number): string => `web-${index % 997}-${index.toString(36).padStart(5, '0')}`;

const nodeBody = (index: number): unknown => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: `node-${index}`,
    labels: {
      'kubernetes.io/hostname': `node-${index}`,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
      'topology.kubernetes.io/zone': `zone-${index % 3}`,
      'node.kubernetes.io/instance-type': 'medium',
    },
    annotations: {
      'node.alpha.kubernetes.io/ttl': '15',
      'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
    },
  },
  spec: { providerID: `proxmox://pve${index % 9}/${1000 + index}` },
  status: {
    capacity: { cpu: '8', memory: '32Gi', pods: '110' },
    allocatable: { cpu: '7800m', memory: '30Gi', pods: '110' },
    addresses: [
      { type: 'InternalIP', address: `10.${Math.floor(index / 250)}.${index % 250}.1` },
      { type: 'Hostname', address: `node-${index}` },
    ],
    conditions: ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].map((type) => ({
      type,
      status: type === 'Ready' ? 'True' : 'False',
      reason: 'Kubelet',
      message: 'the kubelet says so',
      lastHeartbeatTime: '2026-01-01T00:00:00Z',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })),
    nodeInfo: {
      ...{ kubeletVersion: 'v1.36.3', osImage: 'Debian GNU/Linux 13', kernelVersion: '6.12', architecture: 'amd64' },
      ...{ containerRuntimeVersion: 'containerd://2.1', operatingSystem: 'linux', machineID: '', systemUUID: '' },
      ...{ bootID: '', kubeProxyVersion: 'v1.36.3' },
    },
  },
});

/** A pod as a Deployment's: two containers with probes and variables, some volumes. About 5 KB as the API server shows it. */
const podBody = (index: number, nodes: number): unknown => {
  const app = `web-${index % 997}`;
  const container = (name: string): unknown => ({
    name,
    image: `registry.example.com/team/${name}:1.${index % 50}`,
    env: Array.from({ length: 6 }, (_, at) => ({ name: `SETTING_${at}`, value: `value-${at}-${app}` })),
    ports: [{ name: 'http', containerPort: name === 'main' ? 8080 : 9090, protocol: 'TCP' }],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 10 },
    livenessProbe: { httpGet: { path: '/livez', port: 'http' }, periodSeconds: 20 },
    volumeMounts: [{ name: 'config', mountPath: '/etc/config' }],
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(index),
      labels: { app, 'pod-template-hash': `hash${index % 997}`, tier: index % 2 === 0 ? 'front' : 'back' },
      annotations: { 'prometheus.io/scrape': 'true', 'example.com/checksum': 'x'.repeat(64) },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `${app}-hash`,
          uid: `00000000-0000-4000-8000-${String(index % 997).padStart(12, '0')}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      nodeName: `node-${index % nodes}`,
      automountServiceAccountToken: false,
      containers: [container('main'), container('sidecar')],
      volumes: [
        { name: 'config', configMap: { name: app } },
        { name: 'scratch', emptyDir: {} },
      ],
    },
  };
};

/** @throws Error when KUBEBUILDER_ASSETS names no control plane, or an object is refused. */
export async function startFullCluster(nodes: number, pods: number): Promise<FullCluster> {
  const plane = await startControlPlane({ bare: true });
  const agent = new https.Agent({ keepAlive: true, maxSockets: WRITERS, ca: plane.ca });
  const send = (method: string, path: string, body: unknown, type = 'application/json'): Promise<void> =>
    new Promise((resolve, reject) => {
      const text = JSON.stringify(body);
      const headers = {
        Authorization: `Bearer ${plane.token}`,
        'Content-Type': type,
        'Content-Length': Buffer.byteLength(text),
      };
      const request = https.request(plane.url + path, { method, headers, agent }, (response) => {
        response.resume();
        response.on('end', () =>
          (response.statusCode ?? 500) < 300
            ? resolve()
            : reject(new Error(`${method} ${path}: ${response.statusCode}`)),
        );
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(text);
    });
  const all = async (count: number, work: (index: number) => Promise<void>): Promise<void> => {
    let next = 0;
    await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        while (next < count) await work(next++);
      }),
    );
  };
  try {
    await all(NAMESPACES, async (index) => {
      const name = namespaceOf(index);
      await send('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
      await send('POST', `/api/v1/namespaces/${name}/serviceaccounts`, account);
    });
    await all(nodes, (index) => send('POST', '/api/v1/nodes', nodeBody(index)));
    await all(pods, (index) => send('POST', `/api/v1/namespaces/${namespaceOf(index)}/pods`, podBody(index, nodes)));
  } catch (error) {
    agent.destroy();
    await plane.stop();
    throw error;
  }
  let round = 0;
  return {
    ...plane,
    churn: async (count) => {
      round += 1;
      const patch = { metadata: { labels: { round: String(round) } } };
      await all(count, (index) =>
        send(
          'PATCH',
          `/api/v1/namespaces/${namespaceOf(index)}/pods/${podName(index)}`,
          patch,
          'application/merge-patch+json',
        ),
      );
    },
    stop: async () => {
      agent.destroy();
      await plane.stop();
    },
  };
}
