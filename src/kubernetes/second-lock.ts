/**
 * Whether the cluster itself keeps Burst from nodes that are not its own (manifests/kubernetes/admission-policy.yaml).
 * Invariant: the question is a dry run, which the API server judges as if it were meant and does not store.
 */
import { z } from 'zod';
import type { SecondLock } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { answerError, messageOf } from './status.ts';

const NODES = '/api/v1/nodes';
const listSchema = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) });

/** @param label what marks a burst worker. */
export async function secondLock(
  connection: Connection,
  cluster: string,
  label: { readonly key: string; readonly value: string },
  signal: AbortSignal | undefined,
): Promise<SecondLock> {
  const query = { labelSelector: `${label.key}!=${label.value}`, limit: 1 };
  const found = listSchema.parse(await connection.call('GET', NODES, { what: 'list nodes', query, signal }));
  const name = found.items[0]?.metadata.name;
  if (name === undefined) return 'unknown';
  const what = `see whether node ${name} is locked`;
  const answer = await connection.request('PATCH', `${NODES}/${encodeURIComponent(name)}`, {
    what,
    signal,
    contentType: 'application/merge-patch+json',
    query: { dryRun: 'All', fieldManager: 'burst' },
    body: { metadata: { labels: { 'burst/lock-probe': '' } } },
  });
  if (answer.status === 200) return 'absent';
  if ((answer.status === 403 || answer.status === 422) && messageOf(answer).includes('ValidatingAdmissionPolicy'))
    return 'in_force';
  throw answerError(cluster, what, answer);
}
