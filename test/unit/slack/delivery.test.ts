import { expect, test } from 'vitest';
import type { Actor } from '../../../src/domain/operation.ts';
import type { NewOutbox } from '../../../src/ports/store.ts';
import { HOUR, T, access, node, operation, run, worker } from './fixtures.ts';
import { channel, harness, olga, other, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const own = 'burst-medium-aaaaa';
const by: Actor = { kind: 'slack', userId: olga };
const provisioned = { kind: 'provision', count: 1, size: 'medium', ttlHours: 4 } as const;
const alert = (text: string): NewOutbox => ({
  key: `alert ${text}`,
  notice: { kind: 'alert', cluster: 'main', text },
  notBeforeMs: T,
  channelId: channel,
});
const draw = async (h: Harness, channelId: string | undefined = channel): Promise<void> => {
  const notice = { kind: 'operation', operationId: 'op1', final: false } as const;
  await h.store.enqueue({ key: 'operation:op1', notice, notBeforeMs: T, channelId });
  h.app.poke();
};
const posts = (h: Harness): number => h.slack.world().calls.filter((call) => call.method === 'chat.postMessage').length;
const record = (h: Harness, removedAtMs?: number, owner: Actor = by, askedIn?: string) =>
  h.store.createOperation({
    id: 'op0',
    cluster: 'main',
    params: provisioned,
    requester: by,
    channelId: undefined,
    reason: '',
    idempotencyKey: 'k0',
    createdAtMs: T,
    runs: [],
    workers: [
      {
        cluster: 'main',
        name: own,
        size: 'medium',
        state: removedAtMs === undefined ? 'active' : 'removed',
        vmId: '105',
        vmHost: 'pve1',
        nodeUid: undefined,
        ownerTag: 'burst-test',
        owner,
        channelId: askedIn,
        operationId: 'op0',
        createdAtMs: T - 24 * HOUR,
        removedAtMs,
      },
    ],
    audit: [],
    outbox: [],
  });

test('a post whose record was lost in a crash is found again, not repeated', async () => {
  const h = await harness();
  const real = h.store.saveMessage.bind(h.store);
  let crashed = 0;
  // The process dies between Slack's answer and the record of it, once for each message.
  const crashing = async (message: Parameters<typeof real>[0]): Promise<void> => {
    if (message.ts !== '' && crashed++ < 2) throw new Error('killed');
    await real(message);
  };
  h.store.saveMessage = crashing;
  await h.store.enqueue(alert('A node went'));
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  await draw(h);
  await expect.poll(() => crashed).toBe(2);
  expect(posts(h)).toBe(2);
  await h.restart();
  h.clock.at += 60_000;
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  await expect.poll(async () => (await h.store.getMessage('operation:op1'))?.ts).toMatch(/\d/);
  expect(posts(h)).toBe(2);
  expect((await h.state(vera)).messages).toHaveLength(2);
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own, { progress: 'booting' })] });
  await draw(h);
  h.clock.at += 4000;
  expect(await h.message(vera, /booting/)).toMatchObject({ edited: true });
  expect((await h.state(vera)).messages).toHaveLength(2);
  // The same for what is said in a thread.
  crashed = 0;
  h.store.saveMessage = async (message) => {
    if (message.ts !== '' && message.key.includes(':details') && crashed++ === 0) throw new Error('killed');
    await real(message);
  };
  h.operations.operations.set('op1', {
    operation: operation(provisioned, { state: 'succeeded', endedAtMs: T + 1 }),
    runs: [run(own, { state: 'succeeded', endedAtMs: T + 1 })],
  });
  await draw(h);
  await expect.poll(() => crashed).toBe(1);
  await h.restart();
  h.clock.at += 60_000;
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  expect((await h.state(vera)).messages.filter(({ threadTs }) => threadTs !== undefined)).toHaveLength(1);
});

