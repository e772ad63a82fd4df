/** The simulator answers as the real server was recorded to: same kind of reply, same texts, no field or type of its own. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Pve } from '../../../../src/sandbox/proxmox/pve.ts';
import { callTool } from '../../../../src/sandbox/proxmox/tools.ts';
import { realClock } from '../../../contract/cluster-setup.ts';

const entries = z.array(
  z.object({ tool: z.string(), args: z.record(z.string(), z.unknown()), isError: z.boolean(), body: z.unknown() }),
);
const recorded = z
  .object({ quick: entries, duringClone: entries })
  .parse(JSON.parse(readFileSync(new URL('recorded.json', import.meta.url), 'utf8')));

const UPID = /^UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:(\w+):(\d*):(\S+):$/;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Same shape: task ids by type and VM, texts alike, numbers as numbers, and no key that the recording lacks. */
function expectLike(mine: unknown, real: unknown, path: string): void {
  if (typeof real === 'string' && UPID.test(real)) {
    expect(UPID.exec(String(mine))?.slice(1), path).toEqual(UPID.exec(real)?.slice(1));
  } else if (Array.isArray(real)) {
    expect(Array.isArray(mine), path).toBe(true);
    // rows differ in what they carry: each of mine must be like the union of the recorded ones
    const union: unknown = Object.assign({}, ...(real as object[]));
    for (const row of mine as unknown[]) expectLike(row, union, `${path}[]`);
  } else if (isObject(real)) {
    expect(isObject(mine), path).toBe(true);
    for (const [key, value] of Object.entries(mine as object)) {
      expect(Object.keys(real), path).toContain(key);
      expectLike(value, real[key], `${path}.${key}`);
    }
  } else if (/\.(error|exitstatus|tool)$/.test(path) || path === 'body') expect(mine, path).toEqual(real);
  else expect(typeof mine, path).toBe(typeof real);
}

let pve: Pve;
afterEach(() => {
  pve.close();
});

async function replay(list: typeof recorded.quick, cloneMs: number): Promise<void> {
  pve = new Pve({ clock: realClock, cloneMs, startMs: 1, stopMs: 1, power: () => undefined, changed: () => undefined });
  pve.vms.delete(101);
  let task = '';
  for (const { tool, args, isError, body } of list) {
    const known = typeof args['upid'] === 'string' && !args['upid'].includes('00000001:00000001');
    const call = known ? { ...args, upid: task } : args;
    // the recordings look at tasks that have ended, but for the slow clone's own
    const state = isObject(body) && isObject(body['data']) ? body['data']['status'] : undefined;
    if (known && state === 'stopped') await expect.poll(() => pve.tasks.get(task)?.status).toBe('stopped');
    const answer = callTool(pve, tool, call);
    const text = answer.content[0]?.text ?? '';
    expect(answer.isError, `${tool} ${JSON.stringify(args)}`).toBe(isError);
    const mine: unknown = typeof body === 'string' ? text : JSON.parse(text);
    expectLike(mine, body, typeof body === 'string' ? 'body' : `${tool} ${JSON.stringify(args)}: body`);
    if (isObject(mine) && typeof mine['data'] === 'string' && mine['data'].startsWith('UPID')) task = mine['data'];
    // what was asked for has been done before the next call, unless the clone is meant to be slow
    if (cloneMs < 100)
      await expect.poll(() => [...pve.tasks.values()].every((one) => one.status !== 'running')).toBe(true);
  }
}

describe('against the recordings', () => {
  it('a whole life, with its mistakes', () => replay(recorded.quick, 1));
  it('while a clone is under way', () => replay(recorded.duringClone, 60_000));
});
