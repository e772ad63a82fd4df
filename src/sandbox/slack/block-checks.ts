/**
 * Checks that the validation of blocks is made of. Invariant: what is wrong is said as Slack's `blocks.validate` does:
 * where (a JSON pointer), which kind, in words, and what was expected instead of what was there.
 */
import { isRec, list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

export type BlockConstraint = { type: string; expected: string[]; got: string };
export type BlockProblem = {
  pointer: string;
  code: 'missing_required_field' | 'failed_constraint' | 'unsupported_type' | 'invalid_additional_property';
  message: string;
  constraint?: BlockConstraint;
};

export type Checks = ReturnType<typeof createChecks>;

/** Checks that add what they find to `problems`. Lengths are in characters. */
export function createChecks(problems: BlockProblem[]) {
  const fail = (pointer: string, message: string, type: string, expected: readonly unknown[], got: unknown): void =>
    void problems.push({
      pointer,
      code: 'failed_constraint',
      message,
      constraint: { type, expected: expected.map(String), got: String(got) },
    });
  const missing = (pointer: string, what = ''): void =>
    void problems.push({
      pointer,
      code: 'missing_required_field',
      message: `missing required field${what === '' ? '' : `: ${what}`}`,
    });
  const unsupported = (pointer: string, type: string, known: readonly string[]): void =>
    void problems.push({
      pointer,
      code: 'unsupported_type',
      message: `unsupported type: ${type}`,
      constraint: { type: 'enum', expected: [...known], got: type },
    });
  const maybe = (v: unknown, check: () => void): void => {
    if (v !== undefined) check();
  };
  const words = (v: unknown, at: string, max: number, min = 1): void => {
    if (v === undefined || v === null) missing(at);
    else if (typeof v !== 'string') fail(at, 'must be a string', 'type', ['string'], typeof v);
    else if (v.length < min) fail(at, `must be more than ${String(min - 1)} characters`, 'min_length', [min], v.length);
    else if (v.length > max) fail(at, `must be less than ${String(max + 1)} characters`, 'max_length', [max], v.length);
  };
  const oneOf = (v: unknown, at: string, known: readonly string[]): void => {
    if (!known.includes(str(v))) fail(at, `must be one of ${known.join(', ')}`, 'enum', known, v);
  };
  /** Properties that Slack does not know at this place. */
  const only = (v: Rec, at: string, known: readonly string[]): void => {
    for (const key of Object.keys(v))
      if (!known.includes(key))
        problems.push({
          pointer: at,
          code: 'invalid_additional_property',
          message: `invalid additional property: ${key}`,
          constraint: { type: 'additional_properties', expected: [...known], got: key },
        });
  };
  const text = (v: unknown, at: string, max: number, plain = false): void => {
    if (!isRec(v)) return missing(at);
    const mrkdwn = v['type'] === 'mrkdwn' && !plain;
    if (v['type'] !== 'plain_text' && !mrkdwn)
      unsupported(`${at}/type`, str(v['type']), plain ? ['plain_text'] : ['plain_text', 'mrkdwn']);
    words(v['text'], `${at}/text`, max);
    only(v, at, ['type', 'text', v['type'] === 'mrkdwn' ? 'verbatim' : 'emoji']);
  };
  const items = (v: unknown, at: string, max: number, min = 1): unknown[] => {
    if (!Array.isArray(v)) missing(at);
    else if (v.length < min) fail(at, `must have at least ${String(min)} items`, 'min_items', [min], v.length);
    else if (v.length > max) fail(at, `no more than ${String(max)} items allowed`, 'max_items', [max], v.length);
    return list(v);
  };
  const number = (v: unknown, at: string, min: number, max: number): void => {
    if (typeof v !== 'number' || !Number.isInteger(v) || v < min || v > max)
      fail(at, `must be a number from ${String(min)} to ${String(max)}`, 'range', [min, max], v);
  };
  const unique = (seen: Set<string>, v: unknown, at: string, name: string): void => {
    if (seen.has(str(v))) fail(at, `\`${name}\` "${str(v)}" already exists`, 'unique', ['another value'], v);
    seen.add(str(v));
  };
  const matches = (v: unknown, at: string, pattern: RegExp, form: string): void => {
    if (!pattern.test(str(v))) fail(at, `must be ${form}`, 'format', [form], v);
  };
  /** A rich_text block: known elements in known sections. */
  const richText = (v: unknown, at: string): void => {
    if (rec(v)['type'] !== 'rich_text') unsupported(`${at}/type`, str(rec(v)['type']), ['rich_text']);
    items(rec(v)['elements'], `${at}/elements`, 1000).forEach((e, i) => {
      const where = `${at}/elements/${String(i)}`;
      const type = str(rec(e)['type']);
      if (!richSections.includes(type)) return unsupported(`${where}/type`, type, richSections);
      if (type === 'rich_text_list') oneOf(rec(e)['style'], `${where}/style`, ['bullet', 'ordered']);
      const known = type === 'rich_text_list' ? ['rich_text_section'] : richElements;
      items(rec(e)['elements'], `${where}/elements`, 1000, 0).forEach((child, n) => {
        const inner = `${where}/elements/${String(n)}`;
        if (!known.includes(str(rec(child)['type']))) unsupported(`${inner}/type`, str(rec(child)['type']), known);
        else if (rec(child)['type'] === 'text') words(rec(child)['text'], `${inner}/text`, Infinity);
      });
    });
  };
  const image = (b: Rec, at: string): void => {
    words(b['alt_text'], `${at}/alt_text`, 2000);
    if (b['image_url'] === undefined && b['slack_file'] === undefined) missing(`${at}/image_url`);
    maybe(b['image_url'], () => words(b['image_url'], `${at}/image_url`, 3000));
  };
  return {
    fail,
    missing,
    unsupported,
    maybe,
    words,
    oneOf,
    only,
    text,
    items,
    number,
    unique,
    matches,
    richText,
    image,
  };
}

const richSections = ['rich_text_section', 'rich_text_list', 'rich_text_quote', 'rich_text_preformatted'];
const richElements = ['text', 'link', 'emoji', 'user', 'usergroup', 'team', 'channel', 'broadcast', 'date', 'color'];
