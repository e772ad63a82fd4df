import { describe, expect, test } from 'vitest';
import { parseAudit } from '../../../src/domain/audit-words.ts';

const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const none = { actions: [], outcomes: [], steps: false, asFile: false };
const read = (text: string) => parseAudit(text, 'UME', NOW);

describe('the words of audit, in any order', () => {
  const cases: readonly (readonly [string, object])[] = [
    ['', {}],
    ['7d', { sinceMs: NOW - 7 * DAY }],
    ['last 7 days', { sinceMs: NOW - 7 * DAY }],
    ['since 2026-11-01', { sinceMs: Date.parse('2026-11-01T00:00:00Z') }],
    ['<@U0OPERATOR1|olga> 24h', { person: 'U0OPERATOR1', sinceMs: NOW - DAY }],
    ['<@U0OPERATOR1>', { person: 'U0OPERATOR1' }],
    ['me', { person: 'UME' }],
    ['by claude', { by: 'claude' }],
    ['by <@U1>', { person: 'U1' }],
    ['abcde destroy failed', { name: 'abcde', actions: ['destroy', 'remove-worker'], outcomes: ['failed'] }],
    [
      'Failed Destroys of burst-small-abcde, 2d',
      {
        name: 'burst-small-abcde',
        actions: ['destroy', 'remove-worker'],
        outcomes: ['failed'],
        sinceMs: NOW - 2 * DAY,
      },
    ],
    ['`burst-small-abcde` steps', { name: 'burst-small-abcde', steps: true }],
    ['export refusals 30d', { asFile: true, outcomes: ['refused'], sinceMs: NOW - 30 * DAY }],
    ['installs', { actions: ['install'] }],
    ['approvals denied', { actions: ['approval', 'approval'] }],
  ];
  test.each(cases)('%s', (text, value) => {
    expect(read(text)).toEqual({ ok: true, value: { ...none, ...value } });
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['7d 2d', /a second time/],
    ['7', /no unit/],
    ['<@U1> <@U2>', /Two people/],
    ['@olga', /nobody that Slack knows/],
    ['by', /By whom/],
    ['abc def', /neither times, people nor actions/],
  ];
  test.each(wrong)('%s is refused', (text, message) => {
    const answer = read(text);
    expect(answer.ok ? '' : answer.text).toMatch(message);
  });
});
