import { describe, expect, test } from 'vitest';
import type { RunPatch } from '../../../src/ports/store.ts';
import { audit, claim, cluster, drain, drawing, open, provision, schedule, T, write } from './fixtures.ts';

describe('claimRuns', () => {
  test('takes what is due and free, oldest first, and raises the generation', async () => {
    const store = await open();
    await store.createOperation(drain('op1', ['a'], { createdAtMs: T + 2 }));
    await store.createOperation(drain('op2', ['b'], { createdAtMs: T + 1 }));
    await store.createOperation(drain('op3', ['c'], { createdAtMs: T + 9 }));
    expect((await claim(store, 'me', T + 5, 1)).map((run) => run.id)).toEqual(['op2-b']);
    const rest = await claim(store, 'me', T + 5);
    expect(rest.map((run) => [run.id, run.generation, run.claimedBy, run.claimUntilMs])).toEqual([
      ['op1-a', 1, 'me', T + 60_005],
    ]);
    expect(await store.getRun('op1-a')).toEqual(rest[0]);
    expect(await claim(store, 'you', T + 5)).toEqual([]);
  });

  test('a claim that is over can be taken by another, and the first may then write nothing', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'first');
    expect(await claim(store, 'second', T + 59_999)).toEqual([]);
    expect(await claim(store, 'second', T + 60_000)).toMatchObject([{ generation: 2, claimedBy: 'second' }]);
    const before = { run: await store.getRun('op1-a'), worker: await store.getWorker(cluster, 'a') };
    await expect(
      store.recordRun(
        write(
          'op1-a',
          1,
          { state: 'succeeded', progress: 'late' },
          {
            worker: { state: 'active' },
            audit: [audit('step:clone')],
            outbox: [drawing('op1')],
            schedule: schedule('a', T + 9),
          },
        ),
      ),
    ).rejects.toMatchObject({ code: 'stale_generation' });
    expect({ run: await store.getRun('op1-a'), worker: await store.getWorker(cluster, 'a') }).toEqual(before);
    expect(await store.journal('op1-a')).toHaveLength(1);
    expect(await store.listAudit({ limit: 10 })).toHaveLength(1);
    expect(await store.getSchedule(cluster, 'a')).toBeUndefined();
  });
});

