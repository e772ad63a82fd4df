/** Run by the memory bench with --expose-gc: fills the caches from the cluster of a kubeconfig and prints what it took. */
import { setTimeout as delay } from 'node:timers/promises';
import { connectTo } from './cluster.ts';

async function residentBytes(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    globalThis.gc?.();
    await delay(100);
  }
  return process.memoryUsage().rss;
}

const kubeconfigPath = process.argv[2];
if (kubeconfigPath === undefined) throw new Error('usage: node --expose-gc bench/memory-child.ts KUBECONFIG');
const cluster = connectTo(kubeconfigPath);
const emptyBytes = await residentBytes();
await cluster.start(new AbortController().signal);
const fullBytes = await residentBytes();
process.stdout.write(
  JSON.stringify({
    emptyBytes,
    fullBytes,
    nodes: cluster.cachedNodes().length,
    pods: cluster.cachedPods().length,
  }),
);
await cluster.stop();
