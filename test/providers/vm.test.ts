/** The VmProvider contract before real MCP servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { McpServer } from '../../src/vm/connection.ts';
import { realClock } from '../contract/cluster-setup.ts';
import { taskEnd, vmContract, vmSpec, type VmSetup } from '../contract/vm-suite.ts';
import { builtInProfile, quietLog, testProvider } from '../contract/vm-setup.ts';
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

async function setup(
  make: (template: number) => VmSetup['vms'],
  can: Pick<VmSetup, 'locks' | 'cloudInit' | 'disk'>,
): Promise<VmSetup> {
  await rig.clearFailures();
  await rig.slowClones(60);
  const vms = make(QUICK_TEMPLATE);
  const slow = make(SLOW_TEMPLATE);
  return {
    vms,
    slow,
    foreignId: String(FOREIGN_VM),
    ...can,
    failNextStart: (id) => rig.failTasks('POST', `/nodes/pve1/qemu/${id}/status/start`, 'qemu_exited_code'),
    async truth(id) {
      const vm = (await rig.vms()).find((row) => String(row.id) === id);
      return vm === undefined
        ? undefined
        : {
            status: vm.status,
            config: Object.fromEntries(Object.entries(vm.config).map(([key, value]) => [key, String(value)])),
          };
    },
    async close() {
      await vms.close();
      await slow.close();
    },
  };
}

const KEY = 'ssh-ed25519 AAAAC3 test@x';
const cloudInit = { ciuser: 'k8s', sshkeys: encodeURIComponent(KEY), ipconfig0: 'ip=10.0.0.5/24,gw=10.0.0.1' };

vmContract('proxmox-mcp-plus 0.6.7, streamable HTTP', () =>
  setup(
    (template) => testProvider('proxmox-mcp-plus', http(), { node: 'pve1', template, ...cloudInit, sshkeys: KEY }),
    { locks: true, cloudInit, disk: undefined },
  ),
);
vmContract('mcp-proxmox 1.2.3, stdio', () =>
  setup(
    (template) =>
      testProvider(
        'mcp-proxmox',
        stdio(),
        {
          template,
          disk: 'scsi0',
          ciuser: cloudInit.ciuser,
          ssh_keys: cloudInit.sshkeys,
          ip_config: cloudInit.ipconfig0,
        },
        { maxCallsAtOnce: 1 },
      ),
    { locks: false, cloudInit, disk: 'scsi0' },
  ),
);

describe('the address of a machine before proxmox-mcp-plus', () => {
  it('is what its guest agent says, and none while that is silent', async () => {
    const vms = testProvider('proxmox-mcp-plus', http(), {});
    const vm = { id: String(FOREIGN_VM), host: 'pve1' };
    await rig.setVm(FOREIGN_VM, { agent: null });
    expect(await vms.addresses(vm)).toEqual([]);
    await rig.setVm(FOREIGN_VM, { agent: {} });
    expect(await vms.addresses(vm)).toEqual(['192.0.2.10']);
    await vms.close();
  });
});

describe.each([
  ['proxmox-mcp-plus', () => testProvider('proxmox-mcp-plus', http(), {})],
  ['mcp-proxmox', () => testProvider('mcp-proxmox', stdio(), {}, { maxCallsAtOnce: 1 })],
] as const)('placement before %s', (_, make) => {
  it('lists the hosts, and clones to another one than the template is on', async () => {
    await rig.slowClones(0);
    const vms = make();
    const { hosts, vms: rows } = await vms.capacity();
    expect(hosts?.map(({ name, online }) => [name, online])).toEqual([
      ['pve1', true],
      ['pve2', true],
    ]);
    expect(rows.find(({ id }) => id === String(FOREIGN_VM))).toMatchObject({ memoryMiB: 8192, usedMiB: 64 });
    const place = { host: 'pve2', template: String(SLOW_TEMPLATE), templateHost: 'pve1', storage: 'ceph-pool' };
    const spec = { ...vmSpec(await vms.freeId(new Set())), place };
    expect(await taskEnd(vms, await vms.clone(spec))).toBe('ok');
    expect(await vms.find(spec.id)).toMatchObject({ name: spec.name, host: 'pve2' });
    expect(await taskEnd(vms, await vms.delete({ id: spec.id, host: 'pve2' }))).toBe('ok');
    await vms.close();
  });
});

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

describe('ownership before mcp-proxmox, which has no tool for tags', () => {
  it('is a switched-off firewall rule of the VM, and without it a VM is not ours', async () => {
    const vms = testProvider('mcp-proxmox', stdio(), { template: QUICK_TEMPLATE }, { maxCallsAtOnce: 1 });
    const server = new McpServer({
      name: 'raw',
      connection: stdio(),
      clock: realClock,
      callTimeoutMs: 10_000,
      maxReplyBytes: 65_536,
      maxCallsAtOnce: 1,
      log: quietLog,
    });
    try {
      const spec = vmSpec(await vms.freeId(new Set()));
      await taskEnd(vms, await vms.clone(spec));
      expect((await vms.find(spec.id))?.tags).toEqual([]);
      // a rule of somebody's that is switched on is no mark of ours, whatever it says
      const vmid = Number(spec.id);
      const rule = { vmid, action: 'ACCEPT', type_: 'in', comment: 'burst-tags=burst;burst-other' };
      await server.call('add_firewall_rule', { ...rule, enable: true });
      expect((await vms.find(spec.id))?.tags).toEqual([]);
      await vms.configure(spec, undefined);
      expect((await vms.find(spec.id))?.tags).toEqual(spec.tags);
      await vms.configure(spec, undefined);
      const rules = async () => (await server.call('list_firewall_rules', { vmid })).text;
      expect((await rules()).match(/burst-test1234/g)).toHaveLength(1);
      expect(await rules()).toContain(spec.name);

      const pos = /"enable": 0,[\s\S]*?"pos": (\d+)/.exec(await rules())?.[1];
      await server.call('delete_firewall_rule', { vmid, pos: Number(pos), confirm: true });
      expect((await vms.find(spec.id))?.tags).toEqual([]);
      await taskEnd(vms, await vms.delete({ id: spec.id, host: undefined }));
    } finally {
      await server.close();
      await vms.close();
    }
  });

  it('says so in its health', async () => {
    const vms = testProvider('mcp-proxmox', stdio(), { template: QUICK_TEMPLATE }, { maxCallsAtOnce: 1 });
    const { text } = await vms.health();
    expect(text).toContain('firewall rule');
    expect(text).toContain('join token');
    await vms.close();
  });

  it('takes a warning for what it is: nothing happened', async () => {
    const profile = builtInProfile('mcp-proxmox');
    const unconfirmed = profile.steps.delete.map((call) => ({ ...call, args: { ...call.args, confirm: false } }));
    const vms = testProvider(
      'mcp-proxmox',
      stdio(),
      { template: QUICK_TEMPLATE },
      {
        maxCallsAtOnce: 1,
        profile: { ...profile, steps: { ...profile.steps, delete: unconfirmed } },
      },
    );
    const spec = vmSpec(await vms.freeId(new Set()));
    await taskEnd(vms, await vms.clone(spec));
    await expect(vms.delete({ id: spec.id, host: undefined })).rejects.toMatchObject({ code: 'provider_failed' });
    expect(await vms.find(spec.id)).toBeDefined();
    await vms.close();
  });
});
