/** Rules between the keys of `approvals`. */
import { expect, it } from 'vitest';
import { load, problemsOf } from './support.ts';

const rules = (...each: string[]): string => `approvals: { rules: [${each.join(', ')}] }`;

it.each<[string, string, RegExp]>([
  ['two of one name', rules('{name: a}', '{name: a}'), /rules\.1\.name.*name of its own/],
  ['a size that there is not', rules('{name: a, sizes: [mediun]}'), /rules\.0\.sizes\.0.*did you mean "medium"/],
  ['more approvers than named', rules('{name: a, needed: 2, approvers: {users: [U0A]}}'), /needed.*at most.*1/],
  ['no time of day', rules('{name: a, between: "18-8"}'), /between.*HH:MM-HH:MM/],
  ['no time zone', 'approvals: { timezone: Mars/Olympus }', /timezone.*Europe\/Berlin/],
  ['an unknown condition', rules('{name: a, more_then: 5}'), /more_then.*unknown key; did you mean "more_than"/],
])('refuses %s', (_, yaml, text) => {
  expect(problemsOf(yaml).message).toMatch(text);
});

it('takes groups for as many as are needed', () => {
  const config = load(rules('{name: a, needed: 3, approvers: {users: [U0A], groups: [ops]}}'));
  expect(config.approvals.rules[0]).toMatchObject({ needed: 3, approvers: { groups: ['ops'] } });
});
