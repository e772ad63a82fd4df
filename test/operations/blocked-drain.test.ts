/** What holds a drain back, what people are told of it, and how it ends. */
import { describe, expect, it } from 'vitest';
import type { BudgetFacts } from '../../src/domain/worker.ts';
import { createHarness, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { pod } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
const budget: BudgetFacts = {
  namespace: 'shop',
  name: 'web',
  matches: (labels) => labels['app'] === 'web',
  disruptionsAllowed: 0,
  currentHealthy: 2,
  desiredHealthy: 2,
  expectedPods: 2,
};
const notReady = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '', sinceMs: 0 } as const;

async function worker(h: Harness): Promise<string> {
  const { runs } = await h.operations.provision({ ...request('make'), count: 1, size: 'small', ttlHours: 4 });
  await h.settle();
  return runs[0]?.workerName ?? '';
}
const drains = (h: Harness, name: string) => h.operations.drain({ ...request('d'), workers: [name], admin: false });
async function runOf(h: Harness, id: string) {
  const { runs } = await h.operations.operation(id);
  const [run] = runs;
  if (run === undefined) throw new Error('no run');
  return run;
}

describe('a blocked drain', () => {
  it('tells pod, budget, numbers, since when, and that it can never finish by itself', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const atMs = h.clock.now();
    const { operation } = await drains(h, name);
    await h.settle(5 * MINUTE);
    expect((await runOf(h, operation.id)).blocked).toEqual({
      sinceMs: atMs,
      text: 'shop/web-1 is held by the PodDisruptionBudget shop/web (2 of 2 healthy, 2 needed, 0 may go); it cannot finish by itself',
      pod: 'shop/web-1',
      budget: 'shop/web',
      numbers: '2 of 2 healthy, 2 needed, 0 may go',
      never: true,
    });
  });

  it('is merely slow while a pod of the budget is not healthy', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [{ ...budget, currentHealthy: 1 }];
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    expect((await runOf(h, operation.id)).blocked).toMatchObject({ budget: 'shop/web', never: false });
  });

  it('counts anew when another budget takes over', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name), pod('db-1', name, { labels: { app: 'db' } })];
    h.world.budgets = [budget, { ...budget, name: 'db', matches: (labels) => labels['app'] === 'db' }];
    const { operation } = await drains(h, name);
    await h.settle(2 * MINUTE);
    const before = (await runOf(h, operation.id)).blocked;
    h.world.budgets = h.world.budgets.filter((item) => `shop/${item.name}` !== before?.budget);
    await h.settle(MINUTE);
    const after = (await runOf(h, operation.id)).blocked;
    expect(after?.budget).not.toBe(before?.budget);
    expect(after?.sinceMs).toBeGreaterThan((before?.sinceMs ?? 0) + MINUTE);
  });

  it('names all budgets of a pod that several cover, even when each would allow it', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [
      { ...budget, disruptionsAllowed: 1 },
      { ...budget, name: 'everything', disruptionsAllowed: 1 },
    ];
    h.world.evictAs = () => ({
      kind: 'blocked',
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      budget: undefined,
    });
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    expect((await runOf(h, operation.id)).blocked).toMatchObject({
      pod: 'shop/web-1',
      budget: 'shop/web, shop/everything',
      never: true,
    });
    expect((await h.operations.previewDrain(name)).blocked).toMatchObject([{ pod: 'shop/web-1', never: true }]);
  });

  it('ends at the time limit with the blocker’s name, and the node takes pods again', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await drains(h, name);
    await h.settle();
    const run = await runOf(h, operation.id);
    expect(run.state).toBe('undone');
    expect(run.failure?.message).toMatch(/blocked and did not end within 10 min: shop\/web-1 .* shop\/web \(2 of 2/);
    expect(h.world.nodes.get(name)?.unschedulable).toBe(false);
  });

  it.each([false, true])('cancelled uncordons at once, unless another cordoned it before (%s)', async (before) => {
    const h = await createHarness();
    const name = await worker(h);
    const node = h.world.nodes.get(name);
    if (node === undefined) throw new Error('no node');
    node.unschedulable = before;
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    await h.operations.cancel(operation.id, olga);
    const atMs = h.clock.now();
    await h.settle();
    expect(h.clock.now()).toBe(atMs);
    expect((await runOf(h, operation.id)).state).toBe('undone');
    expect(node.unschedulable).toBe(before);
  });

  it('by an eviction that is refused otherwise names pod and reason, moves the others, and ends at the limit', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name), pod('web-2', name)];
    h.world.evictAs = (target) =>
      target.name === 'web-1' ? { kind: 'failed', message: 'admission webhook denied the request' } : undefined;
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    expect(h.world.evicted).toEqual(['web-2']);
    expect((await runOf(h, operation.id)).blocked?.text).toBe(
      'shop/web-1 could not be evicted: admission webhook denied the request',
    );
    await h.settle();
    expect((await runOf(h, operation.id)).failure?.message).toContain('admission webhook denied');
  });

  it('by a namespace that is being deleted waits for it', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.evictAs = () => ({ kind: 'namespace_terminating' });
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    expect((await runOf(h, operation.id)).blocked?.text).toBe('the namespace of shop/web-1 is being deleted');
    h.world.pods = [];
    await h.settle();
    expect((await runOf(h, operation.id)).state).toBe('succeeded');
  });
});