test('a post that is found again after a crash shows what has become so meanwhile', async () => {
  const h = await harness();
  const real = h.store.saveMessage.bind(h.store);
  let crashed = false;
  h.store.saveMessage = async (message) => {
    if (message.ts !== '' && !crashed) {
      crashed = true;
      throw new Error('killed');
    }
    await real(message);
  };
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  await draw(h);
  await expect.poll(() => crashed).toBe(true);
  h.operations.operations.set('op1', {
    operation: operation(provisioned, { state: 'succeeded', endedAtMs: T + 1 }),
    runs: [run(own, { state: 'succeeded', endedAtMs: T + 1 })],
  });
  await h.restart();
  h.clock.at += 60_000;
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  expect(await h.message(vera, /:white_check_mark: done/)).toMatchObject({ edited: true });
});

test('a post of a process that was paused and woke up late is taken back when another one was recorded', async () => {
  const h = await harness();
  const real = h.store.saveMessage.bind(h.store);
  const key = 'operation:op1';
  let other: string | undefined;
  // Between this process's intent and its post another one takes over, posts and records.
  h.store.saveMessage = async (message) => {
    await real(message);
    if (message.key !== key || other !== undefined) return;
    const answer = await fetch(`${h.slack.apiUrl}chat.postMessage`, {
      method: 'POST',
      headers: { authorization: `Bearer ${h.slack.botToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ channel, text: 'the other one' }),
    });
    other = ((await answer.json()) as { ts: string }).ts;
    await real({ key, channelId: channel, ts: other, digest: 'theirs' });
  };
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  await draw(h);
  await expect.poll(() => posts(h)).toBe(2);
  await expect.poll(async () => (await h.state(vera)).messages.map(({ text }) => text)).toEqual(['the other one']);
  expect(await h.store.getMessage(key)).toMatchObject({ channelId: channel, ts: other });
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own, { progress: 'booting' })] });
  await draw(h);
  h.clock.at += 4000;
  expect(await h.message(vera, /booting/)).toMatchObject({ edited: true });
  expect((await h.state(vera)).messages).toHaveLength(1);
});

test('where history may not be read, what may be lost is posted again', async () => {
  const h = await harness();
  const real = h.store.saveMessage.bind(h.store);
  let crashed = false;
  h.store.saveMessage = async (message) => {
    if (message.ts !== '' && !crashed) {
      crashed = true;
      throw new Error('killed');
    }
    await real(message);
  };
  h.slack.force('conversations.history', 10, { error: 'missing_scope' });
  await h.store.enqueue(alert('A node went'));
  h.app.poke();
  await expect.poll(() => crashed).toBe(true);
  h.clock.at += 60_000;
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  await expect.poll(() => posts(h)).toBe(2);
});

test('a first post looks for nothing; a refused one is posted when Slack takes it', async () => {
  const h = await harness();
  h.slack.force('chat.postMessage', 1, { error: 'fatal_error' });
  await h.store.enqueue(alert('first'));
  h.app.poke();
  await expect.poll(() => posts(h)).toBe(1);
  const looked = (): number => h.slack.world().calls.filter(({ method }) => method === 'conversations.history').length;
  expect(looked()).toBe(0);
  h.clock.at += 5000;
  await h.message(vera, /first/);
  expect(looked()).toBe(1);
});

test('a rate limit on edits is waited out, and holds back neither answers nor posts', async () => {
  const h = await harness();
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  await draw(h);
  await h.message(vera, /asked to provision/);
  h.slack.force('chat.update', 1, { retryAfterSeconds: 30 });
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own, { progress: 'booting' })] });
  h.clock.at += 4000;
  await draw(h);
  const edits = (): number => h.slack.world().calls.filter(({ method }) => method === 'chat.update').length;
  await expect.poll(edits).toBe(1);
  await h.command(olga, '/burst provision 1 small');
  await h.message(olga, /on its way/);
  await h.store.enqueue(alert('Said meanwhile'));
  h.app.poke();
  await h.message(vera, /Said meanwhile/);
  h.clock.at += 20_000;
  await draw(h);
  await h.store.enqueue(alert('Still waiting'));
  h.app.poke();
  await h.message(vera, /Still waiting/);
  expect(edits()).toBe(1);
  expect((await h.app.health()).ok).toBe(true);
  h.clock.at += 15_000;
  await h.message(vera, /booting/);
  expect(edits()).toBe(2);
});

test('one refused edit makes all edits wait as long as Slack asked, those of other operations too', async () => {
  const h = await harness();
  const say = async (progress: string): Promise<void> => {
    for (const id of ['op1', 'op2']) {
      h.operations.operations.set(id, { operation: operation(provisioned, { id }), runs: [run(own, { progress })] });
      const notice = { kind: 'operation', operationId: id, final: false } as const;
      await h.store.enqueue({ key: `operation:${id}`, notice, notBeforeMs: T, channelId: channel });
    }
    h.app.poke();
  };
  await say('cloning');
  await h.message(vera, /cloning[^]*op2/);
  h.slack.force('chat.update', 1, { retryAfterSeconds: 20 });
  h.clock.at += 4000;
  await say('booting');
  const edits = (): number => h.slack.world().calls.filter(({ method }) => method === 'chat.update').length;
  await h.store.enqueue(alert('Said meanwhile'));
  h.app.poke();
  await h.message(vera, /Said meanwhile/);
  expect(edits()).toBe(1);
  h.clock.at += 21_000;
  await expect
    .poll(async () => (await h.state(vera)).messages.filter(({ text }) => text.includes('booting')).length)
    .toBe(2);
  expect(edits()).toBe(3);
});

test('a form is tried once only, within its trigger', async () => {
  const h = await harness();
  h.slack.force('views.open', 5, { retryAfterSeconds: 1 });
  await h.command(olga, '/burst provision');
  await h.message(olga, /Slack is busy|too little time/);
  expect(h.slack.world().calls.filter(({ method }) => method === 'views.open')).toHaveLength(1);
});

test('the end is told in the message and once, with details, in its thread', async () => {
  const h = await harness();
  const params = { kind: 'provision', count: 2, size: 'medium', ttlHours: 4 } as const;
  h.operations.details = (name) =>
    Promise.resolve({
      ...worker(name),
      node: node(name, { addresses: [{ type: 'InternalIP', address: '10.0.0.5' }] }),
      pods: [],
      vm: undefined,
      history: [],
    });
  const failure = { code: 'x', message: 'The clone failed <!channel>', hint: 'Look at the VM server.' };
  const audit = { atMs: T, cluster: 'main', actor: { kind: 'system', name: 'engine' }, operationId: 'op1' } as const;
  await h.store.appendAudit([
    { ...audit, runId: `run-${own}x`, action: 'undo:clone', outcome: 'done', text: 'VM 106 is gone' },
    { ...audit, runId: `run-other`, action: 'undo:clone', outcome: 'done', text: 'VM 107 is gone' },
  ]);
  h.operations.operations.set('op1', {
    operation: operation(params, { state: 'partial', endedAtMs: T + 60_000 }),
    runs: [
      run(own, {
        state: 'succeeded',
        endedAtMs: T + 60_000,
        data: { vmId: '105', vmHost: 'pve1', deadlineMs: T + HOUR },
      }),
      run(`${own}x`, { state: 'undone', endedAtMs: T + 60_000, failure, data: { vmId: '106' } }),
    ],
  });
  await draw(h);
  const details = await h.message(vera, /Details of operation/);
  const message = await h.message(vera, /asked to provision/);
  expect(details.threadTs).toBe(message.ts);
  expect(details.text).toMatch(/VM `105` on pve1, node `burst-medium-aaaaa`, `InternalIP 10.0.0.5`; deadline <!date/);
  expect(details.text).toMatch(/The clone failed &lt;!channel&gt;[^]*Cleaned up:\n• Cloning the VM: VM 106 is gone$/);
  await draw(h);
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  await h.restart();
  await draw(h);
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
  expect((await h.state(vera)).messages).toHaveLength(2);
  expect((await h.state(vera)).messages[0]?.replyCount).toBe(1);
});

test('an expiry is one message: draining, then what became of the worker', async () => {
  const h = await harness();
  await record(h, T);
  const params = { kind: 'expire', workers: [own], deadlineMs: T } as const;
  const requester: Actor = { kind: 'system', name: 'reaper' };
  const kind = 'remove-worker' as const;
  h.operations.operations.set('op1', {
    operation: operation(params, { requester }),
    runs: [run(own, { kind, data: { podsToMove: 12, podsMoved: 0 } })],
  });
  await draw(h);
  const first = await h.message(vera, /Deadline reached[^]*draining, 12 pods to move/);
  h.operations.operations.set('op1', {
    operation: operation(params, { requester, state: 'succeeded', endedAtMs: T + 60_000 }),
    runs: [
      run(own, {
        kind,
        state: 'succeeded',
        endedAtMs: T + 60_000,
        data: { podsToMove: 12, podsMoved: 12, vmId: '105', force: true },
      }),
    ],
  });
  await draw(h);
  const last = await h.message(vera, /done: 1 of 1 removed; lived 24 h, 48 vCPU-hours/);
  expect(last.ts).toBe(first.ts);
  expect(last.text).toContain(`*Forced*: pods of \`${own}\``);
  await h.message(vera, /12 pods moved, with force; VM `105` on pve1 deleted, node removed; lived 24 h, 48 vCPU-hours/);
});

test('an expiry mentions the owner, says what it found gone, and what vanished by itself had no deadline', async () => {
  const h = await harness();
  await record(h, T);
  const requester: Actor = { kind: 'system', name: 'reaper' };
  const done = { kind: 'remove-worker', state: 'succeeded', endedAtMs: T } as const;
  h.operations.operations.set('op1', {
    operation: operation(
      { kind: 'expire', workers: [own], deadlineMs: T },
      { requester, state: 'succeeded', endedAtMs: T },
    ),
    runs: [run(own, { ...done, data: { nodeWasGone: true, vmWasGone: true, vmId: '105' } })],
  });
  await draw(h);
  const { text } = await h.message(vera, /^<@U0OPERATOR1>: \*Deadline reached\*/);
  expect(text).toMatch(/removed; no node was found any more; lived 24 h, 48 vCPU-hours/);
  await h.message(vera, /VM `105`( on pve1)? was gone already, no node was found any more/);
  h.operations.operations.set('op1', {
    operation: operation({ kind: 'expire', workers: [own], deadlineMs: T, vanished: true }, { requester }),
    runs: [run(own, { kind: 'remove-worker' })],
  });
  await draw(h);
  h.clock.at += 4000;
  // a node that is only silent may be there still
  expect((await h.message(vera, /\*The VM is gone from the VM server\*/)).text).not.toMatch(/Deadline|[Nn]ode/);
});

const warned: NewOutbox = {
  key: 'warning',
  notice: { kind: 'warning', cluster: 'main', operationId: 'op0', workers: [own], deadlineMs: T + HOUR, leadMs: HOUR },
  notBeforeMs: T,
  channelId: channel,
};
const warn = async (h: Harness): Promise<void> => {
  await h.store.enqueue(warned);
  h.app.poke();
  await expect.poll(() => h.store.dueOutbox(h.clock.now(), 5)).toEqual([]);
};
const warnings = async (h: Harness, who: string): Promise<string[]> =>
  (await h.state(who)).messages.filter(({ text }) => text.includes('will be drained')).map((item) => item.channel);

test('who chose direct messages is warned there alone, in private, and answers there', async () => {
  const h = await harness();
  await record(h);
  await h.command(olga, '/burst notify');
  await h.message(olga, /You are told of your workers in the channel.*as the configuration says/);
  await h.command(olga, '/burst notify by dm');
  await h.message(olga, /From now on you are told of your workers by a direct message/);
  await warn(h);
  await expect.poll(() => warnings(h, olga)).toEqual([expect.stringMatching(/^D/)]);
  expect(await warnings(h, vera)).toEqual([]);
  await h.click(olga, await h.message(olga, /will be drained and removed/), 'burst:warn:extend:4');
  await h.message(olga, /is on its way/);
  expect(h.operations.done.at(-1)).toMatchObject({ method: 'extend', args: { workers: [own] } });
  await h.command(olga, '/burst notify defualt');
  const answer = await h.message(olga, /does not know `defualt`/);
  await h.click(olga, answer, 'burst:run:0');
  await h.message(olga, /From now on you are told of your workers in the channel/);
});

test('both: once in the channel and once in private, however often it is delivered', async () => {
  const h = await harness();
  await record(h);
  await h.store.saveNotifyChoice(olga, 'both');
  await warn(h);
  await expect.poll(() => warnings(h, olga)).toHaveLength(2);
  await h.restart();
  await warn(h);
  await h.store.enqueue(alert('after it'));
  h.app.poke();
  await h.message(vera, /after it/);
  expect(await warnings(h, vera)).toEqual([channel]);
  expect(await warnings(h, olga)).toHaveLength(2);
});

test('who cannot be written to is warned in the channel after all', async () => {
  const h = await harness({ notify: { routes: [], owners: 'dm' } });
  await record(h, undefined, { kind: 'slack', userId: 'U0GONE00001' });
  await warn(h);
  await expect.poll(() => warnings(h, vera)).toEqual([channel]);
});

test('a route takes a notice elsewhere; where it cannot be posted, it goes where it would have gone', async () => {
  const route = { kinds: ['warning'], clusters: [], askedIn: [], to: other } as const;
  const h = await harness({ notify: { routes: [route], owners: 'channel' } });
  await record(h);
  await warn(h);
  await expect.poll(() => warnings(h, vera)).toEqual([other]);
  const gone = await harness({ notify: { routes: [{ ...route, to: 'C0GONE00001' }], owners: 'channel' } });
  await record(gone);
  await warn(gone);
  await expect.poll(() => warnings(gone, vera)).toEqual([channel]);
});

test('buttons of a notice work where it was told, also where commands are not allowed', async () => {
  const route = { kinds: [], clusters: [], askedIn: [], to: other } as const;
  const limited = { ...access, channels: [channel] };
  const h = await harness({ cluster: 'main', access: limited, notify: { routes: [route], owners: 'channel' } });
  await record(h, undefined, by, channel);
  await warn(h);
  await h.click(olga, await h.message(olga, /will be drained and removed/), 'burst:warn:extend:4');
  await h.message(olga, /is on its way/);
  expect(h.operations.done.at(-1)).toMatchObject({ args: { channelId: channel } });
});

test('where the new blocks are refused, in a post and in an edit, sections say the same; the end comes through', async () => {
  const h = await harness();
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  const kinds = async (text: RegExp): Promise<string[]> =>
    (await h.message(vera, text)).blocks.map((block) => (block as { type: string }).type);
  h.slack.force('chat.postMessage', 1, { error: 'invalid_blocks' });
  await draw(h);
  expect(await kinds(/asked to provision/)).toEqual(['section', 'section', 'context', 'actions']);
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own, { progress: 'booting' })] });
  await draw(h);
  h.clock.at += 4000;
  expect(await kinds(/booting/)).toEqual(['section', 'plan', 'context', 'actions']);
  // just edited: the end is not held back, nor lost
  h.slack.force('chat.update', 1, { error: 'invalid_blocks' });
  h.operations.operations.set('op1', {
    operation: operation(provisioned, { state: 'succeeded', endedAtMs: T + 5000 }),
    runs: [run(own, { state: 'succeeded', endedAtMs: T + 5000 })],
  });
  await draw(h);
  expect(await kinds(/:white_check_mark: done: 1 of 1 ready/)).not.toContain('plan');
});

