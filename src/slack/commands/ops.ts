import { withWaiting } from '../blocks/approvals.ts';
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
    const waiting = await Promise.all(
      all.map(async ({ approvals, cluster }) => (await approvals?.waiting(cluster)) ?? []),
    );
    const message = operationsMessage(items.slice(0, MOST), ({ cluster }) => cluster);
    await call.reply(withWaiting(message, waiting.flat()));
  },
  async run(words, call, services) {
    const items = await services.operations.recent(filterOf(words, call));
    const waiting = (await services.approvals?.waiting(services.cluster)) ?? [];
    await call.reply(withWaiting(operationsMessage(items), waiting));
  },
};
