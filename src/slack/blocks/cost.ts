/** What is said of money. Pure: data in, blocks out. */
import type { KnownBlock, RichTextBlock, TableBlock } from '@slack/types';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { percentOf } from '../../domain/budget.ts';
import type { BudgetStanding } from '../../domain/budget.ts';
import { requestCost } from '../../domain/cost.ts';
import type { CostReport, CostRow, GroupBy } from '../../domain/cost.ts';
import { formatAll, formatMoney, formatPrice, moneyOf } from '../../domain/money.ts';
import type { Money, Price, WorkerCost } from '../../domain/money.ts';
import type { Notice } from '../../ports/store.ts';
import { actingIn } from './clusters.ts';
import {
  MOST_BLOCKS,
  MOST_TEXT,
  button,
  clamp,
  code,
  context,
  count,
  date,
  fit,
  foreign,
  isPerson,
  mention,
  section,
  sizeOf,
} from './text.ts';
import type { Message } from './text.ts';

const MOST_ROWS = 20;

/** The warning that a budget comes to its end; admins are mentioned. */
export function budgetMessage(notice: Extract<Notice, { kind: 'budget' }>): Message {
  const then =
    notice.beyond === 'refuse'
      ? 'Requests that go beyond it are refused'
      : 'Requests that go beyond it have to be approved';
  const text = `:moneybag: ${notice.whom === '' ? '' : `${notice.whom}: `}${notice.percent} % of the budget ${code(notice.budget)} for ${foreign(notice.month)} is committed: ${notice.committed} of ${notice.limit}, ${notice.spent} of it spent so far; the rest is what runs until its deadlines. ${then}. \`/burst cost\` shows what runs.`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
}

/** `$0.50 an hour, $12.00 in all`, of a request for new workers; nothing where its size has no price. */
export function requestText(
  prices: ReadonlyMap<string, Price> | undefined,
  asked: { readonly count: number; readonly size: string; readonly hours: number },
): string {
  const price = prices?.get(asked.size);
  const total = requestCost(prices, asked);
  if (price === undefined || total === undefined) return '';
  return `${formatPrice({ ...price, micros: price.micros * asked.count })} an hour, ${formatMoney(total)} in all`;
}
/** `$2.00 so far, $12.00 at its deadline ($0.50 an hour)`. */
export const workerCostText = ({ price, spent, planned }: WorkerCost): string =>
  `${formatMoney(spent)} so far, ${formatMoney(planned)} at its deadline (${formatPrice(price)} an hour)`;
/** `$1.00 an hour, $24.00 until then`, of workers together. */
export function togetherText(costs: readonly WorkerCost[]): string {
  const [first] = costs;
  if (first === undefined) return '';
  const { currency } = first.price;
  const hour = costs.map(({ price }) => moneyOf(price.currency, price.micros));
  return `${formatAll(hour, currency)} an hour, ${formatAll(
    costs.map(({ planned }) => planned),
    currency,
  )} until then`;
}

export type CostFacts = {
  /** The words as they were typed, which the buttons carry. */
  readonly words: string;
  /** `the last 30 d`, `this month`. */
  readonly about: string;
  /** What else was asked for: a person, a channel, a size; markup of our own making. */
  readonly only: readonly string[];
  readonly by: GroupBy;
  readonly report: CostReport;
  readonly currency: string;
  /** This month, of what is meant. */
  readonly month: { readonly spent: readonly Money[]; readonly forecast: Money };
  readonly budgets: readonly BudgetStanding[];
  /** Where a file goes: this channel can take one that all of it see. */
  readonly inChannel: boolean;
  /** Whether a picture can say more than the table. */
  readonly hasPicture: boolean;
  /** What became of the picture. */
  readonly note: string | undefined;
  /** All clusters are shown together. */
  readonly allClusters: boolean;
};

const hours = (ms: number): string => {
  const value = ms / 3_600_000;
  return value < 10 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString('en-US');
};

/** Who or what a row is of, as text for people. */
export function rowName(by: GroupBy, { key, name }: Pick<CostRow, 'key' | 'name'>): string {
  if (by === 'channel') return key === '' ? 'no channel' : key;
  return by === 'user' ? (name ?? key) : key;
}
const rowMarkup = (by: GroupBy, row: CostRow): string => {
  if (by === 'user') return mention(row.key);
  if (by === 'channel')
    return /^([TE][A-Z0-9]+\/)?[CG][A-Z0-9]+$/.test(row.key) ? `<#${row.key}>` : foreign(rowName(by, row));
  return foreign(row.key, 63);
};
type Cell = RichTextBlock | { type: 'raw_text'; text: string };
const raw = (text: string): Cell => ({ type: 'raw_text', text: clamp(text === '' ? '–' : text, 120) });
function rowCell(by: GroupBy, row: CostRow): Cell {
  const of = (element: { type: 'user'; user_id: string } | { type: 'channel'; channel_id: string }): Cell => ({
    type: 'rich_text',
    elements: [{ type: 'rich_text_section', elements: [element] }],
  });
  if (by === 'user' && isPerson(row.key)) return of({ type: 'user', user_id: row.key });
  if (by === 'channel' && /^[CG][A-Z0-9]+$/.test(row.key)) return of({ type: 'channel', channel_id: row.key });
  return raw(rowName(by, row));
}
const numbers = (row: CostRow, currency: string): readonly string[] => [
  String(row.workers),
  hours(row.nodeMs),
  hours(row.cpuMs),
  formatAll(row.spent, currency),
  row.running === 0 ? '–' : `${formatAll(row.perHour, currency)} (${row.running})`,
];

