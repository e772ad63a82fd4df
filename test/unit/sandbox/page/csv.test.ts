import { expect, test } from 'vitest';
import { csvRows } from '../../../../src/sandbox/page/client/csv.ts';

test.each([
  [
    'a,b\n1,2\n',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  [
    'a,b\r\n1,2',
    [
      ['a', 'b'],
      ['1', '2'],
    ],
  ],
  ['"a, b","say ""hi""","two\nlines"\n', [['a, b', 'say "hi"', 'two\nlines']]],
  [
    'a,,c\n\n,\n',
    [
      ['a', '', 'c'],
      ['', ''],
    ],
  ],
  ['\ufeffa\n', [['a']]],
  ['', []],
])('%j', (text, rows) => {
  expect(csvRows(text)).toEqual(rows);
});
