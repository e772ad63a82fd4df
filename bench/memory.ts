import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ratio } from './bench.ts';
import type { Bench, Result } from './bench.ts';
import { hasKubectl, kubectl, startLargeCluster } from './cluster.ts';

const NODES = 5_000;
const PODS_PER_NODE = 10;
const MIB = 1024 * 1024;
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(0)} MiB`;

const answerSchema = z.object({ emptyBytes: z.number(), fullBytes: z.number(), nodes: z.number(), pods: z.number() });

export const memory: Bench = {
  name: 'memory',
  how:
    `Resident memory of a process whose adapter caches ${NODES} nodes and ${NODES * PODS_PER_NODE} pods, after garbage ` +
    `collection, and how much of it the caches added; against the JSON of the two lists, and kubectl's peak while it prints the pods.`,
  async run() {
    const large = await startLargeCluster(NODES, PODS_PER_NODE);
    try {
      const child = fileURLToPath(new URL('memory-child.ts', import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, large.kubeconfigPath]);
      const measured = answerSchema.parse(JSON.parse(stdout));
      if (measured.nodes < NODES || measured.pods < NODES * PODS_PER_NODE)
        throw new Error(`the cache holds ${measured.nodes} nodes and ${measured.pods} pods`);
      const added = measured.fullBytes - measured.emptyBytes;
      const json = (await large.jsonBytes('/api/v1/nodes')) + (await large.jsonBytes('/api/v1/pods'));
      const results: Result[] = [
        { name: 'memory, whole process', value: mib(measured.fullBytes), goal: '-' },
        { name: 'memory, added by the caches', value: mib(added), goal: '-' },
        { name: 'memory, added against the lists as JSON', value: ratio(added / json), goal: '-' },
      ];
      if (await hasKubectl()) {
        const peak = await kubectl(large.kubeconfigPath, ['get', 'pods', '--all-namespaces', '-o', 'json']);
        if (peak !== undefined)
          results.push(
            { name: 'memory, kubectl', value: mib(peak), goal: '-' },
            {
              name: 'memory, whole process against kubectl',
              value: ratio(measured.fullBytes / peak),
              goal: '<= 1',
            },
          );
      }
      return results;
    } finally {
      await large.close();
    }
  },
};
