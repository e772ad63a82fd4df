import { describe, expect, test } from 'vitest';
import type { NewOutbox } from '../../../src/ports/store.ts';
import { ann, audit, bob, cluster, drawing, open, provision, reaper, schedule, T, worker } from './fixtures.ts';

const hour = 3_600_000;

test('how people want to be told is kept for each, changed and taken back', async () => {
  const store = await open();
  const choices = async () => Object.fromEntries(await store.notifyChoices(['U1', 'U2', 'U3']));
  expect(await store.notifyChoices([])).toEqual(new Map());
  await store.saveNotifyChoice('U1', 'dm');
  await store.saveNotifyChoice('U2', 'both');
  await store.saveNotifyChoice('U1', 'channel');
  expect(await choices()).toEqual({ U1: 'channel', U2: 'both' });
  await store.saveNotifyChoice('U2', undefined);
  expect(await choices()).toEqual({ U1: 'channel' });
});

describe('workers and schedules', () => {
  test('listWorkers filters; adoptWorker leaves what is known', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b']));
    await store.setWorkerState(cluster, 'b', 'active', T);
    const found = worker('lost', { state: 'active', owner: reaper, vmId: '7' });
    expect(await store.adoptWorker(found, schedule('lost', T + hour), audit('adopt'))).toBe(true);
    expect(await store.adoptWorker({ ...found, vmId: '8' }, schedule('lost', T), audit('adopt'))).toBe(false);
    expect(await store.getWorker(cluster, 'lost')).toEqual(found);
    expect(await store.getSchedule(cluster, 'lost')).toMatchObject({ expiresAtMs: T + hour });
    expect((await store.listAudit({ limit: 10 })).filter((row) => row.action === 'adopt')).toHaveLength(1);
    expect((await store.listWorkers({ states: ['active'] })).map((row) => row.name)).toEqual(['b', 'lost']);
    expect(await store.listWorkers({ cluster: 'other' })).toEqual([]);
    expect(await store.listWorkers({})).toHaveLength(3);
    expect((await store.listWorkers({ vmIds: ['7', '9'] })).map((row) => row.name)).toEqual(['lost']);
    expect(await store.listWorkers({ vmIds: [] })).toEqual([]);
    expect(await store.countPlaced(cluster)).toBe(0);
    const placed = worker('placed', { state: 'active', owner: reaper, vmId: '9', vmHost: 'pve1' });
    await store.adoptWorker(placed, schedule('placed', T + hour), audit('adopt'));
    expect([await store.countPlaced(cluster), await store.countPlaced('other')]).toEqual([1, 0]);
    await expect(store.setWorkerState(cluster, 'nope', 'active', T)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('schedulesDue: open ones up to the moment, earliest first', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b', 'c', 'd']));
    await store.saveSchedule(schedule('a', T + 3));
    await store.saveSchedule(schedule('b', T + 1, { status: 'expiring' }), audit('expire'));
    await store.saveSchedule(schedule('c', T + 1, { status: 'done' }));
    await store.saveSchedule(schedule('d', T + 9, { extendedHours: 1.5 }));
    expect((await store.schedulesDue(T + 3, 10)).map((row) => row.workerName)).toEqual(['b', 'a']);
    expect((await store.schedulesDue(T + 3, 1)).map((row) => row.workerName)).toEqual(['b']);
    expect((await store.listSchedules(['active'])).map((row) => row.workerName)).toEqual(['a', 'd']);
    expect((await store.listSchedules(['done', 'expiring'])).map((row) => row.workerName)).toEqual(['b', 'c']);
    expect(await store.nextDeadlineMs(T + 1)).toBe(T + 3);
    expect(await store.nextDeadlineMs(T + 9)).toBeUndefined();
    expect((await store.listAudit({ limit: 1 }))[0]?.action).toBe('expire');
    await expect(store.saveSchedule(schedule('nope', T))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a warning is given once for a deadline and lead; a new deadline or a shorter lead arms it again', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b'], { outbox: [] }));
    const deadlineMs = T + 2 * hour;
    const schedules = [schedule('a', deadlineMs), schedule('b', deadlineMs)];
    for (const row of schedules) await store.saveSchedule(row);
    const warn = (leadMs: number, rows = schedules, deadline = deadlineMs) =>
      store.recordWarning({
        schedules: rows,
        deadlineMs: deadline,
        leadMs,
        outbox: {
          key: `warning:op1:${leadMs}`,
          notice: { kind: 'warning', cluster, operationId: 'op1', workers: ['a', 'b'], deadlineMs: deadline, leadMs },
          notBeforeMs: T,
          channelId: 'C1',
        },
        audit: [audit('warn', { actor: reaper })],
      });
    expect(await warn(2 * hour)).toBe(true);
    expect(await warn(2 * hour)).toBe(false);
    expect(await warn(hour / 2)).toBe(true);
    expect(await warn(2 * hour)).toBe(false);
    expect(await store.getSchedule(cluster, 'b')).toMatchObject({
      warnedDeadlineMs: deadlineMs,
      warnedLeadMs: hour / 2,
    });
    expect(await store.dueOutbox(T, 10)).toHaveLength(2);
    expect((await store.listAudit({ limit: 10 })).filter((row) => row.action === 'warn')).toHaveLength(2);

    const extended = { ...schedules[0], expiresAtMs: T + 5 * hour } as (typeof schedules)[number];
    await store.saveSchedule(extended);
    expect(await warn(1, schedules)).toBe(false);
    expect(await store.getSchedule(cluster, 'b')).toMatchObject({ warnedLeadMs: hour / 2 });
    expect(await warn(2 * hour, [extended], T + 5 * hour)).toBe(true);
  });
});

