/** The VmProvider contract before the simulated Proxmox server, over streamable HTTP and over stdio. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startProxmoxSimulator } from '../../src/sandbox/proxmox/index.ts';
import { testProvider } from './vm-setup.ts';
import { taskEnd, vmContract, vmSpec, type VmSetup } from './vm-suite.ts';
import { realClock } from './cluster-setup.ts';

const CLOUD_INIT = { ciuser: 'k8s', sshkeys: 'ssh-ed25519%20AAAAC3%20test%40x', ipconfig0: 'ip=dhcp' };
const SETTINGS = { node: 'pve1', template: 9000, disk: 'scsi0', ...CLOUD_INIT };

async function simulated(): Promise<VmSetup> {
  const quick = await startProxmoxSimulator({ clock: realClock, cloneMs: 60, startMs: 60, shutdownMs: 60 });
  const sluggish = await startProxmoxSimulator({ clock: realClock, cloneMs: 800 });
  const vms = testProvider('ry-ops-proxmox', { kind: 'http', url: quick.mcpUrl, headers: {} }, SETTINGS);
  const slow = testProvider('ry-ops-proxmox', { kind: 'http', url: sluggish.mcpUrl, headers: {} }, SETTINGS);
  return {
    vms,
    slow,
    foreignId: '100',
    locks: true,
    failNextStart: () => quick.setFault('locked', true),
    cloudInit: CLOUD_INIT,
    disk: 'scsi0',
    truth: (id) => Promise.resolve(quick.pve.vms.get(Number(id))),
    async close() {
      await vms.close();
      await slow.close();
      await quick.close();
      await sluggish.close();
    },
  };
}

vmContract('the simulated Proxmox server, streamable HTTP', simulated);

it('lives a whole life over stdio, with the simulator as a process of its own', async () => {
  const entry = fileURLToPath(new URL('../../src/sandbox/proxmox/stdio.ts', import.meta.url));
  const vms = testProvider(
    'ry-ops-proxmox',
    { kind: 'stdio', command: process.execPath, args: [entry, '--clone-ms', '50'], env: {} },
    SETTINGS,
  );
  try {
    const spec = vmSpec(await vms.freeId(new Set()));
    expect(await taskEnd(vms, await vms.clone(spec))).toBe('ok');
    expect(await taskEnd(vms, await vms.configure(spec, undefined))).toBe('ok');
    const vm = { id: spec.id, host: 'pve1' };
    expect(await taskEnd(vms, await vms.start(vm))).toBe('ok');
    expect(await vms.find(spec.id)).toMatchObject({ name: spec.name, state: 'running', tags: spec.tags });
    expect(await taskEnd(vms, await vms.stop(vm))).toBe('ok');
    expect(await taskEnd(vms, await vms.delete(vm))).toBe('ok');
    expect(await vms.find(spec.id)).toBeUndefined();
  } finally {
    await vms.close();
  }
});
