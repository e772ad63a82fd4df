/** VMs that carry our tag and that no record owns: told once each, and adopted or destroyed by a person, once. */
import { describe, expect, it } from 'vitest';
import { BurstError } from '../../src/domain/errors.ts';
import { guard } from '../../src/operations/approval-gate.ts';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { Crash, node } from './world.ts';

const NAME = 'burst-small-zzzzz';
const ada = { kind: 'slack', userId: 'U0ADMIN0001' } as const;
const request = (key: string, by: typeof ada | typeof olga = ada) => ({
  by,
  channelId: 'C0BURST0001',
  idempotencyKey: key,
  vmId: '777',
  name: NAME,
});
function put(
  h: Harness,
  more: Partial<{ id: string; name: string; tags: string[]; lock: string; template: boolean }> = {},
) {
  const id = more.id ?? '777';
  h.world.vms.set(id, {
    id,
    name: more.name ?? NAME,
    state: 'running',
    tags: more.tags ?? ['burst', 'burst-test'],
    template: more.template ?? false,
    lock: more.lock,
    bootedAtMs: 0,
  });
}
const sweep = async (h: Harness): Promise<void> => {
  await h.clock.advance(2 * MINUTE);
  await h.reaper.tick();
};
const told = async (h: Harness) =>
  (await h.store.dueOutbox(h.clock.now(), 99)).map(({ notice }) => notice).filter(({ kind }) => kind === 'stray');
/** One that people have been told of. */
async function found(change?: Parameters<typeof createHarness>[0]): Promise<Harness> {
  const h = await createHarness(change, { writes: ['createOperation', 'saveStray'] });
  put(h);
  await h.reaper.tick();
  await sweep(h);
  expect(await told(h)).toHaveLength(1);
  return h;
}
const only = async (h: Harness) => {
  const [stray, ...others] = await h.store.openStrays('main');
  expect(others).toEqual([]);
  return stray;
};

describe('a VM with our tag and no record', () => {
  it('is told of once it was nobody’s for the grace period, once, and not touched', async () => {
    const h = await createHarness();
    put(h);
    await h.reaper.tick();
    expect(await told(h), 'a young one is spared').toEqual([]);
    for (let at = 0; at < 4; at += 1) await sweep(h);
    expect(await told(h)).toMatchObject([{ kind: 'stray', vmId: '777', name: NAME }]);
    expect(h.world.vms.get('777')).toMatchObject({ state: 'running' });
    expect(h.faults.names.filter((name) => ['stop', 'delete', 'configure', 'start'].includes(name))).toEqual([]);
  });

  it('that went by itself is told as gone; a listing that fails or shows nothing says nothing of it', async () => {
    const h = await found();
    const list = h.world.provider.list.bind(h.world.provider);
    h.world.provider.list = () => Promise.reject(new BurstError('unavailable', 'away'));
    await sweep(h);
    expect(await only(h)).toMatchObject({ outcome: undefined });
    h.world.provider.list = list;
    h.world.vms.delete('777');
    await sweep(h);
    expect(await h.store.openStrays('main')).toEqual([]);
    const notices = await told(h);
    expect(notices).toHaveLength(2);
    expect(notices[1]).toEqual(notices[0]);
    const audit = await h.store.listAudit({ workerName: NAME, limit: 9 });
    expect(audit.map(({ action, text }) => `${action}: ${text}`)).toEqual([
      'stray: VM 777, which no record owned: gone',
      'stray: VM 777 carries our tag and no record owns it',
    ]);
  });

  it.each<[string, Parameters<typeof put>[1]]>([
    ['without our tag', { tags: ['burst'] }],
    ['of another installation', { tags: ['burst', 'burst-other'] }],
    ['that is a template', { template: true }],
  ])('%s is nobody’s business, and can be neither adopted nor destroyed', async (_, more) => {
    const h = await createHarness();
    put(h, more);
    await h.reaper.tick();
    await sweep(h);
    expect(await told(h)).toEqual([]);
    await expect(h.operations.adoptStray(request('a'))).rejects.toMatchObject({ code: 'changed_meanwhile' });
    await expect(h.operations.destroyStray(request('d'))).rejects.toMatchObject({ code: 'changed_meanwhile' });
    expect(h.world.vms.has('777')).toBe(true);
  });

  it('is told of once where two clusters share a VM server', async () => {
    const h = await found();
    const stray = await only(h);
    if (stray === undefined) throw new Error('no stray');
    await h.store.saveStray({ ...stray, endedAtMs: 1, outcome: 'gone' });
    await h.store.saveStray({ ...stray, cluster: 'west' });
    await sweep(h);
    expect(await h.store.openStrays('main')).toEqual([]);
  });
});

