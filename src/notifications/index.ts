/**
 * Who is told what, and how: one rule for each kind of notice. Invariants: pure; a notice that has anywhere to go is never
 * dropped; only who has to decide something, or whose workers go, is mentioned.
 */
import { personOf } from '../domain/operation.ts';
import type { Actor } from '../domain/operation.ts';
import { routedTo } from '../domain/notify.ts';
import type { NotifyChoice, NotifyPolicy, RoutedKind } from '../domain/notify.ts';
import type { Notice } from '../ports/store.ts';

export type NoticeFacts = {
  readonly cluster: string;
  /** The channel written with the notice, else that of the request it speaks of. */
  readonly channelId: string | undefined;
  readonly defaultChannelId: string | undefined;
  readonly policy: NotifyPolicy;
  /** It is the message of a removal at a deadline. */
  readonly expiry?: boolean;
  /** Who asked for the operation it speaks of. */
  readonly requester?: Actor;
  /** Owners of the workers it speaks of. */
  readonly owners?: readonly Actor[];
  /** How those who chose want to be told, by their user ids. */
  readonly choices?: ReadonlyMap<string, NotifyChoice>;
};

export type Telling = {
  /** `edited`: the one message of its operation, drawn again from the present state; `once`: a message of its own. */
  readonly as: 'edited' | 'once';
  /** Channel ids, or user ids for a direct message, tried in this order until one takes it; none: only the direct ones. */
  readonly to: readonly string[];
  /** Copies besides: each a user id for a direct message, and where it goes when that cannot be sent. */
  readonly direct: readonly (readonly [userId: string, ...instead: string[]])[];
  /** User ids to be mentioned. */
  readonly mention: readonly string[];
};

const people = (actors: readonly (Actor | undefined)[]): readonly string[] => [
  ...new Set(actors.flatMap((actor) => personOf(actor) ?? [])),
];

/** Where a route says, else the channel where it was asked for, else the default one, else a direct message to each in turn. */
const reach = (facts: NoticeFacts, direct: readonly string[], kind?: RoutedKind): readonly string[] => {
  const { policy, cluster, channelId, defaultChannelId } = facts;
  const routed = kind === undefined ? undefined : routedTo(policy, { kind, cluster, askedIn: channelId });
  return [...new Set([...[routed, channelId, defaultChannelId].filter((id) => id !== undefined), ...direct])];
};

/** Of these owners, those who want one of these ways. */
const wanting = (facts: NoticeFacts, owners: readonly string[], ...ways: readonly NotifyChoice[]): readonly string[] =>
  owners.filter((id) => ways.includes(facts.choices?.get(id) ?? facts.policy.owners));

const rules: Readonly<Record<Notice['kind'], (facts: NoticeFacts) => Telling>> = {
  operation: (facts) => {
    const owners = facts.expiry === true ? people(facts.owners ?? []) : [];
    return {
      as: 'edited',
      to: reach(facts, people([...owners.map(user), facts.requester]), facts.expiry === true ? 'expiry' : undefined),
      // what changes the cluster is told in public, whatever its owner chose
      direct: wanting(facts, owners, 'dm', 'both').map((id) => [id]),
      mention: owners,
    };
  },
  warning: (facts) => {
    const owners = people(facts.owners ?? []);
    const to = reach(facts, owners, 'warning');
    const inChannel = wanting(facts, owners, 'channel', 'both');
    const channels = to.filter((id) => !owners.includes(id));
    const only = owners.length > 0 && inChannel.length === 0;
    return {
      as: 'once',
      to: only ? [] : to,
      direct: wanting(facts, owners, 'dm', 'both').map((id) => (only ? [id, ...channels] : [id])),
      mention: only ? owners : inChannel,
    };
  },
  health: (facts) => {
    const owners = people(facts.owners ?? []);
    return {
      as: 'edited',
      to: reach(facts, owners, 'health'),
      direct: wanting(facts, owners, 'dm', 'both').map((id) => [id]),
      mention: owners,
    };
  },
  // it is nobody's own: where a route says, else the default channel
  server: (facts) => ({ as: 'edited', to: reach(facts, [], 'health'), direct: [], mention: [] }),
  stray: (facts) => ({ as: 'edited', to: reach(facts, [], 'alert'), direct: [], mention: [] }),
  // where the approvers are is written with the notice; the outcome is told to who asked
  approval: (facts) => ({ as: 'edited', to: reach(facts, people([facts.requester])), direct: [], mention: [] }),
  // its admins are mentioned by what was written with the notice
  budget: (facts) => ({ as: 'once', to: reach(facts, people(facts.owners ?? [])), direct: [], mention: [] }),
  alert: (facts) => ({
    as: 'once',
    to: reach(facts, people([...(facts.owners ?? []), facts.requester]), 'alert'),
    direct: [],
    mention: [],
  }),
};
const user = (userId: string): Actor => ({ kind: 'slack', userId });

/** How this notice is told, from what is known of its subject. */
export const tellingOf = (notice: Notice, facts: NoticeFacts): Telling => rules[notice.kind](facts);
