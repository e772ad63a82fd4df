import { createHash, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  asker,
  cluster,
  kubeList,
  kubeObject,
  kubectl,
  kubectlPath,
  realClock,
  settle,
  statusBody,
  type Ask,
} from './support.ts';

const node = (name: string) => ({
  metadata: { name },
  status: { capacity: { cpu: '4', memory: '8Gi', pods: '110' }, allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
});
const deployment = (replicas: number, grace = 30) => ({
  metadata: { name: 'web' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { terminationGracePeriodSeconds: grace, containers: [{ name: 'c', image: 'x' }] },
    },
  },
});
const podsPath = '/api/v1/namespaces/default/pods';
const evictionOf = (name: string, options: object = {}) => ({
  apiVersion: 'policy/v1',
  kind: 'Eviction',
  metadata: { name, namespace: 'default' },
  deleteOptions: options,
});
const evict = (ask: Ask, name: string, options?: object) =>
  ask('POST', `${podsPath}/${name}/eviction`, evictionOf(name, options));
const budgetPath = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const budgetStatus = z.looseObject({
  status: z.looseObject({
    disruptionsAllowed: z.number(),
    currentHealthy: z.number(),
    desiredHealthy: z.number(),
    expectedPods: z.number(),
    disruptedPods: z.record(z.string(), z.string()).optional(),
  }),
});
const budgetOf = async (ask: Ask, name = 'web') => {
  const { status } = budgetStatus.parse((await ask('GET', `${budgetPath}/${name}`)).body);
  return [status.disruptionsAllowed, status.currentHealthy, status.desiredHealthy, status.expectedPods];
};
const budget = (spec: object, name = 'web') => ({
  metadata: { name },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
});

async function running(replicas: number, options: Parameters<typeof cluster>[0] = {}) {
  const all = await cluster(options);
  await all.ask('POST', '/api/v1/nodes', node('n1'));
  await all.clock.pass(2100);
  await all.ask('POST', '/apis/apps/v1/namespaces/default/deployments', deployment(replicas));
  await all.clock.pass(1000);
  const { items } = kubeList.parse(
    (await all.ask('GET', `${podsPath}?fieldSelector=spec.nodeName=n1,status.phase=Running`)).body,
  );
  expect(items).toHaveLength(replicas);
  return { ...all, pods: items.map((one) => one.metadata) };
}

test('a pod ends gracefully: marked for the end of its grace period, gone when its kubelet is done', async () => {
  const { ask, clock, pods } = await running(1);
  const [pod] = pods;
  const deleted = kubeObject.parse((await ask('DELETE', `${podsPath}/${pod?.name ?? ''}`)).body).metadata;
  expect(deleted.deletionGracePeriodSeconds).toBe(30);
  expect(Date.parse(deleted.deletionTimestamp ?? '')).toBe(Math.floor(clock.now() / 1000) * 1000 + 30_000);
  await clock.pass(400);
  expect((await ask('GET', `${podsPath}/${pod?.name ?? ''}`)).code).toBe(200);
  await clock.pass(200);
  expect((await ask('GET', `${podsPath}/${pod?.name ?? ''}`)).code).toBe(404);
  await clock.pass(1000);
  expect(kubeList.parse((await ask('GET', podsPath)).body).items).toHaveLength(1);
});

test('pods of a silent node stay until they are forced, and the node turns Unknown', async () => {
  const { ask, clock, sim, pods } = await running(1);
  sim.stopKubelet('n1');
  await clock.pass(41_000, 1000);
  expect((await ask('GET', '/api/v1/nodes/n1')).body).toMatchObject({
    status: {
      conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready', status: 'Unknown' })]) as unknown,
    },
  });
  const path = `${podsPath}/${pods[0]?.name ?? ''}`;
  await ask('DELETE', path, { gracePeriodSeconds: 1 });
  await clock.pass(60_000, 1000);
  expect((await ask('GET', path)).code).toBe(200);
  await ask('DELETE', path, { gracePeriodSeconds: 0 });
  expect((await ask('GET', path)).code).toBe(404);
});

