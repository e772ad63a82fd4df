/** Force and patience for a drain that is blocked. Invariant: force needs an admin, the worker's name typed, and its own audit line. */
import { BurstError } from '../../domain/errors.ts';
import type { DrainPreview } from '../../domain/drain-plan.ts';
import { code } from '../blocks/text.ts';
import { errorMessage } from '../blocks/errors.ts';
import { forceView } from '../blocks/force.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { openLoading, requestOf } from '../call.ts';
import type { Call, Services } from '../call.ts';
import { requireOwnOperation } from './cancel.ts';

/** Opens the form that says what force would delete, for those who may. */
export async function openForce(operationId: string, worker: string, call: Call, services: Services): Promise<void> {
  const { gate, operations } = services;
  const fill = await openLoading(call, services, noteView('Force', ':hourglass: Looking at the pods…'));
  try {
    await gate.require(call, 'admin', 'force', worker);
    const { operation, runs } = await operations.operation(operationId);
    const run = runs.find((item) => item.workerName === worker);
    if (run?.state !== 'running' || run.pivoted)
      throw new BurstError('not_forcible', `The drain of ${worker} has ended meanwhile.`, {
        left: 'Nothing was changed.',
      });
    const preview: DrainPreview =
      operation.kind === 'drain'
        ? await operations.previewDrain(worker)
        : (await operations.previewDestroy(worker)).drain;
    const channel = call.channelId === undefined ? {} : { channelId: call.channelId };
    await fill(forceView(operation.kind, preview, { ...channel, operationId, workers: [worker] }));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Force', errorMessage(error)));
  }
}

/** Gives the blocked drains of an operation their whole time limit again. */
export async function waitLonger(operationId: string, call: Call, services: Services): Promise<void> {
  await requireOwnOperation(operationId, call, services, 'wait longer');
  const { operation } = await services.operations.waitLonger(operationId, requestOf(call));
  await call.reply({
    text: `:hourglass: Operation ${code(operation.id)} waits on: its drains have their whole time limit again from now.`,
  });
}