describe('recordRun', () => {
  test('writes run, journal, audit, outbox, worker and schedule together', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'me');
    const run = await store.recordRun(
      write(
        'op1-a',
        1,
        { step: 'clone', startedSteps: ['reserve', 'clone'], data: { vmId: '101' }, attempts: 2, progress: 'cloning' },
        {
          audit: [audit('step:reserve', { outcome: 'done', runId: 'op1-a', details: { vm: 101 } })],
          outbox: [drawing('op1', { key: 'extra' })],
          worker: { vmId: '101', vmHost: 'pve1' },
          schedule: schedule('a', T + 1000),
        },
      ),
    );
    expect(run).toMatchObject({ step: 'clone', data: { vmId: '101' }, attempts: 2, claimedBy: 'me', generation: 1 });
    expect(run.data).not.toHaveProperty('size');
    expect(await store.journal('op1-a')).toEqual([
      { atMs: T, type: 'created', text: 'add-worker of a', generation: 0 },
      { atMs: T + 1, type: 'step_done', text: 'went on', generation: 1 },
    ]);
    expect(await store.getWorker(cluster, 'a')).toMatchObject({ vmId: '101', vmHost: 'pve1', state: 'requested' });
    expect(await store.getSchedule(cluster, 'a')).toEqual(schedule('a', T + 1000));
    expect((await store.listAudit({ limit: 1 }))[0]).toMatchObject({ runId: 'op1-a', details: { vm: 101 } });
    expect((await store.dueOutbox(T, 10)).map((row) => row.key)).toContain('extra');
  });

  test('a key given as undefined is cleared, one not given is kept', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'me');
    const blocked = { sinceMs: T, text: 'budget web holds it', budget: 'shop/web', never: true };
    const failure = { code: 'busy', message: 'locked', hint: 'wait' };
    await store.recordRun(write('op1-a', 1, { blocked, failure }));
    expect(await store.recordRun(write('op1-a', 1, { progress: 'x' }))).toMatchObject({ blocked, failure });
    const released = await store.recordRun(
      write('op1-a', 1, { blocked: undefined, failure: undefined, claimedBy: undefined, claimUntilMs: undefined }),
    );
    expect(released).toMatchObject({
      blocked: undefined,
      failure: undefined,
      claimedBy: undefined,
      claimUntilMs: undefined,
      progress: 'x',
    });
  });

  test('an ended run gives its claim back and is never changed again', async () => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'me');
    expect(await store.recordRun(write('op1-a', 1, { state: 'succeeded' }))).toMatchObject({
      claimedBy: undefined,
      endedAtMs: T + 1,
    });
    for (const patch of [{ state: 'running' }, { progress: 'x' }, { state: 'succeeded' }] satisfies RunPatch[])
      await expect(store.recordRun(write('op1-a', 1, patch))).rejects.toMatchObject({ code: 'conflict' });
    expect(await claim(store, 'me', T + 1e9)).toEqual([]);
    expect(await store.journal('op1-a')).toHaveLength(2);
  });

  test.each([
    [{ state: 'undone' }, false],
    [{ state: 'undoing' }, true],
    [{ pivoted: false }, true],
  ] satisfies [RunPatch, boolean][])('refuses the illegal change %j (pivoted: %j)', async (patch, pivoted) => {
    const store = await open();
    await store.createOperation(provision('op1', ['a']));
    await claim(store, 'me');
    await store.recordRun(write('op1-a', 1, { pivoted }));
    await expect(store.recordRun(write('op1-a', 1, patch))).rejects.toMatchObject({ code: 'conflict' });
    expect(await store.getRun('op1-a')).toMatchObject({ state: 'running', pivoted });
  });

  test('all or nothing: a worker that was never recorded rolls the run back too', async () => {
    const store = await open();
    await store.createOperation(drain('op1', ['permanent']));
    await claim(store, 'me');
    await expect(
      store.recordRun(write('op1-permanent', 1, { progress: 'x' }, { worker: { state: 'active' } })),
    ).rejects.toMatchObject({ code: 'not_found' });
    await expect(
      store.recordRun(write('op1-permanent', 1, { progress: 'x' }, { schedule: schedule('permanent', T) })),
    ).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.getRun('op1-permanent')).toMatchObject({ progress: '' });
    expect(await store.journal('op1-permanent')).toHaveLength(1);
    await expect(store.recordRun(write('nope', 1, {}))).rejects.toMatchObject({ code: 'not_found' });
  });
});

test('liveRuns, liveRunOf and lastRunOf', async () => {
  const store = await open();
  await store.createOperation(drain('op1', ['a']));
  await store.createOperation(drain('op2', ['b']));
  await claim(store, 'me');
  await store.recordRun(write('op1-a', 1, { state: 'succeeded' }));
  await store.recordRun(write('op2-b', 1, { state: 'stuck' }));
  await store.createOperation(drain('op3', ['a']));
  expect((await store.liveRuns()).map((run) => run.id)).toEqual(['op2-b', 'op3-a']);
  expect((await store.liveRunOf(cluster, 'a'))?.id).toBe('op3-a');
  expect(await store.liveRunOf('other', 'a')).toBeUndefined();
  expect((await store.lastRunOf(cluster, 'a', 'drain-worker'))?.id).toBe('op3-a');
  expect(await store.lastRunOf(cluster, 'a', 'add-worker')).toBeUndefined();
  expect(await store.getRun('nope')).toBeUndefined();
});

test('wakeRuns makes waiting, unclaimed runs of the named workers due; nextRunDueMs tells when to look', async () => {
  const store = await open();
  expect(await store.nextRunDueMs()).toBeUndefined();
  await store.createOperation(drain('op1', ['a', 'b', 'c']));
  await claim(store, 'me');
  expect(await store.nextRunDueMs()).toBe(T + 60_000);
  const wait = { claimedBy: undefined, claimUntilMs: undefined, nextLookAtMs: T + 30_000 };
  await store.recordRun(write('op1-a', 1, wait));
  await store.recordRun(write('op1-b', 1, wait));
  expect(await store.nextRunDueMs()).toBe(T + 30_000);
  expect(await store.wakeRuns(cluster, ['a', 'c', 'unknown'], T + 10)).toBe(1);
  expect(await store.nextRunDueMs()).toBe(T + 10);
  expect(await store.wakeRuns('other', 'all', T + 10)).toBe(0);
  expect(await store.wakeRuns(cluster, 'all', T + 11)).toBe(1);
  expect((await claim(store, 'me', T + 11)).map((run) => run.id)).toEqual(['op1-a', 'op1-b']);
});
