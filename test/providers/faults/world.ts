/**
 * The engine and the operations before real MCP servers and a simulated Proxmox VE API, with faults on both sides of the
 * servers. The cluster is in memory and operations live on a clock of their own, which a server's task holds up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { VmProvider } from '../../../src/ports/vm-provider.ts';
import { testProvider } from '../../contract/vm-setup.ts';
import { createHarness, MINUTE, olga } from '../../operations/harness.ts';
import { node } from '../../operations/world.ts';
import { FOREIGN_VM, QUICK_TEMPLATE, SLOW_TEMPLATE, startProxmoxRig } from '../rig.ts';
import type { ProxmoxRig, RigVm } from '../rig.ts';
import { freePort } from '../../e2e/support/http.ts';
import { createApiProxy } from './api-proxy.ts';
import type { ApiProxy } from './api-proxy.ts';
import { createHttpLink } from './http-link.ts';
import { stdioLink } from './link.ts';
import type { Link } from './link.ts';

/** Longest answer of a server, and the rhythm in which what it works on is looked at, in ms of the machine's time. */
const CALL_MS = 2_500;
const LOOK_MS = 40;
const PETS: readonly number[] = [FOREIGN_VM, QUICK_TEMPLATE, SLOW_TEMPLATE];
const TAGS = ['burst', 'burst-test'];

export type ServerName = 'proxmox-mcp-plus' | 'mcp-proxmox';
export type Server = {
  readonly name: ServerName;
  readonly vms: VmProvider;
  readonly slow: VmProvider;
  readonly link: Link;
};
export type Rig = {
  readonly proxmox: ProxmoxRig;
  readonly api: ApiProxy;
  readonly servers: Readonly<Record<ServerName, Server>>;
  stop(): Promise<void>;
};

