/**
 * Slack's Web API by what a call must not suffer from. Invariants: a rate limit on one kind of call never holds back
 * another kind; a form is opened within its trigger's life or not at all; a post is never repeated blindly.
 */
import { LogLevel } from '@slack/bolt';
import type { Logger } from '@slack/bolt';
import { WebClient } from '@slack/web-api';
import type { WebClientOptions } from '@slack/web-api';
import type { Clock } from '../ports/clock.ts';

/** How long Slack honours a trigger, ms. */
const TRIGGER_LIFE_MS = 3000;

export type Clients = {
  /** Answers to a person and updates of their views: repeated when the network fails, waits out a rate limit. */
  readonly reply: WebClient;
  /** Opens forms: one try, which ends with the trigger. */
  readonly open: WebClient;
  /** Channel messages: one try; whoever calls decides when to try again. */
  readonly post: WebClient;
  /** Looks up groups and history. */
  readonly look: WebClient;
  /** The App Home: one try, the next refresh tries again. */
  readonly home: WebClient;
};

/** Options are made anew for each client: the socket client changes the object that it is given. */
export function clientOptions(logger: Logger, apiUrl: string | undefined): WebClientOptions {
  return {
    logger,
    logLevel: LogLevel.INFO,
    timeout: 15_000,
    retryConfig: { retries: 3, factor: 2, minTimeout: 500, maxTimeout: 5000 },
    ...(apiUrl === undefined ? {} : { slackApiUrl: apiUrl }),
  };
}

export function createClients(token: string, logger: Logger, apiUrl: string | undefined): Clients {
  const make = (more: WebClientOptions = {}): WebClient =>
    new WebClient(token, { ...clientOptions(logger, apiUrl), ...more });
  const once: WebClientOptions = { retryConfig: { retries: 0 }, rejectRateLimitedCalls: true };
  return {
    reply: make(),
    open: make({ ...once, timeout: TRIGGER_LIFE_MS - 200 }),
    post: make(once),
    look: make({ timeout: 5000, rejectRateLimitedCalls: true }),
    home: make(once),
  };
}

/** Rate limits that Slack told, by the calls they hold back. */
export type Limits = {
  /** Calls `act` unless its kind is held back. @throws RateLimited, when it is, or when Slack says so now. */
  readonly within: <T>(kind: string, act: () => Promise<T>) => Promise<T>;
};
/** Slack wants calls of this kind to wait until `untilMs`. */
export class RateLimited extends Error {
  readonly untilMs: number;
  constructor(kind: string, untilMs: number) {
    super(`${kind} is rate limited`);
    this.untilMs = untilMs;
  }
}

export function createLimits(clock: Clock, retryAfterSeconds: (error: unknown) => number | undefined): Limits {
  const held = new Map<string, number>();
  return {
    async within(kind, act) {
      const untilMs = held.get(kind) ?? 0;
      if (untilMs > clock.now()) throw new RateLimited(kind, untilMs);
      held.delete(kind);
      try {
        return await act();
      } catch (error) {
        const seconds = retryAfterSeconds(error);
        if (seconds === undefined) throw error;
        const until = clock.now() + Math.max(1, seconds) * 1000;
        if (held.size > 1000) held.clear();
        held.set(kind, until);
        throw new RateLimited(kind, until);
      }
    },
  };
}
