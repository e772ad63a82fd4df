/** What was asked for lately. Invariant: a limit is checked in the transaction that records what it lets through. */
import { BurstError } from '../domain/errors.ts';
import { actorId, personOf } from '../domain/operation.ts';
import { splitId } from '../domain/workspace-ids.ts';
import type { Actor } from '../domain/operation.ts';
import { rateRefusal } from '../domain/rate-limit.ts';
import type { Past, RateRule } from '../domain/rate-limit.ts';
import type { RatedRequest } from '../ports/store.ts';
import { approvalParamsSchema } from './approval-json.ts';
import { build } from './database.ts';
import type { Reader } from './database.ts';
import { actorSchema, paramsSchema, readJson } from './json.ts';

/** The workspace that a person, or who answers for an assistant, is of. */
const workspaceOf = (by: Actor): string | undefined => splitId(personOf(by) ?? '').workspace;

/** Requests that count for this rule: operations, and questions to people that did not become one. */
function pastOf(reader: Reader, requester: Actor, rule: RateRule, nowMs: number): readonly Past[] {
  const sinceMs = nowMs - rule.windowMs;
  let operations = build
    .selectFrom('operations')
    .select(['params', 'requester', 'created_at_ms'])
    .where('created_at_ms', '>', sinceMs);
  let approvals = build
    .selectFrom('approvals')
    .select(['params', 'requester', 'created_at_ms'])
    .where('created_at_ms', '>', sinceMs)
    .where('operation_id', 'is', null);
  if (rule.counts === 'provisions') operations = operations.where('kind', '=', 'provision');
  if (rule.of === 'requester') {
    operations = operations.where('requester_id', '=', actorId(requester));
    approvals = approvals.where('requester_id', '=', actorId(requester));
  }
  const counts = ({ requester: json }: { readonly requester: string }): boolean => {
    const by = readJson(actorSchema, json, 'requester of a request');
    if (rule.of === 'requester') return by.kind === requester.kind;
    return by.kind !== 'system' && workspaceOf(by) === workspaceOf(requester);
  };
  const asked = reader
    .all(approvals)
    .filter(counts)
    .map((row) => ({ row, params: readJson(approvalParamsSchema, row.params, 'params of an approval') }))
    .filter(({ params }) => rule.counts === 'changes' || params.action === 'provision')
    .map(({ row, params }) => ({ atMs: row.created_at_ms, workers: params.action === 'provision' ? params.count : 0 }));
  const begun = reader
    .all(operations)
    .filter(counts)
    .map((row) => ({ row, params: readJson(paramsSchema, row.params, 'params of an operation') }))
    .map(({ row, params }) => ({ atMs: row.created_at_ms, workers: params.kind === 'provision' ? params.count : 0 }));
  return [...asked, ...begun];
}

/** @throws BurstError `rate_limited` when one of the limits on this request is reached. */
export function refuseTooFast(reader: Reader, { requester, rates, workers, nowMs }: RatedRequest): void {
  for (const rule of rates) {
    const refusal = rateRefusal(pastOf(reader, requester, rule, nowMs), workers, rule, nowMs);
    if (refusal === undefined) continue;
    throw new BurstError('rate_limited', refusal.text, {
      left: 'Nothing was done.',
      ...(refusal.retryAtMs === undefined ? { hint: 'Ask for fewer.' } : { retryAtMs: refusal.retryAtMs }),
    });
  }
}
