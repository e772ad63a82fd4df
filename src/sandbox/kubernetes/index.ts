/**
 * A Kubernetes API server in memory, with the controllers that a drain needs. Invariant: whoever talks to it sees only
 * what a real one would show; time passes by the sandbox's clock, the transport's own time-outs excepted.
 */
import { randomBytes } from 'node:crypto';
import type { KubernetesSimulator, Listener, SandboxClock, WorldNode } from '../contract.ts';
import { Api } from './api.ts';
import { Auth } from './auth.ts';
import { selfSignedCertificate } from './certificate.ts';
import { Disruption } from './controllers/disruption.ts';
import { Garbage } from './controllers/garbage.ts';
import { Kubelets } from './controllers/kubelet.ts';
import { Scheduler } from './controllers/scheduler.ts';
import { Workloads } from './controllers/workloads.ts';
import { budgetFreezer, demoRule, ensureClusterInfo, isBurst, ownerName, seedDemo } from './demo.ts';
import { condition, type KubeObject, type NodeObject } from './objects.ts';
import { namespaces, nodes, pods, resourceOfKind } from './resources.ts';
import { seed, type SeedRequest } from './seed.ts';
import { listen } from './server.ts';
import { Store } from './store.ts';
import { Watches } from './watch.ts';

export type { SeedRequest } from './seed.ts';
export type { KubeObject } from './objects.ts';

export type KubernetesSimulatorOptions = {
  readonly clock: SandboxClock;
  /** Default: a free one. */
  readonly port?: number;
  /** Nodes and workloads to look at, and a shop that grows with burst workers. */
  readonly demo?: boolean;
  /** How long a container takes to stop, at most its grace period. Default 500. */
  readonly podShutdownMs?: number;
  /** From binding to ready. Default 800. */
  readonly podStartMs?: number;
  /** From a node's registration to ready. Default 2000. */
  readonly nodeReadyMs?: number;
  /** From a kubelet's silence to Ready Unknown. Default 40 s. */
  readonly nodeGraceMs?: number;
  /** Changes remembered for each resource. Default 10000. */
  readonly watchCacheSize?: number;
  /** Real milliseconds between bookmarks of a watch. Default 60 s. */
  readonly bookmarkMs?: number;
};

export type KubernetesTestHooks = {
  readonly adminToken: string;
  /** Gives the administrator another token, as bound tokens of service accounts rotate; the one before is refused. */
  rotateAdminToken(): string;
  /** `https://127.0.0.1:PORT`, the endpoint that the kubeconfig names. */
  readonly secureUrl: string;
  /** PEM of the certificate authority. */
  readonly caCertificate: string;
  /** Adds ready nodes with running pods; answers the node names. */
  seed(request: SeedRequest): string[];
  /** Writes an object past every rule (uid and resourceVersion are filled in); answers it as stored. */
  put(object: {
    apiVersion: string;
    kind: string;
    [field: string]: unknown;
    metadata: Partial<KubeObject['metadata']> & { name: string };
  }): KubeObject;
  /** Removes an object at once, past finalizers and grace. `key` is `name` or `namespace/name`. */
  remove(apiVersion: string, kind: string, key: string): void;
  get(apiVersion: string, kind: string, key: string): KubeObject | undefined;
  stopKubelet(nodeName: string): void;
  startKubelet(nodeName: string): void;
  /** Forgets history: open watches, older resourceVersions and unfinished lists are told 410. */
  compact(): void;
  /** Cuts every open watch. */
  dropWatches(): void;
  watchCount(): number;
  /** Requests since the start or the last reset, by `METHOD path` without query; `total` counts all. */
  requests(): { total: number; byPath: ReadonlyMap<string, number> };
  resetRequests(): void;
};