export async function startRig(): Promise<Rig> {
  const api = createApiProxy(await freePort());
  const proxmox = await startProxmoxRig(api.port);
  await api.aim(proxmox.api.port, proxmox.api.certificate, proxmox.api.key);
  const http = await createHttpLink(
    proxmox.plus.url,
    () => proxmox.killPlus(),
    () => proxmox.startPlus(),
  );
  const folder = mkdtempSync(join(tmpdir(), 'burst-link-'));
  const headers = { Authorization: `Bearer ${proxmox.plus.token}` };
  const stdio = {
    kind: 'stdio',
    command: process.execPath,
    args: [
      fileURLToPath(new URL('stdio-link.ts', import.meta.url)),
      folder,
      proxmox.stdio.command,
      ...proxmox.stdio.args,
    ],
    env: proxmox.stdio.env,
    cwd: proxmox.stdio.cwd,
  } as const;
  const limits = { callTimeoutMs: CALL_MS, maxReplyBytes: 1024 * 1024 };
  const plus = (template: number): VmProvider =>
    paced(
      testProvider('proxmox-mcp-plus', { kind: 'http', url: http.url, headers }, { node: 'pve1', template }, limits),
    );
  const mcp = (template: number): VmProvider =>
    paced(testProvider('mcp-proxmox', stdio, { template }, { ...limits, maxCallsAtOnce: 1 }));
  const servers = {
    'proxmox-mcp-plus': {
      name: 'proxmox-mcp-plus',
      vms: plus(QUICK_TEMPLATE),
      slow: plus(SLOW_TEMPLATE),
      link: http,
    },
    'mcp-proxmox': { name: 'mcp-proxmox', vms: mcp(QUICK_TEMPLATE), slow: mcp(SLOW_TEMPLATE), link: stdioLink(folder) },
  } as const;
  return {
    proxmox,
    api,
    servers,
    async stop() {
      for (const { vms, slow } of Object.values(servers)) {
        await vms.close();
        await slow.close();
      }
      await http.close();
      await api.close();
      await proxmox.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whoever looks at something that is under way takes a moment of the machine's time, in which it goes on. */
function paced(vms: VmProvider): VmProvider {
  return {
    ...vms,
    async task(handle, signal) {
      const state = await vms.task(handle, signal);
      if (state.state === 'running') await delay(LOOK_MS);
      return state;
    },
    async find(id, signal) {
      const vm = await vms.find(id, signal);
      if (vm?.lock !== undefined) await delay(LOOK_MS);
      return vm;
    },
  };
}

export type Case = Awaited<ReturnType<typeof startCase>>;

/** One case: a store and a cluster of its own, and nothing of ours at Proxmox. */
export async function startCase(rig: Rig, server: Server, vms = server.vms) {
  rig.api.mend();
  server.link.mend();
  await rig.proxmox.clearFailures();
  await rig.proxmox.slowClones(0);
  const before = JSON.stringify((await rig.proxmox.vms()).filter(({ id }) => PETS.includes(id)).map(identityOf));
  const h = await createHarness((deps) => ({
    ...deps,
    vms,
    cluster: {
      ...deps.cluster,
      async getNode(name, signal) {
        const machine = (await rig.proxmox.vms()).find((vm) => vm.name === name);
        if (machine?.status === 'running' && !h.world.nodes.has(name))
          h.world.nodes.set(name, node(name, { uid: `uid-${name}`, createdAtMs: h.clock.now() }));
        return deps.cluster.getNode(name, signal);
      },
    },
  }));
  const made = async (): Promise<readonly RigVm[]> =>
    (await rig.proxmox.vms()).filter(({ id, name }) => !PETS.includes(id) && !name.startsWith('pet-'));
  const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
  const asked = { last: '' };
  const ended = async (operationId: string): Promise<{ readonly state: string; readonly why: string }> => {
    asked.last = operationId;
    await h.settle();
    const seen = await h.operations.operation(operationId);
    return { state: seen.operation.state, why: seen.runs[0]?.failure?.message ?? '' };
  };
  const destroy = async (name: string, key = 'go') => {
    const what = { ...request(key), workers: [name], force: false, drainFirst: true };
    return ended((await h.operations.destroy(what)).operation.id);
  };
  return {
    h,
    made,
    destroy,
    async provision() {
      const { operation, runs } = await h.operations.provision({
        ...request('make'),
        count: 1,
        size: 'small',
        ttlHours: 4,
      });
      return { name: runs[0]?.workerName ?? '', ...(await ended(operation.id)) };
    },
    /** What was said of an operation, beside the world. */
    async expectTruth(during: 'provision' | 'destroy', { state, why }: { state: string; why: string }, name: string) {
      // stuck: there is no way back any more, and a person is told why there is none ahead
      expect(during === 'provision' ? ['succeeded', 'failed'] : ['succeeded', 'failed', 'stuck']).toContain(state);
      const there = during === 'provision' ? state === 'succeeded' : state !== 'succeeded';
      const found = await made();
      expect(
        found.map((vm) => vm.name),
        `${state}: ${why}`,
      ).toEqual(there ? [name] : []);
      expect(h.world.nodes.has(name)).toBe(there);
      if (state !== 'succeeded') expect(why).not.toBe('');
      const vm = found[0];
      if (during === 'provision' && vm !== undefined) {
        expect(vm).toMatchObject({ status: 'running' });
        expect([String(vm.config['cores']), String(vm.config['memory'])]).toEqual(['2', '4096']);
        expect((await vms.find(String(vm.id)))?.tags).toEqual(TAGS);
      }
    },
    /** Nothing of ours is without an owner in the books; when the fault is over everything can be removed; nothing foreign was touched. */
    async expectOrder(name: string) {
      for (const vm of await made()) {
        const owner = await h.store.getWorker('main', vm.name);
        expect(owner, `VM ${vm.id} is unowned`).toMatchObject({ vmId: String(vm.id) });
        expect(['active', 'removing']).toContain(owner?.state);
      }
      const changes = rig.api.changes().filter((change) => !/qemu\/\d+\/clone$/.test(change));
      rig.api.mend();
      server.link.mend();
      await rig.proxmox.clearFailures();
      if ((await h.operations.operation(asked.last)).operation.state === 'stuck') {
        await h.operations.retry(asked.last, request('retry'));
        expect(await ended(asked.last)).toMatchObject({ state: 'succeeded' });
      }
      if ((await made()).length > 0) expect(await destroy(name, 'again')).toMatchObject({ state: 'succeeded' });
      await h.clock.advance(5 * MINUTE);
      await h.reaper.tick();
      await h.settle();
      expect((await made()).map((vm) => vm.name)).toEqual([]);
      expect(h.world.nodes.has(name)).toBe(false);
      expect(await h.real.liveRuns()).toEqual([]);
      await this.expectPets(changes);
    },
    async expectPets(changes = rig.api.changes().filter((change) => !/qemu\/\d+\/clone$/.test(change))) {
      const after = (await rig.proxmox.vms()).filter(({ id }) => PETS.includes(id)).map(identityOf);
      expect(JSON.stringify(after)).toBe(before);
      const touched = changes.filter((change) => PETS.some((id) => new RegExp(`/qemu/${id}(/|$)`).test(change)));
      expect(touched).toEqual([]);
    },
    /** Takes away what the case left, so that the next one begins anew. */
    async clear() {
      rig.api.mend();
      server.link.mend();
      for (const { id } of (await rig.proxmox.vms()).filter((vm) => !PETS.includes(vm.id)))
        await rig.proxmox.removeVm(id);
      await h.real.close();
    },
  };
}

const identityOf = ({ id, name, status, template, lock, config }: RigVm) => ({
  id,
  name,
  status,
  template,
  lock,
  config,
});
