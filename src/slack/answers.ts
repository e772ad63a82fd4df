/** Private answers to a person. Invariant: an answer finds its way (used-up links, unknown blocks, no channel) or fails loudly. */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';
import type { Log } from './basics.ts';
import type { Call } from './call.ts';
import { splitId } from '../domain/workspace-ids.ts';
import type { Clients } from './clients.ts';
import { shownTo } from './workspaces/ids.ts';
import { platformError, refusedBlocks } from './errors.ts';

export type Respond = (message: Record<string, unknown>) => Promise<unknown>;
export type AnswerTo = {
  readonly userId: string;
  readonly channelId: string | undefined;
  /** The request's own link, usable a few times for half an hour. */
  readonly respond: Respond | undefined;
  /** Takes the place of the message that was clicked. */
  readonly replaceOriginal: boolean;
};

const respondError = z.looseObject({ code: z.literal('slack_bolt_respond_error'), statusCode: z.number() });
const statusOf = (error: unknown): number | undefined => {
  const parsed = respondError.safeParse(error);
  return parsed.success ? parsed.data.statusCode : undefined;
};

/** Channels in which one person cannot be answered. */
const unusable = new Set(['channel_not_found', 'not_in_channel', 'user_not_in_channel', 'is_archived']);

/** Makes what answers one person in one place. */
export function createAnswers(clients: Pick<Clients, 'reply'>, log: Log): (to: AnswerTo) => Call['reply'] {
  const byApi = async (to: AnswerTo, content: { text: string; blocks?: KnownBlock[] }): Promise<void> => {
    if (to.channelId !== undefined)
      try {
        await clients.reply.chat.postEphemeral({ channel: to.channelId, user: to.userId, ...content });
        return;
      } catch (error) {
        // a channel that Burst is not in; the person can still be written to
        if (!unusable.has(platformError(error) ?? '')) throw error;
      }
    await clients.reply.chat.postMessage({ channel: to.userId, ...content });
  };
  return (to) => async (message) => {
    const tries = [...new Set([message.blocks, message.fallback ?? message.blocks, undefined])];
    let respond = to.respond;
    for (const [index, blocks] of tries.entries()) {
      const content = { text: message.text, ...(blocks === undefined ? {} : { blocks: [...blocks] }) };
      const last = index === tries.length - 1;
      if (respond !== undefined)
        try {
          const own = splitId(to.userId).workspace;
          await respond({ ...shownTo(content, own), response_type: 'ephemeral', replace_original: to.replaceOriginal });
          return;
        } catch (error) {
          const status = statusOf(error);
          if (status === undefined) throw error;
          if (status === 400 && !last) {
            log.warn({ status }, 'blocks were refused; answering with plainer ones');
            continue;
          }
          // Used up or expired: the Web API still reaches the person.
          log.info({ status }, 'the answer link is not usable any more');
          respond = undefined;
        }
      try {
        await byApi(to, content);
        return;
      } catch (error) {
        if (last || !refusedBlocks(error)) throw error;
        log.warn({ error: String(error) }, 'blocks were refused; answering with plainer ones');
      }
    }
  };
}
