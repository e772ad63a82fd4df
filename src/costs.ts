/** Costs, wired: the prices of every cluster, and who is who in Slack and among the assistants. */
import { costPolicy, workerPolicy } from './config/index.ts';
import type { Config } from './config/index.ts';
import { isThere } from './domain/cost.ts';
import { approximately } from './domain/money.ts';
import type { Actor } from './domain/operation.ts';
import type { Role } from './domain/policy.ts';
import type { Metrics } from './observability/index.ts';
import { createCosts } from './operations/index.ts';
import type { Costs, CostPlace, CostsDeps } from './operations/index.ts';
import type { Parts } from './parts.ts';
import type { Chat } from './ports/chat.ts';
import type { Clock } from './ports/clock.ts';

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

/** What a scrape asks for is looked at when it comes. */
export function gaugeCosts(metrics: Metrics, costs: Costs, clusters: readonly string[], clock: Clock): void {
  metrics.onScrape(async () => {
    const nowMs = clock.now();
    const spans = (await costs.spansSince(nowMs)).filter((span) => isThere(span, nowMs));
    for (const cluster of clusters) {
      const policy = costs.policyOf(cluster);
      if (policy === undefined) continue;
      const prices = spans.filter((span) => span.cluster === cluster).flatMap(({ price }) => price ?? []);
      const currencies = new Set([policy.currency, ...prices.map(({ currency }) => currency)]);
      for (const currency of currencies) {
        const micros = prices.reduce((sum, price) => (price.currency === currency ? sum + price.micros : sum), 0);
        metrics.setCostPerHour(cluster, currency, micros / 1_000_000);
      }
    }
    for (const { budget, committed } of await costs.standings()) {
      const limit = approximately(budget.limit);
      metrics.setBudget(budget.name, limit === 0 ? Number(committed.exact > 0n) : approximately(committed) / limit);
    }
  });
}

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
