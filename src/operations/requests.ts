/** Provision, drain, destroy and extend as requests. Invariant: what is refused changes nothing. */
import { BurstError } from '../domain/errors.ts';
import { extendedDeadline } from '../domain/duration.ts';
import { deadlineOf, notProvablyBurst, workerType } from '../domain/safety.ts';
import { assertRoom } from './placing.ts';
import type { Previews } from './previews.ts';
import { assertDrainable } from './steps/drain.ts';
import type { Planned, Submission } from './submission.ts';
import type { Operations } from './types.ts';

export function createRequests(
  submission: Submission,
  { previewDestroy }: Previews,
): Pick<Operations, 'provision' | 'drain' | 'destroy' | 'extend'> {
  const { deps, audited, submit, nodeOf, ensureRecorded, assertRecorded, removals, asked } = submission;
  const { cluster, store, clock } = deps;

  return {
    provision: (request) =>
      audited('provision', request.by, undefined, async () => {
        const { workers } = deps;
        const size = request.size ?? workers.defaultSize;
        const ttlHours = request.ttlHours ?? workers.defaultTtlHours;
        if (!Number.isInteger(request.count) || request.count < 1 || request.count > workers.maxPerRequest)
          throw new BurstError(
            'invalid_input',
            `The count must be a whole number from 1 to ${workers.maxPerRequest}.`,
            {
              hint: `For example \`/burst provision ${Math.min(2, workers.maxPerRequest)} ${workers.defaultSize} ${workers.defaultTtlHours}h\`.`,
            },
          );
        if (!workers.sizes.has(size))
          throw new BurstError('invalid_input', `There is no size "${size.slice(0, 40)}".`, {
            hint: `Sizes: ${[...workers.sizes.keys()].join(', ')}.`,
          });
        if (!Number.isInteger(ttlHours) || ttlHours < workers.minTtlHours || ttlHours > workers.maxTtlHours)
          throw new BurstError(
            'invalid_input',
            `The TTL must be from ${workers.minTtlHours} to ${workers.maxTtlHours} whole hours.`,
            { hint: `For example \`${workers.defaultTtlHours}h\`, which is meant when none is given.` },
          );
        await assertRoom(deps, request, size, request.count);
        const chosen = Array.from(
          { length: request.count },
          () => `${workers.namePrefix}-${size}-${deps.ids.base32(5)}`,
        );
        return submit(
          request,
          { kind: 'provision', count: request.count, size, ttlHours },
          chosen.map((workerName) => ({ workerName, kind: 'add-worker', data: { size, ttlHours } })),
          await asked(request, chosen, size, ttlHours),
          workers.maxBurstWorkers,
        );
      }),

    drain: (request) =>
      audited('drain', request.by, request.workers[0], async () => {
        let permanent = false;
        for (const name of request.workers) {
          const node = await nodeOf(name);
          assertDrainable(deps, node, { removing: false });
          if (workerType(node, deps.safety) !== 'burst') permanent = true;
        }
        if (permanent && !request.admin)
          throw new BurstError('forbidden', 'Draining a permanent worker is for admins.', {
            left: 'Nothing was changed.',
          });
        return submit(
          request,
          { kind: 'drain', workers: request.workers, permanent },
          request.workers.map((workerName) => ({ workerName, kind: 'drain-worker', data: {} })),
        );
      }),

    destroy: (request) =>
      audited('destroy', request.by, request.workers[0], async () => {
        for (const name of request.workers) {
          const node = await cluster.getNode(name);
          if (node === undefined) {
            await assertRecorded(name);
            continue;
          }
          const preview = await previewDestroy(name);
          const shown = request.fingerprints?.[name];
          if (shown !== undefined && shown !== preview.fingerprint)
            throw new BurstError('changed_meanwhile', `${name} is not as it was shown any more.`, {
              left: 'Nothing was changed.',
              hint: 'Look at the new state and confirm again.',
            });
          if (!preview.drained && !request.force && !request.drainFirst && deps.safety.requireDrainBeforeDestroy)
            throw new BurstError('not_drained', `${name} is not drained.`, {
              left: 'Nothing was changed.',
              hint: 'Drain it first, or choose "Drain, then destroy".',
            });
          await ensureRecorded(node);
        }
        return submit(
          request,
          { kind: 'destroy', workers: request.workers, force: request.force },
          await removals(request.workers, { force: request.force }),
        );
      }),

    extend: (request) =>
      audited('extend', request.by, request.workers[0], async () => {
        const { maxTtlHours } = deps.workers;
        if (!Number.isInteger(request.hours) || request.hours < 1 || request.hours > maxTtlHours)
          throw new BurstError('invalid_input', `Extend by 1 to ${maxTtlHours} whole hours.`, {
            hint: 'For example `/burst extend NAME 12h`.',
          });
        const planned: Planned[] = [];
        for (const name of request.workers) {
          const node = await nodeOf(name);
          const why = notProvablyBurst(node, deps.safety);
          if (why !== undefined)
            throw new BurstError('invalid_input', `${name} has no deadline to extend: ${why}.`, {
              left: 'Nothing was changed.',
            });
          await ensureRecorded(node);
          const schedule = await store.getSchedule(cluster.name, name);
          const fromMs = schedule?.expiresAtMs ?? deadlineOf(node, deps.safety) ?? clock.now();
          const startsAtMs = schedule?.startsAtMs ?? node.createdAtMs;
          const { hours } = request;
          const deadlineMs = extendedDeadline({ fromMs, startsAtMs, hours, maxTtlHours, nowMs: clock.now() });
          if (deadlineMs <= fromMs)
            throw new BurstError('limit_reached', `${name} has reached its longest life of ${maxTtlHours} h.`, {
              left: 'Its deadline stays.',
              hint: 'Provision a new worker.',
            });
          planned.push({ workerName: name, kind: 'extend-worker', data: { deadlineMs } });
        }
        return submit(request, { kind: 'extend', workers: request.workers, hours: request.hours }, planned);
      }),
  };
}
