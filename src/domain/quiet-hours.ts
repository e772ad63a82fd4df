/**
 * Hours in which nobody is to be warned. Invariants: pure; a moment is only ever moved back, to before the quiet hours begin,
 * and keeps its order with others. Times of day are those of the time zone, whose clock may be put forward or back: a time
 * that a day lacks is when the clock is put forward, of one that it has twice a quiet time begins with the first and ends
 * with the second.
 */
import { MINUTE_MS } from './duration.ts';
import { offsetMs, shownMs, WEEKDAYS, weekdayOf } from './zone.ts';

export type QuietWindow = {
  /** Minutes of the day; it ends on the next day unless `to` is after `from`. */
  readonly from: number;
  readonly to: number;
  /** Days (`mon` … `sun`) on which it begins; empty: every day. */
  readonly days: readonly string[];
};
export type QuietPolicy = {
  /** IANA name. */
  readonly timezone: string;
  readonly windows: readonly QuietWindow[];
};
export const ALWAYS_LOUD: QuietPolicy = { timezone: 'UTC', windows: [] };

/** What would come in the quiet hours comes so long before they begin, ms. */
export const QUIET_MARGIN_MS = 5 * MINUTE_MS;
const DAY_MS = 86_400_000;
const WEEK_MINUTES = 7 * 1440;
/** More windows than that do not follow each other in any week. */
const MOST_STEPS = 200;

type Span = { readonly startMs: number; readonly endMs: number };

/** When the zone's clocks show this. */
function instantOf(shown: number, timezone: string, which: 'first' | 'last'): number {
  // the zone's offsets from UTC around that time; they differ where the clock is put forward or back
  const offsets = [shown - DAY_MS, shown + DAY_MS].map((ms) => offsetMs(ms, timezone));
  const moments = [...new Set(offsets.map((offset) => shown - offset))].sort((a, b) => a - b);
  const fitting = moments.filter((ms) => shownMs(ms, timezone) === shown);
  const found = which === 'first' ? fitting[0] : fitting.at(-1);
  return found ?? jumpBetween(moments[0] ?? shown, moments.at(-1) ?? shown, timezone);
}

/** When the clock is put forward, between two moments. */
function jumpBetween(fromMs: number, toMs: number, timezone: string): number {
  const before = shownMs(fromMs, timezone) - fromMs;
  let [low, high] = [fromMs, toMs];
  while (high - low > 1000) {
    const middle = Math.floor((low + high) / 2000) * 1000;
    if (middle <= low) break;
    if (shownMs(middle, timezone) - middle === before) low = middle;
    else high = middle;
  }
  return high;
}

/** The quiet time around a moment, its margin with it; undefined when it is in none. */
function spanAt(ms: number, policy: QuietPolicy): Span | undefined {
  const today = Math.floor(shownMs(ms, policy.timezone) / DAY_MS) * DAY_MS;
  for (const day of [today - DAY_MS, today, today + DAY_MS])
    for (const window of policy.windows) {
      const span = spanOf(window, day, policy.timezone);
      if (span !== undefined && span.startMs <= ms && ms < span.endMs) return span;
    }
  return undefined;
}

/** @param day midnight as the zone's clocks show it. */
function spanOf(window: QuietWindow, day: number, timezone: string): Span | undefined {
  const { from, to, days } = window;
  if (days.length > 0 && !days.includes(weekdayOf(day))) return undefined;
  const until = day + (to > from ? 0 : DAY_MS) + to * MINUTE_MS;
  return {
    startMs: instantOf(day + from * MINUTE_MS, timezone, 'first') - QUIET_MARGIN_MS,
    endMs: instantOf(until, timezone, 'last'),
  };
}

function leave(ms: number, policy: QuietPolicy, way: (span: Span) => number): number {
  let at = ms;
  for (let step = 0; step < MOST_STEPS; step++) {
    const span = spanAt(at, policy);
    if (span === undefined) return at;
    at = way(span);
  }
  // it is quiet all the time: nobody would ever be warned
  return ms;
}

/** The moment itself, or the last one before the quiet hours that it is in (and those that they follow on), ms. */
export function beforeQuiet(ms: number, policy: QuietPolicy): number {
  return leave(ms, policy, ({ startMs }) => startMs - 1);
}

/** The moment itself, or the first one after the quiet hours that it is in or just before, ms: what comes before that is due now. */
export function afterQuiet(ms: number, policy: QuietPolicy): number {
  // the moment just before they begin is the one to which everything is moved
  const end = leave(ms + 1, policy, ({ endMs }) => endMs);
  return end === ms + 1 ? ms : end;
}

/** When quiet hours (with their margin) begin next, ms; undefined when there are none. */
export function nextQuiet(ms: number, policy: QuietPolicy): number | undefined {
  const today = Math.floor(shownMs(ms, policy.timezone) / DAY_MS) * DAY_MS;
  const starts = Array.from({ length: 10 }, (_, index) => today + (index - 1) * DAY_MS).flatMap((day) =>
    policy.windows.map((window) => spanOf(window, day, policy.timezone)?.startMs ?? -Infinity),
  );
  const next = Math.min(...starts.filter((startMs) => startMs - 1 > ms));
  return next === Infinity ? undefined : next - 1;
}

/** Whether some time of the week is left that is not quiet. */
export function leavesTime({ windows }: Pick<QuietPolicy, 'windows'>): boolean {
  const quiet = new Uint8Array(WEEK_MINUTES);
  for (const { from, to, days } of windows)
    for (const [index, day] of WEEKDAYS.entries()) {
      if (days.length > 0 && !days.includes(day)) continue;
      const length = (to > from ? to - from : to - from + 1440) + QUIET_MARGIN_MS / MINUTE_MS;
      const start = index * 1440 + from - QUIET_MARGIN_MS / MINUTE_MS + WEEK_MINUTES;
      for (let minute = 0; minute < length; minute++) quiet[(start + minute) % WEEK_MINUTES] = 1;
    }
  return quiet.includes(0);
}
