/** The worker list, a worker's details, the fleet line. Pure. */
import type { KnownBlock, Overflow, PlainTextOption, RichTextBlock, StaticSelect, TableBlock } from '@slack/types';
import { formatDuration } from '../../domain/duration.ts';
import type { Resources, WorkerStatus, WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import {
  MOST_BLOCKS,
  MOST_TEXT,
  button,
  clamp,
  code,
  count,
  date,
  deadline,
  fit,
  foreign,
  left,
  mention,
  option,
  plain,
  section,
  sizeOf,
  utc,
  isPerson,
} from './text.ts';
import { menuValue } from './menu.ts';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { actingIn, actionIn } from './clusters.ts';
import type { Message } from './text.ts';

const PAGE = 10;
export const statusText: Readonly<Record<WorkerStatus, string>> = {
  ready: ':large_green_circle: ready',
  busy: ':large_blue_circle: busy',
  draining: ':large_yellow_circle: draining',
  not_ready: ':red_circle: not ready',
};
/** The status, and since when a worker that is not Ready is not. */
export const statusOf = (worker: Pick<WorkerView, 'status' | 'notReadySinceMs'>): string =>
  worker.notReadySinceMs === undefined
    ? statusText[worker.status]
    : `${statusText[worker.status]} since ${date(worker.notReadySinceMs)}`;
export const cpu = (value: Resources): string => `${Math.round(value.cpuMillis / 100) / 10}`;
export const memory = (value: Resources): string => `${Math.round(value.memoryMiB / 102.4) / 10}`;
const raw = (text: string): { type: 'raw_text'; text: string } => ({
  type: 'raw_text',
  text: clamp(text === '' ? '–' : text, 120),
});
const cell = (elements: RichTextBlock['elements'][number] & { type: 'rich_text_section' }): RichTextBlock => ({
  type: 'rich_text',
  elements: [elements],
});

/** `3 of 6 burst workers, 1 on its way; 5 ready, 1 busy`. */
export function fleetLine(fleet: Fleet): string {
  const by = (status: WorkerStatus): string =>
    `${fleet.workers.filter((worker) => worker.status === status).length} ${status.replace('_', ' ')}`;
  const stale = fleet.freshness.stale
    ? ` :warning: The cluster is out of reach${fleet.freshness.sinceMs === undefined ? '' : ` since ${date(fleet.freshness.sinceMs)}`} (${foreign(fleet.freshness.reason)}); this may be old.`
    : '';
  const { vmServer } = fleet;
  const away =
    vmServer === undefined
      ? ''
      : ` :warning: The VM server ${code(vmServer.server)} has not answered since ${date(vmServer.sinceMs)} (${foreign(vmServer.reason)}); what needs it waits, and it is looked at again ${date(vmServer.nextLookMs)}.`;
  return `${fleet.burstCount} of at most ${fleet.maxBurstWorkers} burst workers${fleet.joining > 0 ? `, ${fleet.joining} of them on the way` : ''}; all workers: ${by('ready')}, ${by('busy')}, ${by('draining')}, ${by('not_ready')}.${stale}${away}`;
}

function timeCell(worker: WorkerView, nowMs: number): RichTextBlock | { type: 'raw_text'; text: string } {
  if (worker.expiresAtMs === undefined) return raw('no deadline');
  return cell({
    type: 'rich_text_section',
    elements: [
      { type: 'text', text: `${left(worker.expiresAtMs, nowMs)}, ` },
      {
        type: 'date',
        timestamp: Math.floor(worker.expiresAtMs / 1000),
        format: '{date_short_pretty} {time}',
        fallback: utc(worker.expiresAtMs),
      },
    ],
  });
}
function ownerCell(owner: string | undefined): RichTextBlock | { type: 'raw_text'; text: string } {
  return owner !== undefined && isPerson(owner)
    ? cell({ type: 'rich_text_section', elements: [{ type: 'user', user_id: owner }] })
    : raw(owner ?? '–');
}

function verbsOf(worker: WorkerView, mayAct: boolean): PlainTextOption[] {
  const verbs: readonly (readonly [string, string])[] = mayAct
    ? [
        ['Details', 'details'],
        ['Extend…', 'extend'],
        ['Drain…', 'drain'],
        ['Destroy…', 'destroy'],
      ]
    : [['Details', 'details']];
  return verbs.map(([text, verb]) => option(text, menuValue(verb, worker.name)));
}
/** The menu of one burst worker for its line; values as `menuValue` makes them. */
export function workerMenu(worker: WorkerView, mayAct: boolean): Overflow | undefined {
  const options = verbsOf(worker, mayAct);
  return options.length === 0 ? undefined : { type: 'overflow', action_id: 'burst:worker', options };
}
/** A menu of what can be done with these burst workers. */
function actOn(workers: readonly WorkerView[]): StaticSelect | undefined {
  const groups = workers
    .filter((worker) => worker.type === 'burst')
    .map((worker): { label: ReturnType<typeof plain>; options: PlainTextOption[] } => ({
      label: plain(worker.name),
      options: verbsOf(worker, true),
    }))
    .filter(({ options }) => options.length > 0);
  if (groups.length === 0) return undefined;
  return { type: 'static_select', action_id: 'burst:worker', placeholder: plain('Act on…'), option_groups: groups };
}

export type ClusterFleet = { readonly cluster: string; readonly fleet: Fleet };

/** One page of the list. `words` is the filter as typed, kept in the paging buttons. */
export const listMessage = (fleet: Fleet, words: string, page: number, nowMs: number): Message =>
  pageOf(fleet.workers, fleetLine(fleet), words, page, nowMs, undefined);

/** One page of the list of several clusters, each worker with its cluster. */
export const listAllMessage = (fleets: readonly ClusterFleet[], words: string, page: number, nowMs: number): Message =>
  pageOf(
    fleets.flatMap(({ fleet }) => fleet.workers),
    fleetLines(fleets),
    words,
    page,
    nowMs,
    ALL_CLUSTERS,
  );

/** A line for each cluster. */
export const fleetLines = (fleets: readonly ClusterFleet[]): string =>
  fleets.map(({ cluster, fleet }) => `\n*${foreign(cluster)}*: ${fleetLine(fleet)}`).join('');

/** @param mark what the paging is for when the workers are of several clusters. */
function pageOf(
  workers: readonly WorkerView[],
  about: string,
  words: string,
  page: number,
  nowMs: number,
  mark: string | undefined,
): Message {
  const several = mark !== undefined;
  const pages = Math.max(1, Math.ceil(workers.length / PAGE));
  const at = Math.min(Math.max(0, page), pages - 1);
  const shown = workers.slice(at * PAGE, at * PAGE + PAGE);
  const head = `*Workers*${words === '' ? '' : ` (${foreign(words)})`}: ${count(workers.length, 'worker')}${pages > 1 ? `, page ${at + 1} of ${pages}` : ''}. ${about}`;
  const line = (worker: WorkerView): string =>
    `${code(worker.name)}${several ? ` on ${foreign(worker.cluster)},` : ''} ${worker.type}, ${statusOf(worker)}, CPU ${cpu(worker.requested)} of ${cpu(worker.allocatable)}, memory ${memory(worker.requested)} of ${memory(worker.allocatable)} GiB, pods ${worker.requested.pods} of ${worker.allocatable.pods}, ${worker.expiresAtMs === undefined ? 'no deadline' : deadline(worker.expiresAtMs, nowMs)}${worker.owner === undefined ? '' : `, ${mention(worker.owner)}`}${worker.activity === undefined ? '' : `, ${foreign(worker.activity)}`}`;
  const text = clamp([head, ...shown.map(line)].join('\n'), MOST_TEXT);
  const table: TableBlock = {
    type: 'table',
    rows: [
      [
        ...(several ? ['Cluster'] : []),
        'Worker',
        'Type',
        'Status',
        'CPU',
        'Memory GiB',
        'Pods',
        'Time left',
        'Owner',
      ].map(raw),
      ...shown.map((worker) => [
        ...(several ? [raw(worker.cluster)] : []),
        raw(worker.name),
        raw(worker.size === undefined ? worker.type : `${worker.type}, ${worker.size}`),
        raw(
          `${worker.status.replace('_', ' ')}${worker.notReadySinceMs === undefined ? '' : ` for ${formatDuration(Math.max(0, nowMs - worker.notReadySinceMs))}`}${worker.activity === undefined ? '' : `, ${clamp(worker.activity, 50)}`}`,
        ),
        raw(`${cpu(worker.requested)} of ${cpu(worker.allocatable)}`),
        raw(`${memory(worker.requested)} of ${memory(worker.allocatable)}`),
        raw(`${worker.requested.pods} of ${worker.allocatable.pods}`),
        timeCell(worker, nowMs),
        ownerCell(worker.owner),
      ]),
    ],
  };
  const menus = several ? menusOf(shown) : [actOn(shown)].filter((menu) => menu !== undefined);
  const value = (to: number): string => JSON.stringify({ page: to, words: words.slice(0, 200) });
  const paging = [
    ...(at > 0 ? [button('◀ Previous', 'burst:list:previous', value(at - 1))] : []),
    ...(at < pages - 1 ? [button('Next ▶', 'burst:list:next', value(at + 1))] : []),
    button('Refresh', 'burst:list:refresh', value(at)),
  ];
  const withMenu: KnownBlock = { type: 'actions', elements: [...paging, ...menus] };
  const foot: KnownBlock = sizeOf([withMenu]) > MOST_BLOCKS / 2 ? { type: 'actions', elements: paging } : withMenu;
  const none = section('No worker matches.');
  const sections = [section(head), ...(shown.length === 0 ? [none] : shown.map((worker) => section(line(worker))))];
  const plainer = [...fit(sections, 45, MOST_BLOCKS - sizeOf([foot]) - 200), foot];
  const rich = [section(head), shown.length === 0 ? none : table, foot];
  const message = { text, blocks: sizeOf(rich) > MOST_BLOCKS ? plainer : rich, fallback: plainer };
  if (mark === undefined) return message;
  return { text, blocks: actingIn(message.blocks, mark), fallback: actingIn(plainer, mark) };
}

/** A menu for each cluster's workers, which acts there. */
function menusOf(workers: readonly WorkerView[]): StaticSelect[] {
  return [...new Set(workers.map(({ cluster }) => cluster))].flatMap((cluster) => {
    const menu = actOn(workers.filter((worker) => worker.cluster === cluster));
    if (menu === undefined) return [];
    const placeholder = plain(`Act on… (${cluster})`);
    return [{ ...menu, placeholder, action_id: actionIn(menu.action_id ?? '', cluster) }];
  });
}
