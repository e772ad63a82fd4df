/** Installations in workspaces. Invariant: one row for each, which goes with its tokens when Burst is removed there. */
import type { InstallationRecord } from '../ports/installations.ts';
import type { NewAudit } from '../ports/store.ts';
import { appendAudit } from './audit.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import type { InstallationsTable } from './schema.ts';

const toRecord = (row: InstallationsTable): InstallationRecord => ({
  key: row.key,
  name: row.name,
  installedBy: row.installed_by,
  installedAtMs: row.installed_at_ms,
  keyId: row.key_id,
  sealed: row.sealed,
});

export function saveInstallation(writer: Writer, record: InstallationRecord, audit: readonly NewAudit[]): void {
  const { key, ...columns } = {
    key: record.key,
    name: record.name,
    installed_by: record.installedBy,
    installed_at_ms: record.installedAtMs,
    key_id: record.keyId,
    sealed: record.sealed,
  };
  writer.run(
    build
      .insertInto('installations')
      .values({ key, ...columns })
      .onConflict((conflict) => conflict.column('key').doUpdateSet(columns)),
  );
  appendAudit(writer, audit);
}

export function getInstallation(reader: Reader, key: string): InstallationRecord | undefined {
  const row = reader.first(build.selectFrom('installations').selectAll().where('key', '=', key));
  return row === undefined ? undefined : toRecord(row);
}

export const listInstallations = (reader: Reader): readonly InstallationRecord[] =>
  reader.all(build.selectFrom('installations').selectAll().orderBy('key')).map(toRecord);

export function removeInstallation(writer: Writer, key: string, beforeMs: number, audit: readonly NewAudit[]): boolean {
  const gone = writer.run(
    build.deleteFrom('installations').where('key', '=', key).where('installed_at_ms', '<=', beforeMs),
  );
  if (gone > 0) appendAudit(writer, audit);
  return gone > 0;
}