describe('destroy', () => {
  it('removes it like a worker, says by whom, and is done once however often it is asked for', async () => {
    const h = await found();
    const first = await h.operations.destroyStray(request('d'));
    const second = await h.operations.destroyStray(request('d2', olga));
    const third = await h.operations.adoptStray(request('a', olga));
    if (first.kind !== 'operation' || second.kind !== 'operation' || third.kind !== 'operation')
      throw new Error('none');
    expect(second).toMatchObject({ duplicate: true, operation: { id: first.operation.id, requester: ada } });
    expect(third).toMatchObject({ duplicate: true, operation: { id: first.operation.id } });
    expect(await only(h)).toMatchObject({ decision: 'destroy', decidedBy: ada, operationId: first.operation.id });
    await sweep(h);
    expect(await only(h), 'under way').toMatchObject({ outcome: undefined });
    await h.settle();
    expect(h.world.deletedVms).toEqual([NAME]);
    expect((await h.operations.operation(first.operation.id)).operation.state).toBe('succeeded');
    await sweep(h);
    expect(await h.store.openStrays('main')).toEqual([]);
    expect(await h.store.getWorker('main', NAME)).toMatchObject({ state: 'removed' });
    expect([...h.world.vms.keys()].sort()).toEqual(['100', '9000']);
    const audit = await h.store.listAudit({ operationId: first.operation.id, limit: 99 });
    expect(audit.some((row) => row.outcome === 'requested' && row.actor.kind === 'slack')).toBe(true);
  });

  it.each<[string, (h: Harness) => void]>([
    ['another name', (h) => put(h, { name: 'pet-of-somebody' })],
    ['no tag any more', (h) => put(h, { tags: [] })],
    ['the tag of another installation', (h) => put(h, { tags: ['burst', 'burst-other'] })],
  ])('of a VM that carries %s by then touches nothing', async (_, happens) => {
    const h = await found();
    happens(h);
    await expect(h.operations.destroyStray(request('d'))).rejects.toMatchObject({ code: 'safety_violation' });
    await expect(h.operations.adoptStray(request('a'))).rejects.toMatchObject({ code: 'safety_violation' });
    expect(h.world.deletedVms).toEqual([]);
    expect(await h.store.getWorker('main', NAME)).toBeUndefined();
  });

  it.each<[string, (h: Harness) => void]>([
    ['another VM', (h) => put(h, { name: 'pet-of-somebody' })],
    ['a VM without tags', (h) => put(h, { tags: [] })],
  ])('finds the id taken by %s between the click and the act, and leaves that', async (_, happens) => {
    const h = await found();
    const answer = await h.operations.destroyStray(request('d'));
    happens(h);
    await h.settle();
    if (answer.kind !== 'operation') throw new Error('none');
    expect((await h.operations.operation(answer.operation.id)).operation.state).toBe('failed');
    expect(h.world.vms.has('777')).toBe(true);
    expect(h.world.deletedVms).toEqual([]);
  });

  it('is refused while its node is not provably a burst worker, and drains one that is', async () => {
    const h = await found();
    h.world.nodes.set(NAME, node(NAME));
    await expect(h.operations.destroyStray(request('d'))).rejects.toMatchObject({ code: 'safety_violation' });
    await expect(h.operations.adoptStray(request('a'))).rejects.toMatchObject({ code: 'safety_violation' });
    expect(h.world.nodes.get(NAME)).toMatchObject({ unschedulable: false, labels: {} });
    const preview = await h.operations.previewStray({ vmId: '777', name: NAME });
    expect(preview).toMatchObject({ node: NAME, destroy: expect.stringContaining('permanent worker') as string });
    h.world.nodes.set(
      NAME,
      node(NAME, { labels: { 'worker-type': 'burst' }, annotations: { 'worker-ttl': '2027-01-01T00:00:00Z' } }),
    );
    await h.operations.destroyStray(request('d'));
    await h.settle();
    expect(h.world.nodes.has(NAME)).toBe(false);
    expect(h.world.deletedVms).toEqual([NAME]);
  });

  it('that is cancelled leaves it as it was: people are asked again, and may decide again', async () => {
    const h = await found();
    put(h, { lock: 'backup' });
    const answer = await h.operations.destroyStray(request('d'));
    if (answer.kind !== 'operation') throw new Error('none');
    await h.settle(30_000);
    await h.operations.cancel(answer.operation.id, ada);
    await h.settle();
    put(h);
    await sweep(h);
    expect(h.world.vms.has('777'), 'nothing removes it by itself').toBe(true);
    expect(await only(h)).toMatchObject({ decision: undefined, operationId: undefined, attempts: 1 });
    const again = await h.operations.destroyStray(request('again'));
    expect(again).toMatchObject({ duplicate: false });
    await h.settle();
    expect(h.world.deletedVms).toEqual([NAME]);
  });

  it('survives the death of the process at every call and write', async () => {
    let last = 0;
    for (let at = 0; at <= last; at += 1)
      for (const when of ['before', 'after'] as const) {
        const h = await found();
        const begin = h.faults.count;
        h.faults.at = { call: begin + at, when, error: () => new Crash('died') };
        const click = () => h.operations.destroyStray(request('d'));
        await click().catch(() => undefined);
        h.restart();
        await h.settle();
        // the person clicks again when nothing seems to have come of it
        await sweep(h);
        if ((await h.store.openStrays('main')).some((stray) => stray.operationId === undefined)) await click();
        await h.settle();
        await sweep(h);
        if (at === 0) last = Math.max(last, h.faults.names.length - begin - 8);
        expect(h.world.deletedVms, `call ${at} ${when}`).toEqual([NAME]);
        expect(await h.store.openStrays('main'), `call ${at} ${when}`).toEqual([]);
        const removals = (await h.store.listOperations({ kinds: ['destroy'], limit: 9 })).length;
        expect(removals, `call ${at} ${when}`).toBe(1);
      }
    expect(last).toBeGreaterThan(15);
  });

  it('goes through the rules on destroying like any other', async () => {
    const h = await found();
    const asked: unknown[] = [];
    const guarded = guard(
      { operations: h.operations, defaults: { size: 'small', ttlHours: 24 } },
      async (_, params) => {
        asked.push(params);
        throw new BurstError('awaiting_approval', 'wait');
      },
    );
    await expect(guarded.destroyStray(request('d'))).rejects.toMatchObject({ code: 'awaiting_approval' });
    expect(asked).toEqual([{ action: 'destroy', workers: [NAME], drainFirst: true }]);
    // what was approved names it like a worker
    const done = await h.operations.destroy({
      by: ada,
      idempotencyKey: 'approval:1',
      workers: [NAME],
      force: false,
      drainFirst: true,
    });
    expect(done.operation.idempotencyKey).toBe('approval:1');
    await h.settle();
    expect(h.world.deletedVms).toEqual([NAME]);
  });
});

