/**
 * Which requests people have to approve, who may, and when it is enough. Invariant: pure, and what is not known (a size, a
 * channel, a cost, a user group) never lets a request through.
 */
import { BurstError } from './errors.ts';
import type { Groups } from './access.ts';
import { formatMoney } from './money.ts';
import type { Money } from './money.ts';
import { personOf } from './operation.ts';
import { isNamed } from './workspace-ids.ts';
import type { Actor } from './operation.ts';
import { shownMs, weekdayOf } from './zone.ts';

export type ApprovalAction = 'provision' | 'extend' | 'drain' | 'destroy' | 'force' | 'cancel';
export type ApprovalState = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'void' | 'executed';

/** What exactly is asked for. `force` with an operation forces what is under way, without one it destroys. */
export type ApprovalParams =
  | { readonly action: 'provision'; readonly count: number; readonly size: string; readonly ttlHours: number }
  | { readonly action: 'extend'; readonly workers: readonly string[]; readonly hours: number }
  | { readonly action: 'drain'; readonly workers: readonly string[]; readonly admin: boolean }
  | { readonly action: 'destroy'; readonly workers: readonly string[]; readonly drainFirst: boolean }
  | {
      readonly action: 'force';
      readonly workers: readonly string[];
      readonly drainFirst: boolean;
      readonly operationId?: string;
    }
  | { readonly action: 'cancel'; readonly operationId: string };

/** Slack users and user groups (ids or handles); `*` is everybody. */
export type Approvers = { readonly users: readonly string[]; readonly groups: readonly string[] };

/** A rule: every condition that it has must hold. */
export type ApprovalRule = {
  readonly name: string;
  /** Empty: each of them. */
  readonly actions: readonly ApprovalAction[];
  readonly moreThan: number | undefined;
  readonly longerThanHours: number | undefined;
  readonly costAbove: Money | undefined;
  readonly sizes: readonly string[];
  /** Only for a worker that is another's. */
  readonly others: boolean;
  readonly channels: readonly string[];
  readonly clusters: readonly string[];
  /** Minutes of the day; `from` after `to` goes over midnight. */
  readonly between: { readonly from: number; readonly to: number } | undefined;
  /** `mon` … `sun`; empty: every day. */
  readonly days: readonly string[];
  /** Nobody named: those with the role admin. */
  readonly approvers: Approvers;
  readonly needed: number;
  /** The requester's own approval counts. */
  readonly self: boolean;
  readonly channelId: string | undefined;
  readonly expiresMs: number | undefined;
};

export type ApprovalPolicy = {
  readonly channelId: string | undefined;
  readonly expiresMs: number;
  /** 0: no reminder. */
  readonly remindBeforeMs: number;
  /** IANA name, for `between` and `days`. */
  readonly timezone: string;
  readonly rules: readonly ApprovalRule[];
  /** Of the budgets beyond which people have to approve: what goes beyond is their one condition. */
  readonly budgetRules?: readonly ApprovalRule[];
};

/** What the rules look at; undefined is not known. */
export type ApprovalFacts = {
  /** A destroy with force is both. */
  readonly actions: readonly ApprovalAction[];
  readonly cluster: string;
  readonly channelId: string | undefined;
  /** Workers it is about. */
  readonly count: number;
  /** Sizes of those workers. */
  readonly sizes: readonly (string | undefined)[];
  readonly hours?: number;
  readonly others: boolean;
  /** What it costs at most: new workers to their deadline, more time until the new one. */
  readonly cost?: Money | undefined;
  readonly nowMs: number;
};

const within = (minute: number, { from, to }: { readonly from: number; readonly to: number }): boolean =>
  from <= to ? minute >= from && minute < to : minute >= from || minute < to;

/** A cost that is not known, or is of another currency, is dearer. */
const isDearer = (cost: Money | undefined, than: Money): boolean =>
  cost === undefined || (cost.exact > 0n && (cost.currency !== than.currency || cost.exact > than.exact));

