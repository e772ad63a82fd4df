/** The details of an ended operation, told once in its thread. Pure: facts in, message out. */
import { stepTitle } from '../../domain/steps.ts';
import { formatAll, formatMoney } from '../../domain/money.ts';
import type { WorkerCost } from '../../domain/money.ts';
import type { Operation, Run } from '../../domain/operation.ts';
import { formatDuration, formatHours } from '../../domain/duration.ts';
import { code, count, deadline, fit, foreign, section } from './text.ts';
import type { Message } from './text.ts';

/** What is known of a run's worker besides the run itself. */
export type RunFacts = {
  /** How long the worker lived, ms, and its number of vCPUs; once it is removed. */
  readonly livedMs?: number;
  readonly cpus?: number;
  /** What it costs, where its price is known. */
  readonly cost?: WorkerCost;
  readonly vmId?: string;
  readonly vmHost?: string;
  /** `InternalIP 10.0.0.5` */
  readonly addresses?: readonly string[];
  /** What undoing did, step by step. */
  readonly undone?: readonly string[];
};
/** By the run's id. */
export type OperationFacts = ReadonlyMap<string, RunFacts>;

const livedFor = (ms: number): string => {
  const hours = Math.max(0, ms) / 3_600_000;
  return hours >= 1 && hours < 72 ? formatHours(Math.round(hours * 10) / 10) : formatDuration(ms);
};
const usedText = (used: number): string => {
  const rounded = used < 10 ? Math.round(used * 10) / 10 : Math.round(used);
  return `${rounded} vCPU-${rounded === 1 ? 'hour' : 'hours'}`;
};

/** `lived 24 h, 96 vCPU-hours`, or nothing when it is not known. */
export function livedText(facts: RunFacts | undefined): string {
  if (facts?.livedMs === undefined) return '';
  const hours = Math.max(0, facts.livedMs) / 3_600_000;
  return `lived ${livedFor(facts.livedMs)}${facts.cpus === undefined ? '' : `, ${usedText(facts.cpus * hours)}`}${facts.cost === undefined ? '' : `, ${formatMoney(facts.cost.spent)}`}`;
}

/** The same of several: how long each lived where that is the same, and what they used together. */
export function livedTogether(all: readonly (RunFacts | undefined)[]): string {
  const [first, ...more] = all;
  if (more.length === 0) return livedText(first);
  const lives = all.flatMap((facts) => facts?.livedMs ?? []);
  const used = all.map((facts) =>
    facts?.livedMs === undefined || facts.cpus === undefined
      ? undefined
      : (facts.cpus * Math.max(0, facts.livedMs)) / 3_600_000,
  );
  const [shortest, longest] = [Math.min(...lives), Math.max(...lives)];
  if (lives.length === 0) return '';
  const hours = used.includes(undefined) ? undefined : used.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const lived =
    livedFor(shortest) === livedFor(longest) ? livedFor(longest) : `${livedFor(shortest)} to ${livedFor(longest)}`;
  const costs = all.flatMap((facts) => facts?.cost?.spent ?? []);
  const [cost] = costs;
  const spent = cost === undefined || costs.length < all.length ? '' : `, ${formatAll(costs, cost.currency)}`;
  const together = `${hours === undefined ? '' : `, ${usedText(hours)}`}${spent}`;
  return `lived ${lived} each${together === '' ? '' : `${together} together`}`;
}

const vmText = (run: Run, facts: RunFacts): string => {
  const id = run.data.vmId ?? facts.vmId;
  const host = run.data.vmHost ?? facts.vmHost;
  return id === undefined ? '' : `VM ${code(id)}${host === undefined ? '' : ` on ${foreign(host, 60)}`}`;
};

function succeeded(operation: Operation, run: Run, facts: RunFacts, nowMs: number): readonly string[] {
  const { podsToMove, deadlineMs } = run.data;
  const moved =
    (podsToMove ?? 0) === 0
      ? 'no pods to move'
      : `${count(podsToMove ?? 0, 'pod')} moved${run.data.force === true ? ', with force' : ''}`;
  const left = run.data.volumesLeft ?? 0;
  const attached =
    left === 0
      ? []
      : [`:warning: ${count(left, 'volume')} did not detach within the time limit; the drain went on without them`];
  const vm = vmText(run, facts);
  const kind = operation.kind !== 'repair' ? operation.kind : run.kind === 'add-worker' ? 'provision' : 'destroy';
  switch (kind) {
    case 'provision':
      return [
        `${vm === '' ? '' : `${vm}, `}node ${code(run.workerName)}${facts.addresses === undefined || facts.addresses.length === 0 ? '' : `, ${facts.addresses.slice(0, 4).map(code).join(', ')}`}`,
        ...(deadlineMs === undefined ? [] : [`deadline ${deadline(deadlineMs, nowMs)}`]),
      ];
    case 'drain':
      return [`${moved}; the node stays cordoned`, ...attached];
    case 'extend':
      return deadlineMs === undefined ? [] : [`deadline ${deadline(deadlineMs, nowMs)}`];
    case 'destroy':
    case 'expire': {
      const lived = livedText(facts);
      return [
        ...(run.data.nodeWasGone === true ? [] : [moved]),
        ...attached,
        `${vm === '' ? 'VM' : vm} ${run.data.vmWasGone === true ? 'was gone already' : 'deleted'}, ${run.data.nodeWasGone === true ? 'no node was found any more' : 'node removed'}`,
        ...(lived === '' ? [] : [lived]),
      ];
    }
  }
}

function runText(operation: Operation, run: Run, facts: RunFacts, nowMs: number): string {
  const took = run.endedAtMs === undefined ? '' : ` (${formatDuration(run.endedAtMs - run.createdAtMs)})`;
  if (run.state === 'succeeded')
    return `:white_check_mark: ${code(run.workerName)}${took}: ${succeeded(operation, run, facts, nowMs).join('; ') || 'done'}.`;
  const vm = vmText(run, facts);
  const why = run.failure === undefined ? 'it did not work' : foreign(run.failure.message, 500);
  const hint = run.failure?.hint === undefined ? '' : ` :bulb: ${foreign(run.failure.hint, 300)}`;
  if (run.state === 'undone') {
    const undone = (facts.undone ?? []).slice(0, 10).map((line) => `\n• ${foreign(line, 200)}`);
    return `:x: ${code(run.workerName)}${took}: ${why}${hint}\n${undone.length === 0 ? 'Nothing had to be cleaned up.' : `Cleaned up:${undone.join('')}`}`;
  }
  return `:rotating_light: ${code(run.workerName)}: ${why}${hint} It stopped at “${foreign(stepTitle(run.step))}”${vm === '' ? '' : `, with ${vm}`}; a person has to look.`;
}

/** Worker by worker: what was made, moved or removed, and what a failure left. */
export function threadMessage(
  operation: Operation,
  runs: readonly Run[],
  facts: OperationFacts,
  nowMs: number,
): Message {
  const lines = runs.map((run) => runText(operation, run, facts.get(run.id) ?? {}, nowMs));
  const head = `Details of operation ${code(operation.id)}`;
  const shown: string[] = [];
  for (const line of lines) {
    if (shown.join('\n').length + line.length > 3000) break;
    shown.push(line);
  }
  const rest = lines.length - shown.length;
  return {
    text: [head, ...shown, ...(rest > 0 ? [`and ${count(rest, 'worker')} more`] : [])].join('\n'),
    blocks: fit([section(head), ...lines.map(section)], 45, 11_000),
  };
}
