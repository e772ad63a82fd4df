import { describe, expect, test } from 'vitest';
import { OverBudget, excessOf, isWarned, paysFor, percentOf, standingsOf } from '../../../src/domain/budget.ts';
import type { Budget } from '../../../src/domain/budget.ts';
import type { Lifespan } from '../../../src/domain/cost.ts';
import { formatMoney, microsOf, moneyOf } from '../../../src/domain/money.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-15T12:00:00Z');
const usd = (amount: number) => moneyOf('USD', microsOf(amount) ?? NaN);
const budget = (more: Partial<Budget> = {}): Budget => ({
  name: 'team',
  limit: usd(100),
  beyond: 'refuse',
  warnPercent: 80,
  roles: [],
  channels: [],
  clusters: [],
  ...more,
});
const policy = (...budgets: Budget[]) => ({ timezone: 'UTC', budgets });
/** $1 an hour. */
const span = (worker: string, more: Partial<Lifespan> = {}): Lifespan => ({
  cluster: 'main',
  worker,
  size: 'medium',
  owner: { kind: 'slack', userId: 'U1' },
  channelId: 'C1',
  role: 'operator',
  cpus: 4,
  price: { currency: 'USD', micros: 1_000_000 },
  requestedAtMs: NOW,
  vmFromMs: undefined,
  vmToMs: undefined,
  over: false,
  untilMs: NOW + 10 * HOUR,
  ...more,
});

describe('which workers a budget pays for', () => {
  test.each<[string, Partial<Budget>, Partial<Lifespan>, boolean]>([
    ['all', {}, {}, true],
    ['its role', { roles: ['operator'] }, {}, true],
    ['another role', { roles: ['admin'] }, {}, false],
    ['a role that is not known', { roles: ['admin'] }, { role: undefined }, true],
    ['its channel', { channels: ['C1'] }, {}, true],
    ['another channel', { channels: ['C2'] }, {}, false],
    ['no channel', { channels: ['C2'] }, { channelId: undefined }, true],
    ['its cluster', { clusters: ['main'] }, {}, true],
    ['another cluster', { clusters: ['west'] }, {}, false],
  ])('%s', (_, of, worker, expected) => {
    expect(paysFor(budget(of), span('a', worker))).toBe(expected);
  });
});

test('it stands at what is spent, and what runs to its deadline', () => {
  const spans = [
    span('gone', { vmFromMs: NOW - 40 * HOUR, vmToMs: NOW - 20 * HOUR, over: true, untilMs: undefined }),
    span('runs', { vmFromMs: NOW - 10 * HOUR, untilMs: NOW + 30 * HOUR }),
    span('asked for'),
    span('last month', { vmFromMs: NOW - 600 * HOUR, vmToMs: NOW - 590 * HOUR, over: true }),
    span('another currency', { vmFromMs: NOW - HOUR, price: { currency: 'EUR', micros: 1_000_000 } }),
  ];
  const [standing] = standingsOf(policy(budget()), spans, NOW);
  if (standing === undefined) throw new Error('no standing');
  expect([formatMoney(standing.spent), formatMoney(standing.committed)]).toEqual(['$30.00', '$70.00']);
  expect([percentOf(standing), isWarned(standing)]).toEqual([70, false]);
  const [small] = standingsOf(policy(budget({ limit: usd(87.5) })), spans, NOW);
  expect(small && isWarned(small)).toBe(true);
  const [nothing] = standingsOf(policy(budget({ limit: usd(0) })), [], NOW);
  expect(nothing && isWarned(nothing)).toBe(false);
});

describe('what goes beyond', () => {
  const running = span('runs', { vmFromMs: NOW - 10 * HOUR, untilMs: NOW + 40 * HOUR });
  const more = (count: number, of: Partial<Lifespan> = {}) =>
    Array.from({ length: count }, (_, index) => span(`new ${index}`, of));
  test.each<[string, Partial<Budget>, readonly Lifespan[], readonly string[]]>([
    ['what just fits', {}, more(5), []],
    ['one too many', {}, more(6), ['$60.00 of $50.00']],
    ['one that it does not pay for', { roles: ['admin'] }, more(6), []],
    ['an extension that fits', {}, [{ ...running, untilMs: NOW + 90 * HOUR }], []],
    ['an extension', {}, [{ ...running, untilMs: NOW + 91 * HOUR }], ['$51.00 of $50.00']],
    ['what has no price', {}, more(9, { price: undefined }), []],
    [
      'what costs nothing, when nothing is left',
      { limit: usd(1) },
      more(1, { price: { currency: 'USD', micros: 0 } }),
      [],
    ],
    ['anything, when nothing is left', { limit: usd(1) }, more(1), ['$10.00 of $0.00']],
  ])('%s', (_, of, changed, expected) => {
    const excess = excessOf(policy(budget(of)), [running], changed, NOW);
    expect(excess.map(({ more: added, left }) => `${formatMoney(added)} of ${formatMoney(left)}`)).toEqual(expected);
  });

  test('counts in each month its part', () => {
    const late = Date.parse('2026-03-31T20:00:00Z');
    const one = span('new', { untilMs: late + 104 * HOUR });
    expect(excessOf(policy(budget()), [], [one], late)).toEqual([]);
    const [over] = excessOf(policy(budget({ limit: usd(99) })), [], [one], late);
    expect([over?.month.name, over && formatMoney(over.more)]).toEqual(['2026-04', '$100.00']);
  });

  test('may be approved only when every budget says so', () => {
    const both = (beyond: Budget['beyond']) =>
      new OverBudget(
        excessOf(policy(budget({ beyond: 'approval' }), budget({ name: 'all', beyond })), [], more(11), NOW),
      );
    expect(both('approval').approvable).toBe(true);
    expect(both('refuse').approvable).toBe(false);
    expect(both('refuse').message).toBe(
      'It goes beyond the budget team (2026-03): $110.00 more, $100.00 of $100.00 left; and the budget all (2026-03): $110.00 more, $100.00 of $100.00 left.',
    );
  });
});