describe('adopt', () => {
  it('without a node waits for it to join, and gives it the deadline of a new worker', async () => {
    const h = await found();
    const vm = h.world.vms.get('777');
    if (vm !== undefined) Object.assign(vm, { state: 'stopped', bootedAtMs: undefined });
    const answer = await h.operations.adoptStray(request('a'));
    await h.settle();
    if (answer.kind !== 'operation') throw new Error('none');
    expect((await h.operations.operation(answer.operation.id)).operation.state).toBe('succeeded');
    expect(await h.store.getWorker('main', NAME)).toMatchObject({
      state: 'active',
      vmId: '777',
      size: 'small',
      owner: ada,
    });
    expect(h.world.nodes.get(NAME)?.labels['worker-type']).toBe('burst');
    expect((await h.store.getSchedule('main', NAME))?.status).toBe('active');
    expect(h.faults.names).not.toContain('clone');
    expect(h.faults.names, 'it has to be able to join').toContain('configure');
    await sweep(h);
    expect(await h.store.openStrays('main')).toEqual([]);
    expect(await told(h)).toHaveLength(3);
    await h.clock.advance(25 * HOUR);
    await h.reaper.tick();
    await h.settle();
    expect(h.world.deletedVms).toEqual([NAME]);
  });

  it('that runs is left as it is; it is given up, and the VM removed, when it does not join', async () => {
    const h = await found();
    h.world.joins = false;
    const answer = await h.operations.adoptStray(request('a'));
    await h.settle();
    expect(h.faults.names).not.toContain('configure');
    if (answer.kind !== 'operation') throw new Error('none');
    const ended = await h.operations.operation(answer.operation.id);
    expect(ended.operation.state).toBe('failed');
    expect(h.world.deletedVms).toEqual([NAME]);
    await expect(h.operations.retry(answer.operation.id, request('r'))).rejects.toMatchObject({
      code: 'not_retryable',
    });
  });

  it('never makes another VM in its place', async () => {
    const h = await found();
    const answer = await h.operations.adoptStray(request('a'));
    h.world.vms.delete('777');
    await h.settle();
    if (answer.kind !== 'operation') throw new Error('none');
    expect((await h.operations.operation(answer.operation.id)).operation.state).toBe('failed');
    expect(h.world.createdVms).toEqual([]);
  });

  it('leaves a VM alone that is another by then', async () => {
    const h = await found();
    await h.operations.adoptStray(request('a'));
    put(h, { name: 'pet-of-somebody' });
    await h.settle();
    expect(h.world.vms.get('777')).toMatchObject({ name: 'pet-of-somebody', state: 'running' });
    expect(h.world.deletedVms).toEqual([]);
  });

  it('with a burst worker’s node takes it up from that, with its deadline', async () => {
    const h = await found();
    h.world.nodes.set(
      NAME,
      node(NAME, { labels: { 'worker-type': 'burst' }, annotations: { 'worker-ttl': '2026-02-01T00:00:00Z' } }),
    );
    expect(await h.operations.adoptStray(request('a'))).toEqual({ kind: 'recorded', worker: NAME });
    expect(await h.store.getWorker('main', NAME)).toMatchObject({ state: 'active' });
    expect((await h.store.getSchedule('main', NAME))?.expiresAtMs).toBe(Date.parse('2026-02-01T00:00:00Z'));
    expect(await h.store.openStrays('main')).toEqual([]);
    await expect(h.operations.adoptStray(request('b'))).rejects.toMatchObject({ code: 'changed_meanwhile' });
  });

  it.each(['worker-1', 'permanent-small-abcde', 'Burst-small-abcde', 'burst-small-ABCDE', 'burst-small-abc'])(
    'refuses the name %s',
    async (name) => {
      const h = await createHarness();
      put(h, { name });
      await h.reaper.tick();
      await sweep(h);
      await expect(h.operations.adoptStray({ ...request('a'), name })).rejects.toMatchObject({
        code: 'safety_violation',
      });
      expect(await h.store.getWorker('main', name)).toBeUndefined();
    },
  );

  it('counts as a worker: without room it is refused', async () => {
    const h = await found((deps) => ({ ...deps, workers: { ...deps.workers, maxBurstWorkers: 0 } }));
    await expect(h.operations.adoptStray(request('a'))).rejects.toMatchObject({ code: 'limit_reached' });
    expect(await only(h)).toMatchObject({ operationId: undefined });
  });

  it('survives the death of the process at many moments', async () => {
    for (const at of [0, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18]) {
      const h = await found();
      {
        const vm = h.world.vms.get('777');
        if (vm !== undefined) Object.assign(vm, { state: 'stopped', bootedAtMs: undefined });
      }
      h.faults.at = {
        call: h.faults.count + at,
        when: at % 4 === 0 ? 'before' : 'after',
        error: () => new Crash('died'),
      };
      const click = () => h.operations.adoptStray(request('a'));
      await click().catch(() => undefined);
      h.restart();
      await h.settle();
      await sweep(h);
      if ((await h.store.openStrays('main')).some((stray) => stray.operationId === undefined)) await click();
      await h.settle();
      expect(await h.store.getWorker('main', NAME), `call ${at}`).toMatchObject({ state: 'active', vmId: '777' });
      expect(h.world.createdVms).toEqual([]);
    }
  });
});

