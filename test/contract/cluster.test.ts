/** The Cluster port on the simulated API server: it must not behave otherwise than a real one. */
import { KubeConfig } from '@kubernetes/client-node';
import { describe, expect, test } from 'vitest';
import { startKubernetesSimulator } from '../../src/sandbox/kubernetes/index.ts';
import { until } from './cluster-admin.ts';
import { clusterSetup, realClock, testCluster } from './cluster-setup.ts';
import { clusterContract } from './cluster-suite.ts';

clusterContract('the simulated API server', async () => {
  const simulator = await startKubernetesSimulator({ clock: realClock, demo: false });
  const config = new KubeConfig();
  config.loadFromString(simulator.kubeconfig);
  const [current, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  const ca = current?.caData === undefined ? {} : { ca: Buffer.from(current.caData, 'base64').toString('utf8') };
  return clusterSetup({ url: simulator.url, token: user?.token ?? '', ...ca }, () => simulator.close());
});

describe('a watch that lost its place', () => {
  test('lists again after 410, and drops what is gone meanwhile', async () => {
    const simulator = await startKubernetesSimulator({ clock: realClock, demo: false });
    const cluster = testCluster({ url: simulator.url, token: simulator.adminToken }, { pageSize: 500 });
    try {
      const [gone = ''] = simulator.seed({ nodes: 2, podsPerNode: 3 });
      await cluster.start(AbortSignal.timeout(10_000));
      expect(cluster.cachedNodes()).toHaveLength(2);
      expect(cluster.cachedPods()).toHaveLength(6);
      simulator.setFault('api_down', true);
      simulator.remove('v1', 'Node', gone);
      simulator.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'later' } });
      simulator.compact();
      expect(cluster.cachedNode('later')).toBeUndefined();
      simulator.setFault('api_down', false);
      await until('the new node is cached', () => cluster.cachedNode('later'));
      expect(cluster.cachedNode(gone)).toBeUndefined();
      simulator.dropWatches();
      simulator.put({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'last' } });
      await until('the last node is cached', () => cluster.cachedNode('last'));
      await until('the caches are fresh', () => !cluster.freshness().stale);
    } finally {
      await cluster.stop();
      await simulator.close();
    }
  });

  test('starting goes on until the API server is there; the cache is stale until then', async () => {
    const simulator = await startKubernetesSimulator({ clock: realClock, demo: false });
    const cluster = testCluster({ url: simulator.url, token: simulator.adminToken });
    try {
      simulator.setFault('api_down', true);
      await cluster.start(AbortSignal.timeout(500));
      expect(cluster.freshness()).toMatchObject({ stale: true, sinceMs: undefined });
      simulator.setFault('api_down', false);
      await cluster.start(AbortSignal.timeout(10_000));
      expect(cluster.freshness()).toEqual({ stale: false });
    } finally {
      await cluster.stop();
      await simulator.close();
    }
  });
});
