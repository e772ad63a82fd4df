/** List, details, drain, destroy and node removal on a real control plane; the VMs are a provider in memory. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createEngine } from '../../src/engine/index.ts';
import type { Engine } from '../../src/engine/index.ts';
import { createOperations, runDefinitions } from '../../src/operations/index.ts';
import type { Operations, ServiceDeps } from '../../src/operations/index.ts';
import type { Cluster } from '../../src/ports/cluster.ts';
import type { Store } from '../../src/ports/store.ts';
import { openStore } from '../../src/store/index.ts';
import { createAdmin, until } from '../contract/cluster-admin.ts';
import type { ClusterAdmin } from '../contract/cluster-admin.ts';
import { noLog, realClock, testCluster, testIds } from '../contract/cluster-setup.ts';
import { Faults, World } from '../operations/world.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';

const run = promisify(execFile);
const by = { kind: 'slack', userId: 'U0OPERATOR1' } as const;
const log = { ...noLog, debug: () => undefined };

let plane: ControlPlane;
let admin: ClusterAdmin;
let cluster: Cluster;
let store: Store;
let engine: Engine;
let operations: Operations;
const world = new World(new Faults(), () => Date.now());

const kubectl = async (...args: string[]): Promise<string> =>
  (await run(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args])).stdout.trim();

beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  cluster = testCluster(plane);
  await cluster.start(AbortSignal.timeout(30_000));
  store = await openStore({ path: ':memory:', clock: realClock, ids: testIds });
  const deps: ServiceDeps = {
    cluster,
    vms: world.provider,
    store,
    clock: realClock,
    ids: testIds,
    drain: {
      gracePeriodSeconds: 1,
      timeoutMs: 60_000,
      ignoreDaemonSets: true,
      deleteEmptyDirData: true,
      force: false,
      skipWaitForDeleteMs: 30_000,
      permanentWorkers: false,
      volumeDetachTimeoutMs: 10_000,
      maxEvictionsAtOnce: 5,
    },
    safety: {
      label: { key: 'worker-type', value: 'burst' },
      ttlAnnotation: 'worker-ttl',
      requireDrainBeforeDestroy: true,
      protectedPatterns: [],
    },
    workers: {
      namePrefix: 'burst',
      maxBurstWorkers: 10,
      maxPerRequest: 10,
      defaultTtlHours: 24,
      minTtlHours: 1,
      maxTtlHours: 168,
      defaultSize: 'small',
      sizes: new Map([['small', { name: 'small', cpus: 2, memoryGiB: 4, diskGiB: 50 }]]),
      joinTimeoutMs: 60_000,
      readyTimeoutMs: 60_000,
      extraLabels: { team: 'shop' },
    },
    joinToken: { kind: 'bootstrap', ttlMs: 3_600_000 },
    renderJoin: ({ token }) => ({ userData: '', joinCommand: `join ${token}` }),
    ownerTag: 'burst-test',
    pollMs: 200,
    submitted: () => engine.wake(),
  };
  engine = createEngine({
    ...deps,
    policy: {
      maxStepsAtOnce: 5,
      stepTimeoutMs: 20_000,
      claimMs: 30_000,
      retryBaseMs: 100,
      retryMaxMs: 1000,
      pollMs: 200,
    },
    definitions: runDefinitions(deps),
    owner: 'test',
    log,
    advanced: () => undefined,
  });
  operations = createOperations(deps);
  engine.start();
  await admin.createNode('permanent-1');
  await until('the permanent worker is Ready', async () => (await kubectl('get', 'nodes')).includes(' Ready'));
});
afterAll(async () => {
  await engine?.stop();
  await cluster?.stop();
  await store?.close();
  await plane?.stop();
});

async function ended(id: string): Promise<string> {
  return until(
    `operation ${id} ends`,
    async () => {
      const { operation, runs } = await operations.operation(id);
      return operation.state === 'running'
        ? undefined
        : [operation.state, ...runs.flatMap((one) => one.failure?.message ?? [])].join(': ');
    },
    90_000,
  );
}

/** Provisions one; the test is the machine that boots. */
async function provisioned(key: string): Promise<string> {
  const { operation, runs } = await operations.provision({ by, idempotencyKey: key, count: 1, ttlHours: 2 });
  const name = runs[0]?.workerName ?? '';
  world.joins = false;
  await until('its VM runs', () => [...world.vms.values()].some((vm) => vm.name === name && vm.state === 'running'));
  await admin.createNode(name);
  expect(await ended(operation.id)).toBe('succeeded');
  return name;
}

