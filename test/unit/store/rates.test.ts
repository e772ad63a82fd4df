import { describe, expect, test } from 'vitest';
import type { Actor } from '../../../src/domain/operation.ts';
import type { RateRule } from '../../../src/domain/rate-limit.ts';
import type { NewOperation } from '../../../src/ports/store.ts';
import { ann, bob, open, provision, reaper, T, temporaryPath } from './fixtures.ts';

const HOUR_MS = 3_600_000;
const rate = (more: Partial<RateRule> = {}): RateRule => ({
  of: 'requester',
  counts: 'provisions',
  windowMs: HOUR_MS,
  maxRequests: 2,
  maxWorkers: undefined,
  ...more,
});
let names = 0;
const asked = (by: Actor, more: Partial<NewOperation> = {}, workers = 1): NewOperation => {
  const own = Array.from({ length: workers }, () => `w${++names}`);
  const id = `op${++names}`;
  return { ...provision(id, own), requester: by, rates: [rate()], idempotencyKey: id, ...more };
};
const limited = { code: 'rate_limited', retryAtMs: T + HOUR_MS };

describe('limits over time', () => {
  test('hold for each requester, and end with the window', async () => {
    const store = await open();
    await store.createOperation(asked(ann));
    await store.createOperation(asked(ann));
    await expect(store.createOperation(asked(ann))).rejects.toMatchObject(limited);
    await store.createOperation(asked(bob));
    expect((await store.createOperation(asked(ann, { createdAtMs: T + HOUR_MS }))).created).toBe(true);
  });

  test('survive a restart', async () => {
    const path = await temporaryPath();
    const before = await open(path);
    await before.createOperation(asked(ann));
    await before.createOperation(asked(ann));
    await before.close();
    await expect((await open(path)).createOperation(asked(ann))).rejects.toMatchObject(limited);
  });

  test('are not for what was asked for already, and refuse whole requests only', async () => {
    const store = await open();
    const one = asked(ann);
    await store.createOperation(one);
    await store.createOperation(asked(ann));
    expect((await store.createOperation(one)).created).toBe(false);
    const refused = asked(ann);
    await expect(store.createOperation(refused)).rejects.toMatchObject(limited);
    expect(await store.getOperation(refused.id)).toBeUndefined();
    expect(await store.getWorker(refused.cluster, refused.workers[0]?.name ?? '')).toBeUndefined();
  });

  test('count the workers that were asked for, of everybody but Burst itself', async () => {
    const store = await open();
    const rates = [rate({ of: 'everybody', maxRequests: undefined, maxWorkers: 5 })];
    await store.createOperation(asked(ann, { rates }, 2));
    await store.createOperation(asked(bob, { rates }, 2));
    await store.createOperation(asked(reaper, { rates: [] }, 3));
    await expect(store.createOperation(asked(bob, { rates }, 2))).rejects.toMatchObject(limited);
    await store.createOperation(asked(bob, { rates }, 1));
    await expect(store.createOperation(asked(ann, { rates }, 6))).rejects.toMatchObject({
      code: 'rate_limited',
      retryAtMs: undefined,
    });
  });

  test("tell an assistant from a person or a part of Burst's of the same name", async () => {
    const store = await open();
    const assistant: Actor = { kind: 'assistant', name: 'reaper' };
    await store.createOperation(asked(reaper));
    await store.createOperation(asked(reaper));
    expect((await store.createOperation(asked(assistant))).created).toBe(true);
  });

  test('hold in many requests at once', async () => {
    const store = await open();
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => store.createOperation(asked(ann))));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  test('can be asked for beforehand', async () => {
    const store = await open();
    const request = { requester: ann, rates: [rate()], workers: 1, nowMs: T };
    await store.assertWithinRates(request);
    await store.createOperation(asked(ann));
    await store.createOperation(asked(ann));
    await expect(store.assertWithinRates(request)).rejects.toMatchObject(limited);
  });
});
