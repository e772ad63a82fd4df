/** The picture of costs: what is drawn, and that it is a picture. */
import { describe, expect, it, test } from 'vitest';
import { slicesOf } from '../../../src/domain/calendar.ts';
import type { Lifespan } from '../../../src/domain/cost.ts';
import { chartOf, stepOf, svgOf } from '../../../src/slack/chart.ts';
import { pngOf } from '../../../src/slack/picture.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-15T00:00:00Z');
/** $1 an hour from six hours of a day on. */
const span = (user: string, day: number, hours = 6): Lifespan => ({
  cluster: 'main',
  worker: `w-${user}-${day}`,
  size: 'medium',
  owner: { kind: 'slack', userId: user },
  channelId: 'C1',
  role: undefined,
  cpus: 4,
  price: { currency: 'USD', micros: 1_000_000 },
  requestedAtMs: NOW - day * 24 * HOUR,
  vmFromMs: NOW - day * 24 * HOUR,
  vmToMs: NOW - day * 24 * HOUR + hours * HOUR,
  over: true,
  untilMs: undefined,
});
const chart = (spans: readonly Lifespan[], title = 'Cost') => {
  const { slices } = slicesOf({ fromMs: NOW - 7 * 24 * HOUR, toMs: NOW }, 'UTC');
  const nameOf = ({ key }: { readonly key: string }) => key;
  return chartOf(spans, { slices, by: 'user', currency: 'USD', nowMs: NOW, title, subtitle: 'all', nameOf });
};

test.each([
  [0, 1],
  [3, 1],
  [7, 2],
  [31, 10],
  [12, 2.5],
  [0.42, 0.1],
  [NaN, 1],
])('an axis up to %s has steps of %s', (most, step) => {
  expect(stepOf(most)).toBeCloseTo(step);
});

describe('what is drawn', () => {
  it('is each group in each slice, the dearest first', () => {
    const { series } = chart([span('U1', 7), span('U2', 7, 12), span('U2', 3)]);
    expect(series).toEqual([
      { name: 'U2', total: '$18.00', values: [12, 0, 0, 0, 6, 0, 0] },
      { name: 'U1', total: '$6.00', values: [6, 0, 0, 0, 0, 0, 0] },
    ]);
  });

  it('is the others together when there are many', () => {
    const many = Array.from({ length: 9 }, (_, index) => span(`U${index}`, 1, 9 - index));
    const { series } = chart(many);
    expect(series.map(({ name }) => name)).toEqual(['U0', 'U1', 'U2', 'U3', 'U4', '4 others']);
    expect(series.at(-1)?.total).toBe('$10.00');
  });

  it('has labels, and nobody else’s markup', () => {
    const svg = svgOf(chart([span('<script>&"', 1)], 'A & B <b>\u0000'));
    expect(svg).toContain('A &amp; B &lt;b&gt;<');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;');
    expect(svg).toContain('>Mar 8<');
    expect(svg).toContain('>$6<');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it.each<[string, readonly Lifespan[]]>([
    ['some', [span('U1', 2), span('名前', 3)]],
    ['none', []],
  ])('is a picture of %s', async (_, spans) => {
    const png = await pngOf(svgOf(chart(spans)));
    expect(png.subarray(1, 4).toString('latin1')).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 675]);
    expect(png.length).toBeGreaterThan(5000);
  });
});
