/** What the clocks of a time zone show. Pure; the zone's rules are the runtime's own. */

/** Making one is slow; they hold nothing but the zone's rules. */
const formats = new Map<string, Intl.DateTimeFormat>();
function formatOf(timeZone: string): Intl.DateTimeFormat {
  const found = formats.get(timeZone);
  if (found !== undefined) return found;
  const made = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(timeZone, made);
  return made;
}

/** What the zone's clocks show at this moment, in whole seconds, as if it were UTC, ms. @param timeZone IANA name. */
export function shownMs(atMs: number, timeZone: string): number {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/** How far the zone's clocks are ahead of UTC at this moment, ms. */
export const offsetMs = (atMs: number, timeZone: string): number =>
  shownMs(atMs, timeZone) - Math.floor(atMs / 1000) * 1000;

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
/** The days of the week from Sunday on, as the configuration names them. */
export const WEEKDAYS: readonly string[] = DAYS;
/** The day of the week of what a clock shows (`shownMs`). */
export const weekdayOf = (shown: number): string => DAYS[new Date(shown).getUTCDay()] ?? '';
