import { BurstError } from '../../domain/errors.ts';
import { parseList } from '../../domain/words.ts';
import type { Operations } from '../../operations/types.ts';
import { listAllMessage, listMessage } from '../blocks/workers.ts';
import type { Message } from '../blocks/text.ts';
import type { Services } from '../call.ts';
import { nearest } from '../nearest.ts';
import type { Command } from './types.ts';

/** A page of the list for a filter as typed. @throws BurstError for a word it does not know. */
export async function listPage(words: string, page: number, userId: string, services: Services): Promise<Message> {
  const fleet = await services.operations.fleet(filterOf(words, userId));
  return listMessage(fleet, words, page, services.clock.now());
}

/** A page of the list of several clusters. @throws BurstError for a word it does not know. */
export async function listAllPage(
  words: string,
  page: number,
  userId: string,
  all: readonly Services[],
): Promise<Message> {
  const filter = filterOf(words, userId);
  const fleets = await Promise.all(
    all.map(async ({ cluster, operations }) => ({ cluster, fleet: await operations.fleet(filter) })),
  );
  return listAllMessage(fleets, words, page, all[0]?.clock.now() ?? 0);
}

function filterOf(words: string, userId: string): NonNullable<Parameters<Operations['fleet']>[0]> {
  const parsed = parseList(words, nearest);
  if (!parsed.ok)
    throw new BurstError('invalid_input', `${parsed.text}.`, {
      hint: 'For example: /burst list burst ready mine',
      ...(parsed.suggestion === undefined ? {} : { suggestions: [parsed.suggestion] }),
    });
  const { mine, ...filter } = parsed.value;
  return { ...filter, ...(mine ? { owner: userId } : {}) };
}

export const list: Command = {
  name: 'list',
  aliases: ['ls', 'workers'],
  summary: 'workers with status, room, time left and owner',
  usage: '/burst list [burst|permanent] [ready|busy|draining|not_ready] [mine]',
  examples: ['/burst list', '/burst list burst mine', '/burst list draining'],
  role: 'viewer',
  async runAll(words, call, all) {
    await call.reply(await listAllPage(words, 0, call.by.userId, all));
  },
  async run(words, call, services) {
    await call.reply(await listPage(words, 0, call.by.userId, services));
  },
};
