/** Ids at the border to Slack, whose token is used, and tokens at rest. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isNamed, joinId, splitId } from '../../../src/domain/workspace-ids.ts';
import { roleOfUser } from '../../../src/domain/access.ts';
import type { Clients } from '../../../src/slack/clients.ts';
import { installationOf, qualified, shownTo } from '../../../src/slack/workspaces/ids.ts';
import { WorkspaceGone, createRouter } from '../../../src/slack/workspaces/router.ts';
import { createSeals } from '../../../src/slack/workspaces/sealing.ts';
import { createStates } from '../../../src/slack/workspaces/state.ts';
import { openStore } from '../../../src/store/index.ts';
import { T, clock, countingIds } from '../store/fixtures.ts';

describe('an id', () => {
  test('carries its workspace, once', () => {
    expect(joinId('T0A', 'U1')).toBe('T0A/U1');
    expect(joinId('T0A', 'T0B/U1')).toBe('T0B/U1');
    expect(joinId(undefined, 'U1')).toBe('U1');
    expect(splitId('E0A/C1')).toEqual({ workspace: 'E0A', id: 'C1' });
    expect(splitId('a/b')).toEqual({ workspace: undefined, id: 'a/b' });
  });
  const named: readonly (readonly [string, string, boolean])[] = [
    ['U1', 'U1', true],
    ['U1', 'T0A/U1', false],
    ['T0A/U1', 'U1', false],
    ['T0A/U1', 'T0B/U1', false],
    ['*', 'U1', true],
    ['*', 'T0A/U1', false],
    ['T0A/*', 'T0A/U1', true],
    ['T0A/*', 'T0B/U1', false],
  ];
  test.each(named)('%s names %s: %s', (entry, userId, is) => {
    expect(isNamed(entry, userId)).toBe(is);
    const nobody = { users: [], groups: [] };
    const roles = { viewer: nobody, operator: nobody, admin: { users: [entry], groups: [] } };
    expect(roleOfUser({ roles, channels: [] }, userId)).toBe(is ? 'admin' : undefined);
  });
});

describe('a request', () => {
  const bodies: readonly (readonly [string, object, string | undefined])[] = [
    ['a command', { team_id: 'T0A', is_enterprise_install: 'false', enterprise_id: 'E0A' }, 'T0A'],
    ['a command by an organisation', { team_id: 'T0A', is_enterprise_install: 'true', enterprise_id: 'E0A' }, 'E0A'],
    ['a click', { team: { id: 'T0A' }, enterprise: null, is_enterprise_install: false }, 'T0A'],
    ['a click by an organisation', { team: null, enterprise: { id: 'E0A' }, is_enterprise_install: true }, 'E0A'],
    [
      'an event',
      { team_id: 'T0B', authorizations: [{ team_id: 'T0A', enterprise_id: null, is_enterprise_install: false }] },
      'T0A',
    ],
    [
      'an event by an organisation',
      { team_id: 'T0B', authorizations: [{ team_id: 'T0A', enterprise_id: 'E0A', is_enterprise_install: true }] },
      'E0A',
    ],
    ['nothing', {}, undefined],
  ];
  test.each(bodies)('%s is of its installation', (_name, body, key) => expect(installationOf(body)).toBe(key));

  test('has its ids with the workspace in front, the same when it is read twice', () => {
    const body = {
      command: '/burst',
      team_id: 'T0A',
      user_id: 'U1',
      channel_id: 'C1',
      trigger_id: '1.2',
      text: 'audit <@U2|olga> &lt;@U3&gt; <#C4|x> a<b',
    };
    const once = qualified(body, 'T0A');
    expect(once).toEqual({
      ...body,
      user_id: 'T0A/U1',
      channel_id: 'T0A/C1',
      trigger_id: 'T0A/1.2',
      text: 'audit <@T0A/U2|olga> &lt;@T0A/U3&gt; <#T0A/C4|x> a<b',
    });
    expect(qualified(once, 'T0A')).toEqual(once);
    expect(qualified(body, undefined)).toBe(body);
    const click = {
      user: { id: 'U1', team_id: 'T0A' },
      channel: { id: 'D1' },
      view: { id: 'V1', private_metadata: '{}' },
      event: { user: 'U1' },
    };
    expect(qualified(click, 'T0A')).toMatchObject({
      user: { id: 'T0A/U1' },
      channel: { id: 'T0A/D1' },
      view: { id: 'T0A/V1' },
      event: { user: 'T0A/U1' },
    });
    const guest = qualified({ user: { id: 'U1', team_id: 'T0B' } }, 'T0A');
    expect(guest.user.id, 'from elsewhere in a shared channel').toBe('T0B/U1');
  });
});

test('people are mentioned in their own workspace, and named elsewhere', () => {
  const message = {
    text: '<@T0A/U1>, <@U2>, <#T0A/C1>, <!date^1^x|y>',
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: 'by <@T0B/U3>' } },
      { type: 'user', user_id: 'T0A/U1' },
      { type: 'button', value: '<@T0A/U1>', action_id: 'a' },
    ],
  };
  expect(shownTo(message, 'T0A')).toEqual({
    text: '<@U1>, U2, <#C1>, <!date^1^x|y>',
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: 'by U3 (T0B)' } },
      { type: 'user', user_id: 'U1' },
      { type: 'button', value: '<@T0A/U1>', action_id: 'a' },
    ],
  });
  expect(shownTo(message, undefined)).toMatchObject({
    text: 'U1 (T0A), <@U2>, C1 (T0A), <!date^1^x|y>',
    blocks: [{}, { type: 'text', text: 'U1 (T0A)' }, {}],
  });
});

describe('calls', () => {
  const said: unknown[] = [];
  /** A workspace's client that remembers and answers. */
  const fake = (workspace: string | undefined, answer: (args: unknown) => unknown): Clients => {
    const method = (args: unknown): Promise<unknown> => {
      said.push([workspace, args]);
      return Promise.resolve(answer(args));
    };
    const client = { chat: { postMessage: method }, conversations: { open: method }, usergroups: { list: method } };
    return { reply: client, open: client, post: client, look: client, home: client } as unknown as Clients;
  };
  const routed = (answer: (args: unknown) => unknown): Clients =>
    createRouter(async (workspace) => {
      if (workspace === 'T0GONE') throw new WorkspaceGone(workspace);
      return fake(workspace, answer);
    });

  test('go to the workspace of the channel or person with Slack’s own ids, and come back with the workspace', async () => {
    const clients = routed(() => ({ ok: true, channel: 'C1', users: ['U1'], usergroups: [{ id: 'S1' }] }));
    expect(await clients.post.chat.postMessage({ channel: 'T0A/C1', text: '<@T0A/U1>' })).toMatchObject({
      channel: 'T0A/C1',
      users: ['T0A/U1'],
    });
    expect(await clients.post.chat.postMessage({ channel: 'C1', text: 'x' })).toMatchObject({
      channel: 'C1',
      users: ['U1'],
    });
    expect(await clients.look.usergroups.list({ team_id: 'T0A' })).toMatchObject({ usergroups: [{ id: 'T0A/S1' }] });
    expect(said.splice(0)).toEqual([
      ['T0A', { channel: 'C1', text: '<@U1>' }],
      [undefined, { channel: 'C1', text: 'x' }],
      ['T0A', {}],
    ]);
  });
  test('to a workspace that is gone, or whose token was revoked, say so; other failures stay what they are', async () => {
    const failing = (error: string): Clients =>
      routed(() => {
        throw Object.assign(new Error(error), { code: 'slack_webapi_platform_error', data: { ok: false, error } });
      });
    const post = (clients: Clients, channel: string) => clients.post.chat.postMessage({ channel, text: 'x' });
    await expect(
      post(
        routed(() => ({})),
        'T0GONE/C1',
      ),
    ).rejects.toBeInstanceOf(WorkspaceGone);
    await expect(post(failing('account_inactive'), 'T0A/C1')).rejects.toBeInstanceOf(WorkspaceGone);
    await expect(post(failing('channel_not_found'), 'T0A/C1')).rejects.not.toBeInstanceOf(WorkspaceGone);
    await expect(post(failing('account_inactive'), 'C1'), 'at home').rejects.not.toBeInstanceOf(WorkspaceGone);
  });
});

