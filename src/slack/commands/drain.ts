import { BurstError } from '../../domain/errors.ts';
import { namesOf } from '../../domain/words.ts';
import { errorMessage } from '../blocks/errors.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { openLoading } from '../call.ts';
import { drainConfirmation } from '../confirmations.ts';
import type { Call, Services } from '../call.ts';
import { exampleHint } from './sample.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';

/** Opens the drain form with its preview. */
export async function openDrain(names: readonly string[], call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Drain', ':hourglass: Looking at the pods…'));
  try {
    await services.gate.require(call, 'operator', 'drain');
    const workers = await resolveNames(names, services.operations, exampleHint(drain, services));
    await fill(await drainConfirmation(workers, call, services));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Drain', errorMessage(error)));
  }
}

export const drain: Command = {
  name: 'drain',
  summary: 'move the pods away from a worker, after a preview',
  usage: '/burst drain NAME…',
  examples: ({ worker, part }) => [`/burst drain ${worker}`, `/burst drain ${part}`],
  role: undefined,
  workers: namesOf,
  async run(words, call, services) {
    const names = namesOf(words);
    if (names.length === 0) await resolveNames(names, services.operations, exampleHint(drain, services));
    await openDrain(names, call, services);
  },
};
