import { microsOf, moneyOf } from '../../../src/domain/money.ts';
import { describe, expect, test } from 'vitest';
import {
  ASSISTANT_RULE,
  approversOf,
  approversText,
  isComplete,
  lacking,
  ruleText,
  rulesFor,
  standingOf,
} from '../../../src/domain/approval.ts';
import type { ApprovalFacts, ApprovalPolicy, ApprovalRule, AskedRule, Decision } from '../../../src/domain/approval.ts';
import type { Groups } from '../../../src/domain/access.ts';
import type { Actor } from '../../../src/domain/operation.ts';

const none: ApprovalRule = {
  name: 'r',
  actions: [],
  moreThan: undefined,
  longerThanHours: undefined,
  costAbove: undefined,
  sizes: [],
  others: false,
  channels: [],
  clusters: [],
  between: undefined,
  days: [],
  approvers: { users: [], groups: [] },
  needed: 1,
  self: false,
  channelId: undefined,
  expiresMs: undefined,
};
const policy = (...rules: Partial<ApprovalRule>[]): ApprovalPolicy => ({
  channelId: undefined,
  expiresMs: 1,
  remindBeforeMs: 0,
  timezone: 'UTC',
  rules: rules.map((rule) => ({ ...none, ...rule })),
});
/** A Wednesday, 12:00 UTC. */
const NOON = Date.UTC(2026, 0, 7, 12);
const facts: ApprovalFacts = {
  actions: ['provision'],
  cluster: 'main',
  channelId: 'C1',
  count: 3,
  sizes: ['small'],
  hours: 24,
  others: false,
  nowMs: NOON,
};
const usd = (amount: number) => moneyOf('USD', microsOf(amount) ?? NaN);
const at = (hour: number, minute = 0): Partial<ApprovalFacts> => ({ nowMs: Date.UTC(2026, 0, 7, hour, minute) });
const night = { between: { from: 18 * 60, to: 8 * 60 } };
const day = { between: { from: 8 * 60, to: 18 * 60 } };

describe('which rules match', () => {
  test.each<[string, Partial<ApprovalRule>, Partial<ApprovalFacts>, boolean]>([
    ['a rule without conditions', {}, {}, true],
    ['its action', { actions: ['provision'] }, {}, true],
    ['another action', { actions: ['drain'] }, {}, false],
    ['force is a destroy too', { actions: ['destroy'] }, { actions: ['destroy', 'force'] }, true],
    ['a destroy is not force', { actions: ['force'] }, { actions: ['destroy'] }, false],
    ['as many as allowed', { moreThan: 3 }, {}, false],
    ['one more', { moreThan: 2 }, {}, true],
    ['as long as allowed', { longerThanHours: 24 }, {}, false],
    ['longer', { longerThanHours: 23 }, {}, true],
    ['no time at all', { longerThanHours: 1 }, { actions: ['drain'], hours: 0 }, false],
    ['its size', { sizes: ['xlarge', 'small'] }, {}, true],
    ['another size', { sizes: ['xlarge'] }, {}, false],
    ['one of several workers has the size', { sizes: ['xlarge'] }, { sizes: ['small', 'xlarge'] }, true],
    ['a size that is not known', { sizes: ['xlarge'] }, { sizes: [undefined] }, true],
    ['own worker', { others: true }, {}, false],
    ["another's worker", { others: true }, { others: true }, true],
    ['its channel', { channels: ['C1'] }, {}, true],
    ['another channel', { channels: ['C2'] }, {}, false],
    ['no channel is each', { channels: ['C2'] }, { channelId: undefined }, true],
    ['its cluster', { clusters: ['main'] }, {}, true],
    ['another cluster', { clusters: ['west'] }, {}, false],
    ['cost within', { costAbove: usd(10) }, { cost: usd(10) }, false],
    ['cost above', { costAbove: usd(10) }, { cost: usd(10.01) }, true],
    ['no cost at all', { costAbove: usd(0) }, { cost: usd(0) }, false],
    ['another currency', { costAbove: usd(10) }, { cost: { ...usd(1), currency: 'EUR' } }, true],
    ['a cost that is not known', { costAbove: usd(10) }, {}, true],
    ['noon is no night', night, {}, false],
    ['the night begins', night, at(18), true],
    ['after midnight', night, at(0, 1), true],
    ['the night ends', night, at(8), false],
    ['noon is day', day, {}, true],
    ['the last minute of the day', day, at(17, 59), true],
    ['the day is over', day, at(18), false],
    ['a Wednesday', { days: ['wed'] }, {}, true],
    ['no Saturday', { days: ['sat', 'sun'] }, {}, false],
    ['all conditions', { actions: ['provision'], moreThan: 2, sizes: ['small'], ...day, days: ['wed'] }, {}, true],
    ['all but one', { actions: ['provision'], moreThan: 2, sizes: ['small'], ...night, days: ['wed'] }, {}, false],
  ])('%s', (_, rule, more, expected) => {
    expect(rulesFor(policy(rule), { ...facts, ...more }).length === 1).toBe(expected);
  });

  test('times are of the configured zone, over its date line too', () => {
    const tokyo = { ...policy({ between: { from: 0, to: 60 }, days: ['thu'] }), timezone: 'Asia/Tokyo' };
    expect(rulesFor(tokyo, { ...facts, ...at(15, 30) })).toHaveLength(1);
    expect(rulesFor(tokyo, { ...facts, ...at(0, 30) })).toHaveLength(0);
  });
  test('every rule that matches has its say', () => {
    const both = policy({ name: 'a' }, { name: 'b', moreThan: 1 }, { name: 'c', moreThan: 9 });
    expect(rulesFor(both, facts).map(({ name }) => name)).toEqual(['a', 'b']);
  });
  test('a rule says its conditions', () => {
    expect(ruleText({ ...none, name: 'big', actions: ['provision'], moreThan: 5, ...night })).toBe(
      'rule big: provision, more than 5 workers, between 18:00 and 08:00',
    );
  });
});

