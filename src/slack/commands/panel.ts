import { panelMessage } from '../blocks/home.ts';
import type { Command } from './types.ts';

export const panel: Command = {
  name: '',
  summary: 'your panel: the fleet in one line, what of yours expires next, buttons',
  usage: '/burst',
  examples: ['/burst'],
  role: 'viewer',
  async run(_words, call, services) {
    await call.reply(panelMessage(await services.operations.fleet(), call.by.userId, services.clock.now()));
  },
};
