import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { QUIET_MARGIN_MS, afterQuiet, beforeQuiet, leavesTime, nextQuiet } from '../../../src/domain/quiet-hours.ts';
import type { QuietPolicy, QuietWindow } from '../../../src/domain/quiet-hours.ts';

const at = (text: string): number => Date.parse(text);
const clock = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
const quiet = (between: string, days: string[] = [], timezone = 'Europe/Berlin'): QuietPolicy => {
  const [from = '', to = ''] = between.split('-');
  return { timezone, windows: [{ from: clock(from), to: clock(to), days }] };
};
/** Written as the margin's end, to the minute. */
const begin = (text: string): number => at(text) - QUIET_MARGIN_MS - 1;

describe('a moment in the quiet hours is moved to before they begin', () => {
  const night = quiet('22:00-07:00');
  test.each<[string, QuietPolicy, string, number]>([
    ['by day it stays', night, '2026-03-10T12:00:00Z', at('2026-03-10T12:00:00Z')],
    ['in the evening', night, '2026-03-10T22:30:00Z', begin('2026-03-10T21:00:00Z')],
    ['after midnight', night, '2026-03-11T03:00:00Z', begin('2026-03-10T21:00:00Z')],
    ['the last minute', night, '2026-03-11T05:59:00Z', begin('2026-03-10T21:00:00Z')],
    ['their end is loud again', night, '2026-03-11T06:00:00Z', at('2026-03-11T06:00:00Z')],
    ['just before they begin', night, '2026-03-10T20:57:00Z', begin('2026-03-10T21:00:00Z')],
    ['no windows', { timezone: 'UTC', windows: [] }, '2026-03-11T03:00:00Z', at('2026-03-11T03:00:00Z')],
    ['the night when the clock is put forward', night, '2026-03-29T03:00:00Z', begin('2026-03-28T21:00:00Z')],
    ['and its end, an hour earlier', night, '2026-03-29T05:00:00Z', at('2026-03-29T05:00:00Z')],
    ['the night when it is put back', night, '2026-10-25T05:30:00Z', begin('2026-10-24T20:00:00Z')],
    ['and its end, an hour later', night, '2026-10-25T06:00:00Z', at('2026-10-25T06:00:00Z')],
    [
      'begins at a time that the day lacks',
      quiet('02:30-06:00'),
      '2026-03-29T03:00:00Z',
      begin('2026-03-29T01:00:00Z'),
    ],
    [
      'begins at a time that the day has twice: the first',
      quiet('02:30-06:00'),
      '2026-10-25T02:00:00Z',
      begin('2026-10-25T00:30:00Z'),
    ],
    [
      'ends at a time that the day has twice: the second',
      quiet('22:00-02:30'),
      '2026-10-25T01:15:00Z',
      begin('2026-10-24T20:00:00Z'),
    ],
    ['a whole day', quiet('00:00-00:00', ['sat'], 'UTC'), '2026-03-14T12:00:00Z', begin('2026-03-14T00:00:00Z')],
    ['another day', quiet('00:00-00:00', ['sat'], 'UTC'), '2026-03-13T12:00:00Z', at('2026-03-13T12:00:00Z')],
    ['begun yesterday', quiet('22:00-07:00', ['fri'], 'UTC'), '2026-03-14T06:00:00Z', begin('2026-03-13T22:00:00Z')],
    ['begins on other days', quiet('22:00-07:00', ['fri'], 'UTC'), '2026-03-15T06:00:00Z', at('2026-03-15T06:00:00Z')],
    [
      'windows that follow each other',
      {
        timezone: 'UTC',
        windows: [...quiet('00:00-00:00', ['sat', 'sun']).windows, ...quiet('20:00-08:00').windows],
      },
      '2026-03-16T07:00:00Z',
      begin('2026-03-13T20:00:00Z'),
    ],
    [
      'half an hour from UTC',
      quiet('22:00-07:00', [], 'Asia/Kolkata'),
      '2026-03-10T17:00:00Z',
      begin('2026-03-10T16:30:00Z'),
    ],
  ])('%s', (_, policy, moment, expected) =>
    expect(new Date(beforeQuiet(at(moment), policy)).toISOString()).toBe(new Date(expected).toISOString()),
  );
});

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia'];
const anyWindow = fc.record<QuietWindow>({
  from: fc.integer({ min: 0, max: 1439 }),
  to: fc.integer({ min: 0, max: 1439 }),
  days: fc.subarray(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']),
});
const anyPolicy = fc
  .record({ timezone: fc.constantFrom(...zones), windows: fc.array(anyWindow, { maxLength: 3 }) })
  .filter(leavesTime);
const year = { min: at('2026-01-01T00:00:00Z'), max: at('2027-01-01T00:00:00Z') };
const moments = fc.oneof(
  fc.integer(year),
  // around the changes of the clock in Berlin, in New York and on Lord Howe Island
  ...['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z', '2026-11-01T06:00:00Z', '2026-04-04T15:00:00Z'].map((change) =>
    fc.integer({ min: at(change) - 90_000_000, max: at(change) + 90_000_000 }),
  ),
);
/** What a wall clock and a calendar in that zone show; an oracle that knows nothing of spans. */
function isQuietByTheClock(ms: number, { timezone, windows }: QuietPolicy): boolean {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(ms);
  const part = (type: string): string => parts.find((item) => item.type === type)?.value ?? '';
  const minute = Number(part('hour')) * 60 + Number(part('minute'));
  const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
  const today = week.indexOf(part('weekday').toLowerCase());
  const begins = (days: readonly string[], day: number): boolean =>
    days.length === 0 || days.includes(week[(day + 7) % 7] ?? '');
  return windows.some(({ from, to, days }) =>
    to > from
      ? begins(days, today) && minute >= from && minute < to
      : (begins(days, today) && minute >= from) || (begins(days, today - 1) && minute < to),
  );
}

describe('for any quiet hours that leave some time', () => {
  test('a moment is never moved forward, nor into quiet hours, nor when it is in none', () =>
    fc.assert(
      fc.property(moments, anyPolicy, (ms, policy) => {
        const moved = beforeQuiet(ms, policy);
        expect(moved).toBeLessThanOrEqual(ms);
        expect(isQuietByTheClock(moved, policy)).toBe(false);
        expect(beforeQuiet(moved, policy)).toBe(moved);
        if (moved === ms) return;
        // whoever is moved was in quiet hours, or less than the margin before them
        const reached = [ms, ms + QUIET_MARGIN_MS].some((moment) => isQuietByTheClock(moment, policy));
        const inBetween = [1, 2, 3, 4].some((minutes) => isQuietByTheClock(ms + minutes * 60_000, policy));
        // a time that the day has twice is quiet both times
        const twice = isQuietByTheClock(ms - 3_600_000, policy) || isQuietByTheClock(ms - 1_800_000, policy);
        expect(reached || inBetween || twice).toBe(true);
      }),
      { numRuns: 150 },
    ));
  test('order is kept', () =>
    fc.assert(
      fc.property(moments, fc.integer({ min: 0, max: 300_000_000 }), anyPolicy, (ms, later, policy) => {
        expect(beforeQuiet(ms, policy)).toBeLessThanOrEqual(beforeQuiet(ms + later, policy));
      }),
      { numRuns: 80 },
    ));
  test('what falls due before the quiet end falls due before they begin, and nothing later does', () =>
    fc.assert(
      fc.property(moments, anyPolicy, (ms, policy) => {
        const end = afterQuiet(ms, policy);
        expect(isQuietByTheClock(end, policy)).toBe(false);
        expect(beforeQuiet(end, policy)).toBe(end);
        if (end > ms) expect(beforeQuiet(end - 1, policy)).toBeLessThanOrEqual(ms);
      }),
      { numRuns: 80 },
    ));
  test('when they begin next is the moment to which the first of them moves what falls in', () =>
    fc.assert(
      fc.property(moments, anyPolicy, (ms, policy) => {
        const next = nextQuiet(ms, policy);
        expect(next === undefined).toBe(policy.windows.length === 0);
        if (next === undefined) return;
        expect(next).toBeGreaterThan(ms);
        expect(beforeQuiet(next + 1, policy)).toBeLessThanOrEqual(next);
        expect(afterQuiet(next, policy)).toBeGreaterThan(next);
      }),
      { numRuns: 80 },
    ));
});

test.each<[string, QuietWindow[], boolean]>([
  ['none', [], true],
  ['a night', [{ from: 1320, to: 420, days: [] }], true],
  ['every whole day', [{ from: 0, to: 0, days: [] }], false],
  ['all but a few minutes', [{ from: 2, to: 0, days: [] }], false],
  [
    'day and night by turns',
    [
      { from: 480, to: 1200, days: [] },
      { from: 1200, to: 480, days: [] },
    ],
    false,
  ],
  ['every day but one', [{ from: 0, to: 0, days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat'] }], true],
])('whether time is left: %s', (_, windows, left) => expect(leavesTime({ windows })).toBe(left));
