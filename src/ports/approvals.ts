/**
 * Approvals on record. Invariant: an approval changes its state only from one that allows it, in one transaction with its
 * decision, its audit row and its notice.
 */
import type { Approval, ApprovalState, Decision } from '../domain/approval.ts';
import type { Actor } from '../domain/operation.ts';
import type { NewAudit, NewOutbox } from './store.ts';

export type NewApproval = Omit<Approval, 'state' | 'decisions' | 'endedAtMs' | 'endedBy' | 'note' | 'operationId'>;
export type Decided = {
  /** False: it was not pending any more, its time was over, or this person had decided before. Nothing was written. */
  readonly applied: boolean;
  readonly approval: Approval;
};

export interface ApprovalStore {
  /** @returns the one that had this idempotency key before, with `created: false`. */
  createApproval(
    approval: NewApproval,
    audit: readonly NewAudit[],
    outbox: readonly NewOutbox[],
  ): Promise<{ readonly created: boolean; readonly approval: Approval }>;
  getApproval(id: string): Promise<Approval | undefined>;
  approvalByKey(idempotencyKey: string): Promise<Approval | undefined>;
  /** Oldest first. */
  listApprovals(filter: {
    readonly states: readonly ApprovalState[];
    readonly cluster?: string;
    readonly limit: number;
  }): Promise<readonly Approval[]>;
  /** Adds a decision to one that is pending, one for each person; `complete` says whether it is approved with these. */
  decideApproval(
    id: string,
    decision: Decision,
    complete: (decisions: readonly Decision[]) => boolean,
    audit: readonly NewAudit[],
    outbox: (approval: Approval) => readonly NewOutbox[],
  ): Promise<Decided>;
  /** @returns it as it is then, or undefined when it was in none of the states `from` (nothing was written). */
  endApproval(
    id: string,
    change: {
      readonly from: readonly ApprovalState[];
      readonly to: ApprovalState;
      readonly atMs: number;
      readonly by?: Actor;
      readonly note?: string;
      readonly operationId?: string;
    },
    audit: readonly NewAudit[],
    outbox: (approval: Approval) => readonly NewOutbox[],
  ): Promise<Approval | undefined>;
  /** Marks the reminder as given and writes its notice. @returns false when it was not pending, or given before. */
  remindApproval(id: string, outbox: NewOutbox): Promise<boolean>;
}
