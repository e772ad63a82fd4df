/** Small pure builders. Invariant: what comes from outside is escaped or plain text, and no text is longer than Slack takes. */
import type {
  Button,
  ContextBlock,
  KnownBlock,
  MrkdwnElement,
  PlainTextElement,
  PlainTextOption,
  RichTextBlock,
  SectionBlock,
} from '@slack/types';
import type { Actor } from '../../domain/operation.ts';
import { formatDuration } from '../../domain/duration.ts';

/** A message; `text` says it all by itself, `fallback` replaces blocks that a workspace does not know. */
export type Message = {
  readonly text: string;
  readonly blocks?: readonly KnownBlock[];
  readonly fallback?: readonly KnownBlock[];
};

/** A message's `text` that Slack takes in a post and in an edit alike. */
export const MOST_TEXT = 3900;
/** Characters of JSON that the blocks of one message may have; Slack refuses about 13,000. */
export const MOST_BLOCKS = 12_500;
export const sizeOf = (blocks: readonly KnownBlock[]): number => JSON.stringify(blocks).length;

/** Escapes Slack's three control characters, which neutralises mentions and links too. */
export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** At most `max` UTF-16 units, ending with `…` when cut; never cuts an entity, a `<…>` or a surrogate pair in two. */
export function clamp(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text
    .slice(0, max - 1)
    .replace(/[\uD800-\uDBFF]$/, '')
    .replace(/&[a-z]{0,4}$/, '')
    .replace(/<[^>]*$/, '');
  return `${cut}…`;
}

/**
 * Escapes and keeps Slack from formatting: `*`, `_`, `~` where they could begin or end something, backticks, `>` at the start.
 * Slack has no escape for these. The fallback of a date whose format it does not know is shown as it is, and copied as it
 * is; `>` at the start is kept from quoting by a soft hyphen.
 */
export const literal = (text: string): string =>
  escape(text)
    .replace(/(?<![\p{L}\p{N}])[*_~]+|[*_~]+(?![\p{L}\p{N}])|`/gu, (marks) => `<!date^00000000^{_}|${marks}>`)
    .replace(/^&gt;/, '\u00AD&gt;');
/** A sentence of ours with foreign text in it: as `literal`, but what stands between backticks is code. */
export const sentence = (text: string): string =>
  text
    .split(/(`[^`\n]+`)/)
    .map((part, index) => (index % 2 === 1 ? escape(part) : literal(part)))
    .join('');
const oneLine = (text: string, max: number): string => clamp(text.replace(/\s+/g, ' ').trim(), max);
/** Foreign text in a sentence: clamped, on one line, shown as it was typed. */
export const foreign = (text: string, max = 200): string => literal(oneLine(text, max)) || '–';
/** Foreign text as code of at most `max` characters; backticks would end it, and nothing else is formatted there. */
export const codeOf = (text: string, max: number): string =>
  `\`${escape(oneLine(text.replaceAll('`', "'"), max)) || '–'}\``;
export const code = (text: string): string => codeOf(text, 80);
export const plain = (text: string, max = 75): PlainTextElement => ({
  type: 'plain_text',
  text: clamp(text === '' ? '–' : text, max),
});
export const mrkdwn = (text: string, max = 3000): MrkdwnElement => ({
  type: 'mrkdwn',
  text: clamp(text === '' ? '–' : text, max),
});
export const section = (text: string): SectionBlock => ({ type: 'section', text: mrkdwn(text) });
export const context = (...texts: readonly string[]): ContextBlock => ({
  type: 'context',
  elements: texts.slice(0, 10).map((text) => mrkdwn(text, 2000)),
});
export const fields = (texts: readonly string[]): SectionBlock => ({
  type: 'section',
  fields: texts.slice(0, 10).map((text) => mrkdwn(text, 2000)),
});
export const option = (text: string, value: string): PlainTextOption => ({
  text: plain(text),
  value: value.slice(0, 75),
});
export const richText = (text: string, max = 400): RichTextBlock => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text: clamp(text === '' ? '–' : text, max) }] }],
});

/** A button; `actionId` selects the handler, `value` its subject. */
export function button(
  text: string,
  actionId: string,
  value: string,
  more: { readonly style?: 'primary' | 'danger'; readonly confirm?: string } = {},
): Button {
  return {
    type: 'button',
    text: plain(text),
    action_id: actionId,
    value: value.slice(0, 2000),
    ...(more.style === undefined ? {} : { style: more.style }),
    ...(more.confirm === undefined
      ? {}
      : {
          confirm: {
            title: plain('Are you sure?', 100),
            text: plain(more.confirm, 300),
            confirm: plain('Yes', 30),
            deny: plain('No', 30),
          },
        }),
  };
}

/** A moment in each reader's own time zone, with UTC for clients that cannot. */
export function date(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `<!date^${seconds}^{date_short_pretty} {time}|${utc(ms)}>`;
}
export const utc = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
/** The time left until a deadline, in words. */
export const left = (deadlineMs: number, nowMs: number): string =>
  deadlineMs > nowMs ? `${formatDuration(deadlineMs - nowMs)} left` : `${formatDuration(nowMs - deadlineMs)} overdue`;
export const deadline = (deadlineMs: number, nowMs: number): string =>
  `${date(deadlineMs)} (${left(deadlineMs, nowMs)})`;

export function actor(by: Actor): string {
  switch (by.kind) {
    case 'slack':
      return mention(by.userId);
    case 'assistant':
      return `the assistant ${foreign(by.name, 40)}${by.userId === undefined ? '' : ` (${mention(by.userId)})`}`;
    case 'system':
      return `Burst (${foreign(by.name, 40)})`;
  }
}
/** As `actor`, where a sentence begins. */
export const actorFirst = (by: Actor): string => actor(by).replace(/^[a-z]/, (letter) => letter.toUpperCase());
/** A mention when it looks like a user id, otherwise the text itself, escaped. */
export const mention = (userId: string): string => (isPerson(userId) ? `<@${userId}>` : foreign(userId));
/** A Slack user id, with or without its workspace. */
export const isPerson = (id: string): boolean => /^([TE][A-Z0-9]+\/)?[UW][A-Z0-9]+$/.test(id);

/** `a, b and 3 more`, each as code. */
export function names(list: readonly string[], most = 6): string {
  const shown = list.slice(0, most).map(code);
  return list.length > most ? `${shown.join(', ')} and ${list.length - most} more` : shown.join(', ');
}
export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
/** What the note about left-out blocks takes. */
const LEFT_OUT = 100;
/** Keeps a message within Slack's number of blocks and a safe size. */
export function fit(blocks: readonly KnownBlock[], most = 50, characters = 12_000): KnownBlock[] {
  const kept: KnownBlock[] = [];
  let size = 0;
  for (const block of blocks) {
    size += JSON.stringify(block).length;
    if (kept.length >= most - 1 || size > characters - LEFT_OUT) return [...kept, context('More was left out here.')];
    kept.push(block);
  }
  return kept;
}
