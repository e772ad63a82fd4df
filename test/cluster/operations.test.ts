/** List, details, drain, destroy and node removal on a real control plane; the VMs are a provider in memory. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../src/ports/cluster.ts';
import { createAdmin, until } from '../contract/cluster-admin.ts';
import type { ClusterAdmin } from '../contract/cluster-admin.ts';
import { testCluster } from '../contract/cluster-setup.ts';
import { startControlPlane } from './control-plane.ts';
import type { ControlPlane } from './control-plane.ts';
import { by, type Service, startService } from './service.ts';

const run = promisify(execFile);

let plane: ControlPlane;
let admin: ClusterAdmin;
let cluster: Cluster;
let service: Service;

const kubectl = async (...args: string[]): Promise<string> =>
  (await run(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args])).stdout.trim();

beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  cluster = testCluster(plane);
  await cluster.start(AbortSignal.timeout(30_000));
  service = await startService(cluster, {}, { team: 'shop' });
  await admin.createNode('permanent-1');
  await until('the permanent worker is Ready', async () => (await kubectl('get', 'nodes')).includes(' Ready'));
});
afterAll(async () => {
  await service?.stop();
  await cluster?.stop();
  await plane?.stop();
});

/** Provisions one; the test is the machine that boots. */
async function provisioned(key: string): Promise<string> {
  const { id, name } = await service.provision(key);
  await admin.createNode(name);
  expect(await service.ended(id)).toBe('succeeded');
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
    (await service.operations.details(name)).pods.some((pod) => pod.phase === 'Running'),
  );
  await until('the cache has seen them', async () =>
    (await service.operations.fleet({ type: 'burst', status: 'busy' })).workers.some((worker) => worker.name === name),
  );
  const details = await service.operations.details(name);
  expect(details).toMatchObject({ type: 'burst', status: 'busy', size: 'small', owner: 'U0OPERATOR1' });
  expect(details.node.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True');
  expect(details.vm).toMatchObject({ state: 'running' });
  const preview = await service.operations.previewDrain(name);
  expect(preview.evict.map((pod) => pod.owner.split('/')[0])).toContain('ReplicaSet');

  const drain = await service.operations.drain({ by, idempotencyKey: 'drain', workers: [name], admin: false });
  expect(await service.ended(drain.operation.id)).toBe('succeeded');
  expect(await kubectl('get', 'node', name, '--no-headers')).toContain('SchedulingDisabled');
  expect(await kubectl('get', 'pods', '-A', '--field-selector', `spec.nodeName=${name}`, '-o', 'name')).toBe('');

  const shown = await service.operations.previewDestroy(name);
  expect(shown.drained).toBe(true);
  const destroy = await service.operations.destroy({
    by,
    idempotencyKey: 'destroy',
    workers: [name],
    force: false,
    drainFirst: false,
    fingerprints: { [name]: shown.fingerprint },
  });
  expect(await service.ended(destroy.operation.id)).toBe('succeeded');
  expect(service.world.deletedVms).toContain(name);
  expect(await kubectl('get', 'nodes', '-o', 'name')).toBe('node/permanent-1');
});

test('the permanent worker and a control-plane node are refused from every door, and stay as they are', async () => {
  await admin.createNode('cp-1', { labels: { 'node-role.kubernetes.io/control-plane': '', 'worker-type': 'burst' } });
  for (const name of ['permanent-1', 'cp-1'])
    for (const ask of [
      () =>
        service.operations.destroy({ by, idempotencyKey: `d-${name}`, workers: [name], force: true, drainFirst: true }),
      () => service.operations.drain({ by, idempotencyKey: `e-${name}`, workers: [name], admin: true }),
      () => service.operations.previewDestroy(name),
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
  const asked = await service.operations.destroy({
    by,
    idempotencyKey: 'r',
    workers: [name],
    force: false,
    drainFirst: true,
  });
  expect(await service.ended(asked.operation.id)).toMatch(/^failed: SAFETY VIOLATION: /);
  expect(await kubectl('get', 'node', name, '-o', 'name')).toBe(`node/${name}`);
  expect(service.world.deletedVms).not.toContain(name);
});
