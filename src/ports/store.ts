/**
 * What Burst remembers. Invariants: every write of a run is one transaction with its journal event, audit rows and
 * outbox rows, conditional on the run's generation; audit rows are only ever added; a worker has at most one live run
 * (running, undoing or stuck).
 */
import type {
  Actor,
  Operation,
  OperationKind,
  OperationParams,
  OperationState,
  Run,
  RunData,
  RunKind,
} from '../domain/operation.ts';
import type { ChainHead } from '../domain/audit-chain.ts';
import type { BudgetPolicy } from '../domain/budget.ts';
import type { Lifespan } from '../domain/cost.ts';
import type { HealthEpisode } from '../domain/health-plan.ts';
import type { Price } from '../domain/money.ts';
import type { Role } from '../domain/policy.ts';
import type { ServerEpisode } from '../domain/server-plan.ts';
import type { RateRule } from '../domain/rate-limit.ts';
import type { NotifyChoice } from '../domain/notify.ts';
import type { Stray } from '../domain/stray-plan.ts';
import type { SizeName } from '../domain/worker.ts';

export type WorkerState = 'requested' | 'active' | 'removing' | 'removed' | 'failed';
/** A burst worker that Burst ever recorded; rows stay for ever, so that names are never used twice. */
export type WorkerRecord = {
  readonly cluster: string;
  readonly name: string;
  readonly size: SizeName;
  readonly state: WorkerState;
  readonly vmId: string | undefined;
  readonly vmHost: string | undefined;
  readonly nodeUid: string | undefined;
  /** The ownership tag that its VM carries: this installation's, or that of the one whose database was lost. */
  readonly ownerTag: string;
  readonly owner: Actor;
  readonly channelId: string | undefined;
  readonly operationId: string;
  readonly createdAtMs: number;
  readonly removedAtMs: number | undefined;
  /** The price of its size and its vCPUs when it was recorded: later ones change nothing of what it cost. */
  readonly price?: Price | undefined;
  readonly cpus?: number | undefined;
  /** The role that who asked for it had; undefined: not known. */
  readonly role?: Role | undefined;
  /** Its deadline, as far as it is known before a schedule holds it. */
  readonly plannedUntilMs?: number | undefined;
  /** When its VM was first seen, and when it was gone. */
  readonly vmSinceMs?: number | undefined;
  readonly vmGoneMs?: number | undefined;
};

export type ScheduleStatus = 'active' | 'expiring' | 'done';
export type Schedule = {
  readonly cluster: string;
  readonly workerName: string;
  readonly startsAtMs: number;
  readonly expiresAtMs: number;
  readonly extendedHours: number;
  readonly status: ScheduleStatus;
  /** The deadline that the last warning was for, and its lead time: a new deadline re-arms the warnings. */
  readonly warnedDeadlineMs: number | undefined;
  readonly warnedLeadMs: number | undefined;
};

export type AuditOutcome = 'requested' | 'refused' | 'decided' | 'started' | 'done' | 'failed' | 'noticed';
export type NewAudit = {
  readonly atMs: number;
  readonly cluster: string;
  readonly actor: Actor;
  /** `provision`, `step:clone`, `warn`, `cancel`, `config`, … */
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly workerName?: string;
  readonly operationId?: string;
  readonly runId?: string;
  /** Plain words; no secrets. */
  readonly text: string;
  readonly details?: Readonly<Record<string, unknown>>;
};
/** With the hash of the row before, and its own over that and its content (domain/audit-chain.ts). */
export type AuditRow = NewAudit & { readonly id: number; readonly prevHash: string; readonly hash: string };
/** Conditions that all hold. */
export type AuditFilter = {
  readonly cluster?: string;
  readonly workerName?: string;
  readonly operationId?: string;
  readonly actorId?: string;
  /** From this moment on. */
  readonly sinceMs?: number;
  /** Before this moment. */
  readonly untilMs?: number;
  /** Of these clusters; with `concerning` only what this person did, asked for or owns. */
  readonly scopes?: readonly { readonly cluster: string; readonly concerning?: string }[];
  /** What this person did, or an assistant for which they answer. */
  readonly person?: string;
  /** Of the worker, also what was asked for of several at once. */
  readonly about?: string;
  /** These actions, asked for directly or as approvals; `approval`: every approval. */
  readonly actions?: readonly string[];
  readonly outcomes?: readonly AuditOutcome[];
  /** False leaves out the single steps of runs. */
  readonly steps?: boolean;
  readonly beforeId?: number;
  readonly afterId?: number;
  /** Oldest first; otherwise newest first. */
  readonly oldestFirst?: boolean;
  readonly limit: number;
};

