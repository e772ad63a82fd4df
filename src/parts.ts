/** The parts of the app as the configuration has them. Invariant: making them sends nothing and starts nothing. */
import { readFileSync } from 'node:fs';
import { parse } from 'node:path';
import {
  accessPolicy,
  costPolicy,
  drainPolicy,
  floodPolicy,
  joinTemplates,
  notifyPolicy,
  placementPolicy,
  renderJoin,
  safetyPolicy,
  workerPolicy,
} from './config/index.ts';
import type { ClusterConfig, Config, OAuthConfig } from './config/index.ts';
import { BurstError } from './domain/errors.ts';
import { createCluster, createLateCluster } from './kubernetes/index.ts';
import { createLogger } from './observability/index.ts';
import type { Logger } from './observability/index.ts';
import type { Approvals, Costs, Operations, StepDeps, Sweeps } from './operations/index.ts';
import type { Clock } from './ports/clock.ts';
import type { Cluster } from './ports/cluster.ts';
import type { Ids } from './ports/ids.ts';
import type { InstallationStore } from './ports/installations.ts';
import type { InboxStore } from './ports/inbox.ts';
import type { MachineServer } from './ports/machine-server.ts';
import type { Store } from './ports/store.ts';
import type { VmProvider } from './ports/vm-provider.ts';
import { createSlackApp } from './slack/index.ts';
import type { OAuthOptions } from './slack/index.ts';
import type { Chat } from './ports/chat.ts';
import { systemClock, systemIds } from './system.ts';
import {
  cannotPlace,
  connectionSecrets,
  createMachineServer,
  createVmProvider,
  handsOverJoin,
  readMachineProfile,
  readProfile,
} from './vm/index.ts';
import type { Profile, Traced, VmProviderOptions } from './vm/index.ts';

export type AppOptions = {
  readonly config: Config;
  readonly clock?: Clock;
  /** The kubeconfig's text, instead of a file, for the clusters that name no file of their own. */
  readonly kubeconfig?: string;
};

/** What a cluster has for itself. */
export type ClusterParts = {
  readonly config: ClusterConfig;
  readonly cluster: Cluster;
  readonly vms: VmProvider;
  /** With join.method talos. */
  readonly machines?: MachineServer;
};

export type Parts = {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Logger;
  readonly clusters: readonly ClusterParts[];
};

/** Every secret of the configuration, for what hides them. */
export function secretsOf(config: Config): readonly string[] {
  const { slack, mcp } = config;
  const own = config.clusters.flatMap(({ mcpServers: { proxmox, talos }, join }) => [
    ...(talos.enabled ? connectionSecrets(talosConnectionOf(talos)) : []),
    ...(proxmox.endpoint === undefined && proxmox.command === undefined
      ? []
      : connectionSecrets(connectionOf(proxmox))),
    proxmox.bearerToken,
    join.k3s.token,
  ]);
  const { oauth } = slack;
  const forOauth = [oauth?.clientSecret, oauth?.stateSecret];
  return [
    slack.botToken,
    slack.appToken,
    slack.signingSecret,
    ...forOauth,
    ...mcp.tokens.map(({ token }) => token),
    ...own,
  ].filter((secret) => secret !== undefined);
}

export function makeParts({ config, clock = systemClock, kubeconfig }: AppOptions): Parts {
  const ids = systemIds(clock);
  const log = createLogger({ level: config.logging.level, secrets: secretsOf(config) });
  const several = config.clusters.length > 1;
  const clusters = config.clusters.map((own): ClusterParts => {
    const make = (): Cluster => makeCluster(own, { clock, ids, log }, kubeconfig);
    return {
      config: own,
      // the only cluster's credentials must be readable for a start; one of several keeps no other from starting
      cluster: several ? createLateCluster({ name: own.kubernetes.name, clock, log, make }) : make(),
      vms: makeProvider(own, clock, log),
      ...(own.join.method === 'talos' ? { machines: makeMachines(own, clock, log) } : {}),
    };
  });
  return { config, clock, ids, log, clusters };
}

function makeCluster(
  config: ClusterConfig,
  { clock, ids, log }: Pick<Parts, 'clock' | 'ids' | 'log'>,
  kubeconfig: string | undefined,
): Cluster {
  const { kubernetes, join } = config;
  return createCluster({
    name: kubernetes.name,
    namespace: kubernetes.namespace,
    clock,
    ids,
    credentials: kubernetes.inCluster
      ? { kind: 'in-cluster' }
      : {
          kind: 'kubeconfig',
          ...(kubeconfig === undefined || kubernetes.kubeconfig !== undefined ? {} : { text: kubeconfig }),
          ...(kubernetes.kubeconfig === undefined ? {} : { path: kubernetes.kubeconfig }),
          ...(kubernetes.context === undefined ? {} : { context: kubernetes.context }),
        },
    requestTimeoutMs: kubernetes.requestTimeoutSeconds * 1000,
    joinOverrides: {
      ...(join.endpoint === undefined ? {} : { endpoint: join.endpoint }),
      ...(join.caCertHash === undefined ? {} : { caCertHash: join.caCertHash }),
    },
    ...(join.method === 'kubeadm' ? { bootstrap: { groups: join.tokenGroups } } : {}),
    neededAnnotations: [config.burstWorkers.ttlAnnotation],
    log,
  });
}

