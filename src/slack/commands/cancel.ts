import { BurstError } from '../../domain/errors.ts';
import { personOf } from '../../domain/operation.ts';
import type { Role } from '../../domain/policy.ts';
import { wordsOf } from '../../domain/words.ts';
import { onApproval } from '../approvals.ts';
import { actor, code, count, names } from '../blocks/text.ts';
import type { Call, Services } from '../call.ts';
import type { Command } from './types.ts';

/** @throws AccessRefused unless the operation is the person's own (or only touches own workers), or they are admin. */
export async function requireOwnOperation(id: string, call: Call, services: Services, action: string): Promise<Role> {
  const { operation, runs } = await services.operations.operation(id);
  const own = personOf(operation.requester) === call.by.userId;
  if (own) return services.gate.require(call, 'operator', action);
  return services.gate.requireWorkers(
    call,
    runs.map((run) => run.workerName),
    action,
  );
}

/** Cancels and says what still stops and what is too late. */
export async function cancelOperation(id: string, call: Call, services: Services): Promise<void> {
  await requireOwnOperation(id, call, services, 'cancel');
  const before = (await services.operations.operation(id)).operation;
  if (before.cancelledBy !== undefined && before.state === 'running') {
    await call.reply({
      text: `:information_source: ${actor(before.cancelledBy)} did this already: operation ${code(before.id)} is stopping; its message tells how it ends.`,
    });
    return;
  }
  const { operation, stopping, tooLate } = await services.operations.cancel(id, call.by);
  const late = tooLate.length === 0 ? '' : ` Too late for ${names(tooLate.map((run) => run.workerName))}.`;
  await call.reply({
    text: `:no_entry_sign: Operation ${code(operation.id)}: ${count(stopping.length, 'worker')} stopping; its message tells how it ends.${late}`,
  });
}

export const cancel: Command = {
  name: 'cancel',
  aliases: ['stop', 'abort'],
  summary: 'stop what can still be stopped of an operation; withdraw what waits for approval',
  usage: '/burst cancel OPERATION',
  examples: ['/burst cancel 01hz3k9q7c'],
  role: 'operator',
  async run(words, call, services) {
    const id = wordsOf(words)[0];
    if (id === undefined)
      throw new BurstError('invalid_input', 'Which operation?', { hint: '/burst ops lists them with their ids.' });
    // what still waits for approval is taken back
    if ((await services.approvals?.get(id)) !== undefined) return onApproval('withdraw', id, call, services);
    await cancelOperation(id, call, services);
  },
};
