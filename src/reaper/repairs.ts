/** Repairs of what journals cannot know. Invariant: one repair that fails leaves the others to go on; the next tick looks again. */
import type { ReapPlan } from '../domain/reap-plan.ts';
import { NODE_KEYS } from '../domain/safety.ts';
import type { ReaperDeps } from './deps.ts';
import { tellOnce } from './tell.ts';

/** @returns how many things were repaired. */
export async function repair(deps: ReaperDeps, plan: ReapPlan): Promise<number> {
  let repaired = 0;
  const attempt = async (
    fields: Record<string, unknown>,
    what: string,
    work: () => Promise<unknown>,
  ): Promise<void> => {
    try {
      await work();
      repaired += 1;
    } catch (error) {
      deps.log.warn({ ...fields, err: error }, what);
    }
  };
  for (const workerName of plan.adopt)
    await attempt({ workerName }, 'a burst worker could not be taken up', () => deps.upkeep.adopt(workerName));
  for (const item of plan.uncordon)
    await attempt({ workerName: item.name }, 'a leftover cordon could not be removed', () => uncordon(deps, item));
  for (const { workerName, vmId } of plan.orphans)
    await attempt({ workerName, vmId }, 'a leftover VM could not be removed', () =>
      deps.upkeep.sweep(workerName, vmId, `VM ${vmId} was left behind by an operation that had ended`),
    );
  for (const workerName of plan.vanished)
    await attempt({ workerName }, 'a worker that is gone could not be closed', () =>
      deps.upkeep.expire([workerName], deps.clock.now(), 'its VM is gone, and nobody asked Burst for that', true),
    );
  for (const token of plan.tokens)
    await attempt({}, 'a bootstrap token could not be deleted', async () => {
      await deps.cluster.deleteBootstrapToken(token);
      // until it expires, the call that makes it may still land
      if (token.expiresAtMs < deps.clock.now()) await deps.store.forgetToken(deps.cluster.name, token.id);
    });
  if (plan.unlisted.length > 0)
    await tellOnce(deps, {
      key: `unlisted:${plan.unlisted.length}:${plan.unlisted[0] ?? ''}`,
      text: `The VM server does not list the VMs of ${plan.unlisted.length} workers that have a node (${plan.unlisted.slice(0, 5).join(', ')}${plan.unlisted.length > 5 ? ', …' : ''}): so many do not go at once, and nothing is concluded from that. Look whether a host of it is away, or its token sees less than before.`,
    });
  return repaired;
}

async function uncordon(deps: ReaperDeps, item: ReapPlan['uncordon'][number]): Promise<void> {
  // live: the cordon may be another's by now
  const node = await deps.cluster.getNode(item.name);
  if (node?.uid !== item.uid || node.annotations[NODE_KEYS.cordonedBy] !== item.runId) return;
  await deps.cluster.patchNode(node, { unschedulable: false, annotations: { [NODE_KEYS.cordonedBy]: null } });
  await deps.store.appendAudit([
    {
      atMs: deps.clock.now(),
      cluster: deps.cluster.name,
      actor: { kind: 'system', name: 'reaper' },
      action: 'uncordon',
      outcome: 'done',
      workerName: item.name,
      runId: item.runId,
      text: 'it was left cordoned by a run that was undone',
    },
  ]);
}