test('a skip of hours makes no node unhealthy', async () => {
  const { clock, sim } = await running(2);
  await clock.skip(30 * 3_600_000);
  await clock.pass(1000);
  expect(sim.world().nodes.map((one) => [one.name, one.ready, one.pods.length])).toEqual([['n1', true, 2]]);
});

test.each([
  [{ minAvailable: 2 }, [2, 4, 2, 4]],
  [{ minAvailable: '60%' }, [1, 4, 3, 4]],
  [{ maxUnavailable: 1 }, [1, 4, 3, 4]],
  [{ maxUnavailable: '30%' }, [2, 4, 2, 4]],
  [{ maxUnavailable: 0 }, [0, 4, 4, 4]],
])('the budget %j over four healthy pods allows what the real controller allows', async (spec, expected) => {
  const { ask } = await running(4);
  await ask('POST', budgetPath, budget(spec));
  await settle();
  expect(await budgetOf(ask)).toEqual(expected);
});

test('an eviction spends its budget, the next is refused in the words of the real server', async () => {
  const { ask, clock, pods } = await running(2);
  await ask('POST', budgetPath, budget({ maxUnavailable: 1 }));
  await settle();
  const [first, second] = pods.map((one) => one.name);
  const dry = await evict(ask, first ?? '', { dryRun: ['All'] });
  expect([dry.code, dry.body]).toEqual([
    201,
    { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  ]);
  expect(await budgetOf(ask)).toEqual([1, 2, 1, 2]);
  expect((await evict(ask, first ?? '')).code).toBe(201);
  await settle();
  expect(await budgetOf(ask)).toEqual([0, 1, 1, 2]);
  const refused = await evict(ask, second ?? '');
  expect(refused.code).toBe(429);
  expect(refused.body).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    reason: 'TooManyRequests',
    details: {
      causes: [
        { reason: 'DisruptionBudget', message: 'The disruption budget web needs 1 healthy pods and has 1 currently' },
      ],
    },
    code: 429,
  });
  expect((await evict(ask, first ?? '')).code).toBe(201);
  await clock.pass(2000);
  expect(await budgetOf(ask)).toEqual([1, 2, 1, 2]);
  expect((await evict(ask, second ?? '')).code).toBe(201);
});

test('eviction: another UID, no pod, another name, several budgets, a namespace on its way out', async () => {
  const { ask, sim, pods } = await running(1);
  const name = pods[0]?.name ?? '';
  const conflict = await evict(ask, name, { preconditions: { uid: 'foo' } });
  expect([conflict.code, statusBody.parse(conflict.body).message]).toEqual([
    409,
    `Operation cannot be fulfilled on Pod "${name}": the UID in the precondition (foo) does not match the UID in record (${pods[0]?.uid ?? ''}). The object might have been deleted and then recreated`,
  ]);
  expect((await evict(ask, 'nope')).code).toBe(404);
  expect((await ask('POST', `${podsPath}/${name}/eviction`, evictionOf('nope'))).code).toBe(400);
  await ask('POST', budgetPath, budget({ minAvailable: 0 }));
  await ask('POST', budgetPath, budget({ minAvailable: 0 }, 'web2'));
  const several = await evict(ask, name);
  expect([several.code, statusBody.parse(several.body).message]).toEqual([
    500,
    'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
  ]);
  await ask('POST', '/api/v1/namespaces', { metadata: { name: 'going' } });
  await ask('POST', '/api/v1/namespaces/going/configmaps', { metadata: { name: 'hold', finalizers: ['a.b/c'] } });
  sim.put({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'going' },
    spec: { nodeName: 'n1', containers: [] },
    status: { phase: 'Running' },
  });
  await ask('DELETE', '/api/v1/namespaces/going');
  const refused = await ask('POST', '/api/v1/namespaces/going/pods/p/eviction', { metadata: { name: 'p' } });
  expect(refused.code).toBe(403);
  expect(statusBody.parse(refused.body).details?.causes?.[0]?.reason).toBe('NamespaceTerminating');
});

