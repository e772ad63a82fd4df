/** Several clusters in one file: what each has for itself, what it has from the top, and what is refused where. */
import { describe, expect, it } from 'vitest';
import {
  accessPolicy,
  drainPolicy,
  placementPolicy,
  reaperSchedule,
  safetyPolicy,
  workerPolicy,
} from '../../../src/config/index.ts';
import type { ClusterConfig } from '../../../src/config/index.ts';
import { ENV, load, problemsOf } from './support.ts';

/** `east` says nothing but where it is; `west` says besides what is given. */
const file = (west: string, top = ''): string =>
  `${top}\nclusters:\n  east: { kubernetes: { context: e } }\n  west:\n    kubernetes: { context: w }\n${west
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')}\n`;
function both(west: string, top = '', files = {}): readonly [ClusterConfig, ClusterConfig] {
  const [east, second] = load(file(west, top), ENV, files).clusters;
  if (east === undefined || second === undefined) throw new Error('not two clusters');
  return [east, second];
}
const paths = (yaml: string, env = ENV as Readonly<Record<string, string | undefined>>): string[] =>
  problemsOf(yaml, env).problems.map(({ path }) => path);

type Read = (config: ClusterConfig) => unknown;
const CASES: readonly [string, Read, unknown, unknown][] = [
  ['kubernetes: { namespace: burst }', (c) => c.kubernetes.namespace, 'kube-system', 'burst'],
  ['kubernetes: { request_timeout_seconds: 5 }', (c) => c.kubernetes.requestTimeoutSeconds, 30, 5],
  ['kubernetes: { context: other }', (c) => c.kubernetes.context, 'e', 'other'],
  ['kubernetes: { kubeconfig: /w }', (c) => c.kubernetes.kubeconfig, undefined, '/w'],
  [
    'mcp_servers: { proxmox: { endpoint: "http://w/mcp" } }',
    (c) => c.mcpServers.proxmox.endpoint,
    'http://proxmox.test/mcp',
    'http://w/mcp',
  ],
  [
    'mcp_servers: { proxmox: { settings: { node: pve2 } } }',
    (c) => c.mcpServers.proxmox.settings,
    {},
    { node: 'pve2' },
  ],
  ['worker_sizes: { xlarge: null }', (c) => workerPolicy(c).sizes.has('xlarge'), true, false],
  [
    'worker_sizes: { tiny: { cpu: 1, memory_gb: 1, disk_gb: 9 } }',
    (c) => workerPolicy(c).sizes.has('tiny'),
    false,
    true,
  ],
  ['placement: { templates: [9001], vlan: 7 }', (c) => placementPolicy(c).base.vlan, undefined, 7],
  ['burst_workers: { max_burst_workers: 3 }', (c) => workerPolicy(c).maxBurstWorkers, 10, 3],
  ['burst_workers: { cleanup_interval_seconds: 30 }', reaperSchedule, '0 */5 * * * *', '*/30 * * * * *'],
  ['join: { endpoint: "w:6443" }', (c) => c.join.endpoint, undefined, 'w:6443'],
  ['drain: { timeout_seconds: 60 }', (c) => drainPolicy(c).timeoutMs, 600_000, 60_000],
  ['safety: { protected_worker_patterns: [^db-] }', (c) => safetyPolicy(c).protectedPatterns.length, 3, 1],
  ['roles: { operator: { users: [U0WEST] } }', (c) => accessPolicy(c).roles.operator.users, ['U0ALL'], ['U0WEST']],
  ['channels: [C0WEST]', (c) => c.defaultIn, [], ['C0WEST']],
];

