import type { Role } from '../../domain/policy.ts';
import type { Call, Services } from '../call.ts';

/** A sub-command of `/burst`. `run` is called after the ack; it may throw a BurstError, which is answered privately. */
export type Command = {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly usage: string;
  readonly examples: readonly string[];
  /** What is needed to run it at all; undefined: nothing. */
  readonly role: Role | undefined;
  run(words: string, call: Call, services: Services): Promise<void>;
};
