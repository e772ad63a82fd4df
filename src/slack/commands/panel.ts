import { panelMessage, panelOfAll } from '../blocks/home.ts';
import type { Command } from './types.ts';

export const panel: Command = {
  name: '',
  summary: 'your panel: the fleet in one line, what of yours expires next, buttons',
  usage: '/burst',
  examples: ['/burst'],
  role: 'viewer',
  allByDefault: true,
  async runAll(_words, call, all) {
    const fleets = await Promise.all(
      all.map(async ({ cluster, operations }) => ({ cluster, fleet: await operations.fleet() })),
    );
    await call.reply(panelOfAll(fleets, call.by.userId, all[0]?.clock.now() ?? 0));
  },
  async run(_words, call, services) {
    await call.reply(panelMessage(await services.operations.fleet(), call.by.userId, services.clock.now()));
  },
};
