/**
 * cordon, evict, await-detach. Invariants: all or nothing before the first eviction; evictions carry the pod's UID and
 * honour budgets; only Burst's own cordon is ever undone.
 */
import { allowedNow, blockerOf, lingering } from '../../domain/blocker.ts';
import type { Allowed, HeldPod } from '../../domain/blocker.ts';
import { drainPlan, ownedByDaemonSet, podKey } from '../../domain/drain-plan.ts';
import type { DrainPlan } from '../../domain/drain-plan.ts';
import { safetyViolation } from '../../domain/errors.ts';
import type { RunData } from '../../domain/operation.ts';
import { destroyRefusal, isControlPlane, NODE_KEYS, notProvablyBurst, protectedBy } from '../../domain/safety.ts';
import { isReady } from '../../domain/views.ts';
import type { BudgetFacts, NodeFacts, PodFacts } from '../../domain/worker.ts';
import type { Step, StepContext, StepResult } from '../../engine/index.ts';
import type { EvictionOutcome } from '../../ports/cluster.ts';
import type { StepDeps } from '../deps.ts';

export type DrainMode = {
  /** The worker will be destroyed: it must be provably burst, and a missing node is fine. */
  readonly removing: boolean;
};

/** @throws `safety_violation` unless this node may be drained, as it is now. */
export function assertDrainable(deps: StepDeps, node: NodeFacts, mode: DrainMode): void {
  if (mode.removing) {
    const refusal = destroyRefusal(node, deps.safety);
    if (refusal !== undefined) throw refusal;
    return;
  }
  const why = notProvablyBurst(node, deps.safety);
  if (why === undefined) return;
  const maintenance =
    deps.drain.permanentWorkers && !isControlPlane(node) && protectedBy(node.name, deps.safety) === undefined;
  if (!maintenance)
    throw safetyViolation(`Cannot drain ${node.name}: ${why}.`, {
      left: 'Nothing was changed.',
      hint: 'Permanent workers are drained through Burst only where drain.permanent_workers allows it, by admins.',
    });
}

async function uncordon(deps: StepDeps, context: StepContext): Promise<StepResult> {
  const node = await deps.cluster.getNode(context.run.workerName, context.signal);
  if (node === undefined || node.annotations[NODE_KEYS.cordonedBy] !== context.run.id)
    return { kind: 'done', text: 'not cordoned by this run' };
  await deps.cluster.patchNode(
    node,
    { unschedulable: false, annotations: { [NODE_KEYS.cordonedBy]: null } },
    context.signal,
  );
  return { kind: 'done', text: 'uncordoned' };
}

export function cordon(deps: StepDeps, mode: DrainMode): Step {
  return {
    name: 'cordon',
    title: 'Cordoning the node',
    timeoutMs: 10 * 60_000,
    async run(context): Promise<StepResult> {
      const node = await deps.cluster.getNode(context.run.workerName, context.signal);
      if (node === undefined) return gone(context, mode);
      assertDrainable(deps, node, mode);
      if (context.data.nodeUid !== undefined && node.uid !== context.data.nodeUid && mode.removing)
        throw safetyViolation(`The node ${node.name} is another node than the one recorded (UID ${node.uid}).`, {
          left: 'Nothing was changed.',
        });
      if (!node.unschedulable)
        await deps.cluster.patchNode(
          node,
          { unschedulable: true, annotations: { [NODE_KEYS.cordonedBy]: context.run.id } },
          context.signal,
        );
      const { cluster } = context.run;
      const recorded = mode.removing && (await deps.store.getWorker(cluster, node.name)) !== undefined;
      const schedule = recorded ? await deps.store.getSchedule(cluster, node.name) : undefined;
      return {
        kind: 'done',
        text: node.unschedulable ? 'already cordoned' : 'cordoned',
        data: { cordonedByUs: !node.unschedulable, nodeUid: node.uid },
        ...(recorded ? { worker: { state: 'removing' } } : {}),
        ...(schedule === undefined ? {} : { schedule: { ...schedule, status: 'expiring' } }),
      };
    },
    undo: (context) => uncordon(deps, context),
  };
}

function gone(context: StepContext, mode: DrainMode): StepResult {
  if (mode.removing) return { kind: 'done', text: 'there is no node', data: { nodeWasGone: true } };
  return { kind: 'fail', failure: { code: 'not_found', message: `There is no node ${context.run.workerName}.` } };
}

/** Looks up which DaemonSets of these pods are missing, live. */
export async function missingDaemonSets(
  deps: Pick<StepDeps, 'cluster'>,
  pods: readonly PodFacts[],
  signal?: AbortSignal,
): Promise<ReadonlySet<string>> {
  const names = new Map(
    pods.filter(ownedByDaemonSet).map((pod) => [`${pod.namespace}/${pod.controller?.name ?? ''}`, pod] as const),
  );
  const missing = new Set<string>();
  await Promise.all(
    [...names].map(async ([key, pod]) => {
      if (!(await deps.cluster.daemonSetExists(pod.namespace, pod.controller?.name ?? '', signal))) missing.add(key);
    }),
  );
  return missing;
}

