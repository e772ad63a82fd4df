/** The admission policies on a real API server: raw requests with Burst's token, past all of Burst's own checks. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ClusterAdmin, createAdmin, type Raw, until } from '../contract/cluster-admin.ts';
import { testCluster } from '../contract/cluster-setup.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { applyManifests, type Installation, install } from './installation.ts';

const LABEL = { 'worker-type': 'burst' };
const TTL = { 'worker-ttl': '2030-01-01T00:00:00Z' };
/** A kubelet registers its node with labels; the API server notes times for those that had fields of somebody's. */
const KUBELETS = { 'kubernetes.io/os': 'linux' };
const ROLE = 'node-role.kubernetes.io/control-plane';
const MERGE = 'application/merge-patch+json';

let plane: ControlPlane;
let admin: ClusterAdmin;
let burst: Installation;
beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  burst = await install(plane, admin);
});
afterAll(async () => plane?.stop());

let serial = 0;
/** A name of the shape that Burst gives. */
const workerName = (): string => {
  serial += 1;
  const letter = (index: number): string => 'abcdefghijklmnopqrstuvwxyz234567'.charAt(index % 32);
  return `burst-small-${letter(serial / 32)}${letter(serial)}aaa`;
};
const patch = (name: string, body: unknown, type = MERGE) => burst.send('PATCH', `/api/v1/nodes/${name}`, body, type);
const remove = (name: string) => burst.send('DELETE', `/api/v1/nodes/${name}`);
const nodeSchema = z.object({
  metadata: z.object({
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z.object({ unschedulable: z.boolean().default(false) }),
});
/** Without what controllers write on any node. */
const node = async (name: string) => {
  const { metadata, spec } = nodeSchema.parse(await admin.call('GET', `/api/v1/nodes/${name}`));
  const annotations = Object.entries(metadata.annotations).filter(([key]) => !/(^|\.)kubernetes\.io\//.test(key));
  const labels = Object.entries(metadata.labels).filter(
    ([key]) => !/(^|\.)kubernetes\.io\/(arch|os|hostname)$/.test(key),
  );
  return { labels: Object.fromEntries(labels), annotations: Object.fromEntries(annotations), ...spec };
};
const labelling = { metadata: { labels: LABEL, annotations: TTL } };
const cordon = { spec: { unschedulable: true } };
const refusal = (answer: { status: number; body: Raw }): string =>
  answer.status === 403 || answer.status === 422 ? String(answer.body['message']) : `status ${answer.status}`;

async function worker(): Promise<string> {
  const name = workerName();
  await admin.createNode(name, { labels: LABEL, annotations: TTL });
  return name;
}

test('the policies say nothing wrong about types', async () => {
  const policies = z
    .object({
      items: z.array(
        z.object({
          metadata: z.object({ name: z.string(), generation: z.number() }),
          status: z.looseObject({ observedGeneration: z.number(), typeChecking: z.looseObject({}) }),
        }),
      ),
    })
    .parse(
      await until('the policies were type-checked', async () => {
        const list = await admin.call('GET', '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies');
        return (list['items'] as Raw[]).every((one) => (one['status'] as Raw)['typeChecking'] !== undefined) && list;
      }),
    );
  expect(policies.items.map(({ metadata }) => metadata.name)).toEqual([
    'burst-bootstrap-tokens',
    'burst-nodes',
    'burst-pods',
  ]);
  for (const policy of policies.items) expect(policy.status.typeChecking).toEqual({});
});

test('`burst check` sees that the lock is there', async () => {
  await admin.createNode('not-burst');
  const cluster = testCluster(burst.server);
  expect(await cluster.secondLock({ key: 'worker-type', value: 'burst' })).toBe('in_force');
  await cluster.stop();
});

describe('nodes', () => {
  test('a burst worker may be cordoned, extended, labelled and removed', async () => {
    const name = await worker();
    expect((await patch(name, { ...cordon, metadata: { annotations: { 'burst/cordoned-by': 'r1' } } })).status).toBe(
      200,
    );
    expect((await patch(name, { metadata: { annotations: { 'worker-ttl': '2031-01-01T00:00:00Z' } } })).status).toBe(
      200,
    );
    expect((await patch(name, { metadata: { labels: { team: 'shop' } } })).status).toBe(200);
    expect((await patch(name, { spec: { unschedulable: null } })).status).toBe(200);
    expect((await remove(name)).status).toBe(200);
  });

  test.each([
    ['a permanent worker', 'worker-1', {}],
    ['one whose label says something else', 'worker-2', { 'worker-type': 'gpu' }],
    ['a control-plane node that carries the label', 'cp-1', { ...LABEL, [ROLE]: '' }],
    ['a master that carries the label', 'cp-2', { ...LABEL, 'node-role.kubernetes.io/master': 'true' }],
    ['a labelled node with a protected name', 'permanent-7', LABEL],
    ['a control-plane node with the name of a worker', 'burst-small-cpcpc', { [ROLE]: '' }],
  ])('%s is neither cordoned, labelled, annotated nor deleted', async (_title, name, labels) => {
    await admin.createNode(name, { labels, annotations: TTL });
    const before = await node(name);
    for (const body of [
      cordon,
      labelling,
      { metadata: { annotations: { note: 'x' } } },
      { metadata: { labels: { a: 'b' } } },
    ])
      for (const type of [MERGE, 'application/strategic-merge-patch+json'])
        expect(refusal(await patch(name, body, type))).toMatch(/Burst may /);
    const apply = { apiVersion: 'v1', kind: 'Node', metadata: { name, ...labelling.metadata } };
    const path = `${name}?fieldManager=other&force=true`;
    expect(refusal(await patch(path, apply, 'application/apply-patch+yaml'))).toMatch(/Burst may /);
    expect(refusal(await remove(name))).toMatch(/Burst may /);
    expect(await node(name)).toEqual(before);
  });

  test('a control-plane node by its taint alone is out of reach', async () => {
    const name = await worker();
    await admin.patchNode(name, { spec: { taints: [{ key: ROLE, effect: 'NoSchedule' }] } });
    expect(refusal(await patch(name, cordon))).toMatch(/control-plane/);
    expect(refusal(await remove(name))).toMatch(/control-plane/);
  });

  test('the label of a burst worker stays as it is, and its deadline is there', async () => {
    const name = await worker();
    for (const labels of [{ 'worker-type': null }, { 'worker-type': 'other' }])
      expect(refusal(await patch(name, { metadata: { labels } }))).toMatch(/the label that makes one stays/);
    expect(refusal(await patch(name, { metadata: { annotations: { 'worker-ttl': null } } }))).toMatch(/deadline/);
    expect(await node(name)).toMatchObject({ labels: LABEL, annotations: TTL });
  });

  test('a burst worker cannot be made a control-plane node, nor anything else of it be changed', async () => {
    const name = await worker();
    expect(refusal(await patch(name, { metadata: { labels: { [ROLE]: '' } } }))).toMatch(/control-plane/);
    for (const body of [
      { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
      { spec: { providerID: 'other://1' } },
      { metadata: { finalizers: ['example.com/hold'] } },
      { metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'worker-1', uid: 'x' }] } },
    ])
      expect(refusal(await patch(name, body))).toMatch(/nothing else/);
  });

  test('a labelled node without a deadline is not deleted, unless it is a worker whose kubelet came with the label', async () => {
    await admin.createNode('labelled', { labels: { ...KUBELETS, ...LABEL } });
    expect(refusal(await remove('labelled'))).toMatch(/Burst may delete nodes of burst workers only/);
    const name = workerName();
    await admin.createNode(name, { labels: { ...KUBELETS, ...LABEL } });
    expect((await patch(`${name}?dryRun=All`, labelling)).status).toBe(200);
    expect((await remove(name)).status).toBe(200);
  });

  test('a node of which no times were noted does not count as joining', async () => {
    const [never, wiped] = [workerName(), workerName()];
    await admin.createNode(never);
    await admin.createNode(wiped, { labels: KUBELETS });
    await admin.patchNode(wiped, { metadata: { managedFields: [{}] } });
    for (const name of [never, wiped]) {
      expect(refusal(await patch(name, labelling))).toMatch(/only onto a node that is joining/);
      expect(refusal(await remove(name))).toMatch(/burst workers only/);
    }
  });

  test('no node is made, by applying one either, and none gets a status', async () => {
    const name = workerName();
    const made = { apiVersion: 'v1', kind: 'Node', metadata: { name, ...labelling.metadata } };
    const apply = `${name}?fieldManager=burst&force=true`;
    expect((await burst.send('POST', '/api/v1/nodes', made)).status).toBe(403);
    expect((await patch(apply, made, 'application/apply-patch+yaml')).status).toBe(403);
    expect((await admin.send('GET', `/api/v1/nodes/${name}`)).status).toBe(404);
    const present = await worker();
    expect((await patch(`${present}/status`, { status: { phase: 'Running' } })).status).toBe(403);
  });

  test('a worker that somebody took the label off is out of reach for good', async () => {
    const name = workerName();
    await admin.createNode(name, { labels: KUBELETS, annotations: TTL });
    for (const body of [labelling, cordon]) expect(refusal(await patch(name, body))).toMatch(/only onto a node/);
    expect(refusal(await remove(name))).toMatch(/burst workers only/);
  });

  test('a node that is joining is labelled once, with its deadline; or removed', async () => {
    const [first, second] = [workerName(), workerName()];
    await admin.createNode(first, { labels: KUBELETS });
    expect(refusal(await patch(first, cordon))).toMatch(/only onto a node that is joining/);
    expect(refusal(await patch(first, { metadata: { labels: LABEL } }))).toMatch(/only onto a node that is joining/);
    expect((await patch(first, labelling)).status).toBe(200);
    await admin.createNode(second, { labels: KUBELETS });
    expect((await remove(second)).status).toBe(200);
  });

  test.each([
    ['burst-small'],
    ['burst-small-abc1d'],
    ['burst-small-abcdef'],
    ['myburst-small-abcde'],
    ['burst--abcde'],
  ])('a node called %s does not count as joining', async (name) => {
    await admin.createNode(name, { labels: KUBELETS });
    expect(refusal(await patch(name, labelling))).toMatch(/only onto a node that is joining/);
    expect(refusal(await remove(name))).toMatch(/burst workers only/);
  });

  test('a node that joined more than a day ago does not count as joining, whatever is said of the times', async () => {
    // as the API server keeps what it notes itself, a change of a day later is all that can be brought in from outside
    const name = workerName();
    await admin.createNode(name, { labels: KUBELETS });
    const raw = await admin.call('GET', `/api/v1/nodes/${name}`);
    const metadata = raw['metadata'] as Raw;
    const [entry] = metadata['managedFields'] as Raw[];
    const later = new Date(Date.now() + 25 * 3_600_000).toISOString().replace(/\.\d+Z$/, 'Z');
    await admin.patchNode(name, {
      metadata: { managedFields: [entry, { ...entry, manager: 'kubelet', time: later }] },
    });
    for (const managedFields of [undefined, [entry], [{}], []])
      expect(
        refusal(await patch(name, { metadata: { ...labelling.metadata, ...(managedFields && { managedFields }) } })),
      ).toMatch(/only onto a node that is joining/);
    expect(refusal(await remove(name))).toMatch(/burst workers only/);
  });

  test('others are not held up', async () => {
    await admin.createNode('anybody');
    await admin.patchNode('anybody', cordon);
    await admin.deleteNode('anybody');
  });
});

describe('pods', () => {
  const path = (name: string): string => `/api/v1/namespaces/shop/pods/${name}`;
  beforeAll(async () => {
    await admin.createNamespace('shop');
  });

  test('are deleted on burst workers only', async () => {
    const name = await worker();
    await admin.createNode('worker-of-pods');
    await admin.createNode('cp-of-pods', { labels: { ...LABEL, [ROLE]: '' } });
    await admin.createPod('shop', 'on-burst', name);
    await admin.createPod('shop', 'on-permanent', 'worker-of-pods');
    await admin.createPod('shop', 'on-control-plane', 'cp-of-pods');
    await until('the policy knows these nodes', async () => {
      const answers = await Promise.all(
        ['on-permanent', 'on-control-plane'].map((pod) => burst.send('DELETE', `${path(pod)}?dryRun=All`)),
      );
      return answers.every(({ status }) => status === 403);
    });
    for (const pod of ['on-permanent', 'on-control-plane'])
      expect(refusal(await burst.send('DELETE', path(pod)))).toMatch(/Burst may delete pods of burst workers only/);
    expect((await burst.send('DELETE', path('on-burst'))).status).toBe(200);
    expect(await admin.podExists('shop', 'on-permanent')).toBe(true);
    expect(await admin.podExists('shop', 'on-control-plane')).toBe(true);
  });

  test('an eviction elsewhere is not seen by the policy, but by the budget', async () => {
    await admin.createPod('shop', 'guarded', 'worker-of-pods', { labels: { app: 'guarded' } });
    const selector = { matchLabels: { app: 'guarded' } };
    await admin.createBudget(
      'shop',
      'guarded',
      { minAvailable: 1, selector },
      (status) => status['expectedPods'] === 1,
    );
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'guarded', namespace: 'shop' } };
    expect((await burst.send('POST', `${path('guarded')}/eviction`, eviction)).status).toBe(429);
  });
});

