/** Steps and runs as data. A step looks at the world, acts if that is needed, and answers; it never assumes. */
import type { Blocked, Failure, Run, RunData, RunKind, RunState } from '../domain/operation.ts';
import type { Clock } from '../ports/clock.ts';
import type { NewOutbox, RunWrite, Schedule } from '../ports/store.ts';

export type StepContext = {
  readonly run: Run;
  /** As journaled, `save`s of this look included. */
  readonly data: RunData;
  readonly clock: Clock;
  /** Aborted at the step's time limit, at cancellation and at shutdown. */
  readonly signal: AbortSignal;
  /** How long this step has been under way, ms. */
  readonly elapsedMs: number;
  /** Journals what must be known before the next call (intent first). @throws `stale_generation` when another claim came between. */
  save(
    data: Partial<RunData>,
    text: string,
    /** `pivoted`: from here on the run only goes forward. */
    more?: Pick<RunWrite, 'worker' | 'schedule'> & { readonly pivoted?: true },
  ): Promise<void>;
};

export type StepResult =
  | {
      readonly kind: 'done';
      readonly text?: string;
      readonly data?: Partial<RunData>;
      readonly worker?: RunWrite['worker'];
      readonly schedule?: Schedule;
    }
  | {
      readonly kind: 'wait';
      /** When to look again at the latest; a change of the worker's node, its pods or a budget wakes it earlier. */
      readonly afterMs: number;
      readonly progress: string;
      readonly blocked?: Blocked;
      readonly data?: Partial<RunData>;
      /** Said once in Slack when it changes. */
      readonly alert?: string;
    }
  | { readonly kind: 'fail'; readonly failure: Failure; readonly data?: Partial<RunData> };

export type Step = {
  readonly name: string;
  /** Shown to people while it runs: "Cloning the VM". */
  readonly title: string;
  /** From the start of this step on, the run only goes forward. */
  readonly pivot?: true;
  /** There is nothing to do in it as things are configured: it is passed over. */
  readonly skipped?: boolean;
  /** Undefined: the step keeps its own time. */
  readonly timeoutMs: number | undefined;
  readonly run: (context: StepContext) => Promise<StepResult>;
  readonly undo: ((context: StepContext) => Promise<StepResult>) | { readonly none: string };
};

export type RunDefinition = {
  readonly kind: RunKind;
  readonly steps: readonly Step[];
  /** Written in the same transaction as the end of the run. */
  readonly ended: (
    run: Run,
    state: Extract<RunState, 'succeeded' | 'undone' | 'stuck'>,
    nowMs: number,
  ) => Promise<{
    readonly worker?: RunWrite['worker'];
    readonly schedule?: Schedule;
    readonly outbox?: readonly NewOutbox[];
  }>;
};
