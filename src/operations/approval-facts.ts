/** What rules look at and what approvers are shown. Invariant: two fingerprints are equal only when what was shown is still so. */
import { createHash } from 'node:crypto';
import type { ApprovalFacts, ApprovalParams, ApprovalPreview } from '../domain/approval.ts';
import type { DrainPreview } from '../domain/drain-plan.ts';
import { isBurstError } from '../domain/errors.ts';
import { actorId, personOf } from '../domain/operation.ts';
import type { Actor } from '../domain/operation.ts';
import type { Store } from '../ports/store.ts';
import type { Accepted, Operations, Request } from './types.ts';

const MOST_PODS = 12;
/** A worker may be destroyed that has no node (any more). */
const NO_NODE = 'no node';

export const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

export const workersOf = (params: ApprovalParams): readonly string[] => ('workers' in params ? params.workers : []);

/** The request as the rules see it. */
export async function factsOf(
  params: ApprovalParams,
  by: Actor,
  at: { readonly cluster: string; readonly channelId: string | undefined; readonly nowMs: number },
  store: Pick<Store, 'getWorker'>,
): Promise<ApprovalFacts> {
  const records = await Promise.all(workersOf(params).map((name) => store.getWorker(at.cluster, name)));
  const isOwn = (owner: Actor | undefined): boolean =>
    owner !== undefined &&
    ((owner.kind === by.kind && actorId(owner) === actorId(by)) ||
      (personOf(by) !== undefined && personOf(owner) === personOf(by)));
  const base = {
    ...at,
    count: params.action === 'provision' ? params.count : records.length,
    sizes: params.action === 'provision' ? [params.size] : records.map((record) => record?.size),
    others: records.some((record) => !isOwn(record?.owner)),
  };
  switch (params.action) {
    case 'provision':
      return { ...base, actions: ['provision'], hours: params.ttlHours };
    case 'extend':
      return { ...base, actions: ['extend'], hours: params.hours };
    case 'force':
      return { ...base, actions: params.operationId === undefined ? ['destroy', 'force'] : ['force'] };
    case 'drain':
    case 'destroy':
    case 'cancel':
      return { ...base, actions: [params.action] };
  }
}

type Shown = { readonly targets: Record<string, string>; readonly previews: readonly ApprovalPreview[] };

/** How the targets are now: fingerprints, and what is shown of a drain or destruction. @throws as the previews do. */
export async function look(params: ApprovalParams, operations: Operations): Promise<Shown> {
  const targets: Record<string, string> = {};
  const previews: ApprovalPreview[] = [];
  for (const name of workersOf(params)) {
    if (params.action === 'destroy' || (params.action === 'force' && params.operationId === undefined)) {
      const preview = await operations.previewDestroy(name).catch((error: unknown) => {
        if (!isBurstError(error, 'not_found')) throw error;
        return undefined;
      });
      if (preview === undefined) {
        targets[name] = NO_NODE;
        continue;
      }
      const { worker, drain, drained, expiresAtMs, fingerprint } = preview;
      targets[name] = fingerprint;
      previews.push(previewOf(name, drain, { owner: worker.owner, expiresAtMs, drained }));
      continue;
    }
    const { node, owner, expiresAtMs } = await operations.details(name);
    // a forced drain goes on cordoning and moving pods; who it is stays
    const cordoned = params.action === 'force' ? '' : node.unschedulable;
    targets[name] = digestOf(node.uid, cordoned, params.action === 'extend' ? (expiresAtMs ?? 0) : '').slice(0, 16);
    if (params.action === 'extend') continue;
    const drain = await operations.previewDrain(name);
    previews.push(
      previewOf(name, drain, { owner, expiresAtMs, drained: node.unschedulable && drain.evict.length === 0 }),
    );
  }
  return { targets, previews };
}

function previewOf(
  worker: string,
  drain: DrainPreview,
  more: Pick<ApprovalPreview, 'owner' | 'expiresAtMs' | 'drained'>,
): ApprovalPreview {
  const pods = [...drain.evict, ...drain.errors].map((pod) => `${pod.namespace}/${pod.name}`);
  return {
    worker,
    ...more,
    pods: pods.slice(0, MOST_PODS),
    morePods: Math.max(0, pods.length - MOST_PODS),
    blocked: drain.blocked.slice(0, MOST_PODS).map(({ pod, budget, numbers }) => `${pod} by ${budget}: ${numbers}`),
    losses: drain.losses.slice(0, MOST_PODS),
  };
}

/** Workers that are not as they were shown. */
export const changedOf = (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] =>
  Object.keys(before).filter((name) => before[name] !== now[name]);

/** Does (or, with `checkOnly`, checks) what the parameters say. */
export async function perform(
  params: ApprovalParams,
  request: Request,
  operations: Operations,
  fingerprints: Readonly<Record<string, string>>,
): Promise<Accepted> {
  switch (params.action) {
    case 'provision': {
      const { count, size, ttlHours } = params;
      return operations.provision({ ...request, count, size, ttlHours });
    }
    case 'extend':
      return operations.extend({ ...request, workers: params.workers, hours: params.hours });
    case 'drain':
      return operations.drain({ ...request, workers: params.workers, admin: params.admin });
    case 'destroy':
    case 'force': {
      const { workers, drainFirst, action } = params;
      if (action === 'force' && params.operationId !== undefined)
        return operations.force({ ...request, operationId: params.operationId, worker: workers[0] ?? '' });
      return operations.destroy({ ...request, workers, drainFirst, force: action === 'force', fingerprints });
    }
    case 'cancel': {
      const { operationId } = params;
      if (request.checkOnly === true) return { ...(await operations.operation(operationId)), duplicate: false };
      const { operation, stopping } = await operations.cancel(operationId, request.by);
      return { operation, runs: stopping, duplicate: false };
    }
  }
}
