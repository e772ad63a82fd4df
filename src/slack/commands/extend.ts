import { parseNamesAndHours } from '../../domain/words.ts';
import { requestOf } from '../call.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';
import { acceptedMessage } from './provision.ts';

const DEFAULT_HOURS = 12;
export const extend: Command = {
  name: 'extend',
  aliases: ['prolong'],
  summary: `a later deadline (${DEFAULT_HOURS} h when nothing is said)`,
  usage: '/burst extend NAME… [12h]',
  examples: ['/burst extend burst-medium-abcde 12h', '/burst extend abcde 2d'],
  role: 'operator',
  async run(words, call, services) {
    const { names, hours = DEFAULT_HOURS } = parseNamesAndHours(words);
    const workers = await resolveNames(names, services.operations, '/burst extend burst-medium-abcde 12h');
    await services.gate.requireWorkers(call, workers, 'extend');
    await call.reply(acceptedMessage(await services.operations.extend({ ...requestOf(call), workers, hours })));
  },
};