/** How long the end of a pod is waited for on a node that confirms nothing, after its grace of 1 s, ms. */
const graceOfDeadMs = (deps: StepDeps): number => Math.max(1000, deps.drain.skipWaitForDeleteMs);

async function planNow(deps: StepDeps, context: StepContext, node: NodeFacts): Promise<DrainPlan> {
  const pods = await deps.cluster.listPodsOnNode(node.name, context.signal);
  return drainPlan(
    { pods, nowMs: deps.clock.now(), missingDaemonSets: await missingDaemonSets(deps, pods, context.signal) },
    {
      ignoreDaemonSets: deps.drain.ignoreDaemonSets,
      deleteEmptyDirData: deps.drain.deleteEmptyDirData || context.data.force === true,
      force: deps.drain.force || context.data.force === true,
      // an unreachable kubelet confirms nothing: kubectl's --skip-wait-for-delete-timeout
      skipWaitForDeleteMs: isReady(node) ? deps.drain.skipWaitForDeleteMs : graceOfDeadMs(deps),
    },
  );
}

export function evictPods(deps: StepDeps, mode: DrainMode): Step {
  return {
    name: 'evict',
    title: 'Moving the pods',
    timeoutMs: undefined,
    async run(context): Promise<StepResult> {
      const node = await deps.cluster.getNode(context.run.workerName, context.signal);
      if (node === undefined) return gone(context, mode);
      assertDrainable(deps, node, mode);
      if (!node.unschedulable) {
        // somebody uncordoned it meanwhile: cordon again, so that what is evicted does not come back
        await deps.cluster.patchNode(
          node,
          { unschedulable: true, annotations: { [NODE_KEYS.cordonedBy]: context.run.id } },
          context.signal,
        );
      }
      const plan = await planNow(deps, context, node);
      if (plan.errors.length > 0)
        return {
          kind: 'fail',
          failure: {
            code: 'drain_refused',
            message: `${(context.data.podsToMove ?? 0) > 0 ? 'Nothing more' : 'Nothing'} was evicted: ${plan.errors.map((error) => `${podKey(error.pod)}: ${error.text}`).join('; ')}`,
            hint: 'Move or remove these pods, or change the drain settings.',
          },
        };
      // a pod that came after the cordon is one more to move, it does not undo what has moved
      const total = Math.max(context.data.podsToMove ?? 0, (context.data.podsMoved ?? 0) + plan.evict.length);
      const moved = total - plan.evict.length;
      if (plan.evict.length === 0)
        return {
          kind: 'done',
          text: total === 0 ? 'no pods to move' : `${total} pods moved`,
          data: { podsToMove: total, podsMoved: total },
        };
      const reachable = isReady(node);
      const waiting = plan.evict.filter((pod) => pod.deletionAtMs === undefined);
      const { tried, held, budgets } = await attempt(deps, context, waiting);
      // what ends slowly on a node that confirms nothing is asked to end at once: a second eviction shortens its grace
      const endsLate = deps.clock.now() + 5000;
      const slow = reachable ? [] : plan.evict.filter(({ deletionAtMs }) => (deletionAtMs ?? 0) > endsLate);
      const outcomes = [
        ...(await evictAll(deps, context, [...tried, ...slow], reachable)),
        ...held.map((pod) => ({ pod, outcome: { kind: 'blocked', message: '', budget: undefined } as const })),
      ];
      const data = budgets === undefined ? { triedAllAtMs: deps.clock.now() } : {};
      return answer(deps, context, plan.evict, outcomes, { total, moved, reachable, budgets, data });
    },
    undo: { none: 'evicted pods run elsewhere; the node is uncordoned by the step before' },
  };
}

const heldPods = (outcomes: readonly Outcome[]): readonly HeldPod[] =>
  outcomes.flatMap(({ pod, outcome }): readonly HeldPod[] => {
    switch (outcome.kind) {
      case 'blocked':
        return [{ pod, why: 'budget', message: outcome.message }];
      case 'failed':
        return [{ pod, why: 'failed', message: outcome.message }];
      case 'namespace_terminating':
        return [{ pod, why: 'terminating' }];
      case 'accepted':
      case 'gone':
      case 'throttled':
        return [];
    }
  });

/** Budgets are asked for what they allow; what they cannot know (pods that are not ready) is tried this often. */
const TRY_ALL_EVERY_MS = 4000;

/** Which pods to evict now: all at first and from time to time (`budgets` is undefined then), else those within their budgets. */
async function attempt(
  deps: StepDeps,
  context: StepContext,
  pods: readonly PodFacts[],
): Promise<Omit<Allowed, 'budgets'> & { readonly budgets: Allowed['budgets'] | undefined }> {
  const all = deps.clock.now() - (context.data.triedAllAtMs ?? 0) >= TRY_ALL_EVERY_MS;
  if (context.data.force === true || context.run.blocked?.budget === undefined || all)
    return { tried: pods, held: [], budgets: undefined };
  return allowedNow(pods, await deps.cluster.listBudgets(context.signal));
}

