import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseHours } from '../../../src/domain/duration.ts';
import { parseProvision } from '../../../src/domain/provision-words.ts';
import { namesOf, parseList, parseNamesAndHours, splitCommand } from '../../../src/domain/words.ts';
import { nearest } from '../../../src/slack/nearest.ts';

const sizes = ['small', 'medium', 'large'];
test.each([
  ['3 medium 24h', { count: 3, size: 'medium', ttlHours: 24 }],
  ['24h medium 3', { count: 3, size: 'medium', ttlHours: 24 }],
  ['MEDIUM 2d', { size: 'medium', ttlHours: 48 }],
  ['2x large', { count: 2, size: 'large' }],
  ['99999999999999999999 small', { count: Number.MAX_SAFE_INTEGER, size: 'small' }],
  ['3 small 2 days', { count: 3, size: 'small', ttlHours: 48 }],
  ['3 medium 24h load test of 5 shops', { count: 3, size: 'medium', ttlHours: 24, reason: 'load test of 5 shops' }],
  ['2 medium 4h "for the demo"', { count: 2, size: 'medium', ttlHours: 4, reason: 'for the demo' }],
  ['1 medium 4h reason: demo', { count: 1, size: 'medium', ttlHours: 4, reason: 'demo' }],
  ['3 medium 1d 12h', { count: 3, size: 'medium', ttlHours: 36 }],
  ['3 medium 24h 2y plan', { count: 3, size: 'medium', ttlHours: 24, reason: '2y plan' }],
  ['3 medium 24h 5 shops', { count: 3, size: 'medium', ttlHours: 24, reason: '5 shops' }],
  ['three mediums for a day', { count: 3, size: 'medium', ttlHours: 24 }],
  ['3 medium workers for 2 days load test', { count: 3, size: 'medium', ttlHours: 48, reason: 'load test' }],
  ['please 2 new workers of size large, 1w', { count: 2, size: 'large', ttlHours: 168 }],
  ['a large for two weeks', { count: 1, size: 'large', ttlHours: 336 }],
  ['3xsmall 1,5d', { count: 3, size: 'small', ttlHours: 36 }],
  ['x3 smalls 24 hours', { count: 3, size: 'small', ttlHours: 24 }],
  ['3 x medium 24h', { count: 3, size: 'medium', ttlHours: 24 }],
  ['"load test" 24h 3 medium', { count: 3, size: 'medium', ttlHours: 24, reason: 'load test' }],
  ['24h reason: "of 3 large shops" 3 medium', { count: 3, size: 'medium', ttlHours: 24, reason: 'of 3 large shops' }],
  ['medium 24h for 3 shops', { size: 'medium', ttlHours: 24, reason: '3 shops' }],
  ['medium 24h one more test', { size: 'medium', ttlHours: 24, reason: 'one more test' }],
  ['3 medium 24h new release and more', { count: 3, size: 'medium', ttlHours: 24, reason: 'new release and more' }],
  ['workers', {}],
  ['', {}],
])('provision %j', (text, value) => expect(parseProvision(text, sizes, nearest)).toEqual({ ok: true, value }));

test.each([
  ['3 medum 24h', '3 medium 24h'],
  ['training 3 medium 24h', undefined],
  ['-3 medium', undefined],
  ['3 medium 24', '3 medium 24h'],
  ['1 small 0h', undefined],
  ['1 small 99999999d', undefined],
  ['3 medium 3rd try', undefined],
  ['3 meduims 24h', '3 medium 24h'],
  ['3 medium 24huors', '3 medium 24hours'],
  ['3 medium 2dyas', '3 medium 2days'],
  ['3 medium 1.5h demo', '3 medium 2h demo'],
  ['2 small 90min "big demo"', '2 small 2h "big demo"'],
  ['load test 3 medium 24h', '3 medium 24h load test'],
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
  ['a for 3 days', { names: ['a'], hours: 72 }],
  ['a a', { names: ['a'] }],
  ['abcde 24', { names: ['abcde'], hours: 24 }],
  ['24 abcde', { names: ['abcde'], hours: 24 }],
  ['abcde 1d 12h', { names: ['abcde'], hours: 36 }],
  ['1d12h abcde', { names: ['abcde'], hours: 36 }],
  ['abcde 1,5d', { names: ['abcde'], hours: 36 }],
  ['abcde +4h', { names: ['abcde'], hours: 4 }],
  ['abcde 2 w', { names: ['abcde'], hours: 336 }],
  ['`burst-medium-abcde` "24h"', { names: ['burst-medium-abcde'], hours: 24 }],
  ['24', { names: [], hours: 24 }],
  ['22345 4h', { names: ['22345'], hours: 4 }],
  ['2abcd', { names: ['2abcd'] }],
  ['', { names: [] }],
])('names and hours of %j', (text, value) => expect(parseNamesAndHours(text)).toEqual({ ok: true, value }));

