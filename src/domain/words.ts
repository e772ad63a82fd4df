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
  let at = 0;
  for (; at < words.length; at++) {
    const word = (words[at] ?? '').replace(/,$/, '');
    const sized = sizes.find((name) => name.toLowerCase() === word.toLowerCase());
    const multiplied = /^(\d{1,4})x?$/i.exec(word)?.[1];
    const unit = words[at + 1]?.toLowerCase() ?? '';
    const spaced = /^\d{1,6}$/.test(word) && /^[a-z]+$/.test(unit) ? parseHours(`${word}${unit}`) : undefined;
    const hours = parseHours(word);
    if (sized !== undefined && size === undefined) size = sized;
    else if (spaced !== undefined && ttlHours === undefined) {
      ttlHours = spaced;
      at++;
    } else if (multiplied !== undefined && count === undefined) count = Number(multiplied);
    else if (hours !== undefined && ttlHours === undefined) ttlHours = hours;
    else if (/^[-+]\d/.test(word)) return { ok: false, text: `\`${word}\` is not a number of workers` };
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

/** Worker names and at most one duration, in any order (`12h`, or `12 h`). */
export function parseNamesAndHours(text: string): { readonly names: readonly string[]; readonly hours?: number } {
  const words = wordsOf(
    text.replace(/\b(\d+)\s+(h|hours?|d|days?)\b/gi, '$1$2').replace(/\b(?:by|for)\s+(?=\d)/gi, ''),
  );
  const hours = words.map(parseHours).find((value) => value !== undefined);
  const names = [...new Set(words.filter((word) => parseHours(word) === undefined))];
  return hours === undefined ? { names } : { names, hours };
}
