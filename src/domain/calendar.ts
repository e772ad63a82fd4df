/** Months and days of a time zone. Pure; moments are ms, a period holds `fromMs` and ends before `toMs`. */
import { HOUR_MS } from './duration.ts';
import { offsetMs, shownMs } from './zone.ts';

export type Period = { readonly fromMs: number; readonly toMs: number };
export type Month = Period & {
  /** `2026-03`. */
  readonly name: string;
};

/** What the zone's calendar shows; months count from 1. */
function dateIn(
  atMs: number,
  timeZone: string,
): { readonly year: number; readonly month: number; readonly day: number } {
  const shown = new Date(shownMs(atMs, timeZone));
  return { year: shown.getUTCFullYear(), month: shown.getUTCMonth() + 1, day: shown.getUTCDate() };
}
/** The moment at which a day begins there (or the first one after a clock change that skips it). */
function beginOf(year: number, month: number, day: number, timeZone: string): number {
  const wall = Date.UTC(year, month - 1, day);
  // the second look is for a clock change between the guess and the moment
  return wall - offsetMs(wall - offsetMs(wall, timeZone), timeZone);
}

/** The month that holds this moment. */
export function monthOf(atMs: number, timeZone: string): Month {
  const { year, month } = dateIn(atMs, timeZone);
  return {
    name: `${String(year)}-${String(month).padStart(2, '0')}`,
    fromMs: beginOf(year, month, 1, timeZone),
    toMs: beginOf(year, month + 1, 1, timeZone),
  };
}
/** The months that a period touches, at most `most`. */
export function monthsOf({ fromMs, toMs }: Period, timeZone: string, most = 24): readonly Month[] {
  const months = [monthOf(fromMs, timeZone)];
  for (;;) {
    const last = months.at(-1);
    if (last === undefined || last.toMs >= toMs || months.length >= most) return months;
    months.push(monthOf(last.toMs, timeZone));
  }
}

/** A slice of a period, with its name. */
export type Slice = Period & { readonly label: string };
const DAY_MS = 24 * HOUR_MS;
const HOURS_UP_TO_MS = 2 * DAY_MS;
const DAYS_UP_TO_MS = 45 * DAY_MS;
const names = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The period cut at hours, days or weeks of the zone, as its length wants it; the first and the last may be shorter. */
export function slicesOf(
  period: Period,
  timeZone: string,
): { readonly unit: string; readonly slices: readonly Slice[] } {
  const length = period.toMs - period.fromMs;
  if (length <= HOURS_UP_TO_MS) return { unit: 'hour', slices: cut(period, hourly(timeZone)) };
  if (length <= DAYS_UP_TO_MS) return { unit: 'day', slices: cut(period, daily(timeZone, 1)) };
  return { unit: 'week', slices: cut(period, daily(timeZone, 7)) };
}
type Step = (atMs: number) => { readonly nextMs: number; readonly label: string };
const hourly =
  (timeZone: string): Step =>
  (atMs) => {
    const hour = new Date(shownMs(atMs, timeZone)).getUTCHours();
    return { nextMs: (Math.floor(atMs / HOUR_MS) + 1) * HOUR_MS, label: `${String(hour).padStart(2, '0')}:00` };
  };
const daily =
  (timeZone: string, days: number): Step =>
  (atMs) => {
    const { year, month, day } = dateIn(atMs, timeZone);
    return { nextMs: beginOf(year, month, day + days, timeZone), label: `${names[month - 1] ?? ''} ${String(day)}` };
  };
function cut({ fromMs, toMs }: Period, step: Step): Slice[] {
  const slices: Slice[] = [];
  for (let atMs = fromMs; atMs < toMs && slices.length < 600;) {
    const { nextMs, label } = step(atMs);
    const end = Math.min(toMs, Math.max(nextMs, atMs + 1));
    slices.push({ fromMs: atMs, toMs: end, label });
    atMs = end;
  }
  return slices;
}
