/** Force and patience for a drain that is blocked. Invariant: force needs an admin, the worker's name typed, and its own audit line. */
import { BurstError } from '../../domain/errors.ts';
import { code } from '../blocks/text.ts';
import { errorMessage } from '../blocks/errors.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { openLoading, requestOf } from '../call.ts';
import { forceConfirmation } from '../confirmations.ts';
import type { Call, Services } from '../call.ts';
import { requireOwnOperation } from './cancel.ts';

/** Opens the form that says what force would delete, for those who may. */
export async function openForce(operationId: string, worker: string, call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Force', ':hourglass: Looking at the pods…'));
  try {
    await fill(await forceConfirmation(operationId, worker, call, services));
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
