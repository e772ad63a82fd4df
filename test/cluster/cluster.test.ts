/** The Cluster port on a real control plane (KUBEBUILDER_ASSETS). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../src/ports/cluster.ts';
import { type ClusterAdmin, createAdmin, until } from '../contract/cluster-admin.ts';
import { clusterSetup, kubeconfigFor, testCluster, throughProxy } from '../contract/cluster-setup.ts';
import { clusterContract, spkiHash } from '../contract/cluster-suite.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

const run = promisify(execFile);

clusterContract('a real control plane', async () => {
  const plane = await startControlPlane();
  return clusterSetup(plane, plane.stop);
});

describe('only on a real control plane', () => {
  let plane: ControlPlane;
  let admin: ClusterAdmin;
  let cluster: Cluster;
  beforeAll(async () => {
    plane = await startControlPlane();
    admin = createAdmin(plane);
    cluster = testCluster(plane);
    await cluster.start(AbortSignal.timeout(30_000));
  });
  afterAll(async () => {
    await cluster?.stop();
    await plane?.stop();
  });
  const kubectl = async (...args: string[]): Promise<string> =>
    (await run(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args])).stdout;

  test('kubectl sees a cordon', async () => {
    await admin.createNode('seen');
    const node = await cluster.getNode('seen');
    await cluster.patchNode({ name: 'seen', uid: node?.uid ?? '' }, { unschedulable: true });
    expect(await kubectl('get', 'node', 'seen', '--no-headers')).toContain('SchedulingDisabled');
  });

  test('an eviction in a namespace that is ending waits', async () => {
    await admin.createNode('ending');
    await admin.createNamespace('ending');
    await admin.createPod('ending', 'held', 'ending', { metadata: { finalizers: ['burst.test/hold'] } });
    const [pod] = await cluster.listPodsOnNode('ending');
    if (pod === undefined) throw new Error('no pod');
    await admin.call('DELETE', '/api/v1/namespaces/ending');
    const outcome = await until('the namespace is ending', async () => {
      const answer = await cluster.evict(pod, undefined);
      return answer.kind === 'accepted' ? undefined : answer;
    });
    expect(outcome).toEqual({ kind: 'namespace_terminating' });
    const path = '/api/v1/namespaces/ending/pods/held';
    await admin.call('PATCH', path, { metadata: { finalizers: null } }, 'application/merge-patch+json');
  });

  test('join facts come from cluster-info, else from the kubeconfig, and can be overridden', async () => {
    const hash = spkiHash(plane.ca);
    expect(await cluster.joinFacts()).toEqual({ endpoint: new URL(plane.url).host, caCertHash: hash });
    await admin.setClusterInfo(kubeconfigFor({ url: 'https://control-plane.example', token: '', ca: plane.ca }));
    expect(await cluster.joinFacts()).toEqual({ endpoint: 'control-plane.example:443', caCertHash: hash });
    const overridden = testCluster(plane, { joinOverrides: { endpoint: '10.0.0.1:6443', caCertHash: 'sha256:00' } });
    expect(await overridden.joinFacts()).toEqual({ endpoint: '10.0.0.1:6443', caCertHash: 'sha256:00' });
    await overridden.stop();
  });

  test('wrong credentials are denied, and their token is in no message', async () => {
    const credentials = { kind: 'kubeconfig', text: kubeconfigFor(plane, 'wrong-token-5f3a') } as const;
    const stranger = testCluster(plane, { credentials });
    const error: unknown = await stranger.getNode('any').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'denied' });
    expect(JSON.stringify(error) + String(error)).not.toContain('wrong-token-5f3a');
    await stranger.stop();
  });

  test('an account without rights sees which are missing', async () => {
    await kubectl('create', 'serviceaccount', 'poor', '-n', 'default');
    await kubectl('create', 'clusterrole', 'reader', '--verb=get,list,watch', '--resource=nodes,pods');
    await kubectl('create', 'clusterrolebinding', 'poor', '--clusterrole=reader', '--serviceaccount=default:poor');
    const token = (await kubectl('create', 'token', 'poor', '-n', 'default')).trim();
    const poor = testCluster(plane, { credentials: { kind: 'kubeconfig', text: kubeconfigFor(plane, token) } });
    const checks = new Map((await poor.checkPermissions()).map((check) => [check.what, check.allowed]));
    expect(checks.get('list nodes')).toBe(true);
    expect(checks.get('delete nodes')).toBe(false);
    expect(checks.get('create pods/eviction')).toBe(false);
    await admin.createNode('not-yours');
    const uid = (await poor.getNode('not-yours'))?.uid ?? '';
    await expect(poor.deleteNode({ name: 'not-yours', uid })).rejects.toMatchObject({ code: 'denied' });
    await poor.stop();
  });

  test('a watch that fell silent is started again', async () => {
    const proxied = await throughProxy(plane);
    const watcher = testCluster(proxied.server, { watchTiming: { silentMs: 1_500 } });
    await watcher.start(AbortSignal.timeout(30_000));
    await admin.createNode('before-silence');
    await until('it watches', () => watcher.cachedNode('before-silence'));
    proxied.network.freeze();
    await admin.createNode('behind-silence');
    await until('the node is cached', () => watcher.cachedNode('behind-silence'));
    await watcher.stop();
    await proxied.network.close();
  });

  test('the caches outlive a restart of the API server', async () => {
    await plane.restartApiServer();
    await admin.createNode('after-restart');
    await until('the node is cached', () => cluster.cachedNode('after-restart'), 60_000);
    await until('the caches are fresh', () => !cluster.freshness().stale, 60_000);
  });
});
