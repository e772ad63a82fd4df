/** await-join, label, await-ready, close-join: from a booted VM to a Ready burst worker. */
import type { Step, StepResult } from '../../engine/index.ts';
import { personOf } from '../../domain/operation.ts';
import { NODE_KEYS } from '../../domain/safety.ts';
import { isReady } from '../../domain/views.ts';
import type { NodeFacts } from '../../domain/worker.ts';
import { BurstError } from '../../domain/errors.ts';
import type { StepDeps } from '../deps.ts';
import { deleteTokens } from './tokens.ts';

/** RFC 3339 in UTC, whole seconds. */
export const rfc3339 = (atMs: number): string =>
  new Date(Math.floor(atMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');

export function awaitJoin(deps: StepDeps): Step {
  const title = 'Waiting for the node to join';
  return {
    name: 'await-join',
    title,
    timeoutMs: deps.workers.joinTimeoutMs,
    async run(context): Promise<StepResult> {
      const node = await deps.cluster.getNode(context.run.workerName, context.signal);
      if (node === undefined) return { kind: 'wait', afterMs: Math.max(deps.pollMs, 1000), progress: title };
      return { kind: 'done', text: 'node joined', data: { nodeUid: node.uid }, worker: { nodeUid: node.uid } };
    },
    undo: { none: 'the node object is removed after the VM' },
  };
}

async function ownNode(deps: StepDeps, name: string, signal: AbortSignal): Promise<NodeFacts> {
  const node = await deps.cluster.getNode(name, signal);
  if (node === undefined) throw new BurstError('unavailable', `The node ${name} is not there any more.`);
  return node;
}

export function labelNode(deps: StepDeps): Step {
  return {
    name: 'label',
    title: 'Labelling the node',
    timeoutMs: 5 * 60_000,
    async run(context): Promise<StepResult> {
      const { run, data } = context;
      const node = await ownNode(deps, run.workerName, context.signal);
      const operation = await deps.store.getOperation(run.operationId);
      await deps.cluster.patchNode(
        node,
        {
          labels: { ...deps.workers.extraLabels, [deps.safety.label.key]: deps.safety.label.value },
          annotations: {
            [deps.safety.ttlAnnotation]: rfc3339(data.deadlineMs ?? deps.clock.now()),
            [NODE_KEYS.size]: data.size ?? '',
            [NODE_KEYS.operation]: run.operationId,
            [NODE_KEYS.requester]: personOf(operation?.requester) ?? 'system',
            [NODE_KEYS.createdAt]: rfc3339(run.createdAtMs),
            [NODE_KEYS.vmId]: data.vmId ?? '',
            [NODE_KEYS.ownerTag]: deps.ownerTag,
            ...(operation?.channelId === undefined ? {} : { [NODE_KEYS.channel]: operation.channelId }),
          },
        },
        context.signal,
      );
      return {
        kind: 'done',
        text: 'node labelled',
        data: { nodeUid: node.uid },
        worker: { nodeUid: node.uid, state: 'active' },
      };
    },
    undo: { none: 'the node object is removed after the VM' },
  };
}

export function awaitReady(deps: StepDeps): Step {
  const title = 'Waiting for the node to be Ready';
  return {
    name: 'await-ready',
    title,
    timeoutMs: deps.workers.readyTimeoutMs,
    async run(context): Promise<StepResult> {
      const node = await ownNode(deps, context.run.workerName, context.signal);
      if (!isReady(node)) return { kind: 'wait', afterMs: Math.max(deps.pollMs, 1000), progress: title };
      await deleteTokens(deps, context);
      return { kind: 'done', text: 'Ready' };
    },
    undo: { none: 'the node object is removed after the VM' },
  };
}
