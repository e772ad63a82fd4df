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