/** Something to be said in Slack; delivered at least once, in order for each `key`. */
export type Notice =
  /** (Re)draw the operation's one message from its present state. */
  | { readonly kind: 'operation'; readonly operationId: string; readonly final: boolean }
  | {
      readonly kind: 'warning';
      readonly cluster: string;
      readonly operationId: string;
      readonly workers: readonly string[];
      readonly deadlineMs: number;
      readonly leadMs: number;
    }
  /** A worker went without anybody's doing, an old run was repaired, a run got stuck, and the like. */
  | {
      readonly kind: 'alert';
      readonly cluster: string;
      readonly workerName?: string;
      readonly operationId?: string;
      readonly text: string;
    }
  /** (Re)draw the one message of a time that a worker was not Ready. */
  | { readonly kind: 'health'; readonly cluster: string; readonly workerName: string; readonly sinceMs: number }
  /** (Re)draw the one message of a time that a VM server did not answer. */
  | { readonly kind: 'server'; readonly cluster: string; readonly server: string; readonly sinceMs: number }
  /** (Re)draw the one message of a VM that no record owns. */
  | {
      readonly kind: 'stray';
      readonly cluster: string;
      readonly vmId: string;
      readonly name: string;
      readonly firstSeenMs: number;
    }
  /** (Re)draw the one message of an approval; remind its approvers, once; tell its requester how it ended, once. */
  | {
      readonly kind: 'approval';
      readonly cluster: string;
      readonly approvalId: string;
      readonly tell: 'request' | 'reminder' | 'outcome';
    }
  | {
      /** Admins are warned of a budget that comes to its end. */
      readonly kind: 'budget';
      readonly cluster: string;
      readonly budget: string;
      readonly month: string;
      readonly percent: number;
      readonly spent: string;
      readonly committed: string;
      readonly limit: string;
      readonly beyond: 'refuse' | 'approval';
      readonly admins: { readonly users: readonly string[]; readonly groups: readonly string[] };
      /** Slack markup that names them; of our own making. */
      readonly whom: string;
    };
export type NewOutbox = {
  readonly key: string;
  readonly notice: Notice;
  readonly notBeforeMs: number;
  readonly channelId: string | undefined;
};
/** With it, rows are given to one process at a time: keys that another owner has claimed are left out until then. */
export type OutboxClaim = { readonly owner: string; readonly untilMs: number };
export type OutboxRow = NewOutbox & { readonly id: number; readonly attempts: number; readonly createdAtMs: number };

export type NewOperation = {
  readonly id: string;
  readonly cluster: string;
  readonly params: OperationParams;
  readonly requester: Actor;
  readonly channelId: string | undefined;
  readonly threadTs?: string;
  readonly reason: string;
  readonly idempotencyKey: string;
  readonly createdAtMs: number;
  readonly runs: readonly Pick<Run, 'id' | 'workerName' | 'kind' | 'step' | 'data'>[];
  /** Workers to be recorded with it (provision). */
  readonly workers: readonly WorkerRecord[];
  /** Refused with `limit_reached` when workers not yet removed would be more than this; checked in the transaction. */
  readonly maxBurstWorkers?: number;
  /**
   * Refused with OverBudget when its workers, or the deadlines that it asks for, go beyond one of these budgets; checked in the
   * transaction. `allowed`: budgets that people approved going beyond.
   */
  readonly budgets?: { readonly policy: BudgetPolicy; readonly allowed: readonly string[] };
  /** Refused with `rate_limited` when one of these is reached; checked in the transaction. */
  readonly rates?: readonly RateRule[];
  readonly audit: readonly NewAudit[];
  readonly outbox: readonly NewOutbox[];
};

