/**
 * Advances one claimed run. Invariants: every write is conditional on the run's generation; a step is journaled as started
 * before it acts; an outcome that is not known is looked at again, never taken for a failure; after the pivot only forward.
 */
import { alertOf } from './alert.ts';
import { ServerAway } from '../domain/breaker.ts';
import type { Away } from '../domain/breaker.ts';
import { isBurstError, messageOf } from '../domain/errors.ts';
import { transition } from '../domain/operation.ts';
import { stepTitle } from '../domain/steps.ts';
import type {
  Actor,
  Failure,
  Held,
  Operation,
  Run,
  RunData,
  RunEvent,
  RunKind,
  RunState,
} from '../domain/operation.ts';
import type { EnginePolicy } from '../domain/policy.ts';
import type { Clock } from '../ports/clock.ts';
import type { AuditOutcome, NewAudit, NewOutbox, RunPatch, RunWrite, Store } from '../ports/store.ts';
import type { RunDefinition, Step, StepContext, StepResult } from './types.ts';

export type Log = {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
};

export type RunnerDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly policy: EnginePolicy;
  readonly definitions: ReadonlyMap<string, RunDefinition>;
  readonly owner: string;
  readonly log: Log;
  /** Called after each step's look, for metrics. */
  readonly looked?: (labels: { cluster: string; kind: RunKind; step: string; outcome: string }, tookMs: number) => void;
  /** Whether the VM server is away: a run that waits for it is then not looked at in vain. */
  readonly away?: () => Away | undefined;
  /** Called when the last run of an operation has ended, for metrics. */
  readonly operationEnded?: (operation: Operation) => void;
};

const SYSTEM: Actor = { kind: 'system', name: 'engine' };
/** Failures for good: repeating the look cannot help. Everything else is looked at again until the step's time limit. */
const FINAL_CODES = new Set(['safety_violation', 'invalid_input', 'provider_failed', 'forbidden', 'not_drained']);

/** A run that waits for a VM server is looked at so long after the look at the server, ms. */
const HELD_LATER_MS = 500;

type Progress = { readonly run: Run; readonly goOn: boolean };

/** Advances the run until it waits, ends, or the claim is lost. @throws only when the store fails. */
export async function advance(deps: RunnerDeps, claimed: Run, shutdown: AbortSignal): Promise<void> {
  let run = claimed;
  for (;;) {
    if (shutdown.aborted) {
      await release(deps, run);
      return;
    }
    const progress = await once(deps, run, shutdown);
    run = progress.run;
    if (!progress.goOn) return;
  }
}

async function release(deps: RunnerDeps, run: Run): Promise<void> {
  await write(deps, run, {
    patch: { claimedBy: undefined, claimUntilMs: undefined, nextLookAtMs: deps.clock.now() },
    type: 'released',
    text: 'released at shutdown',
  });
}

async function once(deps: RunnerDeps, run: Run, shutdown: AbortSignal): Promise<Progress> {
  const definition = deps.definitions.get(run.kind);
  if (definition === undefined) throw new Error(`no definition of ${run.kind}`);
  if (run.state === 'running' && run.cancelRequested && !run.pivoted)
    return beginUndo(deps, definition, run, 'cancelled', { code: 'cancelled', message: 'Cancelled.' });
  if (run.data.held !== undefined) {
    const away = deps.away?.();
    return away === undefined
      ? { run: await resume(deps, run, run.data.held), goOn: true }
      : { run: await hold(deps, run, away), goOn: false };
  }
  if (run.state === 'undoing') return undoStep(deps, definition, run, shutdown);
  const step = definition.steps.find((candidate) => candidate.name === run.step);
  if (step === undefined) throw new Error(`${run.kind} has no step ${run.step}`);
  let current = run;
  if (!run.startedSteps.includes(step.name)) {
    current = await write(deps, run, {
      patch: {
        startedSteps: [...run.startedSteps, step.name],
        pivoted: run.pivoted || step.pivot === true,
        stepSinceMs: deps.clock.now(),
        attempts: 0,
        progress: step.title,
        blocked: undefined,
      },
      type: 'step_started',
      text: step.title,
      audit: [auditOf(deps, run, `step:${step.name}`, 'started', step.title)],
      notify: true,
    });
  }
  const result = await look(deps, current, step, step.run, shutdown);
  if (result === 'lost') return { run: current, goOn: false };
  return settle(deps, definition, result.run, step, result.result);
}

