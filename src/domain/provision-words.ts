/** What a person typed after `/burst provision`, read forgivingly: words in any order, plurals, number words, units. Pure. */
import { parseHours } from './duration.ts';
import { meantAsDuration, sizeNamed } from './words.ts';
import type { Nearest, Parsed } from './words.ts';
import type { SizeName } from './worker.ts';

export type ProvisionWords = {
  readonly count?: number;
  readonly size?: SizeName;
  readonly ttlHours?: number;
  readonly reason?: string;
};
type Read = { readonly used: number };

const NUMBERS = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const UNITS = ['minutes', 'hours', 'hour', 'days', 'day', 'weeks', 'week'];
/** Words that say nothing: before a lifetime, before a size, beside a number or size, and where something follows. */
const NOISE = {
  lifetime: new Set(['for', 'lasting', 'over', 'during']),
  size: new Set(['of', 'size', 'sized', 'type']),
  things: new Set(['worker', 'workers', 'node', 'nodes', 'machine', 'machines', 'vm', 'vms']),
  other: new Set(['please', 'and', 'with', 'new', 'burst', 'temporary', 'me', 'us', 'more', 'x', '×']),
};

const bare = (word = ''): string => word.replace(/,$/, '');
const numberOf = (word: string): number | undefined => {
  const at = NUMBERS.indexOf(word.toLowerCase());
  return at < 0 ? undefined : at + 1;
};
const isUnit = (word: string): boolean => /^[a-z]+$/i.test(word) && parseHours(`1${word}`) !== undefined;

/** A lifetime at this place: `24h`, `2 days`, `a day`, `two weeks`, `1,5d`. */
function lifetimeAt(words: readonly string[], at: number): (Read & { readonly hours: number }) | undefined {
  const word = bare(words[at]);
  const unit = bare(words[at + 1]);
  const amount = /^(?:an?)$/i.test(word)
    ? 1
    : (numberOf(word) ?? (/^\d{1,6}(?:[.,]\d{1,3})?$/.test(word) ? word.replace(',', '.') : undefined));
  const spaced = amount !== undefined && isUnit(unit) ? parseHours(`${amount}${unit}`) : undefined;
  if (spaced !== undefined) return { hours: spaced, used: 2 };
  const hours = parseHours(word.replace(/^(\d+),(\d+)(?=[a-z])/i, '$1.$2'));
  return hours === undefined ? undefined : { hours, used: 1 };
}

/** The words of a command that the loop goes through, and what has been read of them. */
class Reader {
  readonly words: readonly string[];
  readonly sizes: readonly SizeName[];
  at = 0;
  count: number | undefined;
  size: SizeName | undefined;
  ttlHours: number | undefined;
  /** What was read last. */
  last: 'count' | 'size' | 'lifetime' | undefined;

  constructor(words: readonly string[], sizes: readonly SizeName[]) {
    this.words = words;
    this.sizes = sizes;
  }

