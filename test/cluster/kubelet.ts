/** What a kubelet does to join: a bootstrap token, a signing request, a certificate, a node. */
import https from 'node:https';
import { z } from 'zod';
import { type ClusterAdmin, createAdmin, type Raw, until } from '../contract/cluster-admin.ts';
import { kubeletRequest } from './certificates.ts';
import type { ControlPlane } from './control-plane.ts';

const GROUP = 'system:bootstrappers:kubeadm:default-node-token';

/** The bindings that kubeadm makes, so that kubelets may ask for certificates and have them approved. */
export async function bindBootstrappers(admin: ClusterAdmin): Promise<void> {
  const bindings = [
    ['kubeadm:kubelet-bootstrap', 'system:node-bootstrapper', GROUP],
    ['kubeadm:node-autoapprove-bootstrap', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', GROUP],
    [
      'kubeadm:node-autoapprove-certificate-rotation',
      'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
      'system:nodes',
    ],
  ] as const;
  for (const [name, role, group] of bindings)
    await admin.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    });
}

const whoSchema = z.object({
  status: z.object({ userInfo: z.object({ username: z.string(), groups: z.array(z.string()) }) }),
});
type Send = ClusterAdmin['send'];

/** Whom the API server takes the sender for; its status when it lets nobody in. */
export async function whoAmI(send: Send) {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const answer = await send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review);
  return answer.status === 201 ? whoSchema.parse(answer.body).status.userInfo : answer.status;
}

/** Waits until the API server lets the sender in: it hears of a new bootstrap token a moment after it was made. */
export const untilKnown = (send: Send) =>
  until('the token lets in', async () => {
    const who = await whoAmI(send);
    return typeof who === 'number' ? undefined : who;
  });

/** Requests with a client certificate. */
function withCertificate(plane: ControlPlane, cert: string, key: string): Send {
  return (method, path, body, contentType = 'application/json') =>
    new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'Content-Type': contentType };
      // a connection of its own: kept ones belong to whom they were opened for
      const options = { method, headers, ca: plane.ca, cert, key, agent: false } as const;
      const request = https.request(new URL(plane.url + path), options, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(answer) as Raw }));
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
}

const signedSchema = z.object({ status: z.object({ certificate: z.string() }) });

/** Asks with a bootstrap token for a kubelet's certificate. @returns the kubelet's own requests. */
export async function kubeletOf(plane: ControlPlane, name: string, token: string): Promise<Send> {
  const bootstrap = createAdmin({ ...plane, token });
  await untilKnown(bootstrap.send);
  const { request, key } = kubeletRequest(name);
  const made = await bootstrap.call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'node-csr-' },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
      usages: ['digital signature', 'client auth'],
    },
  });
  const { name: csr } = z.object({ name: z.string() }).parse(made['metadata']);
  const signed = await until('the certificate is signed', async () => {
    const answer = await bootstrap.send('GET', `/apis/certificates.k8s.io/v1/certificatesigningrequests/${csr}`);
    const parsed = signedSchema.safeParse(answer.body);
    return parsed.success && parsed.data.status.certificate !== '' ? parsed.data : undefined;
  });
  return withCertificate(plane, Buffer.from(signed.status.certificate, 'base64').toString(), key);
}

/** The Node that a kubelet registers for itself. */
export const nodeOf = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    labels: { 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux', 'kubernetes.io/hostname': name, ...labels },
  },
  status: {
    capacity: { cpu: '4', memory: '16Gi', pods: '110' },
    allocatable: { cpu: '3500m', memory: '15Gi', pods: '110' },
  },
});
