/** Examples from this workspace's own configuration: its sizes, lifetimes, names and clusters. Pure. */
import { formatHours } from '../../domain/duration.ts';
import type { Services } from '../call.ts';

export type Sample = {
  /** A worker as they are called here, and a unique part of it. */
  readonly worker: string;
  readonly part: string;
  /** The size that is meant when none is named, and another one if there is one. */
  readonly size: string;
  readonly other: string;
  /** How many may be asked for, at most three. */
  readonly count: number;
  /** Lifetimes as they are typed: the usual one, and a longer one. */
  readonly ttl: string;
  readonly longer: string;
  /** A time to extend by. */
  readonly more: string;
  /** Sizes and limits in a few sentences. */
  readonly sizes: string;
  readonly limits: string;
};

/** The cluster whose configuration is told of. */
type Where = Pick<Services, 'workers' | 'cluster'> & { readonly clusters: Pick<Services['clusters'], 'several'> };

/** `36h`, `2d`: as people type it. */
const typedHours = (hours: number): string => (hours > 24 && hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`);

export function sampleOf({ workers, clusters, cluster }: Where): Sample {
  const { defaultSize, defaultTtlHours, minTtlHours, maxTtlHours, maxPerRequest, maxBurstWorkers, sizes } = workers;
  const all = [...sizes.values()];
  const longer = Math.min(maxTtlHours, defaultTtlHours * 2);
  const named = all
    .slice(0, 12)
    .map(({ name, cpus, memoryGiB }) => `${name} (${cpus} CPU, ${memoryGiB} GiB)`)
    .join(', ');
  const where = clusters.several ? ` on ${cluster}` : '';
  return {
    worker: `${workers.namePrefix}-${defaultSize}-abcde`,
    part: 'abcde',
    size: defaultSize,
    other: all.find(({ name }) => name !== defaultSize)?.name ?? defaultSize,
    count: Math.min(3, maxPerRequest),
    ttl: typedHours(defaultTtlHours),
    longer: typedHours(longer),
    more: typedHours(Math.min(12, maxTtlHours)),
    sizes: `Sizes${where}: ${named}${all.length > 12 ? ` and ${all.length - 12} more` : ''}; without one, ${defaultSize}.`,
    limits: `At most ${maxPerRequest} at once, ${maxBurstWorkers} in all${where}; for ${formatHours(minTtlHours)} to ${formatHours(maxTtlHours)}, without a lifetime ${formatHours(defaultTtlHours)}.`,
  };
}

/** A command, as far as its examples go: they stand there, or are made of this workspace's own words. */
type Exemplified = {
  readonly name: string;
  readonly examples: readonly string[] | ((own: Sample) => readonly string[]);
  readonly anywhere?: true;
};

/** A command's examples here; with several clusters, the last one says in which. */
export function examplesOf(command: Exemplified, services: Where): readonly string[] {
  const { examples } = command;
  const own = typeof examples === 'function' ? examples(sampleOf(services)) : examples;
  const unique = [...new Set(own)];
  const last = unique.at(-1);
  const named = last?.replace(/^\/burst \S+/, (start) => `${start} on ${services.cluster}`);
  return services.clusters.several && command.anywhere !== true && named !== undefined && named !== last
    ? [...unique, named]
    : unique;
}

/** What is said with a mistake: a right command. @param at which of the command's examples. */
export const exampleHint = (command: Exemplified, services: Where, at = 0): string =>
  `For example: ${examplesOf(command, services)[at] ?? `/burst help ${command.name}`}`;