/** Starts a simulated cluster on loopback, HTTP and HTTPS on one port. Ends with `close`. */
export async function startKubernetesSimulator(
  options: KubernetesSimulatorOptions,
): Promise<KubernetesSimulator & KubernetesTestHooks> {
  const { clock } = options;
  const store = new Store(options.watchCacheSize ?? 10_000);
  const api = new Api(store, clock);
  const ending = new AbortController();
  const times = {
    podStartMs: options.podStartMs ?? 800,
    podShutdownMs: options.podShutdownMs ?? 500,
    nodeReadyMs: options.nodeReadyMs ?? 2000,
    nodeGraceMs: options.nodeGraceMs ?? 40_000,
  };
  const kubelets = new Kubelets(api, clock, times, ending.signal);
  const controllers = [
    new Workloads(api),
    new Scheduler(api),
    new Disruption(api, clock, ending.signal),
    new Garbage(api),
  ];
  const listeners = new Set<Listener>();
  const rule = options.demo === true ? demoRule(api) : undefined;
  store.onChange((change) => {
    kubelets.changed(change);
    for (const controller of controllers) controller.changed(change);
    rule?.(change);
    if (change.of === nodes || change.of === pods) for (const listener of listeners) listener();
  });
  const watches = new Watches(store, options.bookmarkMs ?? 60_000);
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    api.create(namespaces, undefined, { metadata: { name } });
  const newToken = (): string => randomBytes(16).toString('hex');
  const adminToken = newToken();
  const auth = new Auth(store, clock, adminToken);
  const tls = selfSignedCertificate();
  let total = 0;
  let byPath = new Map<string, number>();
  let port = 0;
  const server = await listen(
    { api, auth, watches, address: () => `127.0.0.1:${port}` },
    options.port ?? 0,
    tls,
    (method, path) => {
      total++;
      const key = `${method} ${path.split('?')[0] ?? ''}`;
      byPath.set(key, (byPath.get(key) ?? 0) + 1);
    },
  );
  port = server.port;
  const secureUrl = `https://127.0.0.1:${port}`;
  ensureClusterInfo(api, secureUrl, tls.certificate);
  if (options.demo === true) seedDemo(api);
  const freeze = budgetFreezer(api);
  let silenced: string | undefined;
  /** The kubelet of the oldest burst worker falls silent, or works again. */
  const silence = (on: boolean) => {
    if (!on && silenced !== undefined) kubelets.start(silenced);
    const oldest = [...store.values(nodes)].find(isBurst)?.metadata.name;
    silenced = on ? oldest : undefined;
    if (silenced !== undefined) kubelets.stop(silenced);
  };
  const resource = (apiVersion: string, kind: string) => {
    const found = resourceOfKind(apiVersion, kind);
    if (!found) throw new Error(`${apiVersion} ${kind} is not served`);
    return found;
  };

  return {
    url: `http://127.0.0.1:${port}`,
    secureUrl,
    adminToken,
    rotateAdminToken: () => {
      const token = newToken();
      auth.setAdminToken(token);
      return token;
    },
    caCertificate: tls.certificate,
    kubeconfig: kubeconfig(secureUrl, tls.certificate, adminToken),
    world: () => ({ nodes: [...store.values(nodes)].map((node) => worldNode(api, node as NodeObject)) }),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setFault: (name, on) => {
      if (name === 'api_down') server.setDown(on);
      else if (name === 'pdb_blocks') freeze(on);
      else silence(on);
    },
    seed: (request) => seed(api, request),
    put: (object) => {
      const metadata = { uid: '', resourceVersion: '', creationTimestamp: api.now(), ...object.metadata };
      return store.put(resource(String(object['apiVersion']), String(object['kind'])), {
        ...object,
        metadata,
      });
    },
    remove: (apiVersion, kind, key) => {
      store.remove(resource(apiVersion, kind), key);
    },
    get: (apiVersion, kind, key) => store.get(resource(apiVersion, kind), key),
    stopKubelet: (name) => {
      kubelets.stop(name);
    },
    startKubelet: (name) => {
      kubelets.start(name);
    },
    compact: () => {
      store.compact();
      watches.expireAll();
    },
    dropWatches: () => {
      watches.dropAll();
    },
    watchCount: () => watches.count,
    requests: () => ({ total, byPath }),
    resetRequests: () => {
      total = 0;
      byPath = new Map();
    },
    close: async () => {
      ending.abort(new Error('the simulated cluster was closed'));
      for (const controller of controllers) controller.close();
      watches.close();
      await server.close();
    },
  };
}

function worldNode(api: Api, node: NodeObject): WorldNode {
  const controlPlane = 'node-role.kubernetes.io/control-plane' in (node.metadata.labels ?? {});
  return {
    name: node.metadata.name,
    type: controlPlane ? 'control-plane' : isBurst(node) ? 'burst' : 'permanent',
    ready: condition(node, 'Ready')?.status === 'True',
    unschedulable: node.spec?.unschedulable === true,
    deadline: node.metadata.annotations?.['worker-ttl'],
    pods: api.store.podsOn(node.metadata.name).map((pod) => ({
      namespace: pod.metadata.namespace ?? '',
      name: pod.metadata.name,
      phase: pod.status?.phase ?? 'Unknown',
      deleting: pod.metadata.deletionTimestamp !== undefined,
      owner: ownerName(pod),
    })),
  };
}

const kubeconfig = (server: string, certificate: string, token: string): string => `apiVersion: v1
kind: Config
clusters:
  - name: sandbox
    cluster:
      server: ${server}
      certificate-authority-data: ${Buffer.from(certificate).toString('base64')}
users:
  - name: sandbox-admin
    user:
      token: ${token}
contexts:
  - name: sandbox
    context:
      cluster: sandbox
      user: sandbox-admin
current-context: sandbox
`;
