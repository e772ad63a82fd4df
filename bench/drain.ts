import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { wakeOnChange } from '../src/member.ts';
import { createEngine } from '../src/engine/index.ts';
import type { Engine } from '../src/engine/index.ts';
import { createOperations, runDefinitions } from '../src/operations/index.ts';
import type { Operations } from '../src/operations/index.ts';
import { createLogger } from '../src/observability/index.ts';
import { openStore } from '../src/store/index.ts';
import { assetsFolder, startControlPlane } from '../test/cluster/control-plane.ts';
import type { ControlPlane } from '../test/cluster/control-plane.ts';
import { createAdmin, until } from '../test/contract/cluster-admin.ts';
import type { ClusterAdmin, Raw } from '../test/contract/cluster-admin.ts';
import { benchIds, median, ratio, systemClock, timed } from './bench.ts';
import type { Bench, Result } from './bench.ts';
import { connectTo } from './cluster.ts';
import { LABEL } from '../test/contract/policies.ts';
import { benchDeps } from './product.ts';

const log = createLogger({ level: 'silent' });
type Case = { readonly name: string; readonly pods: number; readonly budget: boolean; readonly goal: number };
const CASES: readonly Case[] = [
  { name: '10 pods behind maxUnavailable 1', pods: 10, budget: true, goal: 0.3 },
  { name: '60 free pods', pods: 60, budget: false, goal: 0.2 },
  { name: '200 free pods', pods: 200, budget: false, goal: 0.1 },
];

const READY_IN_ABOUT_A_SECOND = Object.fromEntries(
  ['pod-create', 'pod-ready'].flatMap((stage) => [
    [`${stage}.stage.kwok.x-k8s.io/delay`, '500ms'],
    [`${stage}.stage.kwok.x-k8s.io/jitter-delay`, '700ms'],
  ]),
);

const node = (name: string, pool: string): Raw => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: { pool, [LABEL.key]: LABEL.value },
    annotations: { 'worker-ttl': new Date(systemClock.now() + 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z') },
  },
  status: {
    capacity: { cpu: '64', memory: '256Gi', pods: '500' },
    allocatable: { cpu: '64', memory: '256Gi', pods: '500' },
  },
});

const list = async (admin: ClusterAdmin, namespace: string): Promise<readonly Raw[]> =>
  (await admin.call('GET', `/api/v1/namespaces/${namespace}/pods`))['items'] as Raw[];
const nodeOf = (pod: Raw): unknown => (pod['spec'] as Raw)['nodeName'];
const nameOf = (pod: Raw): string => String((pod['metadata'] as Raw)['name']);
const isReady = (pod: Raw): boolean =>
  (((pod['status'] as Raw)['conditions'] ?? []) as readonly Raw[]).some(
    (one) => one['type'] === 'Ready' && one['status'] === 'True',
  );

/** A deployment, all of its pods ready on one node, and an empty second node that takes their replacements. */
async function populate(admin: ClusterAdmin, pool: string, { pods, budget }: Case): Promise<string> {
  const [full, spare] = [`${pool}-full`, `${pool}-spare`];
  await admin.createNamespace(pool);
  await admin.call('POST', '/api/v1/nodes', node(full, pool));
  const labels = { app: pool };
  await admin.call('POST', `/apis/apps/v1/namespaces/${pool}/deployments`, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: pods,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: READY_IN_ABOUT_A_SECOND },
        spec: {
          nodeSelector: { pool },
          terminationGracePeriodSeconds: 1,
          containers: [{ name: 'web', image: 'example.com/web' }],
        },
      },
    },
  });
  const all = async (): Promise<boolean> => (await list(admin, pool)).filter(isReady).length === pods;
  await until(`${pods} pods are ready`, all, 120_000);
  if (budget) {
    const allows = (status: Raw): boolean => status['disruptionsAllowed'] === 1;
    await admin.createBudget(pool, 'web', { maxUnavailable: 1, selector: { matchLabels: labels } }, allows);
  }
  await admin.call('POST', '/api/v1/nodes', node(spare, pool));
  await until('the second node is ready', async () => isReady(await admin.call('GET', `/api/v1/nodes/${spare}`)));
  return full;
}

async function remove(admin: ClusterAdmin, pool: string): Promise<void> {
  await admin.call('DELETE', `/apis/apps/v1/namespaces/${pool}/deployments/web`);
  await until('its pods are gone', async () => (await list(admin, pool)).length === 0, 120_000);
  await admin.deleteNode(`${pool}-full`);
  await admin.deleteNode(`${pool}-spare`);
}

