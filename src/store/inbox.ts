/** Requests that were acknowledged. Invariant: a served one keeps its key for a while and nothing of what it said. */
import type { InboxStore, OpenRequest, Verdict } from '../ports/inbox.ts';
import { build } from './database.ts';
import type { Reader, Writer } from './database.ts';

export function recordRequests(
  writer: Writer,
  { owner, arrivals, done, nowMs, claimUntilMs }: Parameters<InboxStore['recordRequests']>[0],
): readonly Verdict[] {
  for (const key of done)
    writer.run(build.updateTable('inbox').set({ done_at_ms: nowMs, payload: null }).where('key', '=', key));
  return arrivals.map(({ key, kind, payload, receivedAtMs }) => {
    const before = writer.first(build.selectFrom('inbox').select(['owner', 'done_at_ms']).where('key', '=', key));
    if (before === undefined) {
      const row = { key, kind, payload, received_at_ms: receivedAtMs, owner, claim_until_ms: claimUntilMs };
      writer.run(build.insertInto('inbox').values({ ...row, tries: 1, done_at_ms: null }));
      return 'new';
    }
    if (before.done_at_ms !== null || before.owner === owner) return 'duplicate';
    writer.run(
      build
        .updateTable('inbox')
        .set((row) => ({ owner, claim_until_ms: claimUntilMs, tries: row('tries', '+', 1) }))
        .where('key', '=', key),
    );
    return 'again';
  });
}

export function renewRequests(writer: Writer, owner: string, claimUntilMs: number): void {
  writer.run(
    build
      .updateTable('inbox')
      .set({ claim_until_ms: claimUntilMs })
      .where('owner', '=', owner)
      .where('done_at_ms', 'is', null),
  );
}

const left = (owner: string, nowMs: number) =>
  build
    .selectFrom('inbox')
    .selectAll()
    .where('done_at_ms', 'is', null)
    .where('claim_until_ms', '<=', nowMs)
    .where('owner', '!=', owner);

/** Whether there is something to claim. */
export const hasLeft = (reader: Reader, owner: string, nowMs: number): boolean =>
  reader.first(left(owner, nowMs).limit(1)) !== undefined;

export function claimRequests(
  writer: Writer,
  { owner, nowMs, claimUntilMs, limit }: Parameters<InboxStore['claimRequests']>[0],
): readonly OpenRequest[] {
  return writer.all(left(owner, nowMs).orderBy('received_at_ms').limit(limit)).map((row) => {
    writer.run(
      build
        .updateTable('inbox')
        .set({ owner, claim_until_ms: claimUntilMs, tries: row.tries + 1 })
        .where('key', '=', row.key),
    );
    const { key, kind, payload, tries } = row;
    return { key, kind, payload: payload ?? '{}', receivedAtMs: row.received_at_ms, tries };
  });
}

export function forgetRequests(writer: Writer, servedBeforeMs: number, keep: number): number {
  const old = writer.run(build.deleteFrom('inbox').where('done_at_ms', '<', servedBeforeMs));
  const newest = build
    .selectFrom('inbox')
    .select('key')
    .where('done_at_ms', 'is not', null)
    .orderBy('done_at_ms', 'desc')
    .limit(keep);
  const surplus = build.deleteFrom('inbox').where('done_at_ms', 'is not', null).where('key', 'not in', newest);
  return old + writer.run(surplus);
}
