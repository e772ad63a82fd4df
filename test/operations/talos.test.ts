/** Workers whose machine a Talos server configures and resets: the order, every crash, every fault. */
import { describe, expect, it } from 'vitest';
import { BurstError } from '../../src/domain/errors.ts';
import { createHarness, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { Machines } from './talos-world.ts';
import { Crash, node } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });
type Rig = { readonly h: Harness; readonly machines: Machines };

async function rig(): Promise<Rig> {
  const made: { machines?: Machines } = {};
  const h = await createHarness(
    (deps) => ({
      ...deps,
      joinToken: { kind: 'static', token: '' },
      ...(made.machines === undefined ? {} : { machines: made.machines.server }),
    }),
    {
      withWorld: (world) => {
        made.machines = new Machines(world);
      },
    },
  );
  if (made.machines === undefined) throw new Error('no machines');
  return { h, machines: made.machines };
}
const ours = ({ h }: Rig) => [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-'));

async function provision({ h }: Rig): Promise<{ name: string; state: string; why: string }> {
  const { operation, runs } = await h.operations.provision({
    ...request('make'),
    count: 1,
    size: 'small',
    ttlHours: 4,
  });
  await h.settle();
  const seen = await h.operations.operation(operation.id);
  return { name: runs[0]?.workerName ?? '', state: seen.operation.state, why: seen.runs[0]?.failure?.message ?? '' };
}
async function destroy({ h }: Rig, name: string, force = false, key = 'go'): Promise<{ state: string; why: string }> {
  const { operation } = await h.operations.destroy({ ...request(key), workers: [name], force, drainFirst: true });
  await h.settle();
  const seen = await h.operations.operation(operation.id);
  return { state: seen.operation.state, why: seen.runs[0]?.failure?.message ?? '' };
}
const first = (h: Harness, name: string): number => h.faults.names.indexOf(name);

describe('a Talos worker', () => {
  it('gets its configuration after its VM has an address, and joins with it', async () => {
    const at = await rig();
    let asked = 0;
    const answers = at.h.world.addressesOf;
    at.h.world.addressesOf = (id) => ((asked += 1) > 4 ? answers(id) : []);
    expect(await provision(at)).toMatchObject({ state: 'succeeded' });
    expect(first(at.h, 'start')).toBeLessThan(first(at.h, 'apply'));
    expect(at.machines.done).toEqual(['apply 10.0.0.101']);
    expect(at.h.faults.names).not.toContain('createBootstrapToken');
  });

  it('is drained, reset, and only then its VM goes, and then its node', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.h.faults.names.length = 0;
    expect(await destroy(at, name)).toEqual({ state: 'succeeded', why: '' });
    const order = ['patchNode', 'reset', 'stop', 'delete', 'deleteNode'].map((call) => first(at.h, call));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order.every((place) => place >= 0)).toBe(true);
    expect(at.machines.done).toEqual(['apply 10.0.0.101', 'reset 10.0.0.101']);
    expect([ours(at), at.h.world.nodes.has(name)]).toEqual([[], false]);
  });

  it('that starts anew with its template is reset all the same', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.comesBack = true;
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(at.machines.done.filter((what) => what.startsWith('reset'))).toHaveLength(1);
  });

  it.each([
    ['a crash before', 'before', () => new Crash('crash')],
    ['a crash after', 'after', () => new Crash('crash')],
    ['an answer lost before', 'before', () => new BurstError('unknown_outcome', 'lost')],
    ['an answer lost after', 'after', () => new BurstError('unknown_outcome', 'lost')],
    ['a server away at', 'before', () => new BurstError('unavailable', 'away')],
  ] as const)('comes and goes whole with %s any call', { timeout: 120_000 }, async (_, when, error) => {
    const life = async (at?: Harness['faults']['at']): Promise<Rig> => {
      const made = await rig();
      made.h.faults.at = at;
      const { name, state } = await provision(made);
      expect(state).toBe('succeeded');
      const ended = await made.h.operations.destroy({
        ...request('go'),
        workers: [name],
        force: false,
        drainFirst: true,
      });
      await made.h.settle();
      expect((await made.h.operations.operation(ended.operation.id)).operation.state).toBe('succeeded');
      return made;
    };
    const names = (await life()).h.faults.names;
    expect(names.length).toBeGreaterThan(40);
    for (const [call, name] of names.entries()) {
      // what a request reads for itself fails before anything is recorded
      if (name === 'getNode' || name === 'listPodsOnNode' || name === 'listBudgets') continue;
      const at = await life({ call, when, error });
      const resets = at.machines.done.filter((what) => what.startsWith('reset'));
      expect([ours(at), at.h.world.nodes.size, resets.length > 0], `${when} ${name}`).toEqual([[], 3, true]);
    }
  });
});

describe('the configuration', () => {
  it('is waited for while the machine does not answer, and given up with its VM at the time limit', async () => {
    const at = await rig();
    at.machines.silent = true;
    const { state, why } = await provision(at);
    expect([state, why]).toEqual(['failed', expect.stringContaining('Giving the machine its configuration')]);
    expect(ours(at)).toEqual([]);
  });

  it('that the server refuses ends the provision, with the reason', async () => {
    const at = await rig();
    at.machines.refuse.apply = () => new BurstError('denied', 'talos: talos_apply_config: TOOL_NOT_ENABLED');
    expect(await provision(at)).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('TOOL_NOT_ENABLED') as string,
    });
    expect(ours(at)).toEqual([]);
  });
});

