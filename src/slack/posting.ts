/**
 * Messages in channels. Invariants: the intent to post is saved before the post, so that after a crash between the post
 * and its record the message is looked for (by its metadata) before it is posted again; one that was posted twice all the
 * same (a process that was paused and woke up late) is taken back; a rate limit on edits holds back edits alone.
 */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';
import type { Clock } from '../ports/clock.ts';
import type { MessageRecord, Store } from '../ports/store.ts';
import type { Log } from './basics.ts';
import type { Message } from './blocks/text.ts';
import { splitId } from '../domain/workspace-ids.ts';
import type { Clients } from './clients.ts';
import { createLimits } from './clients.ts';
import { WorkspaceGone } from './workspaces/router.ts';
import { platformError, refusedBlocks, retryAfterSeconds } from './errors.ts';

export const EVENT_TYPE = 'burst_notice';
/** Slack's clock and ours may differ by this much, ms. */
const CLOCK_SLACK_MS = 5 * 60_000;
const PAGE = 200;
const MOST_PAGES = 5;
const unusableChannel = new Set([
  'channel_not_found',
  'not_in_channel',
  'is_archived',
  'restricted_action',
  'user_not_found',
  'cannot_dm_bot',
  'thread_not_found',
  'cannot_reply_to_message',
]);
/** Slack has no place for the message there, and will have none. */
export const isUnreachable = (error: unknown): boolean =>
  unusableChannel.has(platformError(error) ?? '') || error instanceof WorkspaceGone;
const goneMessage = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'channel_not_found',
  'is_inactive',
]);

export type Place = { readonly channelId: string; readonly ts: string };
export type Post = {
  /** The record's key. */
  readonly key: string;
  /** What this post says: another identity under one key is another message. */
  readonly identity: string;
  readonly message: Message;
  /** Channels or user ids, tried in this order. */
  readonly to: readonly string[];
  readonly thread?: Place;
};
export interface Posting {
  /**
   * Posts once, however often it is called for one key and identity after a crash.
   * @returns where, or undefined when there is no place. @throws when no place took it, or the outcome is not known.
   */
  post(post: Post): Promise<Place | undefined>;
  /** @returns false when the message is not there (any more). */
  edit(place: Place, message: Message): Promise<boolean>;
  /** Where the message of this key is, if it is known to have been posted. */
  placeOf(key: string): Promise<(Place & { readonly digest: string }) | undefined>;
}

const intentSchema = z.tuple([z.literal('posting'), z.number(), z.string()]);
function intentOf(record: MessageRecord | undefined): { sinceMs: number; identity: string } | undefined {
  if (record?.ts !== '') return undefined;
  try {
    const [, sinceMs, identity] = intentSchema.parse(JSON.parse(record.digest));
    return { sinceMs, identity };
  } catch {
    return undefined;
  }
}
const seenSchema = z.array(
  z.looseObject({
    ts: z.string(),
    metadata: z.looseObject({ event_type: z.string(), event_payload: z.record(z.string(), z.unknown()) }).optional(),
  }),
);

