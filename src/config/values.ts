/** Values with a grammar of their own: name patterns and cron expressions. */
import { messageOf } from '../domain/errors.ts';
import { RE2JS } from 're2js';
import type { Matcher } from '../domain/policy.ts';

const reason = (error: unknown): string => messageOf(error).split('\n')[0] ?? 'unreadable';

/** True for the three letters of a currency that there is. */
export const validCurrency = (code: string): boolean => Intl.supportedValuesOf('currency').includes(code);

/**
 * Compiles a regular expression with RE2, whose time is linear in the text whatever the pattern. It matches anywhere in
 * the text unless anchored.
 */
export function compilePattern(source: string): { readonly matcher: Matcher } | { readonly problem: string } {
  if (source === '') return { problem: 'a regular expression that is not empty (an empty one matches every name)' };
  try {
    const compiled = RE2JS.compile(source);
    return { matcher: { source, matches: (text) => compiled.test(text) } };
  } catch (error) {
    return { problem: `a regular expression in RE2 syntax, without look-around or back-references (${reason(error)})` };
  }
}

type Field = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
};
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of the month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, words: MONTHS },
  { name: 'day of the week', min: 0, max: 7, words: DAYS },
];
const ALLOWED = 'a cron expression of 5 fields, or 6 with seconds first, e.g. "*/5 * * * *"';

function cronNumber(text: string, field: Field): number | undefined {
  const word = field.words?.indexOf(text.toLowerCase()) ?? -1;
  const value = word >= 0 ? field.min + word : /^[0-9]{1,2}$/.test(text) ? Number(text) : NaN;
  return value >= field.min && value <= field.max ? value : undefined;
}

function cronPartOk(part: string, field: Field): boolean {
  const [range = '', step, ...rest] = part.split('/');
  if (rest.length > 0) return false;
  if (step !== undefined && (!/^[0-9]{1,2}$/.test(step) || Number(step) < 1 || Number(step) > field.max)) return false;
  if (range === '*') return true;
  const [from = '', to, ...more] = range.split('-');
  const first = cronNumber(from, field);
  if (first === undefined || more.length > 0) return false;
  if (to === undefined) return step === undefined;
  const last = cronNumber(to, field);
  return last !== undefined && first <= last;
}

/** @returns what is allowed instead, or undefined when the cron expression is fine. */
export function validCron(expression: string): string | undefined {
  const parts = expression.trim().split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) return ALLOWED;
  const fields = FIELDS.slice(FIELDS.length - parts.length);
  const bad = fields.find((field, index) => !(parts[index] ?? '').split(',').every((part) => cronPartOk(part, field)));
  return bad === undefined ? undefined : `${ALLOWED}; the field "${bad.name}" is wrong`;
}

/**
 * The cron expression that fires every `seconds` seconds, in UTC or any zone of whole hours.
 * @returns undefined when cron cannot say it: only what divides a minute, an hour or a day evenly has one.
 */
export function cronEvery(seconds: number): string | undefined {
  if (seconds < 60) return 60 % seconds === 0 ? `*/${seconds} * * * * *` : undefined;
  const minutes = seconds / 60;
  if (!Number.isInteger(minutes)) return undefined;
  if (minutes < 60) return 60 % minutes === 0 ? `0 */${minutes} * * * *` : undefined;
  const hours = minutes / 60;
  if (!Number.isInteger(hours) || 24 % hours !== 0) return undefined;
  return hours === 24 ? '0 0 0 * * *' : `0 0 */${hours} * * *`;
}

/** A time zone of the IANA database. @returns what is wrong with it. */
export function validTimezone(name: string): string | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return undefined;
  } catch {
    return 'the name of a time zone, e.g. "UTC" or "Europe/Berlin"';
  }
}
