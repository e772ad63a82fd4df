import { describe, expect, test } from 'vitest';
import { PLAIN_NOTIFY } from '../../../src/domain/notify.ts';
import type { Route } from '../../../src/domain/notify.ts';
import type { Actor } from '../../../src/domain/operation.ts';
import { tellingOf } from '../../../src/notifications/index.ts';
import type { NoticeFacts, Telling } from '../../../src/notifications/index.ts';
import type { Notice } from '../../../src/ports/store.ts';

const olga: Actor = { kind: 'slack', userId: 'U1' };
const ada: Actor = { kind: 'slack', userId: 'U2' };
const reaper: Actor = { kind: 'system', name: 'reaper' };
const operation: Notice = { kind: 'operation', operationId: 'o', final: false };
const warning: Notice = { kind: 'warning', cluster: 'c', operationId: 'o', workers: ['w'], deadlineMs: 1, leadMs: 1 };
const alert: Notice = { kind: 'alert', cluster: 'c', text: 't' };
const base = { cluster: 'c', policy: PLAIN_NOTIFY };
const nowhere = { ...base, channelId: undefined, defaultChannelId: undefined };

test.each<[string, Notice, NoticeFacts, Telling]>([
  [
    'an operation goes where it was asked for, else to the default channel, else to the requester',
    operation,
    { ...base, channelId: 'C1', defaultChannelId: 'C2', requester: olga },
    { as: 'edited', to: ['C1', 'C2', 'U1'], mention: [], direct: [] },
  ],
  [
    'each place is tried once',
    operation,
    { ...base, channelId: 'C1', defaultChannelId: 'C1', requester: reaper },
    { as: 'edited', to: ['C1'], mention: [], direct: [] },
  ],
  [
    'without a channel the requester is told',
    operation,
    { ...nowhere, requester: olga },
    { as: 'edited', to: ['U1'], mention: [], direct: [] },
  ],
  [
    'a warning mentions each owner once, and nobody who is no person',
    warning,
    { ...base, channelId: undefined, defaultChannelId: 'C2', owners: [olga, ada, olga, reaper] },
    { as: 'once', to: ['C2', 'U1', 'U2'], mention: ['U1', 'U2'], direct: [] },
  ],
  [
    'an alert reaches the owner first, then who asked',
    alert,
    { ...nowhere, owners: [olga], requester: ada },
    { as: 'once', to: ['U1', 'U2'], mention: [], direct: [] },
  ],
  ['nobody to tell', alert, nowhere, { as: 'once', to: [], mention: [], direct: [] }],
])('%s', (_name, notice, facts, telling) => expect(tellingOf(notice, facts)).toEqual(telling));

describe('how owners are told', () => {
  const told = (notice: Notice, owners: Actor[], more: Partial<NoticeFacts> = {}) => {
    const { to, direct, mention } = tellingOf(notice, {
      ...base,
      channelId: 'C1',
      defaultChannelId: 'C2',
      owners,
      ...more,
    });
    return { to, direct, mention };
  };
  const health: Notice = { kind: 'health', cluster: 'c', workerName: 'w', sinceMs: 1 };
  const wants = (...choices: ['U1' | 'U2', 'channel' | 'dm' | 'both'][]) => ({ choices: new Map(choices) });
  const byDefault = (owners: 'channel' | 'dm' | 'both') => ({ policy: { routes: [], owners } });
  test.each<[string, Notice, Actor[], Partial<NoticeFacts>, Partial<Telling>]>([
    [
      'who wants direct messages is warned by one alone; the channel is where it goes when that cannot be sent',
      warning,
      [olga],
      wants(['U1', 'dm']),
      { to: [], direct: [['U1', 'C1', 'C2']], mention: ['U1'] },
    ],
    [
      'who wants both is mentioned in the channel and written to',
      warning,
      [olga],
      wants(['U1', 'both']),
      { to: ['C1', 'C2', 'U1'], direct: [['U1']], mention: ['U1'] },
    ],
    [
      'each owner as they chose',
      warning,
      [olga, ada],
      wants(['U1', 'dm']),
      { to: ['C1', 'C2', 'U1', 'U2'], direct: [['U1']], mention: ['U2'] },
    ],
    ['as configured', warning, [olga], byDefault('dm'), { to: [], direct: [['U1', 'C1', 'C2']], mention: ['U1'] }],
    [
      'their own choice is above the configuration',
      warning,
      [olga],
      { ...byDefault('dm'), ...wants(['U1', 'channel']) },
      { to: ['C1', 'C2', 'U1'], direct: [], mention: ['U1'] },
    ],
    [
      'without an owner in the channel',
      warning,
      [reaper],
      byDefault('dm'),
      { to: ['C1', 'C2'], direct: [], mention: [] },
    ],
    [
      'a sick worker is told in public, and to its owner',
      health,
      [olga],
      wants(['U1', 'dm']),
      { to: ['C1', 'C2', 'U1'], direct: [['U1']], mention: ['U1'] },
    ],
    [
      'a removal at the deadline is told in public, and to its owner',
      operation,
      [olga],
      { ...wants(['U1', 'dm']), expiry: true, requester: reaper },
      { to: ['C1', 'C2', 'U1'], direct: [['U1']], mention: ['U1'] },
    ],
    [
      'what somebody asked for mentions nobody',
      operation,
      [olga],
      { ...wants(['U1', 'dm']), requester: ada },
      { to: ['C1', 'C2', 'U2'], direct: [], mention: [] },
    ],
  ])('%s', (_, notice, owners, more, expected) => expect(told(notice, owners, more)).toEqual(expected));

  const route = (more: Partial<Route>): Partial<NoticeFacts> => ({
    policy: { owners: 'channel', routes: [{ kinds: [], clusters: [], askedIn: [], to: 'C9', ...more }] },
  });
  test.each<[string, Notice, Partial<NoticeFacts>, string | undefined]>([
    ['every kind', warning, route({}), 'C9'],
    ['a kind', alert, route({ kinds: ['alert'] }), 'C9'],
    ['another kind', warning, route({ kinds: ['alert'] }), 'C1'],
    ['a cluster', warning, route({ clusters: ['c'] }), 'C9'],
    ['another cluster', warning, route({ clusters: ['d'] }), 'C1'],
    ['a channel of requests', health, route({ askedIn: ['C1'] }), 'C9'],
    ['another channel of requests', health, route({ askedIn: ['C3'] }), 'C1'],
    ['no request', alert, { ...route({ askedIn: ['C1'] }), channelId: undefined }, 'C2'],
    ['back to the request', warning, route({ to: undefined }), 'C1'],
    ['back to a request that there was not', warning, { ...route({ to: undefined }), channelId: undefined }, 'C2'],
    ['a removal at a deadline', operation, { ...route({ kinds: ['expiry'] }), expiry: true }, 'C9'],
    ['what somebody asked for stays where it was asked', operation, route({}), 'C1'],
  ])('a route for %s', (_, notice, more, first) => expect(told(notice, [], more).to[0]).toBe(first));
});
