import { expect, test } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import { HOUR, T, access, operation, run } from './fixtures.ts';
import { ada, channel, chosen, harness, olga, other, typed, vera } from './harness.ts';
import type { Harness } from './harness.ts';

const own = 'burst-medium-aaaaa';
const blocked = {
  sinceMs: T - 300_000,
  text: 'shop/web-1 is held by the PodDisruptionBudget shop/web',
  pod: 'shop/web-1',
  budget: 'shop/web',
  numbers: '2 of 2 healthy, 2 needed, 0 may go',
  never: true,
};
const warn = async (h: Harness, deadlineMs = T + HOUR): Promise<void> => {
  const notice = {
    kind: 'warning',
    cluster: 'main',
    operationId: 'op1',
    workers: [own],
    deadlineMs,
    leadMs: HOUR,
  } as const;
  await h.store.enqueue({ key: `warning ${deadlineMs}`, notice, notBeforeMs: T, channelId: channel });
  h.app.poke();
};
const drainUnderWay = async (h: Harness): Promise<void> => {
  h.operations.operations.set('op1', {
    operation: operation({ kind: 'drain', workers: [own], permanent: false }),
    runs: [run(own, { kind: 'drain-worker', blocked })],
  });
  const notice = { kind: 'operation', operationId: 'op1', final: false } as const;
  await h.store.enqueue({ key: 'operation:op1', notice, notBeforeMs: T, channelId: channel });
  h.app.poke();
};

