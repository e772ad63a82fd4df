import { BurstError } from '../../domain/errors.ts';
import { nearest } from '../nearest.ts';
import { MOST_TEXT, clamp, code, codeOf, escape, section } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import type { Services } from '../call.ts';
import { examplesOf, sampleOf } from './sample.ts';
import type { Command } from './types.ts';

/** Makes `help` from the registry it belongs to. */
export function helpOf(commands: () => readonly Command[]): Command {
  const thereIn = (services: Services): readonly Command[] =>
    commands().filter((command) => command.isThere?.(services) !== false);
  const one = (command: Command, services: Services): Message => {
    const about = command.about?.(sampleOf(services)) ?? [];
    const also =
      command.aliases === undefined ? [] : [`Also: ${command.aliases.map((word) => code(word)).join(', ')}.`];
    const need = command.role === undefined ? [] : [`Needs the role ${command.role}.`];
    const text = [
      `*${command.usage}*: ${command.summary}`,
      ...about.map((line) => escape(line)),
      ...also,
      ...need,
      'Examples:',
      ...examplesOf(command, services).map((line) => `• ${codeOf(line, 300)}`),
    ].join('\n');
    return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
  };
  const all = (services: Services, note = ''): Message => {
    const { clusters } = services;
    const { sizes, limits } = sampleOf(services);
    const lines = thereIn(services).map((command) => `• \`${command.usage}\` ${command.summary}`);
    const which = clusters.several
      ? `\nClusters: ${clusters.names.join(', ')}; \`on NAME\` says in which (\`list\` and \`ops\` take \`on all\`).`
      : '';
    const text = `${note === '' ? '' : `${note}\n`}*Burst lends ${clusters.several ? 'these clusters' : 'this cluster'} temporary workers*\n${lines.join('\n')}\nNames may be shortened to a unique part; lifetimes are \`24h\`, \`2d\`; words stand in any order.\n${escape(sizes)}\n${escape(limits)}${which}\n\`/burst help provision\` tells more of one command.`;
    return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
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
      const name = words
        .toLowerCase()
        .trim()
        .replace(/^(?:me )?(?:with|on|about|for)\s+/, '')
        .replace(/^\/?burst\s+/, '');
      const found =
        name === ''
          ? undefined
          : commands().find((command) => command.name === name || command.aliases?.includes(name));
      if (found !== undefined || name === '')
        return call.reply(found === undefined ? all(services) : one(found, services));
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
