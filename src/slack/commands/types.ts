import type { Role } from '../../domain/policy.ts';
import type { Call, Services } from '../call.ts';
import type { Sample } from './sample.ts';

/** A sub-command of `/burst`. `run` is called after the ack; it may throw a BurstError, which is answered privately. */
export type Command = {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly usage: string;
  /** Right commands; as a function, of this workspace's own names, sizes and lifetimes. */
  readonly examples: readonly string[] | ((own: Sample) => readonly string[]);
  /** What else help says of it: sizes and limits as they are here. */
  readonly about?: (own: Sample) => readonly string[];
  /** Of a command that ends in free text: whether these words end in it already. */
  readonly isFree?: (before: string, services: Services) => boolean;
  /** Of a command on workers: the names among its words; they say in which of several clusters it runs. */
  readonly workers?: (words: string) => readonly string[];
  /** Of a command that can look at several clusters at once (`on all`). */
  readonly runAll?: (words: string, call: Call, all: readonly Services[]) => Promise<void>;
  /** It is the same in every cluster: its answer names none. */
  readonly anywhere?: true;
  /** It looks at all clusters when none is named. */
  readonly allByDefault?: true;
  /** Whether there is such a command here, by the configuration; without it, always. */
  readonly isThere?: (services: Services) => boolean;
  /** What is needed to run it at all; undefined: nothing. */
  readonly role: Role | undefined;
  run(words: string, call: Call, services: Services): Promise<void>;
};
