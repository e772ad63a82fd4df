import { tellCost } from '../costs.ts';
import type { Command } from './types.ts';

export const cost: Command = {
  name: 'cost',
  aliases: ['costs', 'spend', 'spending', 'bill', 'money', 'budget', 'budgets'],
  summary: 'what workers cost: totals, what runs, the forecast, the budgets; a chart and a CSV',
  usage: '/burst cost [30d|this month|last month] [by user|size|cluster|channel] [mine|here|@user|#channel|SIZE]',
  examples: ['/burst cost', '/burst cost 30d by size', '/burst cost last month by user', '/burst cost mine'],
  role: 'viewer',
  allByDefault: true,
  isThere: ({ costs }) => costs !== undefined,
  async runAll(words, call, all) {
    await tellCost(words, call, all);
  },
  async run(words, call, services) {
    await tellCost(words, call, [services]);
  },
};
