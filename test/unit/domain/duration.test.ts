import { expect, test } from 'vitest';
import { formatDuration, parseHours } from '../../../src/domain/duration.ts';

test.each([
  ['24h', 24],
  ['2d', 48],
  ['1d12h', 36],
  ['90min', 1.5],
  ['1.5h', 1.5],
  ['1w', 168],
  ['3 Days', 72],
  ['24', undefined],
  ['h', undefined],
  ['0h', undefined],
  ['-2h', undefined],
  ['2y', undefined],
  ['medium', undefined],
  ['', undefined],
])('%j is %j hours', (text, hours) => expect(parseHours(text)).toBe(hours));

test.each([
  [0, '0 s'],
  [-5, '0 s'],
  [Number.NaN, '0 s'],
  [45_000, '45 s'],
  [3_600_000, '1 h'],
  [12_000_000, '3 h 20 min'],
  [100 * 3_600_000, '4 d 4 h'],
])('%d ms read as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
