/**
 * A worker's whole life on a real control plane, with nothing but the rights that the manifests give and the policies that
 * they set: its token, its kubelet's certificate, its node, its end.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Cluster } from '../../src/ports/cluster.ts';
import { type ClusterAdmin, createAdmin, until } from '../contract/cluster-admin.ts';
import { kubeconfigFor, testCluster } from '../contract/cluster-setup.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { applyManifests, type Installation, install } from './installation.ts';
import { bindBootstrappers, kubeletOf, nodeOf, untilKnown, whoAmI } from './kubelet.ts';
import { by, type Service, startService } from './service.ts';

const MERGE = 'application/merge-patch+json';
const SECRETS = '/api/v1/namespaces/kube-system/secrets';
const NODES = '/api/v1/nodes';

let plane: ControlPlane;
let admin: ClusterAdmin;
let burst: Installation;
let cluster: Cluster;
let service: Service;
beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  burst = await install(plane, admin);
  await bindBootstrappers(admin);
  await admin.setClusterInfo(kubeconfigFor({ url: 'https://control-plane.example', token: '', ca: plane.ca }));
  await admin.createNode('permanent-1');
  cluster = testCluster(burst.server, { namespace: 'burst' });
  await cluster.start(AbortSignal.timeout(30_000));
  service = await startService(cluster, { force: true });
});
afterAll(async () => {
  await service?.stop();
  await cluster?.stop();
  await plane?.stop();
});

const secretOf = (token: string): string => `bootstrap-token-${token.split('.')[0] ?? ''}`;
const as = (token: string): ClusterAdmin => createAdmin({ ...plane, token });
const metadataOf = async (name: string) =>
  z
    .object({
      metadata: z.object({
        labels: z.record(z.string(), z.string()).default({}),
        annotations: z.record(z.string(), z.string()).default({}),
      }),
    })
    .parse(await admin.call('GET', `${NODES}/${name}`)).metadata;
const tokensLeft = async (): Promise<string[]> => {
  const list = z
    .object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) })
    .parse(await admin.call('GET', SECRETS));
  return list.items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('bootstrap-token-'));
};

async function joined(key: string): Promise<string> {
  const { id, name } = await service.provision(key);
  const kubelet = await kubeletOf(plane, name, service.tokens.get(name) ?? '');
  expect((await kubelet('POST', NODES, nodeOf(name))).status).toBe(201);
  expect(await service.ended(id)).toBe('succeeded');
  return name;
}

test('a token lets a kubelet in, who gets a certificate and registers; the node is labelled, the token goes', async () => {
  const { id, name } = await service.provision('life');
  const token = service.tokens.get(name) ?? '';
  expect(await untilKnown(as(token).send)).toEqual({
    username: `system:bootstrap:${token.split('.')[0] ?? ''}`,
    groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token', 'system:authenticated'],
  });
  for (const path of [NODES, SECRETS, `${SECRETS}/${secretOf(token)}`])
    expect((await as(token).send('GET', path)).status).toBe(403);

  const kubelet = await kubeletOf(plane, name, token);
  expect(await whoAmI(kubelet)).toEqual({
    username: `system:node:${name}`,
    groups: ['system:nodes', 'system:authenticated'],
  });
  expect((await kubelet('POST', NODES, nodeOf('burst-small-other'))).status).toBe(403);
  expect((await kubelet('PATCH', `${NODES}/permanent-1`, { metadata: { labels: { a: 'b' } } }, MERGE)).status).toBe(
    403,
  );
  expect((await kubelet('POST', NODES, nodeOf(name))).status).toBe(201);

  expect(await service.ended(id)).toBe('succeeded');
  const { labels, annotations } = await metadataOf(name);
  expect(labels['worker-type']).toBe('burst');
  expect(annotations).toMatchObject({
    'worker-ttl': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    'burst/owner-tag': 'burst-test',
  });
  expect((await admin.secret('kube-system', secretOf(token))).status).toBe(404);
  await until('the token lets nobody in any more', async () => (await whoAmI(as(token).send)) === 401);
  // what the kubelet has by then is its own
  expect(await whoAmI(kubelet)).toMatchObject({ username: `system:node:${name}` });

  const asked = await service.operations.extend({ by, idempotencyKey: 'extend', workers: [name], hours: 4 });
  expect(await service.ended(asked.operation.id)).toBe('succeeded');
  expect((await metadataOf(name)).annotations['worker-ttl']).not.toBe(annotations['worker-ttl']);
  const drain = await service.operations.drain({ by, idempotencyKey: 'drain', workers: [name], admin: false });
  expect(await service.ended(drain.operation.id)).toBe('succeeded');
  const shown = await service.operations.previewDestroy(name);
  const destroy = await service.operations.destroy({
    by,
    idempotencyKey: 'destroy',
    workers: [name],
    force: false,
    drainFirst: false,
    fingerprints: { [name]: shown.fingerprint },
  });
  expect(await service.ended(destroy.operation.id)).toBe('succeeded');
  expect((await admin.send('GET', `${NODES}/${name}`)).status).toBe(404);
  expect(service.world.deletedVms).toContain(name);
});

test('a drain that is forced deletes the pods that a budget holds, of this worker alone', async () => {
  const name = await joined('to-force');
  await admin.createNamespace('shop');
  const labels = { app: 'web' };
  await admin.createPod('shop', 'held', name, { labels });
  await admin.createPod('shop', 'elsewhere', 'permanent-1', { labels });
  const spec = { minAvailable: 2, selector: { matchLabels: labels } };
  await admin.createBudget('shop', 'web', spec, (status) => status['expectedPods'] === 2);
  const shown = await service.operations.previewDestroy(name);
  const destroy = await service.operations.destroy({
    by,
    idempotencyKey: 'force',
    workers: [name],
    force: false,
    drainFirst: true,
    fingerprints: { [name]: shown.fingerprint },
  });
  await until('it evicts', async () =>
    (await service.operations.operation(destroy.operation.id)).runs.some(({ step }) => step === 'evict'),
  );
  expect(await admin.podExists('shop', 'held')).toBe(true);
  await service.operations.force({ operationId: destroy.operation.id, worker: name, by, idempotencyKey: 'forced' });
  expect(await service.ended(destroy.operation.id)).toBe('succeeded');
  expect(await admin.podExists('shop', 'held')).toBe(false);
  expect(await admin.podExists('shop', 'elsewhere')).toBe(true);
});

test('a join that is cancelled is undone: token, VM and the node that had registered and was never labelled', async () => {
  const { id, name } = await service.provision('undo');
  const token = service.tokens.get(name) ?? '';
  await service.pause();
  const kubelet = await kubeletOf(plane, name, token);
  expect((await kubelet('POST', NODES, nodeOf(name))).status).toBe(201);
  expect((await metadataOf(name)).labels).not.toHaveProperty('worker-type');
  await service.operations.cancel(id, by);
  service.resume();
  expect(await service.ended(id)).toMatch(/^cancelled/);
  expect((await admin.send('GET', `${NODES}/${name}`)).status).toBe(404);
  expect(await tokensLeft()).toEqual([]);
  expect([...service.world.vms.values()].map((vm) => vm.name)).not.toContain(name);
});

test('a VM that is told again is told the same token; after a restart another, and both go when it is Ready', async () => {
  const { provider } = service.world;
  const configure = provider.configure.bind(provider);
  let refusals = 0;
  Object.assign(provider, {
    configure: () => {
      refusals += 1;
      throw new Error('the VM server is away');
    },
  });
  const { operation, runs } = await service.operations.provision({
    by,
    idempotencyKey: 'twice',
    count: 1,
    ttlHours: 2,
  });
  const name = runs[0]?.workerName ?? '';
  await until('it was tried again', () => refusals > 2);
  expect(await tokensLeft()).toHaveLength(1);
  await service.pause();
  Object.assign(provider, { configure });
  service.resume();
  await until('its VM runs', () =>
    [...service.world.vms.values()].some((vm) => vm.name === name && vm.state === 'running'),
  );
  expect(await tokensLeft()).toHaveLength(2);
  const kubelet = await kubeletOf(plane, name, service.tokens.get(name) ?? '');
  expect((await kubelet('POST', NODES, nodeOf(name))).status).toBe(201);
  expect(await service.ended(operation.id)).toBe('succeeded');
  expect(await tokensLeft()).toEqual([]);
});

describe('tokens that have expired', () => {
  const expiring = async (id: string, inMs: number): Promise<string> => {
    const record = { cluster: 'test', id, workerName: 'burst-small-aaaaa', expiresAtMs: Date.now() + inMs };
    await service.store.saveToken({ ...record, uid: undefined });
    const { token, uid } = await cluster.createBootstrapToken({ ...record, secret: '0123456789abcdef' });
    await service.store.saveToken({ ...record, uid });
    return token;
  };

  test('let nobody in, and the reaper sweeps them without reading a Secret', async () => {
    const [short, long] = [await expiring('short1', 8000), await expiring('long01', 3_600_000)];
    expect(await untilKnown(as(short).send)).toMatchObject({ username: 'system:bootstrap:short1' });
    await until('the token has expired', async () => (await whoAmI(as(short).send)) === 401);
    await until('the reaper has swept it', async () => {
      await service.reaper.tick();
      return !(await tokensLeft()).includes(secretOf(short));
    });
    // one that is still valid goes too when nothing is done for its worker; its record stays, for it may land late
    await until('the other, too', async () => !(await tokensLeft()).includes(secretOf(long)));
    expect((await service.store.listTokens({ cluster: 'test' })).map(({ id }) => id)).toEqual(['long01']);
    await service.store.forgetToken('test', 'long01');
  });

  test("a Secret of somebody else's that has the name of one whose making was never confirmed stays", async () => {
    await admin.createSecret('kube-system', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'bootstrap-token-theirs' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: { 'token-id': 'theirs', 'token-secret': '0123456789abcdef' },
    });
    await service.store.saveToken({
      cluster: 'test',
      id: 'theirs',
      workerName: 'burst-small-bbbbb',
      uid: undefined,
      expiresAtMs: Date.now() - 1,
    });
    await until('the reaper has looked', async () => {
      await service.reaper.tick();
      return (await service.store.listTokens({ cluster: 'test' })).length === 0;
    });
    expect(await tokensLeft()).toEqual(['bootstrap-token-theirs']);
  });
});

describe('what a kubelet may say of itself', () => {
  test('any label but those that are restricted to nodes: one that must not be forged is named so', async () => {
    const name = 'worker-7';
    const { token, uid } = await cluster.createBootstrapToken({
      id: 'kubele',
      secret: '0123456789abcdef',
      workerName: name,
      expiresAtMs: Date.now() + 3_600_000,
    });
    const kubelet = await kubeletOf(plane, name, token);
    await cluster.deleteBootstrapToken({ id: 'kubele', uid });
    const restricted = { 'node-restriction.kubernetes.io/worker-type': 'burst' };
    expect((await kubelet('POST', NODES, nodeOf(name, restricted))).status).toBe(403);
    expect((await kubelet('POST', NODES, nodeOf(name, { 'worker-type': 'burst' }))).status).toBe(201);
    const patch = { metadata: { labels: restricted } };
    expect((await kubelet('PATCH', `${NODES}/${name}`, patch, MERGE)).status).toBe(403);
    expect((await metadataOf(name)).labels).not.toHaveProperty('node-restriction.kubernetes.io/worker-type');
    expect(
      (await kubelet('PATCH', `${NODES}/${name}`, { metadata: { labels: { 'worker-type': null } } }, MERGE)).status,
    ).toBe(200);
  });
});

test('the Lease is held with its own rights', async () => {
  const holder = 'burst-test';
  expect(await cluster.holdLease(holder, 60_000)).toEqual({ held: true });
  expect(await cluster.holdLease(holder, 60_000)).toEqual({ held: true });
  expect(await cluster.holdLease('another', 60_000)).toMatchObject({ held: false, holder });
});

test('a permanent worker is drained for maintenance only with the component', async () => {
  const maintenance = await startService(cluster, { permanentWorkers: true, force: true });
  await admin.createNode('worker-8');
  const labels = { app: 'kept' };
  await admin.createPod('shop', 'kept', 'worker-8', { labels });
  const spec = { minAvailable: 1, selector: { matchLabels: labels } };
  await admin.createBudget('shop', 'kept', spec, (status) => status['expectedPods'] === 1);
  await until('it is listed', () => cluster.cachedNode('worker-8'));
  const drain = (key: string) =>
    maintenance.operations.drain({ by, idempotencyKey: key, workers: ['worker-8'], admin: true });
  const first = await drain('without');
  await until('it is refused', async () =>
    (
      await maintenance.store.journal((await maintenance.operations.operation(first.operation.id)).runs[0]?.id ?? '')
    ).some(({ text }) => text.includes('Burst may change nodes of burst workers only')),
  );
  await applyManifests(plane, { components: ['maintenance'] });
  const operationId = first.operation.id;
  await until('it evicts', async () =>
    (await maintenance.operations.operation(operationId)).runs.some(({ step }) => step === 'evict'),
  );
  await maintenance.operations.force({ operationId, worker: 'worker-8', by, idempotencyKey: 'forced' });
  expect(await maintenance.ended(operationId)).toBe('succeeded');
  expect(await admin.podExists('shop', 'kept')).toBe(false);
  await maintenance.stop();
});
