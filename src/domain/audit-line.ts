/** A row of the audit as a line of JSON, for export. Pure. */
import type { Actor } from './operation.ts';

type Row = {
  readonly id: number;
  readonly atMs: number;
  readonly cluster: string;
  readonly actor: Actor;
  readonly action: string;
  readonly outcome: string;
  readonly workerName?: string;
  readonly operationId?: string;
  readonly runId?: string;
  readonly text: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly prevHash: string;
  readonly hash: string;
};

/** One line, without its line break. Every field is there; times are RFC 3339 in UTC. */
export const auditLine = (row: Row): string =>
  JSON.stringify({
    id: row.id,
    at: new Date(row.atMs).toISOString(),
    cluster: row.cluster,
    actor: row.actor,
    action: row.action,
    outcome: row.outcome,
    worker: row.workerName ?? null,
    operation: row.operationId ?? null,
    run: row.runId ?? null,
    text: row.text,
    details: row.details ?? null,
    prev_hash: row.prevHash,
    hash: row.hash,
  });
