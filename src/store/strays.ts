/** VMs that no record owns. Invariant: one that was seen is one row, by cluster, id, name and when it was first seen. */
import type { Stray } from '../domain/stray-plan.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { actorSchema, readJson } from './json.ts';
import { jsonOrNull } from './rows.ts';
import type { StraysTable } from './schema.ts';

const toStray = (row: StraysTable): Stray => ({
  cluster: row.cluster,
  vmId: row.vm_id,
  name: row.name,
  firstSeenMs: row.first_seen_ms,
  kind: row.kind,
  host: row.host ?? undefined,
  toldAtMs: row.told_at_ms ?? undefined,
  endedAtMs: row.ended_at_ms ?? undefined,
  outcome: row.outcome ?? undefined,
  decision: row.decision ?? undefined,
  decidedBy: row.decided_by === null ? undefined : readJson(actorSchema, row.decided_by, `stray VM ${row.vm_id}`),
  operationId: row.operation_id ?? undefined,
  attempts: row.attempts,
});

export function openStrays(reader: Reader, cluster: string | undefined): readonly Stray[] {
  let query = build.selectFrom('strays').selectAll().where('ended_at_ms', 'is', null);
  if (cluster !== undefined) query = query.where('cluster', '=', cluster);
  return reader.all(query.orderBy('first_seen_ms').orderBy('vm_id')).map(toStray);
}

export function getStray(
  reader: Reader,
  { cluster, vmId, name, firstSeenMs }: Pick<Stray, 'cluster' | 'vmId' | 'name' | 'firstSeenMs'>,
): Stray | undefined {
  const row = reader.first(
    build
      .selectFrom('strays')
      .selectAll()
      .where('cluster', '=', cluster)
      .where('vm_id', '=', vmId)
      .where('name', '=', name)
      .where('first_seen_ms', '=', firstSeenMs),
  );
  return row === undefined ? undefined : toStray(row);
}

export function saveStray(writer: Writer, stray: Stray): void {
  const values: StraysTable = {
    cluster: stray.cluster,
    vm_id: stray.vmId,
    name: stray.name,
    first_seen_ms: stray.firstSeenMs,
    kind: stray.kind,
    host: stray.host ?? null,
    told_at_ms: stray.toldAtMs ?? null,
    ended_at_ms: stray.endedAtMs ?? null,
    outcome: stray.outcome ?? null,
    decision: stray.decision ?? null,
    decided_by: jsonOrNull(stray.decidedBy),
    operation_id: stray.operationId ?? null,
    attempts: stray.attempts,
  };
  writer.run(
    build
      .insertInto('strays')
      .values(values)
      .onConflict((conflict) => conflict.columns(['cluster', 'vm_id', 'name', 'first_seen_ms']).doUpdateSet(values)),
  );
}
