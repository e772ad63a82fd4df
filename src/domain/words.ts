/** What a person typed after `/burst`, read forgivingly. Pure. */
import { parseHours } from './duration.ts';
import type { SizeName, WorkerStatus, WorkerType } from './worker.ts';

/** The known word nearest to one that is not known, if it is near enough to be meant. */
export type Nearest = (word: string, known: readonly string[]) => string | undefined;
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly text: string; readonly suggestion?: string };

export const wordsOf = (text: string): readonly string[] => text.split(/[\s,]+/).filter((word) => word !== '');

/** The first word, lower case, and the rest as it was typed. */
export function splitCommand(text: string): { readonly name: string; readonly rest: string } {
  const [, name = '', rest = ''] = /^\s*(\S*)\s*([^]*)$/.exec(text) ?? [];
  return { name: name.toLowerCase(), rest: rest.trim() };
}

export type ProvisionWords = {
  readonly count?: number;
  readonly size?: SizeName;
  readonly ttlHours?: number;
  readonly reason?: string;
};

/**
 * Count, size and lifetime in any order; the first word that is none of them begins the reason, which goes on to the end.
 * A size or lifetime inside the reason that was not given before is asked about, never guessed.
 */
export function parseProvision(text: string, sizes: readonly SizeName[], nearest: Nearest): Parsed<ProvisionWords> {
  const words = text.split(/\s+/).filter((word) => word !== '');
  let count: number | undefined;
  let size: SizeName | undefined;
  let ttlHours: number | undefined;
  let lastHoursAt = -1;
  let at = 0;
  for (; at < words.length; at++) {
    const word = (words[at] ?? '').replace(/,$/, '');
    const sized = sizes.find((name) => name.toLowerCase() === word.toLowerCase());
    const multiplied = /^(\d+)x?$/i.exec(word)?.[1];
    const unit = words[at + 1]?.toLowerCase() ?? '';
    const spaced = /^\d{1,6}$/.test(word) && /^[a-z]+$/.test(unit) ? parseHours(`${word}${unit}`) : undefined;
    const hours = parseHours(word);
    if (sized !== undefined && size === undefined) size = sized;
    else if (spaced !== undefined || hours !== undefined) {
      if (ttlHours !== undefined && lastHoursAt !== at - 1)
        return { ok: false, text: `\`${word}\` is a second lifetime; give one, for example \`24h\` or \`1d12h\`` };
      ttlHours = (ttlHours ?? 0) + (spaced ?? hours ?? 0);
      if (spaced !== undefined) at++;
      lastHoursAt = at;
    } else if (multiplied !== undefined && count === undefined)
      count = Math.min(Number(multiplied), Number.MAX_SAFE_INTEGER);
    else if (/^[-+]\d/.test(word)) return { ok: false, text: `\`${word}\` is not a number of workers` };
    else if (/^\d{1,4}$/.test(word) && ttlHours === undefined)
      return {
        ok: false,
        text: `\`${word}\` has no unit; a lifetime is written like \`24h\` or \`2d\``,
        suggestion: words.map((other, index) => (index === at ? `${word}h` : other)).join(' '),
      };
    else if (ttlHours === undefined && meantAsDuration.test(word))
      return { ok: false, text: `\`${word}\` is not a lifetime; for example \`24h\`, \`2d\` or \`1d12h\`` };
    else if (/^\d/.test(word) && (count === undefined || ttlHours === undefined))
      return {
        ok: false,
        text: `\`${word}\` is neither a number of workers nor a lifetime like \`24h\` or \`2d\`; a reason that begins with a number goes in quotes`,
      };
    else break;
  }
  const rest = words.slice(at);
  const first = rest[0];
  if (first !== undefined && size === undefined && sizes.length > 0) {
    const near = nearest(first.toLowerCase(), sizes);
    if (near !== undefined)
      return {
        ok: false,
        text: `There is no size \`${first}\`; sizes are ${sizes.join(', ')}`,
        suggestion: [...words.slice(0, at), near, ...rest.slice(1)].join(' '),
      };
  }
  const late = rest.find(
    (word) =>
      (ttlHours === undefined && parseHours(word) !== undefined) ||
      (size === undefined && sizes.includes(word.toLowerCase())),
  );
  if (late !== undefined)
    return {
      ok: false,
      text: `\`${late}\` comes after \`${first ?? ''}\`, which begins the reason; put the reason last`,
      suggestion: [...words.slice(0, at), late, ...rest.filter((word) => word !== late)].join(' '),
    };
  const reason = rest
    .join(' ')
    .replace(/^(?:reason\s*[:=]\s*|for\s+)/i, '')
    .replace(/^["“](.*)["”]$/, '$1');
  return {
    ok: true,
    value: {
      ...(count === undefined ? {} : { count }),
      ...(size === undefined ? {} : { size }),
      ...(ttlHours === undefined ? {} : { ttlHours }),
      ...(reason === '' ? {} : { reason }),
    },
  };
}

