/** What the benches that run operations give them: the product's defaults, and no VM provider. */
import { NO_PLACEMENT } from '../src/domain/placement.ts';
import type { ServiceDeps } from '../src/operations/index.ts';
import type { Cluster } from '../src/ports/cluster.ts';
import type { Store } from '../src/ports/store.ts';
import type { VmProvider } from '../src/ports/vm-provider.ts';
import { benchIds, systemClock } from './bench.ts';

export const LABEL = { key: 'worker-type', value: 'burst' };

const noVms = new Proxy({} as VmProvider, {
  get: () => (): never => {
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
  safety: { label: LABEL, ttlAnnotation: 'worker-ttl', requireDrainBeforeDestroy: true, protectedPatterns: [] },
  workers: {
    namePrefix: 'burst',
    maxBurstWorkers: 10,
    maxPerRequest: 10,
    defaultTtlHours: 24,
    minTtlHours: 1,
    maxTtlHours: 168,
    defaultSize: 'small',
    sizes: new Map([['small', { name: 'small', cpus: 2, memoryGiB: 4, diskGiB: 50 }]]),
    joinTimeoutMs: 60_000,
    readyTimeoutMs: 60_000,
    extraLabels: {},
  },
  placement: NO_PLACEMENT,
  sharedWith: ['main'],
  joinToken: { kind: 'bootstrap', ttlMs: 3_600_000 },
  renderJoin: () => ({ userData: '', joinCommand: '' }),
  ownerTag: 'burst-bench',
  pollMs: 5000,
  submitted,
});
