/**
 * How much may be asked for in how much time. Pure. Invariants: a limit never lets more through than it says, whatever the
 * clock does; a refusal says from when on the same request would be let through, or that it never would.
 */
import { formatDuration } from './duration.ts';

/** At most `burst` at once, refilled by `perMinute`. */
export type BucketPolicy = { readonly burst: number; readonly perMinute: number };
export type Bucket = { readonly tokens: number; readonly atMs: number };
export type Taken =
  | { readonly ok: true; readonly bucket: Bucket }
  /** `retryAtMs`: when there is one again; `fullAtMs`: when all are, if none is taken until then. */
  | { readonly ok: false; readonly bucket: Bucket; readonly retryAtMs: number; readonly fullAtMs: number };

/** What refilling in parts may lose to rounding. */
const EPSILON = 1e-9;

/** Takes one token of a bucket; undefined is a full one. */
export function takeToken(bucket: Bucket | undefined, { burst, perMinute }: BucketPolicy, nowMs: number): Taken {
  const perMs = perMinute / 60_000;
  const passedMs = bucket === undefined ? 0 : Math.max(0, nowMs - bucket.atMs);
  const tokens = bucket === undefined ? burst : Math.min(burst, bucket.tokens + passedMs * perMs);
  if (tokens >= 1 - EPSILON) return { ok: true, bucket: { tokens: Math.max(0, tokens - 1), atMs: nowMs } };
  const at = (wanted: number): number => nowMs + Math.ceil((wanted - tokens) / perMs);
  return { ok: false, bucket: { tokens, atMs: nowMs }, retryAtMs: at(1), fullAtMs: at(burst) };
}

/** Whether nobody can tell this bucket from a new one any more. */
export const isFull = ({ tokens, atMs }: Bucket, { burst, perMinute }: BucketPolicy, nowMs: number): boolean =>
  tokens + (Math.max(0, nowMs - atMs) * perMinute) / 60_000 >= burst;

/** Requests and workers that may be asked for within any `windowMs`. */
export type RateRule = {
  /** Whose requests count together. */
  readonly of: 'requester' | 'everybody';
  /** Only requests for workers, or all that change something. */
  readonly counts: 'provisions' | 'changes';
  readonly windowMs: number;
  readonly maxRequests: number | undefined;
  readonly maxWorkers: number | undefined;
};
export type Past = { readonly atMs: number; readonly workers: number };
export type RateRefusal = {
  readonly text: string;
  /** undefined: it would never be let through. */
  readonly retryAtMs: number | undefined;
};

const limitText = ({ of, counts, windowMs, maxRequests, maxWorkers }: RateRule): string => {
  const [one, many] = counts === 'provisions' ? ['request for workers', 'requests for workers'] : ['change', 'changes'];
  const most = [
    ...(maxRequests === undefined ? [] : [`${maxRequests} ${maxRequests === 1 ? one : many}`]),
    ...(maxWorkers === undefined ? [] : [`${maxWorkers} ${maxWorkers === 1 ? 'worker' : 'workers'}`]),
  ];
  const who = of === 'requester' ? 'one requester' : 'all together';
  return `${most.join(' and ')} within ${formatDuration(windowMs)} by ${who}`;
};

/**
 * Why one more request for `workers` workers is too much after what was asked for before; undefined when it is not.
 * A request counts until exactly `windowMs` after it was made.
 */
export function rateRefusal(
  past: readonly Past[],
  workers: number,
  rule: RateRule,
  nowMs: number,
): RateRefusal | undefined {
  const { windowMs, maxRequests = Infinity, maxWorkers = Infinity } = rule;
  const counting = past.filter(({ atMs }) => atMs + windowMs > nowMs).sort((a, b) => a.atMs - b.atMs);
  let requests = counting.length;
  let asked = counting.reduce((sum, each) => sum + each.workers, 0);
  const fits = (): boolean => requests + 1 <= maxRequests && asked + workers <= maxWorkers;
  if (fits()) return undefined;
  const had = `${requests} with ${asked} ${asked === 1 ? 'worker' : 'workers'} were asked for already`;
  let retryAtMs: number | undefined;
  for (const { atMs, workers: less } of counting) {
    requests -= 1;
    asked -= less;
    retryAtMs = atMs + windowMs;
    if (fits()) return { text: `The limit is ${limitText(rule)}; ${had}.`, retryAtMs };
  }
  return { text: `The limit is ${limitText(rule)}; ${workers} at once are more than that.`, retryAtMs: undefined };
}
