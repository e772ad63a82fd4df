/** The one message of an operation, and operations in a list. Pure: facts in, message out. */
import type { Button, KnownBlock, PlanBlock, TaskCardBlock } from '@slack/types';
import type { Operation, OperationParams, Run, RunState } from '../../domain/operation.ts';
import { formatDuration, formatHours } from '../../domain/duration.ts';
import { actingIn } from './clusters.ts';
import { togetherText } from './cost.ts';
import { livedTogether } from './thread.ts';
import type { OperationFacts } from './thread.ts';
import {
  MOST_BLOCKS,
  actor,
  actorFirst,
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
  sizeOf,
} from './text.ts';
import type { Message } from './text.ts';

const TASKS = 20;
/** A step's time is told once it is worth telling, ms. */
const SHOWN_FROM_MS = 10_000;
/** What was asked for, in words. */
export function whatOf(params: OperationParams): string {
  switch (params.kind) {
    case 'provision':
      if (params.adopted !== undefined)
        return `adopt VM ${foreign(params.adopted.vmId, 20)} (${code(params.adopted.worker)}) as a ${foreign(params.size, 40)} worker for ${formatHours(params.ttlHours)}`;
      return `provision ${params.count} ${foreign(params.size, 40)} ${params.count === 1 ? 'worker' : 'workers'} for ${formatHours(params.ttlHours)}`;
    case 'drain':
      return `drain ${names(params.workers)}`;
    case 'destroy':
      return `${params.force ? '*force* destroy' : 'destroy'} ${names(params.workers)}`;
    case 'extend':
      return `extend ${names(params.workers)} by ${formatHours(params.hours)}`;
    case 'repair':
      return `repair ${names(params.workers)} (replace it by ${code(params.replacement)}, ${foreign(params.size, 40)}, until ${date(params.deadlineMs)})`;
    case 'expire':
      if (params.vanished === true) return `close the books of ${names(params.workers)}`;
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
  const done = {
    provision: 'ready',
    drain: 'drained',
    destroy: 'removed',
    extend: 'extended',
    expire: 'removed',
    repair: 'done',
  }[operation.kind];
  return runs.length === 0 ? '' : `${succeeded} of ${runs.length} ${done}`;
}
/** A run in one plain line (not escaped). */
function runLine(run: Run, nowMs: number): string {
  const now = run.state === 'running' || run.state === 'undoing';
  const sinceMs = run.data.held?.sinceMs ?? run.stepSinceMs;
  return [
    runWords[run.state],
    // An ended run's progress says what its state says.
    ...(!now || run.progress === ''
      ? []
      : [`${run.progress}${now && nowMs - sinceMs >= SHOWN_FROM_MS ? `, ${formatDuration(nowMs - sinceMs)}` : ''}`]),
    ...(now && run.cancelRequested && run.state === 'running' ? ['stopping'] : []),
    ...(run.failure === undefined ? [] : [run.failure.message]),
  ].join(': ');
}
/** Which pod and which budget hold a drain back, for how long, and whether it can ever end by itself. */
function blockedText(run: Run, nowMs: number): string {
  const { blocked } = run;
  if (blocked === undefined) return '';
  const { pod, budget, numbers } = blocked;
  const why =
    pod === undefined
      ? foreign(blocked.text, 500)
      : budget === undefined
        ? `pod ${code(pod)}: ${foreign(blocked.text, 500)}`
        : `pod ${code(pod)} is held by the PodDisruptionBudget${budget.includes(', ') ? 's' : ''} ${code(budget)}${numbers === undefined ? '' : ` (${foreign(numbers)})`}`;
  const outlook = blocked.never
    ? '*It cannot finish by itself*: change the budget or the workload, cancel, or let an admin force it.'
    : '*Slow*: it may still finish by itself.';
  return `:octagonal_sign: ${code(run.workerName)} is blocked for ${formatDuration(nowMs - blocked.sinceMs)} (since ${date(blocked.sinceMs)}): ${why}. ${outlook}`;
}

/** Which workers wait for a VM server that is away, since when, and until when at least. */
function heldText(runs: readonly Run[], nowMs: number): string[] {
  const waiting = runs.filter(
    (run) => run.data.held !== undefined && (run.state === 'running' || run.state === 'undoing'),
  );
  const held = waiting.map((run) => run.data.held).filter((each) => each !== undefined);
  const [first] = held;
  if (first === undefined) return [];
  const nextMs = Math.max(...held.map((each) => each.nextLookMs));
  const next = nextMs > nowMs ? `next look ${date(nextMs)}` : 'it is being looked at';
  return [
    `:electric_plug: ${names(waiting.map((run) => run.workerName))} ${waiting.length === 1 ? 'waits' : 'wait'} for the VM server ${code(first.server)}, which has not answered since ${date(first.sinceMs)} (${formatDuration(nowMs - first.sinceMs)}); ${next}. ${waiting.length === 1 ? 'It goes' : 'They go'} on without anybody's doing when it answers again.`,
  ];
}

const drainKinds: ReadonlySet<Operation['kind']> = new Set(['drain', 'destroy', 'expire', 'repair']);
const MOST_FORCIBLE = 5;
const MOST_VALUE = 1000;
/** What the buttons of one blocked worker carry. */
export const blockedValue = (operation: Operation, run: Run): string =>
  JSON.stringify({ operationId: operation.id, worker: run.workerName });

function buttonsOf(operation: Operation, runs: readonly Run[]): Button[] {
  const live = runs.filter((run) => run.state === 'running');
  const drains = drainKinds.has(operation.kind);
  const stoppable = live.filter((run) => !run.pivoted && !run.cancelRequested);
  const blocked = drains ? stoppable.filter((run) => run.blocked !== undefined) : [];
  const retryable = ['stuck', 'failed', 'partial'].includes(operation.state);
  const kept =
    operation.endedAtMs !== undefined && (operation.kind === 'provision' || operation.kind === 'extend')
      ? runs.filter((run) => run.state === 'succeeded').map((run) => run.workerName)
      : [];
  return [
    ...(blocked.length > 0 ? [button('Wait longer', 'burst:op:wait', operation.id)] : []),
    ...(stoppable.length > 0
      ? [
          button(drains ? 'Cancel and uncordon' : 'Cancel', 'burst:op:cancel', operation.id, {
            confirm: 'What has not gone too far is stopped and cleaned up.',
          }),
        ]
      : []),
    ...blocked
      .filter((run) => blockedValue(operation, run).length <= MOST_VALUE)
      .slice(0, MOST_FORCIBLE)
      .map((run, at) =>
        button(
          blocked.length === 1 ? 'Force…' : `Force ${run.workerName}…`,
          `burst:op:force:${at}`,
          blockedValue(operation, run),
          { style: 'danger' },
        ),
      ),
    ...(retryable ? [button('Retry', 'burst:op:retry', operation.id, { style: 'primary' })] : []),
    ...(kept.length > 0 ? [button('Extend…', 'burst:op:extend', operation.id)] : []),
    ...(kept.length === 1 ? [button('Details', 'burst:worker:details', kept[0] ?? '')] : []),
  ];
}

/** What a drain still has to do, or what became of the worker that was removed. */
function phaseOf(operation: Operation, runs: readonly Run[], facts: OperationFacts): string {
  if (!drainKinds.has(operation.kind)) return '';
  const sum = (of: (run: Run) => number | undefined): number => runs.reduce((all, run) => all + (of(run) ?? 0), 0);
  if (operation.state === 'running') {
    const live = runs.filter((run) => run.state === 'running');
    const toMove = sum((run) => run.data.podsToMove);
    const moved = sum((run) => run.data.podsMoved);
    if (live.some((run) => !run.pivoted) && toMove > moved)
      return `draining, ${count(toMove, 'pod')} to move${moved > 0 ? `, ${moved} moved` : ''}`;
    return live.some((run) => run.pivoted) ? 'removing the VM' : '';
  }
  if (operation.kind === 'drain' || operation.kind === 'repair') return '';
  const removed = runs.filter((run) => run.state === 'succeeded');
  const gone = removed.filter((run) => run.data.nodeWasGone === true).map((run) => run.workerName);
  const found =
    gone.length === 0
      ? []
      : [`${gone.length === runs.length ? 'no node was found any more' : `no node was found of ${names(gone)}`}`];
  const lived = livedTogether(removed.map((run) => facts.get(run.id)));
  return [...found, ...(lived === '' ? [] : [lived])].join('; ');
}

/** A sentence follows it. */
const ended = (text: string): string => (/[.!?…]$/.test(text) ? text : `${text}.`);

/** Who asked for it; of a removal by itself: why, and whose workers they were. */
function headOf({ params, requester }: Operation, owners: readonly string[]): string {
  if (params.kind !== 'expire') return `${actorFirst(requester)} asked to `;
  const whom = owners.length === 0 ? '' : `${owners.map(mention).join(', ')}: `;
  return params.vanished === true
    ? `:mag: ${whom}*${params.workers.length === 1 ? 'The VM is' : 'The VMs are'} gone from the VM server*, though nobody asked for it: `
    : `${whom}*Deadline reached*: `;
}

/** The operation's message at this moment, which mentions these owners. Everything a reader needs is in `text` too. */
export function operationMessage(
  operation: Operation,
  runs: readonly Run[],
  nowMs: number,
  facts: OperationFacts = new Map(),
  owners: readonly string[] = [],
): Message {
  const what = whatOf(operation.params);
  const took = formatDuration((operation.endedAtMs ?? nowMs) - operation.createdAtMs);
  const head = `${headOf(operation, owners)}${what}\n${marks[operation.state]}`;
  const phase = phaseOf(operation, runs, facts);
  const state = `${head}${runs.length > 0 ? `: ${tally(operation, runs)}` : ''}${phase === '' ? '' : `; ${phase}`}`;
  const blocked = runs.map((run) => blockedText(run, nowMs)).filter((text) => text !== '');
  const failures = runs
    .filter((run) => run.failure !== undefined)
    .map(
      (run) =>
        `:x: ${code(run.workerName)}: ${ended(foreign(run.failure?.message ?? '', 500))}${run.state === 'undone' ? ' What had been made was cleaned up.' : ''}${run.failure?.hint === undefined ? '' : ` :bulb: ${foreign(run.failure.hint)}`}`,
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
  const cost =
    operation.kind === 'provision' ? togetherText([...facts.values()].flatMap((fact) => fact.cost ?? [])) : '';
  const money = cost === '' ? [] : [`:moneybag: ${cost}.`];
  const plan: PlanBlock = {
    type: 'plan',
    title: clamp(
      `${tally(operation, runs)}${runs.length > TASKS ? ` (the first ${TASKS} are shown)` : ''}` || 'Steps',
      200,
    ),
    tasks: runs.slice(0, TASKS).map((run): TaskCardBlock => ({
      type: 'task_card',
      task_id: run.id.slice(0, 255) || '–',
      title: clamp(run.workerName, 150) || '–',
      status: taskStatus[run.state],
      details: richText(runLine(run, nowMs), 200),
    })),
  };
  const past = runs.filter((run) => run.data.force === true).map((run) => run.workerName);
  const forced =
    past.length === 0
      ? []
      : [`:warning: *Forced*: pods of ${names(past)} are deleted past their PodDisruptionBudgets.`];
  const reason = operation.reason === '' ? [] : [`Reason: ${foreign(operation.reason, 500)}`];
  const cancelled = operation.cancelledBy === undefined ? [] : [`Cancelled by ${actor(operation.cancelledBy)}.`];
  const foot = context(
    [
      `Operation ${code(operation.id)}`,
      `asked ${date(operation.createdAtMs)}`,
      operation.endedAtMs === undefined ? `running for ${took}` : `took ${took}`,
      ...reason,
      ...cancelled,
    ].join(' · '),
  );
  const held = heldText(runs, nowMs);
  const notes = [...forced, ...held, ...blocked.slice(0, 5), ...failures.slice(0, 5), ...until, ...money].map(section);
  const elements = buttonsOf(operation, runs);
  const actions: KnownBlock[] = elements.length === 0 ? [] : [{ type: 'actions', elements }];
  const lines = runs.slice(0, TASKS).map((run) => `${code(run.workerName)} ${foreign(runLine(run, nowMs), 200)}`);
  const assemble = (steps: readonly KnownBlock[]): KnownBlock[] => [
    ...fit([section(state), ...steps, ...notes, foot], 45, MOST_BLOCKS - sizeOf(actions)),
    ...actions,
  ];
  return {
    text: clamp(
      [
        state,
        ...lines,
        ...forced,
        ...held,
        ...blocked,
        ...until,
        ...money,
        ...reason,
        ...cancelled,
        `Operation ${code(operation.id)}`,
      ].join('\n'),
      3500,
    ),
    blocks: assemble(runs.length === 0 ? [] : [plan]),
    fallback: assemble(lines.length === 0 ? [] : [section(lines.join('\n'))]),
  };
}

/** An operation in one line. */
export function operationLine({
  operation,
  runs,
}: {
  readonly operation: Operation;
  readonly runs: readonly Run[];
}): string {
  return `${code(operation.id)} ${marks[operation.state]} (${tally(operation, runs)}): ${actor(operation.requester)} asked to ${whatOf(operation.params)}, ${date(operation.createdAtMs)}`;
}

/** Operations in a list, for `/burst ops`. */
export function operationsMessage(
  items: readonly { readonly operation: Operation; readonly runs: readonly Run[] }[],
  /** The cluster to be named with each; without it none is. */
  clusterOf?: (operation: Operation) => string,
): Message {
  if (items.length === 0) return { text: 'No operation yet. `/burst provision` asks for workers.' };
  const lines = items.map((item) =>
    clusterOf === undefined ? operationLine(item) : `*${foreign(clusterOf(item.operation))}* · ${operationLine(item)}`,
  );
  return {
    text: clamp(lines.join('\n'), 3500),
    blocks: [
      section(`*Operations*: ${count(items.length, 'operation')}, newest first`),
      ...fit(
        items.flatMap(({ operation, runs }, index): KnownBlock[] => {
          const elements = buttonsOf(operation, runs).slice(0, 2);
          const actions: KnownBlock[] = elements.length === 0 ? [] : [{ type: 'actions', elements }];
          const acting = clusterOf === undefined ? actions : actingIn(actions, clusterOf(operation));
          return [section(lines[index] ?? ''), ...acting];
        }),
        48,
        11_000,
      ),
    ],
  };
}
