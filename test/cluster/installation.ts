/** Burst's manifests on a control plane, and requests with the token of the service account that they make. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { type ClusterAdmin, createAdmin, until } from '../contract/cluster-admin.ts';
import type { ControlPlane } from './control-plane.ts';

const run = promisify(execFile);
const MANIFESTS = fileURLToPath(new URL('../../manifests/kubernetes', import.meta.url));
/** What gives rights or takes them; the deployment itself is not wanted here. */
const KINDS = ['Namespace', 'ServiceAccount', 'Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];
const POLICIES = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];

export const SERVICE_ACCOUNT = 'system:serviceaccount:burst:burst';

const builtSchema = z.looseObject({ kind: z.string() });

/** `kubectl kustomize`, with components of ours. @returns its objects. */
export async function buildManifests(kubectl: string, components: readonly string[] = []) {
  // a kustomization may refer to others by relative paths only
  const folder = await mkdtemp(join(tmpdir(), 'burst-kustomize-'));
  try {
    const path = (name: string): string => relative(folder, join(MANIFESTS, name));
    const kustomization = {
      resources: [path('')],
      components: components.map((name) => path(`components/${name}`)),
    };
    await writeFile(join(folder, 'kustomization.yaml'), stringify(kustomization));
    const { stdout } = await run(kubectl, ['kustomize', '--load-restrictor=LoadRestrictionsNone', folder]);
    return parseAllDocuments(stdout).map((document) =>
      builtSchema.parse('toJS' in document ? document.toJS() : undefined),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Applies the rights of the manifests, and of the admission policies unless `policies` is false. */
export async function applyManifests(
  plane: ControlPlane,
  { components = [], policies = true }: { readonly components?: readonly string[]; readonly policies?: boolean } = {},
): Promise<void> {
  const wanted = policies ? [...KINDS, ...POLICIES] : KINDS;
  const objects = (await buildManifests(plane.kubectl, components)).filter(({ kind }) => wanted.includes(kind));
  const file = `${plane.kubeconfigPath}.manifests.yaml`;
  await writeFile(file, objects.map((object) => stringify(object)).join('---\n'));
  await run(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, 'apply', '-f', file]);
}

/** A token of Burst's own service account, by TokenRequest. */
export async function serviceAccountToken(admin: ClusterAdmin): Promise<string> {
  const answer = await admin.call('POST', '/api/v1/namespaces/burst/serviceaccounts/burst/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: 3600 },
  });
  return z.object({ status: z.object({ token: z.string() }) }).parse(answer).status.token;
}

export type Installation = {
  readonly server: { readonly url: string; readonly token: string; readonly ca: string };
  /** Raw requests with Burst's token, none of Burst's own checks before them. */
  readonly send: ClusterAdmin['send'];
};

/** Rights, policies, a token; resolves once the policies are in force. */
export async function install(plane: ControlPlane, admin: ClusterAdmin): Promise<Installation> {
  await applyManifests(plane);
  const server = { url: plane.url, ca: plane.ca, token: await serviceAccountToken(admin) };
  const { send } = createAdmin(server);
  await until('the policies for Secrets are in force', async () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'probe' }, type: 'Opaque' };
    return (await send('POST', '/api/v1/namespaces/kube-system/secrets?dryRun=All', secret)).status === 422;
  });
  await admin.createNode('policy-probe');
  await until('the policies for nodes are in force', async () => {
    return (await send('DELETE', '/api/v1/nodes/policy-probe?dryRun=All')).status === 403;
  });
  await admin.deleteNode('policy-probe');
  return { server, send };
}
