/**
 * The composition root: configuration in, running app out, orderly stop. Invariant: the only place that knows every
 * adapter; a start that fails leaves nothing running.
 */
import { enginePolicy, reaperPolicy, reaperSchedule } from './config/index.ts';
import type { WorkerStatus } from './domain/worker.ts';
import { createEngine } from './engine/index.ts';
import { createMetrics, startMonitoring } from './observability/index.ts';
import type { Check, Logger, Metrics } from './observability/index.ts';
import { createOperations, runDefinitions } from './operations/index.ts';
import type { Operations } from './operations/index.ts';
import type { Clock } from './ports/clock.ts';
import type { Cluster } from './ports/cluster.ts';
import type { Store } from './ports/store.ts';
import type { VmProvider } from './ports/vm-provider.ts';
import { makeParts, makeSlack, stepDeps } from './parts.ts';
import type { AppOptions } from './parts.ts';
import { createReaper, scheduleReaper } from './reaper/index.ts';
import type { Reaper } from './reaper/index.ts';
import type { Chat } from './ports/chat.ts';
import { openStore } from './store/index.ts';

export type App = {
  readonly log: Logger;
  /** What /readyz answers. */
  checks(): Promise<readonly Check[]>;
  stop(): Promise<void>;
};

/**
 * Starts everything. @throws when the database or Slack is unfit; a cluster or VM server that is away is waited for.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const parts = makeParts(options);
  const { config, clock, ids, log, cluster, vms } = parts;
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse())
      await close().catch((error: unknown) => log.error({ err: error }, 'a part did not stop cleanly'));
  };
  try {
    const store = await openStore({ path: config.database.path, clock, ids });
    closers.push(() => store.close());
    const deps = stepDeps(parts, store, await store.installationId());
    const metrics = createMetrics();
    const chat: { slack?: Chat } = {};
    const engine = createEngine({
      ...deps,
      policy: enginePolicy(config),
      definitions: runDefinitions(deps),
      owner: ids.next(),
      log,
      looked: ({ cluster: name, kind, step, outcome }, tookMs) =>
        metrics.stepLooked({ cluster: name, kind, step, outcome: stepOutcome(outcome) }, tookMs),
      operationEnded: ({ cluster: name, kind, state }) => {
        if (state !== 'running') metrics.operationEnded({ cluster: name, kind, outcome: state });
      },
      advanced: () => chat.slack?.poke(),
    });
    const operations = createOperations({
      ...deps,
      submitted: (operation) => {
        if (operation !== undefined) metrics.operationStarted({ cluster: operation.cluster, kind: operation.kind });
        engine.wake();
        chat.slack?.poke();
      },
    });
    const starting = new AbortController();
    closers.push(async () => {
      starting.abort(new Error('shutting down'));
      await cluster.stop();
      await vms.close();
    });
    wakeOnChange(cluster, store, clock, () => engine.wake(), log);
    const filled = cluster.start(starting.signal).catch((error: unknown) => {
      if (!starting.signal.aborted) log.error({ err: error }, 'the cluster caches could not be filled');
    });
    const bot = makeSlack(parts, store, operations);
    chat.slack = bot;
    await bot.start();
    closers.push(() => bot.stop());
    engine.start();
    closers.push(() => engine.stop());
    const reaper = createReaper({
      store,
      cluster,
      clock,
      policy: reaperPolicy(config),
      safety: deps.safety,
      log,
      upkeep: operations,
      vms,
      ownerTag: deps.ownerTag,
      ticked: (outcome, tookMs) => metrics.reaperTicked({ cluster: cluster.name, outcome }, tookMs),
      poke: () => bot.poke(),
    });
    await Promise.race([filled, clock.sleep(2000)]);
    const cron = scheduleReaper(reaper, reaperSchedule(config), clock, log);
    closers.push(() => cron.stop());
    const checks = (): Promise<Check[]> => readiness(store, cluster, vms, bot, reaper, clock);
    gauge(metrics, cluster, store, operations, clock);
    if (config.monitoring.enabled) {
      const monitoring = await startMonitoring({
        host: config.monitoring.host,
        port: config.monitoring.port,
        metrics,
        checks,
      });
      closers.push(() => monitoring.close());
      log.info({ url: monitoring.url }, 'monitoring listens');
    }
    log.info({ cluster: cluster.name }, 'Burst runs');
    return { log, checks, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const stepOutcome = (outcome: string): 'done' | 'wait' | 'failed' | 'threw' =>
  outcome === 'done' || outcome === 'wait' || outcome === 'threw' ? outcome : 'failed';

/** Changes of a node, its pods or a budget make the runs that wait on them due at once. */
export function wakeOnChange(cluster: Cluster, store: Store, clock: Clock, wake: () => void, log: Logger): void {
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
function gauge(metrics: Metrics, cluster: Cluster, store: Store, operations: Operations, clock: Clock): void {
  metrics.onScrape(async () => {
    const { name } = cluster;
    const { workers } = await operations.fleet({ type: 'burst' });
    const counts: Partial<Record<WorkerStatus, number>> = {};
    for (const { status } of workers) counts[status] = (counts[status] ?? 0) + 1;
    metrics.setBurstWorkers(name, counts);
    metrics.setBacklog(name, await store.backlog(name));
    const freshness = cluster.freshness();
    metrics.setCacheStale(name, freshness.stale ? Math.max(1, clock.now() - (freshness.sinceMs ?? clock.now())) : 0);
  });
}

async function readiness(
  store: Store,
  cluster: Cluster,
  vms: VmProvider,
  slack: Chat,
  reaper: Pick<Reaper, 'rival'>,
  clock: Clock,
): Promise<Check[]> {
  const freshness = cluster.freshness();
  const [database, provider, chat] = await Promise.all([
    store.probe().then(
      () => ({ ok: true, text: 'reads and writes' }),
      (error: unknown) => ({ ok: false, text: error instanceof Error ? error.message : String(error) }),
    ),
    vms
      .health()
      .catch((error: unknown) => ({ ok: false, text: error instanceof Error ? error.message : String(error) })),
    slack.health(),
  ]);
  return [
    { name: 'database', ...database },
    {
      name: 'cluster',
      ok: !freshness.stale,
      text: freshness.stale
        ? `stale${freshness.sinceMs === undefined ? '' : ` for ${Math.round((clock.now() - freshness.sinceMs) / 1000)} s`}: ${freshness.reason}`
        : 'fresh',
    },
    { name: 'vm-server', ...provider },
    { name: 'slack', ...chat },
    {
      name: 'reaper',
      ok: reaper.rival() === undefined,
      text: reaper.rival() === undefined ? 'looks after the cluster' : `the installation ${reaper.rival()} does that`,
    },
  ];
}
