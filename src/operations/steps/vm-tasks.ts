/** Asking a provider for something and waiting for its task: an accepted request is not a result. */
import type { StepContext, StepResult } from '../../engine/index.ts';
import type { TaskHandle } from '../../ports/vm-provider.ts';
import type { StepDeps } from '../deps.ts';

export type TaskLook =
  | { readonly kind: 'none' | 'ok' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'running' };

/** Looks at the journaled task of this name. An empty handle means: asked for, the provider gave no task. */
export async function lookAtTask(deps: StepDeps, context: StepContext, name: string): Promise<TaskLook> {
  const handle = context.data.tasks?.[name];
  if (handle === undefined || handle === '') return { kind: handle === undefined ? 'none' : 'ok' };
  const task = await deps.vms.task(handle, context.signal);
  switch (task.state) {
    case 'running':
      return { kind: 'running' };
    case 'ok':
      return { kind: 'ok' };
    case 'failed':
      return { kind: 'failed', message: task.message };
  }
}

export async function saveTask(
  context: StepContext,
  name: string,
  handle: TaskHandle | undefined,
  text: string,
): Promise<void> {
  await context.save({ tasks: { [name]: handle ?? '' } }, text);
}

export const waitFor = (deps: StepDeps, progress: string): StepResult => ({
  kind: 'wait',
  afterMs: deps.pollMs,
  progress,
});
