import { BurstError } from '../../domain/errors.ts';
import { wordsOf } from '../../domain/words.ts';
import { exemption, requestOf } from '../call.ts';
import type { Call, Services } from '../call.ts';
import { requireOwnOperation } from './cancel.ts';
import { acceptedMessage } from './provision.ts';
import type { Command } from './types.ts';

export async function retryOperation(id: string, call: Call, services: Services): Promise<void> {
  const role = await requireOwnOperation(id, call, services, 'retry');
  const request = { ...requestOf(call), ...exemption(role, services) };
  await call.reply(acceptedMessage(await services.operations.retry(id, request)));
}

export const retry: Command = {
  name: 'retry',
  summary: 'go on with what is stuck, ask again for what failed',
  usage: '/burst retry OPERATION',
  examples: ['/burst retry 01hz3k9q7c'],
  role: 'operator',
  async run(words, call, services) {
    const id = wordsOf(words)[0];
    if (id === undefined)
      throw new BurstError('invalid_input', 'Which operation?', { hint: '/burst ops lists them with their ids.' });
    await retryOperation(id, call, services);
  },
};
