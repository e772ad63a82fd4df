/** The real clock and randomness: the only place that reads them. */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from './ports/clock.ts';
import type { Ids } from './ports/ids.ts';

/** Node's timers hold at most 2^31 - 1 ms. */
const LONGEST_MS = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    for (let leftMs = ms; leftMs > 0; leftMs -= LONGEST_MS) {
      try {
        await wait(Math.min(leftMs, LONGEST_MS), undefined, signal === undefined ? {} : { signal });
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      }
    }
  },
};

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
// 256 is a multiple of 32: every character is equally likely
const base32 = (length: number): string =>
  Array.from(randomBytes(length), (byte) => ALPHABET.charAt(byte % 32)).join('');

/** @param clock gives identifiers their order. */
export function systemIds(clock: Pick<Clock, 'now'>): Ids {
  return { next: () => `${clock.now().toString(36).padStart(9, '0')}${base32(5)}`, base32 };
}
