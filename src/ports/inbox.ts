/**
 * What Slack sent and Burst acknowledged. Invariants: a request is on record before it is acknowledged and until it was
 * served; one process at a time serves it; one that ended leaves it to the next.
 */
export type Arrival = {
  /** The same for every delivery of the same request. */
  readonly key: string;
  /** `command`, `click`, `form` or `shortcut`. */
  readonly kind: string;
  /** What is needed to serve it, as JSON; no secret of the app is in it. */
  readonly payload: string;
  readonly receivedAtMs: number;
};
export type OpenRequest = Arrival & {
  /** How often it was begun before. */
  readonly tries: number;
};
/** `duplicate`: it was served, or is being served by this owner. `again`: another one left it unfinished. */
export type Verdict = 'new' | 'again' | 'duplicate';

export interface InboxStore {
  /**
   * Records arrivals as this owner's, and those of `done` as served (their payloads are forgotten), in one transaction.
   * @returns a verdict for each arrival, in their order.
   */
  recordRequests(batch: {
    readonly owner: string;
    readonly arrivals: readonly Arrival[];
    readonly done: readonly string[];
    readonly nowMs: number;
    /** Until then nobody else takes them up. */
    readonly claimUntilMs: number;
  }): Promise<readonly Verdict[]>;
  /** Moves the end of this owner's claims: later while it works, to now when it stops. */
  renewRequests(owner: string, claimUntilMs: number): Promise<void>;
  /** Claims what others left unfinished and whose claims have ended, oldest first. */
  claimRequests(claim: {
    readonly owner: string;
    readonly nowMs: number;
    readonly claimUntilMs: number;
    readonly limit: number;
  }): Promise<readonly OpenRequest[]>;
  /** Forgets what was served before this moment, and of the rest all but the newest `keep`. @returns how many. */
  forgetRequests(servedBeforeMs: number, keep: number): Promise<number>;
}
