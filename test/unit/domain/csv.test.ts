import { expect, test } from 'vitest';
import { csvField, csvOf } from '../../../src/domain/csv.ts';

test.each<[string | number, string]>([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ['two\nlines', '"two\nlines"'],
  ['=1+1', `"'=1+1"`],
  ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
  ['+1', `"'+1"`],
  ['-1', `"'-1"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  ['\t=1', `"'\t=1"`],
  ['\r=1', `"'\r=1"`],
  ['|calc', `"'|calc"`],
  ['a=1', 'a=1'],
  [-1.5, '-1.5'],
  ['', ''],
])('%j is written %s', (value, expected) => {
  expect(csvField(value)).toBe(expected);
});

test('lines end as RFC 4180 says', () => {
  expect(
    csvOf([
      ['a', 1],
      ['b', 2],
    ]),
  ).toBe('a,1\r\nb,2\r\n');
});
