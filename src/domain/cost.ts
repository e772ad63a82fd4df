/**
 * What workers cost. Invariants: a worker's time counts from when its VM was made until its VM was gone, at the price and
 * size that it was recorded with; parts of a time, of a period or of the fleet add up exactly to the whole.
 */
import type { Period } from './calendar.ts';
import { amountIn, costOf, sumOf } from './money.ts';
import type { Money, Price, WorkerCost } from './money.ts';
import { personOf } from './operation.ts';
import type { Actor } from './operation.ts';
import type { Role } from './policy.ts';
import type { SizeName } from './worker.ts';

/** A worker's life, as far as it costs. Times in ms. */
export type Lifespan = {
  readonly cluster: string;
  readonly worker: string;
  readonly size: SizeName;
  readonly owner: Actor;
  /** Where it was asked for. */
  readonly channelId: string | undefined;
  /** The role of who asked for it; undefined: not known. */
  readonly role: Role | undefined;
  readonly cpus: number | undefined;
  /** As it was when the worker was recorded; undefined: there was none. */
  readonly price: Price | undefined;
  readonly requestedAtMs: number;
  /** Its VM was there from then on; undefined: none yet, or never. */
  readonly vmFromMs: number | undefined;
  readonly vmToMs: number | undefined;
  /** It has ended: nothing more comes of it. */
  readonly over: boolean;
  /** The latest deadline that was set, or asked for and not yet set; undefined: none is known. */
  readonly untilMs: number | undefined;
};

const overlap = (fromMs: number, toMs: number, period: Period): number =>
  Math.max(0, Math.min(toMs, period.toMs) - Math.max(fromMs, period.fromMs));

/** How long its VM has been there in this period up to now, ms. */
export function usedMs(span: Lifespan, period: Period, nowMs: number): number {
  if (span.vmFromMs === undefined) return 0;
  return overlap(span.vmFromMs, Math.min(nowMs, span.vmToMs ?? nowMs), period);
}
/** The same when it lives to its deadline; what is there past its deadline counts up to now. */
export function plannedMs(span: Lifespan, period: Period, nowMs: number): number {
  if (span.over || span.vmToMs !== undefined) return usedMs(span, period, nowMs);
  return overlap(span.vmFromMs ?? nowMs, Math.max(nowMs, span.untilMs ?? nowMs), period);
}
/** Whether its VM is there now, as far as is known. */
export const isThere = (span: Lifespan, nowMs: number): boolean =>
  span.vmFromMs !== undefined && span.vmFromMs <= nowMs && span.vmToMs === undefined && !span.over;

const priced = (span: Lifespan, ms: number): readonly Money[] =>
  span.price === undefined ? [] : [costOf(span.price, ms)];
const ALWAYS: Period = { fromMs: -8.64e15, toMs: 8.64e15 };
/** What it has cost so far, in this period; nothing where no price is known. */
export const spentOf = (span: Lifespan, nowMs: number, period = ALWAYS): readonly Money[] =>
  priced(span, usedMs(span, period, nowMs));
/** What it will have cost at its deadline, in this period. */
export const plannedOf = (span: Lifespan, nowMs: number, period = ALWAYS): readonly Money[] =>
  priced(span, plannedMs(span, period, nowMs));

/** Of a recorded worker; undefined when its price is not known. */
export function workerCost(
  of: {
    readonly price?: Price | undefined;
    readonly vmSinceMs?: number | undefined;
    readonly vmGoneMs?: number | undefined;
    readonly untilMs: number | undefined;
  },
  nowMs: number,
): WorkerCost | undefined {
  const { price, vmSinceMs, vmGoneMs, untilMs } = of;
  if (price === undefined) return undefined;
  const endMs = vmGoneMs ?? nowMs;
  const fromMs = vmSinceMs ?? nowMs;
  return {
    price,
    spent: costOf(price, endMs - fromMs),
    planned: costOf(price, (vmGoneMs ?? Math.max(nowMs, untilMs ?? nowMs)) - fromMs),
  };
}

/** What a request for new workers costs when they live to their deadline; undefined when the size has no price. */
export function requestCost(
  prices: ReadonlyMap<SizeName, Price> | undefined,
  { count, size, hours }: { readonly count: number; readonly size: SizeName; readonly hours: number },
): Money | undefined {
  const price = prices?.get(size);
  return price === undefined ? undefined : costOf(price, count * hours * 3_600_000);
}

