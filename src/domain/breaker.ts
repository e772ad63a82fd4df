/**
 * When a VM server counts as away, and when it is looked at next. Pure. Invariants: only silence opens the circuit (a refusal
 * is an answer); while it is open nothing but the look is sent; one answer closes it.
 */
import { BurstError } from './errors.ts';
import type { ErrorCode } from './errors.ts';

export type BreakerPolicy = {
  /** So many failures in a row open the circuit… */
  readonly failures: number;
  /** …when the first of them is at least this long ago: calls that one cut connection took with it are one failure, ms. */
  readonly spanMs: number;
  /** A server that nobody needed for so long is looked at, ms. */
  readonly checkEveryMs: number;
  /** From a failure to the first look, doubling with each look, ms. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
};

export type Breaker =
  | {
      readonly kind: 'closed';
      /** In a row. */
      readonly failures: number;
      readonly firstFailureMs: number | undefined;
      readonly lastFailureMs: number | undefined;
      readonly answeredMs: number;
    }
  | {
      readonly kind: 'open';
      /** The first failure of those that opened it. */
      readonly sinceMs: number;
      readonly reason: string;
      /** Looks since then that failed. */
      readonly looks: number;
      readonly nextLookMs: number;
    };

/** Since when a server does not answer, and what Burst does about it. */
export type Away = {
  readonly server: string;
  readonly sinceMs: number;
  readonly reason: string;
  readonly nextLookMs: number;
};

/** Refused without being sent: the server is away. Who gets it waits, and does not count it as a try. */
export class ServerAway extends BurstError {
  readonly away: Away;
  constructor(away: Away) {
    super('unavailable', `The VM server ${away.server} is away: ${away.reason}`, {
      left: 'Nothing was sent.',
      hint: 'Burst looks again by itself.',
    });
    this.away = away;
  }
}

const SILENCE: ReadonlySet<ErrorCode> = new Set(['unavailable', 'unknown_outcome']);
/** Whether this failure is one of the server's silence, not its answer. */
export const isSilence = (code: ErrorCode): boolean => SILENCE.has(code);

export const closedBreaker = (nowMs: number): Breaker => ({
  kind: 'closed',
  failures: 0,
  firstFailureMs: undefined,
  lastFailureMs: undefined,
  answeredMs: nowMs,
});

/** As it was found before a restart: it is looked at at once. */
export const reopened = (sinceMs: number, reason: string, nowMs: number): Breaker => ({
  kind: 'open',
  sinceMs,
  reason,
  looks: 0,
  nextLookMs: nowMs,
});

/** After a call was not answered. One that had been sent before the circuit opened changes nothing. */
export function failed(breaker: Breaker, nowMs: number, reason: string, policy: BreakerPolicy): Breaker {
  if (breaker.kind === 'open') return breaker;
  const failures = breaker.failures + 1;
  const sinceMs = breaker.firstFailureMs ?? nowMs;
  return failures >= policy.failures && nowMs - sinceMs >= policy.spanMs
    ? { kind: 'open', sinceMs, reason, looks: 0, nextLookMs: nowMs + policy.firstRetryMs }
    : { ...breaker, failures, firstFailureMs: sinceMs, lastFailureMs: nowMs };
}

/** After a look (not a call of the work) was not answered. */
export function lookFailed(breaker: Breaker, nowMs: number, reason: string, policy: BreakerPolicy): Breaker {
  if (breaker.kind === 'closed') return failed(breaker, nowMs, reason, policy);
  const looks = breaker.looks + 1;
  const waitMs = Math.min(policy.maxRetryMs, policy.firstRetryMs * 2 ** Math.min(looks, 20));
  return { ...breaker, reason, looks, nextLookMs: nowMs + waitMs };
}

/** When the server is looked at next, ms. */
export function nextLookMs(breaker: Breaker, policy: BreakerPolicy): number {
  if (breaker.kind === 'open') return breaker.nextLookMs;
  return breaker.lastFailureMs === undefined
    ? breaker.answeredMs + policy.checkEveryMs
    : breaker.lastFailureMs + policy.firstRetryMs;
}
