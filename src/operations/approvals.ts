/**
 * Requests that people have to approve. Invariants: what a rule speaks of is recorded as a question and not done; a
 * decision counts for exactly what was shown, and is void when that changed; what was approved is done once, also when the
 * process ended between the last decision and the work (the operation's idempotency key is `approval:<id>`).
 */
import {
  ASSISTANT_RULE,
  AwaitsApproval,
  approversOf,
  approversText,
  isComplete,
  ruleText,
  rulesFor,
  standingOf,
} from '../domain/approval.ts';
import type {
  Approval,
  ApprovalParams,
  ApprovalPolicy,
  ApprovalState,
  Approvers,
  Decision,
  Standing,
} from '../domain/approval.ts';
import type { Groups } from '../domain/access.ts';
import { BurstError, isBurstError, messageOf } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { actorId, personOf } from '../domain/operation.ts';
import type { Actor } from '../domain/operation.ts';
import type { ApprovalStore } from '../ports/approvals.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { AuditOutcome, NewAudit, NewOutbox, Store } from '../ports/store.ts';
import { guard, requestOnly } from './approval-gate.ts';
import { changedOf, digestOf, factsOf, look, perform, workersOf } from './approval-facts.ts';
import type { Operations, Request } from './types.ts';

const LOOK_EVERY_MS = 2000;
const MOST = 500;
const REMINDED_AT_LEAST_MS = 60_000;
/** Failures that say nothing of the request: what was approved is tried again until its time is over. */
const passing: ReadonlySet<ErrorCode> = new Set(['unavailable', 'busy', 'unknown_outcome', 'worker_busy']);

type Log = {
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  readonly error: (fields: Readonly<Record<string, unknown>>, message: string) => void;
};
export type ApprovalsDeps = {
  readonly store: Store & ApprovalStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** The clusters by name: their operations (which ask nobody), and their rules. */
  readonly doors: ReadonlyMap<string, ApprovalDoor>;
  readonly defaultChannelId: string | undefined;
  /** There is news for Slack. */
  readonly poke: () => void;
};
export type ApprovalDoor = {
  readonly operations: Operations;
  readonly policy: ApprovalPolicy;
  /** Those with the role admin. */
  readonly admins: Approvers;
  readonly defaults: { readonly size: string; readonly ttlHours: number };
};

export type Question = Request & {
  readonly cluster: string;
  readonly params: ApprovalParams;
  /** Why it is asked although no rule may speak of it. */
  readonly why?: string;
  /** What was shown to the requester already. */
  readonly fingerprints?: Readonly<Record<string, string>>;
};
/** How a click ended. */
export type Verdict =
  | { readonly kind: 'recorded'; readonly approval: Approval }
  /** It had ended, or this person had decided, before. */
  | { readonly kind: 'late'; readonly approval: Approval }
  | { readonly kind: 'void'; readonly approval: Approval };

export type Approvals = ReturnType<typeof createApprovals>;

