/**
 * Looks after workers that are not Ready: tells of each once, edits that message at its end, and repairs where that is
 * allowed. Invariant: a cache that is stale leads to nothing.
 */
import { BurstError, isBurstError } from '../domain/errors.ts';
import { healthPlan } from '../domain/health-plan.ts';
import type { HealthEpisode } from '../domain/health-plan.ts';
import type { NewAudit, NewOutbox } from '../ports/store.ts';
import type { ReaperDeps } from './deps.ts';
import { tellOnce } from './tell.ts';

const by = { kind: 'system', name: 'reaper' } as const;

const noticeOf = ({ cluster, workerName, sinceMs }: HealthEpisode): NewOutbox => ({
  key: `health:${cluster}:${workerName}:${sinceMs}`,
  notBeforeMs: 0,
  channelId: undefined,
  notice: { kind: 'health', cluster, workerName, sinceMs },
});

/** @returns how many things were told or asked for. */
export async function lookAfterHealth(deps: ReaperDeps): Promise<number> {
  const { store, cluster, clock, health } = deps;
  if (cluster.freshness().stale) return 0;
  const live = (await store.liveRuns()).filter((run) => run.cluster === cluster.name);
  const plan = healthPlan(
    {
      cluster: cluster.name,
      nowMs: clock.now(),
      nodes: cluster.cachedNodes(),
      busy: new Set(live.map((run) => run.workerName)),
      open: await store.openEpisodes(cluster.name),
    },
    health,
    deps.safety,
  );
  const audit = (episode: HealthEpisode, text: string): NewAudit => ({
    atMs: clock.now(),
    cluster: cluster.name,
    actor: by,
    action: 'health',
    outcome: 'noticed',
    workerName: episode.workerName,
    text,
  });
  for (const episode of plan.begin) await store.saveEpisode(episode);
  for (const episode of plan.tell)
    await store.saveEpisode(
      episode,
      noticeOf(episode),
      audit(episode, `not Ready for ${Math.round((clock.now() - episode.sinceMs) / 60_000)} min (${episode.reason})`),
    );
  for (const episode of plan.end)
    await (episode.toldAtMs === undefined
      ? store.saveEpisode(episode)
      : store.saveEpisode(
          episode,
          noticeOf(episode),
          audit(episode, episode.outcome === 'recovered' ? 'Ready again' : 'its node is gone'),
        ));
  const told = new Map(plan.tell.map((episode) => [episode.workerName, episode]));
  for (const episode of plan.repair) await repairSick(deps, told.get(episode.workerName) ?? episode);
  if (plan.tooMany !== undefined) {
    const { sick, total, sinceMs } = plan.tooMany;
    await tellOnce(deps, {
      key: `too-many-sick:${sinceMs}`,
      text: `${sick} of ${total} burst workers are not Ready, more than ${health.maxUnhealthyPercent} %: none is repaired by itself, for the cause may be elsewhere (the network, the API server, the provider).`,
    });
  }
  const changes = plan.tell.length + plan.end.length + plan.repair.length;
  if (changes > 0) deps.poke();
  return changes;
}

/** Tried once for each episode; a refusal is told, for a person to act on. */
async function repairSick(deps: ReaperDeps, episode: HealthEpisode): Promise<void> {
  const { workerName, sinceMs } = episode;
  try {
    await deps.upkeep.repairSick(workerName, sinceMs);
  } catch (error) {
    if (!isBurstError(error)) throw error;
    if (error.code === 'unavailable') return;
    deps.log.warn({ workerName, err: error }, 'a sick worker could not be repaired');
    const hint = error instanceof BurstError && error.hint !== undefined ? ` ${error.hint}` : '';
    await tellOnce(deps, {
      key: `not-repaired:${workerName}:${sinceMs}`,
      workerName,
      text: `${workerName} could not be repaired by itself: ${error.message}${hint}`,
    });
  }
  await deps.store.saveEpisode({ ...episode, autoRepaired: true });
}
