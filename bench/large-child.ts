/**
 * Run by the large bench: Burst's adapter and operations in a process of their own, with all of the application loaded. Fills the
 * caches from the cluster of a kubeconfig, lists, and prints figures; then says `ready`, lives with the watch until a line
 * comes on its input, and prints figures again.
 */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { createOperations } from '../src/operations/index.ts';
import { openStore } from '../src/store/index.ts';
import { benchIds, systemClock, timed } from './bench.ts';
import { connectTo } from './cluster.ts';
import { benchDeps } from './product.ts';

// what the product holds in memory besides its caches
await import('../src/app.ts');

const TICK_MS = 5;
const LISTS = 20;
const kubeconfigPath = process.argv[2];
if (kubeconfigPath === undefined) throw new Error('usage: node bench/large-child.ts KUBECONFIG');
const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);

/**
 * How long the event loop was held at most: on the wall clock (which counts what other processes took of the machine too),
 * and in time that this thread computed between two ticks of a timer.
 */
function watchLoop(): () => { readonly wallMs: number; readonly cpuMs: number } {
  const histogram = monitorEventLoopDelay({ resolution: TICK_MS });
  histogram.enable();
  const spent = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let last = spent();
  let longest = 0;
  const timer = setInterval(() => {
    const now = spent();
    longest = Math.max(longest, now - last);
    last = now;
  }, TICK_MS);
  return () => {
    histogram.disable();
    clearInterval(timer);
    return { wallMs: histogram.max / 1e6, cpuMs: longest };
  };
}

const memory = (): { readonly rssBytes: number; readonly peakBytes: number } => ({
  rssBytes: process.memoryUsage.rss(),
  // in KiB on every system
  peakBytes: process.resourceUsage().maxRSS * 1024,
});

const cluster = connectTo(kubeconfigPath);
const store = await openStore({ path: ':memory:', clock: systemClock, ids: benchIds });
const operations = createOperations(benchDeps(cluster, store, () => undefined));
await delay(500);
const before = memory();
const filling = watchLoop();
const fillMs = await timed(() => cluster.start(new AbortController().signal));
await delay(100);
const loop = filling();
const filled = memory();
const lists: number[] = [];
for (let round = 0; round < LISTS; round += 1) {
  lists.push(await timed(() => operations.fleet()));
  await delay(20);
}
print({
  ...{ fillMs, loop, filled, startedBytes: before.rssBytes, lists },
  nodes: cluster.cachedNodes().length,
  pods: cluster.cachedPods().length,
});

const living = watchLoop();
await once(process.stdin, 'data');
const steadyLoop = living();
print({
  loop: steadyLoop,
  steady: memory(),
  seen: cluster.cachedPods().filter((pod) => pod.labels['round'] !== undefined).length,
});
process.stdin.destroy();
await cluster.stop();
await store.close();