export type ListWords = { readonly type?: WorkerType; readonly status?: WorkerStatus; readonly mine: boolean };
const types: readonly WorkerType[] = ['burst', 'permanent'];
const statuses: readonly WorkerStatus[] = ['ready', 'busy', 'draining', 'not_ready'];

/** `[burst|permanent] [ready|busy|draining|not_ready] [mine]` in any order. */
export function parseList(text: string, nearest: Nearest): Parsed<ListWords> {
  let value: ListWords = { mine: false };
  const words = wordsOf(text.toLowerCase().replace(/\bnot[ -]ready\b/g, 'not_ready'));
  for (const word of words) {
    const type = types.find((name) => name === word);
    const status = statuses.find((name) => name === word);
    if (type !== undefined) value = { ...value, type };
    else if (status !== undefined) value = { ...value, status };
    else if (word === 'mine' || word === 'my') value = { ...value, mine: true };
    else if (word !== 'all') {
      const near = nearest(word, [...types, ...statuses, 'mine']);
      return {
        ok: false,
        text: `\`list\` does not know \`${word}\`; it knows ${[...types, ...statuses, 'mine'].join(', ')}`,
        ...(near === undefined ? {} : { suggestion: words.map((other) => (other === word ? near : other)).join(' ') }),
      };
    }
  }
  return { ok: true, value };
}

export type NamesWords = { readonly names: readonly string[]; readonly hours?: number };
const unit = '(?:m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)';
const otherUnit = '(?:s|secs?|seconds?|mo|months?|y|yrs?|years?)';
/** What is meant as a duration even where it cannot be read as one: `0h`, `-2h`, `12h30`, `2y`. */
const meantAsDuration = new RegExp(`^[-+]?(?:\\d+(?:\\.\\d+)?(?:${unit}|${otherUnit}))+(?:\\d+)?$`, 'i');

/** Names as typed, without the quotes or marks that a copy from a message brings along; each once. */
export const namesOf = (text: string): readonly string[] => [
  ...new Set(
    wordsOf(text)
      .map(bareWord)
      .filter((word) => word !== ''),
  ),
];
const bareWord = (word: string): string => word.replace(/^[`'"“”*]+|[`'"“”*]+$/g, '');

/**
 * Worker names and a duration, in any order: `12h`, `12 h`, `by 2d`, `1d 12h` (added up). A number of at most four digits
 * without a unit counts as hours. What reads like a duration is never taken for a part of a name.
 */
export function parseNamesAndHours(text: string): Parsed<NamesWords> {
  const words = namesOfAll(
    text
      .replace(/(^|\s)(\d+),(\d+)(?=[a-z])/gi, '$1$2.$3')
      .replace(new RegExp(`(^|[\\s,])(\\+?\\d+(?:\\.\\d+)?)\\s+(${unit})(?=$|[\\s,])`, 'gi'), '$1$2$3')
      .replace(/(^|\s)(?:by|for)\s+(?=\+?\d)/gi, '$1'),
  );
  const names: string[] = [];
  let hours: number | undefined;
  let lastAt = -1;
  for (const [at, typed] of words.entries()) {
    const word = typed.replace(/^\+(?=\d)/, '');
    const read = /^\d{1,4}$/.test(word) ? Number(word) : parseHours(word);
    if (read === undefined && !meantAsDuration.test(word) && !/^-\d+$/.test(word)) {
      names.push(word);
      continue;
    }
    if (read === undefined || read <= 0)
      return { ok: false, text: `\`${typed}\` is not a time to extend by; for example \`12h\`, \`2d\` or \`1d12h\`` };
    const goesOn = lastAt === at - 1 && !/^\d+$/.test(word) && !/^\d+$/.test(words[lastAt] ?? '');
    if (hours !== undefined && !goesOn)
      return { ok: false, text: `\`${typed}\` is a second time; give one, for example \`24h\` or \`1d12h\`` };
    hours = (hours ?? 0) + read;
    lastAt = at;
  }
  const unique = [...new Set(names)];
  return { ok: true, value: hours === undefined ? { names: unique } : { names: unique, hours } };
}
const namesOfAll = (text: string): readonly string[] =>
  wordsOf(text)
    .map(bareWord)
    .filter((word) => word !== '');
