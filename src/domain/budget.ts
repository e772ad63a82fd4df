/**
 * Monthly budgets. Invariants: what runs already counts to its deadline (committed), so that what is asked for is known to fit;
 * what is not known of a worker (its role, its channel) counts for every budget that asks for it.
 */
import type { ApprovalParams } from './approval.ts';
import { monthOf, monthsOf } from './calendar.ts';
import type { Month } from './calendar.ts';
import { plannedOf, spentOf } from './cost.ts';
import type { Lifespan } from './cost.ts';
import { BurstError } from './errors.ts';
import { amountIn, formatMoney } from './money.ts';
import type { Money, Price } from './money.ts';
import type { Role } from './policy.ts';
import type { SizeName } from './worker.ts';

export type Budget = {
  readonly name: string;
  /** Of one month. */
  readonly limit: Money;
  /** What becomes of a request that goes beyond it. */
  readonly beyond: 'refuse' | 'approval';
  /** Admins are warned once a month when so much of it is committed. */
  readonly warnPercent: number;
  /** Only what people of these roles asked for, in these channels, on these clusters; empty: all. */
  readonly roles: readonly Role[];
  readonly channels: readonly string[];
  readonly clusters: readonly string[];
};
export type BudgetPolicy = {
  /** IANA name: where months begin. */
  readonly timezone: string;
  readonly budgets: readonly Budget[];
};

/** What a cluster's workers cost. */
export type CostPolicy = BudgetPolicy & {
  readonly currency: string;
  /** Of one hour. */
  readonly prices: ReadonlyMap<SizeName, Price>;
};

/** Whether a worker is paid from this budget. */
export const paysFor = (
  { roles, channels, clusters }: Budget,
  { role, channelId, cluster }: Pick<Lifespan, 'role' | 'channelId' | 'cluster'>,
): boolean =>
  (roles.length === 0 || role === undefined || roles.includes(role)) &&
  (channels.length === 0 || channelId === undefined || channels.includes(channelId)) &&
  (clusters.length === 0 || clusters.includes(cluster));

export type BudgetStanding = {
  readonly budget: Budget;
  readonly month: Month;
  readonly spent: Money;
  /** Spent, and what runs costs to its deadlines. */
  readonly committed: Money;
};

/** How a budget stands in a month. */
export function standingOf(budget: Budget, spans: readonly Lifespan[], month: Month, nowMs: number): BudgetStanding {
  const { currency } = budget.limit;
  const own = spans.filter((span) => paysFor(budget, span));
  const sum = (of: typeof spentOf): Money => ({
    currency,
    exact: amountIn(
      own.flatMap((span) => of(span, nowMs, month)),
      currency,
    ),
  });
  return { budget, month, spent: sum(spentOf), committed: sum(plannedOf) };
}

/** Of each budget, this month. */
export const standingsOf = (
  { budgets, timezone }: BudgetPolicy,
  spans: readonly Lifespan[],
  nowMs: number,
): readonly BudgetStanding[] => budgets.map((budget) => standingOf(budget, spans, monthOf(nowMs, timezone), nowMs));

/** How much of it is committed, in whole percent, rounded down; of a budget of nothing, everything. */
export function percentOf({ budget, committed }: Pick<BudgetStanding, 'budget' | 'committed'>): number {
  const { exact } = budget.limit;
  if (exact === 0n) return committed.exact > 0n ? 100 : 0;
  return Number((committed.exact * 100n) / exact);
}
/** Whether admins are to be warned. */
export const isWarned = (standing: BudgetStanding): boolean =>
  standing.committed.exact > 0n && percentOf(standing) >= standing.budget.warnPercent;

export type Excess = {
  readonly budget: Budget;
  readonly month: Month;
  /** What of it is left without the request; nothing when it is used up. */
  readonly left: Money;
  /** What the request adds. */
  readonly more: Money;
};

const keyOf = ({ cluster, worker }: Lifespan): string => `${cluster}/${worker}`;
/**
 * The budgets that a change would go beyond, in any month that it costs in.
 * @param changed workers as they would be: new ones, and ones with another deadline.
 */
export function excessOf(
  { budgets, timezone }: BudgetPolicy,
  spans: readonly Lifespan[],
  changed: readonly Lifespan[],
  nowMs: number,
): readonly Excess[] {
  const keys = new Set(changed.map(keyOf));
  const after = [...spans.filter((span) => !keys.has(keyOf(span))), ...changed];
  const untilMs = Math.max(nowMs, ...changed.map((span) => span.untilMs ?? nowMs));
  const months = monthsOf({ fromMs: nowMs, toMs: untilMs }, timezone);
  return budgets.flatMap((budget) => {
    const { currency, exact: limit } = budget.limit;
    const first = months
      .map((month) => {
        const before = standingOf(budget, spans, month, nowMs).committed.exact;
        return { month, before, then: standingOf(budget, after, month, nowMs).committed.exact };
      })
      .find(({ before, then }) => then > limit && then > before);
    if (first === undefined) return [];
    const { month, before, then } = first;
    return [
      {
        budget,
        month,
        left: { currency, exact: before > limit ? 0n : limit - before },
        more: { currency, exact: then - before },
      },
    ];
  });
}

/** `budget team (2026-03): $12.00 more, $4.00 of $100.00 left`. */
export const excessText = ({ budget, month, left, more }: Excess): string =>
  `budget ${budget.name} (${month.name}): ${formatMoney(more)} more, ${formatMoney(left)} of ${formatMoney(budget.limit)} left`;

/** A request that was refused because it goes beyond budgets. */
export class OverBudget extends BurstError {
  readonly excess: readonly Excess[];
  /** What was asked for, where that can be approved. */
  readonly asked: ApprovalParams | undefined;
  constructor(excess: readonly Excess[], asked?: ApprovalParams) {
    super('over_budget', `It goes beyond the ${excess.map(excessText).join('; and the ')}.`, {
      left: 'Nothing was changed.',
      hint: 'Ask for fewer workers, a smaller size or less time, or remove one that is no longer needed. /burst cost shows what runs.',
    });
    this.excess = excess;
    this.asked = asked;
  }
  /** Whether people may approve it all the same. */
  get approvable(): boolean {
    return this.excess.every(({ budget }) => budget.beyond === 'approval');
  }
}

const RULE = 'budget:';
/** The name of the approval rule that a budget stands for; other rules' names have no colon. */
export const ruleOfBudget = (name: string): string => `${RULE}${name}`;
/** The budgets that approvals by these rules go beyond. */
export const budgetsOfRules = (rules: readonly { readonly name: string }[]): readonly string[] =>
  rules.flatMap(({ name }) => (name.startsWith(RULE) ? [name.slice(RULE.length)] : []));
