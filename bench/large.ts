import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { assetsFolder } from '../test/cluster/control-plane.ts';
import { median, ratio, timed } from './bench.ts';
import type { Bench, Result } from './bench.ts';
import { kubectl } from './cluster.ts';
import { startFullCluster } from './large-cluster.ts';
import type { FullCluster } from './large-cluster.ts';

const NODES = 5_000;
const PODS = 50_000;
const ROUNDS = 3;
const CHURN = 5_000;
const STEADY_MS = 30_000;
const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
const whole = (value: number): string => `${value.toFixed(1)} ms`;

const loop = z.object({ wallMs: z.number(), cpuMs: z.number() });
const memory = z.object({ rssBytes: z.number(), peakBytes: z.number() });
const filledSchema = z.object({
  fillMs: z.number(),
  loop,
  filled: memory,
  startedBytes: z.number(),
  lists: z.array(z.number()),
  nodes: z.number(),
  pods: z.number(),
});
const steadySchema = z.object({ loop, steady: memory, seen: z.number() });
type Round = {
  readonly filled: z.infer<typeof filledSchema>;
  readonly steady: z.infer<typeof steadySchema> | undefined;
};

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const BUILT = path('../node_modules/.cache/burst-bench/');

/** As the Dockerfile says. */
const MEMORY = ['--max-semi-space-size=8', '--heap-growing-percent=70'];

/** Compiles the process that is measured, as the image has it: reading TypeScript costs Node memory of its own. */
async function build(): Promise<string> {
  await promisify(execFile)(process.execPath, [
    path('../node_modules/typescript/bin/tsc'),
    '-p',
    path('tsconfig.json'),
  ]);
  await copyFile(path('../package.json'), `${BUILT}package.json`);
  return `${BUILT}bench/large-child.js`;
}

/** Burst's adapter in a process of its own; with `live` also half a minute with the watch while pods change. */
async function burst(program: string, full: FullCluster, live: boolean): Promise<Round> {
  const child = spawn(process.execPath, [...MEMORY, program, full.kubeconfigPath], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('the process with the caches ended early');
    return JSON.parse(line.value) as unknown;
  };
  try {
    const filled = filledSchema.parse(await next());
    if (filled.nodes < NODES || filled.pods < PODS)
      throw new Error(`the cache holds ${filled.nodes} nodes and ${filled.pods} pods`);
    if (live) {
      await full.churn(CHURN);
      await delay(STEADY_MS);
    }
    child.stdin.write('go\n');
    const steady = steadySchema.parse(await next());
    await ended;
    return { filled, steady: live ? steady : undefined };
  } finally {
    child.kill();
  }
}

function figures(rounds: readonly Round[], theirs: readonly number[]): readonly Result[] {
  const fill = median(rounds.map(({ filled }) => filled.fillMs));
  const worst = (of: (round: Round) => number): number => Math.max(...rounds.map(of));
  const steady = rounds.flatMap((round) => round.steady ?? []);
  const results: Result[] = [
    { name: 'large, kubectl get pods -A -o json', value: seconds(median(theirs)), goal: '-' },
    { name: 'large, caches filled', value: seconds(fill), goal: '-' },
    { name: 'large, filled against kubectl', value: ratio(fill / median(theirs)), goal: '<= 1' },
    { name: 'large, RSS before', value: mib(median(rounds.map(({ filled }) => filled.startedBytes))), goal: '-' },
    { name: 'large, RSS once filled', value: mib(worst(({ filled }) => filled.filled.rssBytes)), goal: '<= 400 MiB' },
    {
      name: 'large, highest RSS until then',
      value: mib(worst(({ filled }) => filled.filled.peakBytes)),
      goal: '<= 400 MiB',
    },
    ...steady.flatMap((one): Result[] => [
      { name: 'large, RSS steady', value: mib(one.steady.rssBytes), goal: '<= 300 MiB' },
      { name: `large, pods whose change the watch brought`, value: `${one.seen} of ${CHURN}`, goal: `${CHURN}` },
      { name: 'large, loop held while steady, wall clock', value: whole(one.loop.wallMs), goal: '<= 50 ms' },
      { name: 'large, loop held while steady, own computing', value: whole(one.loop.cpuMs), goal: '<= 50 ms' },
    ]),
    {
      name: 'large, loop held while filling, wall clock',
      value: whole(worst(({ filled }) => filled.loop.wallMs)),
      goal: '<= 50 ms',
    },
    {
      name: 'large, loop held while filling, own computing',
      value: whole(worst(({ filled }) => filled.loop.cpuMs)),
      goal: '<= 50 ms',
    },
    {
      name: 'large, list, median',
      value: whole(median(rounds.flatMap(({ filled }) => filled.lists))),
      goal: '<= 50 ms',
    },
    { name: 'large, list, slowest', value: whole(worst(({ filled }) => Math.max(...filled.lists))), goal: '<= 50 ms' },
  ];
  return results;
}

export const large: Bench = {
  name: 'large',
  how:
    `${NODES} nodes and ${PODS} pods on a real API server and etcd (KUBEBUILDER_ASSETS; made directly, minutes). Burst's ` +
    `process with all of its modules fills its caches, against \`kubectl get pods -A -o json\`; medians of ${ROUNDS} ` +
    `interleaved rounds after one fill that is not counted, memory and loop the worst of them. Steady: ${STEADY_MS / 1000} s after ${CHURN} pods changed. List: what \`/burst list\` asks for.`,
  async run() {
    try {
      assetsFolder();
    } catch (error) {
      return { skipped: error instanceof Error ? error.message : String(error) };
    }
    const program = await build();
    const full = await startFullCluster(NODES, PODS);
    try {
      const theirs: number[] = [];
      const rounds: Round[] = [];
      // the first one reads the program from the disk, and memory that the machine has to find for it
      await burst(program, full, false);
      for (let round = 0; round < ROUNDS; round += 1) {
        theirs.push(await timed(() => kubectl(full.kubeconfigPath, ['get', 'pods', '-A', '-o', 'json'], full.kubectl)));
        rounds.push(await burst(program, full, round === ROUNDS - 1));
      }
      return figures(rounds, theirs);
    } finally {
      await full.stop();
    }
  },
};
