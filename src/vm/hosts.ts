/** What a profile's `hosts` step gives. Invariant: a number that cannot be read is unknown, never 0. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { HostFacts } from '../domain/placement.ts';

const amount = z.number().min(0).nullish();
const hostSchema = z.object({
  name: z.string().min(1),
  online: z.boolean(),
  memoryMiB: amount,
  usedMiB: amount,
  storages: z.array(z.object({ name: z.string(), freeMiB: amount, shared: z.boolean().default(false) })).nullish(),
});

/** @throws BurstError `unavailable` for rows that cannot be read, or none: there must be one host at least. */
export function hostsFrom(rows: unknown, server: string): readonly HostFacts[] {
  const parsed = z.array(hostSchema).min(1).safeParse(rows);
  if (!parsed.success) throw new BurstError('unavailable', `${server}: the list of its hosts could not be read.`);
  return parsed.data.map(({ name, online, memoryMiB, usedMiB, storages }) => ({
    name,
    online,
    memoryMiB: memoryMiB ?? undefined,
    usedMiB: usedMiB ?? undefined,
    storages: storages?.map((storage) => ({ ...storage, freeMiB: storage.freeMiB ?? undefined })),
  }));
}
