/** What each built-in profile makes of its server's hosts, and how it asks for a place; replies as the real servers give them. */
import { afterEach, describe, expect, it } from 'vitest';
import type { VmProvider } from '../../../src/ports/vm-provider.ts';
import { startProxmoxSimulator } from '../../../src/sandbox/proxmox/index.ts';
import { cannotPlace } from '../../../src/vm/index.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { builtInProfile, testProvider } from '../../contract/vm-setup.ts';
import { taskEnd, vmSpec } from '../../contract/vm-suite.ts';
import { startTestServer, text, type Answer } from './server.ts';

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
async function before(profile: string, answers: Readonly<Record<string, Answer>>): Promise<VmProvider> {
  const server = await startTestServer(answers);
  const vms = testProvider(profile, { kind: 'http', url: server.url, headers: {} }, { node: 'pve1', template: 9000 });
  endings.push(
    () => server.down(),
    () => vms.close(),
  );
  return vms;
}

const PLUS_NODES = `[node] Proxmox Nodes

[node] pve1
  - Status: ONLINE
  - Uptime: [uptime] 1h
  - CPU Cores: 0
  - Memory: 512.00 MB / 62.50 GB (3.2%)
  - Disk: 1.00 GB / 2.00 GB (50.0%)

[node] pve2
  - Status: OFFLINE
  - Uptime: [uptime] 0m
  - CPU Cores: N/A
  - Memory: 0.00 B / 0.00 B (0.0%)`;
const PLUS_VMS = `[vm] Virtual Machines

[vm] k8s-worker-template (ID: 9000)
  - Status: STOPPED
  - Node: pve1
  - CPU Cores: 2
  - Memory: 0.00 B / 2.00 GB (0.0%)

[vm] pet-db (ID: 100)
  - Status: RUNNING
  - Node: pve2
  - CPU Cores: 4
  - Memory: 64.00 MB / 8.00 GB (0.8%)`;

