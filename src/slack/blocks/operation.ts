/** The one message of an operation, and the notices about deadlines and surprises. Pure: facts in, message out. */
import type { Button, KnownBlock, PlanBlock, TaskCardBlock } from '@slack/types';
import type { Operation, OperationParams, Run, RunState } from '../../domain/operation.ts';
import type { Notice } from '../../ports/store.ts';
import { formatDuration, formatHours } from '../../domain/duration.ts';
import {
  actor,
  button,
  clamp,
  code,
  context,
  count,
  date,
  deadline,
  fit,
  foreign,
  mention,
  names,
  richText,
  section,
} from './text.ts';
import type { Message } from './text.ts';

const TASKS = 20;
/** What was asked for, in words. */
export function whatOf(params: OperationParams): string {
  switch (params.kind) {
    case 'provision':
      return `provision ${params.count} ${foreign(params.size, 40)} ${params.count === 1 ? 'worker' : 'workers'} for ${formatHours(params.ttlHours)}`;
    case 'drain':
      return `drain ${names(params.workers)}`;
    case 'destroy':
      return `${params.force ? '*force* destroy' : 'destroy'} ${names(params.workers)}`;
    case 'extend':
      return `extend ${names(params.workers)} by ${formatHours(params.hours)}`;
    case 'expire':
      return `remove ${names(params.workers)} at the deadline ${date(params.deadlineMs)}`;
  }
}
const marks: Readonly<Record<Operation['state'], string>> = {
  running: ':hourglass_flowing_sand: running',
  succeeded: ':white_check_mark: done',
  partial: ':warning: partly done',
  failed: ':x: failed',
  cancelled: ':no_entry_sign: cancelled',
  stuck: ':rotating_light: stuck, needs a person',
};
const taskStatus: Readonly<Record<RunState, TaskCardBlock['status']>> = {
  running: 'in_progress',
  undoing: 'in_progress',
  succeeded: 'complete',
  undone: 'error',
  stuck: 'error',
};
const runWords: Readonly<Record<RunState, string>> = {
  running: 'in progress',
  undoing: 'cleaning up',
  succeeded: 'done',
  undone: 'did not work; cleaned up',
  stuck: 'stuck',
};

function tally(operation: Operation, runs: readonly Run[]): string {
  const succeeded = runs.filter((run) => run.state === 'succeeded').length;
  const done = { provision: 'ready', drain: 'drained', destroy: 'removed', extend: 'extended', expire: 'removed' }[
    operation.kind
  ];
  return runs.length === 0 ? '' : `${succeeded} of ${runs.length} ${done}`;
}
/** A run in one plain line (not escaped). */
function runLine(run: Run): string {
  const now = run.state === 'running' || run.state === 'undoing';
  return [
    runWords[run.state],
    ...(run.progress === '' ? [] : [run.progress]),
    ...(now && run.cancelRequested && run.state === 'running' ? ['stopping'] : []),
    ...(run.failure === undefined ? [] : [run.failure.message]),
  ].join(': ');
}
function blockedText(run: Run, nowMs: number): string {
  const { blocked } = run;
  if (blocked === undefined) return '';
  return `:octagonal_sign: ${code(run.workerName)} is blocked for ${formatDuration(nowMs - blocked.sinceMs)}${blocked.never ? ' and cannot finish by itself' : ' (slow, may still finish)'}: ${foreign(blocked.text, 500)}${blocked.pod === undefined ? '' : ` Pod ${code(blocked.pod)}.`}${blocked.budget === undefined ? '' : ` PodDisruptionBudget ${code(blocked.budget)}${blocked.numbers === undefined ? '' : `: ${foreign(blocked.numbers)}`}.`}${blocked.never ? ' Change the budget or the workload; or cancel, and an admin may then force with `/burst destroy`.' : ''}`;
}

function buttonsOf(operation: Operation, runs: readonly Run[]): Button[] {
  const live = runs.filter((run) => run.state === 'running');
  const drains = operation.kind === 'drain' || operation.kind === 'expire' || operation.kind === 'destroy';
  const stoppable = live.filter((run) => !run.pivoted && !run.cancelRequested);
  const retryable = ['stuck', 'failed', 'partial'].includes(operation.state);
  const kept =
    operation.endedAtMs !== undefined && (operation.kind === 'provision' || operation.kind === 'extend')
      ? runs.filter((run) => run.state === 'succeeded').map((run) => run.workerName)
      : [];
  return [
    ...(stoppable.length > 0
      ? [
          button(drains ? 'Cancel and uncordon' : 'Cancel', 'burst:op:cancel', operation.id, {
            confirm: 'What has not gone too far is stopped and cleaned up.',
          }),
        ]
      : []),
    ...(retryable ? [button('Retry', 'burst:op:retry', operation.id, { style: 'primary' })] : []),
    ...(kept.length > 0 ? [button('Extend…', 'burst:op:extend', operation.id)] : []),
    ...(kept.length === 1 ? [button('Details', 'burst:worker:details', kept[0] ?? '')] : []),
  ];
}

