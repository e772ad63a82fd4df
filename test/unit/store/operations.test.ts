import { describe, expect, test } from 'vitest';
import {
  ann,
  audit,
  bob,
  claim,
  cluster,
  drain,
  endAll,
  open,
  provision,
  reaper,
  T,
  worker,
  write,
} from './fixtures.ts';

describe('createOperation', () => {
  test('records the operation with its runs, workers, audit and outbox', async () => {
    const store = await open();
    const { created, operation } = await store.createOperation(provision('op1', ['a', 'b']));
    expect(created).toBe(true);
    expect(operation).toEqual({
      id: 'op1',
      cluster,
      kind: 'provision',
      state: 'running',
      params: { kind: 'provision', count: 2, size: 'medium', ttlHours: 24 },
      requester: ann,
      channelId: 'C1',
      reason: 'load test',
      idempotencyKey: 'key-op1',
      createdAtMs: T,
      endedAtMs: undefined,
      cancelledBy: undefined,
    });
    expect(await store.getOperation('op1')).toEqual(operation);
    const runs = await store.runsOf('op1');
    expect(runs.map((run) => [run.id, run.state, run.generation, run.step, run.nextLookAtMs, run.data])).toEqual([
      ['op1-a', 'running', 0, 'reserve', T, { size: 'medium', ttlHours: 24 }],
      ['op1-b', 'running', 0, 'reserve', T, { size: 'medium', ttlHours: 24 }],
    ]);
    expect(await store.getWorker(cluster, 'a')).toEqual(worker('a'));
    expect(await store.listAudit({ operationId: 'op1', limit: 5 })).toHaveLength(1);
    expect(await store.dueOutbox(T, 5)).toHaveLength(1);
    expect((await store.journal('op1-a')).map((event) => event.type)).toEqual(['created']);
  });

  test('answers the first operation when the idempotency key comes again, and writes nothing', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    const again = await store.createOperation(provision('op2', ['b'], { idempotencyKey: 'key-op1' }));
    expect(again.created).toBe(false);
    expect(again.operation.id).toBe('op1');
    expect(await store.getOperation('op2')).toBeUndefined();
    expect(await store.getWorker(cluster, 'b')).toBeUndefined();
    expect(await store.listAudit({ limit: 10 })).toHaveLength(1);
  });

  test('refuses a worker with a live run, naming it and the operation, and writes nothing at all', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await expect(store.createOperation(drain('op2', ['free', 'a']))).rejects.toMatchObject({
      code: 'worker_busy',
      message: 'The worker a is busy with a provision (operation op1).',
    });
    expect(await store.getOperation('op2')).toBeUndefined();
    expect(await store.liveRunOf(cluster, 'free')).toBeUndefined();
  });

  test('a stuck run still keeps its worker busy; an ended one does not', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await endAll(store, 'stuck');
    await expect(store.createOperation(drain('op2', ['a']))).rejects.toMatchObject({
      code: 'worker_busy',
      message: expect.stringContaining('stuck') as string,
    });
    await store.retryStuck('op1', T, audit('retry'));
    await endAll(store, 'succeeded');
    expect((await store.createOperation(drain('op3', ['a']))).created).toBe(true);
  });

  test('the same worker name in two clusters is two workers', async () => {
    const store = await open();
    await store.createOperation(drain('op1', ['a']));
    expect((await store.createOperation(drain('op2', ['a'], { cluster: 'other' }))).created).toBe(true);
    await expect(store.createOperation(drain('op3', ['b', 'b']))).rejects.toMatchObject({ code: 'invalid_input' });
  });

  test('counts what exists, is asked for or is going away against the limit, of its own cluster only', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b', 'c', 'd']));
    await store.setWorkerState(cluster, 'b', 'active', T);
    await store.setWorkerState(cluster, 'c', 'removing', T);
    await store.setWorkerState(cluster, 'd', 'removed', T);
    await expect(store.createOperation(provision('op2', ['e', 'f'], { maxBurstWorkers: 4 }))).rejects.toMatchObject({
      code: 'limit_reached',
      message: '3 of 4 burst workers exist; 2 more would be 5.',
      hint: 'Ask for 1 or fewer.',
    });
    expect(await store.getWorker(cluster, 'e')).toBeUndefined();
    expect((await store.createOperation(provision('op3', ['e'], { maxBurstWorkers: 4 }))).created).toBe(true);
    const elsewhere = provision('op4', ['x'], { cluster: 'other', maxBurstWorkers: 1 });
    expect((await store.createOperation({ ...elsewhere, workers: [worker('x', { cluster: 'other' })] })).created).toBe(
      true,
    );
  });

  test('never takes a name twice, not even of a worker that is gone', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await endAll(store, 'succeeded');
    await store.setWorkerState(cluster, 'a', 'removed', T + 5);
    expect(await store.getWorker(cluster, 'a')).toMatchObject({ state: 'removed', removedAtMs: T + 5 });
    await expect(store.createOperation(provision('op2', ['a']))).rejects.toMatchObject({
      code: 'conflict',
      message: 'The worker name a was used before.',
    });
  });
});

