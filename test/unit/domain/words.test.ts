import { expect, test } from 'vitest';
import { parseList, parseNamesAndHours, parseProvision, splitCommand } from '../../../src/domain/words.ts';
import { nearest } from '../../../src/slack/nearest.ts';

const sizes = ['small', 'medium', 'large'];
test.each([
  ['3 medium 24h', { count: 3, size: 'medium', ttlHours: 24 }],
  ['24h medium 3', { count: 3, size: 'medium', ttlHours: 24 }],
  ['MEDIUM 2d', { size: 'medium', ttlHours: 48 }],
  ['2x large', { count: 2, size: 'large' }],
  ['3 small 2 days', { count: 3, size: 'small', ttlHours: 48 }],
  ['3 medium 24h load test of 5 shops', { count: 3, size: 'medium', ttlHours: 24, reason: 'load test of 5 shops' }],
  ['2 medium 4h "for the demo"', { count: 2, size: 'medium', ttlHours: 4, reason: 'for the demo' }],
  ['1 medium 4h reason: demo', { count: 1, size: 'medium', ttlHours: 4, reason: 'demo' }],
  ['', {}],
])('provision %j', (text, value) => expect(parseProvision(text, sizes, nearest)).toEqual({ ok: true, value }));

test.each([
  ['3 medum 24h', '3 medium 24h'],
  ['training 3 medium 24h', undefined],
  ['-3 medium', undefined],
])('provision %j is asked about', (text, suggestion) => {
  const parsed = parseProvision(text, sizes, nearest);
  expect(parsed.ok).toBe(false);
  if (!parsed.ok && suggestion !== undefined) expect(parsed.suggestion).toBe(suggestion);
});

test.each([
  ['', { mine: false }],
  ['mine burst', { mine: true, type: 'burst' }],
  ['not ready', { mine: false, status: 'not_ready' }],
  ['Draining permanent', { mine: false, status: 'draining', type: 'permanent' }],
])('list %j', (text, value) => expect(parseList(text, nearest)).toEqual({ ok: true, value }));
test('a mistaken word of list gets the nearest', () =>
  expect(parseList('burst drainig', nearest)).toMatchObject({ ok: false, suggestion: 'burst draining' }));

test.each([
  ['a 12h', { names: ['a'], hours: 12 }],
  ['12 h a, b', { names: ['a', 'b'], hours: 12 }],
  ['a by 2d', { names: ['a'], hours: 48 }],
  ['a a', { names: ['a'] }],
])('names and hours of %j', (text, value) => expect(parseNamesAndHours(text)).toEqual(value));

test('the first word is the command', () => {
  expect(splitCommand('  Provision 3 Medium ')).toEqual({ name: 'provision', rest: '3 Medium' });
  expect(splitCommand('')).toEqual({ name: '', rest: '' });
});
