/** What benches share. A bench never asserts: it prints what was measured, how, and the goal beside it. */
export type Result = { readonly name: string; readonly value: string; readonly goal: string };
export type Bench = {
  readonly name: string;
  /** How it is measured, in a sentence or two. */
  readonly how: string;
  /** @returns undefined with a reason when something that it compares with is missing on this machine. */
  run(): Promise<readonly Result[] | { readonly skipped: string }>;
};

/** The middle value (the upper one of two). */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export const ms = (value: number): string => `${value.toFixed(3)} ms`;
export const ratio = (value: number): string => value.toPrecision(3);

/** The machine's time. */
export const systemClock = {
  now: (): number => Date.now(),
  sleep: (delayMs: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, Math.max(0, delayMs));
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      });
    }),
};

let count = 0;
export const benchIds = {
  next: (): string => `bench${String(++count).padStart(8, '0')}`,
  base32: (length: number): string =>
    (++count).toString(2).replaceAll('0', 'a').replaceAll('1', 'b').padStart(length, 'a').slice(-length),
};
export const silent = { info: (): void => undefined, warn: (): void => undefined, error: (): void => undefined };
