/** Approvals over the real operations and store: carried out once, and only as it was shown. */
import { describe, expect, it } from 'vitest';
import { AwaitsApproval } from '../../src/domain/approval.ts';
import type { Approval, ApprovalPolicy, ApprovalRule } from '../../src/domain/approval.ts';
import type { Groups } from '../../src/domain/access.ts';
import { BurstError } from '../../src/domain/errors.ts';
import { createApprovals } from '../../src/operations/index.ts';
import type { Operations } from '../../src/operations/index.ts';
import { createHarness, HOUR, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { pod } from './world.ts';

const ada = { kind: 'slack', userId: 'UADA' } as const;
const eve = { kind: 'slack', userId: 'UEVE' } as const;
const noGroups: Groups = { known: true, memberOf: new Set() };
const rule: ApprovalRule = {
  name: 'all',
  actions: ['provision', 'drain', 'destroy', 'force'],
  moreThan: undefined,
  longerThanHours: undefined,
  costAbove: undefined,
  sizes: [],
  others: false,
  channels: [],
  clusters: [],
  between: undefined,
  days: [],
  approvers: { users: [], groups: [] },
  needed: 1,
  self: false,
  channelId: undefined,
  expiresMs: undefined,
};
const POLICY: ApprovalPolicy = {
  channelId: 'C0APPROVERS',
  expiresMs: HOUR,
  remindBeforeMs: 10 * MINUTE,
  timezone: 'UTC',
  rules: [rule],
};
const silent = { warn: () => undefined, error: () => undefined };

/** A process: dies are new ones over the same store. `broken` stands in for some operations. */
function boot(h: Harness, policy: ApprovalPolicy = POLICY, broken: Partial<Operations> = {}) {
  return createApprovals({
    store: h.real,
    clock: h.clock,
    ids: h.deps.ids,
    log: silent,
    doors: new Map([
      [
        'main',
        {
          operations: { ...h.operations, ...broken },
          policy,
          admins: { users: ['UADA', 'UEVE'], groups: [] },
          defaults: { size: 'small', ttlHours: 4 },
        },
      ],
    ]),
    defaultChannelId: undefined,
    poke: () => undefined,
  });
}
type Process = ReturnType<typeof boot>;

let keys = 0;
const request = (key = `k${(keys += 1)}`) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
async function asked(act: Promise<unknown>): Promise<Approval> {
  const error = await act.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AwaitsApproval)) throw new Error('it was not asked about', { cause: error });
  return error.approval;
}
const provision = (process: Process, key?: string): Promise<Approval> =>
  asked(process.guarded('main').provision({ ...request(key), count: 2, size: 'small', ttlHours: 4 }));
const approve = (process: Process, { id }: Approval, by = ada as typeof ada | typeof eve) =>
  process.decide(id, by, { verdict: 'approve' }, noGroups);
const operationsOf = async (h: Harness) => (await h.store.listOperations({ limit: 99 })).map(({ kind }) => kind);
/** A worker that is Ready. */
async function worker(h: Harness): Promise<string> {
  const { runs } = await h.operations.provision({ ...request(), count: 1, size: 'small', ttlHours: 4 });
  await h.settle();
  return runs[0]?.workerName ?? '';
}
const drain = (process: Process, name: string): Promise<Approval> =>
  asked(process.guarded('main').drain({ ...request(), workers: [name], admin: false }));
const destroy = (process: Process, name: string): Promise<Approval> =>
  asked(process.guarded('main').destroy({ ...request(), workers: [name], force: false, drainFirst: true }));