/** A request as the limits over time look at it. */
export type RatedRequest = {
  readonly requester: Actor;
  readonly rates: readonly RateRule[];
  /** How many workers it asks for. */
  readonly workers: number;
  readonly nowMs: number;
};

export type RunPatch = Partial<
  Omit<Run, 'id' | 'operationId' | 'cluster' | 'workerName' | 'kind' | 'generation' | 'cancelRequested' | 'createdAtMs'>
>;
export type RunWrite = {
  readonly runId: string;
  readonly generation: number;
  readonly patch: RunPatch;
  /** A line of the journal: what happened, in words. */
  readonly event: { readonly atMs: number; readonly type: string; readonly text: string };
  readonly audit?: readonly NewAudit[];
  readonly outbox?: readonly NewOutbox[];
  readonly worker?: Partial<
    Pick<WorkerRecord, 'state' | 'vmId' | 'vmHost' | 'nodeUid' | 'removedAtMs' | 'vmSinceMs' | 'vmGoneMs'>
  >;
  readonly schedule?: Schedule;
  /** The operation's state is derived again in the same transaction when a run ends; this is its end time. */
  readonly nowMs: number;
};

/** A bootstrap token that was asked for, without its secret; recorded before the call that makes it. */
export type TokenRecord = {
  readonly cluster: string;
  readonly id: string;
  readonly workerName: string;
  /** Of its Secret; undefined while it is not known whether that was made. */
  readonly uid: string | undefined;
  readonly expiresAtMs: number;
};

export type OperationFilter = {
  readonly cluster?: string;
  readonly states?: readonly OperationState[];
  readonly kinds?: readonly OperationKind[];
  readonly requesterId?: string;
  readonly limit: number;
};
export type MessageRecord = {
  readonly key: string;
  readonly channelId: string;
  readonly ts: string;
  readonly digest: string;
};

export interface Store {
  close(): Promise<void>;
  /** Writes and reads a probe in a transaction that is rolled back. @throws when the database is unfit. */
  probe(): Promise<void>;
  /** This installation's random id, made at first start; also the ownership tag's suffix. */
  installationId(): Promise<string>;

  /**
   * Records an operation with its runs, workers, audit and outbox, all or nothing.
   * @returns the operation, or with `created: false` the one that had this idempotency key before.
   * @throws BurstError `worker_busy` (a worker has a live run: names it), `limit_reached`, `rate_limited`, `conflict` (name used before).
   */
  createOperation(operation: NewOperation): Promise<{ readonly created: boolean; readonly operation: Operation }>;
  /** @throws BurstError `rate_limited`, as `createOperation` would. */
  assertWithinRates(request: RatedRequest): Promise<void>;
  getOperation(id: string): Promise<Operation | undefined>;
  /** The operation that was submitted under this idempotency key. */
  operationByKey(idempotencyKey: string): Promise<Operation | undefined>;
  listOperations(filter: OperationFilter): Promise<readonly Operation[]>;
  /** Marks its live runs cancelled and due now. @returns the runs that can still be stopped. */
  requestCancel(operationId: string, by: Actor, nowMs: number, audit: NewAudit): Promise<readonly Run[]>;
  /** Puts stuck runs back to `running` (generation raised) and due now. @returns how many. */
  retryStuck(operationId: string, nowMs: number, audit: NewAudit): Promise<number>;

