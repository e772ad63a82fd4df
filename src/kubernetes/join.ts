/** What a new node needs to find and trust the control plane, as kubeadm publishes it. */
import { X509Certificate, createHash } from 'node:crypto';
import { loadYaml } from '@kubernetes/client-node';
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { answerError } from './status.ts';

const clusterInfoSchema = z.object({ data: z.object({ kubeconfig: z.string() }) });
/** Its one cluster has the name "", which a KubeConfig refuses to load. */
const publishedSchema = z.looseObject({
  clusters: z
    .array(
      z.looseObject({
        cluster: z.looseObject({ server: z.string(), 'certificate-authority-data': z.string().optional() }),
      }),
    )
    .min(1),
});

/** `sha256:` and the hex digest of the certificate's SubjectPublicKeyInfo (kubeadm --discovery-token-ca-cert-hash). */
export function caCertHash(pem: string | Buffer): string {
  const key = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** `host:port` of an API server's URL. */
export function hostAndPort(url: string): string {
  const parsed = new URL(url);
  return `${parsed.hostname}:${parsed.port === '' ? (parsed.protocol === 'http:' ? '80' : '443') : parsed.port}`;
}

type Source = { readonly url: string; readonly ca: Buffer | undefined };

/** The kubeconfig in ConfigMap kube-public/cluster-info; undefined when there is none or it may not be read. */
async function publicClusterInfo(
  connection: Connection,
  cluster: string,
  signal: AbortSignal | undefined,
): Promise<Source | undefined> {
  const what = 'get ConfigMap kube-public/cluster-info';
  const path = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
  const answer = await connection.request('GET', path, { what, signal });
  if (answer.status === 404 || answer.status === 403) return undefined;
  if (answer.status !== 200) throw answerError(cluster, what, answer);
  const parsed = clusterInfoSchema.safeParse(answer.body);
  if (!parsed.success) return undefined;
  const found = publishedIn(parsed.data.data.kubeconfig)?.cluster;
  if (found === undefined) return undefined;
  const ca = found['certificate-authority-data'];
  return { url: found.server, ca: ca === undefined ? undefined : Buffer.from(ca, 'base64') };
}

function publishedIn(kubeconfig: string): z.infer<typeof publishedSchema>['clusters'][number] | undefined {
  try {
    return publishedSchema.safeParse(loadYaml<unknown>(kubeconfig)).data?.clusters[0];
  } catch {
    return undefined;
  }
}

export type JoinOverrides = { readonly endpoint?: string; readonly caCertHash?: string };

/**
 * Overrides first, then ConfigMap kube-public/cluster-info, then the credentials' own server and CA (not in a pod:
 * the address known there is of use inside the cluster only).
 * @throws BurstError `not_found` when one of the two cannot be had.
 */
export async function joinFacts(
  connection: Connection,
  cluster: string,
  overrides: JoinOverrides,
  inCluster: boolean,
  signal: AbortSignal | undefined,
): Promise<{ readonly endpoint: string; readonly caCertHash: string }> {
  if (overrides.endpoint !== undefined && overrides.caCertHash !== undefined)
    return { endpoint: overrides.endpoint, caCertHash: overrides.caCertHash };
  const published = await publicClusterInfo(connection, cluster, signal);
  const own = connection.server();
  const url = published?.url ?? (inCluster ? undefined : own.url);
  const ca = published?.ca ?? own.ca;
  const missing = (what: string): BurstError =>
    new BurstError('not_found', `Kubernetes cluster ${cluster}: its ${what} for joining is not known`, {
      hint: 'Set it in the configuration, or publish ConfigMap kube-public/cluster-info as kubeadm does.',
    });
  const endpoint = overrides.endpoint ?? (url === undefined ? undefined : hostAndPort(url));
  if (endpoint === undefined) throw missing('API server address');
  if (overrides.caCertHash !== undefined) return { endpoint, caCertHash: overrides.caCertHash };
  if (ca === undefined) throw missing('CA certificate');
  try {
    return { endpoint, caCertHash: caCertHash(ca) };
  } catch {
    throw missing('CA certificate (the one found cannot be read)');
  }
}
