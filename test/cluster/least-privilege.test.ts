/** All that Burst's service account may do on a real API server: what it needs, and nothing more. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type ClusterAdmin, createAdmin, type Raw } from '../contract/cluster-admin.ts';
import { testCluster } from '../contract/cluster-setup.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { applyManifests, SERVICE_ACCOUNT, serviceAccountToken } from './installation.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'burst', 'shop'];

/** Everywhere. */
const ANYWHERE = [
  ...['get', 'list', 'watch', 'patch', 'delete'].map((verb) => `${verb} nodes`),
  ...['get', 'list', 'watch', 'delete'].map((verb) => `${verb} pods`),
  'create pods/eviction',
  'list poddisruptionbudgets.policy',
  'watch poddisruptionbudgets.policy',
  'get daemonsets.apps',
  'list volumeattachments.storage.k8s.io',
];
/** What every authenticated account may: ask about itself. */
const ABOUT_ITSELF = [
  'create selfsubjectaccessreviews.authorization.k8s.io',
  'create selfsubjectrulesreviews.authorization.k8s.io',
  'create selfsubjectreviews.authentication.k8s.io',
];
const IN_NAMESPACE: Readonly<Record<string, readonly string[]>> = {
  'kube-system': ['create secrets', 'delete secrets'],
  burst: ['create leases.coordination.k8s.io'],
};
/** By name only. */
const NAMED: Readonly<Record<string, readonly string[]>> = {
  'kube-public': ['get configmaps (cluster-info)'],
  burst: ['get leases.coordination.k8s.io (burst)', 'update leases.coordination.k8s.io (burst)'],
};
const PATHS = [
  ...['/healthz', '/livez', '/readyz', '/version', '/version/', '/api', '/api/*', '/apis', '/apis/*'],
  ...['/openapi', '/openapi/*', '/.well-known/openid-configuration', '/.well-known/openid-configuration/'],
  ...['/openid/v1/jwks', '/openid/v1/jwks/'],
];

const VERBS = [
  ...['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection', '*'],
  ...['impersonate', 'bind', 'escalate', 'approve', 'sign', 'attest', 'use', 'proxy'],
];
/** Rights that discovery does not list. */
const UNLISTED = [
  { group: '', resource: 'users', namespaced: false },
  { group: '', resource: 'groups', namespaced: false },
  { group: 'authentication.k8s.io', resource: 'userextras', namespaced: false },
  { group: 'authentication.k8s.io', resource: 'uids', namespaced: false },
  { group: 'certificates.k8s.io', resource: 'signers', namespaced: false },
  ...['metrics', 'log', 'stats', 'spec', 'healthz', 'configz', 'pods', 'checkpoint'].map((subresource) => ({
    group: '',
    resource: `nodes/${subresource}`,
    namespaced: false,
  })),
  { group: '*', resource: '*', namespaced: true },
];

let plane: ControlPlane;
let admin: ClusterAdmin;
let own: ClusterAdmin;
let token: string;
beforeAll(async () => {
  plane = await startControlPlane();
  admin = createAdmin(plane);
  await applyManifests(plane);
  await admin.createNamespace('shop');
  token = await serviceAccountToken(admin);
  own = createAdmin({ ...plane, token });
});
afterAll(async () => plane?.stop());

