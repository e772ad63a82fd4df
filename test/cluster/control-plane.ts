/**
 * A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and, when
 * present, kwok in the place of kubelets. The programs come from the folder in KUBEBUILDER_ASSETS (the convention of
 * envtest). Invariant: every process that was started is ended by `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { certificateAuthority } from './certificates.ts';

export type ControlPlane = {
  readonly url: string;
  readonly token: string;
  readonly ca: string;
  /** Path of an admin kubeconfig. */
  readonly kubeconfigPath: string;
  readonly kubectl: string;
  /** Whether simulated kubelets run, so that nodes become ready and pods run and end. */
  readonly kubelets: boolean;
  /** Ends the API server and starts it again on the same port. */
  readonly restartApiServer: () => Promise<void>;
  /** Compacts etcd up to now and restarts the API server, so that no past resourceVersion is known any more. */
  readonly forget: () => Promise<void>;
  /** How many requests were answered to clients whose user agent begins so (watches count as one each); with `audit` only. */
  readonly requestsOf: (userAgent: string) => Promise<number>;
  readonly stop: () => Promise<void>;
};

const REQUIRED = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
const READY_MS = 90_000;

/** The folder with the control plane's programs. @throws when the environment names none, saying how to get it. */
export function assetsFolder(): string {
  const folder = process.env['KUBEBUILDER_ASSETS'];
  const how =
    'Get etcd, kube-apiserver and kubectl with `setup-envtest use -p path` ' +
    '(go run sigs.k8s.io/controller-runtime/tools/setup-envtest@latest), add kube-controller-manager and ' +
    'kube-scheduler of the same version (https://dl.k8s.io) and, for simulated kubelets, kwok with its stages.yaml, ' +
    'and set KUBEBUILDER_ASSETS to that folder.';
  if (folder === undefined || folder === '')
    throw new Error(`KUBEBUILDER_ASSETS is not set: these tests need a real control plane. ${how}`);
  const missing = REQUIRED.filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) throw new Error(`KUBEBUILDER_ASSETS (${folder}) lacks ${missing.join(', ')}. ${how}`);
  return folder;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function readyz(url: string, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { headers: { Authorization: `Bearer ${token}` }, rejectUnauthorized: false, timeout: 2_000 };
    const request = https.get(`${url}/readyz`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}

const AUDIT_POLICY = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['ResponseStarted', 'ResponseComplete'],
  rules: [{ level: 'Metadata' }],
});

/** Changes etcd through its JSON gateway. */
async function etcdCall(url: string, body: unknown): Promise<{ readonly header?: { readonly revision?: string } }> {
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as { readonly header?: { readonly revision?: string } };
}

/**
 * Starts everything; ready in about 5 to 15 seconds. With `audit` the API server keeps count of who asks;
 * `inert`: pods stay as they are made, without kubelets and garbage collection; `bare`: etcd and the API server alone.
 * Kubelets' certificates are signed as with kubeadm.
 */
