/** How long one look may take is measured in time that really passes, not by the clock that deadlines are told by. */
import { expect, it } from 'vitest';
import { MINUTE, createHarness, olga } from './harness.ts';

const request = { by: olga, channelId: 'C0BURST0001', idempotencyKey: 'p', count: 1, size: 'small' };

it('a clock that is moved ahead while a VM call runs does not end that call', async () => {
  const aborted: boolean[] = [];
  const h = await createHarness((deps) => ({
    ...deps,
    vms: {
      ...deps.vms,
      clone: async (spec, signal) => {
        await h.clock.advance(20 * MINUTE);
        aborted.push(signal?.aborted === true);
        signal?.throwIfAborted();
        return deps.vms.clone(spec, signal);
      },
    },
  }));
  await h.operations.provision(request);
  await h.settle();
  expect(aborted).toEqual([false]);
  const made = [...h.world.vms.values()].filter((vm) => vm.name.startsWith('burst-'));
  expect(made).toMatchObject([{ state: 'running' }]);
});

it('a VM call without an answer is ended, and looked at again', async () => {
  let calls = 0;
  const h = await createHarness(
    (deps) => ({
      ...deps,
      vms: {
        ...deps.vms,
        clone: (spec, signal) => {
          calls += 1;
          if (calls > 1) return deps.vms.clone(spec, signal);
          return new Promise((_, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
          });
        },
      },
    }),
    { limits: { stepTimeoutMs: 50 } },
  );
  const { operation } = await h.operations.provision(request);
  await h.settle();
  expect(calls).toBe(2);
  expect((await h.operations.operation(operation.id)).operation.state).toBe('succeeded');
});
