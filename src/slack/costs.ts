/**
 * `/burst cost` and its files. Invariants: a person is shown only clusters that they may look at; a file goes to the person who
 * asked, unless they say that the channel shall have it; a click uploads once, however often it is delivered.
 */
import { periodOf, periodText, isMeant, parseCost } from '../domain/cost-words.ts';
import type { CostWords } from '../domain/cost-words.ts';
import { monthOf, slicesOf } from '../domain/calendar.ts';
import { costReport, forecastOf, groupOf, spentOf, usedMs } from '../domain/cost.ts';
import type { Lifespan } from '../domain/cost.ts';
import { csvOf } from '../domain/csv.ts';
import { BurstError, messageOf } from '../domain/errors.ts';
import { decimalOf, digitsOf, formatAll, moneyOf, sumOf } from '../domain/money.ts';
import type { Costs } from '../operations/index.ts';
import { splitId } from '../domain/workspace-ids.ts';
import { costMessage, rowName } from './blocks/cost.ts';
import { code, escape, mention, utc } from './blocks/text.ts';
import type { Message } from './blocks/text.ts';
import type { Call, Services } from './call.ts';
import { chartOf, svgOf } from './chart.ts';
import type { Chart } from './chart.ts';
import { platformError } from './errors.ts';
import { directMessages, shareFile } from './files.ts';
import type { SharedFile } from './files.ts';
import { nearest } from './nearest.ts';
import { pngOf } from './picture.ts';

const WEEK_MS = 7 * 24 * 3_600_000;
/** A picture says more than a table from so many bars and groups on. */
const FEWEST_SLICES = 3;
const FEWEST_GROUPS = 2;
const EXAMPLE = '/burst cost 30d by user';

type Asked = {
  readonly words: CostWords;
  readonly typed: string;
  readonly spans: readonly Lifespan[];
  readonly currency: string;
  readonly timezone: string;
  readonly nowMs: number;
  readonly clusters: readonly string[];
};

const costsOf = ({ costs }: Services) => {
  const policy = costs?.policy;
  if (costs === undefined || policy === undefined)
    throw new BurstError('not_found', 'Nothing is known of what workers cost.', {
      hint: 'Prices are set in the configuration (cost.prices).',
    });
  return { costs, policy };
};

/** Reads the words and the books. @throws BurstError for a word that is not known. */
async function ask(typed: string, call: Call, seen: readonly Services[]): Promise<Asked> {
  const [first] = seen;
  if (first === undefined) throw new BurstError('not_found', 'There is no cluster.');
  const { costs, policy } = costsOf(first);
  const sizes = [...new Set(seen.flatMap(({ workers }) => [...workers.sizes.keys()]))];
  const parsed = parseCost(typed, sizes, nearest);
  if (!parsed.ok)
    throw new BurstError('invalid_input', `${parsed.text}.`, {
      hint: `For example: ${EXAMPLE}`,
      ...(parsed.suggestion === undefined ? {} : { suggestions: [parsed.suggestion] }),
    });
  const words = parsed.value;
  const nowMs = first.clock.now();
  const { timezone } = policy;
  const own = seen.length === 1 ? costs.policyOf(first.cluster) : undefined;
  const sinceMs = Math.min(periodOf(words, nowMs, timezone).fromMs, monthOf(nowMs, timezone).fromMs, nowMs - WEEK_MS);
  const names = seen.map(({ cluster }) => cluster);
  const meant = isMeant(words, { userId: call.by.userId, channelId: call.channelId });
  const several = first.clusters.several;
  const spans = (await costs.spansSince(sinceMs)).filter(
    (span) => (!several || names.includes(span.cluster)) && meant(span),
  );
  return { words, typed, spans, currency: own?.currency ?? policy.currency, timezone, nowMs, clusters: names };
}

const titleOf = ({ words }: Asked): string => `Cost by ${words.by}, ${periodText(words)}`;

function chartFor(asked: Asked): Chart {
  const { words, spans, currency, timezone, nowMs } = asked;
  const period = periodOf(words, nowMs, timezone);
  const { slices, unit } = slicesOf(period, timezone);
  const { total } = costReport(spans, period, nowMs, words.by);
  const others = sumOf(total.spent).some((money) => money.currency !== currency);
  return chartOf(spans, {
    slices,
    by: words.by,
    currency,
    nowMs,
    title: titleOf(asked),
    subtitle: `${formatAll(total.spent, currency)} in all · one bar for each ${unit} (${timezone})${others ? ` · only ${currency} is drawn` : ''}`,
    nameOf: (row) => rowName(words.by, row),
  });
}
const saysMore = ({ slices, series }: Chart): boolean =>
  slices.length >= FEWEST_SLICES && series.length >= FEWEST_GROUPS;

