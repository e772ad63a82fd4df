import { BurstError } from '../../domain/errors.ts';
import { parseNamesAndHours } from '../../domain/words.ts';
import { errorMessage } from '../blocks/errors.ts';
import { extendView, messageView, noteView } from '../blocks/views.ts';
import { openLoading, requestOf } from '../call.ts';
import type { Call, Services } from '../call.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';
import { acceptedMessage } from './provision.ts';

const DEFAULT_HOURS = 12;
const EXAMPLE = '/burst extend burst-medium-abcde 12h';

/** Opens the form that asks by how much. */
export async function openExtend(names: readonly string[], call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Extend', ':hourglass: Looking at the deadline…'));
  try {
    await services.gate.require(call, 'operator', 'extend');
    const workers = await resolveNames(names, services.operations, EXAMPLE);
    await services.gate.requireWorkers(call, workers, 'extend');
    const channel = call.channelId === undefined ? {} : { channelId: call.channelId };
    await fill(extendView(workers, services.workers, channel));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Extend', errorMessage(error)));
  }
}

export const extend: Command = {
  name: 'extend',
  aliases: ['prolong'],
  summary: `a later deadline (${DEFAULT_HOURS} h when nothing is said)`,
  usage: '/burst extend NAME… [12h]',
  examples: [EXAMPLE, '/burst extend abcde 2d', '/burst extend abcde 1d 12h'],
  role: 'operator',
  workers(words) {
    const parsed = parseNamesAndHours(words);
    return parsed.ok ? parsed.value.names : [];
  },
  async run(words, call, services) {
    const parsed = parseNamesAndHours(words);
    if (!parsed.ok)
      throw new BurstError('invalid_input', `${parsed.text}.`, {
        left: 'No deadline was changed.',
        hint: `For example: ${EXAMPLE}`,
      });
    const { names, hours = DEFAULT_HOURS } = parsed.value;
    const workers = await resolveNames(names, services.operations, EXAMPLE);
    await services.gate.requireWorkers(call, workers, 'extend');
    await call.reply(acceptedMessage(await services.operations.extend({ ...requestOf(call), workers, hours })));
  },
};
