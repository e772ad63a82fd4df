import type { Clock } from '../../src/ports/clock.ts';

/** A clock that stands still until it is moved; sleepers wake when their time has come. */
export function manualClock(
  startMs = Date.parse('2026-01-05T08:00:00Z'),
): Clock & { advance(ms: number): Promise<void> } {
  let nowMs = startMs;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        if (ms <= 0) return resolve();
        const sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason as Error);
        });
      }),
    async advance(ms) {
      nowMs += ms;
      for (const sleeper of [...sleepers]) if (sleeper.atMs <= nowMs) sleeper.wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
