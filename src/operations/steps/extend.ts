/** extend: the deadline on the node and in the schedule; a new deadline re-arms its warnings. */
import { BurstError } from '../../domain/errors.ts';
import { destroyRefusal } from '../../domain/safety.ts';
import type { Step, StepResult } from '../../engine/index.ts';
import type { StepDeps } from '../deps.ts';
import { rfc3339 } from './join.ts';

export function extendDeadline(deps: StepDeps): Step {
  return {
    name: 'extend',
    title: 'Setting the new deadline',
    timeoutMs: 10 * 60_000,
    async run(context): Promise<StepResult> {
      const { run, data } = context;
      const schedule = await deps.store.getSchedule(run.cluster, run.workerName);
      if (schedule === undefined || data.deadlineMs === undefined)
        throw new BurstError('invalid_input', `${run.workerName} has no deadline that could be extended.`);
      const node = await deps.cluster.getNode(run.workerName, context.signal);
      if (node === undefined)
        return { kind: 'fail', failure: { code: 'not_found', message: `The node ${run.workerName} is not there.` } };
      const refusal = destroyRefusal(node, deps.safety);
      if (refusal !== undefined) throw refusal;
      await deps.cluster.patchNode(
        node,
        { annotations: { [deps.safety.ttlAnnotation]: rfc3339(data.deadlineMs) } },
        context.signal,
      );
      const addedMs = Math.max(0, data.deadlineMs - schedule.expiresAtMs);
      return {
        kind: 'done',
        text: `deadline is ${rfc3339(data.deadlineMs)}`,
        schedule: {
          ...schedule,
          expiresAtMs: data.deadlineMs,
          extendedHours: schedule.extendedHours + addedMs / 3_600_000,
          status: 'active',
        },
      };
    },
    undo: { none: 'a deadline that was set stays; extend again to change it' },
  };
}
