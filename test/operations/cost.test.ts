/** What workers cost, and that no two requests slip under a budget together. */
import { describe, expect, it } from 'vitest';
import { OverBudget } from '../../src/domain/budget.ts';
import type { Budget, CostPolicy } from '../../src/domain/budget.ts';
import { spentOf } from '../../src/domain/cost.ts';
import type { Lifespan } from '../../src/domain/cost.ts';
import { formatAll, microsOf, moneyOf } from '../../src/domain/money.ts';
import type { ServiceDeps } from '../../src/operations/index.ts';
import { HOUR, MINUTE, createHarness, olga } from './harness.ts';
import type { Harness } from './harness.ts';

const usd = (amount: number) => moneyOf('USD', microsOf(amount) ?? NaN);
const price = (amount: number) => ({ currency: 'USD', micros: microsOf(amount) ?? NaN });
const budget = (monthly: number, more: Partial<Budget> = {}): Budget => ({
  name: 'team',
  limit: usd(monthly),
  beyond: 'refuse',
  warnPercent: 80,
  roles: [],
  channels: [],
  clusters: [],
  ...more,
});
const cost = (...budgets: Budget[]): CostPolicy => ({
  currency: 'USD',
  timezone: 'UTC',
  prices: new Map([
    ['small', price(1)],
    ['medium', price(2)],
  ]),
  budgets,
});
const world = (...budgets: Budget[]) =>
  createHarness((deps: ServiceDeps) => ({ ...deps, cost: cost(...budgets), roleOf: async () => 'operator' }));
let asked = 0;
const request = (more: object = {}) => ({ by: olga, idempotencyKey: `key ${(asked += 1)}`, channelId: 'C1', ...more });
const small = (h: Harness, count: number, ttlHours: number, more: object = {}) =>
  h.operations.provision({ ...request(more), count, size: 'small', ttlHours });
const spans = (h: Harness): Promise<readonly Lifespan[]> => h.store.listLifespans({ sinceMs: 0 });
const refusal = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('a worker costs from when its VM is there until its VM is gone', () => {
  it('at the price that it was made with', async () => {
    const h = await world();
    await small(h, 1, 24);
    const [before] = await spans(h);
    expect([before?.vmFromMs, before?.price, before?.cpus, before?.role]).toEqual([undefined, price(1), 2, 'operator']);
    const askedMs = h.clock.now();
    await h.settle();
    const [made] = await spans(h);
    expect(made?.vmFromMs).toBeGreaterThan(askedMs);
    await h.clock.advance(5 * HOUR);
    const name = made?.worker ?? '';
    await h.operations.destroy({ ...request(), workers: [name], force: false, drainFirst: true });
    await h.settle();
    const [gone] = await spans(h);
    expect(gone?.over).toBe(true);
    const removed = await h.store.getWorker('main', name);
    expect(gone?.vmToMs).toBeLessThanOrEqual(removed?.removedAtMs ?? 0);
    await h.clock.advance(50 * HOUR);
    expect(formatAll(spentOf(gone as Lifespan, h.clock.now()), 'USD')).toMatch(/^\$5\.0\d$/);
  });

  it('and one that never had a VM costs nothing', async () => {
    const h = await world();
    h.world.cloneFails = true;
    await small(h, 1, 24);
    await h.settle();
    expect((await h.store.listWorkers({})).map(({ state }) => state)).toEqual(['failed']);
    expect(await spans(h)).toEqual([]);
  });

  it('and one that never joined costs until its VM was removed again', async () => {
    const h = await world();
    h.world.joins = false;
    await small(h, 1, 24);
    await h.settle();
    const [failed] = await spans(h);
    expect(failed?.over).toBe(true);
    expect(((failed?.vmToMs ?? 0) - (failed?.vmFromMs ?? 0)) / MINUTE).toBeCloseTo(15, 0);
    expect([...h.world.vms.keys()]).toEqual(['100', '9000']);
  });

  it('and a replacement has a price and a time of its own', async () => {
    const h = await world();
    await small(h, 1, 24);
    await h.settle();
    const [sick] = await spans(h);
    const node = h.world.nodes.get(sick?.worker ?? '');
    if (node === undefined) throw new Error('no node');
    node.conditions = [{ type: 'Ready', status: 'False', reason: '', message: '', sinceMs: h.clock.now() }];
    await h.clock.advance(HOUR);
    await h.operations.repair({ ...request(), worker: sick?.worker ?? '' });
    await h.settle();
    const [old, fresh] = await spans(h);
    expect(old?.over).toBe(true);
    expect(fresh?.vmFromMs).toBeGreaterThan(sick?.vmFromMs ?? Infinity);
    expect([fresh?.over, fresh?.price, fresh?.role]).toEqual([false, price(1), 'operator']);
  });
});

