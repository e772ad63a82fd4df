/** Approvals, wired: every cluster's rules and admins, for people in Slack and for assistants. */
import { approvalPolicy } from './config/index.ts';
import { actorId } from './domain/operation.ts';
import type { Actor } from './domain/operation.ts';
import type { ApprovalParams } from './domain/approval.ts';
import type { Approval } from './domain/approval.ts';
import type { Asked, People, Wanted } from './mcp/index.ts';
import type { Member } from './member.ts';
import { createApprovals } from './operations/index.ts';
import type { Approvals, ApprovalsDeps, Costs } from './operations/index.ts';
import type { Parts } from './parts.ts';

/** The approvals of all clusters, over operations that ask nobody. */
export function makeApprovals(
  parts: Parts,
  members: readonly Member[],
  store: ApprovalsDeps['store'],
  poke: () => void,
  costs?: Costs,
): Approvals {
  const { clock, ids, log, config } = parts;
  const doors = config.clusters.flatMap((own) => {
    const { name } = own.kubernetes;
    const member = members.find((each) => each.name === name);
    if (member === undefined) return [];
    const door = {
      operations: member.operations,
      policy: approvalPolicy(own),
      admins: own.slack.roles.admin,
      defaults: { size: own.burstWorkers.defaultSize, ttlHours: own.burstWorkers.defaultTtlHours },
    };
    return [[name, door] as const];
  });
  return createApprovals({
    store,
    clock,
    ids,
    log,
    doors: new Map(doors),
    defaultChannelId: config.slack.channel,
    poke,
    costs,
  });
}

function paramsOf(wanted: Wanted, mayDrainPermanent: boolean): ApprovalParams {
  switch (wanted.action) {
    case 'provision':
      return { action: 'provision', count: wanted.count, size: wanted.size, ttlHours: wanted.ttlHours };
    case 'extend':
      return { action: 'extend', workers: [wanted.worker], hours: wanted.hours };
    case 'drain':
      return { action: 'drain', workers: [wanted.worker], admin: mayDrainPermanent };
    case 'destroy':
    case 'force':
      return { action: wanted.action, workers: [wanted.worker], drainFirst: wanted.drainFirst };
    case 'cancel':
      return { action: 'cancel', operationId: wanted.operationId };
  }
}

const askedOf = ({ id, state, why, expiresAtMs, operationId }: Approval): Asked => ({
  id,
  state,
  why,
  expiresAtMs,
  operationId,
});

/** The assistants' way to people. */
export function createPeople(approvals: Approvals): People {
  const ownOf = async (id: string, by: Actor): Promise<Approval | undefined> => {
    const approval = await approvals.get(id);
    const asker = approval?.requester;
    return asker?.kind === by.kind && actorId(asker) === actorId(by) ? approval : undefined;
  };
  return {
    async ask({ by, cluster, wanted, why, reason, idempotencyKey, rates }) {
      // a person decides: what is asked may be what an admin may do
      const params = paramsOf(wanted, true);
      return askedOf(await approvals.put({ by, cluster, params, why, reason, idempotencyKey, rates }));
    },
    async get(id, by) {
      const approval = await ownOf(id, by);
      return approval === undefined ? undefined : askedOf(approval);
    },
    async withdraw(id, by) {
      return (await ownOf(id, by)) === undefined ? undefined : askedOf(await approvals.withdraw(id, by));
    },
  };
}
