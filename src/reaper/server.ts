/**
 * Records and tells that a VM server went away and came back. Invariant: one time that it is away is one message, through
 * restarts too.
 */
import type { Away } from '../domain/breaker.ts';
import { serverPlan } from '../domain/server-plan.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';

export type ServerDeps = {
  readonly cluster: string;
  readonly store: Store;
  readonly clock: Clock;
  /** People are told of a server that is away for so long, ms. */
  readonly tellAfterMs: number;
  readonly poke: () => void;
};

export async function tellOfServer({ cluster, store, clock, tellAfterMs, poke }: ServerDeps, away: Away | undefined) {
  const nowMs = clock.now();
  const plan = serverPlan(await store.openServerEpisode(cluster), away, { cluster, nowMs, tellAfterMs });
  if (plan === undefined) return;
  const { episode, tell } = plan;
  if (!tell) return store.saveServerEpisode(episode);
  const { server, sinceMs, reason, endedAtMs } = episode;
  await store.saveServerEpisode(
    episode,
    {
      key: `server:${cluster}:${server}:${sinceMs}`,
      notBeforeMs: 0,
      channelId: undefined,
      notice: { kind: 'server', cluster, server, sinceMs },
    },
    {
      atMs: nowMs,
      cluster,
      actor: { kind: 'system', name: 'watch' },
      action: 'vm-server',
      outcome: 'noticed',
      text:
        endedAtMs === undefined
          ? `${server} has not answered for ${Math.round((nowMs - sinceMs) / 1000)} s: ${reason}`
          : `${server} answers again after ${Math.round((endedAtMs - sinceMs) / 1000)} s`,
    },
  );
  poke();
}
