import { BurstError } from '../../domain/errors.ts';
import type { NotifyChoice } from '../../domain/notify.ts';
import { wordsOf } from '../../domain/words.ts';
import { button, section } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import { nearest } from '../nearest.ts';
import type { Command } from './types.ts';

const meant: ReadonlyMap<string, NotifyChoice | 'default'> = new Map([
  ...['dm', 'dms', 'direct', 'me', 'private', 'privately'].map((word) => [word, 'dm'] as const),
  ...['channel', 'channels', 'here', 'public'].map((word) => [word, 'channel'] as const),
  ...['both', 'all', 'everywhere'].map((word) => [word, 'both'] as const),
  ...['default', 'reset'].map((word) => [word, 'default'] as const),
]);
const said: Readonly<Record<NotifyChoice, string>> = {
  channel: 'in the channel, where you are mentioned',
  dm: 'by a direct message; removals and workers that are not Ready are told in the channel besides',
  both: 'in the channel and by a direct message',
};

function answer(choice: NotifyChoice | undefined, byDefault: NotifyChoice, changed: boolean): Message {
  const text = `${changed ? ':white_check_mark: From now on you' : 'You'} are told of your workers ${said[choice ?? byDefault]}${choice === undefined ? ' (as the configuration says)' : ''}.`;
  const choose = (label: string, word: string, at: number) => button(label, `burst:run:${at}`, `notify ${word}`);
  return {
    text: `${text} \`/burst notify dm\`, \`channel\`, \`both\` or \`default\` changes it.`,
    blocks: [
      section(text),
      {
        type: 'actions',
        elements: [
          choose('Direct message', 'dm', 0),
          choose('Channel', 'channel', 1),
          choose('Both', 'both', 2),
          ...(choice === undefined ? [] : [choose('As configured', 'default', 3)]),
        ],
      },
    ],
  };
}

export const notify: Command = {
  name: 'notify',
  aliases: ['notifications', 'tell'],
  summary: 'how you are told of your workers: warnings before deadlines, removals, workers that are not Ready',
  usage: '/burst notify [dm|channel|both|default]',
  examples: ['/burst notify', '/burst notify dm'],
  role: 'viewer',
  anywhere: true,
  async run(words, call, { store, notify: policy }) {
    const { userId } = call.by;
    const [word, ...more] = wordsOf(words.toLowerCase()).filter(
      (item) => !['by', 'me', 'a', 'in', 'the', 'via', 'message'].includes(item),
    );
    const asked = word ?? (/\bme\b/i.test(words) ? 'me' : undefined);
    if (asked === undefined)
      return call.reply(answer((await store.notifyChoices([userId])).get(userId), policy.owners, false));
    const chosen = meant.get(asked);
    if (chosen === undefined || more.length > 0) {
      const near = chosen === undefined ? nearest(asked, [...meant.keys()]) : asked;
      throw new BurstError('invalid_input', `\`notify\` does not know \`${(more[0] ?? asked).slice(0, 60)}\`.`, {
        left: 'Nothing was changed.',
        hint: 'For example: /burst notify dm',
        suggestions: near === undefined ? ['dm', 'channel', 'both'] : [near],
      });
    }
    const choice = chosen === 'default' ? undefined : chosen;
    await store.saveNotifyChoice(userId, choice);
    await call.reply(answer(choice, policy.owners, true));
  },
};
