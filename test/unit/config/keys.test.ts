/** Every key of the file: documented, and with an effect. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type Config,
  accessPolicy,
  approvalPolicy,
  costPolicy,
  breakerPolicy,
  drainPolicy,
  enginePolicy,
  floodPolicy,
  healthPolicy,
  joinTemplates,
  placementPolicy,
  provisionRates,
  notifyPolicy,
  reaperPolicy,
  reaperSchedule,
  safetyPolicy,
  tellAfterMs,
  workerPolicy,
} from '../../../src/config/index.ts';
import { fileSchema } from '../../../src/config/schema.ts';
import { leafPaths } from '../../../src/config/shape.ts';
import { ENV, load } from './support.ts';

type Case = {
  readonly yaml: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly files?: Readonly<Record<string, string>>;
  /** What the program reads because of this key. */
  readonly read: (config: Config) => unknown;
  readonly expected: unknown;
  /** What it reads without the key. */
  readonly before: unknown;
  /** What else must be in the file for the key to mean anything. */
  readonly base?: string;
};

const NO_ENDPOINT = { ...ENV, PROXMOX_MCP_ENDPOINT: undefined };
const HTTP = { SLACK_BOT_TOKEN: 'xoxb-test', SLACK_SIGNING_SECRET: 's', PROXMOX_MCP_ENDPOINT: 'http://a/mcp' };
const nested = (path: string, value: string): string => {
  const keys = path.split('.');
  return keys.map((key, depth) => `${'  '.repeat(depth)}${key}:`).join('\n') + ` ${value}\n`;
};
const key = (
  path: string,
  value: string,
  read: Case['read'],
  before: unknown,
  expected: unknown,
  more: Partial<Pick<Case, 'yaml' | 'env' | 'files' | 'base'>> = {},
): [string, Case] => [
  path,
  { yaml: nested(path, value) + (more.yaml ?? ''), read, before, expected, ...optional(more) },
];
const optional = ({ env, files, base }: Partial<Pick<Case, 'env' | 'files' | 'base'>>) => ({
  ...(base === undefined ? {} : { base }),
  ...(env === undefined ? {} : { env }),
  ...(files === undefined ? {} : { files }),
});
const proxmox = (config: Config) => config.mcpServers.proxmox;
const NONE = Symbol('refused');
/** All that installing to workspaces needs, but for the keys that are left out. */
const oauthBut = (...left: readonly string[]): string =>
  Object.entries({
    client_id: '"1.2"',
    client_secret: 'cs',
    state_secret: 'ss',
    encryption_key: 'ab'.repeat(32),
    url: 'https://burst.test',
  })
    .filter(([name]) => !left.includes(name))
    .map(([name, value]) => `    ${name}: ${value}\n`)
    .join('');
const oauthKey = (
  name: string,
  value: string,
  read: Case['read'],
  before: unknown,
  expected: unknown,
  files: Record<string, string> = {},
): [string, Case] => [
  `slack.oauth.${name}`,
  {
    // goes on where the base ends
    yaml: `    ${name}: ${value}\n`,
    base: `slack:\n  oauth:\n${oauthBut(name, name.replace('_file', ''))}`,
    read,
    before,
    expected,
    files,
  },
];
const held = { '/s': 'held\n', '/k': `${'cd'.repeat(32)}\n${'ab'.repeat(32)}\n` };
const OAUTH_KEYS = [
  oauthKey('client_id', '"3.4"', (c) => c.slack.oauth?.clientId, NONE, '3.4'),
  oauthKey('client_secret', 'other', (c) => c.slack.oauth?.clientSecret, NONE, 'other'),
  oauthKey('client_secret_file', '/s', (c) => c.slack.oauth?.clientSecret, NONE, 'held', held),
  oauthKey('state_secret', 'other', (c) => c.slack.oauth?.stateSecret, NONE, 'other'),
  oauthKey('state_secret_file', '/s', (c) => c.slack.oauth?.stateSecret, NONE, 'held', held),
  oauthKey('encryption_key', 'cd'.repeat(32), (c) => c.slack.oauth?.encryptionKeys, NONE, [Buffer.alloc(32, 0xcd)]),
  oauthKey(
    'encryption_key_file',
    '/k',
    (c) => c.slack.oauth?.encryptionKeys,
    NONE,
    [Buffer.alloc(32, 0xcd), Buffer.alloc(32, 0xab)],
    held,
  ),
  oauthKey('url', 'https://other.test/', (c) => c.slack.oauth?.url, NONE, 'https://other.test'),
  oauthKey('port', '8081', (c) => c.slack.oauth?.port, 3001, 8081),
  oauthKey('teams', '[T0123, E0123]', (c) => c.slack.oauth?.teams, [], ['T0123', 'E0123']),
];
const TOKENS = '\n  tokens: [{name: a, token_env: A_TOKEN}]';
const ALL_PRICES = '{small: 0.0125, medium: 0.1, large: 0.2, xlarge: 1}';
const PRICES = `  prices: ${ALL_PRICES}\n`;
const MCP_TOKEN = { env: { ...ENV, A_TOKEN: '0123456789abcdef' } };

