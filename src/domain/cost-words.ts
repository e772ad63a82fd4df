/** `/burst cost …` as it was typed, read forgivingly. Pure. */
import { monthOf } from './calendar.ts';
import type { Period } from './calendar.ts';
import type { GroupBy, Lifespan } from './cost.ts';
import { groupOf } from './cost.ts';
import { HOUR_MS, formatDuration, parseHours } from './duration.ts';
import { personOf } from './operation.ts';
import { unit, wordsOf } from './words.ts';
import type { Nearest, Parsed } from './words.ts';

export type CostWords = {
  /** The last so many hours; undefined: a month. */
  readonly hours: number | undefined;
  /** 0: this month, 1: the one before. */
  readonly monthsBack: 0 | 1;
  readonly by: GroupBy;
  /** Only what this Slack user owns; `me`: who asks. */
  readonly user: string | undefined;
  /** Only what was asked for in this channel; `here`: where it is asked. */
  readonly channel: string | undefined;
  readonly size: string | undefined;
};

const groups: ReadonlyMap<string, GroupBy> = new Map([
  ...['user', 'users', 'owner', 'owners', 'person', 'people', 'requester'].map((word) => [word, 'user'] as const),
  ...['size', 'sizes'].map((word) => [word, 'size'] as const),
  ...['cluster', 'clusters'].map((word) => [word, 'cluster'] as const),
  ...['channel', 'channels'].map((word) => [word, 'channel'] as const),
]);
const MOST_HOURS = 400 * 24;
/** Of another workspace, with that in front. */
const USER = /^<@((?:[TE][A-Z0-9]+\/)?[UW][A-Z0-9]+)(?:\|[^>]*)?>$/;
const CHANNEL = /^<#((?:[TE][A-Z0-9]+\/)?[CGD][A-Z0-9]+)(?:\|[^>]*)?>$/;
const filler = new Set(['the', 'of', 'for', 'in', 'last', 'past', 'per', 'by', 'this', 'all', 'from', 'and']);

/**
 * A period (`30d`, `2 weeks`, `this month`, `last month`, `today`), what to group by (`by user`), and filters (`mine`, `@user`,
 * `#channel`, `here`, a size), in any order; without a period it is this month, without a group by user.
 */
export function parseCost(text: string, sizes: readonly string[], nearest: Nearest): Parsed<CostWords> {
  let value: CostWords = {
    hours: undefined,
    monthsBack: 0,
    by: 'user',
    user: undefined,
    channel: undefined,
    size: undefined,
  };
  const joined = text
    .replace(new RegExp(`(\\d)\\s+(${unit})(?=$|[\\s,])`, 'gi'), '$1$2')
    .replace(/\b(?:last|previous|prior)\s+month\b/gi, 'last-month')
    .replace(/\b(?:this|current)\s+month\b|\bmonth\b/gi, (found, offset: number, all: string) =>
      all.slice(0, offset).endsWith('last-') ? found : 'this-month',
    );
  const words = wordsOf(joined);
  let timed = false;
  for (const [at, word] of words.entries()) {
    const plain = word.toLowerCase();
    const isGroup = words[at - 1]?.toLowerCase() === 'by' || words[at - 1]?.toLowerCase() === 'per';
    const group = groups.get(plain);
    const hours = plain === 'today' || plain === 'day' ? 24 : plain === 'week' ? 168 : parseHours(plain);
    const [, user] = USER.exec(word) ?? [];
    const [, channel] = CHANNEL.exec(word) ?? [];
    const size = sizes.find((name) => name.toLowerCase() === plain);
    if (group !== undefined) value = { ...value, by: group };
    else if (hours !== undefined || plain === 'last-month' || plain === 'this-month') {
      if (timed)
        return { ok: false, text: `\`${word.replace('-', ' ')}\` is a second period; give one, for example \`30d\`` };
      timed = true;
      if (hours !== undefined && (hours < 1 || hours > MOST_HOURS))
        return { ok: false, text: `\`${word}\` is no period that can be shown; from \`1h\` to \`400d\`` };
      value = { ...value, hours, monthsBack: plain === 'last-month' ? 1 : 0 };
    } else if (user !== undefined) value = { ...value, user };
    else if (channel !== undefined) value = { ...value, channel };
    else if (plain === 'mine' || plain === 'my' || plain === 'me') value = { ...value, user: 'me' };
    else if (plain === 'here') value = { ...value, channel: 'here' };
    else if (size !== undefined) value = { ...value, size };
    else if (!filler.has(plain)) {
      const known = isGroup
        ? ['user', 'size', 'cluster', 'channel']
        : ['mine', 'here', 'by', 'today', ...sizes, ...groups.keys()];
      const near = nearest(plain, known);
      const why = /^\d+$/.test(plain) ? `\`${word}\` has no unit; a period is written like \`30d\`` : undefined;
      return {
        ok: false,
        text:
          why ??
          `\`cost\` does not know \`${word}\`; it knows a period (\`30d\`, \`this month\`, \`last month\`), by user, size, cluster or channel, and mine, here, @somebody, #channel or a size`,
        ...(near === undefined && why === undefined
          ? {}
          : {
              suggestion: words
                .map((other, index) => (index === at ? (why === undefined ? (near ?? '') : `${word}d`) : other))
                .join(' '),
            }),
      };
    }
  }
  return { ok: true, value };
}

/** The period that is meant, up to now. */
export function periodOf({ hours, monthsBack }: CostWords, nowMs: number, timezone: string): Period {
  if (hours !== undefined) return { fromMs: nowMs - hours * HOUR_MS, toMs: nowMs };
  const month = monthOf(nowMs, timezone);
  if (monthsBack === 0) return { fromMs: month.fromMs, toMs: nowMs };
  const { fromMs, toMs } = monthOf(month.fromMs - 1, timezone);
  return { fromMs, toMs };
}
/** The period in words. */
export const periodText = ({ hours, monthsBack }: CostWords): string =>
  hours !== undefined ? `the last ${formatDuration(hours * HOUR_MS)}` : monthsBack === 0 ? 'this month' : 'last month';

/** Whether a worker is among those that are meant. */
export const isMeant = (
  words: CostWords,
  asker: { readonly userId: string; readonly channelId: string | undefined },
): ((span: Lifespan) => boolean) => {
  const user = words.user === 'me' ? asker.userId : words.user;
  const channel = words.channel === 'here' ? (asker.channelId ?? '') : words.channel;
  return (span) =>
    (user === undefined || (personOf(span.owner) ?? groupOf(span, 'user').key) === user) &&
    (channel === undefined || span.channelId === channel) &&
    (words.size === undefined || span.size === words.size);
};