  /**
   * Merges `data` into live runs that have not passed their pivot, raises their generation (a look under way writes nothing
   * any more and is repeated) and makes them due now. @returns those that were changed.
   */
  adjustRuns(
    runIds: readonly string[],
    data: Partial<RunData>,
    event: { readonly atMs: number; readonly type: string; readonly text: string },
    audit: readonly NewAudit[],
  ): Promise<readonly Run[]>;

  runsOf(operationId: string): Promise<readonly Run[]>;
  getRun(id: string): Promise<Run | undefined>;
  liveRuns(): Promise<readonly Run[]>;
  liveRunOf(cluster: string, workerName: string): Promise<Run | undefined>;
  /** The newest run of a kind for this worker, ended or not. */
  lastRunOf(cluster: string, workerName: string, kind: RunKind): Promise<Run | undefined>;
  journal(
    runId: string,
  ): Promise<
    readonly { readonly atMs: number; readonly type: string; readonly text: string; readonly generation: number }[]
  >;
  /** Claims a cluster's due runs (nextLookAtMs <= now, running or undoing, not claimed or claim over), oldest first; raises each generation. */
  claimRuns(request: {
    /** Without it, runs of every cluster. */
    readonly cluster?: string;
    readonly owner: string;
    readonly nowMs: number;
    readonly claimMs: number;
    readonly limit: number;
  }): Promise<readonly Run[]>;
  /** Makes waiting runs of these workers due now; claimed ones are due once more when their look ends. @returns how many waited. */
  wakeRuns(cluster: string, workerNames: readonly string[] | 'all', nowMs: number): Promise<number>;
  /** When the next run (of a cluster) wants to be looked at (or its claim ends), in ms; undefined when none waits. */
  nextRunDueMs(cluster?: string): Promise<number | undefined>;
  /** @throws BurstError `stale_generation` when another claim came between: nothing was written. @returns the run as it is now. */
  recordRun(write: RunWrite): Promise<Run>;

  getWorker(cluster: string, name: string): Promise<WorkerRecord | undefined>;
  listWorkers(filter: {
    readonly cluster?: string;
    readonly states?: readonly WorkerState[];
    /** Whose VM has one of these ids. */
    readonly vmIds?: readonly string[];
  }): Promise<readonly WorkerRecord[]>;
  /** How many workers of this cluster were ever given a place. */
  countPlaced(cluster: string): Promise<number>;
  /** Takes up a worker found in the cluster that the database does not know (a lost database); existing rows are left. */
  adoptWorker(worker: WorkerRecord, schedule: Schedule, audit: NewAudit): Promise<boolean>;
  /** Workers as they cost: those that are not over, and those whose VM was gone after `sinceMs`. */
  listLifespans(filter: { readonly cluster?: string; readonly sinceMs: number }): Promise<readonly Lifespan[]>;
  setWorkerState(cluster: string, name: string, state: WorkerState, nowMs: number): Promise<void>;

  getSchedule(cluster: string, workerName: string): Promise<Schedule | undefined>;
  /** Active and expiring schedules with `expiresAtMs <= beforeMs`, earliest first; by index. */
  schedulesDue(beforeMs: number, limit: number, cluster?: string): Promise<readonly Schedule[]>;
  listSchedules(statuses: readonly ScheduleStatus[]): Promise<readonly Schedule[]>;
  /** The earliest deadline or warning moment after now; for skipping and waking. */
  nextDeadlineMs(afterMs: number, cluster?: string): Promise<number | undefined>;
  saveSchedule(schedule: Schedule, audit?: NewAudit): Promise<void>;
  /** Marks a warning as given and writes its notice, in one transaction. @returns false when it had been given. */
  recordWarning(warning: {
    readonly schedules: readonly Schedule[];
    readonly deadlineMs: number;
    readonly leadMs: number;
    readonly outbox: NewOutbox;
    readonly audit: readonly NewAudit[];
  }): Promise<boolean>;

