import { expect, test } from 'vitest';
import { parseMrkdwn } from '../../../src/sandbox/page/client/mrkdwn.ts';
import { BurstError } from '../../../src/domain/errors.ts';
import { errorMessage } from '../../../src/slack/blocks/errors.ts';
import { operationMessage } from '../../../src/slack/blocks/operation.ts';
import { code, foreign, literal } from '../../../src/slack/blocks/text.ts';
import { T, operation, run } from './fixtures.ts';

/** What a reader sees, and how it is formatted. */
function shown(mrkdwn: string): { text: string; formats: readonly string[] } {
  const formats: string[] = [];
  const textOf = (part: unknown): string => {
    if (Array.isArray(part)) return part.map(textOf).join('');
    const { type, text, children } = part as { type: string; text?: string; children?: unknown };
    if (type !== 'text' && type !== 'paragraph') formats.push(type);
    return text ?? textOf(children ?? []);
  };
  return { text: textOf(parseMrkdwn(mrkdwn)), formats };
}

test.each([
  '*x*',
  '_x_',
  '~x~',
  '`x`',
  '```x```',
  '*bold* and _italic_ and ~struck~ and `code`',
  'a *b* c, (_d_) "~e~"',
  '**x** __x__ ~~x~~ ***',
  '*_~`x`~_*',
  'load_test_run 3*4*5 v1~rc1',
  '*.example.com and ~/x and _test',
  '<!channel> & <@U123> *x*',
  'ünïcödé_ok _ünï_ *é*',
])('%s is shown as it was typed', (typed) => {
  expect(shown(`Reason: ${foreign(typed)} *end*`)).toEqual({ text: `Reason: ${typed} end`, formats: ['bold'] });
});

test('a quote at the start stays text; the soft hyphen before it has no width', () => {
  expect(shown(foreign('> not a quote'))).toEqual({ text: '\u00AD> not a quote', formats: [] });
  expect(foreign('a > b')).toBe('a &gt; b');
});

test('names and numbers that nothing would format are sent as they are', () => {
  for (const name of ['burst-medium-aaaaa', 'load_test_run', 'a*b', 'kube-system/coredns-7d9'])
    expect(foreign(name)).toBe(name);
});

test('code is formatted as code alone, whatever is in it', () => {
  expect(shown(code('*x* _y_'))).toEqual({ text: '*x* _y_', formats: ['code'] });
  expect(shown(code('a`b'))).toEqual({ text: "a'b", formats: ['code'] });
});

test('a reason, a failure and an error show what was typed', () => {
  const message = operationMessage(
    operation({ kind: 'drain', workers: ['n'], permanent: false }, { reason: '*big* _load_' }),
    [run('n')],
    T,
  );
  expect(shown(message.text).text).toContain('*big* _load_');
  const error = errorMessage(new BurstError('not_found', 'There is no worker *x*.', { left: 'As _it_ was.' }));
  expect(shown(error.text)).toMatchObject({ text: expect.stringContaining('no worker *x*.\nAs _it_ was.') as string });
  const named = errorMessage(new BurstError('invalid_input', 'There is no size `s_m_`, only *these*.'));
  expect(shown(named.text)).toMatchObject({ text: expect.stringContaining('no size s_m_, only *these*.') as string });
  expect(shown(literal('one\ntwo')).text).toBe('one\ntwo');
});