describe('who may approve', () => {
  const olga: Actor = { kind: 'slack', userId: 'UOLGA' };
  const bot: Actor = { kind: 'assistant', name: 'bot', userId: 'UOLGA' };
  const rule = (name: string, self = false, needed = 1): AskedRule => ({ name, needed, self });
  const approvers = (name: string) =>
    ({ users: { users: ['UADA', 'UOLGA'], groups: [] }, group: { users: [], groups: ['ops'] } })[name] ?? {
      users: [],
      groups: [],
    };
  const no: Groups = { known: true, memberOf: new Set() };
  const ops: Groups = { known: true, memberOf: new Set(['ops']) };
  const failed: Groups = { known: false, why: 'Slack did not answer' };
  test.each<[string, readonly AskedRule[], Actor, string, Groups, readonly string[] | 'self' | 'no']>([
    ['a user who is named', [rule('users')], olga, 'UADA', no, ['users']],
    ['a user who is not', [rule('users')], olga, 'UEVE', ops, 'no'],
    ['a member of the group', [rule('group')], olga, 'UEVE', ops, ['group']],
    ['a group that could not be looked up', [rule('group')], olga, 'UEVE', failed, 'no'],
    ['named, whatever the look-up', [rule('users'), rule('group')], olga, 'UADA', failed, ['users']],
    ['their own request', [rule('users')], olga, 'UOLGA', no, 'self'],
    ['their own request, where that is allowed', [rule('users', true)], olga, 'UOLGA', no, ['users']],
    [
      'their own by one rule, where the other allows it',
      [rule('users'), rule('group', true)],
      olga,
      'UOLGA',
      ops,
      ['group'],
    ],
    ["their assistant's request", [rule('users')], bot, 'UOLGA', no, 'self'],
    ['nobody is named', [rule('other')], olga, 'UADA', ops, 'no'],
  ])('%s', (_, rules, requester, user, groups, expected) => {
    const answer = standingOf({ rules, requester }, approvers, user, groups);
    expect(answer.ok ? answer.rules : answer.self ? 'self' : 'no').toEqual(expected);
  });

  test('a rule without approvers, and what no rule speaks of, are the admins', () => {
    const admins = { users: ['UADA'], groups: [] };
    const own = { users: [], groups: ['ops'] };
    const rules = policy({ name: 'own', approvers: own }, { name: 'open' });
    expect(approversOf(rules, admins, 'own')).toEqual(own);
    expect(approversOf(rules, admins, 'open')).toEqual(admins);
    expect(approversOf(rules, admins, ASSISTANT_RULE.name)).toEqual(admins);
    expect(approversText([own, admins, { users: ['*'], groups: ['S0ABCDEFG'] }])).toBe(
      '@ops, <@UADA>, <!subteam^S0ABCDEFG>, anybody',
    );
  });

  const decision = (userId: string, rules: string[], verdict: 'approve' | 'deny' = 'approve'): Decision => ({
    by: { kind: 'slack', userId },
    verdict,
    reason: '',
    rules,
    atMs: 0,
  });
  test.each<[readonly AskedRule[], readonly Decision[], boolean]>([
    [[rule('a')], [], false],
    [[rule('a')], [decision('U1', ['a'])], true],
    [[rule('a')], [decision('U1', ['b'])], false],
    [[rule('a')], [decision('U1', ['a'], 'deny')], false],
    [[rule('a', false, 2)], [decision('U1', ['a'])], false],
    [[rule('a', false, 2)], [decision('U1', ['a']), decision('U2', ['a'])], true],
    [[rule('a'), rule('b')], [decision('U1', ['a'])], false],
    [[rule('a'), rule('b')], [decision('U1', ['a', 'b'])], true],
    [[rule('a'), rule('b')], [decision('U1', ['a']), decision('U2', ['b'])], true],
    [[], [decision('U1', ['a'])], false],
  ])('enough? case %#', (rules, decisions, expected) => {
    expect(isComplete(rules, decisions)).toBe(expected);
    if (rules.length > 0) expect(rules.every((one) => lacking(one, decisions) === 0)).toBe(expected);
  });
});
