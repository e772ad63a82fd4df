/** The sandbox's clock. Invariant: it never goes back, and a sleeper wakes as soon as its time has come, skipped or lived. */
import type { SandboxClock } from './contract.ts';

type Sleeper = { dueMs: number; timer: NodeJS.Timeout | undefined; wake: () => void };

/** Node's timers overflow beyond this. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Real time plus an offset that `skip` adds to. All values in milliseconds. */
export function createSandboxClock(): SandboxClock & {
  /** Moves the clock ahead and wakes, in the order of their times, the sleepers whose time has come. @throws RangeError for less than 0. */
  skip(ms: number): void;
  /** The sum of all skips. */
  skippedMs(): number;
} {
  let offsetMs = 0;
  const sleepers = new Set<Sleeper>();
  const now = (): number => Date.now() + offsetMs;
  const arm = (sleeper: Sleeper): void => {
    clearTimeout(sleeper.timer);
    const leftMs = sleeper.dueMs - now();
    sleeper.timer = setTimeout(
      () => (sleeper.dueMs <= now() ? sleeper.wake() : arm(sleeper)),
      Math.min(Math.max(leftMs, 0), MAX_TIMER_MS),
    );
  };
  return {
    now,
    skippedMs: () => offsetMs,
    skip(ms) {
      if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`a clock cannot skip ${ms} ms`);
      offsetMs += Math.round(ms);
      for (const sleeper of [...sleepers].sort((a, b) => a.dueMs - b.dueMs))
        if (sleeper.dueMs <= now()) sleeper.wake();
        else arm(sleeper);
    },
    sleep(ms, signal) {
      if (signal?.aborted === true) return Promise.reject(reason(signal));
      if (ms <= 0) return Promise.resolve();
      return new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(sleeper.timer);
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', abort);
        };
        const sleeper: Sleeper = {
          dueMs: now() + ms,
          timer: undefined,
          wake: () => {
            end();
            resolve();
          },
        };
        const abort = (): void => {
          end();
          reject(signal ? reason(signal) : new Error('aborted'));
        };
        signal?.addEventListener('abort', abort, { once: true });
        sleepers.add(sleeper);
        arm(sleeper);
      });
    },
  };
}

const reason = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