test.each([
  'abcde 12h 24',
  'abcde 24 36',
  '12h abcde 24h',
  'abcde 0h',
  'abcde -2h',
  'abcde 0',
  'abcde 2y',
  'abcde 12h30',
])('names and hours of %j are asked about', (text) =>
  expect(parseNamesAndHours(text)).toMatchObject({ ok: false, text: expect.stringContaining('`') as string }),
);

const durations: readonly (readonly [string, number])[] = [
  ['12h', 12],
  ['1d12h', 36],
  ['1d 12h', 36],
  ['2 days', 48],
  ['24', 24],
  ['for 4 h', 4],
  ['+90min', 1.5],
];
test('a duration is never taken for a name, wherever it stands', () => {
  const name = fc.stringMatching(/^burst-[a-z]{1,8}-[a-z2-7]{5}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 4 }), fc.constantFrom(...durations), fc.nat(4), (names, time, at) => {
      const [typed, hours] = time;
      const words = [...names.slice(0, at), typed, ...names.slice(at)].join(' ');
      expect(parseNamesAndHours(words)).toEqual({ ok: true, value: { names, hours } });
    }),
  );
});
test('whatever is typed, nothing throws and what is a duration is no name', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom(
      '12h',
      '24',
      '1d',
      'h',
      'by',
      'medium',
      '-3',
      '3x',
      '"',
      'mine',
      '0h',
      '1.5d',
      ',',
      '<@U1>',
      'a',
      'three',
      'for',
      'days',
      'x',
      'workers',
      'size',
      '“',
      'reason:',
      '3xmedium',
    ),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), (words) => {
      const text = words.join(' ');
      parseList(text, nearest, sizes);
      namesOf(text);
      splitCommand(text);
      const provision = parseProvision(text, sizes, nearest);
      if (provision.ok && provision.value.count !== undefined)
        expect(Number.isInteger(provision.value.count)).toBe(true);
      const parsed = parseNamesAndHours(text);
      if (!parsed.ok) return;
      for (const name of parsed.value.names) expect([name, parseHours(name)]).toEqual([name, undefined]);
      expect(parsed.value.hours ?? 1).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

const permutations = <T>(items: readonly T[]): T[][] =>
  items.length < 2
    ? [[...items]]
    : items.flatMap((item, at) =>
        permutations(items.filter((_, index) => index !== at)).map((rest) => [item, ...rest]),
      );

test('any order of the words of a valid command is the same command', () => {
  const form = fc.record({
    count: fc.constantFrom('3', '3x', 'x3', 'three', 'Three'),
    size: fc.constantFrom('medium', 'MEDIUM', 'mediums', 'size medium', 'of size medium'),
    ttl: fc.constantFrom('24h', '1d', '24 hours', 'a day', 'for 24h', '1 day', '12h 12h', 'for one day'),
    reason: fc.constantFrom('"load test"', '“load test”', 'reason: "load test"'),
    noise: fc.constantFrom('please', 'workers', 'nodes', 'new workers'),
  });
  const value = { count: 3, size: 'medium', ttlHours: 24, reason: 'load test' };
  fc.assert(
    fc.property(form, (words) => {
      for (const order of permutations(Object.values(words)))
        expect([order, parseProvision(order.join(' '), sizes, nearest)]).toEqual([order, { ok: true, value }]);
    }),
    { numRuns: 60 },
  );
  const listed = fc.record({
    type: fc.constantFrom('burst', 'Burst'),
    status: fc.constantFrom('not ready', 'not_ready', 'unready', 'not-ready'),
    size: fc.constantFrom('small', 'smalls'),
    mine: fc.constantFrom('mine', 'my'),
    noise: fc.constantFrom('workers', 'nodes', 'all the', 'please'),
  });
  fc.assert(
    fc.property(listed, (words) => {
      for (const order of permutations(Object.values(words)))
        expect([order, parseList(order.join(' '), nearest, sizes)]).toEqual([
          order,
          { ok: true, value: { type: 'burst', status: 'not_ready', size: 'small', mine: true } },
        ]);
    }),
    { numRuns: 20 },
  );
});

test.each([
  ['the worker abcde and fghij, please', ['abcde', 'fghij']],
  ['worker', ['worker']],
  ['worker worker-1', ['worker-1']],
])('names in %j', (text, names) => expect(namesOf(text)).toEqual(names));

test('the first word is the command', () => {
  expect(splitCommand('  Provision 3 Medium ')).toEqual({ name: 'provision', rest: '3 Medium' });
  expect(splitCommand('')).toEqual({ name: '', rest: '' });
});
