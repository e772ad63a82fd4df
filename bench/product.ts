/** What the benches that run operations give them: the product's defaults, and no VM provider. */
import type { ServiceDeps } from '../src/operations/index.ts';
import type { Cluster } from '../src/ports/cluster.ts';
import type { Store } from '../src/ports/store.ts';
import type { VmProvider } from '../src/ports/vm-provider.ts';
import { plainPolicies } from '../test/contract/policies.ts';
import { benchIds, systemClock } from './bench.ts';

const noVms = new Proxy({} as VmProvider, {
  // what is there on some providers only is not there on this one
  get: (_, key) =>
    key === 'away'
      ? undefined
      : (): never => {
          throw new Error('this bench asks nothing of the VM provider');
        },
});

export const benchDeps = (cluster: Cluster, store: Store, submitted: () => void): ServiceDeps => ({
  cluster,
  vms: noVms,
  store,
  clock: systemClock,
  ids: benchIds,
  drain: {
    gracePeriodSeconds: -1,
    timeoutMs: 600_000,
    ignoreDaemonSets: true,
    deleteEmptyDirData: true,
    force: false,
    skipWaitForDeleteMs: 30_000,
    permanentWorkers: false,
    volumeDetachTimeoutMs: 10_000,
    maxEvictionsAtOnce: 20,
  },
  ...plainPolicies,
  renderJoin: () => ({ userData: '', joinCommand: '' }),
  ownerTag: 'burst-bench',
  pollMs: 5000,
  submitted,
});
