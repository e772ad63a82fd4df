/**
 * What is spent and what requests would cost. Invariants: it changes nothing but warnings, each once a month and budget; what a
 * request may cost is checked again in the transaction that records it.
 */
import { approversText } from '../domain/approval.ts';
import type { ApprovalParams, Approvers } from '../domain/approval.ts';
import { excessOf, isWarned, percentOf, standingsOf } from '../domain/budget.ts';
import type { BudgetStanding, CostPolicy, Excess } from '../domain/budget.ts';
import { monthOf } from '../domain/calendar.ts';
import { requestCost } from '../domain/cost.ts';
import type { Lifespan } from '../domain/cost.ts';
import { HOUR_MS, extendedDeadline } from '../domain/duration.ts';
import { messageOf } from '../domain/errors.ts';
import { costOf, formatMoney, sumOf } from '../domain/money.ts';
import type { Money } from '../domain/money.ts';
import type { Actor } from '../domain/operation.ts';
import type { Role, WorkerPolicy } from '../domain/policy.ts';
import type { Clock } from '../ports/clock.ts';
import { createPeriodic } from '../ports/loop.ts';
import type { Store } from '../ports/store.ts';

const LOOK_EVERY_MS = 5000;

export type CostPlace = {
  readonly cost: CostPolicy;
  readonly workers: Pick<WorkerPolicy, 'maxTtlHours'>;
};
export type CostsDeps = {
  readonly store: Pick<Store, 'listLifespans' | 'getSchedule' | 'tellOnce'>;
  readonly clock: Clock;
  readonly log: { readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void };
  /** The clusters whose prices are known, the default one first. */
  readonly places: ReadonlyMap<string, CostPlace>;
  /** Who is warned. */
  readonly admins: Approvers;
  readonly roleOf: (cluster: string, by: Actor) => Promise<Role | undefined>;
  readonly defaultChannelId: string | undefined;
  /** There is news for Slack. */
  readonly poke: () => void;
};

export type Costs = ReturnType<typeof createCosts>;
type Asked = {
  readonly cluster: string;
  readonly params: ApprovalParams;
  readonly by: Actor;
  readonly channelId: string | undefined;
};