type ProxmoxConfig = ClusterConfig['mcpServers']['proxmox'];
function connectionOf(proxmox: ProxmoxConfig): VmProviderOptions['connection'] {
  if (proxmox.endpoint === undefined)
    return {
      kind: 'stdio',
      command: proxmox.command ?? '',
      args: proxmox.args,
      env: proxmox.env,
      ...(proxmox.cwd === undefined ? {} : { cwd: proxmox.cwd }),
    };
  const bearer = proxmox.bearerToken === undefined ? {} : { Authorization: `Bearer ${proxmox.bearerToken}` };
  return {
    kind: proxmox.transport === 'sse' ? 'sse' : 'http',
    url: proxmox.endpoint,
    headers: { ...proxmox.headers, ...bearer },
  };
}
/** Talos' servers answer with a few lines. */
const MOST_TALOS_BYTES = 1024 * 1024;
const TALOS_CALLS_AT_ONCE = 8;

/** A profile by its name, or a file by its path. */
const profileAt = (profile: string): URL | string =>
  parse(profile).ext === '' ? new URL(`../config/providers/${profile}.yaml`, import.meta.url) : profile;

/** The VM provider as configured; `trace` is told every call. @throws BurstError `invalid_input` for a wrong profile. */
export function makeProvider(
  config: ClusterConfig,
  clock: Clock,
  log: Logger,
  trace?: (traced: Traced) => void,
): VmProvider {
  const { proxmox } = config.mcpServers;
  const profile = readProfile(proxmox.profile, () => readFileSync(profileAt(proxmox.profile), 'utf8'));
  if (config.join.method === 'talos' && profile.steps.address === undefined)
    throw new BurstError(
      'invalid_input',
      `mcp_servers.proxmox.profile ${proxmox.profile} cannot say a VM's address (it has no step "address"), which ` +
        `join.method talos needs to find the machine: use a profile that can (ry-ops-proxmox, proxmox-mcp-plus).`,
    );
  if (config.join.method !== 'none' && config.join.method !== 'talos' && !handsOverJoin(profile))
    throw new BurstError(
      'invalid_input',
      `mcp_servers.proxmox.profile ${proxmox.profile} has no way to give a VM what it joins with, which join.method ` +
        `${config.join.method} needs: its VMs would never become nodes. Let the template join by itself and set ` +
        `join.method to none, or use a profile that hands it over (ry-ops-proxmox).`,
    );
  assertPlaceable(config, profile);
  if (proxmox.endpoint === undefined && proxmox.command === undefined)
    throw new BurstError('invalid_input', 'mcp_servers.proxmox has neither an endpoint nor a command.');
  return createVmProvider({
    name: 'proxmox',
    profile,
    connection: connectionOf(proxmox),
    settings: proxmox.settings,
    uses: [
      ...(config.placement.target === 'template' ? [] : (['hosts'] as const)),
      ...(config.join.method === 'talos' ? (['address'] as const) : []),
    ],
    clock,
    callTimeoutMs: proxmox.callTimeoutSeconds * 1000,
    maxReplyBytes: proxmox.maxReplyKib * 1024,
    maxCallsAtOnce: proxmox.maxCallsAtOnce,
    log,
    ...(trace === undefined ? {} : { trace }),
  });
}

type TalosConfig = ClusterConfig['mcpServers']['talos'];
function talosConnectionOf({ endpoint, command = '', args, env, cwd }: TalosConfig): VmProviderOptions['connection'] {
  return endpoint === undefined
    ? { kind: 'stdio', command, args, env, ...(cwd === undefined ? {} : { cwd }) }
    : { kind: 'http', url: endpoint, headers: {} };
}

/** The Talos server as configured. @throws BurstError `invalid_input` for a wrong profile. */
export function makeMachines({ mcpServers: { talos } }: ClusterConfig, clock: Clock, log: Logger): MachineServer {
  return createMachineServer({
    name: 'talos',
    profile: readMachineProfile(talos.profile, () => readFileSync(profileAt(talos.profile), 'utf8')),
    connection: talosConnectionOf(talos),
    settings: talos.settings,
    clock,
    callTimeoutMs: talos.callTimeoutSeconds * 1000,
    maxReplyBytes: MOST_TALOS_BYTES,
    maxCallsAtOnce: TALOS_CALLS_AT_ONCE,
    log,
  });
}

