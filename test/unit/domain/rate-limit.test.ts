import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFloodGate } from '../../../src/domain/flood.ts';
import { rateRefusal, takeToken } from '../../../src/domain/rate-limit.ts';
import type { Bucket, Past, RateRule } from '../../../src/domain/rate-limit.ts';

const T = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const rule = (more: Partial<RateRule> = {}): RateRule => ({
  of: 'requester',
  counts: 'provisions',
  windowMs: HOUR_MS,
  maxRequests: 3,
  maxWorkers: 10,
  ...more,
});
const minutesAgo = (minutes: number, workers = 1): Past => ({ atMs: T - minutes * 60_000, workers });

describe('what may be asked for within a window', () => {
  it.each([
    ['nothing before', [], 1, {}, undefined],
    ['as many as allowed', [minutesAgo(5), minutesAgo(4)], 1, {}, undefined],
    ['one request too many', [minutesAgo(5), minutesAgo(4), minutesAgo(3)], 1, {}, T + 55 * 60_000],
    ['the oldest has just left the window', [minutesAgo(60), minutesAgo(4), minutesAgo(3)], 1, {}, undefined],
    [
      'the oldest is in it for 1 ms more',
      [{ atMs: T - HOUR_MS + 1, workers: 1 }, minutesAgo(4), minutesAgo(3)],
      1,
      {},
      T + 1,
    ],
    ['as many workers as allowed', [minutesAgo(5, 7)], 3, {}, undefined],
    ['one worker too many', [minutesAgo(5, 7)], 4, {}, T + 55 * 60_000],
    ['room only when two have left', [minutesAgo(5, 6), minutesAgo(50, 4)], 7, {}, T + 55 * 60_000],
    ['more than is ever allowed', [], 11, {}, 'never'],
    ['no limit on requests', [minutesAgo(1), minutesAgo(2), minutesAgo(3)], 1, { maxRequests: undefined }, undefined],
    ['no limit on workers', [minutesAgo(1, 99)], 99, { maxWorkers: undefined }, undefined],
    [
      'from the future (a clock that was set back)',
      [minutesAgo(-5), minutesAgo(-5), minutesAgo(-5)],
      1,
      {},
      T + 65 * 60_000,
    ],
  ] as const)('%s', (_, past, workers, more, expected) => {
    const refusal = rateRefusal(past, workers, rule(more), T);
    expect(refusal === undefined ? undefined : (refusal.retryAtMs ?? 'never')).toBe(expected);
  });

  it('says what the limit is', () => {
    expect(rateRefusal([minutesAgo(5, 9)], 2, rule(), T)?.text).toBe(
      'The limit is 3 requests for workers and 10 workers within 1 h by one requester; 1 with 9 workers were asked for already.',
    );
    expect(rateRefusal([], 11, rule({ of: 'everybody', maxRequests: undefined }), T)?.text).toBe(
      'The limit is 10 workers within 1 h by all together; 11 at once are more than that.',
    );
  });

  const history = fc.array(
    fc.record({ atMs: fc.integer({ min: T - 2 * HOUR_MS, max: T }), workers: fc.integer({ min: 0, max: 10 }) }),
  );
  it('the time that it tells is the first at which the same request is let through', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 12 }), (past, workers) => {
        const refusal = rateRefusal(past, workers, rule(), T);
        if (refusal?.retryAtMs === undefined) return;
        expect(refusal.retryAtMs).toBeGreaterThan(T);
        expect(rateRefusal(past, workers, rule(), refusal.retryAtMs)).toBeUndefined();
        expect(rateRefusal(past, workers, rule(), refusal.retryAtMs - 1)).toBeDefined();
      }),
    );
  });

  it('no window ever holds more than the limit', () => {
    const asks = fc.array(fc.tuple(fc.integer({ min: 0, max: HOUR_MS }), fc.integer({ min: 1, max: 10 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(asks, (steps) => {
        const done: Past[] = [];
        let now = T;
        for (const [waitMs, workers] of steps) {
          now += waitMs;
          if (rateRefusal(done, workers, rule(), now) === undefined) done.push({ atMs: now, workers });
        }
        for (const { atMs: from } of done) {
          const within = done.filter(({ atMs }) => atMs >= from && atMs < from + HOUR_MS);
          expect(within.length).toBeLessThanOrEqual(3);
          expect(within.reduce((sum, { workers }) => sum + workers, 0)).toBeLessThanOrEqual(10);
        }
      }),
    );
  });
});

describe('a bucket', () => {
  const policy = { burst: 3, perMinute: 60 };
  it.each([
    ['a new one', undefined, true],
    ['one that holds one', { tokens: 1, atMs: T }, true],
    ['one that is nearly refilled', { tokens: 0, atMs: T - 999 }, false],
    ['one that is refilled', { tokens: 0, atMs: T - 1000 }, true],
    ['of a clock that was set back', { tokens: 0, atMs: T + HOUR_MS }, false],
  ] as const)('%s', (_, bucket, ok) => expect(takeToken(bucket, policy, T).ok).toBe(ok));

  it('tells when there is one again, and when all are', () => {
    expect(takeToken({ tokens: 0.5, atMs: T }, policy, T)).toMatchObject({ retryAtMs: T + 500, fullAtMs: T + 2500 });
  });

  it('lets through at most a burst and what was refilled, and takes again when it says', () => {
    const waits = fc.array(fc.integer({ min: -2000, max: 2000 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        waits,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 600 }),
        (steps, burst, perMinute) => {
          let bucket: Bucket | undefined;
          let now = T;
          let forwardMs = 0;
          let taken = 0;
          for (const step of steps) {
            now += step;
            forwardMs += Math.max(0, step);
            const answer = takeToken(bucket, { burst, perMinute }, now);
            bucket = answer.bucket;
            expect(bucket.tokens).toBeGreaterThanOrEqual(0);
            expect(bucket.tokens).toBeLessThanOrEqual(burst);
            if (answer.ok) taken += 1;
            else {
              expect(takeToken(bucket, { burst, perMinute }, answer.retryAtMs).ok).toBe(true);
              expect(answer.fullAtMs).toBeGreaterThanOrEqual(answer.retryAtMs);
            }
          }
          expect(taken).toBeLessThanOrEqual(burst + (forwardMs * perMinute) / 60_000 + 1e-6);
        },
      ),
    );
  });
});

