/** await-replacement: a sick worker goes only after the one that takes its place has become Ready. */
import type { Step, StepResult } from '../../engine/index.ts';
import type { StepDeps } from '../deps.ts';

export const AWAIT_REPLACEMENT = 'await-replacement';

export function awaitReplacement(deps: StepDeps): Step {
  return {
    name: AWAIT_REPLACEMENT,
    title: 'Waiting for its replacement',
    timeoutMs: undefined,
    async run({ run, data }): Promise<StepResult> {
      const { replacement } = data;
      const other = (await deps.store.runsOf(run.operationId)).find(
        (candidate) => candidate.kind === 'add-worker' && candidate.workerName === replacement,
      );
      if (other?.state === 'succeeded') return { kind: 'done', text: `its replacement ${other.workerName} is Ready` };
      if (other === undefined || other.state === 'undone')
        return {
          kind: 'fail',
          failure: {
            code: 'not_replaced',
            message: `${run.workerName} stays as it is: its replacement did not come (${other?.failure?.message ?? 'it is not known'})`,
            hint: 'Repair it once more, or remove it.',
          },
        };
      return {
        kind: 'wait',
        afterMs: Math.max(deps.pollMs, 1000),
        progress: `Waiting for its replacement ${other.workerName}${other.state === 'stuck' ? ', which is stuck' : ''}`,
      };
    },
    undo: { none: 'it only waits' },
  };
}