describe('once', () => {
  it('the same request is the same question, and the last approval one operation', async () => {
    const h = await createHarness();
    const process = boot(h);
    const first = await provision(process, 'same');
    expect((await provision(process, 'same')).id).toBe(first.id);
    expect(await operationsOf(h)).toEqual([]);
    const outcomes = await Promise.all([
      approve(process, first),
      approve(process, first, eve),
      approve(process, first),
    ]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['late', 'late', 'recorded']);
    await process.tend();
    expect(await operationsOf(h)).toEqual(['provision']);
    const done = await process.get(first.id);
    expect(done).toMatchObject({ state: 'executed', decisions: [{ by: ada, verdict: 'approve' }] });
    // the same request later is told how it went, and does nothing
    expect((await provision(process, 'same')).state).toBe('executed');
    expect(await operationsOf(h)).toEqual(['provision']);
  });

  it.each(['before', 'after'] as const)('a process that dies right %s the work is submitted', async (when) => {
    const h = await createHarness();
    const dying: Partial<Operations> = {
      async provision(asking) {
        if (when === 'after' || asking.checkOnly === true) {
          const accepted = await h.operations.provision(asking);
          if (asking.checkOnly === true) return accepted;
        }
        throw new Error('the process is dead');
      },
    };
    const first = boot(h, POLICY, dying);
    const approval = await provision(first);
    await approve(first, approval);
    expect((await first.get(approval.id))?.state).toBe('approved');
    expect(await operationsOf(h)).toEqual(when === 'after' ? ['provision'] : []);
    const second = boot(h);
    await second.tend();
    await second.tend();
    expect(await operationsOf(h)).toEqual(['provision']);
    const [operation] = await h.store.listOperations({ limit: 1 });
    expect(await second.get(approval.id)).toMatchObject({ state: 'executed', operationId: operation?.id });
  });

  it('a destruction that was begun before the crash is not void for having changed its worker', async () => {
    const h = await createHarness();
    const name = await worker(h);
    const first = boot(h, POLICY, {
      async destroy(asking) {
        const accepted = await h.operations.destroy(asking);
        if (asking.checkOnly === true) return accepted;
        throw new Error('the process is dead');
      },
    });
    const approval = await destroy(first, name);
    await approve(first, approval);
    await h.settle();
    expect(h.world.nodes.has(name)).toBe(false);
    const second = boot(h);
    await second.tend();
    expect((await second.get(approval.id))?.state).toBe('executed');
    expect(h.world.deletedVms).toEqual([name]);
  });

  it('what cannot be begun now is begun later, within its time', async () => {
    const h = await createHarness();
    let away = true;
    const process = boot(h, POLICY, {
      async provision(asking) {
        if (away && asking.checkOnly !== true) throw new BurstError('unavailable', 'The API server is away.');
        return h.operations.provision(asking);
      },
    });
    const [early, late] = [await provision(process), await provision(process)];
    await approve(process, early);
    expect((await process.get(early.id))?.state).toBe('approved');
    away = false;
    await process.tend();
    expect((await process.get(early.id))?.state).toBe('executed');
    away = true;
    await approve(process, late);
    await h.clock.advance(HOUR);
    await process.tend();
    expect(await process.get(late.id)).toMatchObject({
      state: 'void',
      note: expect.stringContaining('away') as string,
    });
  });
});