/** Runs one look with its time limit; an error becomes a wait (unknown: look again) or a failure (for good). */
async function look(
  deps: RunnerDeps,
  run: Run,
  step: Step,
  action: (context: StepContext) => Promise<StepResult>,
  shutdown: AbortSignal,
): Promise<{ run: Run; result: StepResult | 'threw' } | 'lost'> {
  // That the network does not answer is no matter of the clock that deadlines go by, which may be moved.
  const signal = AbortSignal.any([AbortSignal.timeout(deps.policy.stepTimeoutMs), shutdown]);
  const startedMs = deps.clock.now();
  let current = run;
  const context: StepContext = {
    get run() {
      return current;
    },
    get data() {
      return current.data;
    },
    clock: deps.clock,
    signal,
    elapsedMs: startedMs - run.stepSinceMs,
    save: async (data, text, { pivoted, ...more } = {}) => {
      current = await write(deps, current, {
        patch: { data: merge(current.data, data), ...(pivoted === true ? { pivoted } : {}) },
        type: 'saved',
        text,
        ...more,
      });
    },
  };
  try {
    const result = await action(context);
    deps.looked?.(
      { cluster: run.cluster, kind: run.kind, step: step.name, outcome: result.kind },
      deps.clock.now() - startedMs,
    );
    return { run: current, result };
  } catch (error) {
    deps.looked?.(
      { cluster: run.cluster, kind: run.kind, step: step.name, outcome: 'threw' },
      deps.clock.now() - startedMs,
    );
    if (isBurstError(error, 'stale_generation')) {
      deps.log.warn({ runId: run.id, workerName: run.workerName }, 'claim lost to another owner');
      return 'lost';
    }
    return handleThrow(deps, current, step, error);
  }
}

async function handleThrow(
  deps: RunnerDeps,
  run: Run,
  step: Step,
  error: unknown,
): Promise<{ run: Run; result: StepResult | 'threw' } | 'lost'> {
  if (error instanceof ServerAway) return { run: await hold(deps, run, error.away), result: 'threw' };
  const failure = failureOf(error);
  deps.log.warn(
    { runId: run.id, operationId: run.operationId, workerName: run.workerName, step: step.name, err: error },
    'step threw',
  );
  const overdue = step.timeoutMs !== undefined && deps.clock.now() - run.stepSinceMs > step.timeoutMs;
  if (overdue || (FINAL_CODES.has(failure.code) && run.state === 'running'))
    return { run, result: { kind: 'fail', failure } };
  const delayMs = Math.min(deps.policy.retryMaxMs, deps.policy.retryBaseMs * 2 ** Math.min(run.attempts, 20));
  const next = await write(deps, run, {
    patch: {
      attempts: run.attempts + 1,
      nextLookAtMs: deps.clock.now() + delayMs,
      progress: `${step.title}: looking again (${failure.message})`,
      claimedBy: undefined,
      claimUntilMs: undefined,
    },
    type: 'look_again',
    text: failure.message,
    notify: true,
  });
  return { run: next, result: 'threw' };
}

/** Puts a run off until its VM server is looked at again: no try, and no time of its step's. */
async function hold(deps: RunnerDeps, run: Run, away: Away): Promise<Run> {
  const nowMs = deps.clock.now();
  const { held } = run.data;
  const sinceMs = held?.atMs ?? Math.min(nowMs, Math.max(run.stepSinceMs, away.sinceMs));
  const { server, sinceMs: awaySinceMs, nextLookMs } = away;
  return write(deps, run, {
    patch: {
      nextLookAtMs: Math.max(nextLookMs, nowMs) + HELD_LATER_MS,
      stepSinceMs: run.stepSinceMs + (nowMs - sinceMs),
      attempts: 0,
      progress: `Waiting for the VM server ${server}`,
      data: merge(run.data, { held: { server, sinceMs: awaySinceMs, nextLookMs, atMs: nowMs } }),
      claimedBy: undefined,
      claimUntilMs: undefined,
    },
    type: 'held',
    text: `the VM server ${server} is away: ${away.reason}`,
    notify: held?.sinceMs !== awaySinceMs || held.nextLookMs !== nextLookMs,
  });
}

async function resume(deps: RunnerDeps, run: Run, held: Held): Promise<Run> {
  return write(deps, run, {
    patch: {
      stepSinceMs: run.stepSinceMs + (deps.clock.now() - held.atMs),
      progress: run.state === 'undoing' ? 'Cleaning up' : stepTitle(run.step),
      data: merge(run.data, { held: undefined }),
    },
    type: 'resumed',
    text: `the VM server ${held.server} answers again`,
    notify: true,
  });
}

