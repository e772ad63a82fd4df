/** The VmProvider contract before the recordings of ry-ops/proxmox-mcp-server, replayed over stdio by a process of its own. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { McpServer } from '../../src/vm/connection.ts';
import { realClock } from '../contract/cluster-setup.ts';
import { quietLog, testProvider } from '../contract/vm-setup.ts';
import { vmContract, type VmSetup } from '../contract/vm-suite.ts';
import { bodyOf, recording } from './replay/recording.ts';

const CLOUD_INIT = {
  ciuser: 'k8s',
  sshkeys: 'ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIJ%20test%40x',
  ipconfig0: 'ip=10.0.0.5/24,gw=10.0.0.1',
  cicustom: 'user=local:snippets/burst-r1.yaml',
};
const world = z.array(z.object({ id: z.number(), status: z.string(), config: z.record(z.string(), z.string()) }));

const stdio = (folder: string) =>
  ({
    kind: 'stdio',
    command: process.execPath,
    args: [fileURLToPath(new URL('replay/server.ts', import.meta.url)), folder],
    env: {},
  }) as const;
const refusals = (folder: string): string =>
  existsSync(join(folder, 'refused')) ? readFileSync(join(folder, 'refused'), 'utf8') : '';

function replayed(): Promise<VmSetup> {
  const folder = mkdtempSync(join(tmpdir(), 'burst-replay-'));
  const other = join(folder, 'slow');
  mkdirSync(other);
  const settings = { node: 'pve1', disk: 'scsi0', storage: 'local-lvm', ...CLOUD_INIT };
  const vms = testProvider('ry-ops-proxmox', stdio(folder), { ...settings, template: 9000 });
  const slow = testProvider('ry-ops-proxmox', stdio(other), { ...settings, template: 9001 });
  return Promise.resolve({
    vms,
    slow,
    foreignId: '100',
    locks: true,
    cloudInit: CLOUD_INIT,
    disk: 'scsi0',
    failNextStart: () => writeFileSync(join(folder, 'fail-start'), ''),
    truth: (id) =>
      Promise.resolve(
        world.parse(JSON.parse(readFileSync(join(folder, 'vms.json'), 'utf8'))).find((vm) => String(vm.id) === id),
      ),
    async close() {
      await vms.close();
      await slow.close();
      const refused = refusals(folder) + refusals(other);
      rmSync(folder, { recursive: true, force: true });
      expect(refused).toBe('');
    },
  });
}

vmContract('ry-ops/proxmox-mcp-server 2.0.0, replayed from its recordings over stdio', replayed);

describe('the replay server', () => {
  let folder: string;
  let server: McpServer;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'burst-replay-'));
    const limits = { callTimeoutMs: 10_000, maxReplyBytes: 65_536, maxCallsAtOnce: 1 };
    server = new McpServer({ name: 'raw', connection: stdio(folder), clock: realClock, log: quietLog, ...limits });
  });
  afterEach(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['get_cluster_resources', {}, /never called/],
    ['get_vm_status', { node: 'pve1', vmid: 100, verbose: true }, /never given verbose/],
    ['set_vm_config', { node: 'pve1', vmid: 100, cipassword: 'x' }, /never given cipassword/],
    ['resize_vm_disk', { node: 'pve1', vmid: 100, disk: 'scsi0', size: '20' }, /never given size like 20/],
    ['set_vm_config', { node: 'pve1', vmid: 100, sshkeys: 'ssh-ed25519 AAAA x' }, /never given sshkeys like/],
  ])('refuses a call of %s that nobody recorded: %j', async (tool, args, why) => {
    await expect(server.call(tool, args)).rejects.toThrow(why);
    expect(refusals(folder)).toMatch(why);
  });

  it('refuses, in the recorded words, what the recorded schema refuses', async () => {
    const text = async (args: Record<string, unknown>): Promise<string> =>
      (await server.call('clone_vm', { node: 'pve1', vmid: 9000, newid: 101, ...args })).text;
    expect(await text({ full: 1 })).toBe("Input validation error: 1 is not of type 'boolean'");
    expect((await server.call('get_vm_status', { node: 'pve1' })).text).toBe(
      "Input validation error: 'vmid' is a required property",
    );
  });

  it('answers the requests of the recorded life as they were answered', async () => {
    /** Ids and times of tasks, and what only a machine that runs has, differ from one day to the next. */
    const settled = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value, (key, item: unknown) => (/^(uptime|starttime|pid|pstart)$/.test(key) ? 0 : item)),
      );
    const tasks = new Map<string, string>();
    let replayedCalls = 0;
    for (const one of recording.quick) {
      // what the recording did besides over a control port: a start that took long, a full storage
      const beside =
        /^(vm_agent|get_task_log|shutdown_vm|get_vm_config)/.test(one.tool) || one.text.includes('storage full');
      const running = one.tool === 'get_task_status' && one.text.includes('"running"');
      const slowStart = one.tool === 'get_vm_status' && one.text.includes('"status": "stopped"');
      const shutdown = one.text.includes('powerdown failed');
      if (beside || running || slowStart || shutdown) continue;
      const upid = one.args['upid'];
      const args = typeof upid === 'string' ? { ...one.args, upid: tasks.get(upid) ?? upid } : one.args;
      const nameless = one.tool === 'clone_vm' && one.args['name'] === undefined;
      const call = nameless
        ? { ...args, name: 'x', full: true }
        : one.tool === 'clone_vm'
          ? { full: true, ...args }
          : args;
      let reply = await server.call(one.tool, call);
      if (one.tool === 'get_task_status')
        await expect
          .poll(async () => {
            reply = await server.call(one.tool, call);
            return reply.text;
          })
          .toContain('"stopped"');
      const expected = bodyOf(one);
      const mine = bodyOf({ ...one, text: reply.text, isError: reply.isError });
      expect(reply.isError, JSON.stringify(one.args)).toBe(one.isError);
      if (typeof expected.data === 'string' && expected.data.startsWith('UPID')) {
        tasks.set(expected.data, String(mine.data));
        expect(String(mine.data).split(':').slice(5)).toEqual(expected.data.split(':').slice(5));
      } else if (one.tool === 'get_task_status')
        expect(settled({ ...(mine.data as object), upid: '' })).toEqual(
          settled({ ...(expected.data as object), upid: '' }),
        );
      else expect(settled(mine)).toEqual(settled(expected));
      replayedCalls += 1;
    }
    expect(replayedCalls).toBeGreaterThan(25);
  });
});