test('a machine with a bootstrap token joins, and the token ends with its expiration', async () => {
  const { ask, clock, sim } = await cluster();
  const expiration = new Date(clock.now() + 600_000).toISOString();
  await ask('POST', '/api/v1/namespaces/kube-system/secrets', {
    metadata: { name: 'bootstrap-token-abcdef' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': 'abcdef',
      'token-secret': '0123456789abcdef',
      expiration,
      'usage-bootstrap-authentication': 'true',
    },
  });
  const machine = asker(sim.url, 'abcdef.0123456789abcdef');
  expect((await asker(sim.url, undefined)('GET', '/api/v1/nodes')).code).toBe(401);
  expect((await asker(sim.url, 'abcdef.0123456789abcdee')('POST', '/api/v1/nodes', node('x'))).code).toBe(401);
  expect((await machine('POST', '/api/v1/nodes', node('burst-small-aaaaa'))).code).toBe(201);
  expect((await machine('GET', '/api/v1/nodes/burst-small-aaaaa')).code).toBe(200);
  const denied = await machine('GET', '/api/v1/pods');
  expect([denied.code, statusBody.parse(denied.body).message]).toEqual([
    403,
    'pods is forbidden: User "system:bootstrap:abcdef" cannot list resource "pods" in API group "" at the cluster scope',
  ]);
  expect(sim.world().nodes[0]?.ready).toBe(false);
  await clock.pass(2100);
  expect(sim.world().nodes[0]).toMatchObject({ name: 'burst-small-aaaaa', ready: true, type: 'burst' });
  expect(
    (await ask('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/burst-small-aaaaa')).code,
  ).toBe(200);
  await clock.skip(600_000);
  expect((await machine('GET', '/api/v1/nodes/burst-small-aaaaa')).code).toBe(401);
});

