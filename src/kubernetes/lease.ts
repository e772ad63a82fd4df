/**
 * A Lease that says which installation reaps this cluster. Invariant: it only saves double work and warns of a second
 * installation; nothing that must be right rests on it.
 */
import { z } from 'zod';
import type { LeaseOutcome } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { answerError } from './status.ts';

const NAME = 'burst';

const leaseSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      acquireTime: z.string().nullish(),
      renewTime: z.string().nullish(),
      leaseTransitions: z.number().nullish(),
    })
    .default({}),
});

export type LeaseContext = { readonly connection: Connection; readonly cluster: string; readonly namespace: string };
export type LeaseClaim = { readonly holder: string; readonly durationMs: number; readonly nowMs: number };

/** MicroTime, as the API server wants it. */
const microTime = (atMs: number): string => new Date(atMs).toISOString().replace('Z', '000Z');
const pathOf = (namespace: string): string =>
  `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;

/** Takes or renews the Lease, unless another holds it. @throws BurstError when the API server refuses or is away. */
export async function holdLease(
  { connection, cluster, namespace }: LeaseContext,
  claim: LeaseClaim,
  signal: AbortSignal | undefined,
): Promise<LeaseOutcome> {
  const what = `hold the lease ${namespace}/${NAME}`;
  const path = `${pathOf(namespace)}/${NAME}`;
  const spec = {
    holderIdentity: claim.holder,
    leaseDurationSeconds: Math.ceil(claim.durationMs / 1000),
    renewTime: microTime(claim.nowMs),
  };
  const found = await connection.request('GET', path, { what, signal });
  if (found.status === 404) {
    const made = await connection.request('POST', pathOf(namespace), {
      what,
      signal,
      query: { fieldManager: 'burst' },
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: NAME, namespace, labels: { 'app.kubernetes.io/managed-by': 'burst' } },
        spec: { ...spec, acquireTime: spec.renewTime, leaseTransitions: 0 },
      },
    });
    if (made.status === 200 || made.status === 201) return { held: true };
    if (made.status === 409) return { held: false, holder: 'another installation', untilMs: undefined };
    throw answerError(cluster, what, made);
  }
  const parsed = leaseSchema.safeParse(found.body);
  if (found.status !== 200 || !parsed.success) throw answerError(cluster, what, found);
  const lease = parsed.data;
  const holder = lease.spec.holderIdentity ?? '';
  const renewedMs = Date.parse(lease.spec.renewTime ?? '');
  const untilMs = Number.isNaN(renewedMs) ? 0 : renewedMs + (lease.spec.leaseDurationSeconds ?? 0) * 1000;
  if (holder !== '' && holder !== claim.holder && untilMs > claim.nowMs) return { held: false, holder, untilMs };
  const ours = holder === claim.holder;
  const taken = await connection.request('PUT', path, {
    what,
    signal,
    query: { fieldManager: 'burst' },
    body: {
      ...lease,
      spec: {
        ...lease.spec,
        ...spec,
        ...(ours ? {} : { acquireTime: spec.renewTime, leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1 }),
      },
    },
  });
  if (taken.status === 200) return { held: true };
  if (taken.status === 409) return { held: false, holder: 'another installation', untilMs: undefined };
  throw answerError(cluster, what, taken);
}
