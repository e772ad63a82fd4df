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

export type ListWords = {
  readonly type?: WorkerType;
  readonly status?: WorkerStatus;
  readonly size?: SizeName;
  readonly mine: boolean;
};
const types: readonly WorkerType[] = ['burst', 'permanent'];
const statuses: readonly WorkerStatus[] = ['ready', 'busy', 'draining', 'not_ready'];

/** Says nothing in a list: `my burst workers please`. */
const idle: ReadonlySet<string> = new Set(
  'all any every worker workers node nodes machine machines vm vms and only the that are is of size please show me'.split(
    ' ',
  ),
);

/** The size of this name, also in the plural. */
export const sizeNamed = (word: string, sizes: readonly SizeName[]): SizeName | undefined => {
  const asked = word.toLowerCase();
  return (
    sizes.find((name) => name.toLowerCase() === asked) ??
    sizes.find((name) => [`${name.toLowerCase()}s`, `${name.toLowerCase()}es`].includes(asked))
  );
};

/** `[burst|permanent] [ready|busy|draining|not_ready] [SIZE] [mine]` in any order. */
export function parseList(text: string, nearest: Nearest, sizes: readonly SizeName[] = []): Parsed<ListWords> {
  let value: ListWords = { mine: false };
  const words = wordsOf(text.toLowerCase().replace(/\b(?:not[ -]?ready|unready)\b/g, 'not_ready')).map(bareWord);
  const known = [...types, ...statuses, ...sizes, 'mine'];
  for (const word of words) {
    const type = types.find((name) => name === word || `${name}s` === word);
    const status = statuses.find((name) => name === word);
    const size = sizeNamed(word, sizes);
    if (type !== undefined) value = { ...value, type };
    else if (status !== undefined) value = { ...value, status };
    else if (size !== undefined) value = { ...value, size };
    else if (['mine', 'my', 'own'].includes(word)) value = { ...value, mine: true };
    else if (word !== '' && !idle.has(word)) {
      const near = nearest(word, known);
      return {
        ok: false,
        text: `\`list\` does not know \`${word}\`; it knows ${known.join(', ')}`,
        ...(near === undefined ? {} : { suggestion: words.map((other) => (other === word ? near : other)).join(' ') }),
      };
    }
  }
  return { ok: true, value };
}

export type NamesWords = { readonly names: readonly string[]; readonly hours?: number };
/** Units of time, as a part of a regular expression that ignores case. */
export const unit = '(?:m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)';
const otherUnit = '(?:s|secs?|seconds?|mo|months?|y|yrs?|years?)';
/** What is meant as a duration even where it cannot be read as one: `0h`, `-2h`, `12h30`, `2y`. */
export const meantAsDuration = new RegExp(`^[-+]?(?:\\d+(?:\\.\\d+)?(?:${unit}|${otherUnit}))+(?:\\d+)?$`, 'i');

/** Names as typed, without the quotes or marks that a copy from a message brings along; each once. */
export const namesOf = (text: string): readonly string[] => [...new Set(meaning(namesOfAll(text)))];

/** Says nothing beside a name: `the worker abcde and fghij please`. */
const beside: ReadonlySet<string> = new Set(['worker', 'workers', 'node', 'nodes', 'the', 'and', 'please', '&', '+']);
/** Without such words, unless nothing else is said: they may be parts of names. */
function meaning(words: readonly string[]): readonly string[] {
  const said = words.filter((word) => !beside.has(word.toLowerCase()));
  return said.length > 0 ? said : words;
}
/** Without the quotes or marks that a copy from a message brings along. */
export const bareWord = (word: string): string => word.replace(/^[`'"“”*]+|[`'"“”*]+$/g, '');

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
  const unique = [...new Set(meaning(names))];
  return { ok: true, value: hours === undefined ? { names: unique } : { names: unique, hours } };
}
const namesOfAll = (text: string): readonly string[] =>
  wordsOf(text)
    .map(bareWord)
    .filter((word) => word !== '');