describe('bootstrap tokens', () => {
  const SECRETS = '/api/v1/namespaces/kube-system/secrets';
  const iso = (inMs: number): string => new Date(Date.now() + inMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const HOUR = 3_600_000;
  const secret = (id: string, more: { metadata?: Raw; data?: Raw; type?: string } = {}) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: `bootstrap-token-${id}`,
      labels: { 'app.kubernetes.io/managed-by': 'burst', 'burst/worker': 'burst-small-abcde' },
      ...more.metadata,
    },
    type: more.type ?? 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      expiration: iso(HOUR),
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
      ...more.data,
    },
  });

  test('of Burst are made and deleted, even those of a whole day', async () => {
    for (const ms of [1000, HOUR, 24 * HOUR]) {
      const made = await burst.send('POST', SECRETS, secret('mine01', { data: { expiration: iso(ms) } }));
      expect(made.status).toBe(201);
      expect((await burst.send('DELETE', `${SECRETS}/bootstrap-token-mine01`)).status).toBe(200);
    }
  });

  test.each([
    ['no expiration', { data: { expiration: undefined } }],
    ['more than a day', { data: { expiration: iso(25 * HOUR) } }],
    ['years', { data: { expiration: '2099-01-01T00:00:00Z' } }],
    ['an expiration in another form', { data: { expiration: iso(HOUR).replace('Z', '+00:00') } }],
    ['other groups', { data: { 'auth-extra-groups': 'system:bootstrappers:admins' } }],
    ['another type', { type: 'Opaque' }],
    ['another name', { metadata: { name: 'token-abcdef' } }],
    [
      "somebody else's mark",
      { metadata: { labels: { 'app.kubernetes.io/managed-by': 'others', 'burst/worker': 'burst-small-abcde' } } },
    ],
    ['no mark of Burst', { metadata: { labels: { 'burst/worker': 'burst-small-abcde' } } }],
    [
      "a service account's token",
      {
        type: 'kubernetes.io/service-account-token',
        metadata: { annotations: { 'kubernetes.io/service-account.name': 'default' } },
      },
    ],
  ])('with %s are refused', async (_title, more) => {
    expect(refusal(await burst.send('POST', SECRETS, secret('mine02', more)))).toMatch(/^secrets? .*denied request/);
  });

  test("others' Secrets are not deleted, and none is read", async () => {
    const foreign = secret('theirs', { metadata: { labels: {} } });
    await admin.createSecret('kube-system', foreign);
    await admin.createSecret('kube-system', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'plain' } });
    for (const name of ['bootstrap-token-theirs', 'plain']) {
      expect((await burst.send('DELETE', `${SECRETS}/${name}`)).status).toBe(422);
      expect((await burst.send('GET', `${SECRETS}/${name}`)).status).toBe(403);
      expect((await admin.secret('kube-system', name)).status).toBe(200);
    }
    for (const query of ['', '?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken', '?watch=1'])
      expect((await burst.send('GET', `${SECRETS}${query}`)).status).toBe(403);
    expect((await burst.send('DELETE', SECRETS)).status).toBe(403);
  });
});

