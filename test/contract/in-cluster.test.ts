/** The credentials of a pod: address from the environment, token and CA from the service account's files. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isBurstError } from '../../src/domain/errors.ts';
import { startKubernetesSimulator } from '../../src/sandbox/kubernetes/index.ts';
import { selfSignedCertificate } from '../../src/sandbox/kubernetes/certificate.ts';
import { until } from './cluster-admin.ts';
import { realClock, testCluster } from './cluster-setup.ts';

/** A simulated API server, and a folder with the files that a kubelet mounts into a pod. */
async function pod() {
  const simulator = await startKubernetesSimulator({ clock: realClock });
  onTestFinished(() => simulator.close());
  const rootPath = mkdtempSync(join(tmpdir(), 'burst-pod-'));
  onTestFinished(() => rmSync(rootPath, { recursive: true }));
  const folder = join(rootPath, 'var/run/secrets/kubernetes.io/serviceaccount');
  mkdirSync(folder, { recursive: true });
  const mount = (file: 'token' | 'ca.crt' | 'namespace', text: string): void => writeFileSync(join(folder, file), text);
  mount('token', `${simulator.adminToken}\n`);
  mount('ca.crt', simulator.caCertificate);
  mount('namespace', 'burst');
  const { hostname, port } = new URL(simulator.secureUrl);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', hostname);
  vi.stubEnv('KUBERNETES_SERVICE_PORT', port);
  onTestFinished(() => void vi.unstubAllEnvs());
  const make = () => {
    const cluster = testCluster(
      { url: simulator.url, token: '' },
      { credentials: { kind: 'in-cluster', rootPath }, requestTimeoutMs: 5000 },
    );
    onTestFinished(() => cluster.stop());
    return cluster;
  };
  return { simulator, mount, make, folder };
}

test('nodes are listed, watched and cordoned with the token and CA of the service account', async () => {
  const { simulator, make } = await pod();
  const [name = ''] = simulator.seed({ nodes: 1, podsPerNode: 0 });
  const cluster = make();
  await cluster.start(AbortSignal.timeout(10_000));
  expect(cluster.cachedNodes().map((node) => node.name)).toEqual([name]);
  const uid = (await cluster.getNode(name))?.uid ?? '';
  await cluster.patchNode({ name, uid }, { unschedulable: true });
  expect(simulator.get('v1', 'Node', name)).toMatchObject({ spec: { unschedulable: true } });
  await until('the cordon is seen', () => cluster.cachedNode(name)?.unschedulable === true);
});

test('workers are told the address that the cluster publishes, not the one that only pods can reach', async () => {
  const { simulator, make } = await pod();
  vi.stubEnv('KUBERNETES_SERVICE_HOST', 'localhost');
  const facts = await make().joinFacts();
  expect(facts.endpoint).toBe(new URL(simulator.secureUrl).host);
});

test('a token that rotated is picked up by the next call and by watches', async () => {
  const { simulator, mount, make } = await pod();
  const cluster = make();
  await cluster.start(AbortSignal.timeout(10_000));
  for (const name of ['first', 'second']) {
    mount('token', simulator.rotateAdminToken());
    expect(await cluster.getNode('none')).toBeUndefined();
    mount('token', simulator.rotateAdminToken());
    simulator.dropWatches();
    simulator.put({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
    await until('the node is seen', () => cluster.cachedNode(name));
  }
});

test('a token that is refused and did not change is told, once asked', async () => {
  const { simulator, make } = await pod();
  const cluster = make();
  simulator.rotateAdminToken();
  simulator.resetRequests();
  const error = await cluster.getNode('none').catch((thrown: unknown) => thrown);
  expect(isBurstError(error, 'denied')).toBe(true);
  expect(simulator.requests().total).toBe(1);
});

test('a CA that rotated is used by the next connection; a server of another CA is not spoken to', async () => {
  const { simulator, mount, make } = await pod();
  const cluster = make();
  mount('ca.crt', selfSignedCertificate().certificate);
  simulator.resetRequests();
  await expect(cluster.getNode('none')).rejects.toThrow(/certificate/);
  expect(simulator.requests().total).toBe(0);
  mount('ca.crt', simulator.caCertificate);
  expect(await cluster.getNode('none')).toBeUndefined();
});

test('outside of a pod the reason is told before anything is sent', async () => {
  const { folder, make } = await pod();
  rmSync(join(folder, 'token'));
  expect(make).toThrow(/cluster test: the credentials cannot be used:.*serviceaccount\/token/);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
  expect(make).toThrow(/does not run in a Kubernetes pod/);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1');
  vi.stubEnv('KUBERNETES_SERVICE_PORT', undefined);
  expect(make).toThrow(/does not run in a Kubernetes pod/);
});