export function createApprovals(deps: ApprovalsDeps) {
  const { store, clock, ids, log, doors, poke } = deps;

  const doorOf = (cluster: string): ApprovalDoor => {
    const door = doors.get(cluster);
    if (door === undefined)
      throw new BurstError('not_found', `There is no cluster "${cluster.slice(0, 63)}" (any more).`);
    return door;
  };
  const approvers = ({ cluster, rules }: Pick<Approval, 'cluster' | 'rules'>): readonly Approvers[] => {
    const { policy, admins } = doorOf(cluster);
    return rules.map(({ name }) => approversOf(policy, admins, name));
  };
  const awaits = (approval: Approval): AwaitsApproval =>
    new AwaitsApproval(approval, approversText(approvers(approval)));
  const audit = (
    approval: Pick<Approval, 'id' | 'cluster' | 'params'>,
    by: Actor,
    outcome: AuditOutcome,
    text: string,
  ) => {
    const [workerName] = workersOf(approval.params);
    const row: NewAudit = {
      atMs: clock.now(),
      cluster: approval.cluster,
      actor: by,
      action: `approval:${approval.params.action}`,
      outcome,
      text,
      details: { approval: approval.id, params: approval.params },
      ...(workerName === undefined ? {} : { workerName }),
    };
    return row;
  };
  const notice = (
    { id, cluster, askIn }: Pick<Approval, 'id' | 'cluster' | 'askIn'>,
    tell: 'request' | 'reminder' | 'outcome',
  ): NewOutbox => ({
    key: tell === 'request' ? `approval:${id}` : `approval:${id}:${tell}`,
    notice: { kind: 'approval', cluster, approvalId: id, tell },
    notBeforeMs: clock.now(),
    channelId: tell === 'outcome' ? undefined : askIn,
  });
  /** The message anew, and once it has ended its outcome to who asked. */
  const news = (approval: Approval): readonly NewOutbox[] => {
    const over: readonly ApprovalState[] = ['denied', 'expired', 'void', 'executed'];
    const told = over.includes(approval.state) && personOf(approval.requester) !== undefined;
    return [notice(approval, 'request'), ...(told ? [notice(approval, 'outcome')] : [])];
  };
  const need = async (id: string): Promise<Approval> => {
    const approval = await store.getApproval(id);
    if (approval === undefined) throw new BurstError('not_found', `There is no approval "${id.slice(0, 60)}".`);
    return approval;
  };
  const end = async (
    approval: Approval,
    to: ApprovalState,
    by: Actor,
    text: string,
    more: { readonly note?: string; readonly operationId?: string; readonly from?: readonly ApprovalState[] } = {},
  ): Promise<Approval | undefined> => {
    const outcome: AuditOutcome = to === 'executed' ? 'done' : to === 'void' ? 'failed' : 'decided';
    const row = audit(approval, by, outcome, text);
    const { from = ['pending'], ...rest } = more;
    const ended = await store.endApproval(
      approval.id,
      { from, to, atMs: clock.now(), by, ...rest },
      [more.operationId === undefined ? row : { ...row, operationId: more.operationId }],
      news,
    );
    if (ended !== undefined) poke();
    return ended;
  };
  const self: Actor = { kind: 'system', name: 'approvals' };
  const voided = async (approval: Approval, note: string): Promise<Approval> =>
    (await end(approval, 'void', self, `approval ${approval.id} is void: ${note}`, {
      note,
      from: ['pending', 'approved'],
    })) ?? need(approval.id);

  /** The rules that speak of this request; the assistants' own when none does and a person must decide anyway. */
  async function rulesOf(question: Question) {
    const { cluster, params, by, channelId } = question;
    const { policy } = doorOf(cluster);
    const facts = await factsOf(params, by, { cluster, channelId, nowMs: clock.now() }, store);
    return params.action === 'cancel' ? [] : rulesFor(policy, facts);
  }

  /** Puts the request to people. @throws BurstError when it would be refused anyway, or nobody may decide it. */
  async function put(question: Question): Promise<Approval> {
    const { cluster, params: asked, why, fingerprints = {}, ...request } = question;
    const before = await store.approvalByKey(request.idempotencyKey);
    if (before !== undefined) return before;
    const door = doorOf(cluster);
    const rules = await rulesOf(question);
    // permanent workers are the admins' to drain: by a rule of other approvers none are
    const params =
      asked.action === 'drain' && why !== undefined ? { ...asked, admin: asked.admin && rules.length === 0 } : asked;
    await perform(params, { ...request, checkOnly: true }, door.operations, fingerprints);
    const { targets, previews } = await look(params, door.operations);
    const [stale] = changedOf(fingerprints, { ...fingerprints, ...targets });
    if (stale !== undefined)
      throw new BurstError('changed_meanwhile', `${stale} is not as it was shown any more.`, {
        left: 'Nothing was changed.',
        hint: 'Look at the new state and confirm again.',
      });
    const nowMs = clock.now();
    const expiresMs = Math.min(...rules.map((rule) => rule.expiresMs ?? door.policy.expiresMs), door.policy.expiresMs);
    const remindAtMs = nowMs + expiresMs - door.policy.remindBeforeMs;
    const words = [...(why === undefined ? [] : [why]), ...rules.map(ruleText)];
    const approval = {
      id: ids.next(),
      cluster,
      params,
      digest: digestOf(params, targets),
      targets,
      previews,
      requester: request.by,
      channelId: request.channelId,
      askIn:
        rules.find((rule) => rule.channelId !== undefined)?.channelId ??
        door.policy.channelId ??
        request.channelId ??
        deps.defaultChannelId,
      reason: (request.reason ?? '').slice(0, 500),
      why: words.join('; '),
      rules:
        rules.length === 0
          ? [ASSISTANT_RULE]
          : rules.map(({ name, needed, self: own }) => ({ name, needed, self: own })),
      idempotencyKey: request.idempotencyKey,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + expiresMs,
      remindAtMs: door.policy.remindBeforeMs > 0 && remindAtMs - nowMs >= REMINDED_AT_LEAST_MS ? remindAtMs : undefined,
    };
    if (approvers(approval).some(({ users, groups }) => users.length + groups.length === 0))
      throw new BurstError('forbidden', `${params.action} needs approval (${approval.why}), and nobody may give it.`, {
        left: 'Nothing was changed.',
        hint: 'Approvers and the role admin are set in the configuration.',
      });
    const row = audit(approval, request.by, 'requested', `approval ${approval.id} asked for: ${approval.why}`);
    const made = await store.createApproval(approval, [row], [notice(approval, 'request')]);
    poke();
    return made.approval;
  }

  const carrying = new Map<string, Promise<Approval>>();
  /** Does what was approved, once: alone in this process, and by its key in all. */
  function carryOut(id: string): Promise<Approval> {
    const under = carrying.get(id);
    if (under !== undefined) return under;
    const work = carry(id).finally(() => carrying.delete(id));
    carrying.set(id, work);
    return work;
  }
  async function carry(id: string): Promise<Approval> {
    const approval = await need(id);
    if (approval.state !== 'approved') return approval;
    const { params, requester, targets, digest } = approval;
    const { operations } = doorOf(approval.cluster);
    const idempotencyKey = `approval:${id}`;
    const done = async (operationId: string): Promise<Approval> =>
      (await end(approval, 'executed', requester, `approval ${id} was carried out`, {
        operationId,
        from: ['approved'],
      })) ?? need(id);
    const landed = (await store.operationByKey(idempotencyKey))?.id ?? (await landedIn(approval, operations));
    if (landed !== undefined) return done(landed);
    try {
      if (digestOf(params, targets) !== digest) return await voided(approval, 'what is recorded of it was altered');
      const now = await look(params, operations);
      const [changed] = changedOf(targets, now.targets);
      if (changed !== undefined) return await voided(approval, `${changed} is not as it was shown any more`);
      const { channelId, reason } = approval;
      const where = channelId ?? approval.askIn;
      const request: Request = {
        by: requester,
        reason,
        idempotencyKey,
        ...(where === undefined ? {} : { channelId: where }),
      };
      return await done((await perform(params, request, operations, targets)).operation.id);
    } catch (error) {
      if (!isBurstError(error)) throw error;
      if (passing.has(error.code) && clock.now() < approval.expiresAtMs) {
        log.warn({ approval: id, error: error.message }, 'what was approved could not be begun yet');
        return approval;
      }
      return voided(approval, error.message);
    }
  }

  /** What changes an operation that is there already leaves no key: whether it has happened is seen in that operation. */
  async function landedIn({ params, cluster }: Approval, operations: Operations): Promise<string | undefined> {
    switch (params.action) {
      case 'cancel': {
        const { operation } = await operations.operation(params.operationId);
        return operation.cancelledBy === undefined ? undefined : operation.id;
      }
      case 'force': {
        const [worker = ''] = params.workers;
        const run = await store.liveRunOf(cluster, worker);
        const same = params.operationId === undefined || params.operationId === run?.operationId;
        return same && run?.data.force === true ? run.operationId : undefined;
      }
      case 'provision':
      case 'extend':
      case 'drain':
      case 'destroy':
        return undefined;
    }
  }

  const expire = async (approval: Approval): Promise<Approval> =>
    (await end(approval, 'expired', self, `approval ${approval.id} expired`)) ?? need(approval.id);

  const standing = (approval: Approval, userId: string, groups: Groups): Standing => {
    const { policy, admins } = doorOf(approval.cluster);
    return standingOf(approval, (name) => approversOf(policy, admins, name), userId, groups);
  };

  /**
   * A person's decision. `groups`: the user groups they are in, of `groupsOf(approval)`.
   * @throws BurstError `forbidden` (audited) when they may not decide it, `not_found`.
   */
  async function decide(
    id: string,
    by: Actor,
    choice: { readonly verdict: Decision['verdict']; readonly reason?: string },
    groups: Groups,
  ): Promise<Verdict> {
    let approval = await need(id);
    if (approval.state === 'pending' && approval.expiresAtMs <= clock.now()) approval = await expire(approval);
    if (approval.state !== 'pending') return { kind: 'late', approval };
    const may = standing(approval, actorId(by), groups);
    // their own request they may take back in any case, which denying it comes to
    const denying = choice.verdict === 'deny' && !may.ok && may.self;
    if (!may.ok && !denying) {
      await store.appendAudit([audit(approval, by, 'refused', `${choice.verdict} ${id}: ${may.text}`)]);
      throw new BurstError('forbidden', `${choice.verdict}: ${may.text}.`, { left: 'Nothing was decided.' });
    }
    if (choice.verdict === 'approve') {
      const stale = await staleOf(approval);
      if (stale !== undefined) return { kind: 'void', approval: await voided(approval, stale) };
    }
    const { rules } = approval;
    const reason = (choice.reason ?? '').slice(0, 500);
    const decided = await store.decideApproval(
      id,
      { by, verdict: choice.verdict, reason, rules: may.ok ? may.rules : [], atMs: clock.now() },
      (decisions) => isComplete(rules, decisions),
      [audit(approval, by, 'decided', `${choice.verdict} ${id}${reason === '' ? '' : `: ${reason}`}`)],
      news,
    );
    poke();
    if (!decided.applied) return { kind: 'late', approval: decided.approval };
    if (decided.approval.state !== 'approved') return { kind: 'recorded', approval: decided.approval };
    const carried = await carryOut(id).catch((error: unknown) => {
      log.error({ approval: id, error: messageOf(error) }, 'what was approved could not be begun; it is tried again');
      return decided.approval;
    });
    return carried.state === 'void' ? { kind: 'void', approval: carried } : { kind: 'recorded', approval: carried };
  }

  /** Why the targets are not what was shown any more. A cluster that cannot be asked now changes nothing. */
  async function staleOf({ params, targets, cluster }: Approval): Promise<string | undefined> {
    try {
      const [changed] = changedOf(targets, (await look(params, doorOf(cluster).operations)).targets);
      return changed === undefined ? undefined : `${changed} is not as it was shown any more`;
    } catch (error) {
      if (!isBurstError(error) || passing.has(error.code)) throw error;
      return error.message;
    }
  }

  /** Takes a request back. @throws `forbidden` unless it is the requester's own. */
  async function withdraw(id: string, by: Actor): Promise<Approval> {
    const approval = await need(id);
    const own =
      (by.kind === approval.requester.kind && actorId(by) === actorId(approval.requester)) ||
      (by.kind === 'slack' && personOf(approval.requester) === by.userId);
    if (!own)
      throw new BurstError('forbidden', 'Only who asked for it may withdraw it.', { left: 'Nothing was changed.' });
    return (await end(approval, 'withdrawn', by, `approval ${id} withdrawn`)) ?? need(id);
  }

  /** Ends what is too old, reminds, and begins what was approved and not begun. */
  async function tend(): Promise<void> {
    for (const approval of await store.listApprovals({ states: ['pending', 'approved'], limit: MOST })) {
      if (!doors.has(approval.cluster)) continue;
      try {
        const now = clock.now();
        if (approval.state === 'approved') await carryOut(approval.id);
        else if (approval.expiresAtMs <= now) await expire(approval);
        else if (approval.remindAtMs !== undefined && approval.remindAtMs <= now) {
          if (await store.remindApproval(approval.id, notice(approval, 'reminder'))) poke();
        }
      } catch (error) {
        log.error({ approval: approval.id, error: messageOf(error) }, 'an approval could not be looked after');
      }
    }
  }

  const ending = new AbortController();
  let running: Promise<void> | undefined;
  return {
    put,
    decide,
    withdraw,
    standing,
    tend,
    get: (id: string): Promise<Approval | undefined> => store.getApproval(id),
    /** Those that wait for a decision, of one cluster, oldest first. */
    waiting: (cluster: string): Promise<readonly Approval[]> =>
      store.listApprovals({ states: ['pending'], cluster, limit: 50 }),
    /** User groups whose members may decide it. */
    groupsOf: (approval: Approval): readonly string[] => [
      ...new Set(approvers(approval).flatMap(({ groups }) => groups)),
    ],
    /** Slack markup that names those who may decide it. */
    approversText: (approval: Approval): string => approversText(approvers(approval)),
    /** A cluster's operations, behind its rules. @throws AwaitsApproval from what has to be approved first. */
    guarded: (cluster: string): Operations =>
      guard(doorOf(cluster), async (request, params, fingerprints) => {
        const before = await store.approvalByKey(request.idempotencyKey);
        if (before !== undefined) throw awaits(before);
        const question: Question = {
          ...requestOnly(request),
          cluster,
          params,
          ...(fingerprints === undefined ? {} : { fingerprints }),
        };
        if ((await rulesOf(question)).length > 0) throw awaits(await put(question));
      }),
    /** Looks after them until it is stopped; what was left from before at once. */
    start(): void {
      running ??= (async () => {
        while (!ending.signal.aborted) {
          await tend().catch((error: unknown) => log.error({ error: messageOf(error) }, 'approvals could not be read'));
          await clock.sleep(LOOK_EVERY_MS, ending.signal).catch(() => undefined);
        }
      })();
    },
    async stop(): Promise<void> {
      ending.abort(new Error('stopped'));
      await running;
      await Promise.allSettled(carrying.values());
    },
  };
}
