/** Clones at their very begin: locked, without a name, without tags. They are waited for, never taken for somebody else's. */
import { describe, expect, it } from 'vitest';
import { BurstError } from '../../src/domain/errors.ts';
import { createHarness, MINUTE, olga } from './harness.ts';
import type { Harness } from './harness.ts';

const request = { by: olga, channelId: 'C0BURST0001', idempotencyKey: 'make' };

/** The reply to the clone is lost; the VM has no name while it is being made. */
function loseClone(h: Harness, named: 'in the end' | 'by somebody else'): void {
  const { provider } = h.world;
  const clone = provider.clone.bind(provider);
  provider.clone = async (spec) => {
    await clone(spec);
    provider.clone = clone;
    const vm = h.world.vms.get(spec.id);
    if (vm !== undefined) vm.name = '';
    const task = [...h.world.tasks.values()].at(-1);
    const effect = task?.effect;
    if (task !== undefined)
      task.effect = () => {
        effect?.();
        if (vm !== undefined) vm.name = named === 'in the end' ? spec.name : 'pet-new';
      };
    throw new BurstError('unknown_outcome', 'no answer to clone_vm; it may have happened');
  };
}
const ours = (h: Harness): string[] =>
  [...h.world.vms.values()].map((vm) => vm.name).filter((name) => /burst/.test(name));

describe('a clone without a name yet', () => {
  it('is waited for: no second VM is made', async () => {
    const h = await createHarness();
    h.world.taskMs = 2 * MINUTE;
    loseClone(h, 'in the end');
    const { operation, runs } = await h.operations.provision({ ...request, count: 1, size: 'small' });
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
    expect(h.world.createdVms).toEqual([runs[0]?.workerName]);
    expect(ours(h)).toEqual([runs[0]?.workerName]);
  });

  it('that turns out to be somebody else’s is left, and another id is taken', async () => {
    const h = await createHarness();
    loseClone(h, 'by somebody else');
    const { operation, runs } = await h.operations.provision({ ...request, count: 1, size: 'small' });
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
    expect(ours(h)).toEqual([runs[0]?.workerName]);
    expect([...h.world.vms.values()].filter((vm) => vm.name === 'pet-new')).toHaveLength(1);
    expect(h.world.deletedVms).toEqual([]);
  });

  it('is removed once it can be proved, when its provision was cancelled', async () => {
    const h = await createHarness();
    h.world.taskMs = 2 * MINUTE;
    loseClone(h, 'in the end');
    const { operation } = await h.operations.provision({ ...request, count: 1, size: 'small' });
    await h.settle(10_000);
    await h.operations.cancel(operation.id, olga);
    await h.settle(30_000);
    expect(h.world.deletedVms, 'not before').toEqual([]);
    await h.settle();
    expect((await h.operations.operation(operation.id)).operation.state).toBe('cancelled');
    expect(ours(h)).toEqual([]);
  });

  it.each([
    ['named in the end is swept', 'in the end', 0],
    ['of somebody else’s is left', 'by somebody else', 1],
  ] as const)('found at the id of a worker that has failed: one that is %s', async (_, named, left) => {
    const h = await createHarness();
    h.world.cloneFails = true;
    const { runs } = await h.operations.provision({ ...request, count: 1, size: 'small' });
    await h.settle();
    const name = runs[0]?.workerName ?? '';
    const id = (await h.store.getWorker('main', name))?.vmId ?? '';
    const more = { state: 'stopped', tags: [], template: false, bootedAtMs: undefined } as const;
    h.world.vms.set(id, { ...more, tags: [], id, name: '', lock: 'clone' });
    await h.clock.advance(3 * MINUTE);
    await h.reaper.tick();
    await h.settle(MINUTE);
    expect(h.world.vms.has(id), 'nobody knows yet whose it is').toBe(true);
    const vm = h.world.vms.get(id);
    if (vm !== undefined) Object.assign(vm, { name: named === 'in the end' ? name : 'pet-new', lock: undefined });
    await h.settle();
    expect(h.world.vms.has(id)).toBe(left === 1);
  });
});