const called = (group: string, resource: string): string => {
  const [name, subresource] = resource.split('/');
  return `${name}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
};

const rulesSchema = z.object({
  status: z.object({
    incomplete: z.boolean(),
    resourceRules: z.array(
      z.object({
        verbs: z.array(z.string()),
        apiGroups: z.array(z.string()),
        resources: z.array(z.string()),
        resourceNames: z.array(z.string()).default([]),
      }),
    ),
    nonResourceRules: z.array(z.object({ verbs: z.array(z.string()), nonResourceURLs: z.array(z.string()) })),
  }),
});
async function rulesIn(namespace: string) {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace },
  };
  const answer = await own.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', body);
  return rulesSchema.parse(answer).status;
}

test.each(NAMESPACES)('the rules that hold in %s are the ones expected', async (namespace) => {
  const { incomplete, resourceRules, nonResourceRules } = await rulesIn(namespace);
  expect(incomplete).toBe(false);
  const rules = resourceRules.flatMap(({ verbs, apiGroups, resources, resourceNames }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          (resourceNames.length === 0 ? [''] : resourceNames.map((name) => ` (${name})`)).map(
            (name) => `${verb} ${called(group, resource)}${name}`,
          ),
        ),
      ),
    ),
  );
  const expected = [...ANYWHERE, ...ABOUT_ITSELF, ...(IN_NAMESPACE[namespace] ?? []), ...(NAMED[namespace] ?? [])];
  expect([...new Set(rules)].sort()).toEqual(expected.sort());
  expect(nonResourceRules.every(({ verbs }) => verbs.every((verb) => verb === 'get'))).toBe(true);
  expect([...new Set(nonResourceRules.flatMap((rule) => rule.nonResourceURLs))].sort()).toEqual([...PATHS].sort());
});

const resourcesSchema = z.object({ resources: z.array(z.object({ name: z.string(), namespaced: z.boolean() })) });
const groupsSchema = z.object({
  groups: z.array(z.object({ name: z.string(), versions: z.array(z.object({ groupVersion: z.string() })) })),
});

/** Every resource and subresource of discovery, whatever its version. */
async function discovered() {
  const { groups } = groupsSchema.parse(await admin.call('GET', '/apis'));
  const versions = groups.flatMap(({ name, versions: all }) =>
    all.map(({ groupVersion }) => ({ group: name, path: `/apis/${groupVersion}` })),
  );
  const found = await Promise.all(
    [{ group: '', path: '/api/v1' }, ...versions].map(async ({ group, path }) =>
      resourcesSchema
        .parse(await admin.call('GET', path))
        .resources.map(({ name, namespaced }) => ({ group, resource: name, namespaced })),
    ),
  );
  const all = [...found.flat(), ...UNLISTED];
  return [...new Map(all.map((one) => [called(one.group, one.resource), one])).values()];
}

const whoSchema = z.object({
  status: z.object({ userInfo: z.object({ username: z.string(), groups: z.array(z.string()) }) }),
});
async function allowed(user: { username: string; groups: readonly string[] }, spec: Raw): Promise<boolean> {
  const answer = await admin.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: user.username, groups: user.groups, ...spec },
  });
  return z.object({ status: z.object({ allowed: z.boolean() }) }).parse(answer).status.allowed;
}

test('of every verb on every resource and subresource, in every namespace, nothing else is allowed', async () => {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const { userInfo } = whoSchema.parse(
    await own.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review),
  ).status;
  expect(userInfo.username).toBe(SERVICE_ACCOUNT);
  const resources = await discovered();
  expect(resources.length).toBeGreaterThan(100);
  expect(resources.map(({ group, resource }) => called(group, resource))).toEqual(
    expect.arrayContaining(['pods/exec', 'serviceaccounts/token', 'nodes/proxy', 'nodes/status']),
  );
  const questions = resources.flatMap(({ group, resource, namespaced }) => {
    const [name = '', subresource] = resource.split('/');
    return VERBS.flatMap((verb) =>
      ['', ...(namespaced ? NAMESPACES : [])].map((namespace) => ({
        what: `${verb} ${called(group, resource)}`,
        namespace,
        attributes: { verb, group, resource: name, namespace, ...(subresource === undefined ? {} : { subresource }) },
      })),
    );
  });
  const surplus: string[] = [];
  const seen = new Set<string>();
  const ask = async (): Promise<void> => {
    for (let one = questions.pop(); one !== undefined; one = questions.pop()) {
      if (!(await allowed(userInfo, { resourceAttributes: one.attributes }))) continue;
      const expected = [...ANYWHERE, ...ABOUT_ITSELF, ...(IN_NAMESPACE[one.namespace] ?? [])];
      const where = `${one.what}${one.namespace === '' ? '' : ` in ${one.namespace}`}`;
      if (expected.includes(one.what)) seen.add(where);
      else surplus.push(where);
    }
  };
  await Promise.all(Array.from({ length: 24 }, ask));
  expect(surplus).toEqual([]);
  for (const what of [...ANYWHERE, 'create secrets in kube-system', 'create leases.coordination.k8s.io in burst'])
    expect([...seen]).toContain(what);
});

test('no path beyond discovery and health is open', async () => {
  const user = { username: SERVICE_ACCOUNT, groups: ['system:serviceaccounts', 'system:authenticated'] };
  for (const path of ['/metrics', '/debug/pprof/', '/logs/', '/configz', '/flagz', '/statusz', '/*'])
    for (const verb of ['get', 'post'])
      expect(await allowed(user, { nonResourceAttributes: { path, verb } }), `${verb} ${path}`).toBe(false);
});

test('what was refused by name is refused in fact', async () => {
  const refused = async (method: string, path: string, body?: unknown): Promise<void> => {
    expect((await own.send(method, path, body)).status, `${method} ${path}`).toBe(403);
  };
  await refused('GET', '/api/v1/namespaces/kube-system/secrets');
  await refused('GET', '/api/v1/namespaces/burst/secrets/burst-secrets');
  await refused('GET', '/api/v1/namespaces/kube-public/configmaps');
  await refused('GET', '/apis/coordination.k8s.io/v1/namespaces/burst/leases');
  await refused('PUT', '/apis/coordination.k8s.io/v1/namespaces/burst/leases/other', {});
  await refused('DELETE', '/api/v1/nodes');
  await refused('DELETE', '/api/v1/namespaces/default/pods');
  await refused('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'made' } });
});

test('`burst check` finds all that it asks for, and asks for no more than is granted', async () => {
  const cluster = testCluster({ ...plane, token }, { namespace: 'burst' });
  const checks = await cluster.checkPermissions();
  await cluster.stop();
  expect(checks.filter((check) => !check.allowed)).toEqual([]);
  const granted = ANYWHERE.length + [IN_NAMESPACE, NAMED].flatMap((one) => Object.values(one).flat()).length;
  expect(checks).toHaveLength(granted);
});