  /** Whether the words from here on begin with one that means something, or end; noise is passed over. */
  #goesOn(at: number): boolean {
    const word = bare(this.words[at]);
    const lower = word.toLowerCase();
    const timeAt = (place: number): boolean =>
      this.ttlHours === undefined && lifetimeAt(this.words, place) !== undefined;
    return (
      at >= this.words.length ||
      this.#sizeAt(at) ||
      timeAt(at) ||
      (NOISE.size.has(lower) && this.#sizeAt(at + 1)) ||
      (NOISE.lifetime.has(lower) && timeAt(at + 1)) ||
      (this.count === undefined && /^(?:\d+x?|[x×]\d+)$/i.test(word)) ||
      (((this.count === undefined && numberOf(word) !== undefined) || this.#isNoise(word)) && this.#goesOn(at + 1))
    );
  }
  /** A size at this place, `of size` and the like before it. */
  #sizeAt(at: number): boolean {
    const word = bare(this.words[at]);
    if (this.size !== undefined || word === '') return false;
    return sizeNamed(word, this.sizes) !== undefined || (NOISE.size.has(word.toLowerCase()) && this.#sizeAt(at + 1));
  }
  #isNoise(word: string): boolean {
    const lower = word.toLowerCase();
    return word !== '' && (NOISE.things.has(lower) || NOISE.other.has(lower));
  }

  /** A number of workers here: `3`, `3x`, `x3`, `three` or `a` (before what goes on), or with its size: `3xmedium`. */
  number(): boolean {
    const word = bare(this.words[this.at]);
    const glued = /^(\d+)[x×*]?([a-z].*)$/i.exec(word);
    const size = this.size === undefined ? sizeNamed(glued?.[2] ?? '', this.sizes) : undefined;
    if (this.count !== undefined) return false;
    if (size !== undefined) this.size = size;
    const digits = size === undefined ? /^(?:(\d+)x?|[x×](\d+))$/i.exec(word) : glued;
    const written = digits?.[1] ?? digits?.[2];
    const said =
      numberOf(word) ??
      (/^an?$/i.test(word) && sizeNamed(bare(this.words[this.at + 1]), this.sizes) !== undefined ? 1 : undefined);
    if (written !== undefined) this.count = Math.min(Number(written), Number.MAX_SAFE_INTEGER);
    else if (said !== undefined && this.#goesOn(this.at + 1)) this.count = said;
    else return false;
    this.last = size === undefined ? 'count' : 'size';
    this.at++;
    return true;
  }

  sized(): boolean {
    const size = sizeNamed(bare(this.words[this.at]), this.sizes);
    if (size === undefined || this.size !== undefined) return false;
    this.size = size;
    this.last = 'size';
    this.at++;
    return true;
  }

  /** A word that says nothing where it stands. */
  noise(): boolean {
    const lower = bare(this.words[this.at]).toLowerCase();
    const next = this.at + 1;
    const skipped =
      (NOISE.lifetime.has(lower) && this.ttlHours === undefined && lifetimeAt(this.words, next) !== undefined) ||
      (NOISE.size.has(lower) && this.#sizeAt(next)) ||
      (NOISE.things.has(lower) && (this.last === 'count' || this.last === 'size' || this.#goesOn(next))) ||
      (NOISE.other.has(lower) && this.#goesOn(next));
    if (skipped) this.at++;
    return skipped;
  }
}

/** Takes one reason in quotes (or after `reason:`) out of the text, wherever it stands. */
function takeQuoted(text: string): { readonly words: readonly string[]; readonly quoted: string | undefined } {
  const found = /(?:^|\s)(?:reason\s*[:=]\s*)?(?:"([^"]*)"|“([^”]*)”)(?=[\s,]|$)/i.exec(text);
  const rest = found === null ? text : `${text.slice(0, found.index)} ${text.slice(found.index + found[0].length)}`;
  return {
    words: rest.split(/\s+/).filter((word) => word !== '' && word !== ','),
    quoted: found === null ? undefined : (found[1] ?? found[2] ?? '').trim(),
  };
}

/**
 * Count, size, lifetime and a reason in quotes in any order; without quotes, the first word that is none of them begins the
 * reason, which goes on to the end. A size or lifetime inside the reason that was not given before is asked about, never
 * guessed.
 */
export function parseProvision(text: string, sizes: readonly SizeName[], nearest: Nearest): Parsed<ProvisionWords> {
  const { words, quoted } = takeQuoted(text);
  const tail = quoted === undefined || quoted === '' ? [] : [`"${quoted}"`];
  const again = (...other: readonly string[]): string => [...other, ...tail].join(' ');
  const reader = new Reader(words, sizes);
  let hoursEnd = -1;
  for (; reader.at < words.length;) {
    const { at } = reader;
    const word = bare(words[at]);
    const replaced = (by: string): string => again(...words.map((other, index) => (index === at ? by : other)));
    if (reader.sized()) continue;
    const lifetime = lifetimeAt(words, at);
    if (lifetime !== undefined) {
      if (reader.ttlHours !== undefined && hoursEnd !== at)
        return { ok: false, text: `\`${word}\` is a second lifetime; give one, for example \`24h\` or \`1d12h\`` };
      reader.ttlHours = (reader.ttlHours ?? 0) + lifetime.hours;
      reader.last = 'lifetime';
      reader.at = hoursEnd = at + lifetime.used;
      continue;
    }
    if (reader.number() || reader.noise()) continue;
    if (/^[-+]\d/.test(word)) return { ok: false, text: `\`${word}\` is not a number of workers` };
    if (/^\d{1,4}$/.test(word) && reader.ttlHours === undefined)
      return {
        ok: false,
        text: `\`${word}\` has no unit; a lifetime is written like \`24h\` or \`2d\``,
        suggestion: replaced(`${word}h`),
      };
    const meant = mistypedUnit(word, nearest);
    const suggestion = meant === undefined ? {} : { suggestion: replaced(meant) };
    if (reader.ttlHours === undefined && (meantAsDuration.test(word) || meant !== undefined))
      return {
        ok: false,
        text: `\`${word}\` is not a lifetime; for example \`24h\`, \`2d\` or \`1d12h\``,
        ...suggestion,
      };
    if (/^\d/.test(word) && (reader.count === undefined || reader.ttlHours === undefined))
      return {
        ok: false,
        text: `\`${word}\` is neither a number of workers nor a lifetime like \`24h\` or \`2d\`; a reason that begins with a number goes in quotes`,
      };
    break;
  }
  const { count, size, ttlHours } = reader;
  const head = words.slice(0, reader.at);
  const rest = words.slice(reader.at);
  const first = rest[0];
  if (first !== undefined && size === undefined && sizes.length > 0) {
    const near = nearest(first.toLowerCase(), [...sizes, ...sizes.map((name) => `${name}s`)]);
    if (near !== undefined)
      return {
        ok: false,
        text: `There is no size \`${first}\`; sizes are ${sizes.join(', ')}`,
        suggestion: again(...head, sizeNamed(near, sizes) ?? near, ...rest.slice(1)),
      };
  }
  const late = lateIn(rest, reader);
  if (late.length > 0) {
    const moved = late.flatMap(({ at, used }) => rest.slice(at, at + used));
    const kept = rest.filter((_, at) => !late.some((item) => at >= item.at && at < item.at + item.used));
    return {
      ok: false,
      text: `\`${moved.join(' ')}\` comes after \`${first ?? ''}\`, which begins the reason; put the reason last or in quotes`,
      suggestion: again(...head, ...moved, ...kept),
    };
  }
  if (ttlHours !== undefined && !Number.isInteger(ttlHours))
    return {
      ok: false,
      text: `A lifetime is given in whole hours, and this is ${Math.round(ttlHours * 100) / 100} h`,
      suggestion: [
        ...(count === undefined ? [] : [String(count)]),
        ...(size === undefined ? [] : [size]),
        `${Math.ceil(ttlHours)}h`,
        ...rest,
        ...tail,
      ].join(' '),
    };
  const said = rest
    .join(' ')
    .replace(/^(?:reason\s*[:=]\s*|for\s+)/i, '')
    .replace(/^["“](.*)["”]$/, '$1');
  const reason = [quoted ?? '', said].filter((part) => part !== '').join(' ');
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

/** Where in the reason a size (with its number) and a lifetime stand that were not given before. */
function lateIn(rest: readonly string[], { sizes, size, count, ttlHours }: Reader): (Read & { readonly at: number })[] {
  const sizeAt = size === undefined ? rest.findIndex((word) => sizeNamed(bare(word), sizes) !== undefined) : -1;
  const timeAt =
    ttlHours === undefined ? rest.findIndex((word, at) => /\d/.test(word) && lifetimeAt(rest, at) !== undefined) : -1;
  const counted = count === undefined && /^\d+x?$/.test(rest[sizeAt - 1] ?? '') && timeAt !== sizeAt - 1;
  return [
    ...(sizeAt < 0 ? [] : [counted ? { at: sizeAt - 1, used: 2 } : { at: sizeAt, used: 1 }]),
    ...(timeAt < 0 ? [] : [{ at: timeAt, used: lifetimeAt(rest, timeAt)?.used ?? 1 }]),
  ];
}

/** `24huors`, `2dyas`: the number with the unit that was meant. */
function mistypedUnit(word: string, nearest: Nearest): string | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]{3,})$/i.exec(word) ?? [];
  const near = amount === undefined || isUnit(unit) ? undefined : nearest(unit.toLowerCase(), UNITS);
  return near === undefined ? undefined : `${amount ?? ''}${near}`;
}
