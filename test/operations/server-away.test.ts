/** A VM server that does not answer: what needs it waits without using up anything, and goes on by itself. */
import { describe, expect, it } from 'vitest';
import { BurstError } from '../../src/domain/errors.ts';
import type { VmProvider } from '../../src/ports/vm-provider.ts';
import { tellOfServer } from '../../src/reaper/index.ts';
import { watchServer } from '../../src/vm/index.ts';
import type { Watch } from '../../src/vm/index.ts';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import { Crash } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

async function harness() {
  const line = { down: false, calls: 0 };
  const watches: Watch[] = [];
  const h = await createHarness((deps) => {
    const cut = async <T>(call: () => Promise<T>): Promise<T> => {
      line.calls += 1;
      if (line.down) throw new BurstError('unavailable', 'proxmox cannot be reached: connect ECONNREFUSED');
      return call();
    };
    const { vms: raw } = deps;
    const inner: VmProvider = {
      ...raw,
      name: 'proxmox',
      health: (signal) => cut(() => raw.health(signal)),
      freeId: (taken) => cut(() => raw.freeId(taken)),
      find: (id) => cut(() => raw.find(id)),
      list: () => cut(() => raw.list()),
      capacity: (signal) => cut(() => raw.capacity(signal)),
      clone: (spec) => cut(() => raw.clone(spec)),
      configure: (spec, host) => cut(() => raw.configure(spec, host)),
      start: (vm) => cut(() => raw.start(vm)),
      stop: (vm) => cut(() => raw.stop(vm)),
      delete: (vm) => cut(() => raw.delete(vm)),
      task: (handle) => cut(() => raw.task(handle)),
    };
    const { vms, watch } = watchServer(inner, {
      clock: deps.clock,
      policy: { failures: 3, spanMs: 2000, checkEveryMs: MINUTE, firstRetryMs: 5000, maxRetryMs: 2 * MINUTE },
      log: quiet,
      changed: async (away) => {
        if (away === undefined) await deps.store.wakeRuns('main', 'all', deps.clock.now());
        await tellOfServer(
          { cluster: 'main', store: deps.store, clock: deps.clock, tellAfterMs: 30_000, poke: () => undefined },
          away,
        );
      },
    });
    watches.push(watch);
    return { ...deps, vms };
  });
  const [watch] = watches;
  if (watch === undefined) throw new Error('no watch');
  /** The server is down for so long, with the looks that the watch makes meanwhile; then it is back, and seen. */
  const outage = async (ms: number): Promise<void> => {
    const untilMs = h.clock.now() + ms;
    while (h.clock.now() < untilMs) {
      await h.settle(10_000);
      const nextMs = watch.away()?.nextLookMs ?? h.clock.now() + 1000;
      await h.clock.advance(Math.max(1, nextMs - h.clock.now()));
      await watch.look();
    }
    line.down = false;
    await watch.look();
  };
  const state = async (id: string) => h.operations.operation(id);
  const told = async () =>
    (await h.store.dueOutbox(h.clock.now(), 99)).map(({ notice }) => notice).filter(({ kind }) => kind === 'server');
  return { h, line, watch, outage, state, told };
}

