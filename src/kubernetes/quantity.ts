/**
 * Kubernetes quantities ("250m", "2", "1.5Gi", "129e6"), as k8s.io/apimachinery resource.Quantity writes them.
 * Invariant: whatever comes in, a finite number of zero or more comes out.
 */
const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const PATTERN = /^\+?(\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/;
/** Above the largest quantity that Kubernetes itself can hold (2^63 - 1). */
const LIMIT = 2 ** 63;

/** @returns the number of base units (cores, bytes, pieces); 0 for anything that is not a sane quantity. */
export function parseQuantity(raw: unknown): number {
  if (typeof raw === 'number') return Number.isFinite(raw) && raw > 0 && raw < LIMIT ? raw : 0;
  if (typeof raw !== 'string' || raw.length > 100) return 0;
  const match = PATTERN.exec(raw.trim());
  if (match === null) return 0;
  const value = Number(`${match[1] ?? ''}${match[2] ?? ''}`) * (SUFFIXES[match[3] ?? ''] ?? 0);
  return Number.isFinite(value) && value < LIMIT ? value : 0;
}

/** A CPU quantity in millicores, rounded up as Quantity.MilliValue does. */
export function cpuMillis(raw: unknown): number {
  const millis = parseQuantity(raw) * 1000;
  return millis >= Number.MAX_SAFE_INTEGER ? 0 : Math.ceil(Number(millis.toFixed(6)));
}

/** A memory quantity in MiB (not rounded: sums are). */
export const memoryMiB = (raw: unknown): number => parseQuantity(raw) / 2 ** 20;

/** A count, e.g. of pods. */
export const count = (raw: unknown): number => Math.floor(parseQuantity(raw));
