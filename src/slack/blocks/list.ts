/** A page of workers as a table, with menus to narrow it and to act on its rows. Pure. */
import type { KnownBlock, PlainTextOption, StaticSelect, TableBlock } from '@slack/types';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { formatDuration } from '../../domain/duration.ts';
import { matchesList, wordsFor } from '../../domain/list.ts';
import type { WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import { actingIn, actionIn } from './clusters.ts';
import { filterMenus } from './filters.ts';
import type { Filterable } from './filters.ts';
import {
  MOST_BLOCKS,
  MOST_TEXT,
  button,
  clamp,
  code,
  count,
  deadline,
  fit,
  foreign,
  mention,
  plain,
  section,
  sizeOf,
} from './text.ts';
import type { Message } from './text.ts';
import { cpu, fleetLine, fleetLines, memory, ownerCell, raw, statusOf, timeCell, verbsOf } from './workers.ts';
import type { ClusterFleet } from './workers.ts';

const PAGE = 10;
export type ListView = Filterable & {
  /** Who looks. */
  readonly userId: string;
  readonly page: number;
  /** Whether they may act on a worker. */
  readonly mayAct: (worker: WorkerView) => boolean;
};

/** One page of the list. */
export const listMessage = (fleet: Fleet, view: ListView, nowMs: number): Message =>
  pageOf(fleet.workers, fleetLine(fleet), view, nowMs, undefined);

/** One page of the list of several clusters, each worker with its cluster. */
export const listAllMessage = (fleets: readonly ClusterFleet[], view: ListView, nowMs: number): Message =>
  pageOf(
    fleets.flatMap(({ fleet }) => fleet.workers),
    fleetLines(fleets),
    view,
    nowMs,
    ALL_CLUSTERS,
  );

function lineOf(worker: WorkerView, several: boolean, nowMs: number): string {
  const where = several ? ` on ${foreign(worker.cluster)},` : '';
  const kind = worker.size === undefined ? worker.type : `${worker.type} ${foreign(worker.size, 40)}`;
  const until = worker.expiresAtMs === undefined ? 'no deadline' : deadline(worker.expiresAtMs, nowMs);
  const owner = worker.owner === undefined ? '' : `, ${mention(worker.owner)}`;
  const activity = worker.activity === undefined ? '' : `, ${foreign(worker.activity)}`;
  return `${code(worker.name)}${where} ${kind}, ${statusOf(worker)}, CPU ${cpu(worker.requested)} of ${cpu(worker.allocatable)}, memory ${memory(worker.requested)} of ${memory(worker.allocatable)} GiB, pods ${worker.requested.pods} of ${worker.allocatable.pods}, ${until}${owner}${activity}`;
}

function tableOf(shown: readonly WorkerView[], several: boolean, nowMs: number): TableBlock {
  const titles = ['Worker', 'Type', 'Status', 'CPU', 'Memory GiB', 'Pods', 'Time left', 'Owner'];
  return {
    type: 'table',
    rows: [
      [...(several ? ['Cluster'] : []), ...titles].map(raw),
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
}

/** @param mark what the paging is for when the workers are of several clusters. */
function pageOf(
  all: readonly WorkerView[],
  about: string,
  view: ListView,
  nowMs: number,
  mark: string | undefined,
): Message {
  const several = mark !== undefined;
  const words = wordsFor(view.filter);
  const workers = all.filter((worker) => matchesList(worker, view.filter, view.userId));
  const pages = Math.max(1, Math.ceil(workers.length / PAGE));
  const at = Math.min(Math.max(0, view.page), pages - 1);
  const shown = workers.slice(at * PAGE, at * PAGE + PAGE);
  const head = `*Workers*${words === 'all' ? '' : ` (${foreign(words)})`}: ${count(workers.length, 'worker')}${pages > 1 ? `, page ${at + 1} of ${pages}` : ''}. ${about}`;
  const lines = shown.map((worker) => lineOf(worker, several, nowMs));
  const text = clamp([head, ...lines].join('\n'), MOST_TEXT);
  const value = (to: number): string => JSON.stringify({ page: to, words });
  const paging = [
    ...(at > 0 ? [button('◀ Previous', 'burst:list:previous', value(at - 1))] : []),
    ...(at < pages - 1 ? [button('Next ▶', 'burst:list:next', value(at + 1))] : []),
    button('Refresh', 'burst:list:refresh', value(at)),
  ];
  const filters: KnownBlock = { type: 'actions', elements: filterMenus('list', view) };
  const menus = several ? menusOf(shown, view) : [actOn(shown, view)].filter((menu) => menu !== undefined);
  const withMenu: KnownBlock = { type: 'actions', elements: [...paging, ...menus] };
  const foot: KnownBlock = sizeOf([withMenu]) > MOST_BLOCKS / 2 ? { type: 'actions', elements: paging } : withMenu;
  const none = section(
    workers.length === 0 && all.length > 0
      ? 'No worker matches. Choose _Any_ in the menus above, or `/burst list` shows all.'
      : 'There is no worker yet. `/burst provision` asks for some.',
  );
  const sections = [section(head), filters, ...(lines.length === 0 ? [none] : lines.map(section))];
  const plainer = [...fit(sections, 45, MOST_BLOCKS - sizeOf([foot]) - 200), foot];
  const rich = [section(head), filters, shown.length === 0 ? none : tableOf(shown, several, nowMs), foot];
  const message = { text, blocks: sizeOf(rich) > MOST_BLOCKS ? plainer : rich, fallback: plainer };
  if (mark === undefined) return message;
  return { text, blocks: actingIn(message.blocks, mark), fallback: actingIn(plainer, mark) };
}

/** A menu of what this person can do with these workers, row by row. */
function actOn(workers: readonly WorkerView[], { mayAct }: ListView): StaticSelect | undefined {
  const groups = workers.map((worker): { label: ReturnType<typeof plain>; options: PlainTextOption[] } => ({
    label: plain(worker.name),
    options: verbsOf(worker, worker.type === 'burst' && mayAct(worker)),
  }));
  if (groups.length === 0) return undefined;
  return { type: 'static_select', action_id: 'burst:worker', placeholder: plain('Act on…'), option_groups: groups };
}

/** A menu for each cluster's workers, which acts there. */
function menusOf(workers: readonly WorkerView[], view: ListView): StaticSelect[] {
  return [...new Set(workers.map(({ cluster }) => cluster))].flatMap((cluster) => {
    const menu = actOn(
      workers.filter((worker) => worker.cluster === cluster),
      view,
    );
    if (menu === undefined) return [];
    const placeholder = plain(`Act on… (${cluster})`);
    return [{ ...menu, placeholder, action_id: actionIn(menu.action_id ?? '', cluster) }];
  });
}