describe('while the VM server is away', () => {
  it('an operation waits and says so, for hours, and goes on by itself when it is back', async () => {
    const { h, line, watch, outage, state } = await harness();
    line.down = true;
    const { operation } = await h.operations.provision({ ...request('p'), count: 2, size: 'small', ttlHours: 24 });
    await h.settle(MINUTE);
    expect(watch.away()).toMatchObject({
      server: 'proxmox',
      reason: expect.stringContaining('ECONNREFUSED') as string,
    });
    const waiting = await state(operation.id);
    expect(waiting.runs.map((run) => [run.state, run.attempts, run.progress])).toEqual([
      ['running', 0, 'Waiting for the VM server proxmox'],
      ['running', 0, 'Waiting for the VM server proxmox'],
    ]);
    expect(waiting.runs[0]?.data.held).toMatchObject({ server: 'proxmox', sinceMs: watch.away()?.sinceMs });
    expect((await h.operations.fleet()).vmServer).toMatchObject({ server: 'proxmox' });
    // far beyond the time limit of its step
    await outage(5 * HOUR);
    expect((await state(operation.id)).runs.map((run) => run.attempts)).toEqual([0, 0]);
    await h.settle();
    const ended = await state(operation.id);
    expect(ended.operation.state).toBe('succeeded');
    expect(ended.runs[0]?.data.held).toBeUndefined();
    expect((await h.operations.fleet()).vmServer).toBeUndefined();
  });

  it('nothing is sent but the looks', async () => {
    const { h, line, watch } = await harness();
    line.down = true;
    await h.operations.provision({ ...request('p'), count: 5, size: 'small' });
    await h.settle(MINUTE);
    const before = line.calls;
    await h.settle(10 * MINUTE);
    await h.reaper.tick();
    expect(line.calls - before).toBe(0);
    await watch.look();
    expect(line.calls - before).toBe(1);
  });

  it.each([2, 4, 6, 8, 10, 12, 14])('an outage that begins at call %i of a life costs it nothing', async (at) => {
    const { h, line, outage, state } = await harness();
    const make = await h.operations.provision({ ...request('p'), count: 1, size: 'small', ttlHours: 100 });
    const name = make.runs[0]?.workerName ?? '';
    const until = async (calls: number): Promise<void> => {
      for (let step = 0; step < 200 && line.calls < calls; step += 1) await h.settle(1000);
      line.down = true;
    };
    await until(at);
    await outage(2 * HOUR);
    await h.settle();
    expect((await state(make.operation.id)).operation.state).toBe('succeeded');
    const away = await h.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
    await until(line.calls + (at % 7));
    await outage(2 * HOUR);
    await h.settle();
    expect((await state(away.operation.id)).operation.state).toBe('succeeded');
    expect([...h.world.vms.keys()].sort()).toEqual(['100', '9000']);
    expect(h.world.createdVms).toEqual([name]);
  });

  it('cancel works: at once where nothing was asked for, and otherwise what was made is removed afterwards', async () => {
    const { h, line, watch, outage, state } = await harness();
    const made = await h.operations.provision({ ...request('made'), count: 1, size: 'small' });
    h.world.joins = false;
    await h.settle(20_000);
    line.down = true;
    await watch.look();
    await h.clock.advance(3000);
    await watch.look();
    await watch.look();
    expect(watch.away()).toBeDefined();
    const fresh = await h.operations.provision({ ...request('fresh'), count: 1, size: 'small' });
    await h.settle(2000);
    await h.operations.cancel(fresh.operation.id, olga);
    await h.operations.cancel(made.operation.id, olga);
    await h.settle(2000);
    expect((await state(fresh.operation.id)).operation.state).toBe('cancelled');
    expect((await state(made.operation.id)).runs[0]).toMatchObject({ state: 'undoing', data: { vmId: '101' } });
    expect((await state(made.operation.id)).runs[0]?.progress).toBe('Waiting for the VM server proxmox');
    await outage(3 * HOUR);
    await h.settle();
    expect((await state(made.operation.id)).operation.state).toBe('cancelled');
    expect([...h.world.vms.keys()].sort()).toEqual(['100', '9000']);
  });

  it('a process that dies meanwhile loses nothing', async () => {
    const { h, line, outage, state } = await harness();
    line.down = true;
    const { operation } = await h.operations.provision({ ...request('p'), count: 1, size: 'small' });
    await h.settle(MINUTE);
    h.faults.at = { call: h.faults.count, when: 'after', error: () => new Crash('died') };
    await h.settle(10 * MINUTE);
    h.restart();
    await outage(HOUR);
    await h.settle();
    expect((await state(operation.id)).operation.state).toBe('succeeded');
  });

  it('is told once, and its return with the same key; a blip is not told at all', async () => {
    const { h, line, watch, outage, told } = await harness();
    line.down = true;
    for (const waitMs of [0, 1000, 1500]) {
      await h.clock.advance(waitMs);
      await watch.look();
    }
    expect(watch.away()).toBeDefined();
    await outage(1);
    expect(await told()).toEqual([]);
    expect(await h.store.openServerEpisode('main')).toBeUndefined();
    line.down = true;
    for (const waitMs of [0, 1000, 1500]) {
      await h.clock.advance(waitMs);
      await watch.look();
    }
    const sinceMs = watch.away()?.sinceMs ?? 0;
    await outage(10 * MINUTE);
    const notices = await told();
    expect(notices).toEqual([
      { kind: 'server', cluster: 'main', server: 'proxmox', sinceMs },
      { kind: 'server', cluster: 'main', server: 'proxmox', sinceMs },
    ]);
    expect(await h.store.getServerEpisode('main', 'proxmox', sinceMs)).toMatchObject({ endedAtMs: h.clock.now() });
    const audit = (await h.store.listAudit({ limit: 99 })).filter(({ action }) => action === 'vm-server');
    expect(audit.map(({ text }) => text)).toEqual([
      expect.stringMatching(/answers again/),
      expect.stringMatching(/has not answered for/),
    ]);
  });
});