describe('pods that do not end', () => {
  it('on a node that is Ready are waited for, and named at the time limit', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.ending = (target) => ({ ...target, deletionAtMs: h.clock.now() + 3_600_000 });
    const { operation } = await drains(h, name);
    await h.settle();
    expect((await runOf(h, operation.id)).failure?.message).toMatch(/blocked.*still there: shop\/web-1/);
  });

  it('on a node that is not Ready get 1 s, also those that were ending slowly, and are not waited for much longer', async () => {
    const h = await createHarness();
    const name = await worker(h);
    const node = h.world.nodes.get(name);
    if (node === undefined) throw new Error('no node');
    node.conditions = [notReady];
    h.world.pods = [pod('web-1', name), pod('web-2', name, { deletionAtMs: h.clock.now() + 3_600_000 })];
    const graces: (number | undefined)[] = [];
    h.world.ending = (target, graceSeconds) => {
      graces.push(graceSeconds);
      return { ...target, deletionAtMs: h.clock.now() + (graceSeconds ?? 300) * 1000 };
    };
    const atMs = h.clock.now();
    const { operation } = await drains(h, name);
    await h.settle(10_000);
    expect((await runOf(h, operation.id)).progress).toMatch(/not Ready: no kubelet confirms.* 30 s at the most/);
    await h.settle();
    expect((await runOf(h, operation.id)).state).toBe('succeeded');
    expect(graces).toEqual([1, 1]);
    expect(h.clock.now() - atMs).toBeLessThan(40_000);
  });
});

describe('pods that come after the cordon', () => {
  it('are moved too, and named meanwhile', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    h.world.pods.push(pod('stubborn-1', name, { createdAtMs: h.clock.now(), labels: { app: 'stubborn' } }));
    h.world.ending = (target) => ({ ...target, deletionAtMs: h.clock.now() + 3_600_000 });
    await h.settle(MINUTE);
    expect((await runOf(h, operation.id)).progress).toMatch(/came after the cordon.*shop\/stubborn-1/);
    h.world.ending = () => undefined;
    h.world.budgets = [];
    h.world.pods = h.world.pods.filter((item) => item.name !== 'stubborn-1');
    await h.settle();
    expect(await runOf(h, operation.id)).toMatchObject({ state: 'succeeded', data: { podsMoved: 2 } });
  });

  it('and may not be evicted end the drain with their name', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.pods = [pod('web-1', name)];
    h.world.budgets = [budget];
    const { operation } = await drains(h, name);
    await h.settle(MINUTE);
    h.world.pods.push(pod('lonely', name, { controller: undefined }));
    await h.settle();
    expect((await runOf(h, operation.id)).failure?.message).toMatch(/^Nothing more was evicted: shop\/lonely/);
  });
});

describe('a pod of a StatefulSet that has moved', () => {
  it('is not evicted where it runs now', async () => {
    const h = await createHarness();
    const name = await worker(h);
    const old = pod('db-0', name, { controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's' } });
    h.world.pods = [old];
    h.world.evictAs = () => {
      h.world.pods = [{ ...old, uid: 'uid-db-0-again', nodeName: 'worker-1' }];
      return { kind: 'gone' };
    };
    const { operation } = await drains(h, name);
    await h.settle();
    expect((await runOf(h, operation.id)).state).toBe('succeeded');
    expect(h.world.pods).toMatchObject([{ name: 'db-0', nodeName: 'worker-1' }]);
    expect(h.world.evicted).toEqual([]);
  });
});

describe('volumes', () => {
  it('are waited for before the VM goes', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.attachments = ['csi-1'];
    const { operation } = await h.operations.destroy({
      ...request('r'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    await h.settle(MINUTE);
    expect(await runOf(h, operation.id)).toMatchObject({
      step: 'await-detach',
      progress: 'Waiting for 1 volume to detach: csi-1',
    });
    expect(h.world.deletedVms).toEqual([]);
    h.world.attachments = [];
    await h.settle();
    expect(h.world.deletedVms).toEqual([name]);
    expect((await runOf(h, operation.id)).data.volumesLeft).toBeUndefined();
  });

  it('that do not detach within the limit are recorded, and the removal goes on', async () => {
    const h = await createHarness();
    const name = await worker(h);
    h.world.attachments = ['csi-1', 'csi-2'];
    const { operation } = await h.operations.destroy({
      ...request('r'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    await h.settle();
    expect(await runOf(h, operation.id)).toMatchObject({ state: 'succeeded', data: { volumesLeft: 2 } });
    expect(h.world.deletedVms).toEqual([name]);
  });
});
