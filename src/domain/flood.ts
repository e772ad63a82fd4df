/**
 * Against floods of requests, of each asker by itself; kept in memory. Invariants: an asker is told of a flood once, with the
 * time from which on everything is as usual; who is watched is bounded.
 */
import { isFull, takeToken } from './rate-limit.ts';
import type { Bucket, BucketPolicy } from './rate-limit.ts';

/** Askers who are watched at once; a full bucket needs no watching. */
const MOST_WATCHED = 10_000;
/** So many at a time make room for others. */
const FREED = 1000;

export type FloodAnswer =
  | { readonly ok: true }
  /** `tell`: this is the first refusal of this flood. */
  | { readonly ok: false; readonly tell: boolean; readonly retryAtMs: number };
export type FloodGate = (who: string, nowMs: number) => FloodAnswer;

type Watched = { bucket: Bucket; quietUntilMs: number };

/** @param policy undefined: nobody is refused. */
export function createFloodGate(policy: BucketPolicy | undefined): FloodGate {
  const watched = new Map<string, Watched>();
  const makeRoom = (nowMs: number): void => {
    if (policy === undefined || watched.size < MOST_WATCHED) return;
    for (const [who, { bucket }] of watched) if (isFull(bucket, policy, nowMs)) watched.delete(who);
    // only with so many askers at once: who has been watched longest starts anew
    for (const who of watched.keys()) if (watched.size > MOST_WATCHED - FREED) watched.delete(who);
  };
  return (who, nowMs) => {
    if (policy === undefined) return { ok: true };
    const before = watched.get(who);
    const taken = takeToken(before?.bucket, policy, nowMs);
    if (before === undefined) makeRoom(nowMs);
    const quietUntilMs = before?.quietUntilMs ?? 0;
    if (taken.ok) {
      watched.set(who, { bucket: taken.bucket, quietUntilMs });
      return { ok: true };
    }
    const tell = quietUntilMs <= nowMs;
    watched.set(who, { bucket: taken.bucket, quietUntilMs: tell ? taken.fullAtMs : quietUntilMs });
    return { ok: false, tell, retryAtMs: taken.fullAtMs };
  };
}