describe('a VM that bears a worker’s name', () => {
  async function named(h: Harness): Promise<string> {
    const { runs } = await h.operations.provision({ ...request('make'), count: 1, size: 'small', ttlHours: 4 });
    await h.settle();
    return runs[0]?.workerName ?? '';
  }
  it('while that lives is told, and neither adopted nor destroyed: its node would be harmed', async () => {
    const h = await createHarness();
    const name = await named(h);
    put(h, { name });
    await sweep(h);
    await sweep(h);
    expect(await only(h)).toMatchObject({ kind: 'twin', vmId: '777', name });
    for (const verb of ['adoptStray', 'destroyStray'] as const)
      await expect(h.operations[verb]({ ...request('x'), name })).rejects.toMatchObject({ code: 'safety_violation' });
    expect(h.world.nodes.get(name)).toMatchObject({ unschedulable: false });
  });

  it('that has ended can be destroyed, not adopted', async () => {
    const h = await createHarness();
    const name = await named(h);
    await h.operations.destroy({ ...request('go'), workers: [name], force: false, drainFirst: true });
    await h.settle();
    put(h, { name });
    await sweep(h);
    await sweep(h);
    expect(await only(h)).toMatchObject({ kind: 'leftover' });
    await expect(h.operations.adoptStray({ ...request('a'), name })).rejects.toMatchObject({
      code: 'safety_violation',
    });
    await h.operations.destroyStray({ ...request('d'), name });
    await h.settle();
    expect(h.world.vms.has('777')).toBe(false);
    await sweep(h);
    expect(await h.store.openStrays('main')).toEqual([]);
  });
});