describe('outbox', () => {
  const alert = (key: string, text: string, more: Partial<NewOutbox> = {}): NewOutbox => ({
    key,
    notice: { kind: 'alert', cluster, text },
    notBeforeMs: T,
    channelId: undefined,
    ...more,
  });

  test('of several drawings of one message only the newest is delivered; alerts are all kept, in order', async () => {
    const store = await open();
    await store.enqueue(drawing('op1'));
    await store.enqueue(alert('x', 'first'));
    await store.enqueue(drawing('op2'));
    await store.enqueue(drawing('op1', { notice: { kind: 'operation', operationId: 'op1', final: true } }));
    await store.enqueue(alert('x', 'second'));
    await store.enqueue(alert('y', 'later', { notBeforeMs: T + 100 }));
    const rows = await store.dueOutbox(T, 10);
    expect(rows.map((row) => [row.id, row.key])).toEqual([
      [2, 'x'],
      [3, 'operation:op2'],
      [4, 'operation:op1'],
      [5, 'x'],
    ]);
    expect(rows[2]).toMatchObject({ notice: { final: true }, attempts: 0, createdAtMs: T, channelId: 'C1' });
    expect((await store.dueOutbox(T, 2)).map((row) => row.id)).toEqual([2, 3]);
    await store.outboxDelivered([3, 4, 2], T + 1);
    expect((await store.dueOutbox(T + 1, 10)).map((row) => row.id)).toEqual([5]);
    expect((await store.dueOutbox(T + 100, 10)).map((row) => row.id)).toEqual([5, 6]);
  });

  test('what one process delivers, another leaves alone until its claim has run out', async () => {
    const store = await open();
    await store.enqueue(alert('x', 'first'));
    await store.enqueue(alert('x', 'second'));
    const taken = async (owner: string, nowMs: number) =>
      (await store.dueOutbox(nowMs, 10, { owner, untilMs: nowMs + 100 })).map((row) => row.id);
    expect(await taken('a', T)).toEqual([1, 2]);
    await store.enqueue(alert('x', 'third'));
    await store.enqueue(alert('y', 'another'));
    expect(await taken('b', T + 1)).toEqual([4]);
    await store.outboxDelivered([1], T + 2);
    expect(await taken('b', T + 3), 'the second of the key is being delivered').toEqual([4]);
    expect(await taken('a', T + 4)).toEqual([2, 3]);
    expect(await taken('b', T + 104), 'a died').toEqual([2, 3, 4]);
    await store.outboxDelivered([2, 3, 4], T + 105);
    await store.enqueue(alert('x', 'fourth'));
    expect(await taken('a', T + 106), 'the claim ended with what was claimed').toEqual([5]);
  });

  test('a failed row waits, and newer rows of its key wait behind it', async () => {
    const store = await open();
    await store.enqueue(alert('x', 'first'));
    await store.enqueue(drawing('op1'));
    await store.outboxFailed(1, T + 500, 'ratelimited');
    await store.outboxFailed(2, T + 500, 'ratelimited');
    await store.enqueue(alert('x', 'second'));
    await store.enqueue(drawing('op1'));
    expect(await store.dueOutbox(T + 1, 10)).toEqual([]);
    const rows = await store.dueOutbox(T + 500, 10);
    expect(rows.map((row) => [row.id, row.attempts])).toEqual([
      [1, 1],
      [3, 0],
      [4, 0],
    ]);
  });

  test('a drawing that is due does not wait for an older one that was put off', async () => {
    const store = await open();
    await store.enqueue(drawing('op1', { notBeforeMs: T + 1000 }));
    await store.enqueue(drawing('op1'));
    expect((await store.dueOutbox(T, 10)).map((row) => row.id)).toEqual([2]);
    await store.outboxDelivered([2], T);
    expect(await store.dueOutbox(T + 2000, 10)).toEqual([]);
  });

  test('messages are kept by key', async () => {
    const store = await open();
    expect(await store.getMessage('k')).toBeUndefined();
    await store.saveMessage({ key: 'k', channelId: 'C1', ts: '1.0', digest: 'a' });
    await store.saveMessage({ key: 'k', channelId: 'C1', ts: '1.0', digest: 'b' });
    expect(await store.getMessage('k')).toEqual({ key: 'k', channelId: 'C1', ts: '1.0', digest: 'b' });
  });
});

