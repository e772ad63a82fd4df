/** What the server says of itself: version, groups, resources and just enough OpenAPI for kubectl's validation. */
import { groupVersion, resources, reviews, type Resource } from './resources.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const all = [...resources, ...reviews];
const groups = [...new Set(all.map((one) => one.group))].filter((group) => group !== '');

export const version = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: 'v1.36.3',
  gitCommit: 'sandbox',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'go1.26.8',
  compiler: 'gc',
  platform: 'linux/amd64',
};

function resourceList(group: string) {
  const list = all.filter((one) => one.group === group);
  const sub = (of: Resource, name: string, kind: string, subVerbs: string[], extra: object = {}) => ({
    name: `${of.plural}/${name}`,
    singularName: '',
    namespaced: of.namespaced,
    ...extra,
    kind,
    verbs: subVerbs,
  });
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? 'v1' : `${group}/v1`,
    resources: list.flatMap((of) => [
      {
        name: of.plural,
        singularName: of.singular,
        namespaced: of.namespaced,
        kind: of.kind,
        verbs: reviews.includes(of) ? ['create'] : verbs,
        ...(of.shortNames.length > 0 ? { shortNames: of.shortNames } : {}),
        ...(of.all ? { categories: ['all'] } : {}),
      },
      ...(of.status ? [sub(of, 'status', of.kind, ['get', 'patch', 'update'])] : []),
      ...(of.plural === 'pods'
        ? [sub(of, 'eviction', 'Eviction', ['create'], { group: 'policy', version: 'v1' })]
        : []),
      ...(['deployments', 'replicasets', 'statefulsets'].includes(of.plural)
        ? [sub(of, 'scale', 'Scale', ['get', 'patch', 'update'], { group: 'autoscaling', version: 'v1' })]
        : []),
    ]),
  };
}

const group = (name: string) => {
  const only = { groupVersion: `${name}/v1`, version: 'v1' };
  return { name, versions: [only], preferredVersion: only };
};

const gvPath = (of: Resource) => (of.group === '' ? 'api/v1' : `apis/${of.group}/v1`);

function openApi(path: string) {
  const kinds = resources.filter((of) => gvPath(of) === path);
  if (kinds.length === 0) return undefined;
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }));
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: version.gitVersion },
    paths: Object.fromEntries(
      kinds.map((of) => [
        `/${path}/${of.namespaced ? 'namespaces/{namespace}/' : ''}${of.plural}/{name}`,
        {
          patch: {
            parameters,
            responses: { 200: { description: 'OK' } },
            'x-kubernetes-action': 'patch',
            'x-kubernetes-group-version-kind': { group: of.group, version: of.version, kind: of.kind },
          },
        },
      ]),
    ),
    components: {
      schemas: Object.fromEntries(
        kinds.map((of) => [
          `io.k8s.${groupVersion(of).replace('/', '.')}.${of.kind}`,
          {
            type: 'object',
            'x-kubernetes-group-version-kind': [{ group: of.group, version: of.version, kind: of.kind }],
          },
        ]),
      ),
    },
  };
}

/** The answer to a path that is not about objects, or undefined. */
export function discovery(path: string, address: string): { body: unknown; public: boolean } | undefined {
  const answer = (body: unknown) => ({ body, public: false });
  if (path === '/version') return { body: version, public: true };
  if (path === '/healthz' || path === '/readyz' || path === '/livez') return { body: 'ok', public: true };
  if (path === '/api') {
    return answer({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
    });
  }
  if (path === '/apis') return answer({ kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(group) });
  if (path === '/api/v1') return answer(resourceList(''));
  const [, root, name = '', v] = path.split('/');
  if (root === 'apis' && groups.includes(name)) {
    if (v === undefined) return answer({ kind: 'APIGroup', apiVersion: 'v1', ...group(name) });
    if (path === `/apis/${name}/v1`) return answer(resourceList(name));
  }
  if (path === '/openapi/v3') {
    const paths = ['api/v1', ...groups.map((one) => `apis/${one}/v1`)].filter((one) => openApi(one));
    return answer({
      paths: Object.fromEntries(paths.map((one) => [one, { serverRelativeURL: `/openapi/v3/${one}` }])),
    });
  }
  if (path.startsWith('/openapi/v3/')) {
    const body = openApi(path.slice('/openapi/v3/'.length));
    return body && answer(body);
  }
  return undefined;
}
