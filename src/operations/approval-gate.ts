/** Operations behind a gate. Invariant: what rules may speak of passes the gate before it is done. */
import type { ApprovalParams } from '../domain/approval.ts';
import { OverBudget } from '../domain/budget.ts';
import type { Operations, Request } from './types.ts';

/** @throws AwaitsApproval when it is not to be done now. */
export type Gate = (
  request: Request,
  params: ApprovalParams,
  fingerprints?: Readonly<Record<string, string>>,
) => Promise<void>;

/** Without what belongs to the operation. */
export const requestOnly = ({
  by,
  idempotencyKey,
  reason,
  channelId,
  threadTs,
  rates,
  unlimited,
}: Request): Request => ({
  by,
  idempotencyKey,
  ...(reason === undefined ? {} : { reason }),
  ...(channelId === undefined ? {} : { channelId }),
  ...(rates === undefined ? {} : { rates }),
  ...(unlimited === undefined ? {} : { unlimited }),
  ...(threadTs === undefined ? {} : { threadTs }),
});

/**
 * The same operations; provision, drain, destroy (of a VM without a record too), extend and force pass the gate first. Retry
 * repeats what was let through before, and never force: people are asked only where budgets are used up by now. Cancel,
 * wait, repair and adopt undo or keep what is there.
 */
export function guard(
  {
    operations,
    defaults,
  }: {
    readonly operations: Operations;
    readonly defaults: { readonly size: string; readonly ttlHours: number };
  },
  pass: Gate,
): Operations {
  /** Another request may have used a budget up since this one passed: people are asked then, too. */
  const within = async <T>(request: Request, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof OverBudget && error.approvable && error.asked !== undefined)
        await pass(request, error.asked);
      throw error;
    }
  };
  return {
    ...operations,
    async provision(request) {
      const { count, size = defaults.size, ttlHours = defaults.ttlHours } = request;
      await pass(request, { action: 'provision', count, size, ttlHours });
      return within(request, () => operations.provision(request));
    },
    async drain(request) {
      await pass(request, { action: 'drain', workers: request.workers, admin: request.admin });
      return operations.drain(request);
    },
    async destroy(request) {
      const { workers, drainFirst, force, fingerprints } = request;
      await pass(request, { action: force ? 'force' : 'destroy', workers, drainFirst }, fingerprints);
      return operations.destroy(request);
    },
    async destroyStray(request) {
      await pass(request, { action: 'destroy', workers: [request.name], drainFirst: true });
      return operations.destroyStray(request);
    },
    retry: (operationId, request) => within(request, () => operations.retry(operationId, request)),
    async extend(request) {
      const { workers, hours } = request;
      await pass(request, { action: 'extend', workers, hours });
      return within(request, () => operations.extend(request));
    },
    async force(request) {
      const { operationId, worker } = request;
      await pass(request, { action: 'force', workers: [worker], drainFirst: false, operationId });
      return operations.force(request);
    },
  };
}
