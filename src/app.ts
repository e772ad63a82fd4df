/**
 * The composition root: configuration in, running app out, orderly stop. Invariant: the only place that knows every
 * adapter; a start that fails leaves nothing running.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'node:path';
import {
  accessPolicy,
  drainPolicy,
  enginePolicy,
  joinTemplates,
  reaperPolicy,
  reaperSchedule,
  renderJoin,
  safetyPolicy,
  workerPolicy,
} from './config/index.ts';
import type { Config } from './config/index.ts';
import { BurstError } from './domain/errors.ts';
import { createEngine } from './engine/index.ts';
import { createCluster } from './kubernetes/index.ts';
import { createLogger, createMetrics, startMonitoring } from './observability/index.ts';
import type { Check, Logger } from './observability/index.ts';
import { createOperations, runDefinitions } from './operations/index.ts';
import type { StepDeps } from './operations/index.ts';
import type { Clock } from './ports/clock.ts';
import type { Cluster } from './ports/cluster.ts';
import type { Ids } from './ports/ids.ts';
import type { Store } from './ports/store.ts';
import type { VmProvider } from './ports/vm-provider.ts';
import { createReaper, scheduleReaper } from './reaper/index.ts';
import { createSlackApp } from './slack/index.ts';
import type { SlackApp } from './slack/index.ts';
import { openStore } from './store/index.ts';
import { systemClock, systemIds } from './system.ts';
import { createVmProvider, readProfile } from './vm/index.ts';

export type AppOptions = {
  readonly config: Config;
  readonly clock?: Clock;
  /** The kubeconfig's text, instead of a file. */
  readonly kubeconfig?: string;
};

export type App = {
  readonly log: Logger;
  /** What /readyz answers. */
  checks(): Promise<readonly Check[]>;
  stop(): Promise<void>;
};

type Parts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly cluster: Cluster;
  readonly vms: VmProvider;
};

function secretsOf(config: Config): readonly string[] {
  const { slack, mcpServers, join } = config;
  return [slack.botToken, slack.appToken, slack.signingSecret, mcpServers.proxmox.bearerToken, join.k3s.token].filter(
    (secret) => secret !== undefined,
  );
}

function makeParts({ config, clock = systemClock, kubeconfig }: AppOptions): Parts {
  const ids = systemIds(clock);
  const log = createLogger({ level: config.logging.level, secrets: secretsOf(config) });
  const { kubernetes, join } = config;
  const cluster = createCluster({
    name: kubernetes.name,
    clock,
    ids,
    credentials: kubernetes.inCluster
      ? { kind: 'in-cluster' }
      : {
          kind: 'kubeconfig',
          ...(kubeconfig === undefined ? {} : { text: kubeconfig }),
          ...(kubernetes.kubeconfig === undefined ? {} : { path: kubernetes.kubeconfig }),
          ...(kubernetes.context === undefined ? {} : { context: kubernetes.context }),
        },
    requestTimeoutMs: kubernetes.requestTimeoutSeconds * 1000,
    joinOverrides: {
      ...(join.endpoint === undefined ? {} : { endpoint: join.endpoint }),
      ...(join.caCertHash === undefined ? {} : { caCertHash: join.caCertHash }),
    },
    bootstrap: { groups: join.tokenGroups },
    neededAnnotations: [config.burstWorkers.ttlAnnotation],
    log,
  });
  return { config, clock, ids, log, cluster, vms: makeProvider(config, clock, log) };
}

function makeProvider(config: Config, clock: Clock, log: Logger): VmProvider {
  const { proxmox } = config.mcpServers;
  const path =
    parse(proxmox.profile).ext === ''
      ? new URL(`../config/providers/${proxmox.profile}.yaml`, import.meta.url)
      : proxmox.profile;
  const profile = readProfile(proxmox.profile, () => readFileSync(path, 'utf8'));
  const bearer = proxmox.bearerToken === undefined ? {} : { Authorization: `Bearer ${proxmox.bearerToken}` };
  if (proxmox.endpoint === undefined && proxmox.command === undefined)
    throw new BurstError('invalid_input', 'mcp_servers.proxmox has neither an endpoint nor a command.');
  return createVmProvider({
    name: 'proxmox',
    profile,
    connection:
      proxmox.endpoint !== undefined
        ? { kind: 'http', url: proxmox.endpoint, headers: { ...proxmox.headers, ...bearer } }
        : {
            kind: 'stdio',
            command: proxmox.command ?? '',
            args: proxmox.args,
            env: proxmox.env,
            ...(proxmox.cwd === undefined ? {} : { cwd: proxmox.cwd }),
          },
    settings: proxmox.settings,
    clock,
    callTimeoutMs: proxmox.callTimeoutSeconds * 1000,
    maxReplyBytes: proxmox.maxReplyKib * 1024,
    maxCallsAtOnce: proxmox.maxCallsAtOnce,
    log,
  });
}

