/** Everything about one worker. Pure: facts in, message out; each part has its share of what a message may hold. */
import type { KnownBlock } from '@slack/types';
import type { WorkerDetails } from '../../domain/worker.ts';
import {
  MOST_BLOCKS,
  MOST_TEXT,
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
  mention,
  mrkdwn,
  section,
  sizeOf,
} from './text.ts';
import type { Message } from './text.ts';
import { workerCostText } from './cost.ts';
import { repairButton } from './notices.ts';
import { cpu, memory, statusOf } from './workers.ts';

/** Kubernetes takes no longer name; a button could not carry it whole. */
const MOST_NAME = 253;

/** As many lines as fit into `max` characters, and how many were left out. */
function lines(items: readonly string[], max: number, separator = '\n'): string {
  const shown: string[] = [];
  let size = 0;
  for (const item of items) {
    size += item.length + separator.length;
    if (size > max) break;
    shown.push(item);
  }
  const rest = items.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(separator) || 'none';
}
const pairs = (values: Readonly<Record<string, string>>): string =>
  lines(
    Object.entries(values).map(([key, value]) => code(clamp(value === '' ? key : `${key}=${value}`, 78))),
    1500,
    ' ',
  );

function podsText(worker: WorkerDetails): string {
  const kinds = new Map<string, number>();
  for (const pod of worker.pods) {
    const kind = pod.mirror ? 'static' : (pod.controller?.kind ?? 'without a controller');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const by = [...kinds].map(([kind, amount]) => `${amount} ${foreign(kind, 40)}`);
  return `${worker.pods.length} of ${worker.allocatable.pods}: ${lines(by, 400, ', ')}`;
}

/** Like the button of a warning: for this deadline it is extended once, however often it is clicked. */
const extendValue = (name: string, deadlineMs: number): string => JSON.stringify({ workers: [name], deadlineMs });

/** Conditions, addresses, room, labels, annotations, taints, pods by kind, deadline, owner, operation, VM and history. */
export function detailsMessage(worker: WorkerDetails, nowMs: number): Message {
  const { node, vm } = worker;
  const head = `*${foreign(worker.name)}*: ${worker.type} worker, ${statusOf(worker)}${worker.activity === undefined ? '' : `, ${foreign(worker.activity)}`}`;
  const facts: readonly (readonly [string, string])[] = [
    ['Deadline', worker.expiresAtMs === undefined ? 'none' : deadline(worker.expiresAtMs, nowMs)],
    ['Owner', worker.owner === undefined ? 'none' : mention(worker.owner)],
    ['Size', foreign(worker.size ?? '–')],
    ['Created', date(worker.createdAtMs)],
    ['CPU', `${cpu(worker.requested)} requested of ${cpu(worker.allocatable)} (capacity ${cpu(worker.capacity)})`],
    [
      'Memory',
      `${memory(worker.requested)} GiB requested of ${memory(worker.allocatable)} (capacity ${memory(worker.capacity)})`,
    ],
    ['Pods', podsText(worker)],
    [
      'Addresses',
      lines(
        node.addresses.map(({ type, address }) => `${foreign(type, 30)} ${code(address)}`),
        600,
      ),
    ],
    [
      'VM',
      vm === undefined
        ? 'none known'
        : `${code(vm.id)} ${foreign(vm.state, 60)}${vm.host === undefined ? '' : ` on ${foreign(vm.host, 60)}`}`,
    ],
    ...(worker.cost === undefined ? [] : [['Cost', workerCostText(worker.cost)] as const]),
    ['Operation', worker.operationId === undefined ? '–' : code(worker.operationId)],
  ];
  const conditions = node.conditions.map(
    (item) =>
      `${foreign(item.type, 40)}: ${item.status} ${foreign(item.reason, 60)}${item.sinceMs === undefined ? '' : ` since ${date(item.sinceMs)}`}${item.status === (item.type === 'Ready' ? 'True' : 'False') || item.message === '' ? '' : ` (${foreign(item.message, 150)})`}`,
  );
  const parts: readonly (readonly [string, string])[] = [
    ['Conditions', lines(conditions, 1800)],
    ['Labels', pairs(worker.labels)],
    ['Annotations', pairs(worker.annotations)],
    [
      'Taints',
      lines(
        node.taints.map((taint) => code(`${taint.key}${taint.value === '' ? '' : `=${taint.value}`}:${taint.effect}`)),
        600,
        ' ',
      ),
    ],
    [
      'History',
      lines(
        worker.history.map((item) => `${date(item.atMs)} ${mention(item.actor)}: ${foreign(item.text, 150)}`),
        1800,
      ),
    ],
  ];
  const system = `kubelet ${foreign(node.kubeletVersion, 40)}, ${foreign(node.osImage, 80)}`;
  const buttons: KnownBlock[] =
    worker.type === 'burst' && worker.name.length <= MOST_NAME
      ? [
          {
            type: 'actions',
            elements: [
              ...(worker.notReadySinceMs === undefined ? [] : [repairButton(worker.name, worker.notReadySinceMs)]),
              ...(worker.expiresAtMs === undefined
                ? []
                : [button('Extend 24 h', 'burst:warn:extend:24', extendValue(worker.name, worker.expiresAtMs))]),
              button('Extend…', 'burst:worker:extend', worker.name),
              button('Drain…', 'burst:worker:drain', worker.name),
              button('Destroy…', 'burst:worker:destroy', worker.name, { style: 'danger' }),
            ],
          },
        ]
      : [];
  return {
    text: clamp(
      [head, ...[...facts, ...parts].map(([name, value]) => `${name}: ${clamp(value, 300)}`), system].join('\n'),
      MOST_TEXT,
    ),
    blocks: [
      ...fit(
        [
          section(`${head}; ${count(worker.pods.length, 'pod')}`),
          fields(facts.map(([name, value]) => mrkdwn(`*${name}*\n${value}`, 700).text)),
          ...parts.map(([name, value]) => section(`*${name}*\n${value}`)),
          context(system),
        ],
        45,
        MOST_BLOCKS - sizeOf(buttons),
      ),
      ...buttons,
    ],
  };
}