test('a blocked drain says what holds it; force asks admins for the name, and says what is lost', async () => {
  const h = await harness();
  await drainUnderWay(h);
  const message = await h.message(vera, /blocked for 5 min/);
  expect(message.text).toMatch(/pod `shop\/web-1` is held by the PodDisruptionBudget `shop\/web` \(2 of 2 healthy/);
  expect(message.text).toMatch(/cannot finish by itself/);
  await h.click(olga, message, 'burst:op:force:0');
  const refusal = await h.modal(olga, /needs the role admin, and you have the role operator/);
  expect(JSON.stringify(refusal)).toContain('Who has it: @burst-admins');
  await h.click(ada, message, 'burst:op:force:0');
  const form = await h.modal(ada, /Type the name of the worker/);
  expect(JSON.stringify(form)).toContain('shop/web-1');
  expect(await h.submit(ada, form, { typed: { typed: typed('burst-medium') } })).toMatchObject({
    errors: { typed: expect.stringContaining(own) as string },
  });
  expect(h.operations.done).toEqual([]);
  const values = { typed: { typed: typed(own) }, reason: { reason: typed('lost node') } };
  expect(await h.submit(ada, form, values)).toEqual({ ok: true });
  await h.modal(ada, /Forced/);
  expect(h.operations.done).toMatchObject([
    { method: 'force', args: { operationId: 'op1', worker: own, reason: 'lost node', by: { userId: ada } } },
  ]);
  const refused = (await h.store.listAudit({ limit: 5 })).find((row) => row.action === 'force');
  expect(refused).toMatchObject({ outcome: 'refused', workerName: own, actor: { userId: olga } });
});

test('a forged force form is refused to those who are not admins', async () => {
  const h = await harness();
  await drainUnderWay(h);
  await h.click(ada, await h.message(ada, /blocked for/), 'burst:op:force:0');
  const form = await h.modal(ada, /Type the name/);
  // Ada loses the role between opening and submitting.
  h.slack.force('usergroups.users.list', 20, { error: 'internal_error' });
  h.clock.at += 61_000;
  expect(await h.submit(ada, form, { typed: { typed: typed(own) } })).toEqual({ ok: true });
  await h.modal(ada, /could not be established/);
  expect(h.operations.done).toEqual([]);
});

test('wait longer is for the owner of the operation and for admins', async () => {
  const h = await harness();
  await drainUnderWay(h);
  const message = await h.message(vera, /blocked for/);
  await h.click(vera, message, 'burst:op:wait');
  await h.message(vera, /needs the role operator/);
  expect(h.operations.done).toEqual([]);
  await h.click(olga, message, 'burst:op:wait');
  await h.message(olga, /whole time limit again/);
  expect(h.operations.done).toMatchObject([{ method: 'waitLonger' }]);
});

test('a cancel is told to the second who clicks', async () => {
  const h = await harness();
  await drainUnderWay(h);
  const message = await h.message(olga, /blocked for/);
  await h.click(olga, message, 'burst:op:cancel');
  await h.message(olga, /0 workers stopping/);
  const entry = h.operations.operations.get('op1');
  if (entry === undefined) throw new Error('no operation');
  entry.operation = { ...entry.operation, cancelledBy: { kind: 'slack', userId: olga } };
  await h.click(ada, message, 'burst:op:cancel');
  await h.message(ada, /<@U0OPERATOR1> did this already: operation `op1`/);
  expect(h.operations.done.filter(({ method }) => method === 'cancel')).toHaveLength(1);
});

test('a click that a crash cut short can be clicked again; one that was recorded is not done twice', async () => {
  const h = await harness();
  await warn(h);
  const warning = await h.message(olga, /will be drained and removed/);
  const real = h.operations.extend.bind(h.operations);
  // The process dies before anything is recorded.
  h.operations.extend = () => Promise.reject(new Error('killed'));
  await h.click(olga, warning, 'burst:warn:extend:24');
  await h.message(olga, /Error id/);
  h.operations.extend = real;
  await h.restart();
  // The process dies after it was recorded, before the answer.
  h.operations.extend = async (request) => {
    await real(request);
    throw new Error('killed');
  };
  await h.click(olga, warning, 'burst:warn:extend:24');
  await expect.poll(() => h.operations.done.length).toBe(1);
  h.operations.extend = real;
  await h.restart();
  await h.click(olga, warning, 'burst:warn:extend:24');
  await h.message(olga, /<@U0OPERATOR1> did this already/);
  expect((await h.store.listOperations({ kinds: ['extend'], limit: 10 })).length).toBe(1);
  // The warning of another deadline is another question.
  await warn(h, T + 2 * HOUR);
  const next = await h.message(olga, /2 h left/);
  await h.click(olga, next, 'burst:warn:extend:24');
  await expect.poll(async () => (await h.store.listOperations({ kinds: ['extend'], limit: 10 })).length).toBe(2);
});

test('two clicks at the same moment are one operation', async () => {
  const h = await harness();
  await warn(h);
  const warning = await h.message(olga, /will be drained and removed/);
  const go = Promise.withResolvers<void>();
  const real = h.operations.extend.bind(h.operations);
  let waiting = 0;
  h.operations.extend = async (request) => {
    waiting++;
    await go.promise;
    return real(request);
  };
  await Promise.all([h.click(olga, warning, 'burst:warn:extend:4'), h.click(ada, warning, 'burst:warn:extend:4')]);
  await expect.poll(() => waiting).toBe(2);
  go.resolve();
  await h.message(olga, /on its way|asked for already/);
  await h.message(ada, /on its way|asked for already/);
  expect((await h.store.listOperations({ limit: 10 })).length).toBe(1);
});

test('the button of a suggestion asks once, however often it is clicked', async () => {
  const h = await harness();
  await h.command(olga, '/burst provison 2 small 4h');
  const answer = await h.message(olga, /There is no command provison/);
  await h.click(olga, answer, 'burst:run:0');
  await h.message(olga, /on its way/);
  await h.click(olga, answer, 'burst:run:0');
  await h.message(olga, /was asked for already/);
  expect((await h.store.listOperations({ limit: 10 })).length).toBe(1);
});

test('a retry of what failed is asked for once, and again only when it failed again', async () => {
  const h = await harness();
  h.operations.operations.set('op1', {
    operation: operation({ kind: 'provision', count: 1, size: 'medium', ttlHours: 4 }, { state: 'failed' }),
    runs: [run(own, { state: 'undone' })],
  });
  await h.command(olga, '/burst ops');
  const list = await h.message(olga, /op1/);
  await h.click(olga, list, 'burst:op:retry');
  await h.message(olga, /on its way/);
  await h.click(olga, list, 'burst:op:retry');
  await h.message(olga, /did this already/);
  expect(h.operations.done.filter(({ method }) => method === 'retry')).toHaveLength(1);
});

test('where channels are limited, buttons and forms elsewhere are refused too, and told where', async () => {
  const h = await harness({ access: { ...access, channels: [other] }, defaultChannelId: channel });
  await drainUnderWay(h);
  const message = await h.message(olga, /blocked for/);
  await h.click(olga, message, 'burst:op:cancel');
  const said = await h.message(olga, /not allowed in this channel/);
  expect(said.text).toContain(`<#${other}>`);
  await h.command(olga, '/burst provision');
  await h.message(olga, /burst provision: commands are not allowed in this channel/);
  await h.command(olga, '/burst provision', other);
  const form = await h.modal(olga, /Another lifetime|another lifetime/);
  const values = { count: { count: typed('1') }, size: { size: chosen('small') }, ttl: { ttl: chosen('24') } };
  expect(await h.submit(olga, form, values)).toEqual({ ok: true });
  await h.modal(olga, /on its way/);
  expect(h.operations.done.map(({ method }) => method)).toEqual(['provision']);
});

test('buttons of another version, unknown ones and nonsense say so, and do nothing', async () => {
  const h = await harness();
  await warn(h);
  const warning = await h.message(olga, /will be drained and removed/);
  for (const [actionId, value] of [
    ['burst:warn:extend:24', '{"workers":[]}'],
    ['burst:op:force:0', 'not json'],
    ['burst:list:next', '{"page":-1,"words":""}'],
    ['burst:nothing', ''],
    ['burst:worker', 'explode|x'],
  ] as const) {
    const before = (await h.state(olga)).messages.length;
    await h.press(olga, warning, actionId, value);
    await expect.poll(async () => (await h.state(olga)).messages.length).toBe(before + 1);
    expect((await h.state(olga)).messages.at(-1)?.text).toMatch(/another version|not known any more/);
  }
  expect(h.operations.done).toEqual([]);
});

test('an error of an action is told to who clicked alone', async () => {
  const h = await harness();
  h.operations.failures.set('waitLonger', new BurstError('not_forcible', 'No drain is under way any more.'));
  await drainUnderWay(h);
  await h.click(olga, await h.message(olga, /blocked for/), 'burst:op:wait');
  expect(await h.message(olga, /No drain is under way/)).toMatchObject({ ephemeral: true });
});

test('a worker that is not Ready: one message, with its owner, edited at its end; repaired once by those who may', async () => {
  const h = await harness();
  const episode = {
    cluster: 'main',
    workerName: own,
    sinceMs: T - 10 * 60_000,
    reason: 'NodeStatusUnknown: <!channel> silent',
    toldAtMs: T,
    endedAtMs: undefined,
    outcome: undefined,
    autoRepaired: false,
  } as const;
  const notice = { kind: 'health', cluster: 'main', workerName: own, sinceMs: episode.sinceMs } as const;
  const row = { key: `health ${own}`, notice, notBeforeMs: T, channelId: channel };
  await h.store.saveEpisode(episode, row);
  h.app.poke();
  const message = await h.message(vera, /has not been Ready since/);
  expect(message.text).not.toContain('<!channel>');
  await h.click(vera, message, 'burst:health:repair');
  await h.message(vera, /needs the role operator/);
  expect(h.operations.done).toEqual([]);
  await h.click(ada, message, 'burst:health:repair');
  await h.message(ada, /asked for|Operation/);
  expect(h.operations.done).toMatchObject([{ method: 'repair', args: { worker: own } }]);
  await h.restart();
  await h.store.saveEpisode({ ...episode, endedAtMs: T, outcome: 'recovered' }, row);
  h.app.poke();
  const after = await h.message(vera, /is Ready again.*it had not been for 10 min/);
  expect(after.ts).toBe(message.ts);
});
