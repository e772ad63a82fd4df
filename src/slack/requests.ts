/**
 * Requests of Slack's as they are kept until they were served. Invariants: what is kept is enough to serve them again and
 * holds no secret of the app's; it is bounded.
 */
import { z } from 'zod';
import type { Arrival } from '../ports/inbox.ts';
import { codeOf } from './blocks/text.ts';

/** A payload beyond this is served without being kept, bytes. */
const MOST_BYTES = 64 * 1024;
/** Big, secret, or of no use to whoever serves the request. */
const LEFT_OUT = new Set(['token', 'bot_access_token', 'blocks', 'attachments', 'files', 'bot_profile', 'icons']);

/** Slack escapes what people type in a command. */
export const unescape = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

const id = z.string().min(1).max(100);
const schema = z.looseObject({
  type: z.string().optional(),
  command: z.string().max(100).optional(),
  text: z.string().optional(),
  trigger_id: z.string().min(1).max(500),
  actions: z
    .array(z.looseObject({ action_id: z.string() }))
    .min(1)
    .optional(),
  user_id: id.optional(),
  user: z.looseObject({ id }).optional(),
  channel_id: id.optional(),
  channel: z.looseObject({ id }).nullish(),
});

type Kind = 'command' | 'click' | 'form' | 'shortcut';

function kindOf({ type, command, actions }: z.infer<typeof schema>): Kind | undefined {
  if (command !== undefined) return 'command';
  switch (type) {
    case 'block_actions':
      // what changes in an open form is looked at again with the next change
      return actions?.[0]?.action_id.startsWith('burst:') === true ? 'click' : undefined;
    case 'view_submission':
      return 'form';
    case 'shortcut':
    case 'message_action':
      return 'shortcut';
    default:
      return undefined;
  }
}

function trimmed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trimmed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, inner]) => [key, trimmed(inner)]),
  );
}

/** The request as it is kept; undefined for what changes nothing, and what is none of ours. */
export function arrivalOf(body: unknown, nowMs: number): Arrival | undefined {
  const { data } = schema.safeParse(body);
  const kind = data === undefined ? undefined : kindOf(data);
  if (data === undefined || kind === undefined) return undefined;
  const payload = JSON.stringify(trimmed(body));
  if (Buffer.byteLength(payload) > MOST_BYTES) return undefined;
  return { key: `${kind} ${data.trigger_id}`, kind, payload, receivedAtMs: nowMs };
}

/** Who asked, where, and what it was, in Slack's markup; undefined for what asks for nothing. */
export function askedIn(body: unknown):
  | {
      readonly kind: Kind;
      readonly userId: string;
      readonly channelId: string | undefined;
      readonly what: string;
    }
  | undefined {
  const { data } = schema.safeParse(body);
  const kind = data === undefined ? undefined : kindOf(data);
  const userId = data?.user?.id ?? data?.user_id;
  if (data === undefined || kind === undefined || userId === undefined) return undefined;
  return { kind, userId, channelId: data.channel?.id ?? data.channel_id, what: whatOf(kind, data) };
}

function whatOf(kind: Kind, { command, text }: z.infer<typeof schema>): string {
  switch (kind) {
    case 'command':
      return `You asked for ${codeOf(`${command ?? ''} ${unescape(text ?? '')}`.trim(), 300)}`;
    case 'click':
      return 'You clicked a button';
    case 'form':
      return 'You sent a form';
    case 'shortcut':
      return 'You used a shortcut';
  }
}