test('many operations at once are edited within the rate that Slack takes; the end of one is not held back', async () => {
  const h = await harness();
  const ids = Array.from({ length: 60 }, (_, at) => `op${at + 100}`);
  const set = (id: string, progress: string): void =>
    void h.operations.operations.set(id, { operation: operation(provisioned, { id }), runs: [run(own, { progress })] });
  const redraw = async (of: readonly string[]): Promise<void> => {
    for (const id of of)
      await h.store.enqueue({
        key: `operation:${id}`,
        notice: { kind: 'operation', operationId: id, final: false },
        notBeforeMs: T,
        channelId: channel,
      });
    h.app.poke();
  };
  const edits = (): number => h.slack.world().calls.filter(({ method }) => method === 'chat.update').length;
  for (const id of ids) set(id, 'cloning');
  await redraw(ids);
  await expect.poll(async () => (await h.state(vera)).messages.length, { timeout: 4000 }).toBe(60);
  await expect.poll(async () => (await h.store.getMessage('operation:op159'))?.ts).toMatch(/\d/);
  for (const id of ids) set(id, 'booting');
  h.clock.at += 4000;
  await redraw(ids);
  await expect.poll(edits, { timeout: 4000 }).toBe(40);
  h.operations.operations.set('op159', {
    operation: operation(provisioned, { id: 'op159', state: 'succeeded', endedAtMs: h.clock.at }),
    runs: [run(own, { state: 'succeeded', endedAtMs: h.clock.at })],
  });
  await redraw(['op159']);
  await h.message(vera, /done: 1 of 1 ready[^]*op159/);
  expect(edits()).toBe(41);
  h.clock.at += 61_000;
  await expect.poll(edits, { timeout: 4000 }).toBe(60);
}, 15_000);

