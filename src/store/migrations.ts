/**
 * The schema, one migration for each change of it. Invariant: a migration that was ever released is never edited;
 * the database's user_version is the number of migrations it has had.
 */
import type Sqlite from 'better-sqlite3';
import { CHAIN_START } from '../domain/audit-chain.ts';
import { chainRows } from './audit-chain.ts';

/** `sql` first, then `move` for what SQL cannot do, then `after`. */
export type Migration = {
  readonly name: string;
  readonly sql: string;
  readonly move?: (connection: Sqlite.Database) => void;
  readonly after?: string;
};

const initial = `
create table meta (
  key text primary key,
  value text not null
) strict, without rowid;

create table workers (
  cluster text not null,
  name text not null,
  size text not null,
  state text not null check (state in ('requested', 'active', 'removing', 'removed', 'failed')),
  vm_id text,
  vm_host text,
  node_uid text,
  owner text not null check (json_valid(owner)),
  channel_id text,
  operation_id text not null,
  created_at_ms integer not null,
  removed_at_ms integer,
  primary key (cluster, name)
) strict, without rowid;
create index workers_by_state on workers (cluster, state);
create trigger workers_are_kept before delete on workers
  begin select raise(abort, 'workers are kept for ever: their names are never used twice'); end;

create table operations (
  seq integer primary key,
  id text not null unique,
  cluster text not null,
  kind text not null check (kind in ('provision', 'drain', 'destroy', 'extend', 'expire')),
  state text not null check (state in ('running', 'succeeded', 'partial', 'failed', 'cancelled', 'stuck')),
  params text not null check (json_valid(params)),
  requester text not null check (json_valid(requester)),
  requester_id text not null,
  channel_id text,
  reason text not null,
  idempotency_key text not null unique,
  created_at_ms integer not null,
  ended_at_ms integer,
  cancelled_by text check (cancelled_by is null or json_valid(cancelled_by))
) strict;
create index operations_by_time on operations (created_at_ms);
create index operations_by_requester on operations (requester_id, created_at_ms);

create table runs (
  seq integer primary key,
  id text not null unique,
  operation_id text not null references operations (id),
  cluster text not null,
  worker_name text not null,
  kind text not null check (kind in ('add-worker', 'drain-worker', 'remove-worker', 'extend-worker')),
  state text not null check (state in ('running', 'undoing', 'succeeded', 'undone', 'stuck')),
  step text not null,
  started_steps text not null check (json_valid(started_steps)),
  pivoted integer not null check (pivoted in (0, 1)),
  generation integer not null check (generation >= 0),
  claimed_by text,
  claim_until_ms integer,
  next_look_at_ms integer not null,
  attempts integer not null,
  step_since_ms integer not null,
  data text not null check (json_valid(data)),
  progress text not null,
  blocked text check (blocked is null or json_valid(blocked)),
  failure text check (failure is null or json_valid(failure)),
  cancel_requested integer not null check (cancel_requested in (0, 1)),
  woken integer not null default 0 check (woken in (0, 1)),
  created_at_ms integer not null,
  ended_at_ms integer
) strict;
create unique index runs_one_live_each_worker on runs (cluster, worker_name)
  where state in ('running', 'undoing', 'stuck');
create index runs_due on runs (next_look_at_ms) where state in ('running', 'undoing');
create index runs_by_operation on runs (operation_id);
create index runs_by_worker on runs (cluster, worker_name, kind);

create table journal (
  seq integer primary key,
  run_id text not null references runs (id),
  at_ms integer not null,
  generation integer not null,
  type text not null,
  text text not null
) strict;
create index journal_by_run on journal (run_id);

create table ttl_schedules (
  cluster text not null,
  worker_name text not null,
  starts_at_ms integer not null,
  expires_at_ms integer not null,
  extended_hours real not null,
  status text not null check (status in ('active', 'expiring', 'done')),
  warned_deadline_ms integer,
  warned_lead_ms integer,
  primary key (cluster, worker_name),
  foreign key (cluster, worker_name) references workers (cluster, name)
) strict, without rowid;
create index ttl_schedules_by_status on ttl_schedules (status, expires_at_ms);
create index ttl_schedules_open on ttl_schedules (expires_at_ms) where status in ('active', 'expiring');

create table outbox (
  id integer primary key autoincrement,
  key text not null,
  kind text not null check (kind in ('operation', 'warning', 'alert')),
  notice text not null check (json_valid(notice)),
  channel_id text,
  not_before_ms integer not null,
  attempts integer not null default 0,
  last_error text,
  created_at_ms integer not null,
  delivered_at_ms integer
) strict;
create index outbox_open on outbox (key, id) where delivered_at_ms is null;

create table messages (
  key text primary key,
  channel_id text not null,
  ts text not null,
  digest text not null
) strict, without rowid;

create table actions (
  key text primary key,
  actor text not null check (json_valid(actor)),
  at_ms integer not null
) strict, without rowid;

create table audit (
  id integer primary key autoincrement,
  at_ms integer not null,
  cluster text not null,
  actor text not null check (json_valid(actor)),
  actor_id text not null,
  action text not null,
  outcome text not null
    check (outcome in ('requested', 'refused', 'decided', 'started', 'done', 'failed', 'noticed')),
  worker_name text,
  operation_id text,
  run_id text,
  text text not null,
  details text check (details is null or json_valid(details))
) strict;
create index audit_by_time on audit (at_ms);
create index audit_by_worker on audit (cluster, worker_name);
create index audit_by_operation on audit (operation_id);
create trigger audit_is_never_changed before update on audit
  begin select raise(abort, 'audit rows are only ever added'); end;
create trigger audit_is_never_deleted before delete on audit
  begin select raise(abort, 'audit rows are only ever added'); end;
create trigger audit_is_never_replaced before insert on audit
  when exists (select 1 from audit where id = new.id)
  begin select raise(abort, 'audit rows are only ever added'); end;
`;

