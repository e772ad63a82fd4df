/**
 * What is still to be said in Slack. Invariant: a row stays until it was delivered or a newer `operation` notice of
 * its key, which draws the same message from newer state, takes its place; rows of one key keep their order.
 */
import { sql } from 'kysely';
import type { MessageRecord, NewOutbox, OutboxClaim, OutboxRow } from '../ports/store.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';
import { toOutbox } from './rows.ts';

const MAX_ERROR = 500;

export function enqueue(writer: Writer, rows: readonly NewOutbox[], nowMs: number): void {
  for (const row of rows)
    writer.run(
      build.insertInto('outbox').values({
        key: row.key,
        kind: row.notice.kind,
        notice: JSON.stringify(row.notice),
        channel_id: row.channelId ?? null,
        not_before_ms: row.notBeforeMs,
        last_error: null,
        created_at_ms: nowMs,
        delivered_at_ms: null,
      }),
    );
}

/** Notices not yet delivered that speak of this cluster (or of none that is known). */
export function countOpen(reader: Reader, cluster: string): number {
  const row = reader.first(
    build
      .selectFrom('outbox')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('delivered_at_ms', 'is', null)
      .where(
        sql<boolean>`coalesce(
          json_extract(notice, '$.cluster'),
          (select cluster from operations where operations.id = json_extract(notice, '$.operationId')),
          ${cluster}
        ) = ${cluster}`,
      ),
  );
  return row?.count ?? 0;
}

/** Whether any row may be due: most looks find none and need no write transaction. */
export function hasDue(reader: Reader, nowMs: number): boolean {
  const row = build
    .selectFrom('outbox')
    .select('id')
    .where('delivered_at_ms', 'is', null)
    .where('not_before_ms', '<=', nowMs)
    .limit(1);
  return reader.first(row) !== undefined;
}

/**
 * Rows to deliver now, oldest first. A row waits while an older one of its key does (after a failure, or, unless it is
 * an `operation` notice, by its own time); older `operation` notices of a key that has a newer due one are closed.
 */
export function dueOutbox(
  writer: Writer,
  nowMs: number,
  limit: number,
  claim: OutboxClaim | undefined,
): readonly OutboxRow[] {
  const due = build
    .selectFrom('outbox')
    .selectAll()
    .where('delivered_at_ms', 'is', null)
    .where('not_before_ms', '<=', nowMs)
    .where(
      sql<boolean>`not exists (
        select 1 from outbox as older
        where older.delivered_at_ms is null and older.key = outbox.key and older.id < outbox.id
          and older.not_before_ms > ${nowMs} and (older.attempts > 0 or older.kind <> 'operation'))`,
    )
    .where(
      sql<boolean>`not exists (
        select 1 from outbox_claims as claim
        where claim.key = outbox.key and claim.owner <> ${claim?.owner ?? ''} and claim.until_ms > ${nowMs})`,
    )
    .orderBy('id');
  const rows = writer.all(due);
  const newest = new Map<string, number>();
  for (const row of rows) if (row.kind === 'operation') newest.set(row.key, row.id);
  for (const [key, id] of newest)
    writer.run(
      build
        .updateTable('outbox')
        .set({ delivered_at_ms: nowMs })
        .where('delivered_at_ms', 'is', null)
        .where('key', '=', key)
        .where('kind', '=', 'operation')
        .where('id', '<', id),
    );
  const taken = rows.filter((row) => row.kind !== 'operation' || newest.get(row.key) === row.id).slice(0, limit);
  if (claim !== undefined) {
    const until = { owner: claim.owner, until_ms: claim.untilMs };
    for (const key of new Set(taken.map((row) => row.key)))
      writer.run(
        build
          .insertInto('outbox_claims')
          .values({ key, ...until })
          .onConflict((conflict) => conflict.column('key').doUpdateSet(until)),
      );
  }
  return taken.map(toOutbox);
}

/** Claims end when nothing more is to be said under their key: what else is due has been taken with it. */
const release = (writer: Writer): void =>
  void writer.run(
    build
      .deleteFrom('outbox_claims')
      .where(sql<boolean>`key not in (select outbox.key from outbox where delivered_at_ms is null)`),
  );

export function outboxDelivered(writer: Writer, ids: readonly number[], nowMs: number): void {
  writer.run(
    build
      .updateTable('outbox')
      .set({ delivered_at_ms: nowMs })
      .where('delivered_at_ms', 'is', null)
      .where(sql<boolean>`id in (select value from json_each(${JSON.stringify(ids)}))`),
  );
  release(writer);
}

export function outboxFailed(writer: Writer, id: number, notBeforeMs: number, error: string): void {
  writer.run(
    build
      .updateTable('outbox')
      .set((eb) => ({
        attempts: eb('attempts', '+', 1),
        not_before_ms: notBeforeMs,
        last_error: error.slice(0, MAX_ERROR),
      }))
      .where('id', '=', id)
      .where('delivered_at_ms', 'is', null),
  );
}

export function getMessage(reader: Reader, key: string): MessageRecord | undefined {
  const row = reader.first(build.selectFrom('messages').selectAll().where('key', '=', key));
  return row === undefined ? undefined : { key, channelId: row.channel_id, ts: row.ts, digest: row.digest };
}

export function saveMessage(writer: Writer, message: MessageRecord): void {
  const values = { channel_id: message.channelId, ts: message.ts, digest: message.digest };
  writer.run(
    build
      .insertInto('messages')
      .values({ key: message.key, ...values })
      .onConflict((conflict) => conflict.column('key').doUpdateSet(values)),
  );
}
