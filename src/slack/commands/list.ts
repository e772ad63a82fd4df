import { mayActOn } from '../../domain/access.ts';
import type { AccessAnswer } from '../../domain/access.ts';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { BurstError } from '../../domain/errors.ts';
import type { WorkerView } from '../../domain/worker.ts';
import { parseList } from '../../domain/words.ts';
import type { ListWords } from '../../domain/words.ts';
import { listAllMessage, listMessage } from '../blocks/list.ts';
import type { Message } from '../blocks/text.ts';
import type { Call, Services } from '../call.ts';
import { nearest } from '../nearest.ts';
import type { Command } from './types.ts';

/** A page of the list for a filter as typed. @throws BurstError for a word it does not know. */
export async function listPage(words: string, page: number, call: Call, services: Services): Promise<Message> {
  const { clusters, cluster } = services;
  const sizes = sizesOf([services]);
  const filter = filterOf(words, sizes);
  const [fleet, standing] = await Promise.all([services.operations.fleet(), services.gate.standing(call)]);
  const mayAct = (worker: WorkerView): boolean => actsOn(standing, call.by.userId, worker);
  const seen = clusters.several ? (await clusters.seenBy(call)).map((each) => each.cluster) : [];
  const shown = clusters.several ? { clusters: { names: seen, shown: cluster } } : {};
  return listMessage(fleet, { filter, sizes, page, userId: call.by.userId, mayAct, ...shown }, services.clock.now());
}

/** A page of the list of several clusters. @throws BurstError for a word it does not know. */
export async function listAllPage(words: string, page: number, call: Call, all: readonly Services[]): Promise<Message> {
  const sizes = sizesOf(all);
  const filter = filterOf(words, sizes);
  const standings = new Map<string, AccessAnswer>();
  const fleets = await Promise.all(
    all.map(async ({ cluster, operations, gate }) => {
      standings.set(cluster, await gate.standing(call));
      return { cluster, fleet: await operations.fleet() };
    }),
  );
  const mayAct = (worker: WorkerView): boolean => actsOn(standings.get(worker.cluster), call.by.userId, worker);
  const clusters = { names: all.map(({ cluster }) => cluster), shown: ALL_CLUSTERS };
  const view = { filter, sizes, page, userId: call.by.userId, mayAct, clusters };
  return listAllMessage(fleets, view, all[0]?.clock.now() ?? 0);
}

const actsOn = (standing: AccessAnswer | undefined, userId: string, { owner }: WorkerView): boolean =>
  standing?.ok === true && mayActOn(standing.role, userId, owner);
const sizesOf = (all: readonly Services[]): readonly string[] => [
  ...new Set(all.flatMap(({ workers }) => [...workers.sizes.keys()])),
];

function filterOf(words: string, sizes: readonly string[]): ListWords {
  const parsed = parseList(words, nearest, sizes);
  if (parsed.ok) return parsed.value;
  throw new BurstError('invalid_input', `${parsed.text}.`, {
    hint: 'For example: /burst list burst ready mine',
    ...(parsed.suggestion === undefined ? {} : { suggestions: [parsed.suggestion] }),
  });
}

export const list: Command = {
  name: 'list',
  aliases: ['ls', 'workers'],
  summary: 'workers with status, room, time left and owner; menus narrow it and act on each',
  usage: '/burst list [burst|permanent] [ready|busy|draining|not_ready] [SIZE] [mine]',
  examples: ({ size }) => ['/burst list', '/burst list burst mine', `/burst list ${size} not ready`],
  role: 'viewer',
  async runAll(words, call, all) {
    await call.reply(await listAllPage(words, 0, call, all));
  },
  async run(words, call, services) {
    await call.reply(await listPage(words, 0, call, services));
  },
};
