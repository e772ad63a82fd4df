import { describe, expect, test } from 'vitest';
import { closedBreaker, failed, isSilence, lookFailed, nextLookMs, reopened } from '../../../src/domain/breaker.ts';
import type { Breaker, BreakerPolicy } from '../../../src/domain/breaker.ts';
import type { ErrorCode } from '../../../src/domain/errors.ts';
import { serverPlan } from '../../../src/domain/server-plan.ts';
import type { ServerEpisode } from '../../../src/domain/server-plan.ts';

const policy: BreakerPolicy = {
  failures: 3,
  spanMs: 2000,
  checkEveryMs: 60_000,
  firstRetryMs: 5000,
  maxRetryMs: 30_000,
};
/** A breaker after failures at these moments. */
const after = (...moments: readonly number[]): Breaker =>
  moments.reduce((breaker, ms) => failed(breaker, ms, `at ${ms}`, policy), closedBreaker(0));

describe('a circuit', () => {
  test.each<[string, Breaker, Breaker['kind']]>([
    ['stays closed while all is well', closedBreaker(0), 'closed'],
    ['stays closed after two failures', after(0, 9000), 'closed'],
    ['opens at the third in a row', after(0, 1000, 3000), 'open'],
    ['stays closed when one cut took all of them', after(0, 1, 1, 2, 2, 3), 'closed'],
    ['opens when the next comes later', after(0, 1, 1, 2, 2000), 'open'],
    [
      'opens at once where one is enough',
      failed(closedBreaker(0), 0, '', { ...policy, failures: 1, spanMs: 0 }),
      'open',
    ],
  ])('%s', (_, breaker, kind) => expect(breaker.kind).toBe(kind));

  test('is open since the first of the failures, and looked at soon', () =>
    expect(after(100, 1000, 3000)).toEqual({
      kind: 'open',
      sinceMs: 100,
      reason: 'at 3000',
      looks: 0,
      nextLookMs: 8000,
    }));

  test('that is open is not moved by a call that was under way', () =>
    expect(failed(after(0, 1000, 3000), 9000, 'late', policy)).toEqual(after(0, 1000, 3000)));

  test('is looked at less and less often, up to a bound', () => {
    const waits: number[] = [];
    let breaker = after(0, 1000, 3000);
    for (let look = 0; look < 6; look += 1) {
      const nowMs = nextLookMs(breaker, policy);
      breaker = lookFailed(breaker, nowMs, 'silent', policy);
      waits.push(nextLookMs(breaker, policy) - nowMs);
    }
    expect(waits).toEqual([10_000, 20_000, 30_000, 30_000, 30_000, 30_000]);
  });

  test.each<[string, Breaker, number]>([
    ['of a server that nobody needed', closedBreaker(1000), 61_000],
    ['after a failure', after(1000), 6000],
    ['after a restart while it was away', reopened(5, 'silent', 7000), 7000],
  ])('the next look %s', (_, breaker, expected) => expect(nextLookMs(breaker, policy)).toBe(expected));

  test.each<[ErrorCode, boolean]>([
    ['unavailable', true],
    ['unknown_outcome', true],
    ['provider_failed', false],
    ['busy', false],
    ['denied', false],
    ['not_found', false],
    ['conflict', false],
    ['safety_violation', false],
  ])('%s counts as silence: %s', (code, expected) => expect(isSilence(code)).toBe(expected));
});

describe('what is told of a server', () => {
  const at = { cluster: 'main', nowMs: 100_000, tellAfterMs: 30_000 };
  const away = (sinceMs: number, reason = 'silent') => ({ server: 'proxmox', sinceMs, reason, nextLookMs: 0 });
  const open = (more: Partial<ServerEpisode> = {}): ServerEpisode => ({
    cluster: 'main',
    server: 'proxmox',
    sinceMs: 60_000,
    reason: 'silent',
    toldAtMs: undefined,
    endedAtMs: undefined,
    ...more,
  });
  test.each<[string, Parameters<typeof serverPlan>, ReturnType<typeof serverPlan>]>([
    ['nothing of one that answers', [undefined, undefined, at], undefined],
    [
      'it is recorded before it is told',
      [undefined, away(99_000), at],
      { tell: false, episode: open({ sinceMs: 99_000 }) },
    ],
    ['told after a while', [open(), away(60_000), at], { tell: true, episode: open({ toldAtMs: 100_000 }) }],
    ['told once', [open({ toldAtMs: 95_000 }), away(60_000), at], undefined],
    [
      'another reason is recorded silently',
      [open({ toldAtMs: 95_000 }), away(60_000, 'refused'), at],
      { tell: false, episode: open({ toldAtMs: 95_000, reason: 'refused' }) },
    ],
    [
      'its return, when its absence was',
      [open({ toldAtMs: 95_000 }), undefined, at],
      { tell: true, episode: open({ toldAtMs: 95_000, endedAtMs: 100_000 }) },
    ],
    ['not its return otherwise', [open(), undefined, at], { tell: false, episode: open({ endedAtMs: 100_000 }) }],
  ])('%s', (_, input, expected) => expect(serverPlan(...input)).toEqual(expected));
});
