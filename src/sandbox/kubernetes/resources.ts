/** Which resources the simulated API server serves. One row is one resource; everything else follows from it. */
export type Resource = {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly all: boolean;
  /** Has a status subresource: the main endpoint leaves `status` alone and counts generations of `spec`. */
  readonly status: boolean;
};

const resource = (
  group: string,
  plural: string,
  kind: string,
  options: { namespaced?: boolean; short?: string[]; all?: boolean; status?: boolean } = {},
): Resource => ({
  group,
  version: 'v1',
  plural,
  singular: kind.toLowerCase(),
  kind,
  namespaced: options.namespaced ?? true,
  shortNames: options.short ?? [],
  all: options.all ?? false,
  status: options.status ?? false,
});

export const nodes = resource('', 'nodes', 'Node', { namespaced: false, short: ['no'], status: true });
export const pods = resource('', 'pods', 'Pod', { short: ['po'], all: true, status: true });
export const namespaces = resource('', 'namespaces', 'Namespace', { namespaced: false, short: ['ns'], status: true });
export const secrets = resource('', 'secrets', 'Secret');
export const configMaps = resource('', 'configmaps', 'ConfigMap', { short: ['cm'] });
export const deployments = resource('apps', 'deployments', 'Deployment', {
  short: ['deploy'],
  all: true,
  status: true,
});
export const replicaSets = resource('apps', 'replicasets', 'ReplicaSet', { short: ['rs'], all: true, status: true });
export const daemonSets = resource('apps', 'daemonsets', 'DaemonSet', { short: ['ds'], all: true, status: true });
export const statefulSets = resource('apps', 'statefulsets', 'StatefulSet', {
  short: ['sts'],
  all: true,
  status: true,
});
export const budgets = resource('policy', 'poddisruptionbudgets', 'PodDisruptionBudget', {
  short: ['pdb'],
  status: true,
});
export const leases = resource('coordination.k8s.io', 'leases', 'Lease');

export const resources: readonly Resource[] = [
  nodes,
  pods,
  namespaces,
  secrets,
  configMaps,
  resource('', 'events', 'Event', { short: ['ev'] }),
  resource('', 'services', 'Service', { short: ['svc'], all: true, status: true }),
  resource('', 'serviceaccounts', 'ServiceAccount', { short: ['sa'] }),
  resource('', 'persistentvolumeclaims', 'PersistentVolumeClaim', { short: ['pvc'], status: true }),
  resource('', 'persistentvolumes', 'PersistentVolume', { namespaced: false, short: ['pv'], status: true }),
  deployments,
  replicaSets,
  daemonSets,
  statefulSets,
  resource('batch', 'jobs', 'Job', { all: true, status: true }),
  budgets,
  leases,
  resource('storage.k8s.io', 'volumeattachments', 'VolumeAttachment', { namespaced: false, status: true }),
  resource('storage.k8s.io', 'csinodes', 'CSINode', { namespaced: false }),
  resource('events.k8s.io', 'events', 'Event', { short: ['ev'] }),
];

/** Resources that are only ever posted, and answered from the request. */
export const reviews: readonly Resource[] = [
  resource('authorization.k8s.io', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', { namespaced: false }),
  resource('authentication.k8s.io', 'selfsubjectreviews', 'SelfSubjectReview', { namespaced: false }),
  resource('authentication.k8s.io', 'tokenreviews', 'TokenReview', { namespaced: false }),
];

export const groupVersion = (of: Resource): string => (of.group === '' ? of.version : `${of.group}/${of.version}`);

const byPath = new Map([...resources, ...reviews].map((one) => [`${one.group}/${one.version}/${one.plural}`, one]));
export const findResource = (group: string, version: string, plural: string): Resource | undefined =>
  byPath.get(`${group}/${version}/${plural}`);

const byKind = new Map(resources.map((one) => [`${groupVersion(one)}/${one.kind}`, one]));
export const resourceOfKind = (apiVersion: string, kind: string): Resource | undefined =>
  byKind.get(`${apiVersion}/${kind}`);
