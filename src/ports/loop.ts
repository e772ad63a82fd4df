/** Work that goes on in turns until it is stopped; a stop waits for the turn that is under way. */
import type { Clock } from './clock.ts';

export interface Loop {
  start(): void;
  stop(): Promise<void>;
  /** Ends what the turn under way waits for. */
  wake(why: string): void;
  stopping(): boolean;
}

/** `turn` is called again and again; its signal is aborted by `wake` and `stop`. It must not throw. */
export function createLoop(turn: (signal: AbortSignal) => Promise<void>): Loop {
  let ending = false;
  let wake = new AbortController();
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (!ending) {
      wake = new AbortController();
      await turn(wake.signal);
    }
  };
  return {
    start() {
      ending = false;
      running ??= run();
    },
    async stop() {
      ending = true;
      wake.abort(new Error('stopped'));
      await running;
      running = undefined;
    },
    wake: (why) => wake.abort(new Error(why)),
    stopping: () => ending,
  };
}

/** A loop that does this, waits `everyMs` of the clock's time, and does it again. `work` must not throw. */
export const createPeriodic = (clock: Pick<Clock, 'sleep'>, everyMs: number, work: () => Promise<void>): Loop =>
  createLoop(async (woken) => {
    await work();
    await clock.sleep(everyMs, woken).catch(() => undefined);
  });