const standingText = ({ budget, month, spent, committed }: BudgetStanding, percent: number): string =>
  `${percent >= 100 ? ':rotating_light:' : percent >= budget.warnPercent ? ':warning:' : ':moneybag:'} Budget ${code(budget.name)} ${month.name}: ${formatMoney(committed)} of ${formatMoney(budget.limit)} committed (${percent} %), ${formatMoney(spent)} spent`;

/** `/burst cost`: totals, what runs, where it leads, the budgets and a table of the groups. */
export function costMessage(facts: CostFacts): Message {
  const { report, currency, by, month, budgets } = facts;
  const { total, period } = report;
  const rest = report.rows.length - MOST_ROWS;
  const shown = report.rows.slice(0, MOST_ROWS);
  const only = facts.only.length === 0 ? '' : `, ${facts.only.join(', ')}`;
  const head = `*Cost* of ${facts.about} by ${by}${only} (${date(period.fromMs)} to ${date(period.toMs)}): *${formatAll(total.spent, currency)}* for ${count(total.workers, 'worker')}, ${hours(total.nodeMs)} node-hours, ${hours(total.cpuMs)} vCPU-hours.`;
  const now = `Running now: ${count(total.running, 'worker')}, ${formatAll(total.perHour, currency)} an hour. This month: ${formatAll(month.spent, currency)} so far, forecast ${formatMoney(month.forecast)} to its end.`;
  const unpriced =
    report.unpriced === 0 ? [] : [`${count(report.unpriced, 'worker')} of a time without prices count for hours only.`];
  const standing = budgets.map((item) => standingText(item, percentOf(item)));
  const lines = shown.map((row) => {
    const [workers = '', node = '', cpu = '', cost = ''] = numbers(row, currency);
    return `${rowMarkup(by, row)}: ${cost}, ${workers} ${workers === '1' ? 'worker' : 'workers'}, ${node} node-hours, ${cpu} vCPU-hours${row.running === 0 ? '' : `, now ${formatAll(row.perHour, currency)} an hour (${row.running})`}`;
  });
  const more = rest > 0 ? [`and ${rest} more, in the CSV`] : [];
  const notes = [...unpriced, ...more, ...(facts.note === undefined ? [] : [facts.note])];
  const title = { user: 'Owner', size: 'Size', cluster: 'Cluster', channel: 'Channel' }[by];
  const table: TableBlock = {
    type: 'table',
    column_settings: [{}, ...Array.from({ length: 5 }, () => ({ align: 'right' as const }))],
    rows: [
      [title, 'Workers', 'Node-hours', 'vCPU-hours', 'Cost', 'Now an hour'].map(raw),
      ...shown.map((row) => [rowCell(by, row), ...numbers(row, currency).map(raw)]),
      ['Total', ...numbers(total, currency)].map(raw),
    ],
  };
  const words = facts.words.slice(0, 200);
  const buttons: KnownBlock = {
    type: 'actions',
    elements: [
      ...(facts.hasPicture ? [button('Chart', 'burst:cost:chart', words)] : []),
      ...(facts.hasPicture && facts.inChannel
        ? [button('Post the chart here', 'burst:cost:post', words, { confirm: 'Everybody in this channel sees it.' })]
        : []),
      button('CSV', 'burst:cost:csv', words),
      button('Refresh', 'burst:cost:refresh', words),
    ],
  };
  const about = [
    section(head),
    section(now),
    ...(standing.length === 0 ? [] : [section(standing.slice(0, 10).join('\n'))]),
  ];
  const foot = [...(notes.length === 0 ? [] : [context(notes.join(' '))]), buttons];
  const none = section('Nothing ran in this time.');
  const rich = [...about, shown.length === 0 ? none : table, ...foot];
  const plainer = [
    ...fit([...about, ...(shown.length === 0 ? [none] : lines.map(section))], 40, MOST_BLOCKS - sizeOf(foot)),
    ...foot,
  ];
  const text = clamp([head, now, ...standing, ...lines, ...notes].join('\n'), MOST_TEXT);
  const blocks = sizeOf(rich) > MOST_BLOCKS ? plainer : rich;
  if (!facts.allClusters) return { text, blocks, fallback: plainer };
  return { text, blocks: actingIn(blocks, ALL_CLUSTERS), fallback: actingIn(plainer, ALL_CLUSTERS) };
}