test('without a usable channel the next place is taken: the default channel, then the owner', async () => {
  const h = await harness();
  await record(h);
  h.operations.operations.set('op1', { operation: operation(provisioned), runs: [run(own)] });
  await draw(h, 'C0GONE00001');
  expect(await h.message(vera, /asked to provision/)).toMatchObject({ channel });
  const alone = await harness({ defaultChannelId: undefined });
  await record(alone);
  const notice = { kind: 'alert', cluster: 'main', workerName: own, text: 'It went' } as const;
  await alone.store.enqueue({ key: 'a', notice, notBeforeMs: T, channelId: undefined });
  alone.app.poke();
  expect((await alone.message(olga, /It went/)).channel).toMatch(/^D/);
  expect((await alone.state(vera)).messages).toEqual([]);
});

test('while an operation runs, the times in its message go on; not more often than every 30 s', async () => {
  const h = await harness();
  const made = operation(provisioned);
  await h.store.createOperation({
    ...made,
    runs: [{ id: `run-${own}`, workerName: own, kind: 'add-worker', step: 'clone', data: {} }],
    workers: [],
    audit: [],
    outbox: [],
  });
  h.operations.operations.set('op1', { operation: made, runs: [run(own)] });
  await draw(h);
  await h.message(vera, /waiting to join$/m);
  const edits = (): number => h.slack.world().calls.filter(({ method }) => method === 'chat.update').length;
  h.clock.at += 31_000;
  await h.message(vera, /waiting to join, 31 s/);
  expect(edits()).toBe(1);
  h.clock.at += 20_000;
  await h.store.enqueue({ ...alert('later'), notBeforeMs: h.clock.at });
  h.app.poke();
  await h.message(vera, /later/);
  expect(edits()).toBe(1);
});

test('an alert about an operation goes where it was asked for', async () => {
  const h = await harness();
  const op = operation(provisioned, { channelId: other });
  await h.store.createOperation({ ...op, runs: [], workers: [], audit: [], outbox: [] });
  const notice = { kind: 'alert', cluster: 'main', operationId: 'op1', text: 'It is stuck' } as const;
  await h.store.enqueue({ key: 'a', notice, notBeforeMs: T, channelId: undefined });
  h.app.poke();
  expect((await h.message(vera, /It is stuck/)).channel).toBe(other);
});
