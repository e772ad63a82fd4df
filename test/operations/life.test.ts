import { describe, expect, it } from 'vitest';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { Crash, node, pod } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });

async function provisioned(h: Harness, count = 1): Promise<string[]> {
  const { operation, runs } = await h.operations.provision({ ...request('make'), count, size: 'small', ttlHours: 4 });
  await h.settle();
  expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
  return runs.map((run) => run.workerName);
}

const burstVms = (h: Harness): string[] =>
  [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);

describe('a worker comes, works and goes', () => {
  it('is cloned, tagged, started, labelled and given its deadline', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const made = h.world.nodes.get(name);
    expect(made?.labels['worker-type']).toBe('burst');
    expect(made?.annotations['worker-ttl']).toBe('2026-01-05T12:00:00Z');
    expect([...h.world.vms.values()].find((vm) => vm.name === name)).toMatchObject({
      state: 'running',
      tags: ['burst', 'burst-test'],
    });
    expect(h.world.tokens.size).toBe(0);
    expect((await h.store.getWorker('main', name))?.state).toBe('active');
  });

  it('is drained, destroyed and closed, VM before node', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [
      pod('web-1', name),
      pod('agent', name, { controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'ds' } }),
    ];
    await h.operations.destroy({ ...request('go'), workers: [name], force: false, drainFirst: true });
    await h.settle();
    expect(h.world.evicted).toEqual(['web-1']);
    expect(burstVms(h)).toEqual([]);
    expect(h.world.nodes.has(name)).toBe(false);
    expect((await h.store.getWorker('main', name))?.state).toBe('removed');
    expect((await h.store.getSchedule('main', name))?.status).toBe('done');
  });

  it('makes ten at once in little more than the time of one', async () => {
    const one = await createHarness();
    const beganOne = one.clock.now();
    await provisioned(one);
    const ten = await createHarness();
    const beganTen = ten.clock.now();
    await provisioned(ten, 10);
    expect(new Set([...ten.world.vms.values()].map((vm) => vm.id)).size).toBe(12);
    expect((ten.clock.now() - beganTen) / (one.clock.now() - beganOne)).toBeLessThanOrEqual(1.2);
  });

  it('cleans up after a clone that failed, and says why', async () => {
    const h = await createHarness();
    h.world.cloneFails = true;
    const { operation } = await h.operations.provision({ ...request('x'), count: 1 });
    await h.settle();
    const after = await h.operations.operation(operation.id);
    expect(after.operation.state).toBe('failed');
    expect(after.runs[0]?.failure?.message).toContain('storage is full');
    expect(burstVms(h)).toEqual([]);
  });

  it('gives up on a VM that never joins and leaves nothing behind', async () => {
    const h = await createHarness();
    h.world.joins = false;
    const { operation } = await h.operations.provision({ ...request('x'), count: 1 });
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('failed');
    expect(burstVms(h)).toEqual([]);
    expect(h.world.tokens.size).toBe(0);
  });

  it('stops a provision that is cancelled, and removes what was made', async () => {
    const h = await createHarness();
    h.world.joins = false;
    const { operation } = await h.operations.provision({ ...request('x'), count: 2 });
    await h.settle(10_000);
    await h.operations.cancel(operation.id, olga);
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('cancelled');
    expect(burstVms(h)).toEqual([]);
  });

  it('is the same operation when the same request comes twice', async () => {
    const h = await createHarness();
    const first = await h.operations.provision({ ...request('same'), count: 1 });
    const second = await h.operations.provision({ ...request('same'), count: 1 });
    expect(second).toMatchObject({ duplicate: true, operation: { id: first.operation.id } });
    await h.settle();
    expect(burstVms(h)).toHaveLength(1);
  });
});

describe('the limits', () => {
  it.each([
    [{ count: 0 }, 'count'],
    [{ count: 11 }, 'count'],
    [{ count: 1.5 }, 'count'],
    [{ count: 1, ttlHours: 0 }, 'TTL'],
    [{ count: 1, ttlHours: 169 }, 'TTL'],
    [{ count: 1, size: 'huge' }, 'size'],
  ])('refuses %o and audits it', async (input, word) => {
    const h = await createHarness();
    await expect(h.operations.provision({ ...request('x'), ...input })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining(word) as string,
    });
    expect(await h.store.listAudit({ limit: 5 })).toMatchObject([{ action: 'provision', outcome: 'refused' }]);
  });

  it('counts requested workers against max_burst_workers', async () => {
    const h = await createHarness();
    await h.operations.provision({ ...request('a'), count: 8 });
    await expect(h.operations.provision({ ...request('b'), count: 3 })).rejects.toMatchObject({
      code: 'limit_reached',
    });
  });
});

