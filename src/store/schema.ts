/** Row types of the tables, as SQLite holds them: 0 and 1 for booleans, JSON as text. */
import type { Generated } from 'kysely';
import type { OperationKind, OperationState, RunKind, RunState } from '../domain/operation.ts';
import type { ApprovalState } from '../domain/approval.ts';
import type { Role } from '../domain/policy.ts';
import type { AuditOutcome, Notice, ScheduleStatus, WorkerState } from '../ports/store.ts';

export type WorkersTable = {
  cluster: string;
  name: string;
  size: string;
  state: WorkerState;
  vm_id: string | null;
  vm_host: string | null;
  node_uid: string | null;
  owner_tag: string;
  owner: string;
  channel_id: string | null;
  operation_id: string;
  created_at_ms: number;
  removed_at_ms: number | null;
  price_micros: number | null;
  currency: string | null;
  cpus: number | null;
  role: Role | null;
  planned_until_ms: number | null;
  vm_since_ms: number | null;
  vm_gone_ms: number | null;
};

export type OperationsTable = {
  seq: Generated<number>;
  id: string;
  cluster: string;
  kind: OperationKind;
  state: OperationState;
  params: string;
  requester: string;
  requester_id: string;
  channel_id: string | null;
  thread_ts: string | null;
  reason: string;
  idempotency_key: string;
  created_at_ms: number;
  ended_at_ms: number | null;
  cancelled_by: string | null;
};

export type RunsTable = {
  seq: Generated<number>;
  id: string;
  operation_id: string;
  cluster: string;
  worker_name: string;
  kind: RunKind;
  state: RunState;
  step: string;
  started_steps: string;
  pivoted: number;
  generation: number;
  claimed_by: string | null;
  claim_until_ms: number | null;
  next_look_at_ms: number;
  attempts: number;
  step_since_ms: number;
  data: string;
  progress: string;
  blocked: string | null;
  failure: string | null;
  cancel_requested: number;
  /** Set by a cancel while the run may be claimed: the claim's holder cannot put the next look off. */
  woken: Generated<number>;
  created_at_ms: number;
  ended_at_ms: number | null;
};

export type JournalTable = {
  seq: Generated<number>;
  run_id: string;
  at_ms: number;
  generation: number;
  type: string;
  text: string;
};

export type SchedulesTable = {
  cluster: string;
  worker_name: string;
  starts_at_ms: number;
  expires_at_ms: number;
  extended_hours: number;
  status: ScheduleStatus;
  warned_deadline_ms: number | null;
  warned_lead_ms: number | null;
};

export type OutboxTable = {
  id: Generated<number>;
  key: string;
  kind: Notice['kind'];
  notice: string;
  channel_id: string | null;
  not_before_ms: number;
  attempts: Generated<number>;
  last_error: string | null;
  created_at_ms: number;
  delivered_at_ms: number | null;
};

/** Who is delivering the notices of a key, and until when nobody else does. */
export type OutboxClaimsTable = { key: string; owner: string; until_ms: number };
export type MessagesTable = { key: string; channel_id: string; ts: string; digest: string };
export type ActionsTable = { key: string; actor: string; at_ms: number };

export type AuditTable = {
  id: Generated<number>;
  at_ms: number;
  cluster: string;
  actor: string;
  actor_id: string;
  action: string;
  outcome: AuditOutcome;
  worker_name: string | null;
  operation_id: string | null;
  run_id: string | null;
  text: string;
  details: string | null;
  /** Of the row before, and of this one with it; see domain/audit-chain.ts. */
  prev_hash: string;
  hash: string;
};

export type BootstrapTokensTable = {
  cluster: string;
  id: string;
  worker_name: string;
  uid: string | null;
  expires_at_ms: number;
};

export type HealthTable = {
  cluster: string;
  worker_name: string;
  since_ms: number;
  reason: string;
  told_at_ms: number | null;
  ended_at_ms: number | null;
  outcome: 'recovered' | 'gone' | null;
  auto_repaired: number;
};

export type ServersTable = {
  cluster: string;
  server: string;
  since_ms: number;
  reason: string;
  told_at_ms: number | null;
  ended_at_ms: number | null;
};

export type StraysTable = {
  cluster: string;
  vm_id: string;
  name: string;
  first_seen_ms: number;
  kind: 'unrecorded' | 'leftover' | 'twin';
  host: string | null;
  told_at_ms: number | null;
  ended_at_ms: number | null;
  outcome: 'gone' | 'recorded' | 'adopted' | 'destroyed' | null;
  decision: 'adopt' | 'destroy' | null;
  decided_by: string | null;
  operation_id: string | null;
  attempts: number;
};

export type ApprovalsTable = {
  id: string;
  cluster: string;
  state: ApprovalState;
  params: string;
  digest: string;
  targets: string;
  previews: string;
  requester: string;
  requester_id: string;
  channel_id: string | null;
  thread_ts: string | null;
  ask_in: string | null;
  reason: string;
  why: string;
  rules: string;
  idempotency_key: string;
  created_at_ms: number;
  expires_at_ms: number;
  remind_at_ms: number | null;
  ended_at_ms: number | null;
  ended_by: string | null;
  note: string;
  operation_id: string | null;
  cost: string | null;
};

export type ApprovalDecisionsTable = {
  approval_id: string;
  actor_id: string;
  actor: string;
  verdict: 'approve' | 'deny';
  reason: string;
  rules: string;
  at_ms: number;
};

export type InboxTable = {
  key: string;
  kind: string;
  payload: string | null;
  received_at_ms: number;
  owner: string;
  claim_until_ms: number;
  tries: number;
  done_at_ms: number | null;
};

/** Where Burst is installed beside the home workspace; the tokens are sealed. */
export type InstallationsTable = {
  key: string;
  name: string;
  installed_by: string;
  installed_at_ms: number;
  key_id: string;
  sealed: string;
};

export type NotifyChoicesTable = { user_id: string; choice: string };

export type Tables = {
  inbox: InboxTable;
  notify_choices: NotifyChoicesTable;
  approvals: ApprovalsTable;
  approval_decisions: ApprovalDecisionsTable;
  health_episodes: HealthTable;
  server_episodes: ServersTable;
  strays: StraysTable;
  meta: { key: string; value: string };
  workers: WorkersTable;
  operations: OperationsTable;
  runs: RunsTable;
  journal: JournalTable;
  ttl_schedules: SchedulesTable;
  outbox: OutboxTable;
  outbox_claims: OutboxClaimsTable;
  messages: MessagesTable;
  actions: ActionsTable;
  audit: AuditTable;
  installations: InstallationsTable;
  /** SQLite's own: the highest id that a table ever had. */
  sqlite_sequence: { name: string; seq: number };
  bootstrap_tokens: BootstrapTokensTable;
};
