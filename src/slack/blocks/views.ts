/** Modals. Pure: data in, view out; what a submit needs travels in private_metadata, at most 3,000 characters. */
import type { KnownBlock, ModalView, PlainTextElement } from '@slack/types';
import type { DrainPreview } from '../../domain/drain-plan.ts';
import type { WorkerPolicy } from '../../domain/policy.ts';
import type { DestroyPreview } from '../../operations/types.ts';
import { formatHours } from '../../domain/duration.ts';
import { workerCostText } from './cost.ts';
import {
  button,
  code,
  context,
  count,
  date,
  deadline,
  fit,
  foreign,
  mention,
  names,
  option,
  plain,
  section,
} from './text.ts';
import type { Message } from './text.ts';

export const CALLBACKS = {
  provision: 'burst:view:provision',
  drain: 'burst:view:drain',
  destroy: 'burst:view:destroy',
  extend: 'burst:view:extend',
  force: 'burst:view:force',
  stray: 'burst:view:stray',
} as const;
export const title = (text: string): ModalView['title'] => plain(text, 24);
/** What the modals carry from opening to submit. */
export type Metadata = {
  readonly channelId?: string;
  readonly threadTs?: string;
  /** Of the provision form from a shortcut: clusters to choose from, and whether the channel is asked for. */
  readonly clusters?: readonly string[];
  readonly askChannel?: boolean;
  readonly operationId?: string;
  readonly workers?: readonly string[];
  readonly fingerprints?: Readonly<Record<string, string>>;
};

/** A modal that only says something: loading, accepted, refused. */
export const noteView = (heading: string, text: string): ModalView => ({
  type: 'modal',
  title: title(heading),
  close: plain('Close', 24),
  blocks: [section(text)],
});
/** A modal that shows a message (an error, say) instead of a form; suggestions to run are left to its text. */
export const messageView = (heading: string, message: Message): ModalView => noteView(heading, message.text);

/** When a preview was looked at, and the button to look again. */
export const lookedAt = (nowMs: number): KnownBlock[] => [
  { type: 'actions', elements: [button('Look again', 'reload', 'reload')] },
  context(`As of ${date(nowMs)}; it is looked at once more when you confirm.`),
];

/** What a drain of one worker would do. */
export function previewBlocks(preview: DrainPreview): KnownBlock[] {
  const list = (items: readonly string[], most = 12): string =>
    [...items.slice(0, most), ...(items.length > most ? [`and ${items.length - most} more`] : [])].join('\n');
  const evict = preview.evict.map((pod) => `• ${foreign(`${pod.namespace}/${pod.name}`)} (${foreign(pod.owner, 80)})`);
  return [
    section(
      `*${foreign(preview.node)}*: ${count(preview.evict.length, 'pod')} to evict, ${preview.skip.length} stay${preview.unschedulable ? '; already cordoned' : ''}`,
    ),
    ...(evict.length === 0 ? [] : [section(list(evict))]),
    ...(preview.errors.length === 0
      ? []
      : [
          section(
            `:no_entry: *These end the drain before it begins*\n${list(preview.errors.map((pod) => `• ${foreign(`${pod.namespace}/${pod.name}`)}: ${foreign(pod.text)}`))}`,
          ),
        ]),
    ...(preview.blocked.length === 0
      ? []
      : [
          section(
            `:octagonal_sign: *Budgets that block now*\n${list(preview.blocked.map((block) => `• ${foreign(block.pod)} by ${code(block.budget)}: ${foreign(block.numbers)}${block.never ? '; cannot finish by itself' : ''}`))}`,
          ),
        ]),
    ...(preview.losses.length === 0
      ? []
      : [section(`:warning: *Lost for good*\n${list(preview.losses.map((loss) => `• ${foreign(loss)}`))}`)]),
  ];
}

export function drainView(
  previews: readonly DrainPreview[],
  metadata: Metadata,
  nowMs: number,
  problem?: string,
): ModalView {
  return {
    type: 'modal',
    callback_id: CALLBACKS.drain,
    title: title(previews.length === 1 ? 'Drain worker' : 'Drain workers'),
    submit: plain('Drain', 24),
    close: plain('Keep', 24),
    private_metadata: JSON.stringify(metadata),
    blocks: [
      ...(problem === undefined ? [] : [section(problem)]),
      ...fit(previews.flatMap(previewBlocks), 90, 40_000),
      ...lookedAt(nowMs),
    ],
  };
}

/**
 * The destroy confirmation: its submit drains first unless all are drained. `mayForce` adds the choice to skip that,
 * which needs the worker's name typed.
 */
