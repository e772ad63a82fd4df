/** What people are told of a VM server that does not answer. Pure. Invariant: one time that it is away is one message. */
import type { Away } from './breaker.ts';

/** One time that a cluster's VM server did not answer. */
export type ServerEpisode = {
  readonly cluster: string;
  readonly server: string;
  /** Since when it does not answer; with cluster and server the episode's identity. */
  readonly sinceMs: number;
  readonly reason: string;
  /** When people were told; undefined while it is too short to be worth it. */
  readonly toldAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
};

/** What to write, and whether people are told with it; undefined: nothing. */
export function serverPlan(
  open: ServerEpisode | undefined,
  away: Away | undefined,
  { cluster, nowMs, tellAfterMs }: { readonly cluster: string; readonly nowMs: number; readonly tellAfterMs: number },
): { readonly episode: ServerEpisode; readonly tell: boolean } | undefined {
  if (away === undefined)
    return open === undefined
      ? undefined
      : { episode: { ...open, endedAtMs: nowMs }, tell: open.toldAtMs !== undefined };
  const { server, sinceMs, reason } = away;
  const episode = open ?? { cluster, server, sinceMs, reason, toldAtMs: undefined, endedAtMs: undefined };
  if (episode.toldAtMs === undefined && nowMs - episode.sinceMs >= tellAfterMs)
    return { episode: { ...episode, reason, toldAtMs: nowMs }, tell: true };
  return open === undefined || open.reason !== reason ? { episode: { ...episode, reason }, tell: false } : undefined;
}
