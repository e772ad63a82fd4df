/** Shortcuts: from anywhere, and from the menu of a message, whose thread then is told. Invariant: the ack comes first. */
import { z } from 'zod';
import type { Call, Clusters } from './call.ts';
import { openProvision } from './commands/provision.ts';

/** As in the app's manifest. */
export const SHORTCUTS = { provision: 'burst_provision', thread: 'burst_provision_thread' } as const;
/** Clusters offered in one form. */
const MOST_CLUSTERS = 30;

const id = z.string().min(1).max(255);
export const shortcutBody = z.looseObject({
  type: z.enum(['shortcut', 'message_action']),
  callback_id: id,
  trigger_id: id,
  user: z.looseObject({ id, username: z.string().optional(), name: z.string().optional() }),
  channel: z.looseObject({ id }).optional(),
  message: z.looseObject({ ts: id, thread_ts: id.optional() }).optional(),
  response_url: z.string().optional(),
});
export type ShortcutBody = z.infer<typeof shortcutBody>;

/** The thread that a message is in, or that it begins. */
export const threadOf = ({ message }: ShortcutBody): string | undefined => message?.thread_ts ?? message?.ts;

/** Opens the provision form for this channel and thread, or with the question where to tell it. */
export async function onShortcut(call: Call, clusters: Clusters): Promise<void> {
  const meant = clusters.of(clusters.meant(call.channelId).name);
  // a shortcut from anywhere asks for its channel, which is looked at when the form comes back
  if (call.channelId !== undefined) await meant.gate.requireChannel(call, 'this shortcut');
  const seen = (await clusters.seenBy(call)).map(({ cluster }) => cluster).slice(0, MOST_CLUSTERS);
  const first = seen.includes(meant.cluster) ? meant : clusters.of(seen[0] ?? meant.cluster);
  await openProvision(call, first, {
    ...(clusters.several ? { clusters: seen } : {}),
    ...(call.channelId === undefined ? { askChannel: true } : {}),
  });
}
