/**
 * One cluster at work: its operations, engine, reaper and caches. Invariant: it shares the store, the clock and the log
 * with the other clusters and nothing else, so that one that hangs or is away holds up no other.
 */
import {
  breakerPolicy,
  enginePolicy,
  healthPolicy,
  provisionRates,
  reaperPolicy,
  reaperSchedule,
  tellAfterMs,
} from './config/index.ts';
import type { Away } from './domain/breaker.ts';
import { formatDuration } from './domain/duration.ts';
import { messageOf } from './domain/errors.ts';
import type { Actor } from './domain/operation.ts';
import type { Role } from './domain/policy.ts';
import type { WorkerStatus } from './domain/worker.ts';
import { createEngine } from './engine/index.ts';
import type { Check, Metrics } from './observability/index.ts';
import { createOperations, runDefinitions } from './operations/index.ts';
import type { Operations, Sweeps } from './operations/index.ts';
import type { Change } from './mcp/index.ts';
import { within } from './ports/clock.ts';
import type { Clock } from './ports/clock.ts';
import type { Cluster } from './ports/cluster.ts';
import type { Store } from './ports/store.ts';
import { stepDeps } from './parts.ts';
import type { ClusterParts, Parts } from './parts.ts';
import { createReaper, scheduleReaper, tellOfServer } from './reaper/index.ts';
import { watchServer } from './vm/index.ts';

/** One cluster's server that says nothing within this time is told as unfit, ms. */
const HEALTH_MS = 3_000;
/** What is under way at a stop has this long to end by itself before its servers are let go of, ms. */
const STOP_MS = 5_000;
/** The first reaping waits this long for the caches, ms. */
const FILL_MS = 2_000;

export type Member = {
  readonly name: string;
  readonly operations: Operations;
  readonly sweeps: Sweeps;
  /** Fills the caches in the background; an API server that is away is waited for. */
  fill(): void;
  /** Begins to work: the engine, and after a moment for the caches the reaper. */
  start(): Promise<void>;
  /** Stops the work: nothing is claimed or reaped any more. */
  stop(): Promise<void>;
  /** Lets go of the API server and the VM server. */
  close(): Promise<void>;
  /** Its API server, VM server, Talos server and reaper. */
  checks(): Promise<readonly Check[]>;
};

export type MemberOptions = {
  readonly own: ClusterParts;
  readonly parts: Parts;
  readonly store: Store;
  readonly installationId: string;
  readonly metrics: Metrics;
  /** The role of who asks for workers. */
  readonly roleOf: (cluster: string, by: Actor) => Promise<Role | undefined>;
  /** There is news for Slack. */
  readonly poke: () => void;
  /** Something that people or assistants look at is otherwise now. */
  readonly changed: (change: Change) => void;
};

export function createMember(options: MemberOptions): Member {
  const { own, parts, store, metrics, poke, changed } = options;
  const { clock, ids } = parts;
  const { cluster, machines, config } = own;
  const { name } = cluster;
  const log = parts.log;
  const { vms, watch } = watchServer(own.vms, {
    clock,
    policy: breakerPolicy(config),
    log,
    changed: async (away) => {
      if (away === undefined && (await store.wakeRuns(name, 'all', clock.now())) > 0) engine.wake();
      await tellOfServer({ cluster: name, store, clock, tellAfterMs: tellAfterMs(config), poke }, away);
    },
  });
  const deps = {
    ...stepDeps({ ...own, vms }, parts, store, options.installationId),
    roleOf: (by: Actor) => options.roleOf(name, by),
  };
  const closers: (() => Promise<unknown>)[] = [];
  const starting = new AbortController();
  let filled: Promise<void> = Promise.resolve();

  const engine = createEngine({
    ...deps,
    clusterName: name,
    policy: enginePolicy(config),
    definitions: runDefinitions(deps),
    owner: ids.next(),
    log,
    away: watch.away,
    looked: ({ kind, step, outcome }, tookMs) =>
      metrics.stepLooked({ cluster: name, kind, step, outcome: stepOutcome(outcome) }, tookMs),
    operationEnded: ({ kind, state }) => {
      if (state !== 'running') metrics.operationEnded({ cluster: name, kind, outcome: state });
    },
    advanced: (run) => {
      poke();
      changed({ kind: 'operation', id: run.operationId });
    },
  });
  const operations = createOperations({
    ...deps,
    rates: provisionRates(parts.config),
    submitted: (operation) => {
      if (operation !== undefined) metrics.operationStarted({ cluster: name, kind: operation.kind });
      engine.wake();
      poke();
      if (operation !== undefined) changed({ kind: 'operation', id: operation.id });
    },
  });
  const reaper = createReaper({
    store,
    cluster,
    clock,
    policy: reaperPolicy(config),
    health: healthPolicy(config),
    safety: deps.safety,
    log,
    upkeep: operations,
    vms,
    ownerTag: deps.ownerTag,
    ticked: (outcome, tookMs) => metrics.reaperTicked({ cluster: name, outcome }, tookMs),
    poke,
  });
  const letGo = async (): Promise<void> => {
    starting.abort(new Error('shutting down'));
    await cluster.stop();
    await vms.close();
    await machines?.close();
  };
  cluster.onChange((change) => {
    if ('nodeName' in change) changed({ kind: 'worker', cluster: name, name: change.nodeName });
  });
  wakeOnChange(cluster, store, clock, () => engine.wake(), log);
  gauge(metrics, cluster, store, operations, clock, watch.away);
  return {
    name,
    operations,
    sweeps: reaper,
    fill() {
      filled = cluster.start(starting.signal).catch((error: unknown) => {
        if (!starting.signal.aborted)
          log.error({ cluster: name, err: error }, 'the cluster caches could not be filled');
      });
    },
    async start() {
      const left = await store.openServerEpisode(name);
      if (left !== undefined) watch.resume(left.sinceMs, left.reason);
      watch.start();
      closers.push(() => watch.stop());
      engine.start();
      closers.push(() => engine.stop());
      await within(clock, FILL_MS, filled);
      const cron = scheduleReaper(reaper, reaperSchedule(config), clock, log);
      closers.push(() => cron.stop());
      log.info({ cluster: name }, 'Burst looks after this cluster');
    },
    async stop() {
      const ending = Promise.all(
        closers
          .splice(0)
          .map((close) =>
            close().catch((error: unknown) => log.error({ cluster: name, err: error }, 'a part did not stop cleanly')),
          ),
      );
      // whatever waits for an answer still gets none any more, and is looked at again at the next start
      if ((await within(clock, STOP_MS, ending)) === undefined) await letGo();
      await ending;
    },
    close: letGo,
    async checks() {
      const freshness = cluster.freshness();
      const away = watch.away();
      const provider =
        away === undefined ? await soon(vms.health(), clock) : { ok: false, text: awayText(away, clock.now()) };
      const rival = reaper.rival();
      return [
        {
          name: 'cluster',
          ok: !freshness.stale,
          text: freshness.stale
            ? `stale${freshness.sinceMs === undefined ? '' : ` for ${Math.round((clock.now() - freshness.sinceMs) / 1000)} s`}: ${freshness.reason}`
            : 'fresh',
        },
        { name: 'vm-server', ...provider },
        ...(machines === undefined ? [] : [{ name: 'talos-server', ...(await soon(machines.health(), clock)) }]),
        {
          name: 'reaper',
          ok: rival === undefined,
          text: rival === undefined ? 'looks after the cluster' : `the installation ${rival} does that`,
        },
      ];
    },
  };
}

