import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { count, cpuMillis, memoryMiB, parseQuantity } from '../../../src/kubernetes/quantity.ts';

describe('quantities', () => {
  test.each([
    ['250m', 250],
    ['2', 2000],
    ['0.5', 500],
    ['.5', 500],
    ['0.07', 70],
    ['1500u', 2],
    ['100n', 1],
    ['1k', 1_000_000],
    ['1e1', 10_000],
    [2, 2000],
    ['0', 0],
  ])('cpu %s is %d millicores', (raw, expected) => {
    expect(cpuMillis(raw)).toBe(expected);
  });

  test.each([
    ['64Mi', 64],
    ['1Gi', 1024],
    ['1.5Gi', 1536],
    ['1Ti', 1_048_576],
    ['512Ki', 0.5],
    ['1048576', 1],
    ['128974848', 123],
    ['128974848000m', 123],
    ['1048.576k', 1],
    ['1E6', 1e6 / 2 ** 20],
    ['129e6', 129e6 / 2 ** 20],
    ['1G', 1e9 / 2 ** 20],
    ['1M', 1e6 / 2 ** 20],
  ])('memory %s is %d MiB', (raw, expected) => {
    expect(memoryMiB(raw)).toBeCloseTo(expected, 9);
  });

  test.each([
    '',
    ' ',
    '-1',
    '-1Gi',
    'NaN',
    'Infinity',
    '1e999',
    '1KI',
    '1 Gi',
    '0x10',
    '1Gi1',
    '9'.repeat(200),
    null,
    {},
    [],
    -1,
    Number.NaN,
    1e300,
  ])('%j is absurd and counts 0', (raw) => {
    expect([cpuMillis(raw), memoryMiB(raw), count(raw)]).toEqual([0, 0, 0]);
  });

  test('whatever comes in, a finite number of 0 or more comes out', () => {
    fc.assert(
      fc.property(fc.anything(), (raw) => {
        for (const value of [parseQuantity(raw), cpuMillis(raw), memoryMiB(raw), count(raw)]) {
          expect(Number.isFinite(value)).toBe(true);
          expect(value).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
