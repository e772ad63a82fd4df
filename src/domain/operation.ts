/**
 * Operations, their runs, and the one table of legal transitions. Invariant: a run changes state only as `transition`
 * allows; after the pivot (VM deletion started) a run only goes forward.
 */
import type { Place } from './placement.ts';
import type { SizeName } from './worker.ts';

export type OperationKind = 'provision' | 'drain' | 'destroy' | 'extend' | 'expire' | 'repair';
export type RunKind = 'add-worker' | 'drain-worker' | 'remove-worker' | 'extend-worker';
export type RunState = 'running' | 'undoing' | 'succeeded' | 'undone' | 'stuck';
/** Projection of an operation's runs; `partial`: some succeeded, some did not. */
export type OperationState = 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled' | 'stuck';

/** Who asked: a Slack user, an assistant over MCP (by its token's name), or Burst itself (the reaper). */
export type Actor =
  | { readonly kind: 'slack'; readonly userId: string; readonly userName?: string }
  /** `userId`: the Slack user who answers for it. */
  | { readonly kind: 'assistant'; readonly name: string; readonly userId?: string }
  | { readonly kind: 'system'; readonly name: string };

/** The Slack user behind an actor: who asked, or who answers for the assistant that did. */
export const personOf = (by: Actor | undefined): string | undefined =>
  by === undefined || by.kind === 'system' ? undefined : by.userId;

/** The id by which an actor is known and looked for: a Slack user id, or the name of an assistant or of Burst's own part. */
export const actorId = (by: Actor): string => (by.kind === 'slack' ? by.userId : by.name);

export type OperationParams =
  | {
      readonly kind: 'provision';
      readonly count: number;
      readonly size: SizeName;
      readonly ttlHours: number;
      /** A VM of ours that nothing was recorded of: it is taken up, not made. */
      readonly adopted?: { readonly vmId: string; readonly worker: string };
    }
  | { readonly kind: 'drain'; readonly workers: readonly string[]; readonly permanent: boolean }
  | { readonly kind: 'destroy'; readonly workers: readonly string[]; readonly force: boolean }
  | { readonly kind: 'extend'; readonly workers: readonly string[]; readonly hours: number }
  | {
      readonly kind: 'expire';
      readonly workers: readonly string[];
      readonly deadlineMs: number;
      /** Not because of a deadline: neither node nor VM was found any more. */
      readonly vanished?: true;
    }
  | {
      readonly kind: 'repair';
      /** The sick one. */
      readonly workers: readonly string[];
      readonly replacement: string;
      readonly size: SizeName;
      readonly deadlineMs: number;
    };

export type Operation = {
  readonly id: string;
  readonly cluster: string;
  readonly kind: OperationKind;
  readonly state: OperationState;
  readonly params: OperationParams;
  readonly requester: Actor;
  /** Slack channel where it was asked for, and where its message lives. */
  readonly channelId: string | undefined;
  /** The thread in that channel that it was asked for, and where its message lives then. */
  readonly threadTs?: string;
  readonly reason: string;
  readonly idempotencyKey: string;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly cancelledBy: Actor | undefined;
};

/** Why a run waits on something that only people or the cluster can change. */
export type Blocked = {
  readonly sinceMs: number;
  /** One sentence a person can act on. */
  readonly text: string;
  readonly pod?: string;
  readonly budget?: string;
  readonly numbers?: string;
  /** True when it cannot finish by itself. */
  readonly never: boolean;
};

export type Failure = { readonly code: string; readonly message: string; readonly hint?: string };

