/** The engine and the operations before a real MCP link: the simulated Proxmox and its server, with a cluster in memory. */
import { startProxmoxSimulator } from '../../src/sandbox/proxmox/index.ts';
import type { PveVm } from '../../src/sandbox/proxmox/pve.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { realClock } from '../contract/cluster-setup.ts';
import { testProvider } from '../contract/vm-setup.ts';
import { createHarness, type Harness } from './harness.ts';
import { node } from './world.ts';

/** Longest answer of the link, ms of the machine's time; operations live on a clock of their own. */
const CALL_MS = 250;

/** What the server is let in with. */
export const SERVER_SECRET = 'rig-secret-0815-4711';

export type Rig = {
  readonly h: Harness;
  readonly sim: Awaited<ReturnType<typeof startProxmoxSimulator>>;
  /** What the link logged. */
  readonly logged: readonly string[];
  /** VMs that were not there at the beginning. */
  readonly made: () => readonly PveVm[];
  /** What belongs to others, as a text to compare. */
  readonly pets: () => string;
  /** Ids that a changing call named, though they belong to others. */
  readonly trespasses: () => readonly string[];
  readonly end: () => Promise<void>;
};

export async function createRig(cloneMs = 2500): Promise<Rig> {
  const bound: { clock?: Clock; world?: Harness['world'] } = {};
  const clock: Clock = {
    now: () => bound.clock?.now() ?? 0,
    sleep: (ms, signal) => bound.clock?.sleep(ms, signal) ?? Promise.resolve(),
  };
  const sim = await startProxmoxSimulator({
    clock,
    cloneMs,
    onMachine: (name, running) => {
      const world = bound.world;
      if (running && world !== undefined && world.joins && name.startsWith('burst-'))
        world.nodes.set(name, node(name, { uid: `uid-${name}-${clock.now()}`, createdAtMs: clock.now() }));
    },
  });
  const logged: string[] = [];
  const note = (fields: Record<string, unknown>, message: string): void => {
    const { err } = fields;
    logged.push(`${message} ${JSON.stringify(fields)} ${err instanceof Error ? (err.stack ?? '') : ''}`);
  };
  const vms = testProvider(
    'ry-ops-proxmox',
    { kind: 'http', url: sim.mcpUrl, headers: { Authorization: `Bearer ${SERVER_SECRET}` } },
    { node: 'pve1', template: 9000 },
    // connecting waits on the machine's clock, for the link is real
    {
      clock: realClock,
      callTimeoutMs: CALL_MS,
      maxReplyBytes: 1024 * 1024,
      maxCallsAtOnce: 16,
      log: { debug: note, info: note, warn: note, error: note },
    },
  );
  const h = await createHarness((deps) => {
    bound.clock = deps.clock;
    return { ...deps, vms };
  });
  bound.world = h.world;
  const others = new Map([...sim.pve.vms].map(([id, vm]) => [id, vm]));
  return {
    h,
    sim,
    logged,
    made: () => [...sim.pve.vms.values()].filter((vm) => !others.has(vm.id)),
    pets: () => JSON.stringify([...others.keys()].map((id) => sim.pve.vms.get(id))),
    trespasses: () =>
      sim
        .requests()
        .filter(({ tool, args }) => /^(set|resize|start|stop|delete)_vm/.test(tool) && others.has(Number(args['vmid'])))
        .map(({ tool, args }) => `${tool} ${String(args['vmid'])}`),
    async end() {
      await vms.close();
      await sim.close();
    },
  };
}