async function settle(
  deps: RunnerDeps,
  definition: RunDefinition,
  run: Run,
  step: Step,
  result: StepResult | 'threw',
): Promise<Progress> {
  if (result === 'threw') return { run, goOn: false };
  const nowMs = deps.clock.now();
  switch (result.kind) {
    case 'wait': {
      if (step.timeoutMs !== undefined && nowMs - run.stepSinceMs > step.timeoutMs)
        return failed(deps, definition, run, step, {
          code: 'timed_out',
          message: `${step.title} took longer than ${Math.round(step.timeoutMs / 60_000)} min${result.progress === step.title ? '' : `: ${result.progress}`}.`,
        });
      return { run: await wait(deps, run, result), goOn: false };
    }
    case 'fail':
      return failed(deps, definition, { ...run, data: merge(run.data, result.data ?? {}) }, step, result.failure);
    case 'done': {
      const index = definition.steps.indexOf(step);
      const next = definition.steps.slice(index + 1).find((candidate) => candidate.skipped !== true);
      const data = merge(run.data, result.data ?? {});
      const text = result.text ?? step.title;
      const audit = [auditOf(deps, run, `step:${step.name}`, 'done', text)];
      const extra = {
        ...(result.worker === undefined ? {} : { worker: result.worker }),
        ...(result.schedule === undefined ? {} : { schedule: result.schedule }),
      };
      if (next === undefined) return end(deps, definition, { ...run, data }, 'all_done', text, audit, undefined, extra);
      const advanced = await write(deps, run, {
        patch: {
          step: next.name,
          startedSteps: [...run.startedSteps, next.name],
          pivoted: run.pivoted || next.pivot === true,
          stepSinceMs: nowMs,
          attempts: 0,
          data,
          progress: next.title,
          blocked: undefined,
        },
        type: 'step_done',
        text,
        audit: [...audit, auditOf(deps, run, `step:${next.name}`, 'started', next.title)],
        notify: true,
        ...extra,
      });
      return { run: advanced, goOn: true };
    }
  }
}

async function wait(deps: RunnerDeps, run: Run, result: Extract<StepResult, { kind: 'wait' }>): Promise<Run> {
  const changed = result.progress !== run.progress || result.blocked?.text !== run.blocked?.text;
  const alert = result.alert === undefined ? [] : [alertOf(run, `alert:${run.id}`, result.alert)];
  return write(deps, run, {
    patch: {
      nextLookAtMs: deps.clock.now() + Math.max(0, result.afterMs),
      progress: result.progress,
      attempts: 0,
      blocked: result.blocked,
      claimedBy: undefined,
      claimUntilMs: undefined,
      ...(result.data === undefined ? {} : { data: merge(run.data, result.data) }),
    },
    type: 'waiting',
    text: result.progress,
    notify: changed,
    outbox: alert,
  });
}

async function failed(
  deps: RunnerDeps,
  definition: RunDefinition,
  run: Run,
  step: Step,
  failure: Failure,
): Promise<Progress> {
  const audit = [auditOf(deps, run, `step:${step.name}`, 'failed', failure.message)];
  if (run.pivoted) return end(deps, definition, run, 'step_failed', failure.message, audit, failure, {});
  return beginUndo(deps, definition, run, 'step_failed', failure, audit);
}

async function beginUndo(
  deps: RunnerDeps,
  definition: RunDefinition,
  run: Run,
  event: RunEvent,
  failure: Failure,
  audit: readonly NewAudit[] = [],
): Promise<Progress> {
  const last = run.startedSteps.at(-1);
  const undoing = await write(deps, run, {
    patch: {
      state: nextState(run, event),
      data: merge(run.data, { held: undefined }),
      failure,
      blocked: undefined,
      stepSinceMs: deps.clock.now(),
      attempts: 0,
      progress: 'Cleaning up',
      ...(last === undefined ? {} : { step: last }),
    },
    type: event,
    text: failure.message,
    audit,
    notify: true,
  });
  if (last === undefined)
    return end(deps, definition, undoing, 'undo_done', 'nothing had been started', [], failure, {});
  return { run: undoing, goOn: true };
}

async function undoStep(
  deps: RunnerDeps,
  definition: RunDefinition,
  run: Run,
  shutdown: AbortSignal,
): Promise<Progress> {
  const name = run.startedSteps.at(-1);
  if (name === undefined) return end(deps, definition, run, 'undo_done', 'cleaned up', [], run.failure, {});
  const step = definition.steps.find((candidate) => candidate.name === name);
  if (step === undefined) throw new Error(`${run.kind} has no step ${name}`);
  const undo = step.undo;
  const looked =
    typeof undo === 'function'
      ? await look(deps, run, step, undo, shutdown)
      : { run, result: { kind: 'done', text: undo.none } satisfies StepResult };
  if (looked === 'lost') return { run, goOn: false };
  const { run: current, result } = looked;
  if (result === 'threw') return { run: current, goOn: false };
  if (result.kind === 'wait') return { run: await wait(deps, current, result), goOn: false };
  const audit = [
    auditOf(
      deps,
      current,
      `undo:${name}`,
      result.kind === 'done' ? 'done' : 'failed',
      result.kind === 'done' ? (result.text ?? name) : result.failure.message,
    ),
  ];
  if (result.kind === 'fail')
    return end(deps, definition, current, 'undo_failed', result.failure.message, audit, result.failure, {});
  const rest = current.startedSteps.slice(0, -1);
  const before = rest.at(-1);
  const data = merge(current.data, result.data ?? {});
  if (before === undefined)
    return end(
      deps,
      definition,
      { ...current, data, startedSteps: [] },
      'undo_done',
      'cleaned up',
      audit,
      current.failure,
      {},
    );
  const next = await write(deps, current, {
    patch: { startedSteps: rest, step: before, data, stepSinceMs: deps.clock.now(), attempts: 0 },
    type: 'step_undone',
    text: result.text ?? name,
    audit,
    notify: false,
  });
  return { run: next, goOn: true };
}

