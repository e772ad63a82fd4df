import { operationsMessage } from '../blocks/operation.ts';
import { wordsOf } from '../../domain/words.ts';
import type { Call } from '../call.ts';
import type { Command } from './types.ts';

const MOST = 10;
function filterOf(words: string, { by }: Call): { limit: number; requesterId?: string } {
  const mine = wordsOf(words.toLowerCase()).some((word) => word === 'mine' || word === 'my');
  return { limit: MOST, ...(mine ? { requesterId: by.userId } : {}) };
}

export const ops: Command = {
  name: 'ops',
  aliases: ['operations'],
  summary: 'running and recent operations',
  usage: '/burst ops [mine]',
  examples: ['/burst ops', '/burst ops mine'],
  role: 'viewer',
  async runAll(words, call, all) {
    const each = await Promise.all(all.map(({ operations }) => operations.recent(filterOf(words, call))));
    const items = each.flat().sort((a, b) => b.operation.createdAtMs - a.operation.createdAtMs);
    await call.reply(operationsMessage(items.slice(0, MOST), ({ cluster }) => cluster));
  },
  async run(words, call, services) {
    const items = await services.operations.recent(filterOf(words, call));
    await call.reply(operationsMessage(items));
  },
};