const USER_RATE = { of: 'requester', counts: 'provisions', windowMs: 3_600_000, maxRequests: 20, maxWorkers: 40 };
const ALL_RATE = { ...USER_RATE, of: 'everybody', maxRequests: 100, maxWorkers: 200 };
const FLOOD = { burst: 60, perMinute: 60 };

const CASES: readonly [string, Case][] = [
  key(
    'clusters',
    '{east: {kubernetes: {context: e}}, west: {kubernetes: {context: w}}}',
    (c) => c.clusters.map(({ kubernetes }) => kubernetes.name),
    ['main'],
    ['east', 'west'],
  ),
  key('default_cluster', 'west', (c) => c.defaultCluster, 'east', 'west', {
    base: 'clusters: {east: {kubernetes: {context: e}}, west: {kubernetes: {context: w}}}\n',
  }),
  key('kubernetes.name', 'east', (c) => c.kubernetes.name, 'main', 'east'),
  key('kubernetes.context', 'east', (c) => c.kubernetes.context, undefined, 'east'),
  key('kubernetes.namespace', 'other', (c) => c.kubernetes.namespace, 'kube-system', 'other'),
  key('kubernetes.kubeconfig', '/k', (c) => c.kubernetes.kubeconfig, undefined, '/k'),
  key('kubernetes.in_cluster', 'true', (c) => c.kubernetes.inCluster, false, true),
  key('kubernetes.request_timeout_seconds', '7', (c) => c.kubernetes.requestTimeoutSeconds, 30, 7),
  key('mcp_servers.preferred_provider', 'talos', (c) => c.mcpServers.preferredProvider, 'proxmox', NONE),
  key('mcp_servers.proxmox.enabled', 'false', (c) => proxmox(c).enabled, true, NONE),
  key('mcp_servers.proxmox.endpoint', 'http://b/mcp', (c) => proxmox(c).endpoint, NONE, 'http://b/mcp', {
    env: NO_ENDPOINT,
  }),
  key('mcp_servers.proxmox.transport', 'sse', (c) => proxmox(c).transport, 'streamable_http', 'sse'),
  key('mcp_servers.proxmox.command', 'srv', (c) => proxmox(c).command, NONE, 'srv', { env: NO_ENDPOINT }),
  key('mcp_servers.proxmox.args', '[a, "1"]\n    command: srv', (c) => proxmox(c).args, NONE, ['a', '1'], {
    env: NO_ENDPOINT,
  }),
  key(
    'mcp_servers.proxmox.env',
    '{A: b}\n    command: srv',
    (c) => proxmox(c).env,
    NONE,
    { A: 'b' },
    { env: NO_ENDPOINT },
  ),
  key(
    'mcp_servers.proxmox.env_from',
    '[A_TOKEN]\n    command: srv',
    (c) => proxmox(c).env,
    NONE,
    { A_TOKEN: 'x1' },
    {
      env: { ...NO_ENDPOINT, A_TOKEN: 'x1' },
    },
  ),
  key(
    'mcp_servers.proxmox.env_files',
    '{ A: /t }\n    command: srv',
    (c) => proxmox(c).env,
    NONE,
    { A: 'held' },
    {
      env: NO_ENDPOINT,
      files: { '/t': 'held\n' },
    },
  ),
  key('mcp_servers.proxmox.cwd', '/srv\n    command: srv', (c) => proxmox(c).cwd, NONE, '/srv', { env: NO_ENDPOINT }),
  key('mcp_servers.proxmox.headers', '{X-Team: b}', (c) => proxmox(c).headers, {}, { 'X-Team': 'b' }),
  key('mcp_servers.proxmox.bearer_token', 't', (c) => proxmox(c).bearerToken, undefined, 't'),
  key('mcp_servers.proxmox.bearer_token_file', '/t', (c) => proxmox(c).bearerToken, undefined, 'held', {
    files: { '/t': 'held\n' },
  }),
  key('mcp_servers.proxmox.profile', './mine.yaml', (c) => proxmox(c).profile, 'ry-ops-proxmox', './mine.yaml'),
  key(
    'mcp_servers.proxmox.settings',
    '{node_name: pve, a: null}',
    (c) => proxmox(c).settings,
    {},
    { node_name: 'pve', a: null },
  ),
  key('mcp_servers.proxmox.call_timeout_seconds', '9', (c) => proxmox(c).callTimeoutSeconds, 30, 9),
  key('mcp_servers.proxmox.max_reply_kib', '64', (c) => proxmox(c).maxReplyKib, 4096, 64),
  key('mcp_servers.proxmox.max_calls_at_once', '2', (c) => proxmox(c).maxCallsAtOnce, 8, 2),
  key('mcp_servers.talos.enabled', 'true\n    endpoint: http://t', (c) => c.mcpServers.talos.enabled, NONE, true, {
    base: 'join: { method: talos }\n',
  }),
  key('mcp_servers.talos.endpoint', 'http://t', (c) => c.mcpServers.talos.endpoint, undefined, 'http://t'),
  key('mcp_servers.talos.command', 'talos-srv', (c) => c.mcpServers.talos.command, undefined, 'talos-srv'),
  key('mcp_servers.talos.args', '[-v]', (c) => c.mcpServers.talos.args, [], ['-v']),
  key('mcp_servers.talos.env', '{A: b}', (c) => c.mcpServers.talos.env, {}, { A: 'b' }),
  key(
    'mcp_servers.talos.env_from',
    '[A_TOKEN]',
    (c) => c.mcpServers.talos.env,
    {},
    { A_TOKEN: 'x1' },
    {
      env: { ...ENV, A_TOKEN: 'x1' },
    },
  ),
  key(
    'mcp_servers.talos.env_files',
    '{ A: /t }',
    (c) => c.mcpServers.talos.env,
    {},
    { A: 'held' },
    {
      files: { '/t': 'held\n' },
    },
  ),
  key('mcp_servers.talos.cwd', '/t', (c) => c.mcpServers.talos.cwd, undefined, '/t'),
  key('mcp_servers.talos.profile', 'own.yaml', (c) => c.mcpServers.talos.profile, 'talos-mcp-server', 'own.yaml'),
  key('mcp_servers.talos.settings', '{file: w}', (c) => c.mcpServers.talos.settings, {}, { file: 'w' }),
  key('mcp_servers.talos.call_timeout_seconds', '5', (c) => c.mcpServers.talos.callTimeoutSeconds, 60, 5),
  key('mcp_servers.talos.reset_timeout_minutes', '5', (c) => c.mcpServers.talos.resetTimeoutMinutes, 10, 5),
  key(
    'worker_sizes',
    '{tiny: {cpu: 1, memory_gb: 0.5, disk_gb: 9}, small: null}',
    (c) => [...workerPolicy(c).sizes.values()].map((s) => [s.name, s.cpus, s.memoryGiB, s.diskGiB]),
    [
      ['small', 2, 4, 50],
      ['medium', 4, 8, 100],
      ['large', 8, 16, 200],
      ['xlarge', 16, 32, 400],
    ],
    [
      ['medium', 4, 8, 100],
      ['large', 8, 16, 200],
      ['xlarge', 16, 32, 400],
      ['tiny', 1, 0.5, 9],
    ],
  ),
  key('burst_workers.max_burst_workers', '3', (c) => workerPolicy(c).maxBurstWorkers, 10, 3),
  key('burst_workers.max_per_request', '4', (c) => workerPolicy(c).maxPerRequest, 10, 4),
  key('burst_workers.default_ttl_hours', '5', (c) => workerPolicy(c).defaultTtlHours, 24, 5),
  key('burst_workers.min_ttl_hours', '2', (c) => workerPolicy(c).minTtlHours, 1, 2),
  key('burst_workers.max_ttl_hours', '48', (c) => workerPolicy(c).maxTtlHours, 168, 48),
  key('burst_workers.default_size', 'large', (c) => workerPolicy(c).defaultSize, 'medium', 'large'),
  key(
    'burst_workers.worker_label',
    'a/b=c',
    (c) => safetyPolicy(c).label,
    { key: 'worker-type', value: 'burst' },
    { key: 'a/b', value: 'c' },
  ),
  key('burst_workers.ttl_annotation', 'ttl', (c) => safetyPolicy(c).ttlAnnotation, 'worker-ttl', 'ttl'),
  key('burst_workers.cleanup_interval_seconds', '30', reaperSchedule, '0 */5 * * * *', '*/30 * * * * *'),
  key('health.not_ready_minutes', '5', (c) => healthPolicy(c).notReadyMs, 600_000, 300_000),
  key('health.auto_repair', 'true', (c) => healthPolicy(c).autoRepair, false, true),
  key('health.max_unhealthy_percent', '50', (c) => healthPolicy(c).maxUnhealthyPercent, 20, 50),
  key('provider_health.check_seconds', '5', (c) => breakerPolicy(c).checkEveryMs, 60_000, 5000),
  key('provider_health.failures', '1', (c) => [breakerPolicy(c).failures, breakerPolicy(c).spanMs], [3, 2000], [1, 0]),
  key('provider_health.first_retry_seconds', '1', (c) => breakerPolicy(c).firstRetryMs, 5000, 1000),
  key('provider_health.max_retry_seconds', '60', (c) => breakerPolicy(c).maxRetryMs, 120_000, 60_000),
  key('provider_health.tell_after_seconds', '0', tellAfterMs, 30_000, 0),
  key('burst_workers.name_prefix', 'tmp', (c) => workerPolicy(c).namePrefix, 'burst', 'tmp'),
  key('burst_workers.labels', '{team: x}', (c) => workerPolicy(c).extraLabels, {}, { team: 'x' }),
  key(
    'join.method',
    'none',
    (c) => [c.join.method, joinTemplates(c).joinCommand === ''],
    ['kubeadm', false],
    ['none', true],
  ),
  key(
    'join.user_data',
    '"u {{ worker }}"',
    (c) => joinTemplates(c).userData.slice(0, 14),
    '#cloud-config\n',
    'u {{ worker }}',
  ),
  key(
    'join.join_command',
    '"j {{ worker }}"',
    (c) => joinTemplates(c).joinCommand.slice(0, 14),
    'kubeadm join {',
    'j {{ worker }}',
  ),
  key(
    'placement.target',
    'round_robin\n  templates: [9000]',
    (c) => placementPolicy(c).target,
    'template',
    'round_robin',
  ),
  key(
    'placement.hosts',
    '[pve2]\n  target: fixed\n  templates: [9000]',
    (c) => placementPolicy(c).base.hosts,
    [],
    ['pve2'],
  ),
  key(
    'placement.memory_reserve_gb',
    '2\n  target: most_free_memory\n  templates: [9000]',
    (c) => placementPolicy(c).memoryReserveMiB,
    0,
    2048,
  ),
  key('placement.templates', '[9000]', (c) => placementPolicy(c).base.templates, [], ['9000']),
  key('placement.templates_shared', 'true', (c) => placementPolicy(c).base.templatesShared, false, true),
  key('placement.storage', 'ceph', (c) => placementPolicy(c).base.storage, undefined, 'ceph'),
  key('placement.pool', 'burst', (c) => placementPolicy(c).base.pool, undefined, 'burst'),
  key('placement.bridge', 'vmbr1', (c) => placementPolicy(c).base.bridge, undefined, 'vmbr1'),
  key('placement.vlan', '40', (c) => placementPolicy(c).base.vlan, undefined, 40),
  key(
    'placement.sizes',
    '{small: {templates: [9100], storage: fast, vlan: 7}}',
    (c) => [...placementPolicy(c).sizes],
    [],
    [['small', { hosts: [], templates: ['9100'], templatesShared: false, storage: 'fast', vlan: 7 }]],
  ),
  key('join.endpoint', 'k8s.test:6443', (c) => c.join.endpoint, undefined, 'k8s.test:6443'),
  key('join.ca_cert_hash', `sha256:${'a'.repeat(64)}`, (c) => c.join.caCertHash, undefined, `sha256:${'a'.repeat(64)}`),
  key('join.token_ttl_minutes', '90', (c) => c.join.tokenTtlMinutes, 60, 90),
  key(
    'join.token_groups',
    '["system:bootstrappers:x"]',
    (c) => c.join.tokenGroups[0],
    'system:bootstrappers:kubeadm:default-node-token',
    'system:bootstrappers:x',
  ),
  key('join.timeout_minutes', '5', (c) => workerPolicy(c).joinTimeoutMs, 900_000, 300_000),
  key('join.ready_timeout_minutes', '3', (c) => workerPolicy(c).readyTimeoutMs, 600_000, 180_000),
  key(
    'join.k3s.url',
    'https://k:6443\n    token: t\n  method: k3s',
    (c) => c.join.k3s.url,
    undefined,
    'https://k:6443',
  ),
  key('join.k3s.token', 't\n    url: https://k:6443\n  method: k3s', (c) => c.join.k3s.token, undefined, 't'),
  key('join.k3s.token_file', '/t\n    url: https://k:6443\n  method: k3s', (c) => c.join.k3s.token, undefined, 'held', {
    files: { '/t': 'held' },
  }),
  key('drain.grace_period_seconds', '-1', (c) => drainPolicy(c).gracePeriodSeconds, 300, -1),
  key('drain.timeout_seconds', '60', (c) => drainPolicy(c).timeoutMs, 600_000, 60_000),
  key('drain.ignore_daemonsets', 'false', (c) => drainPolicy(c).ignoreDaemonSets, true, false),
  key('drain.delete_emptydir_data', 'false', (c) => drainPolicy(c).deleteEmptyDirData, true, false),
  key('drain.force', 'true', (c) => drainPolicy(c).force, false, true),
  key('drain.skip_wait_for_delete_seconds', '0', (c) => drainPolicy(c).skipWaitForDeleteMs, 30_000, 0),
  key('drain.permanent_workers', 'true', (c) => drainPolicy(c).permanentWorkers, false, true),
  key('drain.volume_detach_timeout_seconds', '5', (c) => drainPolicy(c).volumeDetachTimeoutMs, 120_000, 5000),
  key('drain.max_evictions_at_once', '3', (c) => drainPolicy(c).maxEvictionsAtOnce, 20, 3),
  key('safety.protect_permanent_workers', 'false', () => 'starts', 'starts', NONE),
  key('safety.require_drain_before_destroy', 'false', (c) => safetyPolicy(c).requireDrainBeforeDestroy, true, false),
  key(
    'safety.protected_worker_patterns',
    "['^db-']",
    (c) =>
      ['db-1', 'master-1', 'permanent-2', 'x-master-1'].map((n) =>
        safetyPolicy(c).protectedPatterns.some((p) => p.matches(n)),
      ),
    [false, true, true, false],
    [true, false, false, false],
  ),
  key('schedules.reaper', '"*/2 * * * *"', reaperSchedule, '0 */5 * * * *', '*/2 * * * *'),
  key(
    'warnings.before_minutes',
    '[10, 60, 10]',
    (c) => reaperPolicy(c).warnBeforeMs,
    [7_200_000, 1_800_000],
    [3_600_000, 600_000],
  ),
  key('warnings.timezone', 'Europe/Berlin', (c) => reaperPolicy(c).quiet.timezone, 'UTC', 'Europe/Berlin'),
  key(
    'warnings.quiet_hours',
    '[{between: "22:00-07:30", days: [fri]}]',
    (c) => reaperPolicy(c).quiet.windows,
    [],
    [{ from: 1320, to: 450, days: ['fri'] }],
  ),
  key('notifications.owners', 'both', (c) => notifyPolicy(c).owners, 'channel', 'both'),
  key(
    'notifications.routes',
    '[{kinds: [alert], clusters: [main], asked_in: [C01A], to: C02A}, {to: request}]',
    (c) => notifyPolicy(c).routes,
    [],
    [
      { kinds: ['alert'], clusters: ['main'], askedIn: ['C01A'], to: 'C02A' },
      { kinds: [], clusters: [], askedIn: [], to: undefined },
    ],
  ),
  key('reaper.max_removals_at_once', '1', (c) => reaperPolicy(c).maxRemovalsAtOnce, 3, 1),
  key('reaper.retry_after_minutes', '1', (c) => reaperPolicy(c).retryAfterMs, 600_000, 60_000),
  key('reaper.sweep_interval_seconds', '5', (c) => reaperPolicy(c).sweepEveryMs, 120_000, 5_000),
  key('reaper.sweep_grace_seconds', '5', (c) => reaperPolicy(c).sweepGraceMs, 30_000, 5_000),
  key('engine.max_steps_at_once', '5', (c) => enginePolicy(c).maxStepsAtOnce, 20, 5),
  key('engine.step_timeout_seconds', '50', (c) => enginePolicy(c).stepTimeoutMs, 60_000, 50_000),
  key('engine.claim_seconds', '120', (c) => enginePolicy(c).claimMs, 90_000, 120_000),
  key('engine.poll_seconds', '1', (c) => enginePolicy(c).pollMs, 2000, 1000),
  key('engine.retry_base_seconds', '2', (c) => enginePolicy(c).retryBaseMs, 1000, 2000),
  key('engine.retry_max_seconds', '30', (c) => enginePolicy(c).retryMaxMs, 60_000, 30_000),
  key('slack.mode', 'http', (c) => c.slack.mode, NONE, 'http', { env: HTTP }),
  key('slack.bot_token', 'xoxb-file', (c) => c.slack.botToken, NONE, 'xoxb-file', {
    env: { ...ENV, SLACK_BOT_TOKEN: '' },
  }),
  key('slack.bot_token_file', '/t', (c) => c.slack.botToken, NONE, 'xoxb-held', {
    env: { ...ENV, SLACK_BOT_TOKEN: '' },
    files: { '/t': 'xoxb-held\n' },
  }),
  key('slack.app_token', 'xapp-file', (c) => c.slack.appToken, NONE, 'xapp-file', {
    env: { ...ENV, SLACK_APP_TOKEN: '' },
  }),
  key('slack.app_token_file', '/t', (c) => c.slack.appToken, NONE, 'xapp-held', {
    env: { ...ENV, SLACK_APP_TOKEN: '' },
    files: { '/t': 'xapp-held\n' },
  }),
  key('slack.signing_secret', 's1', (c) => c.slack.signingSecret, undefined, 's1'),
  key('slack.signing_secret_file', '/s', (c) => c.slack.signingSecret, undefined, 'held', { files: { '/s': 'held' } }),
  key('slack.port', '8080', (c) => c.slack.port, 3000, 8080),
  key('slack.channel', 'C0123', (c) => c.slack.channel, undefined, 'C0123'),
  key('slack.channels', '[C0123]', (c) => accessPolicy(c).channels, [], ['C0123']),
  ...(['viewer', 'operator', 'admin'] as const).flatMap((role) => [
    key(`slack.roles.${role}.users`, '[U0123]', (c) => accessPolicy(c).roles[role].users, [], ['U0123']),
    key(`slack.roles.${role}.groups`, '[ops]', (c) => accessPolicy(c).roles[role].groups, [], ['ops']),
  ]),
  [
    'slack.team',
    {
      base: 'slack:\n  roles: {admin: {users: [T0HOME/U01]}}\n',
      yaml: '  team: T0HOME\n',
      read: (c) => accessPolicy(c).roles.admin.users,
      before: ['T0HOME/U01'],
      expected: ['U01'],
    },
  ],
  ...OAUTH_KEYS,
  key('slack.api_url', 'http://127.0.0.1:1/api/', (c) => c.slack.apiUrl, undefined, 'http://127.0.0.1:1/api/'),
  key('cost.currency', 'EUR', (c) => costPolicy(c)?.budgets[0]?.limit.currency ?? c.cost.currency, 'USD', 'EUR', {
    yaml: `${PRICES}  budgets: [{name: a, monthly: 1}]\n`,
  }),
  key('cost.prices', ALL_PRICES, (c) => workerPolicy(c).prices?.get('small'), undefined, {
    currency: 'USD',
    micros: 12_500,
  }),
  key('cost.timezone', 'Europe/Berlin', (c) => costPolicy(c)?.timezone ?? c.cost.timezone, 'UTC', 'Europe/Berlin', {
    yaml: PRICES,
  }),
  key(
    'cost.budgets',
    '[{name: team, monthly: 12.5, beyond: approval, warn_percent: 90, roles: [operator], channels: [C01A], clusters: [main], approvers: {groups: [g]}, needed: 2, self: true}]',
    (c) => [costPolicy(c)?.budgets, approvalPolicy(c).budgetRules],
    [undefined, []],
    [
      [
        {
          name: 'team',
          limit: { currency: 'USD', exact: 45_000_000_000_000n },
          beyond: 'approval',
          warnPercent: 90,
          roles: ['operator'],
          channels: ['C01A'],
          clusters: ['main'],
        },
      ],
      [
        expect.objectContaining({
          name: 'budget:team',
          approvers: { users: [], groups: ['g'] },
          needed: 2,
          self: true,
        }),
      ],
    ],
    { yaml: PRICES },
  ),
  key('database.path', '/d/b.sqlite', (c) => c.database.path, 'data/burst.sqlite', '/d/b.sqlite'),
  key('logging.level', 'debug', (c) => c.logging.level, 'info', 'debug'),
  key('approvals.channel', 'C0123', (c) => approvalPolicy(c).channelId, undefined, 'C0123'),
  key('approvals.expires_minutes', '60', (c) => approvalPolicy(c).expiresMs, 14_400_000, 3_600_000),
  key('approvals.remind_before_minutes', '0', (c) => approvalPolicy(c).remindBeforeMs, 1_800_000, 0),
  key('approvals.timezone', 'Europe/Berlin', (c) => approvalPolicy(c).timezone, 'UTC', 'Europe/Berlin'),
  key(
    'approvals.rules',
    '[{name: a, actions: [force], more_than: 1, longer_than_hours: 2, cost_over: 2.5, sizes: [small], others: true, channels: [C01A], clusters: [main], between: "18:00-08:30", days: [sat], approvers: {groups: [g]}, needed: 2, self: true, channel: C02A, expires_minutes: 5}]',
    (c) => approvalPolicy(c).rules,
    [],
    [
      {
        name: 'a',
        actions: ['force'],
        moreThan: 1,
        longerThanHours: 2,
        costAbove: { currency: 'USD', exact: 9_000_000_000_000n },
        sizes: ['small'],
        others: true,
        channels: ['C01A'],
        clusters: ['main'],
        between: { from: 1080, to: 510 },
        days: ['sat'],
        approvers: { users: [], groups: ['g'] },
        needed: 2,
        self: true,
        channelId: 'C02A',
        expiresMs: 300_000,
      },
    ],
    { base: `cost:\n${PRICES}` },
  ),
  key('limits.window_minutes', '5', (c) => provisionRates(c)[0]?.windowMs, 3_600_000, 300_000),
  key('limits.per_user.requests', '3', (c) => provisionRates(c)[0], USER_RATE, { ...USER_RATE, maxRequests: 3 }),
  key('limits.per_user.workers', '0', (c) => provisionRates(c)[0], USER_RATE, { ...USER_RATE, maxWorkers: undefined }),
  key('limits.per_workspace.requests', '3', (c) => provisionRates(c)[1], ALL_RATE, { ...ALL_RATE, maxRequests: 3 }),
  key('limits.per_workspace.workers', '9', (c) => provisionRates(c)[1], ALL_RATE, { ...ALL_RATE, maxWorkers: 9 }),
  key('limits.commands.burst', '5', (c) => floodPolicy(c), FLOOD, { ...FLOOD, burst: 5 }),
  key('limits.commands.per_minute', '0', (c) => floodPolicy(c), FLOOD, undefined),
  key('limits.admins_exempt', 'true', (c) => c.limits.adminsExempt, false, true),
  key('mcp.enabled', `true${TOKENS}`, (c) => c.mcp.enabled, false, true, MCP_TOKEN),
  key('mcp.host', '0.0.0.0', (c) => c.mcp.host, '127.0.0.1', '0.0.0.0'),
  key('mcp.port', '0', (c) => c.mcp.port, 9091, 0),
  key('mcp.allowed_hosts', '[burst.test]', (c) => c.mcp.allowedHosts, [], ['burst.test']),
  key('mcp.allowed_origins', '["https://a.test"]', (c) => c.mcp.allowedOrigins, [], ['https://a.test']),
  key('mcp.max_body_kib', '1', (c) => c.mcp.maxBodyKib, 256, 1),
  key('mcp.max_sessions', '1', (c) => c.mcp.maxSessions, 200, 1),
  key('mcp.idle_minutes', '1', (c) => c.mcp.idleMinutes, 60, 1),
  key(
    'mcp.tokens',
    '[{name: a, token_file: /t, role: operator, user: U0A1, clusters: [main], alone: [force], max_count: 1, max_ttl_hours: 2, sizes: [small], max_workers_per_hour: 3, max_workers_per_day: 4, max_changes_per_hour: 5, max_changes_per_day: 6, max_calls_per_minute: 7}]',
    (c) => c.mcp.tokens,
    [],
    [
      {
        name: 'a',
        token: '0123456789abcdef',
        role: 'operator',
        user: 'U0A1',
        clusters: ['main'],
        alone: ['force'],
        maxCount: 1,
        maxTtlHours: 2,
        sizes: ['small'],
        maxWorkersPerHour: 3,
        maxWorkersPerDay: 4,
        maxChangesPerHour: 5,
        maxChangesPerDay: 6,
        maxCallsPerMinute: 7,
      },
    ],
    { files: { '/t': '0123456789abcdef\n' } },
  ),
  key('monitoring.enabled', 'false', (c) => c.monitoring.enabled, true, false),
  key('monitoring.host', '0.0.0.0', (c) => c.monitoring.host, '127.0.0.1', '0.0.0.0'),
  key('monitoring.port', '0', (c) => c.monitoring.port, 9090, 0),
];