/** A worker that was adopted from a lost database keeps the ownership tag that its VM carries. */
const ownerTags = `
alter table workers add column owner_tag text not null default '';
update workers set owner_tag = 'burst-' || coalesce((select value from meta where key = 'installation_id'), '');
`;

/** Their Secrets are found by these rows: Burst may not read Secrets. */
const bootstrapTokens = `
create table bootstrap_tokens (
  cluster text not null,
  id text not null,
  worker_name text not null,
  uid text,
  expires_at_ms integer not null,
  primary key (cluster, id)
) strict, without rowid;
create index bootstrap_tokens_by_worker on bootstrap_tokens (cluster, worker_name);
create index bootstrap_tokens_by_expiry on bootstrap_tokens (cluster, expires_at_ms);
`;

/** Times that workers were not Ready; `repair` and `health` join the kinds that the two tables check. */
const health = `
create table health_episodes (
  cluster text not null,
  worker_name text not null,
  since_ms integer not null,
  reason text not null,
  told_at_ms integer,
  ended_at_ms integer,
  outcome text check (outcome in ('recovered', 'gone')),
  auto_repaired integer not null check (auto_repaired in (0, 1)),
  primary key (cluster, worker_name, since_ms)
) strict, without rowid;
create index health_episodes_open on health_episodes (cluster, since_ms) where ended_at_ms is null;

pragma defer_foreign_keys = on;
create temp table operations_before as select * from operations;
drop table operations;
create table operations (
  seq integer primary key,
  id text not null unique,
  cluster text not null,
  kind text not null check (kind in ('provision', 'drain', 'destroy', 'extend', 'expire', 'repair')),
  state text not null check (state in ('running', 'succeeded', 'partial', 'failed', 'cancelled', 'stuck')),
  params text not null check (json_valid(params)),
  requester text not null check (json_valid(requester)),
  requester_id text not null,
  channel_id text,
  reason text not null,
  idempotency_key text not null unique,
  created_at_ms integer not null,
  ended_at_ms integer,
  cancelled_by text check (cancelled_by is null or json_valid(cancelled_by))
) strict;
insert into operations select * from operations_before;
drop table operations_before;
create index operations_by_time on operations (created_at_ms);
create index operations_by_requester on operations (requester_id, created_at_ms);

create temp table outbox_before as select * from outbox;
drop table outbox;
create table outbox (
  id integer primary key autoincrement,
  key text not null,
  kind text not null check (kind in ('operation', 'warning', 'alert', 'health')),
  notice text not null check (json_valid(notice)),
  channel_id text,
  not_before_ms integer not null,
  attempts integer not null default 0,
  last_error text,
  created_at_ms integer not null,
  delivered_at_ms integer
) strict;
insert into outbox select * from outbox_before;
drop table outbox_before;
create index outbox_open on outbox (key, id) where delivered_at_ms is null;
`;

