/** Follows the VMs that no record owns. Invariant: each write of one comes with what people are told of it. */
import type { ReapStray, ReapVm } from '../domain/reap-plan.ts';
import { decided, strayKey, strayPlan } from '../domain/stray-plan.ts';
import type { Stray } from '../domain/stray-plan.ts';
import type { OperationState } from '../domain/operation.ts';
import { strayNotice } from '../operations/index.ts';
import type { NewAudit } from '../ports/store.ts';
import type { ReaperDeps } from './deps.ts';

const nameOf = ({ id, name }: ReapVm): string => `${id} ${name}`;

/** @returns how many were told of, or of how many the end. */
export async function followStrays(
  deps: ReaperDeps,
  found: readonly ReapStray[] | undefined,
  listed: readonly ReapVm[] | undefined,
): Promise<number> {
  const { store, cluster, clock, policy } = deps;
  if (found === undefined || listed === undefined) return 0;
  const all = await store.openStrays();
  const open: Stray[] = [];
  for (const stray of all) if (stray.cluster === cluster.name) open.push(await withOperation(deps, stray));
  const operations = new Map<string, OperationState>();
  for (const { operationId } of open) {
    const operation = operationId === undefined ? undefined : await store.getOperation(operationId);
    if (operation !== undefined) operations.set(operation.id, operation.state);
  }
  const nowMs = clock.now();
  const plan = strayPlan({
    cluster: cluster.name,
    nowMs,
    graceMs: policy.sweepGraceMs,
    found,
    listed: new Set(listed.map(nameOf)),
    open,
    operations,
    elsewhere: new Set(
      all.filter((stray) => stray.cluster !== cluster.name).map(({ vmId, name }) => `${vmId} ${name}`),
    ),
  });
  const audit = (stray: Stray, text: string): NewAudit => ({
    atMs: nowMs,
    cluster: cluster.name,
    actor: { kind: 'system', name: 'reaper' },
    action: 'stray',
    outcome: 'noticed',
    workerName: stray.name,
    text,
    details: { vmId: stray.vmId },
  });
  for (const stray of plan.begin) await store.saveStray(stray);
  for (const stray of plan.tell)
    await store.saveStray(
      stray,
      strayNotice(stray),
      audit(stray, `VM ${stray.vmId} carries our tag and no record owns it`),
    );
  for (const stray of plan.end) {
    const text = `VM ${stray.vmId}, which no record owned: ${stray.outcome ?? 'gone'}`;
    await (stray.toldAtMs === undefined
      ? store.saveStray(stray)
      : store.saveStray(stray, strayNotice(stray), audit(stray, text)));
  }
  return plan.tell.length + plan.end.filter((stray) => stray.toldAtMs !== undefined).length;
}

/** A process that died right after a decision left its operation, which has the decision's key. */
async function withOperation({ store }: ReaperDeps, stray: Stray): Promise<Stray> {
  if (stray.operationId !== undefined || stray.toldAtMs === undefined) return stray;
  const operation = await store.operationByKey(strayKey(stray));
  if (operation === undefined) return stray;
  const found = decided(stray, operation);
  await store.saveStray(found, strayNotice(found));
  return found;
}
