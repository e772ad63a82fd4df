import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { costReport, forecastOf, plannedMs, requestCost, spentOf, usedMs } from '../../../src/domain/cost.ts';
import type { GroupBy, Lifespan } from '../../../src/domain/cost.ts';
import { amountIn, formatMoney, microsOf, moneyOf } from '../../../src/domain/money.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 100 * DAY;
const PERIOD = { fromMs: NOW - 10 * HOUR, toMs: NOW + 10 * HOUR };
const price = (amount: number) => ({ currency: 'USD', micros: microsOf(amount) ?? NaN });
const span = (more: Partial<Lifespan> = {}): Lifespan => ({
  cluster: 'main',
  worker: 'burst-medium-aaaaa',
  size: 'medium',
  owner: { kind: 'slack', userId: 'U1', userName: 'olga' },
  channelId: 'C1',
  role: 'operator',
  cpus: 4,
  price: price(0.05),
  requestedAtMs: NOW - 5 * HOUR,
  vmFromMs: NOW - 4 * HOUR,
  vmToMs: undefined,
  over: false,
  untilMs: NOW + 4 * HOUR,
  ...more,
});

describe('a worker counts while its VM is there', () => {
  test.each<[string, Partial<Lifespan>, number, number]>([
    ['it runs', {}, 4, 8],
    ['it began before the period', { vmFromMs: NOW - 30 * HOUR }, 10, 14],
    ['it goes on after the period', { untilMs: NOW + 30 * HOUR }, 4, 14],
    ['it has gone', { vmToMs: NOW - HOUR, over: true, untilMs: undefined }, 3, 3],
    ['its VM has gone, its books are open', { vmToMs: NOW - HOUR }, 3, 3],
    ['it went before the period', { vmFromMs: NOW - 30 * HOUR, vmToMs: NOW - 20 * HOUR, over: true }, 0, 0],
    ['it has no VM yet', { vmFromMs: undefined }, 0, 4],
    ['it never had a VM', { vmFromMs: undefined, over: true, untilMs: undefined }, 0, 0],
    ['it is past its deadline', { untilMs: NOW - HOUR }, 4, 4],
    ['its deadline is not known', { untilMs: undefined }, 4, 4],
  ])('%s', (_, more, used, planned) => {
    expect(usedMs(span(more), PERIOD, NOW) / HOUR).toBe(used);
    expect(plannedMs(span(more), PERIOD, NOW) / HOUR).toBe(planned);
  });
});

test('lived 24 h with 4 vCPUs at $0.20: 96 vCPU-hours, $4.80', () => {
  const one = span({ vmFromMs: NOW - DAY, vmToMs: NOW, over: true, price: price(0.2) });
  const { total } = costReport([one], { fromMs: 0, toMs: NOW }, NOW, 'user');
  expect([total.nodeMs / HOUR, total.cpuMs / HOUR, ...total.spent.map(formatMoney)]).toEqual([24, 96, '$4.80']);
});

test('the price at its creation counts, also where there is none', () => {
  expect(spentOf(span({ price: price(1) }), NOW).map(formatMoney)).toEqual(['$4.00']);
  expect(spentOf(span({ price: undefined }), NOW)).toEqual([]);
  expect(costReport([span({ price: undefined }), span()], PERIOD, NOW, 'size').unpriced).toBe(1);
});

test('what a request costs', () => {
  const prices = new Map([['medium', price(0.05)]]);
  expect(requestCost(prices, { count: 3, size: 'medium', hours: 24 })).toEqual(moneyOf('USD', 3_600_000));
  expect(requestCost(prices, { count: 3, size: 'large', hours: 24 })).toBeUndefined();
  expect(requestCost(undefined, { count: 3, size: 'medium', hours: 24 })).toBeUndefined();
});

describe('groups', () => {
  const spans = [
    span(),
    span({ worker: 'b', owner: { kind: 'slack', userId: 'U2' }, size: 'large', price: price(1), channelId: undefined }),
    span({ worker: 'c', owner: { kind: 'assistant', name: 'claude', userId: 'U2' }, cluster: 'west' }),
    span({ worker: 'd', owner: { kind: 'assistant', name: 'robot' } }),
    span({ worker: 'e', vmFromMs: undefined }),
  ];
  test.each<[GroupBy, string[]]>([
    ['user', ['U2', 'robot', 'U1']],
    ['size', ['large', 'medium']],
    ['cluster', ['main', 'west']],
    ['channel', ['', 'C1']],
  ])('by %s, the dearest first', (by, keys) => {
    expect(costReport(spans, PERIOD, NOW, by).rows.map(({ key }) => key)).toEqual(keys);
  });

  test('say who runs what now', () => {
    const { rows, total } = costReport(spans, PERIOD, NOW, 'user');
    expect(rows.map(({ running, name }) => [running, name])).toEqual([
      [2, undefined],
      [1, undefined],
      [1, 'olga'],
    ]);
    expect(total.running).toBe(4);
    expect(total.perHour.map(formatMoney)).toEqual(['$1.15']);
  });
});