/** @param shown what the clocks of the rules' time zone show, as if it were UTC, ms. */
function matches(rule: ApprovalRule, facts: ApprovalFacts, shown: number): boolean {
  return (
    (rule.actions.length === 0 || facts.actions.some((action) => rule.actions.includes(action))) &&
    (rule.moreThan === undefined || facts.count > rule.moreThan) &&
    (rule.longerThanHours === undefined || (facts.hours !== undefined && facts.hours > rule.longerThanHours)) &&
    (rule.costAbove === undefined || isDearer(facts.cost, rule.costAbove)) &&
    (rule.sizes.length === 0 || facts.sizes.some((size) => size === undefined || rule.sizes.includes(size))) &&
    (!rule.others || facts.others) &&
    (rule.channels.length === 0 || facts.channelId === undefined || rule.channels.includes(facts.channelId)) &&
    (rule.clusters.length === 0 || rule.clusters.includes(facts.cluster)) &&
    (rule.between === undefined || within(Math.floor(shown / 60_000) % 1440, rule.between)) &&
    (rule.days.length === 0 || rule.days.includes(weekdayOf(shown)))
  );
}

/** Every rule that wants this request approved; all of them have to be satisfied. */
export function rulesFor(policy: ApprovalPolicy, facts: ApprovalFacts): readonly ApprovalRule[] {
  const shown = shownMs(facts.nowMs, policy.timezone);
  return policy.rules.filter((rule) => matches(rule, facts, shown));
}

/** A rule as it was when the request was put to people. */
export type AskedRule = {
  readonly name: string;
  readonly needed: number;
  readonly self: boolean;
};