test('listOperations filters, newest first', async () => {
  const store = await open();
  await store.createOperation(provision('op1', ['a']));
  await store.createOperation(drain('op2', ['x'], { requester: bob, createdAtMs: T + 1 }));
  await store.createOperation(drain('op3', ['y'], { requester: reaper, createdAtMs: T + 1 }));
  await endAll(store, 'succeeded');
  const ids = async (filter: Parameters<typeof store.listOperations>[0]) =>
    (await store.listOperations(filter)).map((operation) => operation.id);
  expect(await ids({ limit: 10 })).toEqual(['op3', 'op2', 'op1']);
  expect(await ids({ limit: 1 })).toEqual(['op3']);
  expect(await ids({ kinds: ['drain'], limit: 10 })).toEqual(['op3', 'op2']);
  expect(await ids({ requesterId: 'U2', limit: 10 })).toEqual(['op2']);
  expect(await ids({ states: ['succeeded'], limit: 10 })).toEqual(['op1']);
  expect(await ids({ cluster: 'other', limit: 10 })).toEqual([]);
});

describe('the operation follows its runs', () => {
  test('ends when the last run ends, partial when one was undone', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b']));
    const [a, b] = await claim(store, 'me');
    await store.recordRun(write(a?.id ?? '', 1, { state: 'succeeded' }, { nowMs: T + 10 }));
    expect(await store.getOperation('op1')).toMatchObject({ state: 'running', endedAtMs: undefined });
    await store.recordRun(write(b?.id ?? '', 1, { state: 'undoing' }));
    await store.recordRun(write(b?.id ?? '', 1, { state: 'undone' }, { nowMs: T + 20 }));
    expect(await store.getOperation('op1')).toMatchObject({ state: 'partial', endedAtMs: T + 20 });
  });

  test('cancel marks live runs, makes them due and answers those that can still stop', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b', 'c']));
    const [a, b, c] = await claim(store, 'me');
    const later = { claimedBy: undefined, claimUntilMs: undefined, nextLookAtMs: T + 1e6 };
    await store.recordRun(write(a?.id ?? '', 1, later));
    await store.recordRun(write(b?.id ?? '', 1, { ...later, pivoted: true }));
    await store.recordRun(write(c?.id ?? '', 1, { state: 'succeeded' }));
    const stopping = await store.requestCancel('op1', bob, T + 5, audit('cancel'));
    expect(stopping.map((run) => [run.id, run.cancelRequested])).toEqual([['op1-a', true]]);
    expect(await store.getOperation('op1')).toMatchObject({ cancelledBy: bob, state: 'running' });
    expect((await claim(store, 'me', T + 5)).map((run) => run.id)).toEqual(['op1-a', 'op1-b']);
    expect(await store.getRun('op1-c')).toMatchObject({ cancelRequested: false });
    expect((await store.listAudit({ limit: 1 }))[0]?.action).toBe('cancel');
    await store.requestCancel('op1', ann, T + 6, audit('cancel'));
    expect((await store.getOperation('op1'))?.cancelledBy).toEqual(bob);
  });

  test('a cancel during a claim is looked at as soon as the claim is let go', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'me');
    await store.requestCancel('op1', bob, T + 1, audit('cancel'));
    expect(await claim(store, 'other', T + 2)).toEqual([]);
    await store.recordRun(
      write('op1-a', 1, { claimedBy: undefined, claimUntilMs: undefined, nextLookAtMs: T + 60_000 }, { nowMs: T + 3 }),
    );
    const [again] = await claim(store, 'me', T + 3);
    expect(again).toMatchObject({ id: 'op1-a', generation: 2, cancelRequested: true });
    await store.recordRun(
      write('op1-a', 2, { claimedBy: undefined, claimUntilMs: undefined, nextLookAtMs: T + 60_000 }, { nowMs: T + 4 }),
    );
    expect(await claim(store, 'me', T + 5)).toEqual([]);
  });

  test('an operation that was cancelled and undone is cancelled; one that has ended is not touched', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await store.requestCancel('op1', bob, T, audit('cancel'));
    await claim(store, 'me');
    await store.recordRun(write('op1-a', 1, { state: 'undoing' }));
    await store.recordRun(write('op1-a', 1, { state: 'undone' }));
    expect(await store.getOperation('op1')).toMatchObject({ state: 'cancelled', endedAtMs: T + 1 });
    expect(await store.requestCancel('op1', ann, T + 9, audit('cancel'))).toEqual([]);
    expect(await store.getOperation('op1')).toMatchObject({ state: 'cancelled', cancelledBy: bob });
    await expect(store.requestCancel('nope', ann, T, audit('cancel'))).rejects.toMatchObject({ code: 'not_found' });
  });

  test('adjusting a live run shuts a look under way out and makes it due; past its pivot it is left alone', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b']));
    await claim(store, 'me');
    await store.recordRun(write('op1-b', 1, { pivoted: true }));
    const event = { atMs: T + 5, type: 'forced', text: 'forced' };
    const changed = await store.adjustRuns(['op1-a', 'op1-b', 'nope'], { force: true }, event, [audit('force')]);
    expect(changed.map((run) => run.id)).toEqual(['op1-a']);
    await expect(store.recordRun(write('op1-a', 1, { progress: 'late' }))).rejects.toMatchObject({
      code: 'stale_generation',
    });
    expect(await claim(store, 'other', T + 5)).toMatchObject([{ id: 'op1-a', generation: 3, data: { force: true } }]);
    expect((await store.journal('op1-a')).at(-1)).toMatchObject({ type: 'forced', generation: 2 });
    expect((await store.listAudit({ limit: 1 }))[0]?.action).toBe('force');
  });

  test('retry puts stuck runs back, with a new generation that shuts the old owner out', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a', 'b']));
    await claim(store, 'me');
    await store.recordRun(write('op1-b', 1, { state: 'succeeded' }));
    await store.recordRun(
      write('op1-a', 1, { state: 'stuck', attempts: 7, failure: { code: 'provider_failed', message: 'no room' } }),
    );
    expect(await store.getOperation('op1')).toMatchObject({ state: 'stuck', endedAtMs: T + 1 });
    expect(await claim(store, 'me', T + 1e9)).toEqual([]);
    expect(await store.retryStuck('op1', T + 50, audit('retry'))).toBe(1);
    expect(await store.getOperation('op1')).toMatchObject({ state: 'running', endedAtMs: undefined });
    expect(await store.getRun('op1-a')).toMatchObject({
      state: 'running',
      generation: 2,
      attempts: 0,
      failure: undefined,
      claimedBy: undefined,
      nextLookAtMs: T + 50,
    });
    await expect(store.recordRun(write('op1-a', 1, { progress: 'late' }))).rejects.toMatchObject({
      code: 'stale_generation',
    });
    expect(await store.retryStuck('op1', T + 51, audit('retry'))).toBe(0);
  });
});
