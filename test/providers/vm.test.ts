/** The VmProvider contract before real MCP servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vmContract, type VmSetup } from '../contract/vm-suite.ts';
import { testProvider } from '../contract/vm-setup.ts';
import { FOREIGN_VM, QUICK_TEMPLATE, SLOW_TEMPLATE, startProxmoxRig, type ProxmoxRig } from './rig.ts';

let rig: ProxmoxRig;
beforeAll(async () => {
  rig = await startProxmoxRig();
});
afterAll(async () => {
  await (rig as ProxmoxRig | undefined)?.stop();
});

const http = () =>
  ({ kind: 'http', url: rig.plus.url, headers: { Authorization: `Bearer ${rig.plus.token}` } }) as const;
const stdio = () => ({ kind: 'stdio', ...rig.stdio }) as const;

async function setup(make: (template: number) => VmSetup['vms'], locks: boolean): Promise<VmSetup> {
  await rig.clearFailures();
  await rig.slowClones(60);
  const vms = make(QUICK_TEMPLATE);
  const slow = make(SLOW_TEMPLATE);
  return {
    vms,
    slow,
    foreignId: String(FOREIGN_VM),
    locks,
    failNextStart: (id) => rig.failTasks('POST', `/nodes/pve1/qemu/${id}/status/start`, 'qemu_exited_code'),
    async truth(id) {
      const vm = (await rig.vms()).find((row) => String(row.id) === id);
      return vm === undefined
        ? undefined
        : { status: vm.status, cores: String(vm.config['cores']), memory: String(vm.config['memory']) };
    },
    async close() {
      await vms.close();
      await slow.close();
    },
  };
}

vmContract('proxmox-mcp-plus 0.6.7, streamable HTTP', () =>
  setup((template) => testProvider('proxmox-mcp-plus', http(), { node: 'pve1', template }), true),
);
vmContract('mcp-proxmox 1.2.3, stdio', () =>
  setup((template) => testProvider('mcp-proxmox', stdio(), { template }, { maxCallsAtOnce: 1 }), false),
);

describe('the bearer token', () => {
  it('is asked for, and a wrong one never shows in the error', async () => {
    const headers = { Authorization: 'Bearer wrong-token-42' };
    const vms = testProvider('proxmox-mcp-plus', { ...http(), headers }, { node: 'pve1', template: QUICK_TEMPLATE });
    const failure = await vms.list().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'unavailable' });
    expect(String(failure)).not.toContain('wrong-token-42');
    await vms.close();
  });
});
