/**
 * What becomes of a request that was acknowledged and not served to its end by the process that took it. Invariant: it is
 * served or its person is told, never dropped; what was asked for long ago is not begun behind that person's back.
 */

/** Slack's own links to answer by live so long, ms: whoever asked has not waited longer either. */
const LONGEST_WAIT_MS = 30 * 60_000;
/** A request that took the process down with it so often is not tried again. */
const MOST_TRIES = 3;

export type Takeover = 'serve' | 'too_late' | 'given_up';

/** @param tries how often it was begun before. */
export function takeover(
  { receivedAtMs, tries }: { readonly receivedAtMs: number; readonly tries: number },
  nowMs: number,
): Takeover {
  if (tries >= MOST_TRIES) return 'given_up';
  return nowMs - receivedAtMs > LONGEST_WAIT_MS ? 'too_late' : 'serve';
}
