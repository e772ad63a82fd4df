import { BurstError } from '../../domain/errors.ts';
import { nearest } from '../nearest.ts';
import { code, section } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import type { Services } from '../call.ts';
import type { Command } from './types.ts';

/** Makes `help` from the registry it belongs to. */
export function helpOf(commands: () => readonly Command[]): Command {
  const thereIn = (services: Services): readonly Command[] =>
    commands().filter((command) => command.isThere?.(services) !== false);
  const one = (command: Command): Message => {
    const text = `*${command.usage}*: ${command.summary}\nExamples:\n${command.examples.map((line) => `• \`${line}\``).join('\n')}`;
    return { text, blocks: [section(text)] };
  };
  const all = (services: Services, note = ''): Message => {
    const { clusters } = services;
    const lines = thereIn(services).map((command) => `• \`${command.usage}\` ${command.summary}`);
    const which = clusters.several
      ? `\nClusters: ${clusters.names.join(', ')}; \`on NAME\` says in which (\`list\` and \`ops\` take \`on all\`).`
      : '';
    const text = `${note === '' ? '' : `${note}\n`}*Burst lends ${clusters.several ? 'these clusters' : 'this cluster'} temporary workers*\n${lines.join('\n')}\nNames may be shortened to a unique part; lifetimes are \`24h\`, \`2d\`.${which}`;
    return { text, blocks: [section(text)] };
  };
  return {
    name: 'help',
    aliases: ['?', '-h', '--help'],
    summary: 'what can be done, with examples',
    usage: '/burst help [command]',
    examples: ['/burst help', '/burst help provision'],
    role: undefined,
    anywhere: true,
    async run(words, call, services) {
      const name = words.toLowerCase().trim();
      const found =
        name === ''
          ? undefined
          : commands().find((command) => command.name === name || command.aliases?.includes(name));
      if (found !== undefined || name === '') return call.reply(found === undefined ? all(services) : one(found));
      const known = thereIn(services).map((command) => command.name);
      const near = nearest(
        name,
        known.filter((word) => word !== ''),
      );
      if (near === undefined) return call.reply(all(services, `There is no command ${code(name)}.`));
      throw new BurstError('invalid_input', `There is no command ${name.slice(0, 60)}.`, {
        hint: '/burst help lists them.',
        suggestions: [near],
      });
    },
  };
}
