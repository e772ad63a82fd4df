/**
 * Menus that narrow what is shown. Pure. Invariant: each option's value is the whole filter that it leads to, so that nothing
 * has to be remembered between two choices.
 */
import { createHash } from 'node:crypto';
import type { PlainTextOption, StaticSelect } from '@slack/types';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { wordsFor } from '../../domain/list.ts';
import type { ListWords } from '../../domain/words.ts';
import type { SizeName, WorkerStatus, WorkerType } from '../../domain/worker.ts';
import { option, plain } from './text.ts';

export type Filterable = {
  readonly filter: ListWords;
  readonly sizes: readonly SizeName[];
  /** Where there are several clusters: their names, and the one that is shown (`all` for all of them). */
  readonly clusters?: { readonly names: readonly string[]; readonly shown: string };
};
const types: readonly (readonly [WorkerType | undefined, string])[] = [
  [undefined, 'Any type'],
  ['burst', 'Burst'],
  ['permanent', 'Permanent'],
];
const statuses: readonly (readonly [WorkerStatus | undefined, string])[] = [
  [undefined, 'Any status'],
  ['ready', 'Ready'],
  ['busy', 'Busy'],
  ['draining', 'Draining'],
  ['not_ready', 'Not ready'],
];
/** Options that Slack takes in one menu. */
const MOST = 100;

function menu(actionId: string, label: string, options: readonly PlainTextOption[], chosen: number): StaticSelect[] {
  const shown = options.slice(0, MOST);
  const initial = shown[chosen];
  if (shown.length < 2) return [];
  return [
    {
      type: 'static_select',
      action_id: actionId,
      placeholder: plain(label),
      options: shown,
      ...(initial === undefined ? {} : { initial_option: initial }),
    },
  ];
}

/** The words of the filter with one of its parts otherwise; undefined: without it. */
function withPart(filter: ListWords, part: 'type' | 'status' | 'size', value: string | undefined): string {
  const { mine, ...parts } = filter;
  const others = Object.fromEntries(Object.entries(parts).filter(([key]) => key !== part));
  return wordsFor({ ...others, ...(value === undefined ? {} : { [part]: value }), mine });
}

/** @param area what serves the choices: `list`, or `home`, where all workers are burst ones. */
export function filterMenus(area: 'list' | 'home', { filter, sizes, clusters }: Filterable): StaticSelect[] {
  const id = (part: string): string => `burst:${area}:filter:${part}`;
  const sized: readonly (SizeName | undefined)[] = [undefined, ...sizes];
  return [
    ...(area === 'home'
      ? []
      : menu(
          id('type'),
          'Type',
          types.map(([type, text]) => option(text, withPart(filter, 'type', type))),
          types.findIndex(([type]) => type === filter.type),
        )),
    ...menu(
      id('status'),
      'Status',
      statuses.map(([status, text]) => option(text, withPart(filter, 'status', status))),
      statuses.findIndex(([status]) => status === filter.status),
    ),
    ...menu(
      id('size'),
      'Size',
      sized.map((size) => option(size ?? 'Any size', withPart(filter, 'size', size))),
      sized.indexOf(filter.size),
    ),
    ...menu(
      id('owner'),
      'Owner',
      [false, true].map((mine) => option(mine ? 'Mine' : "Everybody's", wordsFor({ ...filter, mine }))),
      filter.mine ? 1 : 0,
    ),
    ...clusterMenu(area, filter, clusters),
  ];
}

function clusterMenu(area: string, filter: ListWords, clusters: Filterable['clusters']): StaticSelect[] {
  if (clusters === undefined) return [];
  const names = [ALL_CLUSTERS, ...clusters.names];
  return menu(
    `burst:${area}:cluster`,
    'Cluster',
    names.map((name) => option(name === ALL_CLUSTERS ? 'All clusters' : name, `${keyOf(name)}|${wordsFor(filter)}`)),
    names.indexOf(clusters.shown),
  );
}
/** A cluster's name may be longer than an option's value. */
const keyOf = (name: string): string =>
  name === ALL_CLUSTERS ? '*' : createHash('sha256').update(name).digest('hex').slice(0, 10);

/** The cluster (or `all`) and the filter that were chosen; undefined for a cluster that is not there any more. */
export function readClusterChoice(
  value: string,
  names: readonly string[],
): { readonly cluster: string; readonly words: string } | undefined {
  const [key = '', words = ''] = value.split('|');
  const cluster = [ALL_CLUSTERS, ...names].find((name) => keyOf(name) === key);
  return cluster === undefined ? undefined : { cluster, words };
}
