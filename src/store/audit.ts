/**
 * The audit trail and the once-only actions. Invariants: audit rows are only ever added, each chained to
 * the one before (triggers hold both).
 */
import { sql } from 'kysely';
import type { ExpressionBuilder } from 'kysely';
import { CHAIN_START } from '../domain/audit-chain.ts';
import type { ChainHead } from '../domain/audit-chain.ts';
import type { Actor } from '../domain/operation.ts';
import type { AuditFilter, AuditRow, NewAudit } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { actorSchema, readJson } from './json.ts';
import { fromAudit, toAudit } from './rows.ts';
import type { Tables } from './schema.ts';

/** Adds the rows to the chain. Ids go on after the highest that ever was, so that one that is gone leaves a gap. */
export function appendAudit(writer: Writer, rows: readonly NewAudit[]): void {
  if (rows.length === 0) return;
  const last = headOf(writer);
  const given = writer.first(build.selectFrom('sqlite_sequence').select('seq').where('name', '=', 'audit'));
  let id = Math.max(last?.id ?? 0, given?.seq ?? 0);
  let prevHash = last?.hash ?? CHAIN_START;
  for (const row of rows) {
    const insertable = fromAudit(row, ++id, prevHash);
    writer.run(build.insertInto('audit').values(insertable));
    prevHash = insertable.hash;
  }
}

export const headOf = (reader: Reader): ChainHead | undefined =>
  reader.first(build.selectFrom('audit').select(['id', 'hash']).orderBy('id', 'desc').limit(1));

const text = (column: string, path: string) => sql<string | null>`json_extract(${sql.ref(column)}, ${sql.lit(path)})`;
type Conditions = ExpressionBuilder<Tables, 'audit'>;

/**
 * Ids of what this person did, of what happened to workers that they own or operations that they asked for, and of
 * decisions on what they asked for; each by an index.
 */
function concerning(is: Conditions, cluster: string, person: string) {
  return is
    .selectFrom('audit as done')
    .select('done.id')
    .where(text('done.actor', '$.userId'), '=', person)
    .where('done.cluster', '=', cluster)
    .union(
      is
        .selectFrom('workers')
        .innerJoin('audit as of_worker', (on) =>
          on.onRef('of_worker.cluster', '=', 'workers.cluster').onRef('of_worker.worker_name', '=', 'workers.name'),
        )
        .select('of_worker.id')
        .where(text('workers.owner', '$.userId'), '=', person)
        .where('workers.cluster', '=', cluster),
    )
    .union(
      is
        .selectFrom('operations')
        .innerJoin('audit as of_operation', 'of_operation.operation_id', 'operations.id')
        .select('of_operation.id')
        .where(text('operations.requester', '$.userId'), '=', person)
        .where('operations.cluster', '=', cluster),
    )
    .union(
      is
        .selectFrom('approvals')
        .innerJoin('audit as decided', (on) =>
          // without an affinity, as the index on the expression has none
          on.on(sql<boolean>`${text('decided.details', '$.approval')} = +${sql.ref('approvals.id')}`),
        )
        .select('decided.id')
        .where(text('approvals.requester', '$.userId'), '=', person)
        .where('approvals.cluster', '=', cluster),
    );
}

/** Ids of rows on this worker, and of what was asked for of it together with others. */
function onWorker(is: Conditions, worker: string) {
  return is
    .selectFrom('audit as own')
    .select('own.id')
    .where('own.worker_name', '=', worker)
    .union(
      is
        .selectFrom('runs')
        .innerJoin('audit as asked', (on) =>
          on.onRef('asked.operation_id', '=', 'runs.operation_id').onRef('asked.cluster', '=', 'runs.cluster'),
        )
        .select('asked.id')
        .where('runs.worker_name', '=', worker)
        .where('asked.worker_name', 'is', null),
    );
}

/** The query of a filter; by keys, so that rows that are added meanwhile move none. */
export function auditQuery(filter: AuditFilter) {
  let query = build.selectFrom('audit').selectAll('audit');
  const { scopes, person, actions, outcomes } = filter;
  if (filter.cluster !== undefined) query = query.where('audit.cluster', '=', filter.cluster);
  if (filter.workerName !== undefined) query = query.where('worker_name', '=', filter.workerName);
  if (filter.operationId !== undefined) query = query.where('operation_id', '=', filter.operationId);
  if (filter.actorId !== undefined) query = query.where('actor_id', '=', filter.actorId);
  if (filter.sinceMs !== undefined) query = query.where('at_ms', '>=', filter.sinceMs);
  if (filter.untilMs !== undefined) query = query.where('at_ms', '<', filter.untilMs);
  if (scopes !== undefined)
    query = query.where((is) =>
      is.or(
        scopes.map(({ cluster, concerning: whom }) =>
          whom === undefined ? is('audit.cluster', '=', cluster) : is('audit.id', 'in', concerning(is, cluster, whom)),
        ),
      ),
    );
  if (person !== undefined) query = query.where((is) => is(text('audit.actor', '$.userId'), '=', person));
  const worker = filter.about;
  if (worker !== undefined) query = query.where((is) => is('audit.id', 'in', onWorker(is, worker)));
  if (actions !== undefined)
    query = query.where((is) =>
      is.or([
        is('action', 'in', [...actions, ...actions.map((action) => `approval:${action}`)]),
        ...(actions.includes('approval') ? [is('action', 'like', 'approval:%')] : []),
      ]),
    );
  if (outcomes !== undefined) query = query.where('outcome', 'in', outcomes);
  if (filter.steps === false) query = query.where('action', 'not like', 'step:%').where('action', 'not like', 'undo:%');
  if (filter.beforeId !== undefined) query = query.where('id', '<', filter.beforeId);
  if (filter.afterId !== undefined) query = query.where('id', '>', filter.afterId);
  return query.orderBy('id', filter.oldestFirst === true ? 'asc' : 'desc').limit(filter.limit);
}

export const listAudit = (reader: Reader, filter: AuditFilter): readonly AuditRow[] =>
  reader.all(auditQuery(filter)).map(toAudit);

export function approvedBy(reader: Reader, ids: readonly string[]): ReadonlyMap<string, readonly Actor[]> {
  const by = new Map<string, Actor[]>();
  if (ids.length === 0) return by;
  const rows = reader.all(
    build
      .selectFrom('approvals')
      .innerJoin('approval_decisions', 'approval_decisions.approval_id', 'approvals.id')
      .select(['approvals.operation_id', 'approval_decisions.actor'])
      .where('approvals.operation_id', 'in', ids)
      .where('approval_decisions.verdict', '=', 'approve')
      .orderBy('approval_decisions.at_ms'),
  );
  for (const { operation_id: id, actor } of rows)
    if (id !== null) by.set(id, [...(by.get(id) ?? []), readJson(actorSchema, actor, `actor of a decision on ${id}`)]);
  return by;
}

/** Records who did a once-only action. @returns who was first, or undefined when it is `by`, now. */
export function claimAction(
  writer: Writer,
  key: string,
  by: Actor,
  nowMs: number,
): { readonly by: Actor; readonly atMs: number } | undefined {
  const first = writer.first(build.selectFrom('actions').selectAll().where('key', '=', key));
  if (first !== undefined)
    return { by: readJson(actorSchema, first.actor, `actor of action ${key}`), atMs: first.at_ms };
  writer.run(build.insertInto('actions').values({ key, actor: JSON.stringify(by), at_ms: nowMs }));
  return undefined;
}