/** Evicts every pod of the node at once by plain requests. @returns when the last is gone. */
async function rawEviction(admin: ClusterAdmin, namespace: string, nodeName: string): Promise<void> {
  const here = async (): Promise<readonly Raw[]> =>
    (await list(admin, namespace)).filter((pod) => nodeOf(pod) === nodeName);
  await admin.patchNode(nodeName, { spec: { unschedulable: true } });
  await Promise.all(
    (await here()).map((pod) =>
      admin.call('POST', `/api/v1/namespaces/${namespace}/pods/${nameOf(pod)}/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: nameOf(pod), namespace },
      }),
    ),
  );
  await until('the node is empty', async () => (await here()).length === 0, 60_000);
}

/** The product without Slack: store, engine, operations and the adapter, wired as the application wires them. */
async function product(plane: ControlPlane): Promise<{ operations: Operations; stop: () => Promise<void> }> {
  const cluster = connectTo(plane.kubeconfigPath);
  const store = await openStore({ path: ':memory:', clock: systemClock, ids: benchIds });
  const woken: { engine?: Engine } = {};
  const wake = (): void => woken.engine?.wake();
  const deps = benchDeps(cluster, store, wake);
  const running = createEngine({
    ...deps,
    policy: {
      maxStepsAtOnce: 20,
      stepTimeoutMs: 60_000,
      claimMs: 120_000,
      retryBaseMs: 1000,
      retryMaxMs: 60_000,
      pollMs: 1000,
    },
    definitions: runDefinitions(deps),
    owner: 'bench',
    log,
    advanced: () => undefined,
  });
  woken.engine = running;
  wakeOnChange(cluster, store, systemClock, wake, log);
  await cluster.start(AbortSignal.timeout(30_000));
  running.start();
  return {
    operations: createOperations(deps),
    stop: async () => {
      await running.stop();
      await cluster.stop();
      await store.close();
    },
  };
}

let drains = 0;
async function drainWith(operations: Operations, worker: string): Promise<void> {
  const by = { kind: 'system', name: 'bench' } as const;
  const { operation } = await operations.drain({
    by,
    idempotencyKey: `drain-${++drains}`,
    workers: [worker],
    admin: false,
  });
  const ended = async (): Promise<string | undefined> => {
    const { state } = (await operations.operation(operation.id)).operation;
    return state === 'running' ? undefined : state;
  };
  const state = await until('the drain ends', ended, 300_000);
  if (state !== 'succeeded') throw new Error(`the drain of ${worker} ended as ${state}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

let pools = 0;
async function measure(plane: ControlPlane, admin: ClusterAdmin, one: Case): Promise<readonly Result[]> {
  const counted = async (agent: string, work: () => Promise<unknown>): Promise<{ ms: number; requests: number }> => {
    const before = await plane.requestsOf(agent);
    const ms = await timed(work);
    return { ms, requests: (await plane.requestsOf(agent)) - before };
  };
  const on = async <T>(who: string, work: (pool: string, full: string) => Promise<T>): Promise<T> => {
    const pool = `${who}-${++pools}`;
    const full = await populate(admin, pool, one);
    const result = await work(pool, full);
    await remove(admin, pool);
    return result;
  };
  const drain = (full: string): Promise<unknown> =>
    promisify(execFile)(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, 'drain', full, '--ignore-daemonsets']);
  const theirs = await on('kubectl', (_pool, full) => counted('kubectl', () => drain(full)));
  const ours = await on('burst', async (_pool, full) => {
    const burst = await product(plane);
    try {
      return await counted('burst', () => drainWith(burst.operations, full));
    } finally {
      await burst.stop();
    }
  });
  const results: Result[] = [
    { name: `drain, ${one.name}, kubectl`, value: `${seconds(theirs.ms)}, ${theirs.requests} requests`, goal: '-' },
    { name: `drain, ${one.name}, Burst`, value: `${seconds(ours.ms)}, ${ours.requests} requests`, goal: '-' },
    { name: `drain, ${one.name}, time against kubectl`, value: ratio(ours.ms / theirs.ms), goal: `<= ${one.goal}` },
    {
      name: `drain, ${one.name}, requests against kubectl`,
      value: ratio(ours.requests / theirs.requests),
      goal: '< 1',
    },
  ];
  if (one.pods < 200) return results;
  // one sample of either says little, for replacements, scheduler and kubelets share the machine with what is measured
  const drains = [ours.ms];
  const raws: number[] = [];
  const again = async (): Promise<void> => {
    drains.push(
      await on('burst', async (_pool, full) => {
        const burst = await product(plane);
        try {
          return await timed(() => drainWith(burst.operations, full));
        } finally {
          await burst.stop();
        }
      }),
    );
  };
  const raw = async (): Promise<void> => {
    raws.push(await on('raw', (pool, full) => timed(() => rawEviction(admin, pool, full))));
  };
  for (const work of [raw, raw, again, again, raw]) await work();
  const range = (values: readonly number[]): string =>
    `${seconds(median(values))} (${seconds(Math.min(...values))} to ${seconds(Math.max(...values))})`;
  return [
    ...results,
    { name: `drain, ${one.name}, Burst, three times`, value: range(drains), goal: '-' },
    { name: `drain, ${one.name}, all evicted by plain requests, three times`, value: range(raws), goal: '-' },
    {
      name: `drain, ${one.name}, time against that, medians`,
      value: ratio(median(drains) / median(raws)),
      goal: '<= 1.3',
    },
  ];
}

export const drain: Bench = {
  name: 'drain',
  how:
    'A node is emptied by Burst (operations, engine, store, adapter; from the request to the end of the operation) and ' +
    'one like it by `kubectl drain`, one after the other on one real control plane with simulated kubelets ' +
    '(KUBEBUILDER_ASSETS). Pods of a Deployment with terminationGracePeriodSeconds 1, ready about 1.2 s after they are bound, and a second node for their ' +
    "replacements. Requests are counted in the API server's audit log by user agent.",
  async run() {
    try {
      assetsFolder();
    } catch (error) {
      return { skipped: error instanceof Error ? error.message : String(error) };
    }
    const plane = await startControlPlane({ audit: true });
    try {
      if (!plane.kubelets) return { skipped: 'KUBEBUILDER_ASSETS has no kwok: pods would never end' };
      const admin = createAdmin(plane);
      const results: Result[] = [];
      for (const one of CASES) results.push(...(await measure(plane, admin, one)));
      return results;
    } finally {
      await plane.stop();
    }
  },
};
