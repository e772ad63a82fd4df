import { median, ms, ratio, timed } from './bench.ts';
import type { Bench } from './bench.ts';
import { connectTo, hasKubectl, kubectl, startLargeCluster } from './cluster.ts';

const NODES = 5_000;
const ROUNDS = 7;

export const list: Bench = {
  name: 'list',
  how:
    `Listing ${NODES} nodes from the adapter's cache against \`kubectl get nodes -o json\`, both on the simulated API ` +
    `server, interleaved; medians of ${ROUNDS} rounds. kubectl's time has its start and the transfer in it: the cache is what saves them.`,
  async run() {
    if (!(await hasKubectl())) return { skipped: 'there is no kubectl on this machine' };
    const large = await startLargeCluster(NODES, 0);
    const cluster = connectTo(large.kubeconfigPath);
    try {
      await cluster.start(new AbortController().signal);
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        ours.push(
          await timed(() => {
            const nodes = cluster.cachedNodes();
            if (nodes.length < NODES) throw new Error(`the cache holds ${nodes.length} nodes`);
          }),
        );
        theirs.push(await timed(() => kubectl(large.kubeconfigPath, ['get', 'nodes', '-o', 'json'])));
      }
      return [
        { name: 'list, from the cache', value: ms(median(ours)), goal: '-' },
        { name: 'list, kubectl', value: ms(median(theirs)), goal: '-' },
        { name: 'list, cache against kubectl', value: ratio(median(ours) / median(theirs)), goal: '<= 0.05' },
      ];
    } finally {
      await cluster.stop();
      await large.close();
    }
  },
};