const awayText = ({ sinceMs, reason, nextLookMs }: Away, nowMs: number): string =>
  `away for ${formatDuration(nowMs - sinceMs)} (since ${new Date(sinceMs).toISOString()}), looked at again in ${formatDuration(Math.max(0, nextLookMs - nowMs))}: ${reason}`;

type Health = { readonly ok: boolean; readonly text: string };

/** What it says, or that it said nothing in time. */
async function soon(health: Promise<Health>, clock: Clock): Promise<Health> {
  const said = health.catch((error: unknown) => ({ ok: false, text: messageOf(error) }));
  return (await within(clock, HEALTH_MS, said)) ?? { ok: false, text: `no answer within ${HEALTH_MS / 1000} s` };
}

const stepOutcome = (outcome: string): 'done' | 'wait' | 'failed' | 'threw' =>
  outcome === 'done' || outcome === 'wait' || outcome === 'threw' ? outcome : 'failed';

/** Changes of a node, its pods or a budget make the runs that wait on them due at once. */
export function wakeOnChange(cluster: Cluster, store: Store, clock: Clock, wake: () => void, log: Parts['log']): void {
  const names = new Set<string>();
  let all = false;
  let queued = false;
  const flush = async (): Promise<void> => {
    queued = false;
    const woken = all ? 'all' : [...names];
    names.clear();
    all = false;
    if ((await store.wakeRuns(cluster.name, woken, clock.now())) > 0) wake();
  };
  cluster.onChange((change) => {
    if (change.kind === 'budget') all = true;
    else if (change.nodeName !== undefined) names.add(change.nodeName);
    else return;
    if (queued) return;
    queued = true;
    setTimeout(() => {
      flush().catch((error: unknown) => log.warn({ err: error }, 'waiting runs could not be woken'));
    }, 50).unref();
  });
}

/** What a scrape asks for is looked at when it comes. */
function gauge(
  metrics: Metrics,
  cluster: Cluster,
  store: Store,
  operations: Operations,
  clock: Clock,
  away: () => Away | undefined,
): void {
  metrics.onScrape(async () => {
    const { name } = cluster;
    const gone = away();
    metrics.setVmServerAway(name, gone === undefined ? 0 : Math.max(1, clock.now() - gone.sinceMs));
    const { workers } = await operations.fleet({ type: 'burst' });
    const counts: Partial<Record<WorkerStatus, number>> = {};
    for (const { status } of workers) counts[status] = (counts[status] ?? 0) + 1;
    metrics.setBurstWorkers(name, counts);
    metrics.setBacklog(name, await store.backlog(name));
    const freshness = cluster.freshness();
    metrics.setCacheStale(name, freshness.stale ? Math.max(1, clock.now() - (freshness.sinceMs ?? clock.now())) : 0);
  });
}