/** The operation's message at this moment. Everything a reader needs is in `text` too. */
export function operationMessage(operation: Operation, runs: readonly Run[], nowMs: number): Message {
  const who = actor(operation.requester);
  const what = whatOf(operation.params);
  const took = formatDuration((operation.endedAtMs ?? nowMs) - operation.createdAtMs);
  const head =
    operation.kind === 'expire'
      ? `*Deadline reached*: ${what}\n${marks[operation.state]}`
      : `${who} asked to ${what}\n${marks[operation.state]}`;
  const state = `${head}${runs.length > 0 ? `: ${tally(operation, runs)}` : ''}`;
  const blocked = runs.map((run) => blockedText(run, nowMs)).filter((text) => text !== '');
  const failures = runs
    .filter((run) => run.failure !== undefined)
    .map(
      (run) =>
        `:x: ${code(run.workerName)}: ${foreign(run.failure?.message ?? '', 500)}${run.state === 'undone' ? ' What had been made was cleaned up.' : ''}${run.failure?.hint === undefined ? '' : ` :bulb: ${foreign(run.failure.hint)}`}`,
    );
  const deadlines = [
    ...new Set(runs.filter((run) => run.state === 'succeeded').map((run) => run.data.deadlineMs)),
  ].filter((value) => value !== undefined);
  const until =
    (operation.kind === 'provision' || operation.kind === 'extend') && deadlines.length > 0
      ? [
          `Until ${deadlines
            .slice(0, 3)
            .map((value) => deadline(value, nowMs))
            .join(', ')}.`,
        ]
      : [];
  const plan: PlanBlock = {
    type: 'plan',
    title: clamp(
      `${tally(operation, runs)}${runs.length > TASKS ? ` (the first ${TASKS} are shown)` : ''}` || 'Steps',
      200,
    ),
    tasks: runs.slice(0, TASKS).map((run): TaskCardBlock => ({
      type: 'task_card',
      task_id: run.id.slice(0, 255),
      title: clamp(run.workerName, 150),
      status: taskStatus[run.state],
      details: richText(runLine(run), 200),
    })),
  };
  const reason = operation.reason === '' ? [] : [`Reason: ${foreign(operation.reason, 500)}`];
  const cancelled = operation.cancelledBy === undefined ? [] : [`Cancelled by ${actor(operation.cancelledBy)}.`];
  const foot = context(
    [
      `Operation ${code(operation.id)}`,
      `asked ${date(operation.createdAtMs)}`,
      operation.endedAtMs === undefined ? 'running' : `took ${took}`,
      ...reason,
      ...cancelled,
    ].join(' · '),
  );
  const notes = [...blocked.slice(0, 5), ...failures.slice(0, 5), ...until].map(section);
  const elements = buttonsOf(operation, runs);
  const actions: KnownBlock[] = elements.length === 0 ? [] : [{ type: 'actions', elements }];
  const lines = runs.slice(0, TASKS).map((run) => `${code(run.workerName)} ${foreign(runLine(run), 200)}`);
  const assemble = (steps: readonly KnownBlock[]): KnownBlock[] => [
    ...fit([section(state), ...steps, ...notes, foot], 45, 11_000),
    ...actions,
  ];
  return {
    text: clamp(
      [state, ...lines, ...blocked, ...until, ...reason, ...cancelled, `Operation ${code(operation.id)}`].join('\n'),
      3500,
    ),
    blocks: assemble(runs.length === 0 ? [] : [plan]),
    fallback: assemble(lines.length === 0 ? [] : [section(lines.join('\n'))]),
  };
}

/** The warning before a deadline, which mentions the owner. */
export function warningMessage(
  notice: Extract<Notice, { kind: 'warning' }>,
  owners: readonly string[],
  nowMs: number,
): Message {
  const whom = owners.map(mention).join(', ');
  const text = `:alarm_clock: ${whom === '' ? '' : `${whom}: `}${names(notice.workers, 20)} will be drained and removed ${deadline(notice.deadlineMs, nowMs)}. Extend, or let go.`;
  const value = JSON.stringify({ workers: notice.workers.slice(0, 20), deadlineMs: notice.deadlineMs });
  return {
    text,
    blocks: [
      section(text),
      {
        type: 'actions',
        elements: [
          button('Extend 4 h', 'burst:warn:extend:4', value, { style: 'primary' }),
          button('Extend 24 h', 'burst:warn:extend:24', value),
          button('Choose…', 'burst:warn:choose', value),
          button('Remove now', 'burst:warn:remove', value, { style: 'danger' }),
        ],
      },
    ],
  };
}

export function alertMessage(notice: Extract<Notice, { kind: 'alert' }>): Message {
  const where = [
    ...(notice.workerName === undefined ? [] : [code(notice.workerName)]),
    ...(notice.operationId === undefined ? [] : [`operation ${code(notice.operationId)}`]),
  ];
  const text = `:rotating_light: ${foreign(notice.text, 2000)}${where.length === 0 ? '' : ` (${where.join(', ')})`}`;
  return { text, blocks: [section(text)] };
}

/** Operations in a list, for `/burst ops`. */
export function operationsMessage(
  items: readonly { readonly operation: Operation; readonly runs: readonly Run[] }[],
): Message {
  if (items.length === 0) return { text: 'No operation yet. `/burst provision` asks for workers.' };
  const lines = items.map(
    ({ operation, runs }) =>
      `${code(operation.id)} ${marks[operation.state]} (${tally(operation, runs)}): ${actor(operation.requester)} asked to ${whatOf(operation.params)}, ${date(operation.createdAtMs)}`,
  );
  return {
    text: clamp(lines.join('\n'), 3500),
    blocks: [
      section(`*Operations*: ${count(items.length, 'operation')}, newest first`),
      ...fit(
        items.flatMap(({ operation, runs }, index): KnownBlock[] => {
          const elements = buttonsOf(operation, runs).slice(0, 2);
          return [
            section(lines[index] ?? ''),
            ...(elements.length === 0 ? [] : [{ type: 'actions' as const, elements }]),
          ];
        }),
        48,
        11_000,
      ),
    ],
  };
}
