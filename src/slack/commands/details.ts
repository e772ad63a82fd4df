import { namesOf } from '../../domain/words.ts';
import { BurstError } from '../../domain/errors.ts';
import { errorMessage } from '../blocks/errors.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { detailsMessage } from '../blocks/details.ts';
import { openLoading } from '../call.ts';
import type { Call, Services } from '../call.ts';
import { exampleHint } from './sample.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';

/** Everything about one worker in a view, where there is no channel to answer in. */
export async function openDetails(name: string, call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Worker', ':hourglass: Looking at the worker…'));
  try {
    await services.gate.require(call, 'viewer', 'details');
    const { blocks = [] } = detailsMessage(await services.operations.details(name), services.clock.now());
    await fill({ ...noteView('Worker', ''), blocks: blocks.filter((block) => block.type !== 'actions') });
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Worker', errorMessage(error)));
  }
}

export const details: Command = {
  name: 'details',
  aliases: ['show', 'describe', 'info'],
  summary: 'everything about one worker',
  usage: '/burst details NAME',
  examples: ({ worker, part }) => [`/burst details ${worker}`, `/burst details ${part}`],
  role: 'viewer',
  workers: (words) => namesOf(words).slice(0, 1),
  async run(words, call, services) {
    const names = await resolveNames(namesOf(words).slice(0, 1), services.operations, exampleHint(details, services));
    for (const name of names)
      await call.reply(detailsMessage(await services.operations.details(name), services.clock.now()));
  },
};