describe('the hosts', () => {
  it('of proxmox-mcp-plus, from prose', async () => {
    const vms = await before('proxmox-mcp-plus', { get_nodes: () => PLUS_NODES, get_vms: () => PLUS_VMS });
    const { hosts, vms: rows } = await vms.capacity();
    expect(hosts).toEqual([
      { name: 'pve1', online: true, memoryMiB: 64_000, usedMiB: 512, storages: undefined },
      { name: 'pve2', online: false, memoryMiB: undefined, usedMiB: 0, storages: undefined },
    ]);
    expect(rows.map(({ id, host, memoryMiB, usedMiB }) => [id, host, memoryMiB, usedMiB])).toEqual([
      ['9000', 'pve1', 2048, 0],
      ['100', 'pve2', 8192, 64],
    ]);
  });

  it('of mcp-proxmox, whose sizes are rounded: less rather than more', async () => {
    const node = (name: string, status: string, memory_total: string) => ({
      node: name,
      status,
      memory_used: '2.0 GB',
      memory_total,
    });
    const storage = (name: string, at: string, available: string, enabled = true) => ({
      storage: name,
      node: at,
      enabled,
      shared: name === 'ceph',
      available,
    });
    const vms = await before('mcp-proxmox', {
      list_nodes: () => text([node('pve1', 'online', '8.0 GB'), node('pve2', 'offline', '1.5 TB')]),
      list_storages: () =>
        text({
          total: 4,
          storages: [
            storage('local', 'pve1', '1.5 GB'),
            storage('ceph', 'pve1', 'N/A'),
            storage('off', 'pve1', '1.0 GB', false),
            storage('ceph', 'pve2', '2.0 TB'),
          ],
        }),
      list_templates: () => text([{ vmid: 9000 }]),
      list_vms: () =>
        text([
          { vmid: 9000, name: 't', node: 'pve1', status: 'stopped', memory_used: '0.0 B', memory_total: '2.0 GB' },
        ]),
    });
    const { hosts, vms: rows } = await vms.capacity();
    expect(hosts?.map(({ memoryMiB, ...rest }) => ({ ...rest, memoryMiB: Math.round(memoryMiB ?? 0) }))).toEqual([
      {
        name: 'pve1',
        online: true,
        memoryMiB: Math.round(7.9 * 1024),
        usedMiB: 2048,
        storages: [
          { name: 'local', freeMiB: 1536, shared: false },
          { name: 'ceph', freeMiB: undefined, shared: true },
        ],
      },
      {
        name: 'pve2',
        online: false,
        memoryMiB: Math.round(1.4 * 1024 * 1024),
        usedMiB: 2048,
        storages: [{ name: 'ceph', freeMiB: 2 * 1024 * 1024, shared: true }],
      },
    ]);
    expect(rows[0]).toMatchObject({ id: '9000', template: true, host: 'pve1', memoryMiB: 2048, usedMiB: 0 });
  });

  it.each([
    ['no hosts', text({ data: [] })],
    ['prose', 'all is well'],
    ['a row without a name', text({ data: [{ type: 'node', status: 'online' }] })],
  ])('%s is unknown, never "no room"', async (_, reply) => {
    const vms = await before('ry-ops-proxmox', {
      get_cluster_resources: () => reply,
      list_vms: () => text({ data: [{ vmid: 9000, name: 't', node: 'pve1', status: 'stopped', template: 1 }] }),
    });
    await expect(vms.capacity()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('before the simulated Proxmox', () => {
  const times = { cloneMs: 20, startMs: 20, shutdownMs: 20 };
  async function simulated() {
    const sim = await startProxmoxSimulator({ clock: realClock, ...times });
    const vms = testProvider('ry-ops-proxmox', { kind: 'http', url: sim.mcpUrl, headers: {} }, {});
    endings.push(
      () => sim.close(),
      () => vms.close(),
    );
    return { sim, vms };
  }

  it('the default profile says what hosts and storages have, and who is offline', async () => {
    const { sim, vms } = await simulated();
    const { hosts } = await vms.capacity();
    expect(hosts?.[0]).toEqual({
      name: 'pve1',
      online: true,
      memoryMiB: 65_536,
      usedMiB: 2048 + 4096 + 2048,
      storages: [
        { name: 'ceph', freeMiB: (8192 - 8) * 1024, shared: true },
        { name: 'local-lvm', freeMiB: 350 * 1024, shared: false },
      ],
    });
    sim.setFault('host_offline', true);
    expect((await vms.capacity()).hosts?.map(({ online }) => online)).toEqual([true, false, true]);
  });

  it('a clone goes to the host, and its network card to the bridge and the VLAN', async () => {
    const { sim, vms } = await simulated();
    const place = { host: 'pve3', template: '9000', templateHost: 'pve1', bridge: 'vmbr7', vlan: 40 };
    const spec = { ...vmSpec('300'), place };
    await taskEnd(vms, await vms.clone(spec));
    for (let again = 0; again < 2; again += 1) {
      const made = await vms.find('300');
      expect(made?.host).toBe('pve3');
      await vms.configure(spec, made?.host);
      expect(sim.pve.vms.get(300)?.config['net0']).toBe('virtio=BC:24:11:00:00:01,bridge=vmbr7,tag=40');
    }
    const { bridge: _bridge, ...only } = place;
    await vms.configure({ ...spec, place: { ...only, vlan: 41 } }, 'pve3');
    expect(sim.pve.vms.get(300)?.config['net0']).toBe('virtio=BC:24:11:00:00:01,bridge=vmbr7,tag=41');
    await vms.configure(vmSpec('300'), 'pve3');
    expect(sim.pve.vms.get(300)?.config['net0']).toBe('virtio=BC:24:11:00:00:01,bridge=vmbr7,tag=41');
  });

  it('a clone to a host that is offline, or from local storage to another host, is refused', async () => {
    const { sim, vms } = await simulated();
    const spec = (host: string, template = '9000') => ({
      ...vmSpec('301'),
      place: { host, template, templateHost: 'pve1' },
    });
    sim.setFault('host_offline', true);
    await expect(vms.clone(spec('pve2'))).rejects.toThrow(/No route to host/);
    await expect(vms.clone(spec('pve9'))).rejects.toThrow(/no such cluster node/);
    await expect(vms.clone(spec('pve3', '100'))).rejects.toThrow(/uses local storage/);
    expect(sim.pve.vms.has(301)).toBe(false);
  });
});

describe("a machine's addresses", () => {
  const one = (address: string, type = 'ipv4') => ({ 'ip-address': address, 'ip-address-type': type, prefix: 24 });
  const face = (name: string, ...addresses: unknown[]) => ({ name, 'hardware-address': '', 'ip-addresses': addresses });
  it.each<[string, Answer, readonly string[]]>([
    [
      'those that others reach',
      () =>
        text({
          data: {
            result: [
              face('lo', one('127.0.0.1'), one('::1', 'ipv6')),
              face('eth0', one('192.0.2.10'), one('fe80::1', 'ipv6')),
              face('eth1', one('169.254.1.1')),
              { name: 'down' },
              face('eth2', one('192.0.2.11')),
            ],
          },
        }),
      ['192.0.2.10', '192.0.2.11'],
    ],
    ['none yet', () => text({ data: { result: [face('lo', one('127.0.0.1'))] } }), []],
    [
      'none while the agent is silent',
      () => text({ error: "Server error '500 QEMU guest agent is not running' for url 'https://pve/x'" }),
      [],
    ],
  ])('%s', async (_, answer, expected) => {
    const vms = await before('ry-ops-proxmox', { vm_agent_get_network_interfaces: answer });
    expect(await vms.addresses({ id: '101', host: 'pve1' })).toEqual(expected);
  });
});

describe('what a profile has no way to ask for', () => {
  it.each([
    ['ry-ops-proxmox', []],
    ['mcp-proxmox', ['pool', 'bridge', 'vlan']],
    ['proxmox-mcp-plus', ['vlan']],
  ])('%s: %j', (profile, expected) => {
    expect(cannotPlace(builtInProfile(profile), ['host', 'template', 'storage', 'pool', 'bridge', 'vlan'])).toEqual(
      expected,
    );
  });
});