type Outcome = { readonly pod: PodFacts; readonly outcome: EvictionOutcome };

async function evictAll(
  deps: StepDeps,
  context: StepContext,
  pods: readonly PodFacts[],
  reachable: boolean,
): Promise<readonly Outcome[]> {
  const graceSeconds = !reachable ? 1 : deps.drain.gracePeriodSeconds < 0 ? undefined : deps.drain.gracePeriodSeconds;
  const queue = [...pods];
  const outcomes: Outcome[] = [];
  const worker = async (): Promise<void> => {
    for (let pod = queue.shift(); pod !== undefined; pod = queue.shift()) {
      let outcome = await deps.cluster.evict(pod, graceSeconds, context.signal);
      if (outcome.kind === 'blocked' && context.data.force === true) {
        await deps.cluster.deletePod(pod, graceSeconds, context.signal);
        outcome = { kind: 'accepted' };
      }
      outcomes.push({ pod, outcome });
      if (outcome.kind === 'throttled') await deps.clock.sleep(outcome.retryAfterMs, context.signal);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, deps.drain.maxEvictionsAtOnce) }, worker));
  return outcomes;
}

async function answer(
  deps: StepDeps,
  context: StepContext,
  pods: readonly PodFacts[],
  outcomes: readonly Outcome[],
  counts: {
    readonly total: number;
    readonly moved: number;
    readonly reachable: boolean;
    /** As they are after this look, when it asked them. */
    readonly budgets: readonly BudgetFacts[] | undefined;
    readonly data: Partial<RunData>;
  },
): Promise<StepResult> {
  const moved = counts.moved > (context.data.podsMoved ?? 0);
  const nowMs = deps.clock.now();
  const held = heldPods(outcomes);
  const budgets = held.some(({ why }) => why === 'budget')
    ? (counts.budgets ?? (await deps.cluster.listBudgets(context.signal)))
    : [];
  const limitMs = deps.drain.timeoutMs + (context.data.extraDrainMs ?? 0);
  const overdue = nowMs - context.run.stepSinceMs > limitMs;
  const before = context.run.blocked;
  const blocked =
    blockerOf(held, budgets, before, nowMs, moved) ?? (overdue ? lingering(pods, before, nowMs) : undefined);
  const data = { ...counts.data, podsToMove: counts.total, podsMoved: counts.moved };
  const late = pods.filter((pod) => pod.createdAtMs > context.run.stepSinceMs);
  const progress = [
    `Moving the pods: ${counts.moved} of ${counts.total} moved`,
    ...(counts.reachable
      ? []
      : [
          `the node is not Ready: no kubelet confirms their end, so each is waited for ${Math.round(graceOfDeadMs(deps) / 1000)} s at the most`,
        ]),
    ...(late.length === 0
      ? []
      : [`came after the cordon, which they tolerate: ${late.slice(0, 3).map(podKey).join(', ')}`]),
  ].join('; ');
  if (overdue && context.data.deadlineMs === undefined)
    return {
      kind: 'fail',
      data,
      failure: {
        code: 'drain_timed_out',
        message: `The drain is blocked and did not end within ${Math.round(limitMs / 60_000)} min: ${blocked?.text ?? 'pods are still there'}`,
        hint:
          blocked?.budget === undefined
            ? 'Look at the named pods, or ask an admin for force.'
            : 'Let the named budget allow a disruption, or ask an admin for force.',
      },
    };
  const tell = blocked !== undefined && overdue && context.data.toldOf !== blocked.text;
  return {
    kind: 'wait',
    // changes of the pods and the budgets wake the run; this is the safety net
    afterMs: blocked === undefined ? 1000 : 5000,
    progress: blocked === undefined ? progress : `${progress}; blocked: ${blocked.text}`,
    data: tell ? { ...data, toldOf: blocked.text } : data,
    ...(blocked === undefined ? {} : { blocked }),
    ...(tell ? { alert: `The removal of ${context.run.workerName} waits: ${blocked.text}` } : {}),
  };
}

export function awaitDetach(deps: StepDeps): Step {
  return {
    name: 'await-detach',
    title: 'Waiting for volumes to detach',
    timeoutMs: undefined,
    async run(context): Promise<StepResult> {
      const attachments = await deps.cluster.listVolumeAttachments(context.run.workerName, context.signal);
      if (attachments.length === 0) return { kind: 'done', text: 'no volumes attached' };
      const named = `${attachments.slice(0, 3).join(', ')}${attachments.length > 3 ? ` and ${attachments.length - 3} more` : ''}`;
      if (deps.clock.now() - context.run.stepSinceMs > deps.drain.volumeDetachTimeoutMs)
        return {
          kind: 'done',
          text: `went on with ${attachments.length} volumes still attached after the time limit: ${named}`,
          data: { volumesLeft: attachments.length },
        };
      return {
        kind: 'wait',
        afterMs: 2000,
        progress: `Waiting for ${attachments.length} ${attachments.length === 1 ? 'volume' : 'volumes'} to detach: ${named}`,
      };
    },
    undo: { none: 'it only waits' },
  };
}
