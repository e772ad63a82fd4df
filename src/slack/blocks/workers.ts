/** The worker list, a worker's details, the fleet line. Pure. */
import type { KnownBlock, Overflow, PlainTextOption, RichTextBlock, StaticSelect, TableBlock } from '@slack/types';
import type { Resources, WorkerDetails, WorkerStatus, WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import {
  button,
  clamp,
  code,
  context,
  count,
  date,
  deadline,
  fields,
  fit,
  foreign,
  left,
  mention,
  option,
  plain,
  section,
  utc,
} from './text.ts';
import type { Message } from './text.ts';

const PAGE = 10;
export const statusText: Readonly<Record<WorkerStatus, string>> = {
  ready: ':large_green_circle: ready',
  busy: ':large_blue_circle: busy',
  draining: ':large_yellow_circle: draining',
  not_ready: ':red_circle: not ready',
};
const cpu = (value: Resources): string => `${Math.round(value.cpuMillis / 100) / 10}`;
const memory = (value: Resources): string => `${Math.round(value.memoryMiB / 102.4) / 10}`;
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
  return `${fleet.burstCount} of at most ${fleet.maxBurstWorkers} burst workers${fleet.joining > 0 ? `, ${fleet.joining} of them on the way` : ''}; all workers: ${by('ready')}, ${by('busy')}, ${by('draining')}, ${by('not_ready')}.${stale}`;
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
  return owner !== undefined && /^[UW][A-Z0-9]+$/.test(owner)
    ? cell({ type: 'rich_text_section', elements: [{ type: 'user', user_id: owner }] })
    : raw(owner ?? '–');
}

const MOST_VALUE = 150;
function verbsOf(worker: WorkerView, mayAct: boolean): PlainTextOption[] {
  const verbs: readonly (readonly [string, string])[] = mayAct
    ? [
        ['Details', 'details'],
        ['Extend…', 'extend'],
        ['Drain…', 'drain'],
        ['Destroy…', 'destroy'],
      ]
    : [['Details', 'details']];
  // A value that Slack would not take whole would name another worker.
  return verbs.flatMap(([text, verb]) => {
    const value = `${verb}|${worker.name}`;
    return value.length > MOST_VALUE ? [] : [option(text, value)];
  });
}
/** The menu of one burst worker for its line; values are `verb|name`. */
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

/** One page of the list. `words` is the filter as typed, kept in the paging buttons. */
export function listMessage(fleet: Fleet, words: string, page: number, nowMs: number): Message {
  const pages = Math.max(1, Math.ceil(fleet.workers.length / PAGE));
  const at = Math.min(Math.max(0, page), pages - 1);
  const shown = fleet.workers.slice(at * PAGE, at * PAGE + PAGE);
  const head = `*Workers*${words === '' ? '' : ` (${foreign(words)})`}: ${count(fleet.workers.length, 'worker')}${pages > 1 ? `, page ${at + 1} of ${pages}` : ''}. ${fleetLine(fleet)}`;
  const line = (worker: WorkerView): string =>
    `${code(worker.name)} ${worker.type}, ${statusText[worker.status]}, CPU ${cpu(worker.requested)} of ${cpu(worker.allocatable)}, memory ${memory(worker.requested)} of ${memory(worker.allocatable)} GiB, pods ${worker.requested.pods} of ${worker.allocatable.pods}, ${worker.expiresAtMs === undefined ? 'no deadline' : deadline(worker.expiresAtMs, nowMs)}${worker.owner === undefined ? '' : `, ${mention(worker.owner)}`}${worker.activity === undefined ? '' : `, ${foreign(worker.activity)}`}`;
  const text = clamp([head, ...shown.map(line)].join('\n'), 12_000);
  const table: TableBlock = {
    type: 'table',
    rows: [
      ['Worker', 'Type', 'Status', 'CPU', 'Memory GiB', 'Pods', 'Time left', 'Owner'].map(raw),
      ...shown.map((worker) => [
        raw(worker.name),
        raw(worker.size === undefined ? worker.type : `${worker.type}, ${worker.size}`),
        raw(
          `${worker.status.replace('_', ' ')}${worker.activity === undefined ? '' : `, ${clamp(worker.activity, 50)}`}`,
        ),
        raw(`${cpu(worker.requested)} of ${cpu(worker.allocatable)}`),
        raw(`${memory(worker.requested)} of ${memory(worker.allocatable)}`),
        raw(`${worker.requested.pods} of ${worker.allocatable.pods}`),
        timeCell(worker, nowMs),
        ownerCell(worker.owner),
      ]),
    ],
  };
  const menu = actOn(shown);
  const value = (to: number): string => JSON.stringify({ page: to, words: words.slice(0, 200) });
  const elements = [
    ...(at > 0 ? [button('◀ Previous', 'burst:list:previous', value(at - 1))] : []),
    ...(at < pages - 1 ? [button('Next ▶', 'burst:list:next', value(at + 1))] : []),
    button('Refresh', 'burst:list:refresh', value(at)),
    ...(menu === undefined ? [] : [menu]),
  ];
  const foot: KnownBlock[] = [{ type: 'actions', elements }];
  const none = section('No worker matches.');
  return {
    text,
    blocks: [section(head), shown.length === 0 ? none : table, ...foot],
    fallback: [section(head), ...(shown.length === 0 ? [none] : shown.map((worker) => section(line(worker)))), ...foot],
  };
}

