/** The picture of what a period cost: bars over its days, stacked by group. Pure: data in, SVG out. */
import type { CostRow, GroupBy, Lifespan } from '../domain/cost.ts';
import { costReport, groupOf, spentOf } from '../domain/cost.ts';
import type { Slice } from '../domain/calendar.ts';
import { amountIn, approximately, formatMoney } from '../domain/money.ts';

export type Chart = {
  readonly title: string;
  readonly subtitle: string;
  readonly currency: string;
  readonly slices: readonly Slice[];
  readonly series: readonly {
    readonly name: string;
    /** Formatted. */
    readonly total: string;
    /** One for each slice, in units of the currency. */
    readonly values: readonly number[];
  }[];
};

/** Colours that people who do not see all of them can tell apart; the last is for what is left over. */
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00'];
const REST = '#9aa0a6';
const WIDTH = 1200;
const HEIGHT = 675;
const PLOT = { left: 130, right: 860, top: 150, bottom: 590 };
const MOST_LABELS = 8;

/** What each of the dearest groups cost in each slice; the others together. */
export function chartOf(
  spans: readonly Lifespan[],
  of: {
    readonly slices: readonly Slice[];
    readonly by: GroupBy;
    readonly currency: string;
    readonly nowMs: number;
    readonly title: string;
    readonly subtitle: string;
    readonly nameOf: (row: Pick<CostRow, 'key' | 'name'>) => string;
  },
): Chart {
  const { slices, by, currency, nowMs, title, subtitle, nameOf } = of;
  const [first, last] = [slices[0], slices.at(-1)];
  const period = { fromMs: first?.fromMs ?? nowMs, toMs: last?.toMs ?? nowMs };
  const { rows } = costReport(spans, period, nowMs, by);
  const dear = rows.filter(({ spent }) => amountIn(spent, currency) > 0n);
  const shown = dear.length > COLOURS.length ? dear.slice(0, COLOURS.length - 1) : dear;
  const keys = new Set(shown.map(({ key }) => key));
  const seriesOf = (name: string, own: readonly Lifespan[]): Chart['series'][number] => {
    const each = slices.map((slice) => ({
      currency,
      exact: amountIn(
        own.flatMap((span) => spentOf(span, nowMs, slice)),
        currency,
      ),
    }));
    const exact = each.reduce((sum, money) => sum + money.exact, 0n);
    return { name, total: formatMoney({ currency, exact }), values: each.map(approximately) };
  };
  const rest = spans.filter((span) => !keys.has(groupOf(span, by).key));
  return {
    title,
    subtitle,
    currency,
    slices,
    series: [
      ...shown.map((row) =>
        seriesOf(
          nameOf(row),
          spans.filter((span) => groupOf(span, by).key === row.key),
        ),
      ),
      ...(shown.length < dear.length ? [seriesOf(`${dear.length - shown.length} others`, rest)] : []),
    ],
  };
}

const escape = (text: string): string =>
  text
    // eslint-disable-next-line no-control-regex -- XML takes none of these, however they are written
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])/g, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
const cut = (text: string, most: number): string => {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}…`;
};
const text = (
  x: number,
  y: number,
  content: string,
  more: { readonly size?: number; readonly anchor?: string; readonly fill?: string; readonly bold?: boolean } = {},
): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${String(more.size ?? 22)}" fill="${more.fill ?? '#3c4043'}" text-anchor="${more.anchor ?? 'start'}"${more.bold === true ? ' font-weight="bold"' : ''}>${escape(content)}</text>`;

/** The smallest of 1, 2, 2.5 and 5 times a power of ten that cuts `most` into at most five. */
export function stepOf(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / 5));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => most / step <= 5) ?? most;
}
/** Whole amounts without their zeros, so that an axis is read at a glance. */
function axisLabel(value: number, currency: string, step: number): string {
  const digits = step >= 1 && Number.isInteger(step) ? 0 : Math.min(6, Math.max(2, Math.ceil(-Math.log10(step)) + 1));
  return new Intl.NumberFormat('en-US', {
    style: 'currency',
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** The chart as SVG of 1200 by 675; its letters are large, because it is mostly seen small. */
export function svgOf({ title, subtitle, currency, slices, series }: Chart): string {
  const sums = slices.map((_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0));
  const most = Math.max(0, ...sums);
  const step = stepOf(most);
  const top = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const y = (value: number): number => PLOT.bottom - (value / top) * (PLOT.bottom - PLOT.top);
  const room = (PLOT.right - PLOT.left) / Math.max(1, slices.length);
  const bar = Math.max(1, Math.min(90, room * 0.72));
  const colour = (at: number): string =>
    at === series.length - 1 && series[at]?.name.endsWith(' others') === true ? REST : (COLOURS[at] ?? REST);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, at) => at * step);
  const grid = ticks.map(
    (value) =>
      `<line x1="${String(PLOT.left)}" x2="${String(PLOT.right)}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}" stroke="${value === 0 ? '#5f6368' : '#e3e5e8'}" stroke-width="${value === 0 ? '2' : '1.5'}"/>` +
      text(PLOT.left - 14, y(value) + 8, axisLabel(value, currency, step), { anchor: 'end' }),
  );
  const every = Math.ceil(slices.length / MOST_LABELS);
  const bars = slices.map((slice, at) => {
    const middle = PLOT.left + room * (at + 0.5);
    let under = 0;
    const parts = series.map(({ values }, index) => {
      const value = values[at] ?? 0;
      const from = y(under);
      under += value;
      const height = from - y(under);
      return height <= 0
        ? ''
        : `<rect x="${(middle - bar / 2).toFixed(1)}" y="${y(under).toFixed(1)}" width="${bar.toFixed(1)}" height="${height.toFixed(1)}" fill="${colour(index)}"/>`;
    });
    const label = at % every === 0 ? text(middle, PLOT.bottom + 34, slice.label, { anchor: 'middle' }) : '';
    return parts.join('') + label;
  });
  const legend = series.map(({ name, total }, at) => {
    const line = PLOT.top + 14 + at * 66;
    return (
      `<rect x="894" y="${String(line - 18)}" width="24" height="24" rx="4" fill="${colour(at)}"/>` +
      text(930, line + 2, cut(name, 18), { bold: true }) +
      text(930, line + 29, total, { fill: '#5f6368' })
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(WIDTH)}" height="${String(HEIGHT)}" viewBox="0 0 ${String(WIDTH)} ${String(HEIGHT)}" font-family="DejaVu Sans">`,
    `<rect width="${String(WIDTH)}" height="${String(HEIGHT)}" fill="#ffffff"/>`,
    text(40, 62, cut(title, 52), { size: 34, bold: true, fill: '#202124' }),
    text(40, 104, cut(subtitle, 84), { size: 23, fill: '#5f6368' }),
    ...grid,
    ...bars,
    ...legend,
    ...(most > 0 ? [] : [text((PLOT.left + PLOT.right) / 2, 370, 'Nothing was spent', { size: 28, anchor: 'middle' })]),
    '</svg>',
  ].join('\n');
}