const spans = fc.array(
  fc.record({
    size: fc.constantFrom('small', 'large'),
    cluster: fc.constantFrom('east', 'west'),
    user: fc.constantFrom('U1', 'U2', 'U3'),
    fromMs: fc.option(fc.integer({ min: NOW - 40 * DAY, max: NOW }), { nil: undefined }),
    lastsMs: fc.option(fc.integer({ min: 0, max: 20 * DAY }), { nil: undefined }),
    micros: fc.option(fc.integer({ min: 0, max: 10_000_000 }), { nil: undefined }),
    currency: fc.constantFrom('USD', 'EUR'),
  }),
  { maxLength: 20 },
);
const asSpans = (all: typeof spans extends fc.Arbitrary<infer T> ? T : never): Lifespan[] =>
  all.map(({ size, cluster, user, fromMs, lastsMs, micros, currency }, index) =>
    span({
      worker: `w${index}`,
      size,
      cluster,
      owner: { kind: 'slack', userId: user },
      vmFromMs: fromMs,
      vmToMs: fromMs === undefined || lastsMs === undefined ? undefined : Math.min(NOW, fromMs + lastsMs),
      over: lastsMs !== undefined,
      price: micros === undefined ? undefined : { currency, micros },
    }),
  );

describe('the parts are the whole', () => {
  test('over groups', () => {
    fc.assert(
      fc.property(spans, fc.constantFrom<GroupBy[]>('user', 'size', 'cluster', 'channel'), (all, by) => {
        const { rows, total } = costReport(asSpans(all), { fromMs: NOW - 30 * DAY, toMs: NOW }, NOW, by);
        for (const currency of ['USD', 'EUR'])
          expect(
            amountIn(
              rows.flatMap(({ spent }) => spent),
              currency,
            ),
          ).toBe(amountIn(total.spent, currency));
        expect(rows.reduce((sum, { nodeMs }) => sum + nodeMs, 0)).toBe(total.nodeMs);
        expect(rows.reduce((sum, { workers }) => sum + workers, 0)).toBe(total.workers);
      }),
    );
  });

  test('over periods', () => {
    const cuts = fc.array(fc.integer({ min: NOW - 30 * DAY, max: NOW }), { maxLength: 8 });
    fc.assert(
      fc.property(spans, cuts, (all, some) => {
        const borders = [NOW - 30 * DAY, ...some, NOW].sort((a, b) => a - b);
        const own = asSpans(all);
        const whole = costReport(own, { fromMs: NOW - 30 * DAY, toMs: NOW }, NOW, 'user').total;
        const parts = borders
          .slice(1)
          .map((toMs, index) => costReport(own, { fromMs: borders[index] ?? toMs, toMs }, NOW, 'user').total);
        expect(parts.reduce((sum, { nodeMs }) => sum + nodeMs, 0)).toBe(whole.nodeMs);
        for (const currency of ['USD', 'EUR'])
          expect(
            amountIn(
              parts.flatMap(({ spent }) => spent),
              currency,
            ),
          ).toBe(amountIn(whole.spent, currency));
      }),
    );
  });
});

describe('the forecast', () => {
  const month = { fromMs: NOW - 10 * DAY, toMs: NOW + 20 * DAY };
  test('goes on at the pace of the last seven days', () => {
    // 10 days at $1 a day, 20 to come
    const always = span({
      vmFromMs: NOW - 50 * DAY,
      untilMs: NOW + HOUR,
      price: { currency: 'USD', micros: 1_000_000 },
    });
    expect(formatMoney(forecastOf([always], month, NOW, 'USD'))).toBe('$720.00');
  });
  test('is at least what runs until its deadline', () => {
    const fresh = span({ vmFromMs: NOW, untilMs: NOW + 10 * HOUR, price: price(1) });
    expect(formatMoney(forecastOf([fresh], month, NOW, 'USD'))).toBe('$10.00');
  });
});
