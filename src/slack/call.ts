/** What a command or a click is to the code that serves it. */
import type { View } from '@slack/types';
import type { NotifyPolicy } from '../domain/notify.ts';
import type { AccessPolicy, Role, WorkerPolicy } from '../domain/policy.ts';
import type { Approvals, Costs, Sweeps } from '../operations/index.ts';
import type { Operations } from '../operations/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Store } from '../ports/store.ts';
import type { Clients } from './clients.ts';
import { shownIn } from './blocks/clusters.ts';
import type { Gate } from './gate.ts';
import type { Log, SlackActor } from './basics.ts';
export type { Log, SlackActor } from './basics.ts';

import type { Message } from './blocks/text.ts';

/** What serves requests for one cluster. */
export type Services = {
  /** The cluster's name. */
  readonly cluster: string;
  /** The way to the other clusters' services. */
  readonly clusters: Clusters;
  readonly clients: Clients;
  readonly operations: Operations;
  readonly approvals: Approvals | undefined;
  readonly costs?: Costs | undefined;
  /** The sweep of this cluster. */
  readonly sweeps: Sweeps | undefined;
  readonly store: Store;
  readonly access: AccessPolicy;
  readonly workers: WorkerPolicy;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly defaultChannelId: string | undefined;
  /** Whether limits over time hold for admins. */
  readonly exemptAdmins: boolean;
  readonly notify: NotifyPolicy;
};

/** No limit over time holds for this role. */
export const exemption = (
  role: Role,
  { exemptAdmins }: Pick<Services, 'exemptAdmins'>,
): { readonly unlimited?: true } => (exemptAdmins && role === 'admin' ? { unlimited: true } : {});

type Who = { readonly by: SlackActor; readonly channelId: string | undefined };
/** The clusters, the ways to them, and which is meant. */
export type Clusters = {
  readonly several: boolean;
  readonly names: readonly string[];
  /** Of the default cluster first. */
  readonly all: readonly Services[];
  /** Where nothing says which; `byChannel` when this is the channel's own. */
  meant(channelId: string | undefined): { readonly name: string; readonly byChannel: boolean };
  /** @throws BurstError `not_found` when there is no such cluster (any more). */
  of(name: string): Services;
  /** Those that this person may look at. */
  seenBy(who: Who): Promise<readonly Services[]>;
  /**
   * The cluster in which all of these workers are, by their names or unique parts.
   * @throws BurstError `ambiguous`, `not_found` or `invalid_input`, with `NAME on CLUSTER` as suggestions.
   */
  withWorkers(names: readonly string[], who: Who): Promise<string>;
};

export type Call = {
  readonly by: SlackActor;
  readonly channelId: string | undefined;
  /** The thread in that channel from which it came, where its operation is told. */
  readonly threadTs?: string;
  readonly triggerId: string;
  /** The same for every delivery of the same click or command. */
  readonly key: string;
  /** The cluster that its answers name, when they do. */
  readonly answersFor?: string;
  /** A private answer. */
  readonly reply: (message: Message) => Promise<void>;
  /** A private answer in place of the private message that was clicked, where that is possible. */
  readonly replace: (message: Message) => Promise<void>;
};

/** Opens a modal within the trigger's 3 s that says it is loading. @returns a function that fills it in. */
export async function openLoading(
  call: Call,
  services: Services,
  loading: View,
): Promise<(view: View) => Promise<void>> {
  const opened = await services.clients.open.views.open({
    trigger_id: call.triggerId,
    view: shownIn(loading, services),
  });
  const id = opened.view?.id;
  return async (view) => {
    if (id === undefined) return;
    await services.clients.reply.views.update({ view_id: id, view: shownIn(view, services) });
  };
}

export const requestOf = (
  call: Call,
  reason?: string,
): {
  readonly by: SlackActor;
  readonly idempotencyKey: string;
  readonly channelId?: string;
  readonly threadTs?: string;
  readonly reason?: string;
} => ({
  by: call.by,
  idempotencyKey: call.key,
  ...(call.channelId === undefined ? {} : { channelId: call.channelId }),
  ...(call.threadTs === undefined ? {} : { threadTs: call.threadTs }),
  ...(reason === undefined || reason === '' ? {} : { reason }),
});