/** The rule's conditions in a few words. */
export function ruleText(rule: ApprovalRule): string {
  const hour = (minute: number): string =>
    `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
  const parts = [
    ...(rule.actions.length === 0 ? [] : [rule.actions.join(' or ')]),
    ...(rule.moreThan === undefined ? [] : [`more than ${rule.moreThan} workers`]),
    ...(rule.longerThanHours === undefined ? [] : [`for more than ${rule.longerThanHours} h`]),
    ...(rule.costAbove === undefined ? [] : [`cost above ${formatMoney(rule.costAbove)}`]),
    ...(rule.sizes.length === 0 ? [] : [`size ${rule.sizes.join(' or ')}`]),
    ...(rule.others ? ["someone else's worker"] : []),
    ...(rule.channels.length === 0 ? [] : ['in this channel']),
    ...(rule.clusters.length === 0 ? [] : [`on ${rule.clusters.join(' or ')}`]),
    ...(rule.between === undefined ? [] : [`between ${hour(rule.between.from)} and ${hour(rule.between.to)}`]),
    ...(rule.days.length === 0 ? [] : [`on ${rule.days.join(', ')}`]),
  ];
  return parts.length === 0 ? `rule ${rule.name}` : `rule ${rule.name}: ${parts.join(', ')}`;
}

/** For what an assistant may not do alone and no rule speaks of: one admin decides. */
export const ASSISTANT_RULE: AskedRule = { name: 'assistant', needed: 1, self: true };

export type Decision = {
  readonly by: Actor;
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
  /** Names of the rules for which it counts. */
  readonly rules: readonly string[];
  readonly atMs: number;
};

/** What would be lost or moved, as the approvers were shown it. */
export type ApprovalPreview = {
  readonly worker: string;
  readonly owner: string | undefined;
  readonly expiresAtMs: number | undefined;
  readonly drained: boolean;
  readonly pods: readonly string[];
  readonly morePods: number;
  readonly blocked: readonly string[];
  readonly losses: readonly string[];
};

export type Approval = {
  readonly id: string;
  readonly cluster: string;
  readonly state: ApprovalState;
  readonly params: ApprovalParams;
  /** Of the parameters and the targets as they were shown. */
  readonly digest: string;
  /** Worker -> fingerprint of what was shown of it. */
  readonly targets: Readonly<Record<string, string>>;
  readonly previews: readonly ApprovalPreview[];
  readonly requester: Actor;
  /** Where it was asked for. */
  readonly channelId: string | undefined;
  /** The thread there that it was asked for. */
  readonly threadTs?: string;
  /** Where the approvers are asked. */
  readonly askIn: string | undefined;
  readonly reason: string;
  /** What it costs at most; undefined: nothing, or not known. */
  readonly cost?: Money | undefined;
  /** Why people have to approve it, in words. */
  readonly why: string;
  readonly rules: readonly AskedRule[];
  readonly idempotencyKey: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly remindAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  /** Who withdrew it, or ended it otherwise than by a decision. */
  readonly endedBy: Actor | undefined;
  /** Why it is void. */
  readonly note: string;
  readonly operationId: string | undefined;
  readonly decisions: readonly Decision[];
};

/** Approvals that a rule still lacks, of all its decisions. */
export const lacking = (rule: AskedRule, decisions: readonly Decision[]): number =>
  Math.max(
    0,
    rule.needed - decisions.filter(({ verdict, rules }) => verdict === 'approve' && rules.includes(rule.name)).length,
  );

/** Whether every rule has the approvals that it needs. */
export const isComplete = (rules: readonly AskedRule[], decisions: readonly Decision[]): boolean =>
  rules.length > 0 && rules.every((rule) => lacking(rule, decisions) === 0);

/** Those who approve by this rule now: its own approvers, else (or when the rule is gone) the admins. */
export function approversOf(policy: ApprovalPolicy, admins: Approvers, name: string): Approvers {
  const own = [...policy.rules, ...(policy.budgetRules ?? [])].find((rule) => rule.name === name)?.approvers;
  return own === undefined || own.users.length + own.groups.length === 0 ? admins : own;
}

export type Standing =
  | { readonly ok: true; readonly rules: readonly string[] }
  /** `self`: only because the request is their own. */
  | { readonly ok: false; readonly self: boolean; readonly text: string };

/** For which rules a person's approval counts; a group that could not be looked up counts for none. */
export function standingOf(
  approval: Pick<Approval, 'rules' | 'requester'>,
  approvers: (rule: string) => Approvers,
  userId: string,
  groups: Groups,
): Standing {
  const isOne = ({ users, groups: named }: Approvers): boolean =>
    users.some((user) => isNamed(user, userId)) || (groups.known && named.some((group) => groups.memberOf.has(group)));
  const theirs = approval.rules.filter(({ name }) => isOne(approvers(name)));
  const own = personOf(approval.requester) === userId;
  const counting = theirs.filter(({ self }) => self || !own);
  if (counting.length > 0) return { ok: true, rules: counting.map(({ name }) => name) };
  if (theirs.length > 0)
    return { ok: false, self: true, text: 'you asked for it yourself, and its rule wants another person' };
  if (!groups.known)
    return { ok: false, self: false, text: `whether you may decide it could not be established: ${groups.why}` };
  return { ok: false, self: false, text: 'you are not among its approvers' };
}

/** The request was not carried out: people have to approve it (or have decided already). */
export class AwaitsApproval extends BurstError {
  readonly approval: Approval;
  /** Slack mentions of those who may decide; of our own making. */
  readonly approvers: string;
  /** To be named where there are several. */
  readonly cluster: string | undefined;
  constructor(approval: Approval, approvers: string, cluster?: string) {
    super('awaiting_approval', `It waits for approval ${approval.id}: ${approval.why}.`, {
      left: 'Nothing was changed yet.',
    });
    this.approval = approval;
    this.approvers = approvers;
    this.cluster = cluster;
  }
}

/** Slack markup that names them; at most five. */
export function approversText(approvers: readonly Approvers[]): string {
  const all = approvers.flatMap(({ users, groups }) => [
    ...groups.map((group) => (/^S[A-Z0-9]{6,}$/.test(group) ? `<!subteam^${group}>` : `@${group.replace(/^@/, '')}`)),
    ...users.map((user) => (user === '*' ? 'anybody' : `<@${user}>`)),
  ]);
  return [...new Set(all)].slice(0, 5).join(', ');
}
