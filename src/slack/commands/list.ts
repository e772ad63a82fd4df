import { BurstError } from '../../domain/errors.ts';
import { parseList } from '../../domain/words.ts';
import { listMessage } from '../blocks/workers.ts';
import type { Message } from '../blocks/text.ts';
import type { Services } from '../call.ts';
import { nearest } from '../nearest.ts';
import type { Command } from './types.ts';

/** A page of the list for a filter as typed. @throws BurstError for a word it does not know. */
export async function listPage(words: string, page: number, userId: string, services: Services): Promise<Message> {
  const parsed = parseList(words, nearest);
  if (!parsed.ok)
    throw new BurstError('invalid_input', `${parsed.text}.`, {
      hint: 'For example: /burst list burst ready mine',
      ...(parsed.suggestion === undefined ? {} : { suggestions: [parsed.suggestion] }),
    });
  const { mine, ...filter } = parsed.value;
  const fleet = await services.operations.fleet({ ...filter, ...(mine ? { owner: userId } : {}) });
  return listMessage(fleet, words, page, services.clock.now());
}

export const list: Command = {
  name: 'list',
  aliases: ['ls', 'workers'],
  summary: 'workers with status, room, time left and owner',
  usage: '/burst list [burst|permanent] [ready|busy|draining|not_ready] [mine]',
  examples: ['/burst list', '/burst list burst mine', '/burst list draining'],
  role: 'viewer',
  async run(words, call, services) {
    await call.reply(await listPage(words, 0, call.by.userId, services));
  },
};
