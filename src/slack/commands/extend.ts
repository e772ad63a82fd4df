import { BurstError } from '../../domain/errors.ts';
import { parseNamesAndHours } from '../../domain/words.ts';
import { errorMessage } from '../blocks/errors.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { openLoading, requestOf } from '../call.ts';
import { extendForm } from '../confirmations.ts';
import type { Call, Services } from '../call.ts';
import { exampleHint } from './sample.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';
import { acceptedMessage } from './provision.ts';

const DEFAULT_HOURS = 12;

/** Opens the form that asks by how much. */
export async function openExtend(names: readonly string[], call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Extend', ':hourglass: Looking at the deadline…'));
  try {
    await services.gate.require(call, 'operator', 'extend');
    const workers = await resolveNames(names, services.operations, exampleHint(extend, services));
    await services.gate.requireWorkers(call, workers, 'extend');
    await fill(await extendForm(workers, call, services));
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
  examples: ({ worker, part, more }) => [
    `/burst extend ${worker} ${more}`,
    `/burst extend ${part} by 1 day`,
    `/burst extend ${part}`,
  ],
  about: ({ limits }) => [limits, 'The longest life counts from the creation.'],
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
        hint: exampleHint(extend, services),
      });
    const { names, hours = DEFAULT_HOURS } = parsed.value;
    if (!Number.isInteger(hours))
      throw new BurstError(
        'invalid_input',
        `A deadline is moved by whole hours, and this is ${Math.round(hours * 100) / 100} h.`,
        {
          left: 'No deadline was changed.',
          hint: exampleHint(extend, services),
          suggestions: [`${names.join(' ')} ${Math.ceil(hours)}h`.trim()],
        },
      );
    const workers = await resolveNames(names, services.operations, exampleHint(extend, services));
    await services.gate.requireWorkers(call, workers, 'extend');
    await call.reply(acceptedMessage(await services.operations.extend({ ...requestOf(call), workers, hours })));
  },
};