/** One line for each worker of the period, for spreadsheets. */
export function csvFor({ words, spans, timezone, nowMs }: Asked): string {
  const period = periodOf(words, nowMs, timezone);
  const time = (ms: number | undefined): string => (ms === undefined ? '' : new Date(ms).toISOString());
  const hours = (ms: number): string => (ms / 3_600_000).toFixed(4);
  const rows = spans
    .filter((span) => usedMs(span, period, nowMs) > 0)
    .map((span) => {
      const ms = usedMs(span, period, nowMs);
      const user = groupOf(span, 'user');
      const { price } = span;
      const [spent] = spentOf(span, nowMs, period);
      return [
        span.cluster,
        span.worker,
        span.size,
        user.key,
        user.name ?? '',
        span.channelId ?? '',
        time(span.vmFromMs),
        time(span.vmToMs),
        time(Math.max(period.fromMs, span.vmFromMs ?? 0)),
        time(Math.min(period.toMs, nowMs, span.vmToMs ?? nowMs)),
        hours(ms),
        span.cpus === undefined ? '' : hours(ms * span.cpus),
        price === undefined ? '' : decimalOf(moneyOf(price.currency, price.micros), 6),
        spent === undefined ? '' : decimalOf(spent, Math.max(4, digitsOf(spent.currency))),
        price?.currency ?? '',
      ];
    });
  const head = [
    'cluster',
    'worker',
    'size',
    'owner',
    'owner_name',
    'channel',
    'vm_since',
    'vm_gone',
    'counted_from',
    'counted_to',
    'node_hours',
    'vcpu_hours',
    'price_per_hour',
    'cost',
    'currency',
  ];
  return csvOf([head, ...rows]);
}

/** `Cost this month: $12.00.` of a cluster; undefined where nothing is known of it. */
export async function monthText(cluster: string, costs: Costs | undefined, nowMs: number): Promise<string | undefined> {
  const policy = costs?.policyOf(cluster);
  if (costs === undefined || policy === undefined) return undefined;
  const month = monthOf(nowMs, policy.timezone);
  const spans = await costs.spansSince(month.fromMs, cluster);
  const spent = spans.flatMap((span) => spentOf(span, nowMs, month));
  return `Cost this month: ${formatAll(spent, policy.currency)}.`;
}

const isDirect = (channelId: string): boolean => splitId(channelId).id.startsWith('D');

/** Where a file for this person alone goes. */
const privatePlace = async ({ by, channelId }: Call, { clients }: Services): Promise<string> =>
  channelId !== undefined && isDirect(channelId) ? channelId : directMessages(clients, by.userId);

/** What people are told when a file could not be brought to them; what went wrong is logged. */
function uploadFailed(error: unknown, { log }: Services): BurstError {
  if (error instanceof BurstError) return error;
  const said = platformError(error);
  log.warn({ error: messageOf(error) }, 'a file could not be uploaded');
  const scope = said === 'missing_scope' || said === 'not_allowed_token_type';
  return new BurstError('unavailable', `Slack did not take the file${said === undefined ? '' : ` (${said})`}.`, {
    hint: scope
      ? 'The app lacks the scope files:write (or im:write): install it anew with the manifest.'
      : said === 'not_in_channel'
        ? 'Invite Burst to this channel first (/invite @Burst).'
        : 'Try again in a minute.',
  });
}

const stamp = (asked: Asked): string => {
  const { fromMs, toMs } = periodOf(asked.words, asked.nowMs, asked.timezone);
  return `${new Date(fromMs).toISOString().slice(0, 10)}-to-${new Date(toMs).toISOString().slice(0, 10)}`;
};

/** The chart as a PNG. @throws BurstError when it could not be drawn, which is no fault of Slack's; why is logged. */
async function pictureOf(chart: Chart, log: Services['log']): Promise<Buffer> {
  try {
    return await pngOf(svgOf(chart));
  } catch (error) {
    log.error({ error: messageOf(error) }, 'a chart could not be drawn');
    throw new BurstError('internal', 'The chart could not be drawn; nothing was sent to Slack.', {
      hint: 'The figures and the CSV file say the same. Burst’s log says why.',
      cause: error,
    });
  }
}

