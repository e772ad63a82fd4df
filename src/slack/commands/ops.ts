import { operationsMessage } from '../blocks/operation.ts';
import { wordsOf } from '../../domain/words.ts';
import type { Command } from './types.ts';

export const ops: Command = {
  name: 'ops',
  aliases: ['operations'],
  summary: 'running and recent operations',
  usage: '/burst ops [mine]',
  examples: ['/burst ops', '/burst ops mine'],
  role: 'viewer',
  async run(words, call, services) {
    const mine = wordsOf(words.toLowerCase()).some((word) => word === 'mine' || word === 'my');
    const items = await services.operations.recent({ limit: 10, ...(mine ? { requesterId: call.by.userId } : {}) });
    await call.reply(operationsMessage(items));
  },
};