describe('with rights that somebody widened', () => {
  beforeAll(async () => {
    await admin.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'too-much' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'burst', namespace: 'burst' }],
    });
  });
  afterAll(async () => {
    await admin.call('DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/too-much');
  });

  test('the policies hold all the same', async () => {
    const name = 'permanent-of-many';
    await admin.createNode(name);
    const made = { apiVersion: 'v1', kind: 'Node', metadata: { name: workerName(), ...labelling.metadata } };
    await until('the rights are there', async () => (await burst.send('GET', '/api/v1/namespaces')).status === 200);
    expect(refusal(await burst.send('POST', '/api/v1/nodes', made))).toMatch(/neither register nodes/);
    expect(refusal(await patch(`${name}/status`, { status: { phase: 'Running' } }))).toMatch(
      /speak for their kubelets/,
    );
    const raw = await admin.call('GET', `/api/v1/nodes/${name}`);
    const labels = { ...((raw['metadata'] as Raw)['labels'] as Raw | undefined), ...LABEL };
    const replaced = { ...raw, metadata: { ...(raw['metadata'] as Raw), labels } };
    expect(refusal(await burst.send('PUT', `/api/v1/nodes/${name}`, replaced))).toMatch(/Burst may /);
    const plain = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'widened' } };
    expect(refusal(await burst.send('POST', '/api/v1/namespaces/default/secrets', plain))).toMatch(
      /its own bootstrap tokens only/,
    );
    for (const path of ['/api/v1/nodes', '/api/v1/namespaces/kube-system/secrets'])
      expect((await burst.send('DELETE', path)).status).toBeGreaterThan(399);
    expect((await admin.send('GET', `/api/v1/nodes/${name}`)).status).toBe(200);
  });
});

