/** Time and its passing. Everything in Burst that reads the time or waits does so through this port. */
export interface Clock {
  /** Milliseconds since the epoch, UTC. */
  now(): number;
  /**
   * Resolves after `ms` milliseconds of this clock's time (which a sandbox may skip), at once for 0 or less.
   * @throws the signal's reason as soon as it is aborted.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * What the work gives, or undefined when it takes longer than `ms` of this clock's time; the work itself goes on then.
 * @throws what the work throws in time.
 */
export async function within<T>(clock: Pick<Clock, 'sleep'>, ms: number, work: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  const late = clock.sleep(ms, over.signal).then(
    () => undefined,
    () => undefined,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort(new Error('answered'));
  }
}
