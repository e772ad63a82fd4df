import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeCluster } from '../../../src/domain/cluster-words.ts';
import { parseProvision } from '../../../src/domain/provision-words.ts';
import { nearest } from '../../../src/slack/nearest.ts';

const clusters = ['east', 'west-2'];
const provision = (before: string): boolean => {
  const parsed = parseProvision(before, ['small', 'medium'], nearest);
  return parsed.ok && parsed.value.reason !== undefined;
};

test.each([
  ['burst mine', 'burst mine', undefined],
  ['burst on east mine', 'burst mine', 'east'],
  ['on WEST-2', '', 'west-2'],
  ['abcde, on `east`', 'abcde,', 'east'],
  ['abcde on east on east', 'abcde', 'east'],
])('names: %j', (text, rest, cluster) =>
  expect(takeCluster(text, clusters, nearest)).toEqual({ ok: true, value: { rest, cluster } }),
);

test.each([
  ['2 small on east 4h load test', '2 small 4h load test', 'east'],
  ['on east 2 small 4h load test', '2 small 4h load test', 'east'],
  ['2 small 4h load test on east', '2 small 4h load test', 'east'],
  ['2 small 4h for the sale on friday', '2 small 4h for the sale on friday', undefined],
  ['2 small 4h "what goes on east of here" on west-2', '2 small 4h "what goes on east of here"', 'west-2'],
  ['2 small 4h go on', '2 small 4h go on', undefined],
  ['2 small 4h test on all shops', '2 small 4h test on all shops', undefined],
])('with a reason: %j', (text, rest, cluster) =>
  expect(takeCluster(text, clusters, nearest, provision)).toEqual({ ok: true, value: { rest, cluster } }),
);

test.each([
  ['abcde on', undefined, undefined, /On which cluster\? There are east, west-2/],
  ['burst on eats', undefined, 'burst on east', /no cluster `eats`; there are east, west-2/],
  ['burst on moon', undefined, undefined, /no cluster `moon`/],
  ['a on east on west-2', undefined, undefined, /two clusters/],
  ['2 small on all', provision, undefined, /one cluster at a time/],
  ['abcde on all', undefined, undefined, /one cluster at a time/],
  ['2 small on eats 4h test', provision, '2 small on east 4h test', /no cluster `eats`/],
  ['2 small 4h relies on east coast data', provision, 'on east 2 small 4h relies coast data', /is not clear/],
] as const)('%j is asked about', (text, isFree, suggestion, says) => {
  const parsed = takeCluster(text, clusters, nearest, isFree);
  expect(parsed).toMatchObject({ ok: false, text: expect.stringMatching(says) as string });
  if (!parsed.ok) expect(parsed.suggestion).toBe(suggestion);
});

test('whatever is typed, only a whole `on NAME` is taken out, and nothing else is lost', () => {
  const word = fc.constantFrom('on', 'east', 'west-2', 'on,', 'small', '4h', '"on', 'east"', 'ON', 'x');
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const parsed = takeCluster(words.join(' '), clusters, nearest);
      if (!parsed.ok) return;
      const { rest, cluster } = parsed.value;
      const lost = words.length - rest.split(' ').filter((item) => item !== '').length;
      expect(lost % 2).toBe(0);
      expect(lost > 0).toBe(cluster !== undefined);
    }),
  );
});
