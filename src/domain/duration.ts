/** Durations as people type and read them. Pure; milliseconds unless a name says hours. */
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
const unitHours: ReadonlyMap<string, number> = new Map([
  ...['m', 'min', 'mins', 'minute', 'minutes'].map((unit) => [unit, 1 / 60] as const),
  ...['h', 'hr', 'hrs', 'hour', 'hours'].map((unit) => [unit, 1] as const),
  ...['d', 'day', 'days'].map((unit) => [unit, 24] as const),
  ...['w', 'week', 'weeks'].map((unit) => [unit, 168] as const),
]);

/**
 * Reads `24h`, `2d`, `1d12h`, `90min`, `1.5h`, `1w`; a bare number is no duration.
 * @returns hours, or undefined when the text is something else.
 */
export function parseHours(text: string): number | undefined {
  const word = text.trim().toLowerCase();
  if (!/^(\d{1,6}(\.\d{1,3})?\s*[a-z]+\s*)+$/.test(word)) return undefined;
  let hours = 0;
  for (const [, amount = '', unit = ''] of word.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const factor = unitHours.get(unit);
    if (factor === undefined) return undefined;
    hours += Number(amount) * factor;
  }
  return hours > 0 ? hours : undefined;
}

/** The deadline that an extension sets: later by so many hours, at most `maxTtlHours` from the start. */
export const extendedDeadline = (of: {
  readonly fromMs: number;
  readonly startsAtMs: number;
  readonly hours: number;
  readonly maxTtlHours: number;
  readonly nowMs: number;
}): number => Math.min(Math.max(of.fromMs, of.nowMs) + of.hours * HOUR_MS, of.startsAtMs + of.maxTtlHours * HOUR_MS);

/** `2 d 4 h`, `3 h 20 min`, `45 s`: the two largest units, rounded down; negative reads as `0 s`. */
export function formatDuration(ms: number): string {
  const seconds = Number.isFinite(ms) ? Math.max(0, Math.floor(ms / 1000)) : 0;
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([amount], index) => amount > 0 || index === 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}

/** `24 h`, `1.5 h`. */
export const formatHours = (hours: number): string => `${Math.round(hours * 100) / 100} h`;