/** What a run has learned, journaled; every external name is here before the call that makes it real. */
export type RunData = {
  readonly size?: SizeName;
  readonly ttlHours?: number;
  readonly deadlineMs?: number;
  readonly force?: boolean;
  readonly vmId?: string;
  readonly vmHost?: string;
  /** Where its VM was decided to go, and how much was promised to it there. */
  readonly place?: Place & { readonly memoryMiB: number; readonly diskGiB: number };
  /** The VM id was seen to be free before the clone was asked for. */
  readonly cloneRequested?: boolean;
  /** Task handles of the VM provider by step name. */
  readonly tasks?: Readonly<Record<string, string>>;
  /** Where the worker's machine answered a Talos server. */
  readonly machineAddress?: string;
  readonly configApplied?: boolean;
  /** Which boot of the machine was asked to be reset, and when. */
  readonly resetBoot?: string;
  readonly resetAskedAtMs?: number;
  readonly nodeUid?: string;
  readonly cordonedByUs?: boolean;
  readonly vmGone?: boolean;
  /** What a removal found gone already when it began. */
  readonly nodeWasGone?: boolean;
  readonly vmWasGone?: boolean;
  /** The VM was made by a run that was undone: it may not have been tagged yet. */
  readonly lateClone?: boolean;
  /** The VM was there before the run, and is taken up as it is. */
  readonly adopted?: boolean;
  /** Added to the drain's time limit because a person chose to wait, ms. */
  readonly extraDrainMs?: number;
  readonly podsToMove?: number;
  readonly podsMoved?: number;
  /** VolumeAttachments that had not gone within the time limit when the removal went on. */
  readonly volumesLeft?: number;
  /** The worker that has to be Ready before this one is removed. */
  readonly replacement?: string;
  /** What people were told a blocked removal waits for. */
  readonly toldOf?: string;
  /** When pods that their budgets seemed to hold were last tried all the same, ms. */
  readonly triedAllAtMs?: number;
  /** The VM server that it waits for, which is away; that time is none of its step's. */
  readonly held?: Held | undefined;
};

export type Held = {
  readonly server: string;
  /** Since when that does not answer. */
  readonly sinceMs: number;
  readonly nextLookMs: number;
  /** Until when the waiting has been taken out of the step's time. */
  readonly atMs: number;
};

export type Run = {
  readonly id: string;
  readonly operationId: string;
  readonly cluster: string;
  readonly workerName: string;
  readonly kind: RunKind;
  readonly state: RunState;
  /** Name of the current step (when undoing: of the step being undone). */
  readonly step: string;
  /** Steps that were started, in order; undo covers them all. */
  readonly startedSteps: readonly string[];
  readonly pivoted: boolean;
  /** Raised at each claim; a write with an older generation is refused. */
  readonly generation: number;
  readonly claimedBy: string | undefined;
  readonly claimUntilMs: number | undefined;
  readonly nextLookAtMs: number;
  /** Attempts of the current step that threw, since it last made progress. */
  readonly attempts: number;
  readonly stepSinceMs: number;
  readonly data: RunData;
  /** What it is doing, in words: "waiting to join, 40 s". */
  readonly progress: string;
  readonly blocked: Blocked | undefined;
  readonly failure: Failure | undefined;
  readonly cancelRequested: boolean;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
};

/** Everything that can happen to a run. */
export const RUN_EVENTS = [
  'step_done',
  'all_done',
  'step_failed',
  'cancelled',
  'undo_done',
  'undo_failed',
  'gave_up',
  'retried',
] as const;
export type RunEvent = (typeof RUN_EVENTS)[number];

/**
 * The one table of legal run transitions.
 * @returns the next state, or undefined when the event is illegal in that state.
 */
export function transition(state: RunState, event: RunEvent, pivoted: boolean): RunState | undefined {
  switch (state) {
    case 'running':
      if (event === 'step_done') return 'running';
      if (event === 'all_done') return 'succeeded';
      if (event === 'step_failed') return pivoted ? 'stuck' : 'undoing';
      if (event === 'cancelled') return pivoted ? undefined : 'undoing';
      if (event === 'gave_up') return 'stuck';
      return undefined;
    case 'undoing':
      if (event === 'step_done') return 'undoing';
      if (event === 'undo_done') return 'undone';
      if (event === 'undo_failed' || event === 'gave_up') return 'stuck';
      return undefined;
    case 'stuck':
      if (event === 'retried') return 'running';
      return undefined;
    case 'succeeded':
    case 'undone':
      return undefined;
  }
}

export const isLive = (state: RunState): boolean => state === 'running' || state === 'undoing' || state === 'stuck';

/** An operation's state from its runs (and whether it was cancelled). */
export function operationState(runs: readonly Pick<Run, 'state'>[], cancelled: boolean): OperationState {
  if (runs.some((run) => run.state === 'running' || run.state === 'undoing')) return 'running';
  if (runs.some((run) => run.state === 'stuck')) return 'stuck';
  const succeeded = runs.filter((run) => run.state === 'succeeded').length;
  if (succeeded === runs.length) return 'succeeded';
  if (succeeded > 0) return 'partial';
  return cancelled ? 'cancelled' : 'failed';
}