describe('safety', () => {
  it.each(['worker-1', 'cp-1'])('never destroys or drains %s, force or not', async (name) => {
    const h = await createHarness();
    for (const force of [false, true])
      await expect(
        h.operations.destroy({ ...request(`d${force}`), workers: [name], force, drainFirst: true }),
      ).rejects.toThrow(/^SAFETY VIOLATION: /);
    await expect(h.operations.drain({ ...request('dr'), workers: [name], admin: true })).rejects.toThrow(
      /^SAFETY VIOLATION: /,
    );
    await expect(h.operations.expire([name], h.clock.now(), 'x')).rejects.toThrow(/^SAFETY VIOLATION: /);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });

  it('does not destroy a burst-looking node whose name is protected', async () => {
    const h = await createHarness();
    h.world.nodes.set(
      'permanent-7',
      node('permanent-7', {
        labels: { 'worker-type': 'burst' },
        annotations: { 'worker-ttl': '2026-01-01T00:00:00Z' },
      }),
    );
    await expect(
      h.operations.destroy({ ...request('d'), workers: ['permanent-7'], force: true, drainFirst: true }),
    ).rejects.toThrow(/protected/);
  });

  it('stops when the node loses its burst label between the click and the deletion', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const { operation } = await h.operations.destroy({
      ...request('d'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    const target = h.world.nodes.get(name);
    if (target !== undefined) target.labels = {};
    await h.settle();
    expect((await h.operations.operation(operation.id)).runs[0]).toMatchObject({
      state: 'undone',
      failure: { code: 'safety_violation' },
    });
    expect(burstVms(h)).toEqual([name]);
  });

  it('refuses when the recorded VM id carries another VM', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const vm = [...h.world.vms.values()].find((candidate) => candidate.name === name);
    if (vm !== undefined) vm.name = 'somebody-elses';
    const { operation } = await h.operations.destroy({
      ...request('d'),
      workers: [name],
      force: true,
      drainFirst: true,
    });
    await h.settle();
    expect((await h.operations.operation(operation.id)).runs[0]?.failure?.message).toMatch(
      /^SAFETY VIOLATION: VM \d+ is called somebody-elses/,
    );
    expect(h.world.deletedVms).toEqual([]);
  });

  it('refuses a VM without the ownership tag', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    const vm = [...h.world.vms.values()].find((candidate) => candidate.name === name);
    if (vm !== undefined) vm.tags = ['burst'];
    await h.operations.destroy({ ...request('d'), workers: [name], force: true, drainFirst: true });
    await h.settle();
    expect(h.world.deletedVms).toEqual([]);
  });

  it('asks for a drain before a destroy, and sees when what was shown has changed', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    await expect(
      h.operations.destroy({ ...request('a'), workers: [name], force: false, drainFirst: false }),
    ).rejects.toMatchObject({ code: 'not_drained' });
    const shown = await h.operations.previewDestroy(name);
    h.world.pods = [pod('web-1', name)];
    await expect(
      h.operations.destroy({
        ...request('b'),
        workers: [name],
        force: false,
        drainFirst: true,
        fingerprints: { [name]: shown.fingerprint },
      }),
    ).rejects.toMatchObject({ code: 'changed_meanwhile' });
  });
});

