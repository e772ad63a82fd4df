import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  costOf,
  decimalOf,
  formatAll,
  formatMoney,
  formatPrice,
  microsOf,
  moneyOf,
  sumOf,
} from '../../../src/domain/money.ts';

const HOUR = 3_600_000;
const usd = (amount: number | string) => moneyOf('USD', microsOf(amount) ?? NaN);

test.each<[string | number, number | undefined]>([
  [0.05, 50_000],
  ['0.0125', 12_500],
  [0.1, 100_000],
  [12, 12_000_000],
  [0, 0],
  [0.0000001, undefined],
  ['-1', undefined],
  ['1,5', undefined],
  ['', undefined],
  [1e21, undefined],
  [NaN, undefined],
])('%s is read as %s millionths', (text, micros) => {
  expect(microsOf(text)).toBe(micros);
});

describe('how it is shown', () => {
  test.each<[string, string]>([
    [formatMoney(usd(4.8)), '$4.80'],
    [formatMoney(usd(1234567.891)), '$1,234,567.89'],
    [formatMoney(moneyOf('JPY', 4_500_000)), '¥5'],
    [formatMoney(moneyOf('EUR', 5000)), '€0.01'],
    [formatMoney(moneyOf('EUR', 4999)), '€0.00'],
    [formatPrice({ currency: 'USD', micros: 12_500 }), '$0.0125'],
    [formatPrice({ currency: 'USD', micros: 100_000 }), '$0.10'],
    [formatPrice({ currency: 'JPY', micros: 7_500_000 }), '¥7.5'],
    [formatAll([usd(1), moneyOf('EUR', 2_000_000), usd(0.5)], 'USD'), '€2.00 + $1.50'],
    [formatAll([], 'EUR'), '€0.00'],
    [decimalOf({ exact: -1n * usd(1.25).exact }, 1), '-1.3'],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });
});

describe('nothing drifts', () => {
  test('0.1 an hour, ten times ten hours, is 10', () => {
    const price = { currency: 'USD', micros: microsOf(0.1) ?? NaN };
    const parts = Array.from({ length: 10 }, () => costOf(price, 10 * HOUR));
    expect(sumOf(parts)).toEqual([usd(10)]);
  });

  test('the cost of a time is the sum of the costs of its parts', () => {
    const ms = fc.integer({ min: 0, max: 1e10 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), fc.array(ms, { maxLength: 20 }), (micros, parts) => {
        const price = { currency: 'USD', micros };
        const whole = costOf(
          price,
          parts.reduce((sum, part) => sum + part, 0),
        );
        const sum = parts.reduce((all, part) => all + costOf(price, part).exact, 0n);
        expect(sum).toBe(whole.exact);
      }),
    );
  });
});
