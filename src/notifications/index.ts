/**
 * Who is told what, and how: one rule for each kind of notice. Invariants: pure; a notice that has anywhere to go is never
 * dropped; only a person who has to decide something is mentioned.
 */
import { personOf } from '../domain/operation.ts';
import type { Actor } from '../domain/operation.ts';
import type { Notice } from '../ports/store.ts';

export type NoticeFacts = {
  /** The channel written with the notice, else that of the request it speaks of. */
  readonly channelId: string | undefined;
  readonly defaultChannelId: string | undefined;
  /** Who asked for the operation it speaks of. */
  readonly requester?: Actor;
  /** Owners of the workers it speaks of. */
  readonly owners?: readonly Actor[];
};

export type Telling = {
  /** `edited`: the one message of its operation, drawn again from the present state; `once`: a message of its own. */
  readonly as: 'edited' | 'once';
  /** Channel ids, or user ids for a direct message, tried in this order until one takes it. */
  readonly to: readonly string[];
  /** User ids to be mentioned. */
  readonly mention: readonly string[];
};

const people = (actors: readonly (Actor | undefined)[]): readonly string[] => [
  ...new Set(actors.flatMap((actor) => personOf(actor) ?? [])),
];

/** The channel where it was asked for, else the default one, else a direct message to each of these in turn. */
const reach = (facts: NoticeFacts, direct: readonly string[]): readonly string[] => [
  ...new Set([...[facts.channelId, facts.defaultChannelId].filter((id) => id !== undefined), ...direct]),
];

const rules: Readonly<Record<Notice['kind'], (facts: NoticeFacts) => Telling>> = {
  operation: (facts) => ({ as: 'edited', to: reach(facts, people([facts.requester])), mention: [] }),
  warning: (facts) => {
    const owners = people(facts.owners ?? []);
    return { as: 'once', to: reach(facts, owners), mention: owners };
  },
  health: (facts) => {
    const owners = people(facts.owners ?? []);
    return { as: 'edited', to: reach(facts, owners), mention: owners };
  },
  // it is nobody's own: the default channel
  server: (facts) => ({ as: 'edited', to: reach(facts, []), mention: [] }),
  // where the approvers are is written with the notice; the outcome is told to who asked
  approval: (facts) => ({ as: 'edited', to: reach(facts, people([facts.requester])), mention: [] }),
  // its admins are mentioned by what was written with the notice
  budget: (facts) => ({ as: 'once', to: reach(facts, people(facts.owners ?? [])), mention: [] }),
  alert: (facts) => ({
    as: 'once',
    to: reach(facts, people([...(facts.owners ?? []), facts.requester])),
    mention: [],
  }),
};

/** How this notice is told, from what is known of its subject. */
export const tellingOf = (notice: Notice, facts: NoticeFacts): Telling => rules[notice.kind](facts);
