/** The cron loop. Invariant: a tick that is late, double or failing harms nothing; the next one looks afresh. */
import { schedule } from 'node-cron';
import type { Log } from '../engine/index.ts';
import type { Reaper } from './reaper.ts';

export type ReaperSchedule = { readonly stop: () => Promise<void> };

/** @param expression five or six cron fields (the sixth, first, is seconds). */
export function scheduleReaper(reaper: Reaper, expression: string, log: Log): ReaperSchedule {
  let last: Promise<unknown> = Promise.resolve();
  const tick = (): void => {
    last = reaper
      .tick()
      .catch((error: unknown) => log.error({ err: error }, 'the reaper failed; it looks again at the next tick'));
  };
  const task = schedule(expression, tick, { noOverlap: true, timezone: 'Etc/UTC' });
  tick();
  return {
    async stop() {
      await task.stop();
      await last;
    },
  };
}