describe('the reset', () => {
  it('whose answer is lost is settled by looking: it is not asked for again', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.lose = true;
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(at.machines.done.filter((what) => what.startsWith('reset'))).toHaveLength(1);
  });

  it('that never reached the machine is asked for again', async () => {
    const at = await rig();
    const { name } = await provision(at);
    let tries = 0;
    at.machines.refuse.reset = () => {
      if ((tries += 1) === 3) at.machines.refuse = {};
      return new BurstError('unknown_outcome', 'talos: OUTCOME_UNKNOWN');
    };
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(at.machines.done).toContain('reset 10.0.0.101');
  });

  it('that is refused ends the removal: the worker stays as it was, and the reason is told', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.refuse.reset = () => new BurstError('denied', 'talos: talos_reset: PERMISSION_DENIED');
    expect(await destroy(at, name)).toMatchObject({
      state: 'failed',
      why: expect.stringContaining('PERMISSION_DENIED') as string,
    });
    expect(ours(at)).toMatchObject([{ name, state: 'running' }]);
    expect(at.h.world.nodes.get(name)).toMatchObject({ unschedulable: false });
    expect(await destroy(at, name, true, 'forced')).toMatchObject({ state: 'succeeded' });
    expect(ours(at)).toEqual([]);
  });

  it('waits while the Talos server is away; when it stays away, the worker stays', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.refuse.look = () => new BurstError('unavailable', 'talos cannot be reached');
    const { operation } = await at.h.operations.destroy({
      ...request('a'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    await at.h.settle(5 * MINUTE);
    expect((await at.h.operations.operation(operation.id)).runs[0]).toMatchObject({
      state: 'running',
      step: 'reset-machine',
    });
    await at.h.settle();
    expect((await at.h.operations.operation(operation.id)).runs[0]).toMatchObject({
      state: 'undone',
      failure: { message: expect.stringContaining('cannot be reached') as string },
    });
    expect(ours(at)).toMatchObject([{ name, state: 'running' }]);
    at.machines.refuse = {};
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
  });

  it('of a machine that had been reset, or is off, is not asked for', async () => {
    const at = await rig();
    const { name } = await provision(at);
    await at.machines.server.reset({ address: '10.0.0.101', name, size: 'small' });
    await at.h.clock.advance(MINUTE);
    at.machines.done.length = 0;
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(at.machines.done).toEqual([]);

    const off = await rig();
    const other = await provision(off);
    for (const vm of ours(off)) vm.state = 'stopped';
    off.machines.done.length = 0;
    expect(await destroy(off, other.name)).toMatchObject({ state: 'succeeded' });
    expect(off.machines.done).toEqual([]);
  });

  it('of a machine that does not answer is given up at its time limit: its disk goes with its VM', async () => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.silent = true;
    const beganMs = at.h.clock.now();
    expect(await destroy(at, name)).toMatchObject({ state: 'succeeded' });
    expect(at.h.clock.now() - beganMs).toBeGreaterThan(10 * MINUTE);
    const { history } = { history: await at.h.real.listAudit({ workerName: name, limit: 99 }) };
    expect(history.map(({ text }) => text).join('\n')).toContain('not known to be reset');
  });

  it('cannot be called back once it was accepted', async () => {
    const at = await rig();
    const { name } = await provision(at);
    const { operation } = await at.h.operations.destroy({
      ...request('a'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    for (let tries = 0; tries < 200 && !at.machines.done.includes('reset 10.0.0.101'); tries += 1)
      await at.h.settle(1000);
    const { stopping, tooLate } = await at.h.operations.cancel(operation.id, olga);
    expect([stopping.length, tooLate.length]).toEqual([0, 1]);
    await at.h.settle();
    expect((await at.h.operations.operation(operation.id)).operation.state).toBe('succeeded');
  });

  it.each<[string, (at: Rig, name: string) => void, RegExp]>([
    [
      'its node says another address than its VM',
      ({ h }, name) => address(h, name, '10.0.0.7'),
      /SAFETY VIOLATION: The node \S+ says that it is at 10.0.0.7, VM 101 that it is at 10.0.0.101/,
    ],
    [
      'its address is that of another node',
      ({ h }) => address(h, 'cp-1', '10.0.0.101'),
      /SAFETY VIOLATION: 10.0.0.101, where \S+ is to be, is the address of the node cp-1/,
    ],
  ])('is refused when %s, and nothing is touched', async (_, change, words) => {
    const at = await rig();
    const { name } = await provision(at);
    at.machines.done.length = 0;
    change(at, name);
    const { state, why } = await destroy(at, name);
    expect([state, why]).toEqual(['failed', expect.stringMatching(words)]);
    expect(at.machines.done).toEqual([]);
    expect(ours(at)).toMatchObject([{ name, state: 'running' }]);
    expect((await destroy(at, name, true, 'forced')).why, 'force does not change that').toMatch(words);
  });
});

function address(h: Harness, name: string, at: string): void {
  const old = h.world.nodes.get(name) ?? node(name);
  h.world.nodes.set(name, { ...old, addresses: [{ type: 'InternalIP', address: at }] });
}
