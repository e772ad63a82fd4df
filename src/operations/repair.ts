/** Repair: another worker of the same size and deadline, and only when that is Ready the sick one is drained and removed. */
import { HOUR_MS } from '../domain/duration.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import { destroyRefusal } from '../domain/safety.ts';
import { isReady } from '../domain/views.ts';
import { assertRoom } from './placing.ts';
import { AWAIT_REPLACEMENT } from './steps/replacement.ts';
import type { Submission } from './submission.ts';
import type { Operations } from './types.ts';

export function createRepair(submission: Submission): Pick<Operations, 'repair'> {
  const { deps, audited, submit, nodeOf, ensureRecorded, removals } = submission;
  const { cluster, store, clock } = deps;
  return {
    repair: (request) =>
      audited('repair', request.by, request.worker, async () => {
        const { worker } = request;
        const node = await nodeOf(worker);
        const refusal = destroyRefusal(node, deps.safety);
        if (refusal !== undefined) throw refusal;
        await ensureRecorded(node);
        if (isReady(node))
          throw new BurstError('changed_meanwhile', `${worker} is Ready again.`, {
            left: 'Nothing was changed.',
            hint: 'If it has to go all the same, use `/burst destroy`.',
          });
        const record = await store.getWorker(cluster.name, worker);
        const deadlineMs = (await store.getSchedule(cluster.name, worker))?.expiresAtMs;
        if (record === undefined || deadlineMs === undefined || deadlineMs <= clock.now())
          throw new BurstError('invalid_input', `${worker} has no time left that a replacement could take over.`, {
            left: 'Nothing was changed.',
            hint: 'Remove it, and provision another.',
          });
        if (!deps.workers.sizes.has(record.size))
          throw new BurstError('invalid_input', `The size ${record.size} of ${worker} is not configured any more.`, {
            left: 'Nothing was changed.',
            hint: 'Remove it, and provision one of another size.',
          });
        const { size } = record;
        const replacement = `${deps.workers.namePrefix}-${size}-${deps.ids.base32(5)}`;
        const channelId = request.channelId ?? record.channelId;
        const ttlHours = Math.max(1, Math.ceil((deadlineMs - clock.now()) / HOUR_MS));
        const [removal] = await removals([worker], { replacement });
        try {
          await assertRoom(deps, request, size, 1);
          return await submit(
            { ...request, ...(channelId === undefined ? {} : { channelId }) },
            { kind: 'repair', workers: [worker], replacement, size, deadlineMs },
            [
              { workerName: replacement, kind: 'add-worker', data: { size, ttlHours, deadlineMs } },
              ...(removal === undefined ? [] : [{ ...removal, step: AWAIT_REPLACEMENT }]),
            ],
            [
              {
                ...record,
                name: replacement,
                state: 'requested',
                vmId: undefined,
                vmHost: undefined,
                nodeUid: undefined,
                ownerTag: deps.ownerTag,
                channelId,
                createdAtMs: clock.now(),
                removedAtMs: undefined,
                price: deps.cost?.prices.get(size),
                cpus: deps.workers.sizes.get(size)?.cpus,
                plannedUntilMs: deadlineMs,
                vmSinceMs: undefined,
                vmGoneMs: undefined,
              },
            ],
            deps.workers.maxBurstWorkers,
          );
        } catch (error) {
          if (!isBurstError(error, 'limit_reached')) throw error;
          throw new BurstError('limit_reached', `There is no room for a replacement of ${worker}: ${error.message}`, {
            left: 'Nothing was changed.',
            hint: `Remove ${worker} first and provision another, or destroy one that is no longer needed.`,
            cause: error,
          });
        }
      }),
  };
}