  /** Records a bootstrap token, or its UID once it was made. */
  saveToken(token: TokenRecord): Promise<void>;
  /** Those of one worker, those that expired before a moment, or all of a cluster; the oldest first. */
  listTokens(filter: {
    readonly cluster: string;
    readonly workerName?: string;
    readonly expiredAtMs?: number;
  }): Promise<readonly TokenRecord[]>;
  forgetToken(cluster: string, id: string): Promise<void>;

  /** Times that workers were not Ready and that have not ended, earliest first. */
  openEpisodes(cluster: string): Promise<readonly HealthEpisode[]>;
  getEpisode(cluster: string, workerName: string, sinceMs: number): Promise<HealthEpisode | undefined>;
  /** Writes the episode with its notice and audit row, if given, in one transaction. */
  saveEpisode(episode: HealthEpisode, notice?: NewOutbox, audit?: NewAudit): Promise<void>;

  /** Writes a notice unless one was written under this key before, in one transaction. @returns whether it was. */
  tellOnce(key: string, by: Actor, nowMs: number, notice: NewOutbox, audit: NewAudit): Promise<boolean>;
  /** The time that a cluster's VM server does not answer and that has not ended. */
  openServerEpisode(cluster: string): Promise<ServerEpisode | undefined>;
  getServerEpisode(cluster: string, server: string, sinceMs: number): Promise<ServerEpisode | undefined>;
  /** Writes the episode with its notice and audit row, if given, in one transaction. */
  saveServerEpisode(episode: ServerEpisode, notice?: NewOutbox, audit?: NewAudit): Promise<void>;
  /** Of these people, how those who chose want to be told of their workers. */
  notifyChoices(userIds: readonly string[]): Promise<ReadonlyMap<string, NotifyChoice>>;
  /** @param choice undefined: as the configuration says again. */
  saveNotifyChoice(userId: string, choice: NotifyChoice | undefined): Promise<void>;

  /** VMs that no record owns and whose story has not ended, of a cluster or of all, the oldest first. */
  openStrays(cluster?: string): Promise<readonly Stray[]>;
  getStray(id: Pick<Stray, 'cluster' | 'vmId' | 'name' | 'firstSeenMs'>): Promise<Stray | undefined>;
  /** Writes it with its notice and audit row, if given, in one transaction. */
  saveStray(stray: Stray, notice?: NewOutbox, audit?: NewAudit): Promise<void>;

  /** Runs that are not ended, and notices not yet delivered; for metrics. */
  backlog(cluster: string): Promise<{ readonly liveRuns: number; readonly outbox: number }>;
  enqueue(row: NewOutbox): Promise<void>;
  /** Undelivered rows that are due, oldest first; of several `operation` notices with one key the newest only (older ones are marked delivered). */
  dueOutbox(nowMs: number, limit: number, claim?: OutboxClaim): Promise<readonly OutboxRow[]>;
  outboxDelivered(ids: readonly number[], nowMs: number): Promise<void>;
  outboxFailed(id: number, notBeforeMs: number, error: string): Promise<void>;
  getMessage(key: string): Promise<MessageRecord | undefined>;
  saveMessage(message: MessageRecord): Promise<void>;

  appendAudit(rows: readonly NewAudit[]): Promise<void>;
  /** Newest first, unless told otherwise. */
  listAudit(filter: AuditFilter): Promise<readonly AuditRow[]>;
  /** The last row's id and hash; undefined while there is none. */
  auditHead(): Promise<ChainHead | undefined>;
  /** Those who approved these operations before they began, by operation. */
  approvedBy(operationIds: readonly string[]): Promise<ReadonlyMap<string, readonly Actor[]>>;
  /** An action that may happen once (a click, a view submission). @returns who did it first, or undefined when this call did. */
  claimAction(
    key: string,
    by: Actor,
    nowMs: number,
  ): Promise<{ readonly by: Actor; readonly atMs: number } | undefined>;
}
