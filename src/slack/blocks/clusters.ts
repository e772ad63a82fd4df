/**
 * What is shown of one of several clusters. Pure. Invariant: whatever acts carries the name of the cluster that it was shown
 * for, in its action id, so that it never acts in another.
 */
import type { KnownBlock, View } from '@slack/types';
import { clamp, context, escape, mrkdwn } from './text.ts';
import type { Message } from './text.ts';

const PREFIX = 'burst:';
const MARK = '@';

/** The action id of an element as it was made, and the cluster that it acts in, if it says so. */
export function readMark(actionId: string): { readonly actionId: string; readonly cluster: string | undefined } {
  const at = actionId.lastIndexOf(MARK);
  return at < 0
    ? { actionId, cluster: undefined }
    : { actionId: actionId.slice(0, at), cluster: actionId.slice(at + 1) };
}

/** The action id of an element that acts in this cluster. */
export const actionIn = (actionId: string, cluster: string): string => `${actionId}${MARK}${cluster}`;

function marked(value: unknown, cluster: string): unknown {
  if (Array.isArray(value)) return value.map((item) => marked(item, cluster));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      key === 'action_id' && typeof child === 'string' && child.startsWith(PREFIX) && !child.includes(MARK)
        ? actionIn(child, cluster)
        : marked(child, cluster),
    ]),
  );
}

/** The same blocks, whose buttons and menus act in this cluster. */
export const actingIn = <B extends object>(blocks: readonly B[], cluster: string): B[] =>
  marked(blocks, cluster) as B[];

const head = (cluster: string): string => `*${escape(cluster)}* · `;

function headed(blocks: readonly KnownBlock[], cluster: string): KnownBlock[] {
  const at = blocks.findIndex((block) => block.type === 'section' && block.text?.type === 'mrkdwn');
  if (at < 0) return [context(`Cluster *${escape(cluster)}*`), ...blocks];
  return blocks.map((block, index) =>
    index === at && block.type === 'section' && block.text !== undefined
      ? { ...block, text: mrkdwn(`${head(cluster)}${block.text.text}`) }
      : block,
  );
}

/** A message that says which cluster it is of, and acts there. */
export function messageIn(message: Message, cluster: string): Message {
  const of = (blocks: readonly KnownBlock[]): KnownBlock[] => headed(actingIn(blocks, cluster), cluster);
  return {
    text: clamp(`${head(cluster)}${message.text}`, 3980),
    ...(message.blocks === undefined ? {} : { blocks: of(message.blocks) }),
    ...(message.fallback === undefined ? {} : { fallback: of(message.fallback) }),
  };
}

/** A view that shows its cluster, and carries it to its submission. */
export function viewIn<V extends View>(view: V, cluster: string): V {
  if (view.type !== 'modal') return view;
  let metadata: unknown = {};
  try {
    metadata = JSON.parse(view.private_metadata ?? '{}');
  } catch {
    // not ours: it is read as no form of ours when it is submitted
  }
  const carried = typeof metadata === 'object' && metadata !== null ? metadata : {};
  return {
    ...view,
    blocks: [context(`Cluster *${escape(cluster)}*`), ...actingIn(view.blocks, cluster)],
    private_metadata: JSON.stringify({ ...carried, cluster }),
  };
}

/** What serves requests for one cluster, as far as it matters here. */
type Scope = { readonly cluster: string; readonly clusters: { readonly several: boolean } };
/** The message as it is shown where there are several clusters. */
export const told = (message: Message, { cluster, clusters }: Scope): Message =>
  clusters.several ? messageIn(message, cluster) : message;
/** The view as it is shown where there are several clusters. */
export const shownIn = <V extends View>(view: V, of: Scope): V =>
  of.clusters.several ? viewIn(view, of.cluster) : view;
