import { namesOf } from '../../domain/words.ts';
import { detailsMessage } from '../blocks/workers.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';

export const details: Command = {
  name: 'details',
  aliases: ['show', 'describe', 'info'],
  summary: 'everything about one worker',
  usage: '/burst details NAME',
  examples: ['/burst details burst-medium-abcde', '/burst details abcde'],
  role: 'viewer',
  async run(words, call, services) {
    const names = await resolveNames(
      namesOf(words).slice(0, 1),
      services.operations,
      '/burst details burst-medium-abcde',
    );
    for (const name of names)
      await call.reply(detailsMessage(await services.operations.details(name), services.clock.now()));
  },
};
