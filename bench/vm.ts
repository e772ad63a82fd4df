import { startProxmoxSimulator } from '../src/sandbox/proxmox/index.ts';
import { createVmProvider, readProfile } from '../src/vm/index.ts';
import { readFileSync } from 'node:fs';
import type { VmSpec } from '../src/ports/vm-provider.ts';
import { median, ratio, systemClock } from './bench.ts';
import type { Bench } from './bench.ts';

const CLONE_MS = 5_000;
const POLL_MS = 500;
const ROUNDS = 3;
const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Makes `count` VMs at once and removes them. @returns ms until all ran, and calls for each of them from clone to gone. */
async function lives(count: number): Promise<{ readonly readyMs: number; readonly calls: number }> {
  const sim = await startProxmoxSimulator({ clock: systemClock, cloneMs: CLONE_MS, startMs: 500, shutdownMs: 500 });
  const vms = createVmProvider({
    name: 'proxmox',
    profile: readProfile('ry-ops-proxmox', () =>
      readFileSync(new URL('../config/providers/ry-ops-proxmox.yaml', import.meta.url), 'utf8'),
    ),
    settings: { node: 'pve1', template: 9000 },
    connection: { kind: 'http', url: sim.mcpUrl, headers: {} },
    clock: systemClock,
    callTimeoutMs: 30_000,
    maxReplyBytes: 4 * 1024 * 1024,
    maxCallsAtOnce: 8,
    log,
  });
  const ended = async (handle: string | undefined): Promise<void> => {
    while (handle !== undefined) {
      const state = await vms.task(handle);
      if (state.state === 'ok') return;
      if (state.state === 'failed') throw new Error(state.message);
      await systemClock.sleep(POLL_MS);
    }
  };
  const make = async (id: string, index: number): Promise<string> => {
    const spec: VmSpec = {
      id,
      name: `burst-bench-${index}`,
      size: { name: 'small', cpus: 2, memoryMiB: 4096, diskGiB: 50 },
      tags: ['burst', 'burst-bench'],
      description: `worker=burst-bench-${index}`,
      join: { userData: '', joinCommand: '', token: '' },
    };
    await ended(await vms.clone(spec));
    const made = await vms.find(id);
    await ended(await vms.configure(spec, made?.host));
    await vms.find(id);
    await ended(await vms.start({ id, host: made?.host }));
    if ((await vms.find(id))?.state !== 'running') throw new Error(`VM ${id} does not run`);
    return id;
  };
  try {
    await vms.connect(new AbortController().signal);
    const start = performance.now();
    const taken = new Set<string>();
    for (let index = 0; index < count; index += 1) taken.add(await vms.freeId(taken));
    await Promise.all([...taken].map(make));
    const readyMs = performance.now() - start;
    await Promise.all(
      [...taken].map(async (id) => {
        const at = { id, host: (await vms.find(id))?.host };
        await ended(await vms.stop(at));
        await vms.find(id);
        await ended(await vms.delete(at));
        if ((await vms.find(id)) !== undefined) throw new Error(`VM ${id} is still there`);
      }),
    );
    return { readyMs, calls: sim.requests().length / count };
  } finally {
    await vms.close();
    await sim.close();
  }
}

export const vm: Bench = {
  name: 'vm',
  how:
    `Ten VMs at once against one, from the id to "running", over MCP before the simulated Proxmox with a clone of ` +
    `${CLONE_MS / 1000} s, tasks looked at every ${POLL_MS} ms; medians of ${ROUNDS} interleaved rounds. Calls count a whole life, looks at tasks included.`,
  async run() {
    const one: number[] = [];
    const ten: number[] = [];
    const calls = { one: 0, ten: 0 };
    for (let round = 0; round < ROUNDS; round += 1) {
      const single = await lives(1);
      const many = await lives(10);
      one.push(single.readyMs);
      ten.push(many.readyMs);
      calls.one = single.calls;
      calls.ten = many.calls;
    }
    const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
    return [
      { name: 'vm, one', value: seconds(median(one)), goal: '-' },
      { name: 'vm, ten at once', value: seconds(median(ten)), goal: '-' },
      { name: 'vm, ten against one', value: ratio(median(ten) / median(one)), goal: '<= 1.3' },
      { name: 'vm, calls per life (one)', value: calls.one.toFixed(1), goal: '-' },
      { name: 'vm, calls per life (ten at once)', value: calls.ten.toFixed(1), goal: '-' },
      { name: 'vm, calls per life, ten against one', value: ratio(calls.ten / calls.one), goal: '<= 1.1' },
    ];
  },
};