/** Requests that people have to approve. The kinds of notices are checked where they are read: the outbox takes any. */
const approvals = `
create table approvals (
  id text primary key,
  cluster text not null,
  state text not null
    check (state in ('pending', 'approved', 'denied', 'expired', 'withdrawn', 'void', 'executed')),
  params text not null check (json_valid(params)),
  digest text not null,
  targets text not null check (json_valid(targets)),
  previews text not null check (json_valid(previews)),
  requester text not null check (json_valid(requester)),
  requester_id text not null,
  channel_id text,
  ask_in text,
  reason text not null,
  why text not null,
  rules text not null check (json_valid(rules)),
  idempotency_key text not null unique,
  created_at_ms integer not null,
  expires_at_ms integer not null,
  remind_at_ms integer,
  ended_at_ms integer,
  ended_by text check (ended_by is null or json_valid(ended_by)),
  note text not null,
  operation_id text
) strict, without rowid;
create index approvals_open on approvals (state, created_at_ms) where state in ('pending', 'approved');

create table approval_decisions (
  approval_id text not null references approvals (id),
  actor_id text not null,
  actor text not null check (json_valid(actor)),
  verdict text not null check (verdict in ('approve', 'deny')),
  reason text not null,
  rules text not null check (json_valid(rules)),
  at_ms integer not null,
  primary key (approval_id, actor_id)
) strict, without rowid;

create temp table outbox_before as select * from outbox;
drop table outbox;
create table outbox (
  id integer primary key autoincrement,
  key text not null,
  kind text not null,
  notice text not null check (json_valid(notice)),
  channel_id text,
  not_before_ms integer not null,
  attempts integer not null default 0,
  last_error text,
  created_at_ms integer not null,
  delivered_at_ms integer
) strict;
insert into outbox select * from outbox_before;
drop table outbox_before;
create index outbox_open on outbox (key, id) where delivered_at_ms is null;
`;

const outboxClaims = `
create table outbox_claims (
  key text primary key,
  owner text not null,
  until_ms integer not null
) strict, without rowid;
`;

/** Requests of Slack's that were acknowledged; a served one keeps its key alone, against redelivery. */
const inbox = `
create table inbox (
  key text primary key,
  kind text not null,
  payload text check (payload is null or json_valid(payload)),
  received_at_ms integer not null,
  owner text not null,
  claim_until_ms integer not null,
  tries integer not null,
  done_at_ms integer
) strict, without rowid;
create index inbox_open on inbox (claim_until_ms) where done_at_ms is null;
create index inbox_done on inbox (done_at_ms) where done_at_ms is not null;
`;

/**
 * Each audit row carries its hash and that of the row before. The database itself refuses a row that does not follow the
 * last one; who removes the triggers is found out by `burst audit verify`.
 */
const auditChain = `
create temp table audit_before as select * from audit;
drop table audit;
create table audit (
  id integer primary key autoincrement,
  at_ms integer not null,
  cluster text not null,
  actor text not null check (json_valid(actor)),
  actor_id text not null,
  action text not null,
  outcome text not null
    check (outcome in ('requested', 'refused', 'decided', 'started', 'done', 'failed', 'noticed')),
  worker_name text,
  operation_id text,
  run_id text,
  text text not null,
  details text check (details is null or json_valid(details)),
  prev_hash text not null check (length(prev_hash) = 64),
  hash text not null check (length(hash) = 64)
) strict;
create index audit_by_time on audit (at_ms);
create index audit_by_worker on audit (worker_name, cluster);
create index audit_by_operation on audit (operation_id);
create index audit_by_person on audit (json_extract(actor, '$.userId'));
create index audit_by_approval on audit (json_extract(details, '$.approval'));
create index runs_by_worker_name on runs (worker_name);
create index workers_by_person on workers (json_extract(owner, '$.userId'));
create index operations_by_person on operations (json_extract(requester, '$.userId'));
create index approvals_by_person on approvals (json_extract(requester, '$.userId'));
create index approvals_by_operation on approvals (operation_id) where operation_id is not null;
`;
const auditTriggers = `
drop table audit_before;
create trigger audit_is_chained before insert on audit
  when new.prev_hash is not
    coalesce((select hash from audit order by id desc limit 1), '${CHAIN_START}')
  begin select raise(abort, 'an audit row follows the last one'); end;
create trigger audit_is_never_changed before update on audit
  begin select raise(abort, 'audit rows are only ever added'); end;
create trigger audit_is_never_deleted before delete on audit
  begin select raise(abort, 'audit rows are only ever added'); end;
create trigger audit_is_never_replaced before insert on audit
  when exists (select 1 from audit where id = new.id)
  begin select raise(abort, 'audit rows are only ever added'); end;
`;