describe('a flood', () => {
  it('is told of once, until everything is as usual again; others are not touched', () => {
    const gate = createFloodGate({ burst: 2, perMinute: 60 });
    expect([gate('a', T), gate('a', T)]).toEqual([{ ok: true }, { ok: true }]);
    expect(gate('a', T)).toEqual({ ok: false, tell: true, retryAtMs: T + 2000 });
    expect(gate('a', T + 100)).toMatchObject({ ok: false, tell: false });
    expect(gate('b', T)).toEqual({ ok: true });
    expect(gate('a', T + 1000)).toEqual({ ok: true });
    expect(gate('a', T + 1001)).toMatchObject({ ok: false, tell: false });
    expect(gate('a', T + 4000)).toEqual({ ok: true });
    expect([gate('a', T + 4000), gate('a', T + 4000)]).toMatchObject([{ ok: true }, { ok: false, tell: true }]);
  });

  it('of nobody is refused without a limit', () => {
    const gate = createFloodGate(undefined);
    for (let count = 0; count < 1000; count++) expect(gate('a', T)).toEqual({ ok: true });
  });

  it('of very many askers stays in bounds', () => {
    const gate = createFloodGate({ burst: 1, perMinute: 1 });
    for (let who = 0; who < 25_000; who++) expect(gate(`u${who}`, T).ok).toBe(true);
    expect(gate('u24999', T).ok).toBe(false);
  });
});