/** Everything about one worker. */
export function detailsMessage(worker: WorkerDetails, nowMs: number): Message {
  const kinds = new Map<string, number>();
  for (const pod of worker.pods) {
    const kind = pod.mirror ? 'static' : (pod.controller?.kind ?? 'without a controller');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const { node } = worker;
  const pairs = (values: Readonly<Record<string, string>>): string =>
    Object.entries(values)
      .slice(0, 30)
      .map(([key, value]) => code(clamp(`${key}=${value}`, 78)))
      .join(' ') || 'none';
  const head = `*${foreign(worker.name)}*: ${worker.type} worker, ${statusText[worker.status]}${worker.activity === undefined ? '' : `, ${foreign(worker.activity)}`}`;
  const when = worker.expiresAtMs === undefined ? 'no deadline' : `deadline ${deadline(worker.expiresAtMs, nowMs)}`;
  const blocks: KnownBlock[] = [
    section(head),
    fields([
      `*Deadline*\n${worker.expiresAtMs === undefined ? 'none' : deadline(worker.expiresAtMs, nowMs)}`,
      `*Owner*\n${worker.owner === undefined ? 'none' : mention(worker.owner)}`,
      `*Size*\n${foreign(worker.size ?? '–')}`,
      `*Created*\n${date(worker.createdAtMs)}`,
      `*CPU*\n${cpu(worker.requested)} requested of ${cpu(worker.allocatable)} (capacity ${cpu(worker.capacity)})`,
      `*Memory*\n${memory(worker.requested)} GiB requested of ${memory(worker.allocatable)} (capacity ${memory(worker.capacity)})`,
      `*Pods*\n${worker.pods.length} of ${worker.allocatable.pods}: ${[...kinds].map(([kind, number]) => `${number} ${foreign(kind, 40)}`).join(', ') || 'none'}`,
      `*Addresses*\n${
        node.addresses
          .slice(0, 8)
          .map((address) => `${foreign(address.type, 30)} ${code(address.address)}`)
          .join('\n') || '–'
      }`,
      `*VM*\n${worker.vm === undefined ? 'none known' : `${code(worker.vm.id)} ${foreign(worker.vm.state, 40)}${worker.vm.host === undefined ? '' : ` on ${foreign(worker.vm.host, 60)}`}`}`,
      `*Operation*\n${worker.operationId === undefined ? '–' : code(worker.operationId)}`,
    ]),
    section(
      `*Conditions*\n${
        node.conditions
          .slice(0, 12)
          .map(
            (item) =>
              `${foreign(item.type, 40)}: ${item.status} ${foreign(item.reason, 60)}${item.sinceMs === undefined ? '' : ` since ${date(item.sinceMs)}`}`,
          )
          .join('\n') || 'none'
      }`,
    ),
    section(`*Labels*\n${pairs(worker.labels)}`),
    section(`*Annotations*\n${pairs(worker.annotations)}`),
    section(
      `*Taints*\n${
        node.taints
          .slice(0, 20)
          .map((taint) => code(`${taint.key}=${taint.value}:${taint.effect}`))
          .join(' ') || 'none'
      }`,
    ),
    context(`kubelet ${foreign(node.kubeletVersion, 40)}, ${foreign(node.osImage, 80)}`),
    section(
      `*History*\n${
        worker.history
          .slice(0, 10)
          .map((item) => `${date(item.atMs)} ${mention(item.actor)}: ${foreign(item.text)}`)
          .join('\n') || 'nothing recorded'
      }`,
    ),
  ];
  const buttons: KnownBlock[] =
    worker.type === 'burst'
      ? [
          {
            type: 'actions',
            elements: [
              button('Extend…', 'burst:worker:extend', worker.name),
              button('Drain…', 'burst:worker:drain', worker.name),
              button('Destroy…', 'burst:worker:destroy', worker.name, { style: 'danger' }),
            ],
          },
        ]
      : [];
  return {
    text: `${head}; ${when}; ${count(worker.pods.length, 'pod')}.`,
    blocks: [...fit(blocks, 45, 11_000), ...buttons],
  };
}