test('a worker joins, is listed and inspected, drained, destroyed; kubectl agrees at each step', async () => {
  const name = await provisioned('life');
  expect(await kubectl('get', 'node', name, '-o', 'jsonpath={.metadata.labels}')).toContain('"team":"shop"');
  expect(await kubectl('get', 'nodes', '-l', 'worker-type=burst', '-o', 'name')).toBe(`node/${name}`);
  expect(await kubectl('get', 'node', name, '-o', 'jsonpath={.metadata.annotations.worker-ttl}')).toMatch(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  );
  expect(await kubectl('get', 'secrets', '-n', 'kube-system', '-o', 'name')).not.toContain('bootstrap-token');

  await admin.createShop('shop', 4, { maxUnavailable: 1 });
  await until('pods run on the worker', async () =>
    (await operations.details(name)).pods.some((pod) => pod.phase === 'Running'),
  );
  await until('the cache has seen them', async () =>
    (await operations.fleet({ type: 'burst', status: 'busy' })).workers.some((worker) => worker.name === name),
  );
  const details = await operations.details(name);
  expect(details).toMatchObject({ type: 'burst', status: 'busy', size: 'small', owner: 'U0OPERATOR1' });
  expect(details.node.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
  expect(details.vm).toMatchObject({ state: 'running' });
  const preview = await operations.previewDrain(name);
  expect(preview.evict.map((pod) => pod.owner.split('/')[0])).toContain('ReplicaSet');

  const drain = await operations.drain({ by, idempotencyKey: 'drain', workers: [name], admin: false });
  expect(await ended(drain.operation.id)).toBe('succeeded');
  expect(await kubectl('get', 'node', name, '--no-headers')).toContain('SchedulingDisabled');
  expect(await kubectl('get', 'pods', '-A', '--field-selector', `spec.nodeName=${name}`, '-o', 'name')).toBe('');

  const shown = await operations.previewDestroy(name);
  expect(shown.drained).toBe(true);
  const destroy = await operations.destroy({
    by,
    idempotencyKey: 'destroy',
    workers: [name],
    force: false,
    drainFirst: false,
    fingerprints: { [name]: shown.fingerprint },
  });
  expect(await ended(destroy.operation.id)).toBe('succeeded');
  expect(world.deletedVms).toContain(name);
  expect(await kubectl('get', 'nodes', '-o', 'name')).toBe('node/permanent-1');
});

test('the permanent worker and a control-plane node are refused from every door, and stay as they are', async () => {
  await admin.createNode('cp-1', { labels: { 'node-role.kubernetes.io/control-plane': '', 'worker-type': 'burst' } });
  for (const name of ['permanent-1', 'cp-1'])
    for (const ask of [
      () => operations.destroy({ by, idempotencyKey: `d-${name}`, workers: [name], force: true, drainFirst: true }),
      () => operations.drain({ by, idempotencyKey: `e-${name}`, workers: [name], admin: true }),
      () => operations.previewDestroy(name),
    ])
      await expect(ask()).rejects.toThrow(/^SAFETY VIOLATION: /);
  expect(await kubectl('get', 'nodes', '--no-headers')).not.toContain('SchedulingDisabled');
});

test('a node that was replaced under the same name between the click and the removal is not removed', async () => {
  const name = await provisioned('replaced');
  const before = (await cluster.getNode(name))?.annotations ?? {};
  await admin.deleteNode(name);
  await admin.createNode(name, {
    labels: { 'worker-type': 'burst' },
    annotations: { 'worker-ttl': before['worker-ttl'] ?? '' },
  });
  const asked = await operations.destroy({ by, idempotencyKey: 'r', workers: [name], force: false, drainFirst: true });
  expect(await ended(asked.operation.id)).toMatch(/^failed: SAFETY VIOLATION: /);
  expect(await kubectl('get', 'node', name, '-o', 'name')).toBe(`node/${name}`);
  expect(world.deletedVms).not.toContain(name);
});