describe('tokens at rest', () => {
  const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
  test('are sealed anew each time, opened with the old key too, and never in another row', () => {
    const old = createSeals([first]);
    const sealed = old.seal('xoxb-secret', 'T0A');
    expect(sealed.text).not.toContain('xoxb');
    expect(old.seal('xoxb-secret', 'T0A').text).not.toBe(sealed.text);
    const turned = createSeals([second, first]);
    expect(turned.open(sealed, 'T0A')).toBe('xoxb-secret');
    expect(turned.seal('x', 'T0A').keyId).not.toBe(sealed.keyId);
    expect(() => turned.open(sealed, 'T0B')).toThrow('changed');
    expect(() => createSeals([second]).open(sealed, 'T0A')).toThrow('is not configured');
  });
  test('that were changed anywhere do not open', () => {
    const seals = createSeals([first]);
    const { keyId, text } = seals.seal('xoxb-secret', 'T0A');
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'ABCxyz019+/'), (at, letter) => {
        const changed = `${text.slice(0, at)}${letter}${text.slice(at + 1)}`;
        const bytes = (given: string): string =>
          given
            .split('.')
            .map((part) => Buffer.from(part, 'base64').toString('hex'))
            .join('.');
        fc.pre(bytes(changed) !== bytes(text));
        expect(() => seals.open({ keyId, text: changed }, 'T0A')).toThrow();
      }),
    );
  });
});

test('a state is taken once, within its time, and only from whoever has the secret', async () => {
  const store = await openStore({ path: ':memory:', clock, ids: countingIds() });
  const at = { now: T };
  const moved = { ...clock, now: () => at.now };
  const options = {
    store,
    clock: moved,
    ids: { ...countingIds(), base32: (length: number) => `${at.now}`.padStart(length, 'a') },
  };
  const states = createStates({ ...options, secret: 'a' });
  const state = await states.generateStateParam({ scopes: ['commands'] }, new Date());
  expect(await states.verifyStateParam(new Date(), state)).toEqual({ scopes: ['commands'] });
  await expect(states.verifyStateParam(new Date(), state)).rejects.toThrow('used before');
  at.now += 1;
  const later = await states.generateStateParam({ scopes: [] }, new Date());
  await expect(createStates({ ...options, secret: 'b' }).verifyStateParam(new Date(), later)).rejects.toThrow(
    'not ours',
  );
  at.now += 11 * 60_000;
  await expect(states.verifyStateParam(new Date(), later)).rejects.toThrow('too old');
  await store.close();
});
