import { expect, test } from 'vitest';
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
const nowhere = { channelId: undefined, defaultChannelId: undefined };

test.each<[string, Notice, NoticeFacts, Telling]>([
  [
    'an operation goes where it was asked for, else to the default channel, else to the requester',
    operation,
    { channelId: 'C1', defaultChannelId: 'C2', requester: olga },
    { as: 'edited', to: ['C1', 'C2', 'U1'], mention: [] },
  ],
  [
    'each place is tried once',
    operation,
    { channelId: 'C1', defaultChannelId: 'C1', requester: reaper },
    { as: 'edited', to: ['C1'], mention: [] },
  ],
  [
    'without a channel the requester is told',
    operation,
    { ...nowhere, requester: olga },
    { as: 'edited', to: ['U1'], mention: [] },
  ],
  [
    'a warning mentions each owner once, and nobody who is no person',
    warning,
    { channelId: undefined, defaultChannelId: 'C2', owners: [olga, ada, olga, reaper] },
    { as: 'once', to: ['C2', 'U1', 'U2'], mention: ['U1', 'U2'] },
  ],
  [
    'an alert reaches the owner first, then who asked',
    alert,
    { ...nowhere, owners: [olga], requester: ada },
    { as: 'once', to: ['U1', 'U2'], mention: [] },
  ],
  ['nobody to tell', alert, nowhere, { as: 'once', to: [], mention: [] }],
])('%s', (_name, notice, facts, telling) => expect(tellingOf(notice, facts)).toEqual(telling));
