import { describe, expect, test } from 'vitest';
import { parseCost, periodOf, periodText } from '../../../src/domain/cost-words.ts';
import type { CostWords } from '../../../src/domain/cost-words.ts';
import { nearest } from '../../../src/slack/nearest.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-03-15T12:00:00Z');
const parse = (text: string) => parseCost(text, ['small', 'medium'], nearest);
const all: CostWords = {
  hours: undefined,
  monthsBack: 0,
  by: 'user',
  user: undefined,
  channel: undefined,
  size: undefined,
};

test.each<[string, Partial<CostWords>]>([
  ['', {}],
  ['30d', { hours: 720 }],
  ['30 days by size', { hours: 720, by: 'size' }],
  ['by sizes, last 2 weeks', { hours: 336, by: 'size' }],
  ['last month per channel', { monthsBack: 1, by: 'channel' }],
  ['this month', {}],
  ['month by cluster', { by: 'cluster' }],
  ['today mine', { hours: 24, user: 'me' }],
  ['the last week of <@U0A|ann> in <#C0A|ops>', { hours: 168, user: 'U0A', channel: 'C0A' }],
  ['<@T0B/U0A|ann> <#T0B/C0A>', { user: 'T0B/U0A', channel: 'T0B/C0A' }],
  ['here Medium', { channel: 'here', size: 'medium' }],
  ['by owner 1d12h', { hours: 36 }],
])('%s', (text, expected) => {
  expect(parse(text)).toEqual({ ok: true, value: { ...all, ...expected } });
});

describe('what is wrong is told, with what may be meant', () => {
  test.each<[string, RegExp, string | undefined]>([
    ['by usr', /does not know `usr`/, 'by user'],
    ['30 by size', /`30` has no unit/, '30d by size'],
    ['mediun', /does not know `mediun`/, 'medium'],
    ['7d 30d', /`30d` is a second period/, undefined],
    ['7d last month', /`last month` is a second period/, undefined],
    ['1000d', /no period that can be shown/, undefined],
    ['5m', /no period that can be shown/, undefined],
    ['xyzzy', /does not know `xyzzy`/, undefined],
  ])('%s', (text, why, suggestion) => {
    const parsed = parse(text);
    if (parsed.ok) throw new Error('it was taken');
    expect(parsed.text).toMatch(why);
    expect(parsed.suggestion).toBe(suggestion);
  });
});

test('periods end now, or with their month', () => {
  const words = (more: Partial<CostWords>): CostWords => ({ ...all, ...more });
  expect(periodOf(words({ hours: 24 }), NOW, 'UTC')).toEqual({ fromMs: NOW - 24 * HOUR, toMs: NOW });
  expect(periodOf(words({}), NOW, 'UTC')).toEqual({ fromMs: Date.parse('2026-03-01T00:00:00Z'), toMs: NOW });
  expect(periodOf(words({ monthsBack: 1 }), NOW, 'Europe/Berlin')).toEqual({
    fromMs: Date.parse('2026-01-31T23:00:00Z'),
    toMs: Date.parse('2026-02-28T23:00:00Z'),
  });
  expect([words({ hours: 720 }), words({}), words({ monthsBack: 1 })].map(periodText)).toEqual([
    'the last 30 d',
    'this month',
    'last month',
  ]);
});
