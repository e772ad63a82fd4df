/** What operations on a cluster are given where a test or bench is not about it: the product's defaults, with short waits to join. */
import { NO_PLACEMENT } from '../../src/domain/placement.ts';
import type { ServiceDeps } from '../../src/operations/index.ts';

export const LABEL = { key: 'worker-type', value: 'burst' };

export const plainPolicies: Pick<ServiceDeps, 'safety' | 'workers' | 'placement' | 'sharedWith' | 'joinToken'> = {
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
};
