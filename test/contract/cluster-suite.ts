/** What every API server behind the Cluster port has to do; run against the real one and against the simulated one. */
import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster, ClusterChange } from '../../src/ports/cluster.ts';
import { type ClusterAdmin, type Raw, until } from './cluster-admin.ts';
import type { TcpProxy } from './tcp-proxy.ts';

export type ClusterSetup = {
  /** Started, with a page size of 3, through `network`. */
  readonly cluster: Cluster;
  readonly admin: ClusterAdmin;
  readonly network: TcpProxy;
  readonly cleanup: () => Promise<void>;
};

const uidOf = (raw: Raw): string => String((raw['metadata'] as Raw)['uid']);
const NOBODY = '00000000-0000-4000-8000-000000000000';

/** @param name of the API server; every call of it starts with `setup`. */
export function clusterContract(name: string, setup: () => Promise<ClusterSetup>): void {
  describe(`Cluster on ${name}`, () => {
    let context: ClusterSetup;
    let cluster: Cluster;
    let admin: ClusterAdmin;
    let serial = 0;
    const fresh = (prefix: string): string => `${prefix}-${(serial += 1)}`;

    beforeAll(async () => {
      context = await setup();
      ({ cluster, admin } = context);
    });
    afterAll(async () => {
      await context?.cleanup();
    });

    const makePod = async (
      more: Parameters<ClusterAdmin['createPod']>[3] & { node?: string; namespace?: string } = {},
    ) => {
      const node = more.node ?? fresh('node');
      const namespace = more.namespace ?? fresh('ns');
      const podName = fresh('pod');
      if (more.node === undefined) await admin.createNode(node);
      if (more.namespace === undefined) await admin.createNamespace(namespace);
      await admin.createPod(namespace, podName, node, more);
      const pods = await cluster.listPodsOnNode(node);
      const pod = pods.find((one) => one.name === podName);
      if (pod === undefined) throw new Error(`pod ${podName} is not listed`);
      return { node, namespace, pod };
    };

    test('is fresh once started', () => {
      expect(cluster.freshness()).toEqual({ stale: false });
    });

    test("the lease is one holder's until it runs out", async () => {
      expect(await cluster.holdLease('burst-one', 2_000)).toEqual({ held: true });
      expect(await cluster.holdLease('burst-one', 2_000)).toEqual({ held: true });
      const other = await cluster.holdLease('burst-two', 2_000);
      expect(other).toMatchObject({ held: false, holder: 'burst-one' });
      await until('it ran out', async () => (await cluster.holdLease('burst-two', 60_000)).held);
      expect(await cluster.holdLease('burst-one', 2_000)).toMatchObject({ held: false, holder: 'burst-two' });
    });

    describe('caches', () => {
      test('follow a node from its creation to its end', async () => {
        const node = fresh('node');
        const changes: ClusterChange[] = [];
        const unsubscribe = cluster.onChange((change) => changes.push(change));
        await admin.createNode(node, { labels: { 'worker-type': 'burst' }, annotations: { 'worker-ttl': 'soon' } });
        const first = await until('the node is cached', () => cluster.cachedNode(node));
        expect(first.labels['worker-type']).toBe('burst');
        expect(first.annotations['worker-ttl']).toBe('soon');
        expect(first.capacity).toEqual({ cpuMillis: 4000, memoryMiB: 16384, pods: 110 });
        expect(first.allocatable).toEqual({ cpuMillis: 3500, memoryMiB: 15360, pods: 110 });
        expect(first.createdAtMs).toBeGreaterThan(0);
        await admin.patchNode(node, { metadata: { labels: { colour: 'red' } } });
        await until('the patch is cached', () => cluster.cachedNode(node)?.labels['colour'] === 'red');
        expect(cluster.cachedNodes().map((one) => one.name)).toContain(node);
        await admin.deleteNode(node);
        await until('the node is gone', () => cluster.cachedNode(node) === undefined);
        unsubscribe();
        const seen = changes.filter((change) => change.kind === 'node' && change.nodeName === node);
        expect(seen.length).toBeGreaterThanOrEqual(3);
      });

      test('follow pods, by node', async () => {
        const { node, namespace, pod } = await makePod({ labels: { app: 'web' } });
        const cached = await until('the pod is cached', () =>
          cluster.cachedPods(node).find((one) => one.uid === pod.uid && one.phase === 'Running'),
        );
        expect(cached).toMatchObject({ namespace, name: pod.name, nodeName: node, labels: { app: 'web' } });
        expect(cached.requests).toEqual({ cpuMillis: 100, memoryMiB: 64 });
        expect(cluster.cachedPods().some((one) => one.uid === pod.uid)).toBe(true);
        await admin.removePod(namespace, pod.name);
        await until('the pod is gone', () => !cluster.cachedPods(node).some((one) => one.uid === pod.uid));
      });

      test('tell when a budget changes', async () => {
        const namespace = fresh('ns');
        await admin.createNamespace(namespace);
        const told = Promise.withResolvers<void>();
        const unsubscribe = cluster.onChange((change) => {
          if (change.kind === 'budget' && change.namespace === namespace) told.resolve();
        });
        await admin.createBudget(namespace, 'web', { minAvailable: 1, selector: { matchLabels: { app: 'web' } } });
        await told.promise;
        unsubscribe();
      });
    });

    describe('live reads', () => {
      test('a node, and undefined for none', async () => {
        const node = fresh('node');
        const raw = await admin.createNode(node);
        expect(await cluster.getNode(node)).toMatchObject({ name: node, uid: uidOf(raw), deleting: false });
        expect(await cluster.getNode('no-such-node')).toBeUndefined();
      });

      test('the pods of one node over several pages', async () => {
        const { node, namespace } = await makePod();
        const other = fresh('node');
        await admin.createNode(other);
        for (let index = 0; index < 7; index += 1) await admin.createPod(namespace, `more-${index}`, node);
        await admin.createPod(namespace, 'elsewhere', other);
        const pods = await cluster.listPodsOnNode(node);
        expect(pods).toHaveLength(8);
        expect(new Set(pods.map((pod) => pod.uid)).size).toBe(8);
        expect(pods.every((pod) => pod.nodeName === node)).toBe(true);
      });

      test('what a drain asks of a pod', async () => {
        const node = fresh('node');
        // An owner that exists: a pod whose owner does not is collected at once.
        const owner = { apiVersion: 'v1', kind: 'Node', name: node, uid: uidOf(await admin.createNode(node)) };
        const plain = await makePod({
          node,
          metadata: { ownerReferences: [{ ...owner, controller: true }] },
          spec: { volumes: [{ name: 'scratch', emptyDir: {} }] },
        });
        expect(plain.pod).toMatchObject({
          controller: owner,
          hasEmptyDir: true,
          mirror: false,
          deletionAtMs: undefined,
        });
        const bare = await makePod({ node, metadata: { ownerReferences: [{ ...owner, controller: false }] } });
        expect(bare.pod).toMatchObject({ controller: undefined, hasEmptyDir: false });
      });

      test('budgets, with their numbers and selectors', async () => {
        const { namespace } = await makePod({ labels: { app: 'web', tier: 'front' } });
        const expressions = [
          { key: 'tier', operator: 'In', values: ['front', 'back'] },
          { key: 'canary', operator: 'DoesNotExist' },
        ];
        await admin.createBudget(
          namespace,
          'web',
          { minAvailable: 1, selector: { matchLabels: { app: 'web' }, matchExpressions: expressions } },
          (status) => status['currentHealthy'] === 1,
        );
        await admin.createBudget(namespace, 'all', { minAvailable: 0, selector: {} });
        const budgets = (await cluster.listBudgets()).filter((budget) => budget.namespace === namespace);
        const web = budgets.find((budget) => budget.name === 'web');
        expect(web).toMatchObject({ disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 });
        expect(web?.matches({ app: 'web', tier: 'front' })).toBe(true);
        expect(web?.matches({ app: 'web', tier: 'front', canary: '1' })).toBe(false);
        expect(web?.matches({ app: 'web' })).toBe(false);
        expect(budgets.find((budget) => budget.name === 'all')?.matches({})).toBe(true);
      });

      test('whether a DaemonSet exists', async () => {
        const namespace = fresh('ns');
        await admin.createNamespace(namespace);
        await admin.createDaemonSet(namespace, 'agent');
        expect(await cluster.daemonSetExists(namespace, 'agent')).toBe(true);
        expect(await cluster.daemonSetExists(namespace, 'other')).toBe(false);
      });

      test('the volume attachments of one node', async () => {
        const [node, other] = [fresh('node'), fresh('node')];
        const attachments = Array.from({ length: 5 }, () => fresh('attachment'));
        for (const attachment of attachments) await admin.createVolumeAttachment(attachment, node);
        await admin.createVolumeAttachment(fresh('attachment'), other);
        expect([...(await cluster.listVolumeAttachments(node))].sort()).toEqual([...attachments].sort());
        expect(await cluster.listVolumeAttachments('no-such-node')).toEqual([]);
      });
    });

    describe('nodes', () => {
      test('a patch sets and removes labels and annotations, and cordons', async () => {
        const node = fresh('node');
        const uid = uidOf(await admin.createNode(node, { labels: { old: '1' }, annotations: { 'burst/old': '1' } }));
        const patched = await cluster.patchNode(
          { name: node, uid },
          {
            labels: { old: null, new: '2' },
            annotations: { 'burst/old': null, 'burst/new': 'two' },
            unschedulable: true,
          },
        );
        expect(patched).toMatchObject({ name: node, uid, unschedulable: true });
        expect(patched.labels).toMatchObject({ new: '2' });
        expect(patched.labels).not.toHaveProperty('old');
        expect(patched.annotations['burst/new']).toBe('two');
        expect(patched.annotations['burst/old']).toBeUndefined();
        await until('the cordon is cached', () => cluster.cachedNode(node)?.unschedulable);
        const uncordoned = await cluster.patchNode({ name: node, uid }, { unschedulable: false });
        expect(uncordoned.unschedulable).toBe(false);
        expect(uncordoned.annotations['burst/new']).toBe('two');
      });

      test('a patch for another UID changes nothing', async () => {
        const node = fresh('node');
        await admin.createNode(node);
        const patch = cluster.patchNode({ name: node, uid: NOBODY }, { unschedulable: true });
        await expect(patch).rejects.toMatchObject({ code: 'conflict' });
        expect((await cluster.getNode(node))?.unschedulable).toBe(false);
        const missing = cluster.patchNode({ name: 'no-such-node', uid: NOBODY }, { unschedulable: true });
        await expect(missing).rejects.toMatchObject({ code: 'not_found' });
      });

      test('deleting one needs its UID', async () => {
        const node = fresh('node');
        const uid = uidOf(await admin.createNode(node));
        expect(await cluster.deleteNode({ name: node, uid: NOBODY })).toBe('uid_mismatch');
        expect((await cluster.getNode(node))?.uid).toBe(uid);
        expect(await cluster.deleteNode({ name: node, uid })).toBe('deleted');
        expect(await cluster.getNode(node)).toBeUndefined();
        expect(await cluster.deleteNode({ name: node, uid })).toBe('gone');
      });
    });

    describe('evictions', () => {
      test('accepted, then gone', async () => {
        const { namespace, pod } = await makePod();
        expect(await cluster.evict(pod, 0)).toEqual({ kind: 'accepted' });
        await until('the pod is gone', async () => !(await admin.podExists(namespace, pod.name)));
        expect(await cluster.evict(pod, undefined)).toEqual({ kind: 'gone' });
      });

      test('the pod keeps its own grace period, or gets another', async () => {
        const finalizers = ['burst.test/hold'];
        const { namespace, pod } = await makePod({
          metadata: { finalizers },
          spec: { terminationGracePeriodSeconds: 600 },
        });
        expect(await cluster.evict(pod, undefined)).toEqual({ kind: 'accepted' });
        const metadata = (await admin.getPod(namespace, pod.name))['metadata'] as Raw;
        expect(metadata['deletionGracePeriodSeconds']).toBe(600);
        const [deleting] = await cluster.listPodsOnNode(pod.nodeName ?? '');
        expect((deleting?.deletionAtMs ?? 0) - pod.createdAtMs).toBeGreaterThanOrEqual(600_000);
        const path = `/api/v1/namespaces/${namespace}/pods/${pod.name}`;
        await admin.call('PATCH', path, { metadata: { finalizers: null } }, 'application/merge-patch+json');
        await admin.removePod(namespace, pod.name);
      });

      test('never reaches a namesake', async () => {
        const { namespace, pod } = await makePod();
        expect(await cluster.evict({ ...pod, uid: NOBODY }, undefined)).toEqual({ kind: 'gone' });
        expect(await cluster.deletePod({ ...pod, uid: NOBODY }, undefined)).toBe('gone');
        const metadata = (await admin.getPod(namespace, pod.name))['metadata'] as Raw;
        expect(metadata['deletionTimestamp']).toBeUndefined();
      });

      test('blocked by a budget, which is named; a delete goes past it', async () => {
        const { namespace, pod } = await makePod({ labels: { app: 'db' } });
        const spec = { minAvailable: 1, selector: { matchLabels: { app: 'db' } } };
        await admin.createBudget(namespace, 'db-budget', spec, (status) => status['currentHealthy'] === 1);
        const outcome = await cluster.evict(pod, undefined);
        expect(outcome).toMatchObject({ kind: 'blocked', budget: 'db-budget' });
        expect(outcome.kind === 'blocked' && outcome.message).toContain('1 healthy pods');
        expect(await admin.podExists(namespace, pod.name)).toBe(true);
        expect(await cluster.deletePod(pod, 0)).toBe('accepted');
        await until('the pod is gone', async () => !(await admin.podExists(namespace, pod.name)));
        expect(await cluster.deletePod(pod, 0)).toBe('gone');
      });

      test('blocked when several budgets match', async () => {
        const { namespace, pod } = await makePod({ labels: { app: 'twice' } });
        const spec = { minAvailable: 0, selector: { matchLabels: { app: 'twice' } } };
        await admin.createBudget(namespace, 'one', spec, (status) => status['currentHealthy'] === 1);
        await admin.createBudget(namespace, 'two', spec, (status) => status['currentHealthy'] === 1);
        const outcome = await cluster.evict(pod, undefined);
        expect(outcome).toMatchObject({ kind: 'blocked' });
        expect(outcome.kind === 'blocked' && outcome.message).toMatch(/more than one PodDisruptionBudget/);
        expect(await admin.podExists(namespace, pod.name)).toBe(true);
      });
    });

    describe('joining', () => {
      const id = (): string => `tok${String((serial += 1)).padStart(3, '0')}`;
      const secret = 'abcdefghij012345';

      test('a bootstrap token is made once, and deleted', async () => {
        const token = { id: id(), secret, workerName: 'burst-small-aaaaa', expiresAtMs: Date.UTC(2099, 0, 1) };
        const made = await cluster.createBootstrapToken(token);
        expect(made.token).toBe(`${token.id}.${secret}`);
        const again = cluster.createBootstrapToken({ ...token, secret: 'zzzzzzzzzzzzzzzz' });
        await expect(again).rejects.toMatchObject({ code: 'conflict' });
        const raw = (await admin.secret('kube-system', `bootstrap-token-${token.id}`)).body;
        const data = Object.fromEntries(
          Object.entries(raw['data'] as Record<string, string>).map(([key, value]) => [
            key,
            Buffer.from(value, 'base64').toString(),
          ]),
        );
        expect(raw['type']).toBe('bootstrap.kubernetes.io/token');
        expect((raw['metadata'] as Record<string, unknown>)['uid']).toBe(made.uid);
        expect(data).toMatchObject({
          'token-id': token.id,
          'token-secret': secret,
          expiration: '2099-01-01T00:00:00Z',
          'usage-bootstrap-authentication': 'true',
          'usage-bootstrap-signing': 'true',
          'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
        });
        await cluster.deleteBootstrapToken({ id: token.id, uid: made.uid });
        await cluster.deleteBootstrapToken({ id: token.id, uid: made.uid });
        expect((await admin.secret('kube-system', `bootstrap-token-${token.id}`)).status).toBe(404);
      });

      test('one whose making was never confirmed is deleted by its name', async () => {
        const token = { id: id(), secret, workerName: 'burst-small-aaaaa', expiresAtMs: Date.UTC(2099, 0, 1) };
        await cluster.createBootstrapToken(token);
        await cluster.deleteBootstrapToken({ id: token.id, uid: undefined });
        await cluster.deleteBootstrapToken({ id: token.id, uid: undefined });
        expect((await admin.secret('kube-system', `bootstrap-token-${token.id}`)).status).toBe(404);
      });

      test('another Secret of that name is left as it is', async () => {
        const foreign = id();
        await admin.createSecret('kube-system', {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: `bootstrap-token-${foreign}` },
          type: 'bootstrap.kubernetes.io/token',
          stringData: { 'token-id': foreign, 'token-secret': secret, 'usage-bootstrap-authentication': 'true' },
        });
        await cluster.deleteBootstrapToken({ id: foreign, uid: '5f0a2b1c-0000-4000-8000-000000000000' });
        expect((await admin.secret('kube-system', `bootstrap-token-${foreign}`)).status).toBe(200);
      });
    });

    test('permissions are looked at one by one', async () => {
      const checks = await cluster.checkPermissions();
      expect(checks.map((check) => check.what)).toEqual(
        expect.arrayContaining(['patch nodes', 'create pods/eviction', 'create secrets in kube-system']),
      );
      expect(checks.filter((check) => !check.allowed)).toEqual([]);
    });

    test('without the policies there is no second lock, and to ask changes nothing', async () => {
      const name = fresh('node');
      await admin.createNode(name);
      expect(await cluster.secondLock({ key: 'worker-type', value: 'burst' })).toBe('absent');
      const labels = (await cluster.getNode(name))?.labels ?? {};
      expect(Object.keys(labels).filter((key) => key.startsWith('burst/'))).toEqual([]);
    });

    describe('a bad network', () => {
      test('a cut connection is taken up again without missing anything', async () => {
        const node = fresh('node');
        context.network.refuse();
        await admin.createNode(node);
        const namespace = fresh('ns');
        await admin.createNamespace(namespace);
        await admin.createPod(namespace, 'unseen', node);
        expect(cluster.cachedNode(node)).toBeUndefined();
        context.network.restore();
        await until('the node is cached', () => cluster.cachedNode(node));
        await until('the pod is cached', () => cluster.cachedPods(node).length === 1);
        await until('the caches are fresh', () => !cluster.freshness().stale);
      });

      test('an API server that cannot be reached is unavailable, and the cache says since when', async () => {
        const nodes = cluster.cachedNodes().length;
        context.network.refuse();
        try {
          await expect(cluster.getNode('any')).rejects.toMatchObject({ code: 'unavailable' });
          const stale = await until('the caches are stale', () => {
            const freshness = cluster.freshness();
            return freshness.stale ? freshness : undefined;
          });
          expect(stale.sinceMs).toBeGreaterThan(0);
          expect(stale.reason).not.toBe('');
          expect(cluster.cachedNodes()).toHaveLength(nodes);
        } finally {
          context.network.restore();
        }
        await until('the caches are fresh again', () => !cluster.freshness().stale, 30_000);
      });

      test('a call can be given up at once', async () => {
        const reason = new Error('cancelled');
        const aborted = cluster.getNode('any', AbortSignal.abort(reason));
        await expect(aborted).rejects.toBe(reason);
      });
    });
  });
}

/** The digest that `joinFacts` must give for this certificate, computed in the test's own way. */
export const spkiHash = (pem: string): string =>
  `sha256:${createHash('sha256')
    .update(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')}`;
