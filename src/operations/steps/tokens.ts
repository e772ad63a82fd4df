/**
 * The bootstrap tokens of a worker. Invariant: a token's id is recorded before the call that makes it, and its record
 * stays until it is known to be gone or has expired (the reaper sees to that), so that a call that lands late is found.
 */
import type { StepContext } from '../../engine/index.ts';
import type { StepDeps } from '../deps.ts';

type Made = { readonly token: string; readonly expiresAtMs: number };

/**
 * Gives the token that this process made for the run, else makes one: after a restart the secret of the one before is not
 * known any more (Burst may not read it), and it stays until the worker is Ready, for its VM may have it already.
 * @throws BurstError `conflict` when the id was taken; the next call takes another.
 */
export function tokenMaker(deps: StepDeps): (context: StepContext, ttlMs: number) => Promise<string> {
  const tokens = new Map<string, Made>();
  return async (context, ttlMs) => {
    const { cluster, workerName, id: runId } = context.run;
    const nowMs = deps.clock.now();
    for (const [key, made] of tokens) if (made.expiresAtMs - ttlMs / 2 <= nowMs) tokens.delete(key);
    const known = tokens.get(runId);
    if (known !== undefined) return known.token;
    const record = { cluster, id: deps.ids.base32(6), workerName, uid: undefined, expiresAtMs: nowMs + ttlMs };
    // journaled too: one who lost the run makes nothing any more
    await context.save({}, `bootstrap token ${record.id} named`);
    await deps.store.saveToken(record);
    const { token, uid } = await deps.cluster.createBootstrapToken(
      { id: record.id, secret: deps.ids.base32(16), workerName, expiresAtMs: record.expiresAtMs },
      context.signal,
    );
    await deps.store.saveToken({ ...record, uid });
    tokens.set(runId, { token, expiresAtMs: record.expiresAtMs });
    return token;
  };
}

/** Deletes all tokens of the run's worker. */
export async function deleteTokens(deps: StepDeps, { run, signal }: StepContext): Promise<void> {
  for (const token of await deps.store.listTokens({ cluster: run.cluster, workerName: run.workerName })) {
    await deps.cluster.deleteBootstrapToken(token, signal);
    // one whose making was never confirmed may still come
    if (token.uid !== undefined) await deps.store.forgetToken(token.cluster, token.id);
  }
}
