import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSandboxClock } from '../../../src/sandbox/clock.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

test('a skip moves the clock and wakes those whose time has come, earliest first', async () => {
  const clock = createSandboxClock();
  const woken: string[] = [];
  void clock.sleep(7_200_000).then(() => woken.push('two hours'));
  void clock.sleep(3_600_000).then(() => woken.push('one hour'));
  const later = clock.sleep(10_800_000).then(() => woken.push('three hours'));
  clock.skip(7_200_000);
  await Promise.resolve();
  expect(woken).toEqual(['one hour', 'two hours']);
  expect(clock.now()).toBe(1_000_000 + 7_200_000);
  expect(clock.skippedMs()).toBe(7_200_000);
  await vi.advanceTimersByTimeAsync(3_599_999);
  expect(woken).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  await later;
  expect(woken).toHaveLength(3);
});

test('real time passes too, beyond what one timer can hold', async () => {
  const clock = createSandboxClock();
  const days = 40 * 86_400_000;
  let woken = false;
  void clock.sleep(days).then(() => (woken = true));
  await vi.advanceTimersByTimeAsync(days - 1);
  expect(woken).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(woken).toBe(true);
});

test('an abort rejects with its reason and leaves no timer', async () => {
  const clock = createSandboxClock();
  const ending = new AbortController();
  const sleeping = clock.sleep(1000, ending.signal);
  ending.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await expect(clock.sleep(0, ending.signal)).rejects.toThrow('enough');
  expect(vi.getTimerCount()).toBe(0);
});

test('nothing to wait for resolves at once; time never goes back', async () => {
  const clock = createSandboxClock();
  await clock.sleep(0);
  expect(() => clock.skip(-1)).toThrow(RangeError);
  expect(() => clock.skip(Number.NaN)).toThrow(RangeError);
});
