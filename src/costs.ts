/** Costs, wired: the prices of every cluster, and who is who in Slack and among the assistants. */
import { costPolicy, workerPolicy } from './config/index.ts';
import type { Config } from './config/index.ts';
import type { Actor } from './domain/operation.ts';
import type { Role } from './domain/policy.ts';
import { createCosts } from './operations/index.ts';
import type { Costs, CostPlace, CostsDeps } from './operations/index.ts';
import type { Parts } from './parts.ts';
import type { Chat } from './ports/chat.ts';

export type RoleOf = (cluster: string, by: Actor) => Promise<Role | undefined>;

/** The role of who asks; Burst's own parts have none. `chat` is there once Slack is made. */
export const makeRoleOf =
  ({ mcp }: Config, chat: { readonly slack?: Pick<Chat, 'roleOf'> }): RoleOf =>
  async (cluster, by) => {
    switch (by.kind) {
      case 'slack':
        return chat.slack?.roleOf(cluster, by.userId);
      case 'assistant':
        return mcp.tokens.find(({ name }) => name === by.name)?.role;
      case 'system':
        return undefined;
    }
  };

/** Undefined when no cluster has prices: then nothing speaks of cost. */
export function makeCosts(
  parts: Parts,
  store: CostsDeps['store'],
  roleOf: RoleOf,
  poke: () => void,
): Costs | undefined {
  const { config, clock, log } = parts;
  const ordered = [...config.clusters].sort(
    (a, b) => Number(b.kubernetes.name === config.defaultCluster) - Number(a.kubernetes.name === config.defaultCluster),
  );
  const places = ordered.flatMap((own): [string, CostPlace][] => {
    const cost = costPolicy(own);
    return cost === undefined ? [] : [[own.kubernetes.name, { cost, workers: workerPolicy(own) }]];
  });
  if (places.length === 0) return undefined;
  return createCosts({
    store,
    clock,
    log,
    places: new Map(places),
    admins: config.slack.roles.admin,
    roleOf,
    defaultChannelId: config.slack.channel,
    poke,
  });
}