/** The totals are told in words, too: who cannot see the picture misses nothing. */
async function chartFile(asked: Asked, chart: Chart, comment: string, { log }: Services): Promise<SharedFile> {
  const alt = chart.series.map(({ name, total }) => `${name} ${total}`).join(', ');
  return {
    name: `burst-cost-${stamp(asked)}-by-${asked.words.by}.png`,
    title: chart.title,
    content: await pictureOf(chart, log),
    comment: `${comment}: ${escape(alt)}`,
    alt: `${chart.title}: ${alt}`.slice(0, 900),
  };
}

async function messageFor(asked: Asked, call: Call, services: Services, note: string | undefined): Promise<Message> {
  const { words, spans, currency, timezone, nowMs } = asked;
  const { costs } = costsOf(services);
  const period = periodOf(words, nowMs, timezone);
  const month = monthOf(nowMs, timezone);
  const budgets = (await costs.standings()).filter(
    ({ budget }) => budget.clusters.length === 0 || budget.clusters.some((name) => asked.clusters.includes(name)),
  );
  return costMessage({
    words: asked.typed,
    about: periodText(words),
    only: [
      ...(words.user === undefined ? [] : [`only ${mention(words.user === 'me' ? call.by.userId : words.user)}`]),
      ...(words.channel === undefined
        ? []
        : [`only in ${words.channel === 'here' ? 'this channel' : `<#${words.channel}>`}`]),
      ...(words.size === undefined ? [] : [`only size ${code(words.size)}`]),
    ],
    by: words.by,
    report: costReport(spans, period, nowMs, words.by),
    currency,
    month: {
      spent: sumOf(spans.flatMap((span) => spentOf(span, nowMs, month))),
      forecast: forecastOf(spans, month, nowMs, currency),
    },
    budgets,
    inChannel: call.channelId !== undefined && !isDirect(call.channelId),
    hasPicture: saysMore(chartFor(asked)),
    note,
    allClusters: asked.clusters.length > 1,
  });
}

/** The answer to `/burst cost`, with a picture where that says more. */
export async function tellCost(typed: string, call: Call, seen: readonly Services[]): Promise<void> {
  const [services] = seen;
  const asked = await ask(typed, call, seen);
  if (services === undefined) return;
  const chart = chartFor(asked);
  let note: string | undefined;
  if (saysMore(chart) && (await once(call, services)))
    try {
      const to = await privatePlace(call, services);
      await shareFile(services.clients, to, await chartFile(asked, chart, chart.title, services));
      note = to === call.channelId ? undefined : 'The chart is in your direct messages with Burst.';
    } catch (error) {
      const { message, hint } = uploadFailed(error, services);
      note = `There is no chart: ${message} ${hint ?? ''}`.trim();
    }
  await call.reply(await messageFor(asked, call, services, note));
}

/** Whether this is the first delivery of a request that uploads something. */
const once = async (call: Call, { store, clock }: Services): Promise<boolean> =>
  (await store.claimAction(`cost-file ${call.key}`, call.by, clock.now())) === undefined;

/** A click on one of its buttons. */
export async function onCost(verb: string, typed: string, call: Call, seen: readonly Services[]): Promise<void> {
  const [services] = seen;
  const asked = await ask(typed, call, seen);
  if (services === undefined) return;
  if (verb === 'refresh') return call.replace(await messageFor(asked, call, services, undefined));
  const inChannel = verb === 'post';
  if (!(await once(call, services))) return;
  try {
    const to = inChannel && call.channelId !== undefined ? call.channelId : await privatePlace(call, services);
    const title = titleOf(asked);
    const comment = inChannel ? `${title}, shown by ${mention(call.by.userId)}` : `${title}, as of ${utc(asked.nowMs)}`;
    const csv = { name: `burst-cost-${stamp(asked)}.csv`, title, content: csvFor(asked), comment };
    await shareFile(
      services.clients,
      to,
      verb === 'csv' ? csv : await chartFile(asked, chartFor(asked), comment, services),
    );
    if (inChannel || to === call.channelId) return;
  } catch (error) {
    throw uploadFailed(error, services);
  }
  await call.reply({
    text: `:inbox_tray: The ${verb === 'csv' ? 'CSV file' : 'chart'} is in your direct messages with Burst.`,
  });
}
