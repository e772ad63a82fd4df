/** The details of an ended operation, told once in its thread. Pure: facts in, message out. */
import { stepTitle } from '../../domain/steps.ts';
import { formatMoney } from '../../domain/money.ts';
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

/** `lived 24 h, 96 vCPU-hours`, or nothing when it is not known. */
export function livedText(facts: RunFacts | undefined): string {
  if (facts?.livedMs === undefined) return '';
  const hours = Math.max(0, facts.livedMs) / 3_600_000;
  const used = facts.cpus === undefined ? undefined : facts.cpus * hours;
  const rounded = used === undefined ? undefined : used < 10 ? Math.round(used * 10) / 10 : Math.round(used);
  const lived = hours >= 1 && hours < 72 ? formatHours(Math.round(hours * 10) / 10) : formatDuration(facts.livedMs);
  return `lived ${lived}${rounded === undefined ? '' : `, ${rounded} vCPU-${rounded === 1 ? 'hour' : 'hours'}`}${facts.cost === undefined ? '' : `, ${formatMoney(facts.cost.spent)}`}`;
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
      return [moved, ...attached, `${vm === '' ? 'VM' : vm} deleted, node removed`, ...(lived === '' ? [] : [lived])];
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