function stepDeps(parts: Parts, store: Store, installationId: string): StepDeps {
  const { config, cluster, vms, clock, ids } = parts;
  const templates = joinTemplates(config);
  const labels = Object.entries({ ...config.burstWorkers.labels })
    .map(([key, value]) => `${key}=${value}`)
    .concat(config.burstWorkers.workerLabel)
    .join(',');
  const { join } = config;
  return {
    cluster,
    vms,
    store,
    clock,
    ids,
    drain: drainPolicy(config),
    safety: safetyPolicy(config),
    workers: workerPolicy(config),
    joinToken:
      join.method === 'kubeadm'
        ? { kind: 'bootstrap', ttlMs: join.tokenTtlMinutes * 60_000 }
        : { kind: 'static', token: join.method === 'k3s' ? (join.k3s.token ?? '') : '' },
    renderJoin: ({ worker, size, endpoint, token, caCertHash }) =>
      renderJoin(templates, {
        cluster: config.kubernetes.name,
        worker,
        size,
        labels,
        endpoint: join.method === 'k3s' ? (join.k3s.url ?? '') : endpoint,
        token,
        ca_cert_hash: caCertHash,
      }),
    ownerTag: `burst-${installationId}`,
    pollMs: config.engine.pollSeconds * 1000,
  };
}

function makeSlack(parts: Parts, store: Store, operations: ReturnType<typeof createOperations>): SlackApp {
  const { slack } = parts.config;
  return createSlackApp({
    mode:
      slack.mode === 'socket'
        ? { kind: 'socket', botToken: slack.botToken, appToken: slack.appToken ?? '' }
        : { kind: 'http', botToken: slack.botToken, signingSecret: slack.signingSecret ?? '', port: slack.port },
    ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }),
    operations,
    store,
    access: accessPolicy(parts.config),
    workers: workerPolicy(parts.config),
    ...(slack.channel === undefined ? {} : { defaultChannelId: slack.channel }),
    clock: parts.clock,
    ids: parts.ids,
    log: parts.log,
    cluster: parts.config.kubernetes.name,
  });
}

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
    const chat: { slack?: SlackApp } = {};
    const engine = createEngine({
      ...deps,
      policy: enginePolicy(config),
      definitions: runDefinitions(deps),
      owner: ids.next(),
      log,
      looked: ({ cluster: name, kind, step, outcome }, tookMs) =>
        metrics.stepLooked({ cluster: name, kind, step, outcome: stepOutcome(outcome) }, tookMs),
      advanced: () => chat.slack?.poke(),
    });
    const operations = createOperations({
      ...deps,
      submitted: () => {
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
    const checks = (): Promise<Check[]> => readiness(store, cluster, vms, bot, clock);
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
function wakeOnChange(cluster: Cluster, store: Store, clock: Clock, wake: () => void, log: Logger): void {
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

async function readiness(
  store: Store,
  cluster: Cluster,
  vms: VmProvider,
  slack: SlackApp,
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
  ];
}

/** `burst check`: what is fit for work and what is not, one line each; changes nothing. */
export async function checkApp(options: AppOptions): Promise<readonly Check[]> {
  const parts = makeParts(options);
  const { config, clock, ids, cluster, vms } = parts;
  const results: Check[] = [];
  const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  let store: Store | undefined;
  try {
    store = await openStore({ path: config.database.path, clock, ids });
    await store.probe();
    results.push({ name: 'database', ok: true, text: config.database.path });
    const deps = stepDeps(parts, store, await store.installationId());
    const slack = makeSlack(parts, store, createOperations({ ...deps, submitted: () => undefined }));
    results.push(...(await slack.check()).map((check) => ({ ...check, name: `slack: ${check.name}` })));
  } catch (error) {
    results.push({ name: store === undefined ? 'database' : 'slack', ok: false, text: text(error) });
  } finally {
    await store?.close();
  }
  try {
    for (const permission of await cluster.checkPermissions())
      results.push({
        name: `cluster: ${permission.what}`,
        ok: permission.allowed,
        text: permission.allowed ? 'allowed' : `refused: ${permission.reason}`,
      });
  } catch (error) {
    results.push({ name: 'cluster', ok: false, text: text(error) });
  } finally {
    await cluster.stop();
  }
  try {
    results.push({ name: 'vm server', ...(await vms.health()) });
  } catch (error) {
    results.push({ name: 'vm server', ok: false, text: text(error) });
  } finally {
    await vms.close();
  }
  return results;
}
