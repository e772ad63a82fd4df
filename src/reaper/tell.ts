/** What the reaper says to people, each thing once. */
import { formatDuration } from '../domain/duration.ts';
import type { ReapPlan } from '../domain/reap-plan.ts';
import type { NewAudit } from '../ports/store.ts';
import type { ReaperDeps } from './deps.ts';

const by = { kind: 'system', name: 'reaper' } as const;

/** An alert that is said once for each key; in the channel of the worker, if it has one. */
export async function tellOnce(
  deps: ReaperDeps,
  alert: { readonly key: string; readonly workerName?: string; readonly text: string },
): Promise<void> {
  const key = `${deps.cluster.name}:${alert.key}`;
  if ((await deps.store.claimAction(key, by, deps.clock.now())) !== undefined) return;
  await deps.store.enqueue({
    key,
    notBeforeMs: 0,
    channelId:
      alert.workerName === undefined
        ? undefined
        : (await deps.store.getWorker(deps.cluster.name, alert.workerName))?.channelId,
    notice: {
      kind: 'alert',
      cluster: deps.cluster.name,
      ...(alert.workerName === undefined ? {} : { workerName: alert.workerName }),
      text: alert.text,
    },
  });
  deps.poke();
}

/** One warning for the workers of one operation with one deadline. @returns false when it had been given. */
export async function warn(deps: ReaperDeps, warning: ReapPlan['warn'][number]): Promise<boolean> {
  const { store, cluster, clock } = deps;
  const schedules = (
    await Promise.all(warning.workers.map((workerName) => store.getSchedule(cluster.name, workerName)))
  ).filter((schedule) => schedule !== undefined);
  const channelId = (await store.getWorker(cluster.name, warning.workers[0] ?? ''))?.channelId;
  return store.recordWarning({
    schedules,
    deadlineMs: warning.deadlineMs,
    leadMs: warning.leadMs,
    outbox: {
      key: `warning:${warning.operationId}:${warning.deadlineMs}:${warning.leadMs}`,
      notBeforeMs: 0,
      channelId,
      notice: {
        kind: 'warning',
        cluster: cluster.name,
        operationId: warning.operationId,
        workers: warning.workers,
        deadlineMs: warning.deadlineMs,
        leadMs: warning.leadMs,
      },
    },
    audit: warning.workers.map((workerName): NewAudit => ({
      atMs: clock.now(),
      cluster: cluster.name,
      actor: by,
      action: 'warn',
      outcome: 'done',
      workerName,
      operationId: warning.operationId,
      text: `warned ${formatDuration(warning.deadlineMs - clock.now())} before the deadline`,
    })),
  });
}
