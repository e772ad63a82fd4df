import { describe, expect, test } from 'vitest';
import { channelAllowed, groupsThatGrant, mayActOn, roleAnswer } from '../../../src/domain/access.ts';
import type { Groups } from '../../../src/domain/access.ts';
import type { AccessPolicy, Role } from '../../../src/domain/policy.ts';

const policy: AccessPolicy = {
  roles: {
    viewer: { users: ['*'], groups: [] },
    operator: { users: ['UOP'], groups: ['S0OPERATORS'] },
    admin: { users: ['UAD'], groups: ['S0ADMINS001'] },
  },
  channels: [],
};
const closed: AccessPolicy = { ...policy, roles: { ...policy.roles, viewer: { users: [], groups: ['viewers'] } } };
const none: Groups = { known: true, memberOf: new Set() };
const inGroup = (group: string): Groups => ({ known: true, memberOf: new Set([group]) });
const failed: Groups = { known: false, why: 'Slack did not answer' };

describe('roles', () => {
  test.each<[AccessPolicy, string, Groups, Role, Role | undefined]>([
    [policy, 'UX', none, 'viewer', 'viewer'],
    [policy, 'UX', none, 'operator', undefined],
    [policy, 'UOP', none, 'operator', 'operator'],
    [policy, 'UOP', none, 'admin', undefined],
    [policy, 'UAD', none, 'operator', 'admin'],
    [policy, 'UX', inGroup('S0OPERATORS'), 'operator', 'operator'],
    [policy, 'UOP', inGroup('S0ADMINS001'), 'operator', 'admin'],
    [policy, 'UX', failed, 'operator', undefined],
    [policy, 'UAD', failed, 'admin', 'admin'],
    [closed, 'UX', none, 'viewer', undefined],
    [closed, 'UX', failed, 'viewer', undefined],
    [closed, 'UOP', none, 'viewer', 'operator'],
  ])('case %#', (access, user, groups, need, role) => {
    const answer = roleAnswer(access, user, groups, need);
    expect(answer.ok ? answer.role : undefined).toBe(role);
  });
  test('a refusal names the missing role, who has it, or why it is not known', () => {
    expect(roleAnswer(policy, 'UX', none, 'admin')).toMatchObject({
      text: expect.stringContaining('role admin') as string,
      hint: expect.stringContaining('<!subteam^S0ADMINS001>') as string,
    });
    expect(roleAnswer(policy, 'UX', failed, 'admin')).toMatchObject({
      text: expect.stringContaining('Slack did not answer') as string,
    });
  });
  test('groups of higher roles grant the lower ones', () => {
    expect(groupsThatGrant(policy, 'operator')).toEqual(['S0OPERATORS', 'S0ADMINS001']);
    expect(groupsThatGrant(policy, 'admin')).toEqual(['S0ADMINS001']);
  });
});

test.each<[Role, string | undefined, boolean]>([
  ['viewer', 'U1', false],
  ['operator', 'U1', true],
  ['operator', 'U2', false],
  ['operator', undefined, false],
  ['admin', 'U2', true],
  ['admin', undefined, true],
])('%s on a worker of %s: %s', (role, owner, may) => expect(mayActOn(role, 'U1', owner)).toBe(may));

test('channels limit only when there are any', () => {
  expect(channelAllowed(policy, 'C1')).toBe(true);
  expect(channelAllowed({ ...policy, channels: ['C1'] }, 'C1')).toBe(true);
  expect(channelAllowed({ ...policy, channels: ['C1'] }, 'C2')).toBe(false);
  expect(channelAllowed({ ...policy, channels: ['C1'] }, undefined)).toBe(false);
  expect(channelAllowed(policy, undefined)).toBe(true);
});