export function createCosts(deps: CostsDeps) {
  const { store, clock, places, log } = deps;
  const [first] = places.values();

  const spansSince = (sinceMs: number, cluster?: string): Promise<readonly Lifespan[]> =>
    store.listLifespans({ sinceMs, ...(cluster === undefined ? {} : { cluster }) });
  const thisMonth = ({ timezone }: CostPolicy) => monthOf(clock.now(), timezone);

  /** The deadlines that an extension would set; one that is not recorded is left out. */
  async function extended({ workers }: CostPlace, cluster: string, names: readonly string[], hours: number) {
    const nowMs = clock.now();
    const found = await Promise.all(names.map((name) => store.getSchedule(cluster, name)));
    return found.flatMap((schedule) => {
      if (schedule === undefined) return [];
      const { workerName, startsAtMs, expiresAtMs: fromMs } = schedule;
      const untilMs = extendedDeadline({ fromMs, startsAtMs, hours, maxTtlHours: workers.maxTtlHours, nowMs });
      return [{ workerName, fromMs: Math.max(fromMs, nowMs), untilMs: Math.max(fromMs, untilMs) }];
    });
  }

  /** What a request costs at most; undefined when that is not known. What makes nothing live longer costs nothing. */
  async function costOfRequest({ cluster, params }: Pick<Asked, 'cluster' | 'params'>): Promise<Money | undefined> {
    const place = places.get(cluster);
    if (place === undefined) return undefined;
    const { prices, currency } = place.cost;
    switch (params.action) {
      case 'provision':
        return requestCost(prices, { count: params.count, size: params.size, hours: params.ttlHours });
      case 'extend': {
        const spans = await spansSince(clock.now(), cluster);
        const later = await extended(place, cluster, params.workers, params.hours);
        const each = params.workers.map((name) => {
          const price = spans.find(({ worker }) => worker === name)?.price;
          const more = later.find(({ workerName }) => workerName === name);
          return price === undefined || more === undefined ? undefined : costOf(price, more.untilMs - more.fromMs);
        });
        const known = each.filter((money) => money !== undefined);
        if (known.length < each.length) return undefined;
        const sums = sumOf(known);
        return sums.length > 1 ? undefined : (sums[0] ?? { currency, exact: 0n });
      }
      case 'drain':
      case 'destroy':
      case 'force':
      case 'cancel':
        return { currency, exact: 0n };
    }
  }

  /** The budgets that a request would go beyond as things are now. */
  async function beyond({ cluster, params, by, channelId }: Asked): Promise<readonly Excess[]> {
    const place = places.get(cluster);
    if (place === undefined || place.cost.budgets.length === 0) return [];
    const nowMs = clock.now();
    const spans = await spansSince(thisMonth(place.cost).fromMs);
    switch (params.action) {
      case 'provision': {
        const { count, size, ttlHours } = params;
        const role = await deps.roleOf(cluster, by);
        const more = Array.from({ length: count }, (_, index): Lifespan => ({
          cluster,
          worker: `new ${index}`,
          size,
          owner: by,
          channelId,
          role,
          cpus: undefined,
          price: place.cost.prices.get(size),
          requestedAtMs: nowMs,
          vmFromMs: undefined,
          vmToMs: undefined,
          over: false,
          untilMs: nowMs + ttlHours * HOUR_MS,
        }));
        return excessOf(place.cost, spans, more, nowMs);
      }
      case 'extend': {
        const later = await extended(place, cluster, params.workers, params.hours);
        const changed = spans.flatMap((span) => {
          const to = later.find(({ workerName }) => span.cluster === cluster && workerName === span.worker);
          return to === undefined ? [] : [{ ...span, untilMs: Math.max(to.untilMs, span.untilMs ?? 0) }];
        });
        return excessOf(place.cost, spans, changed, nowMs);
      }
      case 'drain':
      case 'destroy':
      case 'force':
      case 'cancel':
        return [];
    }
  }

  /** How the budgets stand this month. */
  async function standings(): Promise<readonly BudgetStanding[]> {
    if (first === undefined || first.cost.budgets.length === 0) return [];
    return standingsOf(first.cost, await spansSince(thisMonth(first.cost).fromMs), clock.now());
  }

  /** Warns the admins of budgets that come to their end. */
  async function tend(): Promise<void> {
    for (const standing of await standings()) {
      if (!isWarned(standing)) continue;
      const { budget, month, spent, committed } = standing;
      const key = `budget:${budget.name}:${month.name}`;
      const [cluster = ''] = [...budget.clusters, ...places.keys()];
      const percent = percentOf(standing);
      const by: Actor = { kind: 'system', name: 'budgets' };
      const text = `budget ${budget.name} of ${month.name}: ${percent} % committed`;
      const told = await store.tellOnce(
        key,
        by,
        clock.now(),
        {
          key,
          notBeforeMs: 0,
          channelId: budget.channels[0] ?? deps.defaultChannelId,
          notice: {
            kind: 'budget',
            cluster,
            budget: budget.name,
            month: month.name,
            percent,
            spent: formatMoney(spent),
            committed: formatMoney(committed),
            limit: formatMoney(budget.limit),
            beyond: budget.beyond,
            admins: { ...deps.admins },
            whom: approversText([deps.admins]),
          },
        },
        { atMs: clock.now(), cluster, actor: by, action: 'budget', outcome: 'noticed', text },
      );
      if (told) deps.poke();
    }
  }

  const loop = createPeriodic(clock, LOOK_EVERY_MS, () =>
    tend().catch((error: unknown) => log.error({ error: messageOf(error) }, 'budgets could not be read')),
  );
  return {
    costOfRequest,
    beyond,
    standings,
    tend,
    spansSince,
    /** What is known of a cluster's prices; undefined: nothing. */
    policyOf: (cluster: string): CostPolicy | undefined => places.get(cluster)?.cost,
    /** What the default cluster's workers cost, or the first one's whose prices are known. */
    policy: first?.cost,
    start(): void {
      if (first === undefined || first.cost.budgets.length === 0) return;
      loop.start();
    },
    stop: () => loop.stop(),
  };
}
