/**
 * Carries out what was approved. Invariant: once, by the operation's idempotency key `approval:<id>`, whenever the process
 * died; and only while everything is as it was shown.
 */
import type { Approval } from '../domain/approval.ts';
import { budgetsOfRules } from '../domain/budget.ts';
import { isBurstError } from '../domain/errors.ts';
import type { BurstError, ErrorCode } from '../domain/errors.ts';
import { changedOf, digestOf, look, perform } from './approval-facts.ts';
import type { ApprovalDoor, ApprovalsDeps, Records } from './approval-records.ts';
import type { Operations, Request } from './types.ts';

/** Failures that say nothing of the request: what was approved is tried again until its time is over. */
const passing: ReadonlySet<ErrorCode> = new Set(['unavailable', 'busy', 'unknown_outcome', 'worker_busy']);

export const isPassing = (error: BurstError): boolean => passing.has(error.code);

export function createCarrier(
  { store, clock, log }: Pick<ApprovalsDeps, 'store' | 'clock' | 'log'>,
  doorOf: (cluster: string) => ApprovalDoor,
  { need, end, voided }: Pick<Records, 'need' | 'end' | 'voided'>,
) {
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
      const { channelId, threadTs, reason } = approval;
      const where = channelId ?? approval.askIn;
      const request: Request = {
        by: requester,
        reason,
        idempotencyKey,
        overBudget: budgetsOfRules(approval.rules),
        unlimited: true,
        ...(where === undefined ? {} : { channelId: where }),
        ...(threadTs === undefined || channelId === undefined ? {} : { threadTs }),
      };
      return await done((await perform(params, request, operations, targets)).operation.id);
    } catch (error) {
      if (!isBurstError(error)) throw error;
      if (isPassing(error) && clock.now() < approval.expiresAtMs) {
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

  return {
    carryOut,
    /** Waits for what is being carried out. */
    settled: async (): Promise<void> => void (await Promise.allSettled(carrying.values())),
  };
}
