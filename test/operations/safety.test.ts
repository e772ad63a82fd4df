/** Attempts to break what no change may break, at the last moment before the VM goes. */
import { describe, expect, it } from 'vitest';
import { createHarness, olga } from './harness.ts';
import type { Harness } from './harness.ts';
import { pod } from './world.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });

/** A harness in which `happens` comes over the worker after its pods have moved and before its VM is stopped. */
async function betrayed(happens: (h: Harness, name: string) => void): Promise<{ h: Harness; name: string }> {
  const at: { h?: Harness; name?: string } = {};
  const h = await createHarness((deps) => ({
    ...deps,
    cluster: {
      ...deps.cluster,
      listVolumeAttachments: async () => {
        if (at.h !== undefined && at.name !== undefined) happens(at.h, at.name);
        return [];
      },
    },
  }));
  const { runs } = await h.operations.provision({ ...request('p'), count: 1, size: 'small' });
  await h.settle();
  const name = runs[0]?.workerName ?? '';
  h.world.pods = [pod('web-1', name)];
  Object.assign(at, { h, name });
  return { h, name };
}

const uncordoned = (h: Harness, name: string): void => {
  const node = h.world.nodes.get(name);
  if (node !== undefined) node.unschedulable = false;
};
const busyAgain = (h: Harness, name: string): void => void h.world.pods.push(pod('late', name));

describe('without force no VM is deleted', () => {
  it.each([
    ['while its node is schedulable', uncordoned],
    ['while its node runs a pod that a drain would have evicted', busyAgain],
  ])('%s', async (_, happens) => {
    const { h, name } = await betrayed(happens);
    const { operation } = await h.operations.destroy({
      ...request('d'),
      workers: [name],
      force: false,
      drainFirst: true,
    });
    await h.settle();
    expect(h.world.deletedVms).toEqual([]);
    expect((await h.operations.operation(operation.id)).runs[0]).toMatchObject({
      state: 'undone',
      failure: { code: 'not_drained' },
    });
    expect([...h.world.vms.values()].find((vm) => vm.name === name)?.state).toBe('running');
    expect((await h.store.getWorker('main', name))?.state).toBe('active');
  });

  it('with force it is, and the audit says so', async () => {
    const { h, name } = await betrayed(busyAgain);
    const { operation } = await h.operations.destroy({
      ...request('d'),
      workers: [name],
      force: true,
      drainFirst: true,
    });
    await h.settle();
    expect(h.world.deletedVms).toEqual([name]);
    const rows = await h.store.listAudit({ operationId: operation.id, limit: 99 });
    expect(rows.find((row) => row.outcome === 'requested')).toMatchObject({ actor: olga });
    expect(rows.map((row) => row.text).join()).toContain('with FORCE');
  });
});

it('every change to the outside world has an audit line of who asked and how it ended', async () => {
  const h = await createHarness();
  const made = await h.operations.provision({ ...request('p'), count: 1, size: 'small', reason: 'load test' });
  await h.settle();
  const name = made.runs[0]?.workerName ?? '';
  const gone = await h.operations.destroy({ ...request('d'), workers: [name], force: false, drainFirst: true });
  await h.settle();
  const told = async (operationId: string): Promise<string[]> =>
    (await h.store.listAudit({ operationId, limit: 99 })).map((row) => `${row.action} ${row.outcome}`);
  expect(await told(made.operation.id)).toEqual(
    expect.arrayContaining([
      'provision requested',
      ...['reserve-id', 'clone', 'configure', 'start', 'await-join', 'label', 'await-ready'].flatMap((step) => [
        `step:${step} started`,
        `step:${step} done`,
      ]),
      'add-worker done',
    ]),
  );
  expect(await told(gone.operation.id)).toEqual(
    expect.arrayContaining([
      'destroy requested',
      ...['cordon', 'evict', 'stop-vm', 'delete-vm', 'remove-node'].map((step) => `step:${step} done`),
      'remove-worker done',
    ]),
  );
  const [asked] = (await h.store.listAudit({ operationId: made.operation.id, limit: 99 })).slice(-1);
  expect(asked).toMatchObject({ actor: olga, details: { reason: 'load test', count: 1, size: 'small' } });
});
