/** `burst provider try` before the simulated Proxmox: it makes, shows and removes one VM, however it ends. */
import { afterEach, describe, expect, it } from 'vitest';
import { NO_PLACEMENT } from '../../../src/domain/placement.ts';
import { startProxmoxSimulator } from '../../../src/sandbox/proxmox/index.ts';
import { tryProvider } from '../../../src/try-provider.ts';
import type { Traced } from '../../../src/vm/index.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { testProvider } from '../../contract/vm-setup.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function trial(cloneMs = 40, placement = NO_PLACEMENT) {
  const sim = await startProxmoxSimulator({ clock: realClock, cloneMs, startMs: 20, shutdownMs: 20 });
  ends.push(() => sim.close());
  const traced: Traced[] = [];
  const vms = testProvider(
    'ry-ops-proxmox',
    { kind: 'http', url: sim.mcpUrl, headers: {} },
    { node: 'pve1', template: 9000 },
    { trace: (one) => void traced.push(one), callTimeoutMs: 400 },
  );
  ends.push(() => vms.close());
  const stop = new AbortController();
  const lines: string[] = [];
  const run = () =>
    tryProvider({
      vms,
      clock: realClock,
      name: 'burst-try-abc',
      size: { name: 'small', cpus: 1, memoryMiB: 512, diskGiB: 8 },
      placement,
      print: (line) => void lines.push(line),
      signal: stop.signal,
      pollMs: 10,
    });
  const before = [...sim.pve.vms.keys()];
  return {
    sim,
    vms,
    traced,
    stop,
    lines,
    run,
    left: () => [...sim.pve.vms.keys()].filter((id) => !before.includes(id)),
  };
}

describe('provider try', () => {
  it('shows the VM, prints every call, and leaves nothing', async () => {
    const { run, lines, traced, left, sim } = await trial();
    expect(await run()).toBe(true);
    expect(lines.join('\n')).toMatch(
      /VM 102: name burst-try-abc, host pve1, running, tags \[burst-try, burst-try-abc\]/,
    );
    expect(left()).toEqual([]);
    expect(traced.map(({ tool }) => tool)).toEqual(sim.requests().map(({ tool }) => tool));
    expect(traced.find(({ tool }) => tool === 'clone_vm')?.reply).toContain('UPID:');
  });

  it('places the VM as workers are placed', async () => {
    const base = { hosts: ['pve3'], templates: ['9000'], templatesShared: true };
    const { run, lines, left } = await trial(40, { ...NO_PLACEMENT, target: 'fixed', base });
    expect(await run()).toBe(true);
    expect(lines.join('\n')).toMatch(/placed on pve3[^]*host pve3, running/);
    expect(left()).toEqual([]);
  });

  it('removes the VM when it is interrupted in the middle of the clone', async () => {
    const { run, lines, left, stop, sim } = await trial(300);
    const running = run();
    await expect.poll(() => sim.pve.vms.has(102)).toBe(true);
    stop.abort(new Error('interrupted'));
    expect(await running).toBe(false);
    expect(lines.join('\n')).toContain('# interrupted');
    expect(left()).toEqual([]);
  });

  it.each([
    ['the clone', 'clone_vm'],
    ['the configuration', 'set_vm_config'],
    ['the start', 'start_vm'],
  ])('removes the VM when the answer to %s is lost', async (_, tool) => {
    const { run, left, sim } = await trial();
    sim.inject({ tool, times: 1, lose: true });
    expect(await run()).toBe(false);
    expect(left()).toEqual([]);
  });

  it('says what is left when it cannot be removed', async () => {
    const { run, lines, left, sim } = await trial();
    sim.inject({ tool: 'delete_vm', times: 9, fail: 'Client error 403 Forbidden' });
    expect(await run()).toBe(false);
    expect(lines.at(-1)).toMatch(/LEFT BEHIND: VM 102, called burst-try-abc/);
    expect(left()).toEqual([102]);
  });

  it('does not touch a VM of another name at its id', async () => {
    const { run, lines, sim } = await trial();
    sim.inject({
      tool: 'get_task_status',
      times: 1,
      meanwhile: (pve) => pve.put(102, 'somebody-elses', false, 'running', {}),
    });
    expect(await run()).toBe(false);
    expect(sim.pve.vms.get(102)).toMatchObject({ name: 'somebody-elses', status: 'running' });
    expect(lines.join('\n')).toMatch(/SAFETY VIOLATION|nothing is left/);
  });
});