const readOrRefused = (yaml: string, { read, env, files }: Case): unknown => {
  try {
    return read(load(yaml, env ?? ENV, files));
  } catch (error) {
    if (error instanceof Error && error.name === 'ConfigError') return NONE;
    throw error;
  }
};

describe('every key has an effect', () => {
  it.each(CASES)('%s', (_path, example) => {
    const base = example.base ?? '';
    expect(readOrRefused(base, example)).toEqual(example.before);
    expect(readOrRefused(base + example.yaml, example)).toEqual(example.expected);
    expect(example.expected).not.toEqual(example.before);
  });

  it('and no key is left out of the table', () => {
    expect(CASES.map(([path]) => path).sort()).toEqual(
      leafPaths(fileSchema)
        .map((path) => path.join('.'))
        .sort(),
    );
  });
});

describe('config/burst.yaml', () => {
  const text = readFileSync(new URL('../../../config/burst.yaml', import.meta.url), 'utf8');
  // `#key: value` shows a key that has no default; `# ` is prose.
  const uncommented = text.replace(/^( *)#(?! )/gm, '$1');
  const paths = (value: unknown, known: ReadonlySet<string>, prefix = ''): string[] => {
    if (known.has(prefix) || typeof value !== 'object' || value === null) return [prefix];
    return Object.entries(value).flatMap(([name, child]) =>
      paths(child, known, prefix === '' ? name : `${prefix}.${name}`),
    );
  };

  it('documents every key, and no other', () => {
    const known = leafPaths(fileSchema).map((path) => path.join('.'));
    expect(paths(parse(uncommented), new Set(known)).sort()).toEqual([...known].sort());
  });

  it('shows the defaults', () => {
    expect(load(text)).toEqual(load(''));
  });
});
