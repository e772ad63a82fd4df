import { describe, expect, it } from 'vitest';
import { takeover } from '../../../src/domain/inbox.ts';

const MINUTE_MS = 60_000;
const T = 1_800_000_000_000;

describe('what becomes of a request that another process acknowledged', () => {
  it.each([
    ['just now', { minutes: 0, tries: 1 }, 'serve'],
    ['as long as Slack takes an answer', { minutes: 30, tries: 1 }, 'serve'],
    ['longer ago', { minutes: 31, tries: 1 }, 'too_late'],
    ['begun twice', { minutes: 1, tries: 2 }, 'serve'],
    ['it took three processes down', { minutes: 1, tries: 3 }, 'given_up'],
    ['both', { minutes: 99, tries: 4 }, 'given_up'],
    ['a clock that was set back', { minutes: -5, tries: 1 }, 'serve'],
  ] as const)('%s', (_, { minutes, tries }, expected) => {
    expect(takeover({ receivedAtMs: T - minutes * MINUTE_MS, tries }, T)).toBe(expected);
  });
});