describe('a key of one cluster', () => {
  it.each(CASES)('%s holds there alone', (yaml, read, east, west) => {
    const top = 'slack: { roles: { operator: { users: [U0ALL] }, admin: { users: [U0ADMIN] } } }';
    const text = yaml.startsWith('kubernetes') ? yaml : `kubernetes: { context: w }\n${yaml}`;
    const indented = text.replaceAll('\n', '\n    ');
    const [a, b] = load(
      `${top}\nclusters:\n  east: { kubernetes: { context: e } }\n  west:\n    ${indented}\n`,
    ).clusters;
    expect([a && read(a), b && read(b)]).toEqual([east, west]);
    expect(b && accessPolicy(b).roles.admin.users).toEqual(['U0ADMIN']);
  });

  it('is on top of what the file says for all, key by key', () => {
    const [east, west] = both(
      'burst_workers: { max_burst_workers: 3 }\nmcp_servers: { proxmox: { settings: { node: pve2 } } }',
      'burst_workers: { default_ttl_hours: 4, max_burst_workers: 20 }\nmcp_servers: { proxmox: { settings: { node: pve1, template: 9 } } }',
    );
    expect([east, west].map((c) => [workerPolicy(c).maxBurstWorkers, workerPolicy(c).defaultTtlHours])).toEqual([
      [20, 4],
      [3, 4],
    ]);
    expect(west.mcpServers.proxmox.settings).toEqual({ node: 'pve2', template: 9 });
  });

  it('takes away what its own choice makes meaningless', () => {
    const [, west] = both(
      'join: { method: none }\nmcp_servers: { proxmox: { command: srv, profile: own.yaml } }',
      'join: { endpoint: "e:6443" }\nmcp_servers: { proxmox: { bearer_token: t, settings: { node: pve1 } } }',
    );
    expect([west.join.endpoint, west.join.joinCommand]).toEqual([undefined, '']);
    expect(west.mcpServers.proxmox).toMatchObject({ command: 'srv', settings: {} });
    expect([west.mcpServers.proxmox.endpoint, west.mcpServers.proxmox.bearerToken]).toEqual([undefined, undefined]);
  });

  it('with a Talos server of its own takes over no other way to one', () => {
    const top =
      'join: { method: talos }\nmcp_servers: { talos: { enabled: true, command: t, args: [a], env: { A: b }, settings: { file: f } } }';
    const [east, west] = both('mcp_servers: { talos: { endpoint: "http://w" } }', top);
    expect(east.mcpServers.talos).toMatchObject({ command: 't', args: ['a'], settings: { file: 'f' } });
    expect(west.mcpServers.talos).toMatchObject({ endpoint: 'http://w', args: [], env: {}, settings: { file: 'f' } });
    expect(west.mcpServers.talos.command).toBeUndefined();
  });

  it('that leaves its VMs with their templates takes over no hosts', () => {
    const [east, west] = both(
      'placement: { target: template }',
      'placement: { target: fixed, hosts: [pve1], templates: [9000], memory_reserve_gb: 4 }',
    );
    expect([east, west].map((c) => placementPolicy(c).base.hosts)).toEqual([['pve1'], []]);
    expect(placementPolicy(west)).toMatchObject({ target: 'template', base: { templates: ['9000'] } });
  });

  it('may name a file for its secrets', () => {
    const text =
      'mcp_servers: { proxmox: { bearer_token_file: /w } }\njoin: { method: k3s, k3s: { url: "https://w", token_file: /k } }';
    const [east, west] = both(text, '', { '/w': 'held\n', '/k': 'k3s' });
    expect([east.mcpServers.proxmox.bearerToken, west.mcpServers.proxmox.bearerToken, west.join.k3s.token]).toEqual([
      undefined,
      'held',
      'k3s',
    ]);
    expect(paths(file(text))).toEqual([
      'clusters.west.mcp_servers.proxmox.bearer_token',
      'clusters.west.join.k3s.token',
    ]);
  });
});

describe('the clusters together', () => {
  it('the first one is the default, unless another is named', () => {
    expect(load(file('')).defaultCluster).toBe('east');
    expect(load(file('', 'default_cluster: west')).defaultCluster).toBe('west');
  });

  it('without them there is one, as the rest of the file says', () => {
    const config = load('kubernetes: { name: only }\nburst_workers: { max_burst_workers: 4 }');
    expect(config.clusters.map((c) => [c.kubernetes.name, workerPolicy(c).maxBurstWorkers])).toEqual([['only', 4]]);
    expect(config.defaultCluster).toBe('only');
  });

  it.each([
    ['burst_workers: { max_burst_workers: 0 }', 'clusters.west.burst_workers.max_burst_workers', /from 1 to 1000/],
    [
      'burst_workers: { max_burst_wokers: 1 }',
      'clusters.west.burst_workers.max_burst_wokers',
      /did you mean "max_burst_workers"/,
    ],
    [
      'burst_workers: { default_ttl_hours: 9, max_ttl_hours: 5 }',
      'clusters.west.burst_workers.default_ttl_hours',
      /from min_ttl/,
    ],
    ['burst_workers: { default_size: tiny }', 'clusters.west.burst_workers.default_size', /a name from worker_sizes/],
    ['join: { method: k3s, k3s: { url: "https://w" } }', 'clusters.west.join.k3s.token', /is missing/],
    ['channels: [x]', 'clusters.west.channels.0', /a Slack channel id/],
    ['slack: {}', 'clusters.west.slack', /unknown key/],
    ['roles: { boss: {} }', 'clusters.west.roles.boss', /unknown key/],
  ])('%s is refused where it stands', (yaml, path, says) => {
    const error = problemsOf(file(yaml));
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
    expect(error.message).toMatch(says);
  });

  it.each([
    [file('', 'default_cluster: wets'), 'default_cluster', /did you mean "west"/],
    ['default_cluster: west', 'default_cluster', /has no effect without clusters/],
    [file('', 'kubernetes: { name: x }'), 'kubernetes.name', /has no effect with clusters/],
    ['clusters: {}', 'clusters', /at least one/],
    ['clusters: { all: { kubernetes: { context: a } } }', 'clusters.all', /not "all"/],
    ['clusters: { east: {}, west: {} }', 'clusters.west.kubernetes', /reaches the same cluster as clusters.east/],
    [
      'clusters: { east: { kubernetes: { context: e }, channels: [C0A] }, west: { kubernetes: { context: w }, channels: [C0A] } }',
      'clusters.west.channels.0',
      /clusters.east as its default already/,
    ],
  ])('%j is refused', (yaml, path, says) => {
    const error = problemsOf(yaml);
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
    expect(error.message).toMatch(says);
  });

  it('what is wrong for all is told once', () => {
    expect(paths(file('', 'burst_workers: { default_ttl_hours: 9, max_ttl_hours: 5 }'))).toEqual([
      'burst_workers.default_ttl_hours',
    ]);
    expect(paths(file(''), { ...ENV, SLACK_BOT_TOKEN: '' })).toEqual(['slack.bot_token']);
  });
});
