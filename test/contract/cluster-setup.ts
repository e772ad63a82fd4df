/** A started adapter before some API server, with a network between them that can be broken. */
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type ClusterOptions, createCluster } from '../../src/kubernetes/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Ids } from '../../src/ports/ids.ts';
import { createAdmin } from './cluster-admin.ts';
import type { ClusterSetup } from './cluster-suite.ts';
import { startTcpProxy } from './tcp-proxy.ts';

export const realClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => delay(Math.max(0, ms), undefined, signal === undefined ? {} : { signal }),
};
let count = 0;
export const testIds: Ids = {
  next: () => String((count += 1)).padStart(12, '0'),
  base32: (length) => Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(randomInt(32))).join(''),
};
export const noLog: ClusterOptions['log'] = { info: () => undefined, warn: () => undefined, error: () => undefined };

export type Server = { readonly url: string; readonly token: string; readonly ca?: string };

export function kubeconfigFor(server: Server, token = server.token): string {
  const ca = server.ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(server.ca).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: server.url, ...ca } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  });
}

export function testCluster(server: Server, more: Partial<ClusterOptions> = {}) {
  return createCluster({
    name: 'test',
    namespace: 'kube-system',
    clock: realClock,
    ids: testIds,
    credentials: { kind: 'kubeconfig', text: kubeconfigFor(server) },
    requestTimeoutMs: 10_000,
    bootstrap: { groups: ['system:bootstrappers:kubeadm:default-node-token'] },
    log: noLog,
    pageSize: 3,
    ...more,
  });
}

/** A proxy before the server, and the same server as seen through it. */
export async function throughProxy(server: Server) {
  const { protocol, hostname, port } = new URL(server.url);
  const network = await startTcpProxy({ host: hostname, port: Number(port) });
  return { network, server: { ...server, url: `${protocol}//127.0.0.1:${network.port}` } };
}

/** What `clusterContract` wants, before a running API server; `stop` ends that server. */
export async function clusterSetup(server: Server, stop: () => Promise<void>): Promise<ClusterSetup> {
  const proxied = await throughProxy(server);
  const cluster = testCluster(proxied.server);
  await cluster.start(AbortSignal.timeout(30_000));
  return {
    cluster,
    admin: createAdmin(server),
    network: proxied.network,
    cleanup: async () => {
      await cluster.stop();
      await proxied.network.close();
      await stop();
    },
  };
}
