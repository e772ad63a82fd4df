import { describe, expect, test } from 'vitest';
import type { Arrival, InboxStore } from '../../../src/ports/inbox.ts';
import { openStore } from '../../../src/store/index.ts';
import { clock, countingIds, T } from './fixtures.ts';

const arrival = (key: string, receivedAtMs = T): Arrival => ({
  key,
  kind: 'command',
  payload: '{"a":1}',
  receivedAtMs,
});
const open = (): Promise<InboxStore> => openStore({ path: ':memory:', clock, ids: countingIds() });
const record = (store: InboxStore, owner: string, keys: readonly string[], done: readonly string[] = []) =>
  store.recordRequests({ owner, arrivals: keys.map((key) => arrival(key)), done, nowMs: T, claimUntilMs: T + 10 });
const claim = (store: InboxStore, owner: string, nowMs: number, limit = 10) =>
  store.claimRequests({ owner, nowMs, claimUntilMs: nowMs + 10, limit });

describe('the inbox', () => {
  test('a request is new once, in one batch too', async () => {
    const store = await open();
    expect(await record(store, 'one', ['a', 'b', 'a'])).toEqual(['new', 'new', 'duplicate']);
    expect(await record(store, 'one', ['b', 'c'])).toEqual(['duplicate', 'new']);
  });

  test('what was served is not served again, by nobody', async () => {
    const store = await open();
    await record(store, 'one', ['a']);
    await record(store, 'one', [], ['a']);
    expect(await record(store, 'one', ['a'])).toEqual(['duplicate']);
    expect(await record(store, 'two', ['a'])).toEqual(['duplicate']);
    expect(await claim(store, 'two', T + 100)).toEqual([]);
  });

  test('what an ended process left is given to one other, once its claim is over', async () => {
    const store = await open();
    await record(store, 'one', ['a', 'b']);
    expect(await claim(store, 'two', T + 9)).toEqual([]);
    expect(await claim(store, 'one', T + 10), 'its own it is serving').toEqual([]);
    expect(await claim(store, 'two', T + 10, 1)).toEqual([{ ...arrival('a'), tries: 1 }]);
    expect((await claim(store, 'three', T + 10)).map(({ key }) => key)).toEqual(['b']);
    expect(await claim(store, 'four', T + 19)).toEqual([]);
    expect((await claim(store, 'four', T + 20)).map(({ tries }) => tries)).toEqual([2, 2]);
  });

  test('a claim that is renewed is not over, and one that is let go is', async () => {
    const store = await open();
    await record(store, 'one', ['a']);
    await store.renewRequests('one', T + 50);
    expect(await claim(store, 'two', T + 49)).toEqual([]);
    await store.renewRequests('one', T + 5);
    expect(await claim(store, 'two', T + 5)).toHaveLength(1);
  });

  test('Slack sends it to another process: that one serves it', async () => {
    const store = await open();
    await record(store, 'one', ['a']);
    expect(await record(store, 'two', ['a'])).toEqual(['again']);
    expect(await claim(store, 'one', T + 9)).toEqual([]);
  });

  test('served ones are forgotten after a while, and kept in bounds; open ones never are', async () => {
    const store = await open();
    await record(store, 'one', ['a', 'b', 'c', 'open'], []);
    await store.recordRequests({ owner: 'one', arrivals: [], done: ['a'], nowMs: T, claimUntilMs: T });
    await store.recordRequests({ owner: 'one', arrivals: [], done: ['b'], nowMs: T + 5, claimUntilMs: T });
    await store.recordRequests({ owner: 'one', arrivals: [], done: ['c'], nowMs: T + 6, claimUntilMs: T });
    expect(await store.forgetRequests(T + 1, 10)).toBe(1);
    expect(await store.forgetRequests(T + 1, 1)).toBe(1);
    expect(await record(store, 'one', ['a', 'b', 'c'])).toEqual(['new', 'new', 'duplicate']);
    expect((await claim(store, 'two', T + 10)).map(({ key }) => key)).toContain('open');
  });
});