describe('audit and actions', () => {
  test('listAudit filters, newest first', async () => {
    const store = await open();
    const first = audit('provision', { workerName: 'a', operationId: 'op1', details: { count: 1 } });
    await store.appendAudit([first, audit('warn', { actor: reaper, atMs: T + 5 }), audit('drain', { actor: bob })]);
    const actions = async (filter: Omit<Parameters<typeof store.listAudit>[0], 'limit'>) =>
      (await store.listAudit({ ...filter, limit: 10 })).map((row) => row.action);
    expect(await actions({})).toEqual(['drain', 'warn', 'provision']);
    expect(await actions({ actorId: 'U2' })).toEqual(['drain']);
    expect(await actions({ actorId: 'reaper' })).toEqual(['warn']);
    expect(await actions({ workerName: 'a' })).toEqual(['provision']);
    expect(await actions({ sinceMs: T + 5 })).toEqual(['warn']);
    expect(await actions({ cluster: 'other' })).toEqual([]);
    expect((await store.listAudit({ operationId: 'op1', limit: 1 }))[0]).toEqual({
      id: 1,
      ...first,
      prevHash: '0'.repeat(64),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  test('an action is done once; the second is told who was first', async () => {
    const store = await open();
    expect(await store.claimAction('click', ann, T)).toBeUndefined();
    expect(await store.claimAction('click', bob, T + 1)).toEqual({ by: ann, atMs: T });
  });

  test('probe leaves nothing behind and can be repeated', async () => {
    const store = await open();
    await store.probe();
    await store.probe();
    await store.close();
    await expect(store.probe()).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('bootstrap tokens', () => {
  test('are recorded before they are made, found by worker and by expiry, and forgotten', async () => {
    const store = await open();
    const token = (id: string, workerName: string, expiresAtMs: number) => ({
      cluster,
      id,
      workerName,
      uid: undefined,
      expiresAtMs,
    });
    await store.saveToken(token('aaaaaa', 'w1', T + 2));
    await store.saveToken(token('bbbbbb', 'w1', T + 1));
    await store.saveToken(token('cccccc', 'w2', T + 9));
    await store.saveToken({ ...token('cccccc', 'w2', T + 9), cluster: 'other' });
    await store.saveToken({ ...token('aaaaaa', 'w1', T + 2), uid: 'u1' });
    expect(await store.listTokens({ cluster, workerName: 'w1' })).toEqual([
      token('bbbbbb', 'w1', T + 1),
      { ...token('aaaaaa', 'w1', T + 2), uid: 'u1' },
    ]);
    expect((await store.listTokens({ cluster, expiredAtMs: T + 2 })).map(({ id }) => id)).toEqual(['bbbbbb']);
    await store.forgetToken(cluster, 'cccccc');
    expect((await store.listTokens({ cluster })).map(({ id }) => id)).toEqual(['bbbbbb', 'aaaaaa']);
    expect(await store.listTokens({ cluster: 'other' })).toHaveLength(1);
  });
});