test('cluster-info is public and holds the CA of the secure endpoint', async () => {
  const { sim } = await cluster();
  const answer = await asker(sim.url, undefined)('GET', '/api/v1/namespaces/kube-public/configmaps/cluster-info');
  const text = kubeObject.parse(answer.body).data?.['kubeconfig'] ?? '';
  expect(text).toContain(`server: ${sim.secureUrl}`);
  const pem = Buffer.from(/certificate-authority-data: (\S+)/.exec(text)?.[1] ?? '', 'base64').toString();
  const certificate = new X509Certificate(pem);
  expect(certificate.ca).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  const hash = createHash('sha256')
    .update(certificate.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
});

test('client-node works through the kubeconfig, over TLS', async () => {
  const { core, policy, clock } = await cluster({ demo: true });
  await clock.pass(4000);
  const page = await core.listPodForAllNamespaces({ limit: 5 });
  expect(page.items).toHaveLength(5);
  expect(page.metadata?._continue).toBeDefined();
  const budgets = await policy.listPodDisruptionBudgetForAllNamespaces();
  expect(budgets.items.map((one) => [one.metadata?.name, one.status?.disruptionsAllowed])).toEqual([
    ['checkout', 1],
    ['web', 2],
  ]);
  await expect(core.readNode({ name: 'nope' })).rejects.toMatchObject({ code: 404 });
});

test('the shop grows onto a burst worker and shrinks again; a deleted node takes its pods along', async () => {
  const { ask, sim, clock } = await cluster({ demo: true });
  await clock.pass(4000);
  const web = () =>
    sim
      .world()
      .nodes.flatMap((one) => one.pods)
      .filter((pod) => pod.owner === 'Deployment/web' && !pod.deleting).length;
  expect(web()).toBe(6);
  await ask('POST', '/api/v1/nodes', {
    ...node('burst-small-aaaaa'),
    metadata: { name: 'burst-small-aaaaa', labels: { 'worker-type': 'burst' } },
  });
  await clock.pass(4000);
  expect(web()).toBe(8);
  const here = sim.world().nodes.find((one) => one.type === 'burst');
  expect(here?.pods.map((pod) => pod.owner).sort()).toEqual([
    'DaemonSet/node-agent',
    'Deployment/web',
    'Deployment/web',
  ]);
  await ask('DELETE', '/api/v1/nodes/burst-small-aaaaa');
  await clock.pass(3000);
  expect(web()).toBe(6);
  expect(sim.world().nodes.map((one) => one.type)).toEqual(['control-plane', 'permanent', 'permanent', 'permanent']);
});

test('faults: budgets that refuse everything, and an API server that is away', async () => {
  const { ask, sim, clock } = await cluster({ demo: true });
  await clock.pass(4000);
  const list = '/apis/policy/v1/poddisruptionbudgets';
  const allowed = async () =>
    z
      .object({ items: z.array(budgetStatus) })
      .parse((await ask('GET', list)).body)
      .items.map((one) => one.status.disruptionsAllowed);
  sim.setFault('pdb_blocks', true);
  await settle();
  expect(await allowed()).toEqual([0, 0, 0]);
  for (const pod of sim
    .world()
    .nodes.flatMap((one) => one.pods)
    .filter((one) => one.namespace === 'shop')) {
    const path = `/api/v1/namespaces/shop/pods/${pod.name}/eviction`;
    expect((await ask('POST', path, { metadata: { name: pod.name } })).code).toBe(429);
  }
  sim.setFault('pdb_blocks', false);
  await settle();
  expect(await allowed()).toEqual([1, 2]);
  sim.setFault('api_down', true);
  await expect(ask('GET', '/version')).rejects.toThrow();
  sim.setFault('api_down', false);
  expect((await ask('GET', '/version')).code).toBe(200);
});

test('thousands of nodes are seeded at once and listed by node through an index', async () => {
  const { ask, sim } = await cluster();
  const names = sim.seed({ nodes: 500, podsPerNode: 10 });
  await settle();
  const list = kubeList.parse((await ask('GET', `/api/v1/pods?fieldSelector=spec.nodeName=${names[7] ?? ''}`)).body);
  expect(list.items).toHaveLength(10);
  expect(sim.world().nodes.every((one) => one.ready)).toBe(true);
});

test.skipIf(kubectlPath === undefined)(
  'kubectl gets, describes, cordons, drains and uncordons',
  { timeout: 90_000 },
  async () => {
    const { sim } = await cluster({ demo: true, clock: realClock, podStartMs: 50, podShutdownMs: 50, nodeReadyMs: 50 });
    const run = (...args: string[]) => kubectl(sim.kubeconfig, ...args);
    const settled = () =>
      sim
        .world()
        .nodes.flatMap((one) => one.pods)
        .filter((pod) => pod.phase === 'Running').length === 15;
    await expect.poll(settled, { timeout: 10_000 }).toBe(true);
    const shown = await run('get', 'nodes,pods', '-A');
    expect(shown).toMatch(/node\/cp-1 +Ready +control-plane/);
    expect(shown).toMatch(/shop +pod\/web-\S+ +1\/1 +Running/);
    expect(await run('describe', 'node', 'worker-1')).toMatch(/Non-terminated Pods: +\(\d+ in total\)/);
    expect(await run('cordon', 'worker-1')).toContain('node/worker-1 cordoned');
    await expect(run('drain', 'worker-1')).rejects.toThrow(/cannot delete DaemonSet-managed Pods/);
    const drained = await run('drain', 'worker-1', '--ignore-daemonsets', '--delete-emptydir-data');
    expect(drained).toContain('node/worker-1 drained');
    const worker = sim.world().nodes.find((one) => one.name === 'worker-1');
    expect(worker).toMatchObject({ unschedulable: true });
    expect(worker?.pods.map((pod) => pod.owner)).toEqual(['DaemonSet/node-agent']);
    expect(await run('uncordon', 'worker-1')).toContain('node/worker-1 uncordoned');
    expect(await run('delete', 'node', 'worker-1')).toContain('deleted');
    expect(sim.world().nodes.map((one) => one.name)).toEqual(['cp-1', 'worker-2', 'worker-3']);
  },
);
