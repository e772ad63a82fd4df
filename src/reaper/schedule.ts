/**
 * When the reaper looks: at each cron tick, and at each deadline and warning in between. Invariant: a tick that is late,
 * double or failing harms nothing; the next one looks afresh.
 */
import { schedule } from 'node-cron';
import type { Log } from '../engine/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Reaper } from './reaper.ts';

export type ReaperSchedule = { readonly stop: () => Promise<void> };

/** A deadline set meanwhile is seen after this long at the latest, ms. */
const LOOK_AGAIN_MS = 60_000;

/** @param expression five or six cron fields (the sixth, first, is seconds). */
export function scheduleReaper(reaper: Reaper, expression: string, clock: Clock, log: Log): ReaperSchedule {
  const stopping = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  const tick = (): Promise<unknown> => {
    last = reaper
      .tick()
      .catch((error: unknown) => log.error({ err: error }, 'the reaper failed; it looks again at the next tick'));
    return last;
  };
  async function betweenTicks(): Promise<void> {
    await tick();
    while (!stopping.signal.aborted) {
      const nextMs = await reaper.nextMs().catch((error: unknown) => {
        log.error({ err: error }, 'the next deadline could not be read');
        return undefined;
      });
      const waitMs = Math.min(LOOK_AGAIN_MS, Math.max(0, (nextMs ?? Infinity) - clock.now()));
      await clock.sleep(waitMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
      if (nextMs !== undefined && clock.now() >= nextMs) await tick();
      else await reaper.renew();
    }
  }
  const task = schedule(expression, tick, { noOverlap: true, timezone: 'Etc/UTC' });
  const loop = betweenTicks();
  return {
    async stop() {
      stopping.abort(new Error('shutting down'));
      await task.stop();
      await loop;
      await last;
    },
  };
}
