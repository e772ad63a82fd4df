import { BurstError } from '../../domain/errors.ts';
import { nearest } from '../nearest.ts';
import { code, section } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import type { Command } from './types.ts';

/** Makes `help` from the registry it belongs to. */
export function helpOf(commands: () => readonly Command[]): Command {
  const one = (command: Command): Message => {
    const text = `*${command.usage}*: ${command.summary}\nExamples:\n${command.examples.map((line) => `• \`${line}\``).join('\n')}`;
    return { text, blocks: [section(text)] };
  };
  const all = (note = ''): Message => {
    const lines = commands().map((command) => `• \`${command.usage}\` ${command.summary}`);
    const text = `${note === '' ? '' : `${note}\n`}*Burst lends this cluster temporary workers*\n${lines.join('\n')}\nNames may be shortened to a unique part; lifetimes are \`24h\`, \`2d\`.`;
    return { text, blocks: [section(text)] };
  };
  return {
    name: 'help',
    aliases: ['?', '-h', '--help'],
    summary: 'what can be done, with examples',
    usage: '/burst help [command]',
    examples: ['/burst help', '/burst help provision'],
    role: undefined,
    async run(words, call) {
      const name = words.toLowerCase().trim();
      const found =
        name === ''
          ? undefined
          : commands().find((command) => command.name === name || command.aliases?.includes(name));
      if (found !== undefined || name === '') return call.reply(found === undefined ? all() : one(found));
      const known = commands().map((command) => command.name);
      const near = nearest(
        name,
        known.filter((word) => word !== ''),
      );
      if (near === undefined) return call.reply(all(`There is no command ${code(name)}.`));
      throw new BurstError('invalid_input', `There is no command ${name.slice(0, 60)}.`, {
        hint: '/burst help lists them.',
        suggestions: [near],
      });
    },
  };
}
