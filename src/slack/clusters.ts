/**
 * Which cluster a request is for. Invariants: with one cluster nothing is said of clusters; a cluster that a person may not
 * look at is neither shown to them nor searched for them; a name that is in several clusters is asked about, never guessed.
 */
import { BurstError, isBurstError } from '../domain/errors.ts';
import { told } from './blocks/clusters.ts';
import type { Call, Clusters, Services } from './call.ts';

type Found = { readonly cluster: string; readonly worker: string | undefined; readonly candidates: readonly string[] };

/**
 * @param each what serves each cluster, the default one's first.
 * @param byChannel channels' own clusters.
 */
export function createClusters(
  each: readonly Omit<Services, 'clusters'>[],
  byChannel: ReadonlyMap<string, string>,
): Clusters {
  const names = each.map(({ cluster }) => cluster);
  const [first = ''] = names;
  const several = each.length > 1;

  const lookIn = async (services: Services, asked: string): Promise<Found> => {
    const { cluster } = services;
    try {
      return { cluster, worker: await services.operations.resolve(asked), candidates: [] };
    } catch (error) {
      if (!isBurstError(error)) throw error;
      const candidates = error.code === 'ambiguous' ? error.suggestions : [];
      if (error.code === 'ambiguous' || error.code === 'not_found')
        return { cluster, worker: undefined, candidates: error.code === 'ambiguous' ? candidates : [] };
      throw error;
    }
  };

  const whereIs = async (asked: string, seen: readonly Services[], preferred: string | undefined): Promise<string> => {
    const found = await Promise.all(seen.map((services) => lookIn(services, asked)));
    const exact = found.filter(({ worker }) => worker === asked.trim().toLowerCase());
    const some = found.filter(({ worker, candidates }) => worker !== undefined || candidates.length > 0);
    const fit = exact.length > 0 ? exact : some;
    const here = fit.find(({ cluster }) => cluster === preferred) ?? (fit.length === 1 ? fit[0] : undefined);
    if (here !== undefined) return here.cluster;
    if (fit.length > 1)
      throw new BurstError(
        'ambiguous',
        `"${asked.slice(0, 80)}" is in the names of workers of ${fit.length} clusters.`,
        {
          left: 'Nothing was done.',
          hint: `Say which: on ${fit.map(({ cluster }) => cluster).join(', on ')}.`,
          suggestions: fit
            .flatMap(({ cluster, worker, candidates }) =>
              (worker === undefined ? candidates : [worker]).map((name) => `${name} on ${cluster}`),
            )
            .slice(0, 5),
        },
      );
    throw new BurstError('not_found', `There is no worker "${asked.slice(0, 80)}" in any cluster.`, {
      left: 'Nothing was done.',
      hint: 'See /burst list on all.',
      suggestions: (await Promise.all(seen.map((services) => nearIn(services, asked)))).flat().slice(0, 3),
    });
  };

  const clusters: Clusters = {
    several,
    names,
    get all() {
      return all;
    },
    meant(channelId) {
      const own = channelId === undefined ? undefined : byChannel.get(channelId);
      return { name: own ?? first, byChannel: own !== undefined };
    },
    of(name) {
      const found = all.find(({ cluster }) => cluster === name);
      if (found === undefined)
        throw new BurstError('not_found', `There is no cluster "${name.slice(0, 63)}" (any more).`, {
          left: 'Nothing was done.',
          hint: `There ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}.`,
        });
      return found;
    },
    async seenBy(who) {
      const answers = await Promise.all(all.map(({ gate }) => gate.standing(who)));
      return all.filter((_, at) => answers[at]?.ok === true);
    },
    async withWorkers(asked, who) {
      const { name, byChannel: own } = clusters.meant(who.channelId);
      const seen = await clusters.seenBy(who);
      if (asked.length === 0 || seen.length === 0) return name;
      const where = new Map<string, string>();
      for (const worker of asked) where.set(worker, await whereIs(worker, seen, own ? name : undefined));
      const [cluster = name, ...more] = new Set(where.values());
      if (more.length > 0)
        throw new BurstError(
          'invalid_input',
          `These workers are in several clusters: ${[...where].map(([worker, at]) => `${worker} on ${at}`).join(', ')}.`,
          { left: 'Nothing was done.', hint: 'Ask for each cluster by itself.' },
        );
      return cluster;
    },
  };
  const all = each.map((services): Services => ({ ...services, clusters }));
  return clusters;
}

/** Names like it in this cluster, as they are said across clusters. */
async function nearIn({ operations, cluster }: Services, asked: string): Promise<readonly string[]> {
  try {
    await operations.resolve(asked);
    return [];
  } catch (error) {
    return isBurstError(error) ? error.suggestions.map((name) => `${name} on ${cluster}`) : [];
  }
}

/** The call with answers that name the cluster. */
export const callIn = (call: Call, services: Services): Call =>
  services.clusters.several && call.answersFor === undefined
    ? {
        ...call,
        answersFor: services.cluster,
        reply: (message) => call.reply(told(message, services)),
        replace: (message) => call.replace(told(message, services)),
      }
    : call;