export function destroyView(
  previews: readonly DestroyPreview[],
  metadata: Metadata,
  mayForce: boolean,
  nowMs: number,
  problem?: string,
): ModalView {
  const drained = previews.every((preview) => preview.drained);
  const only = previews.length === 1 ? previews[0] : undefined;
  const blocks: KnownBlock[] = [
    ...(problem === undefined ? [] : [section(problem)]),
    ...fit(
      previews.flatMap((preview) => [
        section(
          `${code(preview.worker.name)} owned by ${preview.worker.owner === undefined ? 'nobody' : mention(preview.worker.owner)}, ${preview.expiresAtMs === undefined ? 'no deadline' : deadline(preview.expiresAtMs, nowMs)}; ${preview.drained ? '*drained*' : '*not drained*'}${preview.worker.cost === undefined ? '' : `; ${workerCostText(preview.worker.cost)}`}`,
        ),
        ...(preview.drained ? [] : previewBlocks(preview.drain)),
      ]),
      85,
      40_000,
    ),
    ...lookedAt(nowMs),
    ...(mayForce && !drained && only !== undefined ? forceBlocks(only) : []),
    context('The VM is deleted and the node removed. This cannot be undone.'),
  ];
  return {
    type: 'modal',
    callback_id: CALLBACKS.destroy,
    title: title(previews.length === 1 ? 'Destroy worker?' : 'Destroy workers?'),
    submit: destroySubmit(drained, false),
    close: plain('Keep', 24),
    private_metadata: JSON.stringify({ ...metadata, drainFirst: !drained }),
    blocks,
  };
}

/** What the confirmation's button says that it does. */
export const destroySubmit = (drained: boolean, force: boolean): PlainTextElement =>
  plain(force ? 'Destroy with force' : drained ? 'Destroy' : 'Drain, then destroy', 24);

function forceBlocks({ drain }: DestroyPreview): KnownBlock[] {
  const lost = drain.evict.length + drain.errors.length;
  return [
    { type: 'divider' },
    {
      type: 'input',
      block_id: 'force',
      optional: true,
      dispatch_action: true,
      label: plain('Force (admins only)'),
      hint: plain(
        `Deletes ${count(lost, 'pod')} past every PodDisruptionBudget. What they keep on this worker is lost.`,
        300,
      ),
      element: {
        type: 'checkboxes',
        action_id: 'force',
        options: [option('Destroy without waiting for the drain', 'force')],
      },
    },
    {
      type: 'input',
      block_id: 'typed',
      optional: true,
      label: plain('To force, type the name of the worker'),
      element: { type: 'plain_text_input', action_id: 'typed', max_length: 100 },
    },
  ];
}

const extensions = [1, 4, 12, 24, 48, 72, 168];
/** The deadline that a worker has and would get, ms; `capped`: because of its longest life. */
export type Extended = {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly capped: boolean;
};
const extendedText = ({ name, fromMs, toMs, capped }: Extended, nowMs: number): string =>
  toMs <= fromMs
    ? `${code(name)} has reached its longest life; its deadline stays ${deadline(fromMs, nowMs)}`
    : `${code(name)} until ${deadline(toMs, nowMs)} instead of ${date(fromMs)}${capped ? ', its longest life' : ''}`;

/** The form that chooses by how much to extend. */
export function extendView(
  workers: readonly string[],
  policy: WorkerPolicy,
  metadata: Metadata,
  hours?: number,
  problem?: string,
  preview?: { readonly extended: readonly Extended[]; readonly nowMs: number },
): ModalView {
  const options = extensions.filter((h) => h <= policy.maxTtlHours).map((h) => option(formatHours(h), String(h)));
  const initial = options.find((item) => item.value === String(hours ?? 24)) ?? options[0];
  const own = hours !== undefined && !extensions.includes(hours) ? { initial_value: `${hours}h` } : {};
  return {
    type: 'modal',
    callback_id: CALLBACKS.extend,
    title: title('Extend'),
    submit: plain('Extend', 24),
    close: plain('Cancel', 24),
    private_metadata: JSON.stringify({ ...metadata, workers }),
    blocks: [
      ...(problem === undefined ? [] : [section(problem)]),
      section(
        `${names(workers, 10)} ${workers.length === 1 ? 'lives' : 'live'} at most ${formatHours(policy.maxTtlHours)} from ${workers.length === 1 ? 'its' : 'their'} creation.`,
      ),
      ...(preview === undefined || preview.extended.length === 0
        ? []
        : [section(preview.extended.map((item) => extendedText(item, preview.nowMs)).join('\n'))]),
      {
        type: 'input',
        block_id: 'ttl',
        dispatch_action: true,
        label: plain('Longer by'),
        element: {
          type: 'static_select',
          action_id: 'ttl',
          options,
          ...(initial === undefined ? {} : { initial_option: initial }),
        },
      },
      {
        type: 'input',
        block_id: 'own',
        optional: true,
        dispatch_action: true,
        label: plain('Or by another time'),
        hint: plain('Whole hours; for example 36h or 3d', 200),
        element: { type: 'plain_text_input', action_id: 'own', max_length: 20, ...own },
      },
    ],
  };
}
