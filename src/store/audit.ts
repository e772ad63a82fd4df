/** The audit trail and the once-only actions. Invariant: audit rows are only ever added (triggers hold it too). */
import type { Actor } from '../domain/operation.ts';
import type { AuditRow, NewAudit, Store } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { actorSchema, readJson } from './json.ts';
import { fromAudit, toAudit } from './rows.ts';

export function appendAudit(writer: Writer, rows: readonly NewAudit[]): void {
  for (const row of rows) writer.run(build.insertInto('audit').values(fromAudit(row)));
}

export function listAudit(reader: Reader, filter: Parameters<Store['listAudit']>[0]): readonly AuditRow[] {
  let query = build.selectFrom('audit').selectAll();
  if (filter.cluster !== undefined) query = query.where('cluster', '=', filter.cluster);
  if (filter.workerName !== undefined) query = query.where('worker_name', '=', filter.workerName);
  if (filter.operationId !== undefined) query = query.where('operation_id', '=', filter.operationId);
  if (filter.actorId !== undefined) query = query.where('actor_id', '=', filter.actorId);
  if (filter.sinceMs !== undefined) query = query.where('at_ms', '>=', filter.sinceMs);
  return reader.all(query.orderBy('id', 'desc').limit(filter.limit)).map(toAudit);
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