export async function startControlPlane(
  more: { readonly audit?: boolean; readonly inert?: boolean; readonly bare?: boolean } = {},
): Promise<ControlPlane> {
  const assets = assetsFolder();
  const folder = await mkdtemp(join(tmpdir(), 'burst-control-plane-'));
  const children = new Map<string, ChildProcess>();
  const start = async (name: string, args: readonly string[]): Promise<void> => {
    const output = await open(join(folder, `${name}.log`), 'a');
    const child = spawn(join(assets, name), args, { cwd: folder, stdio: ['ignore', output.fd, output.fd] });
    child.on('error', () => undefined);
    await output.close();
    children.set(name, child);
  };
  const end = (name: string): Promise<void> =>
    new Promise((resolve) => {
      const child = children.get(name);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
        return resolve();
      child.once('exit', () => resolve());
      child.kill('SIGKILL');
    });
  const killAll = (): void => children.forEach((child) => child.kill('SIGKILL'));
  process.once('exit', killAll);
  const stop = async (): Promise<void> => {
    process.off('exit', killAll);
    await Promise.all([...children.keys()].map(end));
    await rm(folder, { recursive: true, force: true });
  };

  try {
    const [client = 0, peer = 0, secure = 0] = await freePorts(3);
    const token = randomBytes(16).toString('hex');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
    await writeFile(join(folder, 'tokens.csv'), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
    const authority = certificateAuthority('burst-test');
    await writeFile(join(folder, 'ca.crt'), authority.certificate);
    await writeFile(join(folder, 'ca.key'), authority.key, { mode: 0o600 });
    const etcd = `http://127.0.0.1:${client}`;
    const etcdPeer = `http://127.0.0.1:${peer}`;
    const url = `https://127.0.0.1:${secure}`;
    const auditLog = join(folder, 'audit.log');
    await writeFile(join(folder, 'audit-policy.json'), AUDIT_POLICY);
    const audit = more.audit === true ? ['--audit-policy-file', 'audit-policy.json', '--audit-log-path', auditLog] : [];
    await start('etcd', [
      ...['--data-dir', 'etcd-data', '--listen-client-urls', etcd, '--advertise-client-urls', etcd],
      ...['--listen-peer-urls', etcdPeer, '--initial-advertise-peer-urls', etcdPeer],
      ...['--initial-cluster', `default=${etcdPeer}`, '--unsafe-no-fsync', '--log-level', 'error'],
    ]);
    const startApiServer = async (): Promise<void> => {
      await start('kube-apiserver', [
        ...['--etcd-servers', etcd, '--bind-address', '127.0.0.1', '--secure-port', String(secure)],
        ...['--cert-dir', 'certs', '--service-account-issuer', 'https://kubernetes.default.svc'],
        ...['--service-account-key-file', 'sa.key', '--service-account-signing-key-file', 'sa.key'],
        ...['--token-auth-file', 'tokens.csv', '--authorization-mode', 'Node,RBAC', '--enable-bootstrap-token-auth'],
        ...['--client-ca-file', 'ca.crt'],
        ...['--service-cluster-ip-range', '10.0.0.0/24', '--enable-admission-plugins', 'NodeRestriction'],
        ...audit,
      ]);
      const deadline = performance.now() + READY_MS;
      while (!(await readyz(url, token))) {
        const exited = children.get('kube-apiserver')?.exitCode ?? null;
        if (exited !== null || performance.now() > deadline) {
          const log = await readFile(join(folder, 'kube-apiserver.log'), 'utf8').catch(() => '');
          throw new Error(`kube-apiserver did not become ready:\n${log.slice(-2000)}`);
        }
        await delay(100);
      }
    };
    await startApiServer();
    const kubeconfigPath = join(folder, 'kubeconfig');
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'real', cluster: { server: url, 'certificate-authority': join(folder, 'certs/apiserver.crt') } },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'real', context: { cluster: 'real', user: 'admin' } }],
      'current-context': 'real',
    };
    await writeFile(kubeconfigPath, JSON.stringify(kubeconfig), { mode: 0o600 });
    const own = ['--kubeconfig', kubeconfigPath];
    const bare = more.bare === true;
    if (!bare)
      await start('kube-controller-manager', [
        ...['--controllers', more.inert === true ? '*,-garbage-collector-controller' : '*'],
        ...[...own, '--service-account-private-key-file', 'sa.key'],
        ...['--cluster-signing-cert-file', 'ca.crt', '--cluster-signing-key-file', 'ca.key'],
        ...['--leader-elect=false', '--secure-port', '0'],
      ]);
    if (!bare) await start('kube-scheduler', [...own, '--leader-elect=false', '--secure-port', '0']);
    const stages = join(assets, 'stages.yaml');
    const kubelets = !bare && more.inert !== true && existsSync(join(assets, 'kwok')) && existsSync(stages);
    if (kubelets) {
      const lease = ['--manage-all-nodes=true', '--node-lease-duration-seconds=40'];
      await start('kwok', [...own, ...lease, '--config', stages]);
    }
    return {
      url,
      token,
      ca: await readFile(join(folder, 'certs/apiserver.crt'), 'utf8'),
      kubeconfigPath,
      kubectl: join(assets, 'kubectl'),
      kubelets,
      restartApiServer: async () => {
        await end('kube-apiserver');
        await startApiServer();
      },
      forget: async () => {
        const { header } = await etcdCall(`${etcd}/v3/kv/range`, { key: 'AA==' });
        await etcdCall(`${etcd}/v3/kv/compaction`, { revision: header?.revision ?? '0' });
        await end('kube-apiserver');
        await startApiServer();
      },
      requestsOf: async (userAgent) => {
        if (more.audit !== true) throw new Error('the control plane was started without audit');
        const text = await readFile(auditLog, 'utf8');
        return text.split(`"userAgent":"${userAgent}`).length - 1;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
