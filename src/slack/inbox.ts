/**
 * Takes requests on. Invariants: what asks for something is on record before it is acknowledged, within `RECORD_MS` in any
 * case; what a process left unfinished is taken up by the next one, or its person is told; a redelivered request is
 * acknowledged and not served again.
 */
import type { ReceiverEvent } from '@slack/bolt';
import { takeover } from '../domain/inbox.ts';
import { messageOf } from '../domain/errors.ts';
import { within } from '../ports/clock.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Arrival, InboxStore, OpenRequest, Verdict } from '../ports/inbox.ts';
import type { AnswerTo } from './answers.ts';
import type { Log } from './basics.ts';
import type { Message } from './blocks/text.ts';
import { date } from './blocks/text.ts';
import { createLoop } from '../ports/loop.ts';
import { arrivalOf, askedIn } from './requests.ts';

/** An ack waits for the record no longer than this: Slack gives a person up after 3 s. */
const RECORD_MS = 500;
/** What was served is recorded with the next arrivals, or after this time. */
const DONE_MS = 250;
/** A process that says nothing for so long has ended: another one takes its requests up. */
const CLAIM_MS = 6000;
const RENEW_MS = 2000;
const MOST_AT_ONCE = 20;
/** How long a served request's key is kept against redelivery, and how many of them at most. */
const KEPT_MS = 3_600_000;
const MOST_KEPT = 20_000;
const FORGET_EVERY_MS = 60_000;

export type Serve = (event: ReceiverEvent) => Promise<void>;
export interface Inbox {
  /** Records the event, if it asks for something, and serves it. */
  take(event: ReceiverEvent, serve: Serve): Promise<void>;
  /** Takes up what was left, by ended processes too, until it is stopped. */
  resume(serve: Serve): void;
  /** Resolves when what is being served now has been. */
  idle(): Promise<void>;
  /** Leaves what is not served yet to the next process. */
  stop(): Promise<void>;
}

export type InboxOptions = {
  readonly store: InboxStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly answers: (to: AnswerTo) => (message: Message) => Promise<void>;
};

/** Set on an event that is served by another process than acknowledged it. */
export const isTakenUp = (context: Readonly<Record<string, unknown>>): boolean => context['takenUp'] === true;

export function createInbox({ store, clock, ids, log, answers }: InboxOptions): Inbox {
  const owner = ids.next();
  const serving = new Set<Promise<void>>();
  let waiting: { readonly arrival: Arrival; readonly tell: (verdict: Verdict | undefined) => void }[] = [];
  let done: string[] = [];
  let soon: NodeJS.Immediate | undefined;
  let later: NodeJS.Timeout | undefined;
  let forgotAtMs = clock.now();
  let stopped = false;

  /** All that came and ended since the last time, in one transaction. */
  const flush = async (): Promise<void> => {
    clearImmediate(soon);
    clearTimeout(later);
    soon = later = undefined;
    const [batch, ended] = [waiting, done];
    waiting = [];
    done = [];
    if (batch.length + ended.length === 0) return;
    const nowMs = clock.now();
    const arrivals = batch.map(({ arrival }) => arrival);
    try {
      const claimUntilMs = nowMs + CLAIM_MS;
      const verdicts = await store.recordRequests({ owner, arrivals, done: ended, nowMs, claimUntilMs });
      for (const [at, { tell }] of batch.entries()) tell(verdicts[at]);
    } catch (error) {
      // they are served: whatever they change says itself that it could not be recorded
      log.error({ error: messageOf(error), requests: batch.length }, 'requests could not be recorded before their ack');
      for (const { tell } of batch) tell(undefined);
      done = [...ended, ...done].slice(0, MOST_KEPT);
    }
  };
  const record = (arrival: Arrival): Promise<Verdict | undefined> => {
    const recorded = new Promise<Verdict | undefined>((tell) => {
      waiting.push({ arrival, tell });
      soon ??= setImmediate(() => void flush());
    });
    return within(clock, RECORD_MS, recorded);
  };
  const served = (key: string): void => {
    if (stopped) return;
    done.push(key);
    later ??= setTimeout(() => void flush(), DONE_MS).unref();
  };
  const during = async (work: Promise<void>): Promise<void> => {
    serving.add(work);
    try {
      await work;
    } finally {
      serving.delete(work);
    }
  };

  const tell = async ({ payload, receivedAtMs }: OpenRequest, why: string): Promise<void> => {
    const asked = askedIn(JSON.parse(payload));
    if (asked === undefined) return;
    const { userId, channelId, what } = asked;
    const text = `:hourglass: ${what} ${date(receivedAtMs)}. ${why} \`/burst ops mine\` tells what became of it; ask again if it is still wanted.`;
    await answers({ userId, channelId, respond: undefined, replaceOriginal: false })({ text });
  };
  const takeUp = async (request: OpenRequest, serve: Serve): Promise<void> => {
    const { key, kind, payload, tries } = request;
    const what = takeover(request, clock.now());
    log.warn({ kind, tries, what }, 'took up a request that another process had acknowledged');
    try {
      if (what === 'serve')
        await serve({
          body: JSON.parse(payload) as ReceiverEvent['body'],
          ack: () => Promise.resolve(),
          customProperties: { takenUp: true },
        });
      else if (what === 'too_late') await tell(request, 'Burst was away for too long to begin with it now.');
      else await tell(request, 'Burst ended several times over it, and does not begin with it again.');
    } catch (error) {
      log.error({ kind, error: messageOf(error) }, 'a request that was taken up could not be served');
    }
    served(key);
  };

  let serveLeft: Serve | undefined;
  const loop = createLoop(async (woken) => {
    try {
      const nowMs = clock.now();
      if (serving.size > 0) await store.renewRequests(owner, nowMs + CLAIM_MS);
      const claim = { owner, nowMs, claimUntilMs: nowMs + CLAIM_MS, limit: MOST_AT_ONCE };
      const serve = serveLeft;
      if (serve !== undefined)
        for (const request of await store.claimRequests(claim)) void during(takeUp(request, serve));
      if (nowMs - forgotAtMs >= FORGET_EVERY_MS) {
        forgotAtMs = nowMs;
        await store.forgetRequests(nowMs - KEPT_MS, MOST_KEPT);
      }
    } catch (error) {
      log.error({ error: messageOf(error) }, 'requests on record could not be looked after');
    }
    await clock.sleep(RENEW_MS, woken).catch(() => undefined);
  });

  return {
    async take(event, serve) {
      const arrival = arrivalOf(event.body, clock.now());
      if (arrival === undefined) return serve(event);
      const { key, kind } = arrival;
      const work = async (): Promise<void> => {
        if ((await record(arrival)) === 'duplicate') {
          log.info({ kind }, 'a request came again and was not served again');
          return event.ack();
        }
        try {
          await serve(event);
        } finally {
          served(key);
        }
      };
      return during(work());
    },
    resume(serve) {
      serveLeft = serve;
      loop.start();
    },
    idle: async () => void (await Promise.allSettled(serving)),
    async stop() {
      await loop.stop();
      await flush();
      stopped = true;
      await store.renewRequests(owner, clock.now());
    },
  };
}
