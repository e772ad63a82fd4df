import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSandboxClock } from '../../../../src/sandbox/clock.ts';
import { startKubernetesSimulator } from '../../../../src/sandbox/kubernetes/index.ts';
import { startProxmoxSimulator } from '../../../../src/sandbox/proxmox/index.ts';

const clock = createSandboxClock();
const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
let cluster: Awaited<ReturnType<typeof startKubernetesSimulator>>;
let proxmox: Awaited<ReturnType<typeof startProxmoxSimulator>>;

beforeEach(async () => {
  cluster = await startKubernetesSimulator({ clock, nodeReadyMs: 50 });
  proxmox = await startProxmoxSimulator({
    clock,
    kubernetesUrl: cluster.url,
    cloneMs: 50,
    startMs: 50,
    shutdownMs: 50,
    bootMs: 1000,
  });
});
afterEach(async () => {
  await proxmox.close();
  await cluster.close();
});

function allowToken(lifeMs: number): void {
  const encoded = (value: string) => Buffer.from(value).toString('base64');
  cluster.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${TOKEN.id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    data: {
      'token-id': encoded(TOKEN.id),
      'token-secret': encoded(TOKEN.secret),
      'usage-bootstrap-authentication': encoded('true'),
      'auth-extra-groups': encoded('system:bootstrappers:kubeadm:default-node-token'),
      expiration: encoded(new Date(clock.now() + lifeMs).toISOString()),
    },
  });
}

function boot(token: string): void {
  const serial = Buffer.from(token).toString('base64');
  proxmox.pve.put(200, 'burst-w1', false, 'stopped', { cores: '2', smbios1: `base64=1,serial=${serial}` });
  proxmox.pve.start('pve1', 200);
}
const node = () => cluster.world().nodes.find((one) => one.name === 'burst-w1');
const tries = () => cluster.requests().byPath.get('POST /api/v1/nodes') ?? 0;
const running = () => proxmox.world().vms.find((vm) => vm.id === 200)?.status;

describe('a machine that boots', () => {
  it('joins with a valid bootstrap token, after its boot time and not before', async () => {
    allowToken(3_600_000);
    boot(`${TOKEN.id}.${TOKEN.secret}`);
    await expect.poll(running).toBe('running');
    expect(tries()).toBe(0);
    await expect.poll(() => node() !== undefined, { timeout: 5000 }).toBe(true);
    expect(cluster.get('v1', 'Node', 'burst-w1')?.['spec']).toMatchObject({ providerID: 'proxmox://pve1/200' });
  });

  it.each([
    ['an unknown token', 'zzzzzz.0123456789abcdef', 3_600_000],
    ['a wrong secret', `${TOKEN.id}.aaaaaaaaaaaaaaaa`, 3_600_000],
    ['an expired token', `${TOKEN.id}.${TOKEN.secret}`, -1000],
  ])('does not join with %s', async (_title, token, lifeMs) => {
    allowToken(lifeMs);
    boot(token);
    await expect.poll(tries, { timeout: 8000 }).toBeGreaterThan(1);
    expect(node()).toBeUndefined();
  });

  it('does not join under the fault never_joins, and does once that is over', async () => {
    allowToken(3_600_000);
    proxmox.setFault('never_joins', true);
    boot(`${TOKEN.id}.${TOKEN.secret}`);
    await expect.poll(running).toBe('running');
    clock.skip(600_000);
    clock.skip(600_000);
    expect(tries()).toBe(0);
    proxmox.setFault('never_joins', false);
    await expect.poll(() => node() !== undefined, { timeout: 5000 }).toBe(true);
  });
});

describe('faults', () => {
  const ended = (type: string) =>
    expect.poll(() => proxmox.world().tasks.findLast((task) => task.type === type)?.status, { timeout: 5000 });

  it('clone_fails: the task says why, and no VM is left', async () => {
    proxmox.setFault('clone_fails', true);
    proxmox.pve.clone('pve1', 9000, 300, 'burst-w2', undefined);
    expect(proxmox.world().vms.find((vm) => vm.id === 300)).toMatchObject({ status: 'stopped', lock: 'clone' });
    await ended('qmclone').toMatch(/^clone failed: .*out of space/);
    expect(proxmox.world().vms.some((vm) => vm.id === 300)).toBe(false);
  });

  it('locked: nothing can be changed, started or deleted until it is switched off', async () => {
    proxmox.pve.put(200, 'burst-w1', false, 'stopped', {});
    proxmox.setFault('locked', true);
    expect(() => proxmox.pve.configure('pve1', 200, { cores: '4' })).toThrow('VM is locked (backup)');
    proxmox.pve.start('pve1', 200);
    await ended('qmstart').toBe('VM is locked (backup)');
    proxmox.pve.destroy('pve1', 200);
    await ended('qmdestroy').toBe('VM is locked (backup)');
    proxmox.setFault('locked', false);
    proxmox.pve.destroy('pve1', 200);
    await ended('qmdestroy').toBe('OK');
    expect(running()).toBeUndefined();
  });
});