export function createPosting(options: {
  readonly clients: Pick<Clients, 'post' | 'look'>;
  readonly store: Pick<Store, 'getMessage' | 'saveMessage'>;
  readonly clock: Clock;
  readonly log: Log;
}): Posting {
  const { clients, store, clock, log } = options;
  const limits = createLimits(clock, retryAfterSeconds);

  /** Sends with blocks, and again with plainer ones when the workspace does not take them. */
  const sending = async <T>(
    message: Message,
    send: (content: { text: string; blocks?: KnownBlock[] }) => Promise<T>,
  ): Promise<T> => {
    const tries = [...new Set([message.blocks, message.fallback ?? message.blocks, undefined])];
    for (const [index, blocks] of tries.entries())
      try {
        return await send({ text: message.text, ...(blocks === undefined ? {} : { blocks: [...blocks] }) });
      } catch (error) {
        if (index === tries.length - 1 || !refusedBlocks(error)) throw error;
        log.warn({ error: String(error) }, 'blocks were refused; sending plainer ones');
      }
    throw new Error('no way to send was left');
  };

  /** The message that an earlier try may have posted. */
  const lookFor = async (post: Post, channel: string, sinceMs: number): Promise<Place | undefined> => {
    try {
      const direct = /^[UW]/.test(splitId(channel).id);
      const where = direct ? (await clients.look.conversations.open({ users: channel })).channel?.id : channel;
      if (where === undefined) return undefined;
      const oldest = String(Math.max(0, Math.floor((sinceMs - CLOCK_SLACK_MS) / 1000)));
      let cursor = '';
      for (let page = 0; page < MOST_PAGES; page++) {
        const range = { channel: where, oldest, limit: PAGE, include_all_metadata: true, cursor };
        const answer =
          post.thread === undefined
            ? await clients.look.conversations.history(range)
            : await clients.look.conversations.replies({ ...range, ts: post.thread.ts });
        const found = seenSchema.parse(answer.messages ?? []).find(({ metadata }) => {
          const payload = metadata?.event_type === EVENT_TYPE ? metadata.event_payload : {};
          return payload['key'] === post.key && payload['identity'] === post.identity;
        });
        if (found !== undefined) return { channelId: where, ts: found.ts };
        cursor = answer.response_metadata?.next_cursor ?? '';
        if (cursor === '') return undefined;
      }
    } catch (error) {
      log.info({ key: post.key, error: String(error) }, 'history cannot be read; posting again');
    }
    return undefined;
  };

  /** Another process posted and recorded the message while this one was paused: the later post goes, the recorded one stays. */
  const only = async (key: string, mine: Place): Promise<Place> => {
    const recorded = await store.getMessage(key);
    if (
      recorded === undefined ||
      recorded.ts === '' ||
      recorded.ts === mine.ts ||
      recorded.channelId !== mine.channelId
    )
      return mine;
    try {
      await clients.post.chat.delete({ channel: mine.channelId, ts: mine.ts });
    } catch (error) {
      log.warn({ key, error: String(error) }, 'a message that was posted twice could not be taken back');
    }
    return { channelId: recorded.channelId, ts: recorded.ts };
  };

  const posting: Posting = {
    async post(post) {
      const before = await store.getMessage(post.key);
      const intent = intentOf(before);
      if (before !== undefined && intent?.identity === post.identity) {
        const found = await lookFor(post, before.channelId, intent.sinceMs);
        // it says what was so before the crash
        if (found !== undefined && (await posting.edit(found, post.message))) return found;
      }
      const sinceMs = intent?.identity === post.identity ? intent.sinceMs : clock.now();
      let failure: unknown;
      const to = post.thread === undefined ? post.to : [post.thread.channelId];
      for (const channel of new Set(to))
        try {
          const digest = JSON.stringify(['posting', sinceMs, post.identity]);
          await store.saveMessage({ key: post.key, channelId: channel, ts: '', digest });
          const answer = await limits.within(`chat.postMessage ${channel}`, () =>
            sending(post.message, (content) =>
              clients.post.chat.postMessage({
                channel,
                unfurl_links: false,
                unfurl_media: false,
                ...(post.thread === undefined ? {} : { thread_ts: post.thread.ts }),
                metadata: { event_type: EVENT_TYPE, event_payload: { key: post.key, identity: post.identity } },
                ...content,
              }),
            ),
          );
          return await only(post.key, { channelId: answer.channel ?? channel, ts: answer.ts ?? '' });
        } catch (error) {
          if (!isUnreachable(error)) throw error;
          failure = error;
        }
      if (failure !== undefined) throw failure instanceof Error ? failure : new Error('no channel took the message');
      return undefined;
    },
    async edit(place, message) {
      try {
        await limits.within(`chat.update ${splitId(place.channelId).workspace ?? ''}`, () =>
          sending(message, (content) =>
            clients.post.chat.update({ channel: place.channelId, ts: place.ts, ...content }),
          ),
        );
        return true;
      } catch (error) {
        if (!goneMessage.has(platformError(error) ?? '') && !(error instanceof WorkspaceGone)) throw error;
        return false;
      }
    },
    async placeOf(key) {
      const record = await store.getMessage(key);
      return record === undefined || record.ts === '' ? undefined : record;
    },
  };
  return posting;
}
