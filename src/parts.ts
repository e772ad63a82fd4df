/** The parts of the app as the configuration has them. Invariant: making them sends nothing and starts nothing. */
import { readFileSync } from 'node:fs';
import { parse } from 'node:path';
import { accessPolicy, drainPolicy, joinTemplates, renderJoin, safetyPolicy, workerPolicy } from './config/index.ts';
import type { Config } from './config/index.ts';
import { BurstError } from './domain/errors.ts';
import { createCluster } from './kubernetes/index.ts';
import { createLogger } from './observability/index.ts';
import type { Logger } from './observability/index.ts';
import type { createOperations } from './operations/index.ts';
import type { StepDeps } from './operations/index.ts';
import type { Clock } from './ports/clock.ts';
import type { Cluster } from './ports/cluster.ts';
import type { Ids } from './ports/ids.ts';
import type { Store } from './ports/store.ts';
import type { VmProvider } from './ports/vm-provider.ts';
import { createSlackApp } from './slack/index.ts';
import type { Chat } from './ports/chat.ts';
import { systemClock, systemIds } from './system.ts';
import { createVmProvider, readProfile } from './vm/index.ts';
import type { Traced } from './vm/index.ts';

export type AppOptions = {
  readonly config: Config;
  readonly clock?: Clock;
  /** The kubeconfig's text, instead of a file. */
  readonly kubeconfig?: string;
};

export type Parts = {
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

export function makeParts({ config, clock = systemClock, kubeconfig }: AppOptions): Parts {
  const ids = systemIds(clock);
  const log = createLogger({ level: config.logging.level, secrets: secretsOf(config) });
  const { kubernetes, join } = config;
  const cluster = createCluster({
    name: kubernetes.name,
    namespace: kubernetes.namespace,
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

/** The VM provider as configured; `trace` is told every call. @throws BurstError `invalid_input` for a wrong profile. */
export function makeProvider(config: Config, clock: Clock, log: Logger, trace?: (traced: Traced) => void): VmProvider {
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
        ? {
            kind: proxmox.transport === 'sse' ? 'sse' : 'http',
            url: proxmox.endpoint,
            headers: { ...proxmox.headers, ...bearer },
          }
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
    ...(trace === undefined ? {} : { trace }),
  });
}

export function stepDeps(parts: Parts, store: Store, installationId: string): StepDeps {
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

export function makeSlack(parts: Parts, store: Store, operations: ReturnType<typeof createOperations>): Chat {
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