describe('a blocked drain', () => {
  const budget = {
    namespace: 'shop',
    name: 'web',
    matches: () => true,
    disruptionsAllowed: 0,
    currentHealthy: 2,
    desiredHealthy: 2,
    expectedPods: 2,
  };

  it('names the pod and the budget, gives up after the time limit, and uncordons', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await h.operations.drain({ ...request('d'), workers: [name], admin: false });
    await h.settle(MINUTE);
    expect((await h.operations.operation(operation.id)).runs[0]?.blocked).toMatchObject({
      pod: 'shop/web-1',
      budget: 'shop/web',
      never: true,
    });
    await h.settle();
    expect((await h.operations.operation(operation.id)).runs[0]).toMatchObject({
      state: 'undone',
      failure: { code: 'drain_timed_out' },
    });
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });

  it('of an expired worker waits, tells, and goes on when the budget lets go', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    await h.clock.advance(5 * HOUR);
    await h.reaper.tick();
    await h.settle(30 * MINUTE);
    const alerts = (await h.store.dueOutbox(h.clock.now(), 50)).filter((row) => row.notice.kind === 'alert');
    expect(alerts).toHaveLength(1);
    expect(burstVms(h)).toEqual([name]);
    h.world.budgets = [];
    await h.settle();
    expect(burstVms(h)).toEqual([]);
  });

  it('with force goes past the budget', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    await h.operations.destroy({ ...request('d'), workers: [name], force: true, drainFirst: true });
    await h.settle();
    expect(burstVms(h)).toEqual([]);
  });

  it.each(['drain', 'destroy'] as const)(
    'under way (%s) goes past the budget once an admin forces it',
    async (kind) => {
      const h = await createHarness();
      const [name = ''] = await provisioned(h);
      h.world.pods = [pod('web-1', name)];
      h.world.budgets = [budget];
      const { operation } =
        kind === 'drain'
          ? await h.operations.drain({ ...request('d'), workers: [name], admin: false })
          : await h.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
      await h.settle(2 * MINUTE);
      expect(h.world.pods).toHaveLength(1);
      await h.operations.force({ ...request('f'), operationId: operation.id, worker: name });
      await h.settle();
      expect(h.world.pods).toEqual([]);
      expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
      expect(burstVms(h)).toEqual(kind === 'drain' ? [name] : []);
      expect((await h.store.listAudit({ operationId: operation.id, limit: 99 })).map((row) => row.action)).toContain(
        'force',
      );
      await expect(
        h.operations.force({ ...request('g'), operationId: operation.id, worker: name }),
      ).rejects.toMatchObject({ code: 'not_forcible' });
    },
  );

  it('that a second, forced destroy meets goes on with force, as the same operation', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const first = await h.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
    await h.settle(2 * MINUTE);
    const second = await h.operations.destroy({ ...request('e'), workers: [name], force: true, drainFirst: false });
    expect(second.operation.id).toBe(first.operation.id);
    await h.settle();
    expect(burstVms(h)).toEqual([]);
  });

  it('gets its whole time limit once more when people choose to wait', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await h.operations.drain({ ...request('d'), workers: [name], admin: false });
    await h.settle(9 * MINUTE);
    await h.operations.waitLonger(operation.id, request('w'));
    await h.settle(9 * MINUTE);
    expect((await h.operations.operation(operation.id)).operation.state).toBe('running');
    await h.settle(2 * MINUTE);
    expect((await h.operations.operation(operation.id)).operation.state).toBe('failed');
  });

  it('refuses as a whole when a pod has no controller, before the first eviction', async () => {
    const h = await createHarness();
    const [name = ''] = await provisioned(h);
    h.world.pods = [pod('web-1', name), pod('lonely', name, { controller: undefined })];
    await h.operations.drain({ ...request('d'), workers: [name], admin: false });
    await h.settle();
    expect(h.world.evicted).toEqual([]);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });
});

/** Runs one life: provision, then destroy, with one fault at call number `call`. @returns the number of calls seen. */
async function lifeWithFault(call: number, when: 'before' | 'after', crash: boolean): Promise<number> {
  const h = await createHarness();
  h.faults.at = {
    call,
    when,
    error: () => (crash ? new Crash('the process died') : new Error('the connection was reset')),
  };
  const { runs } = await h.operations.provision({ ...request('p'), count: 1, size: 'small', ttlHours: 4 });
  const name = runs[0]?.workerName ?? '';
  await h.settle();
  h.restart();
  h.world.pods = [pod('web-1', name)];
  expect((await h.store.getWorker('main', name))?.state, `provision with a fault ${when} call ${call}`).toBe('active');
  const destroy = () => h.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
  await destroy().catch(() => {
    // the person is told, and asks again
    h.restart();
    return destroy();
  });
  await h.settle();
  h.restart();
  await h.settle();
  const where = `fault ${when} call ${call} (${h.faults.names[call] ?? 'none'})`;
  expect(burstVms(h), where).toEqual([]);
  expect(h.world.nodes.has(name), where).toBe(false);
  expect(h.world.createdVms, where).toEqual([name]);
  expect(h.world.deletedVms, where).toEqual([name]);
  expect(h.world.tokens.size, where).toBe(0);
  expect(h.world.vms.get('100'), where).toMatchObject({ name: 'pet-db', state: 'running' });
  expect((await h.real.liveRuns()).length, where).toBe(0);
  expect((await h.store.getWorker('main', name))?.state, where).toBe('removed');
  return h.faults.count;
}

describe('at every call and write', () => {
  it.each([
    ['a crash', 'before', true],
    ['a crash', 'after', true],
    ['a lost connection', 'before', false],
    ['a lost answer', 'after', false],
  ] as const)('%s %s it leaks nothing, does nothing twice, and all is settled', async (_, when, crash) => {
    const calls = await lifeWithFault(-1, when, crash);
    expect(calls).toBeGreaterThan(50);
    for (let call = 0; call < calls; call += 1) await lifeWithFault(call, when, crash);
  });
});
