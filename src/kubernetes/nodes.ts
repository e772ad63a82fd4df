/** Reading, changing and deleting nodes, live. Invariant: every change carries the UID of the node it is meant for. */
import { BurstError } from '../domain/errors.ts';
import type { NodeFacts } from '../domain/worker.ts';
import type { DeleteNodeOutcome } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { nodeFacts } from './facts.ts';
import { answerError } from './status.ts';

export type NodeRef = { readonly name: string; readonly uid: string };
export type NodePatch = {
  readonly labels?: Readonly<Record<string, string | null>>;
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly unschedulable?: boolean;
};
type Context = {
  readonly connection: Connection;
  readonly cluster: string;
  readonly neededAnnotations: ReadonlySet<string>;
};

const nodePath = (name: string): string => `/api/v1/nodes/${encodeURIComponent(name)}`;

function readNode(context: Context, what: string, body: unknown): NodeFacts {
  const node = nodeFacts(body, context.neededAnnotations);
  if (node !== undefined) return node;
  throw new BurstError('internal', `Kubernetes cluster ${context.cluster}: the answer to ${what} is no node`);
}

/** Live read; undefined only when the API server itself says that there is no such node. */
export async function getNode(
  context: Context,
  name: string,
  signal: AbortSignal | undefined,
): Promise<NodeFacts | undefined> {
  const what = `get node ${name}`;
  const answer = await context.connection.request('GET', nodePath(name), { what, signal });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw answerError(context.cluster, what, answer);
  return readNode(context, what, answer.body);
}

/**
 * One JSON merge patch; the UID in it makes the API server refuse a node of the same name that is another: 422
 * (`metadata.uid: field is immutable`), or 409 where that is a precondition.
 * @throws BurstError `conflict` when the node has another UID or was being changed, `not_found` when there is none.
 */
export async function patchNode(
  context: Context,
  node: NodeRef,
  patch: NodePatch,
  signal: AbortSignal | undefined,
): Promise<NodeFacts> {
  const what = `change node ${node.name}`;
  const answer = await context.connection.request('PATCH', nodePath(node.name), {
    what,
    signal,
    contentType: 'application/merge-patch+json',
    query: { fieldManager: 'burst' },
    body: {
      metadata: {
        uid: node.uid,
        ...(patch.labels === undefined ? {} : { labels: patch.labels }),
        ...(patch.annotations === undefined ? {} : { annotations: patch.annotations }),
      },
      ...(patch.unschedulable === undefined ? {} : { spec: { unschedulable: patch.unschedulable } }),
    },
  });
  if (answer.status === 200) return readNode(context, what, answer.body);
  const refused = answerError(context.cluster, what, answer);
  if (answer.status !== 422 && answer.status !== 409) throw refused;
  const present = await getNode(context, node.name, signal);
  const text = `Kubernetes cluster ${context.cluster}: could not ${what}`;
  if (present === undefined) throw new BurstError('not_found', `${text}: it is gone`);
  if (present.uid === node.uid) throw refused;
  throw new BurstError('conflict', `${text}: the node of that name is another one now (UID ${present.uid})`, {
    left: 'It was left as it is.',
    hint: 'Look at the node again.',
    cause: refused,
  });
}

/** @throws BurstError `conflict` when the node was being changed at that moment. */
export async function deleteNode(
  context: Context,
  node: NodeRef,
  signal: AbortSignal | undefined,
): Promise<DeleteNodeOutcome> {
  const what = `delete node ${node.name}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: node.uid } };
  const answer = await context.connection.request('DELETE', nodePath(node.name), { what, body, signal });
  if (answer.status >= 200 && answer.status < 300) return 'deleted';
  if (answer.status === 404) return 'gone';
  if (answer.status !== 409) throw answerError(context.cluster, what, answer);
  const present = await getNode(context, node.name, signal);
  if (present === undefined) return 'gone';
  if (present.uid !== node.uid) return 'uid_mismatch';
  throw answerError(context.cluster, what, answer);
}
