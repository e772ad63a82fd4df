/** What a real control plane answers to drains that it holds back, and what Burst tells of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Run } from '../../src/domain/operation.ts';
import type { Operations } from '../../src/operations/index.ts';
import type { Cluster } from '../../src/ports/cluster.ts';
import { createAdmin, until } from '../contract/cluster-admin.ts';
import type { ClusterAdmin } from '../contract/cluster-admin.ts';
import { testCluster } from '../contract/cluster-setup.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { by, type Service, startService } from './service.ts';

const DRAIN_MS = 8000;

let plane: ControlPlane;
let admin: ClusterAdmin;
let cluster: Cluster;
let service: Service;
let operations: Operations;
let count = 0;

beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  cluster = testCluster(plane);
  await cluster.start(AbortSignal.timeout(30_000));
  service = await startService(cluster, {
    timeoutMs: DRAIN_MS,
    force: true,
    skipWaitForDeleteMs: 1000,
    permanentWorkers: true,
    volumeDetachTimeoutMs: 3000,
  });
  ({ operations } = service);
});
afterAll(async () => {
  await service?.stop();
  await cluster?.stop();
  await plane?.stop();
});

/** A node of its own with a namespace of the same name. */
async function place(name: string): Promise<void> {
  await admin.createNode(name);
  await admin.createNamespace(name);
}
async function drain(name: string): Promise<string> {
  count += 1;
  const asked = await operations.drain({ by, idempotencyKey: `d${count}`, workers: [name], admin: true });
  return asked.operation.id;
}
async function runOf(id: string): Promise<Run> {
  const [run] = (await operations.operation(id)).runs;
  if (run === undefined) throw new Error('no run');
  return run;
}
const blockedOf = (id: string) => until(`${id} is blocked`, async () => (await runOf(id)).blocked);
const ended = (id: string) =>
  until(`${id} ends`, async () => ((await runOf(id)).endedAtMs === undefined ? undefined : runOf(id)), 60_000);
const cordoned = async (name: string) => (await cluster.getNode(name))?.unschedulable;

test('a budget that allows none with all healthy: named with its numbers; the time limit ends it, and the node is free', async () => {
  await place('never');
  const labels = { app: 'never' };
  await admin.call('POST', '/apis/apps/v1/namespaces/never/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { nodeName: 'never', containers: [{ name: 'web', image: 'example.com/web' }] },
      },
    },
  });
  const name = await until('its pod runs', async () => {
    const [pod] = await cluster.listPodsOnNode('never');
    return pod?.phase === 'Running' ? pod.name : undefined;
  });
  await admin.createBudget(
    'never',
    'all',
    { maxUnavailable: 0, selector: { matchLabels: labels } },
    (status) => status['currentHealthy'] === 1,
  );
  const id = await drain('never');
  expect(await blockedOf(id)).toMatchObject({
    pod: `never/${name}`,
    budget: 'never/all',
    numbers: '1 of 1 healthy, 1 needed, 0 may go',
    never: true,
  });
  const run = await ended(id);
  expect(run.failure?.message).toMatch(/blocked .*never\/web-.*never\/all/);
  expect(await cordoned('never')).toBe(false);
  expect(await admin.podExists('never', name)).toBe(true);
});

test('a pod that two budgets cover is blocked, with both named; a cancel uncordons', async () => {
  await place('twice');
  const labels = { app: 'twice' };
  await admin.createPod('twice', 'web-1', 'twice', { labels });
  for (const name of ['one', 'two'])
    await admin.createBudget('twice', name, { minAvailable: 0, selector: { matchLabels: labels } });
  const id = await drain('twice');
  const blocked = await blockedOf(id);
  expect(blocked).toMatchObject({ pod: 'twice/web-1', never: true });
  expect(blocked.budget?.split(', ').sort()).toEqual(['twice/one', 'twice/two']);
  await operations.cancel(id, by);
  expect((await ended(id)).state).toBe('undone');
  expect(await cordoned('twice')).toBe(false);
});

test('a namespace that is being deleted is waited for', async () => {
  await place('ending');
  await admin.createPod('ending', 'held', 'ending', { metadata: { finalizers: ['burst.test/hold'] } });
  await admin.createPod('ending', 'open', 'ending', { metadata: { finalizers: ['burst.test/hold'] } });
  await admin.call('DELETE', '/api/v1/namespaces/ending');
  const id = await drain('ending');
  await until('it waits', async () => (await runOf(id)).step === 'evict');
  for (const name of ['held', 'open'])
    await admin.call(
      'PATCH',
      `/api/v1/namespaces/ending/pods/${name}`,
      { metadata: { finalizers: null } },
      'application/merge-patch+json',
    );
  expect((await ended(id)).state).toBe('succeeded');
});

test('a pod of the same name elsewhere is never evicted', async () => {
  for (const name of ['from', 'to']) await place(name);
  await admin.createPod('from', 'db-0', 'from');
  const [old] = await cluster.listPodsOnNode('from');
  if (old === undefined) throw new Error('no pod');
  await admin.removePod('from', 'db-0');
  await until('it is gone', async () => !(await admin.podExists('from', 'db-0')));
  await admin.createPod('from', 'db-0', 'to');
  expect(await cluster.evict(old, 1)).toEqual({ kind: 'gone' });
  expect((await ended(await drain('from'))).state).toBe('succeeded');
  expect((await cluster.listPodsOnNode('to')).map((pod) => [pod.name, pod.deletionAtMs])).toEqual([
    ['db-0', undefined],
  ]);
});

test('volumes that are attached are waited for, then told', async () => {
  await place('volumes');
  await admin.createVolumeAttachment('csi-volumes', 'volumes');
  const id = await drain('volumes');
  await until('it waits for the volume', async () =>
    /volumes? to detach: csi-volumes/.test((await runOf(id)).progress),
  );
  expect(await ended(id)).toMatchObject({ state: 'succeeded', data: { volumesLeft: 1 } });
});