export type GroupBy = 'user' | 'size' | 'cluster' | 'channel';
export type CostRow = {
  /** Of the group: a Slack user id (or another actor's name), a size, a cluster, a channel id. */
  readonly key: string;
  /** What else it is called: a user's name at the time. */
  readonly name: string | undefined;
  readonly workers: number;
  readonly nodeMs: number;
  /** vCPUs times ms. */
  readonly cpuMs: number;
  readonly spent: readonly Money[];
  /** Those that are there now. */
  readonly running: number;
  readonly perHour: readonly Money[];
};
export type CostReport = {
  readonly period: Period;
  readonly rows: readonly CostRow[];
  readonly total: CostRow;
  /** Workers of whose time no price is known. */
  readonly unpriced: number;
};

/** What a worker counts for. */
export function groupOf(span: Lifespan, by: GroupBy): { readonly key: string; readonly name: string | undefined } {
  switch (by) {
    case 'user': {
      const { owner } = span;
      const person = personOf(owner);
      const called = owner.kind === 'slack' ? owner.userName : undefined;
      return { key: person ?? (owner.kind === 'slack' ? owner.userId : owner.name), name: called };
    }
    case 'size':
      return { key: span.size, name: undefined };
    case 'cluster':
      return { key: span.cluster, name: undefined };
    case 'channel':
      return { key: span.channelId ?? '', name: undefined };
  }
}

function rowOf(key: string, spans: readonly Lifespan[], period: Period, nowMs: number, by: GroupBy): CostRow {
  const used = spans.map((span) => ({ span, ms: usedMs(span, period, nowMs) }));
  const running = spans.filter((span) => isThere(span, nowMs));
  const named = spans.findLast((span) => groupOf(span, by).name !== undefined);
  return {
    key,
    name: named && groupOf(named, by).name,
    workers: used.filter(({ ms }) => ms > 0).length,
    nodeMs: used.reduce((sum, { ms }) => sum + ms, 0),
    cpuMs: used.reduce((sum, { span, ms }) => sum + ms * (span.cpus ?? 0), 0),
    spent: sumOf(used.flatMap(({ span, ms }) => priced(span, ms))),
    running: running.length,
    perHour: sumOf(running.flatMap((span) => priced(span, 3_600_000))),
  };
}

const larger = (a: CostRow, b: CostRow): number => {
  const [x, y] = [a, b].map(({ spent }) => spent.reduce((sum, { exact }) => sum + exact, 0n));
  return x === y || x === undefined || y === undefined
    ? b.nodeMs - a.nodeMs || a.key.localeCompare(b.key)
    : x > y
      ? -1
      : 1;
};

/** What a period cost by group, the dearest first. */
export function costReport(spans: readonly Lifespan[], period: Period, nowMs: number, by: GroupBy): CostReport {
  const groups = new Map<string, Lifespan[]>();
  for (const span of spans) {
    if (usedMs(span, period, nowMs) === 0) continue;
    const { key } = groupOf(span, by);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [span]);
    else group.push(span);
  }
  const counted = [...groups.values()].flat();
  return {
    period,
    rows: [...groups].map(([key, own]) => rowOf(key, own, period, nowMs, by)).sort(larger),
    total: rowOf('', counted, period, nowMs, by),
    unpriced: counted.filter((span) => span.price === undefined).length,
  };
}

const PACE_MS = 7 * 24 * 3_600_000;
/**
 * What a month will have cost: what it has cost so far, and the pace of the last seven days for the rest of it; at least what
 * runs already costs to its deadlines. In one currency.
 */
export function forecastOf(spans: readonly Lifespan[], month: Period, nowMs: number, currency: string): Money {
  const sum = (amounts: readonly (readonly Money[])[]): bigint => amountIn(amounts.flat(), currency);
  const spent = sum(spans.map((span) => spentOf(span, nowMs, month)));
  const planned = sum(spans.map((span) => plannedOf(span, nowMs, month)));
  const lately = sum(spans.map((span) => spentOf(span, nowMs, { fromMs: nowMs - PACE_MS, toMs: nowMs })));
  const left = BigInt(Math.max(0, Math.floor(month.toMs - nowMs)));
  const paced = spent + (lately * left) / BigInt(PACE_MS);
  return { currency, exact: paced > planned ? paced : planned };
}