/** @throws BurstError `invalid_input` when `placement` wants what the profile has no way to ask for. */
function assertPlaceable(config: ClusterConfig, profile: Profile): void {
  const { target, base, sizes } = placementPolicy(config);
  const name = `mcp_servers.proxmox.profile ${config.mcpServers.proxmox.profile}`;
  const refuse = (what: string, instead: string): never => {
    throw new BurstError('invalid_input', `${name} ${what}: ${instead}.`);
  };
  const all = [base, ...sizes.values()];
  if (profile.steps.hosts === undefined) {
    if (target === 'most_free_memory')
      refuse(
        'cannot say how much memory the hosts have free (it has no step "hosts"), which placement.target most_free_memory needs',
        'use round_robin or fixed with placement.hosts',
      );
    if (target === 'round_robin' && all.some(({ hosts }) => hosts.length === 0))
      refuse('cannot list the hosts (it has no step "hosts")', 'name them in placement.hosts');
  }
  const wanted = (['template', 'storage', 'pool', 'bridge', 'vlan'] as const).filter((key) =>
    all.some((rules) => (key === 'template' ? rules.templates.length > 0 : rules[key] !== undefined)),
  );
  const lacking = cannotPlace(profile, target === 'template' ? wanted : ['host', ...wanted]);
  const words = { host: `target ${target}`, template: 'templates', templateHost: 'templates' } as const;
  const keys = lacking.map((key) => `placement.${key in words ? words[key as keyof typeof words] : key}`);
  if (keys.length > 0)
    refuse(`has no way to do what ${keys.join(' and ')} asks for`, 'take it away, or use a profile that can');
}

/** What makes two clusters' VM servers one. */
const serverOf = ({ mcpServers: { proxmox } }: ClusterConfig): string =>
  JSON.stringify([
    proxmox.endpoint,
    proxmox.endpoint === undefined ? [proxmox.command, proxmox.args, proxmox.env] : [],
  ]);

/** What the steps of one cluster work with. */
export function stepDeps(
  { config, cluster, vms, machines }: ClusterParts,
  { clock, ids, config: whole }: Pick<Parts, 'clock' | 'ids' | 'config'>,
  store: Store,
  installationId: string,
): StepDeps {
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
    cost: costPolicy(config),
    ...(machines === undefined
      ? {}
      : { machines: { ...machines, resetTimeoutMs: config.mcpServers.talos.resetTimeoutMinutes * 60_000 } }),
    placement: placementPolicy(config),
    sharedWith: whole.clusters
      .filter((other) => serverOf(other) === serverOf(config))
      .map(({ kubernetes }) => kubernetes.name),
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

const oauthOptions = ({ encryptionKeys, teams, ...oauth }: OAuthConfig): OAuthOptions => ({
  ...oauth,
  keys: encryptionKeys,
  allowed: teams,
});

/** @param doors the operations of each cluster, by its name. @param sweeps what sweeps each of them. */
export function makeSlack(
  parts: Parts,
  store: Store & InboxStore & InstallationStore,
  doors: ReadonlyMap<string, Operations>,
  approvals?: Approvals,
  costs?: Costs,
  sweeps: ReadonlyMap<string, Sweeps> = new Map(),
): Chat {
  const { slack, clusters, defaultCluster } = parts.config;
  const doorsOf = clusters.map((config) => {
    const operations = doors.get(config.kubernetes.name);
    if (operations === undefined) throw new TypeError(`no operations for ${config.kubernetes.name}`);
    const own = sweeps.get(config.kubernetes.name);
    return {
      cluster: config.kubernetes.name,
      operations,
      ...(own === undefined ? {} : { sweeps: own }),
      access: accessPolicy(config),
      workers: workerPolicy(config),
      defaultIn: config.defaultIn,
    };
  });
  const first = doorsOf.find(({ cluster }) => cluster === defaultCluster) ?? doorsOf[0];
  if (first === undefined) throw new TypeError('no cluster is configured');
  const flood = floodPolicy(parts.config);
  return createSlackApp({
    mode:
      slack.mode === 'socket'
        ? { kind: 'socket', appToken: slack.appToken ?? '' }
        : { kind: 'http', signingSecret: slack.signingSecret ?? '', port: slack.port },
    ...(slack.botToken === undefined ? {} : { botToken: slack.botToken }),
    ...(slack.oauth === undefined ? {} : { oauth: oauthOptions(slack.oauth) }),
    ...(slack.apiUrl === undefined ? {} : { apiUrl: slack.apiUrl }),
    ...first,
    others: doorsOf.filter((door) => door !== first),
    store,
    notify: notifyPolicy(parts.config),
    approverGroups: parts.config.approvals.rules
      .flatMap((rule) => rule.approvers.groups)
      .concat(parts.config.cost.budgets.flatMap((budget) => budget.approvers.groups)),
    ...(approvals === undefined ? {} : { approvals }),
    ...(costs === undefined ? {} : { costs }),
    ...(flood === undefined ? {} : { flood }),
    exemptAdmins: parts.config.limits.adminsExempt,
    ...(slack.channel === undefined ? {} : { defaultChannelId: slack.channel }),
    clock: parts.clock,
    ids: parts.ids,
    log: parts.log,
  });
}