describe('bound to what was shown', () => {
  it.each<[string, (h: Harness, name: string) => void]>([
    ['a node that was replaced', (h, name) => void Object.assign(h.world.nodes.get(name) ?? {}, { uid: 'another' })],
    [
      'a node that is cordoned',
      (h, name) => void Object.assign(h.world.nodes.get(name) ?? {}, { unschedulable: true }),
    ],
    ['a node that is gone', (h, name) => void h.world.nodes.delete(name)],
  ])('%s voids a drain and a destruction', async (_, change) => {
    const h = await createHarness();
    const name = await worker(h);
    const process = boot(h);
    const both = [await drain(process, name), await destroy(process, name)];
    change(h, name);
    for (const approval of both)
      expect(await approve(process, approval)).toMatchObject({ kind: 'void', approval: { state: 'void' } });
    expect((await operationsOf(h)).filter((kind) => kind !== 'provision')).toEqual([]);
  });

  it.each(['the first', 'the last'])('is seen at %s of two approvals', async (which) => {
    const h = await createHarness();
    const name = await worker(h);
    const process = boot(h, { ...POLICY, rules: [{ ...rule, needed: 2 }] });
    const approval = await drain(process, name);
    if (which === 'the last') expect((await approve(process, approval)).approval.state).toBe('pending');
    Object.assign(h.world.nodes.get(name) ?? {}, { uid: 'another' });
    expect((await approve(process, approval, eve)).approval.state).toBe('void');
    expect((await process.get(approval.id))?.decisions).toHaveLength(which === 'the last' ? 1 : 0);
  });

  it('a pod that came meanwhile voids a destruction, which showed the pods', async () => {
    const h = await createHarness();
    const name = await worker(h);
    const process = boot(h);
    const approval = await destroy(process, name);
    expect(approval.previews).toMatchObject([{ worker: name, pods: [] }]);
    h.world.pods.push(pod('late', name));
    expect((await approve(process, approval)).kind).toBe('void');
  });

  it('what would be refused anyway is refused at once, and nobody is asked', async () => {
    const h = await createHarness();
    const process = boot(h);
    const operations = process.guarded('main');
    await expect(operations.provision({ ...request(), count: 99, size: 'small' })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(
      operations.destroy({ ...request(), workers: ['worker-1'], force: true, drainFirst: false }),
    ).rejects.toMatchObject({ code: 'safety_violation' });
    const nobody = { ...POLICY, rules: [{ ...rule, actions: ['drain' as const] }] };
    expect(
      (
        await boot(h, nobody)
          .guarded('main')
          .provision({ ...request(), count: 1 })
      ).duplicate,
    ).toBe(false);
    expect(await process.waiting('main')).toEqual([]);
  });
});

describe('who, and until when', () => {
  it('several approvers, each once; the requester does not count', async () => {
    const h = await createHarness();
    const users = ['UADA', 'UEVE', olga.userId];
    const process = boot(h, { ...POLICY, rules: [{ ...rule, needed: 2, approvers: { users, groups: [] } }] });
    const approval = await provision(process);
    await expect(process.decide(approval.id, olga, { verdict: 'approve' }, noGroups)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('yourself') as string,
    });
    expect((await approve(process, approval)).approval.state).toBe('pending');
    expect(await approve(process, approval)).toMatchObject({ kind: 'late', approval: { state: 'pending' } });
    expect((await approve(process, approval, eve)).approval.state).toBe('executed');
    const audit = await h.store.listAudit({ limit: 99 });
    const lines = audit.filter(({ action }) => action === 'approval:provision').map(({ outcome }) => outcome);
    expect(lines.reverse()).toEqual(['requested', 'refused', 'decided', 'decided', 'done']);
  });

  it('a group that cannot be looked up is a no', async () => {
    const h = await createHarness();
    const process = boot(h, { ...POLICY, rules: [{ ...rule, approvers: { users: [], groups: ['ops'] } }] });
    const approval = await provision(process);
    const failed: Groups = { known: false, why: 'Slack did not answer' };
    await expect(process.decide(approval.id, ada, { verdict: 'approve' }, failed)).rejects.toThrow(
      /Slack did not answer/,
    );
    expect((await process.get(approval.id))?.state).toBe('pending');
    const member: Groups = { known: true, memberOf: new Set(['ops']) };
    expect((await process.decide(approval.id, ada, { verdict: 'approve' }, member)).approval.state).toBe('executed');
  });

  it('a denial ends it, with its reason', async () => {
    const h = await createHarness();
    const process = boot(h);
    const approval = await provision(process);
    const denied = await process.decide(approval.id, ada, { verdict: 'deny', reason: 'no money' }, noGroups);
    expect(denied.approval).toMatchObject({ state: 'denied', decisions: [{ reason: 'no money' }] });
    expect((await approve(process, approval, eve)).kind).toBe('late');
    await expect(process.withdraw(approval.id, eve)).rejects.toMatchObject({ code: 'forbidden' });
    expect((await process.withdraw(approval.id, olga)).state).toBe('denied');
    expect(await operationsOf(h)).toEqual([]);
  });

  it('is reminded of once, then expires, also when nobody looked in time', async () => {
    const h = await createHarness();
    const process = boot(h);
    const [told, unseen] = [await provision(process), await provision(process)];
    const reminders = async (): Promise<number> =>
      (await h.store.dueOutbox(h.clock.now(), 99)).filter(({ key }) => key === `approval:${told.id}:reminder`).length;
    await process.tend();
    expect(await reminders()).toBe(0);
    await h.clock.advance(51 * MINUTE);
    await process.tend();
    await process.tend();
    expect(await reminders()).toBe(1);
    await h.clock.advance(10 * MINUTE);
    expect(await approve(process, unseen)).toMatchObject({ kind: 'late', approval: { state: 'expired' } });
    await process.tend();
    expect((await process.get(told.id))?.state).toBe('expired');
    expect(await operationsOf(h)).toEqual([]);
  });

  it('a rule may wait longer or shorter than the others; the shortest of those that match counts', async () => {
    const h = await createHarness();
    const long = { ...rule, name: 'long', expiresMs: 5 * HOUR };
    const lasts = async (rules: readonly ApprovalRule[]): Promise<number> => {
      const { createdAtMs, expiresAtMs } = await provision(boot(h, { ...POLICY, rules }));
      return expiresAtMs - createdAtMs;
    };
    expect(await lasts([long])).toBe(5 * HOUR);
    expect(await lasts([long, { ...rule, expiresMs: MINUTE }])).toBe(MINUTE);
    expect(await lasts([long, rule])).toBe(HOUR);
  });

  it('one person cannot bury the approvers in requests', async () => {
    const h = await createHarness();
    const process = boot(h);
    for (let count = 0; count < 20; count += 1) await provision(process);
    await expect(process.guarded('main').provision({ ...request(), count: 1 })).rejects.toMatchObject({
      code: 'limit_reached',
    });
    await process.withdraw((await process.waiting('main'))[0]?.id ?? '', olga);
    await provision(process);
  });

  it('forces what is under way, once, also when the process died right after', async () => {
    const h = await createHarness();
    const name = await worker(h);
    const { operation } = await h.operations.drain({ ...request(), workers: [name], admin: false });
    let forced = 0;
    const first = boot(h, POLICY, {
      async force(asking) {
        const accepted = await h.operations.force(asking);
        if (asking.checkOnly === true) return accepted;
        forced += 1;
        throw new Error('the process is dead');
      },
    });
    const approval = await asked(
      first.guarded('main').force({ ...request(), operationId: operation.id, worker: name }),
    );
    expect((await h.store.runsOf(operation.id))[0]?.data.force).toBeUndefined();
    await approve(first, approval);
    expect((await h.store.runsOf(operation.id))[0]?.data.force).toBe(true);
    const second = boot(h, POLICY, { force: () => Promise.reject(new Error('a second time')) });
    await second.tend();
    expect(await second.get(approval.id)).toMatchObject({ state: 'executed', operationId: operation.id });
    expect(forced).toBe(1);
  });

  it.each<[string, Partial<ApprovalRule>, boolean]>([
    ['only who asks', { approvers: { users: [olga.userId], groups: [] } }, false],
    ['only who asks, where that counts', { approvers: { users: [olga.userId], groups: [] }, self: true }, true],
    ['fewer than needed', { needed: 3 }, false],
    ['as many as needed', { needed: 2 }, true],
    ['a group, whoever is in it', { needed: 9, approvers: { users: [], groups: ['ops'] } }, true],
  ])('is not put to people when there cannot be enough: %s', async (_, more, expected) => {
    const h = await createHarness();
    const process = boot(h, { ...POLICY, rules: [{ ...rule, ...more }] });
    const outcome = await provision(process).then(
      () => true,
      (error: unknown) => !(error instanceof Error && String(error.cause).includes('too few')),
    );
    expect(outcome).toBe(expected);
  });

  it('with nobody who could approve, it is refused', async () => {
    const h = await createHarness();
    const process = createApprovals({
      store: h.real,
      clock: h.clock,
      ids: h.deps.ids,
      log: silent,
      doors: new Map([
        [
          'main',
          {
            operations: h.operations,
            policy: POLICY,
            admins: { users: [], groups: [] },
            defaults: { size: 'small', ttlHours: 4 },
          },
        ],
      ]),
      defaultChannelId: undefined,
      poke: () => undefined,
    });
    await expect(process.guarded('main').provision({ ...request(), count: 1 })).rejects.toMatchObject({
      code: 'forbidden',
    });
  });
});
