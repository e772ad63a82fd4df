/** Rules between the keys of `cost`. */
import { expect, it } from 'vitest';
import { costPolicy, workerPolicy } from '../../../src/config/index.ts';
import { load, problemsOf } from './support.ts';

const PRICES = 'prices: {small: 0.05, medium: 0.1, large: 0.2, xlarge: 0.4}';
const budgets = (...each: string[]): string => `cost: { ${PRICES}, budgets: [${each.join(', ')}] }`;

it.each<[string, string, RegExp]>([
  ['a size that there is not', 'cost: {prices: {smal: 1}}', /cost\.prices\.smal.*did you mean "small"/],
  ['sizes without a price', 'cost: {prices: {small: 1, medium: 2}}', /cost\.prices.*lacks large, xlarge/],
  ['more digits than are counted', 'cost: {prices: {small: 0.0000001}}', /cost\.prices\.small.*six digits/],
  ['a price below nothing', 'cost: {prices: {small: -1}}', /cost\.prices\.small.*found -1/],
  ['a currency that there is not', 'cost: {currency: usd}', /cost\.currency.*three letters/],
  ['budgets without prices', 'cost: {budgets: [{name: a, monthly: 1}]}', /cost\.budgets.*without cost\.prices/],
  ['two budgets of one name', budgets('{name: a, monthly: 1}', '{name: a, monthly: 2}'), /budgets\.1\.name/],
  [
    'approvers of a budget that refuses',
    budgets('{name: a, monthly: 1, approvers: {users: [U0A]}}'),
    /budgets\.0.*beyond: approval/,
  ],
  [
    'more approvers than named',
    budgets('{name: a, monthly: 1, beyond: approval, needed: 2, approvers: {users: [U0A]}}'),
    /budgets\.0\.needed.*at most.*1/,
  ],
  ['cost_over without prices', 'approvals: {rules: [{name: a, cost_over: 5}]}', /rules\.0\.cost_over.*cost\.prices/],
  [
    'a cluster of another currency, with budgets',
    `cost: {${PRICES}, budgets: [{name: a, monthly: 1}]}\nclusters: {east: {kubernetes: {context: e}}, west: {kubernetes: {context: w}, cost: {currency: EUR}}}`,
    /clusters\.west\.cost\.currency.*USD/,
  ],
  [
    'a budget of a cluster that there is not',
    `cost: {${PRICES}, budgets: [{name: a, monthly: 1, clusters: [wets]}]}\nclusters: {east: {kubernetes: {context: e}}, west: {kubernetes: {context: w}}}`,
    /budgets\.0\.clusters\.0.*did you mean "west"/,
  ],
])('refuses %s', (_, yaml, text) => {
  expect(problemsOf(yaml).message).toMatch(text);
});

it('lets a cluster have its own currency and prices', () => {
  const { clusters } = load(
    `cost: {${PRICES}}\nclusters: {east: {kubernetes: {context: e}}, west: {kubernetes: {context: w}, cost: {currency: EUR, prices: {small: 0.06}}}}`,
  );
  const prices = clusters.map((own) => workerPolicy(own).prices);
  expect(prices.map((own) => [own?.get('small'), own?.get('medium')])).toEqual([
    [
      { currency: 'USD', micros: 50_000 },
      { currency: 'USD', micros: 100_000 },
    ],
    [
      { currency: 'EUR', micros: 60_000 },
      { currency: 'EUR', micros: 100_000 },
    ],
  ]);
});

it('says nothing of cost without prices', () => {
  expect(costPolicy(load(''))).toBeUndefined();
  expect(workerPolicy(load('')).prices).toBeUndefined();
});
