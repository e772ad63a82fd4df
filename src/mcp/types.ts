/** What this folder needs of the rest. */
import type { AssistantAction, AssistantPolicy } from '../domain/assistant.ts';
import type { FloodAnswer } from '../domain/flood.ts';
import type { Actor } from '../domain/operation.ts';
import type { RateRule } from '../domain/rate-limit.ts';
import type { Operations } from '../operations/index.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Store } from '../ports/store.ts';

type LogLine = (fields: Readonly<Record<string, unknown>>, message: string) => void;
export type Log = { readonly debug: LogLine; readonly info: LogLine; readonly warn: LogLine; readonly error: LogLine };

/** A bearer token with what it stands for. */
export type Token = AssistantPolicy & { readonly token: string };

/** Something that a subscriber may want to read again. */
export type Change =
  | { readonly kind: 'worker'; readonly cluster: string; readonly name: string | undefined }
  | { readonly kind: 'operation'; readonly id: string }
  | { readonly kind: 'audit' };

/** A question put to people in Slack, and how it stands. */
export type Asked = {
  readonly id: string;
  readonly state: 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'void' | 'executed';
  readonly why: string;
  readonly expiresAtMs: number | undefined;
  /** The operation that an approval became. */
  readonly operationId: string | undefined;
};

export type Wanted =
  | { readonly action: 'provision'; readonly count: number; readonly size: string; readonly ttlHours: number }
  | { readonly action: 'extend'; readonly worker: string; readonly hours: number }
  | { readonly action: 'drain'; readonly worker: string }
  | { readonly action: 'destroy' | 'force'; readonly worker: string; readonly drainFirst: boolean }
  | { readonly action: 'cancel'; readonly operationId: string };

/** People, reached in Slack. */
export type People = {
  /** The same key twice is the same question. @throws BurstError when nobody can be asked. */
  ask(question: {
    readonly by: Actor;
    readonly cluster: string;
    readonly wanted: Wanted;
    /** Which rule wants a person. */
    readonly why: string;
    readonly reason: string;
    readonly idempotencyKey: string;
    /** The asker's own limits over time. */
    readonly rates: readonly RateRule[];
  }): Promise<Asked>;
  /** A question of this asker; another's is as unknown as none. */
  get(id: string, by: Actor): Promise<Asked | undefined>;
  /** The asker takes the question back. */
  withdraw(id: string, by: Actor): Promise<Asked | undefined>;
};

export type ServerDeps = {
  /** Cluster name -> its operations, the default cluster's first. */
  readonly clusters: ReadonlyMap<string, Operations>;
  readonly store: Pick<Store, 'appendAudit' | 'listAudit' | 'getWorker' | 'getOperation'>;
  /** Without it, what a person must decide is refused. */
  readonly people: People | undefined;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Defaults of a provision, by cluster. */
  readonly defaults: (cluster: string) => { readonly size: string; readonly ttlHours: number };
  /** @returns a function that ends the subscription. */
  readonly onChange: (listener: (change: Change) => void) => () => void;
  /** Counts a call of this token's; a refusal says from when on it may call again. */
  readonly called: (token: Token) => FloodAnswer;
  readonly version: string;
};

export type { AssistantAction, AssistantPolicy };
