import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { monthOf, monthsOf, slicesOf } from '../../../src/domain/calendar.ts';

const at = (text: string): number => Date.parse(text);
const HOUR = 3_600_000;

test.each<[string, string, string, string, string]>([
  ['2026-03-15T12:00:00Z', 'UTC', '2026-03', '2026-03-01T00:00:00Z', '2026-04-01T00:00:00Z'],
  ['2026-12-31T23:59:59Z', 'UTC', '2026-12', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  // the clocks change within it
  ['2026-03-15T12:00:00Z', 'Europe/Berlin', '2026-03', '2026-02-28T23:00:00Z', '2026-03-31T22:00:00Z'],
  ['2026-03-31T22:30:00Z', 'Europe/Berlin', '2026-04', '2026-03-31T22:00:00Z', '2026-04-30T22:00:00Z'],
  ['2026-06-01T03:00:00Z', 'America/Los_Angeles', '2026-05', '2026-05-01T07:00:00Z', '2026-06-01T07:00:00Z'],
  ['2024-02-10T00:00:00Z', 'Asia/Kathmandu', '2024-02', '2024-01-31T18:15:00Z', '2024-02-29T18:15:00Z'],
])('%s in %s is in %s', (moment, zone, name, from, to) => {
  expect(monthOf(at(moment), zone)).toEqual({ name, fromMs: at(from), toMs: at(to) });
});

test('a period over the end of a year touches both months', () => {
  const period = { fromMs: at('2026-12-31T20:00:00Z'), toMs: at('2027-01-02T00:00:00Z') };
  expect(monthsOf(period, 'UTC').map(({ name }) => name)).toEqual(['2026-12', '2027-01']);
  expect(monthsOf({ fromMs: period.fromMs, toMs: period.fromMs }, 'UTC')).toHaveLength(1);
});

describe('slices', () => {
  test.each<[number, string, number]>([
    [24, 'hour', 24],
    [48, 'hour', 48],
    [72, 'day', 3],
    [24 * 30, 'day', 30],
    [24 * 90, 'week', 13],
  ])('%s hours are cut by the %s', (hours, unit, count) => {
    const fromMs = at('2026-05-04T00:00:00Z');
    const cut = slicesOf({ fromMs, toMs: fromMs + hours * HOUR }, 'UTC');
    expect([cut.unit, cut.slices.length]).toEqual([unit, count]);
    expect(cut.slices[0]?.label).toBe(unit === 'hour' ? '00:00' : 'May 4');
  });

  test('are the period, without a gap and without an overlap', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu');
    const start = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') });
    fc.assert(
      fc.property(start, fc.integer({ min: 1, max: 400 * 24 * HOUR }), zones, (fromMs, length, zone) => {
        const period = { fromMs, toMs: fromMs + length };
        const { slices } = slicesOf(period, zone);
        expect(slices[0]?.fromMs).toBe(period.fromMs);
        expect(slices.at(-1)?.toMs).toBe(period.toMs);
        slices.slice(1).forEach((slice, index) => expect(slice.fromMs).toBe(slices[index]?.toMs));
      }),
      { numRuns: 60 },
    );
  });
});
