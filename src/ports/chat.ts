/** Where people talk to Burst. Invariant: what the outbox holds is said at least once, and an operation in one message. */
import type { Role } from '../domain/policy.ts';

export type ChatCheck = { readonly name: string; readonly ok: boolean; readonly text: string };

export interface Chat {
  /** @throws BurstError `denied` for a token that the workspace refuses, `unavailable` when it cannot be reached. */
  start(): Promise<void>;
  /** Takes up what was acknowledged and not served before the process ended; once what serves it runs. */
  resume(): void;
  /** Resolves once the connection is closed and nothing is in flight. */
  stop(): Promise<void>;
  /** The outbox, or the fleet, has news. */
  poke(): void;
  health(): Promise<{ readonly ok: boolean; readonly text: string }>;
  /** The role of a person in a cluster; undefined when it cannot be established, or there is none. */
  roleOf(cluster: string, userId: string): Promise<Role | undefined>;
  /** Tokens, scopes and user groups; changes nothing. */
  check(): Promise<readonly ChatCheck[]>;
}