describe('with components/maintenance', () => {
  beforeAll(async () => {
    await applyManifests(plane, { components: ['maintenance'] });
    await admin.createNode('worker-9');
    await admin.createNode('cp-9', { labels: { [ROLE]: '' } });
    await until('the wider policy is in force', async () => {
      return (await patch('worker-9?dryRun=All', cordon)).status === 200;
    });
  });

  test('a permanent worker may be cordoned and uncordoned, nothing else', async () => {
    const annotations = { 'burst/cordoned-by': 'r1' };
    expect((await patch('worker-9', { ...cordon, metadata: { annotations } })).status).toBe(200);
    expect(await node('worker-9')).toMatchObject({ unschedulable: true });
    for (const body of [
      labelling,
      { metadata: { labels: { a: 'b' } } },
      { metadata: { annotations: { note: 'x' } } },
      { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
    ])
      expect(refusal(await patch('worker-9', body))).toMatch(/Burst may /);
    expect(refusal(await remove('worker-9'))).toMatch(/burst workers only/);
    const back = { spec: { unschedulable: false }, metadata: { annotations: { 'burst/cordoned-by': null } } };
    expect((await patch('worker-9', back)).status).toBe(200);
  });

  test('the lock is still said to be in force', async () => {
    const cluster = testCluster(burst.server);
    expect(await cluster.secondLock({ key: 'worker-type', value: 'burst' })).toBe('in_force');
    await cluster.stop();
  });

  test('a control-plane node, one with a protected name and the label of a burst worker stay as they were', async () => {
    await admin.createNode('permanent-9');
    expect(refusal(await patch('cp-9', cordon))).toMatch(/control-plane/);
    expect(refusal(await patch('permanent-9', cordon))).toMatch(/protected/);
    const name = await worker();
    expect(refusal(await patch(name, { metadata: { labels: { 'worker-type': null } } }))).toMatch(/stays/);
  });
});