async function end(
  deps: RunnerDeps,
  definition: RunDefinition,
  run: Run,
  event: RunEvent,
  text: string,
  audit: readonly NewAudit[],
  failure: Failure | undefined,
  extra: Pick<RunWrite, 'worker' | 'schedule'>,
): Promise<Progress> {
  const state = nextState(run, event);
  if (state !== 'succeeded' && state !== 'undone' && state !== 'stuck') throw new Error(`${event} does not end a run`);
  const nowMs = deps.clock.now();
  const more = await definition.ended(run, state, nowMs);
  const ended = await write(deps, run, {
    patch: {
      state,
      data: run.data,
      startedSteps: run.startedSteps,
      endedAtMs: state === 'stuck' ? undefined : nowMs,
      failure,
      blocked: undefined,
      progress: state === 'succeeded' ? 'Done' : state === 'undone' ? 'Cleaned up' : 'Stuck: a person has to look',
      claimedBy: undefined,
      claimUntilMs: undefined,
    },
    type: event,
    text,
    audit: [
      ...audit,
      auditOf(deps, run, run.kind, state === 'succeeded' ? 'done' : 'failed', failure?.message ?? text),
    ],
    notify: true,
    ...extra,
    ...(more.worker === undefined ? {} : { worker: { ...extra.worker, ...more.worker } }),
    ...(more.schedule === undefined ? {} : { schedule: more.schedule }),
    outbox: more.outbox ?? [],
  });
  deps.log.info({ runId: run.id, operationId: run.operationId, workerName: run.workerName, state }, 'run ended');
  const operation = await deps.store.getOperation(run.operationId);
  if (operation !== undefined && operation.state !== 'running') deps.operationEnded?.(operation);
  return { run: ended, goOn: false };
}

function nextState(run: Run, event: RunEvent): RunState {
  const state = transition(run.state, event, run.pivoted);
  if (state === undefined) throw new Error(`illegal: ${event} in ${run.state}`);
  return state;
}

function auditOf(deps: RunnerDeps, run: Run, action: string, outcome: AuditOutcome, text: string): NewAudit {
  return {
    atMs: deps.clock.now(),
    cluster: run.cluster,
    actor: SYSTEM,
    action,
    outcome,
    workerName: run.workerName,
    operationId: run.operationId,
    runId: run.id,
    text,
  };
}

const merge = (data: RunData, more: Partial<RunData>): RunData => ({
  ...data,
  ...more,
  ...(more.tasks === undefined ? {} : { tasks: { ...data.tasks, ...more.tasks } }),
});

export function failureOf(error: unknown): Failure {
  if (isBurstError(error))
    return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  return { code: 'internal', message: messageOf(error) };
}

async function write(
  deps: RunnerDeps,
  run: Run,
  change: {
    readonly patch: RunPatch;
    readonly type: string;
    readonly text: string;
    readonly audit?: readonly NewAudit[];
    readonly outbox?: readonly NewOutbox[];
    readonly notify?: boolean;
    readonly worker?: RunWrite['worker'];
    readonly schedule?: RunWrite['schedule'];
  },
): Promise<Run> {
  const nowMs = deps.clock.now();
  const ends = change.patch.state === 'succeeded' || change.patch.state === 'undone' || change.patch.state === 'stuck';
  const notice: NewOutbox = {
    key: `operation:${run.operationId}`,
    notBeforeMs: 0,
    channelId: undefined,
    notice: { kind: 'operation', operationId: run.operationId, final: ends },
  };
  return deps.store.recordRun({
    runId: run.id,
    generation: run.generation,
    patch:
      'claimUntilMs' in change.patch ? change.patch : { ...change.patch, claimUntilMs: nowMs + deps.policy.claimMs },
    event: { atMs: nowMs, type: change.type, text: change.text },
    audit: change.audit ?? [],
    outbox: [...(change.notify === true ? [notice] : []), ...(change.outbox ?? [])],
    ...(change.worker === undefined ? {} : { worker: change.worker }),
    ...(change.schedule === undefined ? {} : { schedule: change.schedule }),
    nowMs,
  });
}