describe('a budget', () => {
  it('refuses what goes beyond it, counting what runs to its deadline, and audits that', async () => {
    const h = await world(budget(30));
    await small(h, 2, 10);
    await h.settle();
    const error = await refusal(small(h, 2, 10));
    expect(error).toBeInstanceOf(OverBudget);
    expect((error as Error).message).toMatch(/budget team .*\$20\.00 more, \$(9\.99|10\.00) of \$30\.00 left/);
    const [row] = await h.store.listAudit({ limit: 1 });
    expect([row?.action, row?.outcome]).toEqual(['provision', 'refused']);
    expect(await small(h, 1, 9)).toMatchObject({ duplicate: false });
  });

  it('lets one of two requests at once through', async () => {
    const h = await world(budget(15));
    const both = await Promise.allSettled([small(h, 1, 10), small(h, 1, 10)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await h.store.listWorkers({})).toHaveLength(1);
  });

  it('counts extensions, also those that are not carried out yet', async () => {
    const h = await world(budget(45));
    await small(h, 2, 10);
    await h.settle();
    const [a = '', b = ''] = (await spans(h)).map(({ worker }) => worker);
    const extend = (name: string, hours: number) => h.operations.extend({ ...request(), workers: [name], hours });
    const both = await Promise.allSettled([extend(a, 20), extend(b, 20)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await h.settle();
    expect(await refusal(extend(a, 20))).toBeInstanceOf(OverBudget);
    expect(await extend(b, 4)).toMatchObject({ duplicate: false });
  });

  it('gives back what is removed before its deadline', async () => {
    const h = await world(budget(30));
    await small(h, 2, 10);
    await h.settle();
    const [name = ''] = (await spans(h)).map(({ worker }) => worker);
    await h.operations.destroy({ ...request(), workers: [name], force: false, drainFirst: true });
    await h.settle();
    expect(await small(h, 1, 19)).toMatchObject({ duplicate: false });
  });

  it('is for its role and its channel', async () => {
    const h = await world(
      budget(5, { name: 'admins', roles: ['admin'] }),
      budget(15, { name: 'here', channels: ['C1'] }),
    );
    expect(await small(h, 1, 10)).toMatchObject({ duplicate: false });
    expect(((await refusal(small(h, 1, 10))) as Error).message).toMatch(/budget here/);
    expect(await small(h, 1, 10, { channelId: 'C2' })).toMatchObject({ duplicate: false });
  });

  it('may be gone beyond when that was approved, and the same request again is the same', async () => {
    const h = await world(budget(5, { beyond: 'approval' }), budget(100, { name: 'all' }));
    const error = await refusal(small(h, 1, 10));
    expect(error).toMatchObject({ approvable: true });
    const allowed = { ...request(), overBudget: ['team'], idempotencyKey: 'approval:1' };
    const first = await h.operations.provision({ ...allowed, count: 1, size: 'small', ttlHours: 10 });
    const again = await h.operations.provision({ ...allowed, count: 1, size: 'small', ttlHours: 10 });
    expect([first.duplicate, again.duplicate, again.operation.id]).toEqual([false, true, first.operation.id]);
    expect(await refusal(small(h, 1, 100, { overBudget: ['team'] }))).toMatchObject({ approvable: false });
  });
});
