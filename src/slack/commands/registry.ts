/** The sub-commands of `/burst`; help is made from this list. */
import { BurstError } from '../../domain/errors.ts';
import { splitCommand } from '../../domain/words.ts';
import type { Call, Services } from '../call.ts';
import { nearest } from '../nearest.ts';
import { cancel } from './cancel.ts';
import { destroy } from './destroy.ts';
import { details } from './details.ts';
import { drain } from './drain.ts';
import { extend } from './extend.ts';
import { helpOf } from './help.ts';
import { list } from './list.ts';
import { ops } from './ops.ts';
import { panel } from './panel.ts';
import { provision } from './provision.ts';
import { retry } from './retry.ts';
import type { Command } from './types.ts';

export const commands: readonly Command[] = [
  panel,
  list,
  provision,
  details,
  extend,
  drain,
  destroy,
  ops,
  cancel,
  retry,
  helpOf(() => commands),
];

/** Runs what was typed after `/burst`. @throws BurstError, with the nearest command when the first word is unknown. */
export async function runCommand(text: string, call: Call, services: Services): Promise<void> {
  const { name, rest } = splitCommand(text);
  const command = commands.find((item) => item.name === name || item.aliases?.includes(name) === true);
  if (command === undefined) {
    const near = nearest(
      name,
      commands.map((item) => item.name).filter((word) => word !== ''),
    );
    throw new BurstError('invalid_input', `There is no command ${name.slice(0, 60)}.`, {
      hint: '/burst help lists them.',
      ...(near === undefined ? {} : { suggestions: [`${near} ${rest}`.trim()] }),
    });
  }
  await services.gate.requireChannel(call, `/burst ${command.name}`.trim());
  if (command.role !== undefined)
    await services.gate.require(call, command.role, command.name === '' ? 'panel' : command.name);
  try {
    await command.run(rest, call, services);
  } catch (error) {
    // A suggestion is told as a whole command, so that its button can run it.
    if (!(error instanceof BurstError) || error.suggestions.length === 0) throw error;
    const whole = (word: string): string => {
      if (error.code === 'invalid_input') return `${command.name} ${word}`;
      const quoted = rest.split(/\s+/).find((typed) => typed !== '' && error.message.includes(typed));
      return `${command.name} ${quoted === undefined ? word : rest.replace(quoted, () => word)}`;
    };
    throw new BurstError(error.code, error.message, {
      ...(error.left === undefined ? {} : { left: error.left }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      suggestions: error.suggestions.map(whole),
      cause: error,
    });
  }
}
