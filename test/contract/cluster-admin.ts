/** Makes things in a cluster for tests, by plain HTTP: it shares no code with the adapter under test. */
import http from 'node:http';
import https from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

export type Raw = { readonly [key: string]: unknown };
export type Labels = Readonly<Record<string, string>>;

/** Waits until `check` gives something true, looking every 25 ms. @throws after `timeoutMs` with the last value. */
export async function until<T>(what: string, check: () => T | Promise<T>, timeoutMs = 20_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  while (performance.now() < deadline) {
    const value = await check();
    if (value) return value;
    last = value;
    await delay(25);
  }
  throw new Error(`waited ${timeoutMs / 1000} s for: ${what} (last: ${String(last)})`);
}

export type ClusterAdmin = ReturnType<typeof createAdmin>;

export function createAdmin(server: { readonly url: string; readonly token: string; readonly ca?: string }) {
  const send = (
    method: string,
    path: string,
    body?: unknown,
    contentType = 'application/json',
  ): Promise<{ status: number; body: Raw }> =>
    new Promise((resolve, reject) => {
      const url = new URL(server.url + path);
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        Authorization: `Bearer ${server.token}`,
        ...(text === undefined ? {} : { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(text) }),
      };
      const tls = server.ca === undefined ? {} : { ca: server.ca };
      const options = { method, headers, ...tls };
      const request = (url.protocol === 'http:' ? http : https).request(url, options, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer === '' ? '{}' : answer) as Raw });
        });
      });
      request.on('error', reject);
      request.end(text);
    });
  const call = async (method: string, path: string, body?: unknown, contentType?: string): Promise<Raw> => {
    const answer = await send(method, path, body, contentType);
    if (answer.status > 299) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
  const exists = async (path: string): Promise<boolean> => (await send('GET', path)).status === 200;

  return {
    send,
    call,
    async createNamespace(name: string): Promise<void> {
      await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    },
    createNode(name: string, more: { labels?: Labels; annotations?: Labels } = {}): Promise<Raw> {
      return call('POST', '/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, ...more },
        status: {
          capacity: { cpu: '4', memory: '16Gi', pods: '110' },
          allocatable: { cpu: '3500m', memory: '15Gi', pods: '110' },
        },
      });
    },
    async deleteNode(name: string): Promise<void> {
      await call('DELETE', `/api/v1/nodes/${name}`);
    },
    patchNode(name: string, patch: unknown): Promise<Raw> {
      return call('PATCH', `/api/v1/nodes/${name}`, patch, 'application/merge-patch+json');
    },
    /** A pod on a node, running (set by hand when no kubelet does it). */
    async createPod(
      namespace: string,
      name: string,
      nodeName: string,
      more: { labels?: Labels; metadata?: Raw; spec?: Raw; pending?: boolean } = {},
    ): Promise<Raw> {
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, labels: more.labels ?? {}, ...more.metadata },
        spec: {
          nodeName,
          terminationGracePeriodSeconds: 1,
          containers: [
            { name: 'main', image: 'example.com/app', resources: { requests: { cpu: '100m', memory: '64Mi' } } },
          ],
          ...more.spec,
        },
      };
      // A new namespace has no default ServiceAccount for a moment.
      const made = await until(`pod ${namespace}/${name} is made`, async () => {
        const answer = await send('POST', pods(namespace), pod);
        if (answer.status === 201) return answer.body;
        if (answer.status === 403 && JSON.stringify(answer.body).includes('serviceaccount')) return undefined;
        throw new Error(`pod ${namespace}/${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
      });
      if (more.pending !== true)
        await call(
          'PATCH',
          `${pods(namespace)}/${name}/status`,
          { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
          'application/merge-patch+json',
        );
      return made;
    },
    /** Removes a pod at once, as its kubelet would. */
    async removePod(namespace: string, name: string): Promise<void> {
      const answer = await send('DELETE', `${pods(namespace)}/${name}`, { gracePeriodSeconds: 0 });
      if (answer.status > 299 && answer.status !== 404) throw new Error(JSON.stringify(answer.body));
    },
    podExists: (namespace: string, name: string): Promise<boolean> => exists(`${pods(namespace)}/${name}`),
    async getPod(namespace: string, name: string): Promise<Raw> {
      return call('GET', `${pods(namespace)}/${name}`);
    },
    /** Waits until the budget's numbers have been counted. */
    async createBudget(
      namespace: string,
      name: string,
      spec: Raw,
      counted: (status: Raw) => boolean = () => true,
    ): Promise<void> {
      const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
      await call('POST', path, { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name }, spec });
      await until(`budget ${namespace}/${name} is counted`, async () => {
        const budget = await call('GET', `${path}/${name}`);
        const status = (budget['status'] ?? {}) as Raw;
        return status['observedGeneration'] !== undefined && counted(status);
      });
    },
    /** A Deployment `web` spread over the nodes, and unless `budget` is undefined its budget of that many at once. */
    async createShop(namespace: string, replicas: number, budget?: { readonly maxUnavailable: number }): Promise<void> {
      const matchLabels = { app: 'web' };
      await this.createNamespace(namespace);
      await call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          replicas,
          selector: { matchLabels },
          template: {
            metadata: { labels: matchLabels },
            spec: {
              terminationGracePeriodSeconds: 1,
              topologySpreadConstraints: [
                {
                  maxSkew: 1,
                  topologyKey: 'kubernetes.io/hostname',
                  whenUnsatisfiable: 'ScheduleAnyway',
                  labelSelector: { matchLabels },
                },
              ],
              containers: [{ name: 'web', image: 'example.com/web', resources: { requests: { cpu: '100m' } } }],
            },
          },
        },
      });
      if (budget !== undefined) await this.createBudget(namespace, 'web', { ...budget, selector: { matchLabels } });
    },
    async createDaemonSet(namespace: string, name: string): Promise<void> {
      const labels = { daemon: name };
      await call('POST', `/apis/apps/v1/namespaces/${namespace}/daemonsets`, {
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name },
        spec: {
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { nodeSelector: { none: 'such' }, containers: [{ name: 'main', image: 'example.com/daemon' }] },
          },
        },
      });
    },
    async createVolumeAttachment(name: string, nodeName: string): Promise<void> {
      await call('POST', '/apis/storage.k8s.io/v1/volumeattachments', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'VolumeAttachment',
        metadata: { name },
        spec: { attacher: 'example.com', nodeName, source: { persistentVolumeName: `${name}-pv` } },
      });
    },
    async setClusterInfo(kubeconfig: string): Promise<void> {
      const path = '/api/v1/namespaces/kube-public/configmaps';
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'cluster-info' },
        data: { kubeconfig },
      };
      const answer = await send('POST', path, body);
      if (answer.status === 409) await call('PUT', `${path}/cluster-info`, body);
      else if (answer.status > 299) throw new Error(JSON.stringify(answer.body));
    },
    secret: (namespace: string, name: string) => send('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`),
    createSecret: (namespace: string, body: Raw) => call('POST', `/api/v1/namespaces/${namespace}/secrets`, body),
  };
}