/**
 * What a worker costs is decided when it is recorded. Of workers from before, the price is not known, and a VM was there from
 * the request to the removal.
 */
const costs = `
alter table workers add column price_micros integer;
alter table workers add column currency text;
alter table workers add column cpus integer;
alter table workers add column role text;
alter table workers add column planned_until_ms integer;
alter table workers add column vm_since_ms integer;
alter table workers add column vm_gone_ms integer;
update workers set vm_since_ms = created_at_ms where vm_id is not null and state in ('active', 'removing', 'removed');
update workers set vm_gone_ms = removed_at_ms where vm_since_ms is not null and state = 'removed';
create index workers_by_vm_gone on workers (vm_gone_ms);
alter table approvals add column cost text;
`;

/** Times that VM servers did not answer. */
const servers = `
create table server_episodes (
  cluster text not null,
  server text not null,
  since_ms integer not null,
  reason text not null,
  told_at_ms integer,
  ended_at_ms integer,
  primary key (cluster, server, since_ms)
) strict, without rowid;
create index server_episodes_open on server_episodes (cluster, since_ms) where ended_at_ms is null;
`;

/** Workspaces that Burst was installed to; `sealed` holds the tokens, encrypted. */
const installations = `
create table installations (
  key text primary key,
  name text not null,
  installed_by text not null,
  installed_at_ms integer not null,
  key_id text not null,
  sealed text not null
) strict, without rowid;
`;

const notifyChoices = `
create table notify_choices (
  user_id text primary key,
  choice text not null check (choice in ('channel', 'dm', 'both'))
) strict, without rowid;
`;

/** What is asked for from a thread is told there. */
const threads = `
alter table operations add column thread_ts text;
alter table approvals add column thread_ts text;
`;

/** VMs that carry our tag and that no record owns. */
const strays = `
create table strays (
  cluster text not null,
  vm_id text not null,
  name text not null,
  first_seen_ms integer not null,
  kind text not null check (kind in ('unrecorded', 'leftover', 'twin')),
  host text,
  told_at_ms integer,
  ended_at_ms integer,
  outcome text check (outcome in ('gone', 'recorded', 'adopted', 'destroyed')),
  decision text check (decision in ('adopt', 'destroy')),
  decided_by text check (decided_by is null or json_valid(decided_by)),
  operation_id text,
  attempts integer not null,
  primary key (cluster, vm_id, name, first_seen_ms)
) strict, without rowid;
create index strays_open on strays (cluster, first_seen_ms) where ended_at_ms is null;
`;

/** Without it what is due in one cluster is looked for among all of its workers that ever were. */
const openByCluster = `
create index ttl_schedules_open_by_cluster on ttl_schedules (cluster, expires_at_ms)
  where status in ('active', 'expiring');
`;

/** VMs are looked for by their ids, and places counted; both would read all workers that ever were. */
const workersByVm = `
create index workers_by_vm on workers (vm_id) where vm_id is not null;
create index workers_placed on workers (cluster) where vm_host is not null;
`;

/** In order; the database's `user_version` counts those that were applied. */
export const migrations: readonly Migration[] = [
  { name: 'initial schema', sql: initial },
  { name: 'ownership tag of each worker', sql: ownerTags },
  { name: 'bootstrap tokens', sql: bootstrapTokens },
  { name: 'health of workers, and their repair', sql: health },
  { name: 'who is delivering which notices', sql: outboxClaims },
  { name: 'approvals', sql: approvals },
  { name: 'requests that were acknowledged', sql: inbox },
  { name: 'chain of audit rows', sql: auditChain, move: chainRows, after: auditTriggers },
  { name: 'what workers cost', sql: costs },
  { name: 'times that VM servers were away', sql: servers },
  { name: 'installations in workspaces', sql: installations },
  { name: 'how people want to be told', sql: notifyChoices },
  { name: 'threads that operations are told in', sql: threads },
  { name: 'VMs that no record owns', sql: strays },
  { name: 'open schedules by cluster', sql: openByCluster },
  { name: 'workers by VM, and those with a place', sql: workersByVm },
];
