import { describe, expect, it } from 'vitest';
import { loadConfig, safetyPolicy } from '../../../src/config/index.ts';
import { ENV, load, problemsOf } from './support.ts';

const noFile = () => {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
};

describe('loadConfig', () => {
  it('works with an almost empty file', () => {
    const config = load('slack:\n');
    expect(config.slack.botToken).toBe('xoxb-test');
    expect(config.workerSizes['xlarge']).toEqual({ cpu: 16, memoryGb: 32, diskGb: 400 });
  });

  it('needs no file at the usual place, but one that was named', () => {
    expect(loadConfig({ env: ENV, readFile: noFile }).kubernetes.name).toBe('main');
    expect(() => loadConfig({ env: { ...ENV, BURST_CONFIG: '/x.yaml' }, readFile: noFile })).toThrow(
      /\/x\.yaml has one problem:\n.*no such file.*BURST_CONFIG/,
    );
  });

  it('lists every problem at once, with line, what was found and what is allowed', () => {
    const error = problemsOf(
      [
        'kubernets: { context: a }',
        'burst_workers:',
        '  default_ttl_hours: 0',
        '  maxTtlHours: 3',
        '  worker_label: nonsense',
        'worker_sizes:',
        '  tiny: { cpu: 1, memory_gb: 1 }',
        'schedules: { reaper: "61 * * * *" }',
        'drain: { force: "yes" }',
        'engine: { step_timeout_seconds: 90 }',
        'slack: { roles: { admin: { users: [bob] } } }',
      ].join('\n'),
      { PROXMOX_MCP_ENDPOINT: 'ftp://x', LOG_LEVEL: 'loud', SLACK_BOT_TOKEN: 'xoxb-1' },
    );
    expect(error.problems.map((problem) => problem.path).sort()).toEqual([
      'burst_workers.default_ttl_hours',
      'burst_workers.maxTtlHours',
      'burst_workers.worker_label',
      'drain.force',
      'engine.step_timeout_seconds',
      'kubernets',
      'logging.level',
      'mcp_servers.proxmox.endpoint',
      'schedules.reaper',
      'slack.app_token',
      'slack.roles.admin.users.0',
      'worker_sizes.tiny.disk_gb',
    ]);
    expect(error.message).toContain('burst.yaml has 12 problems');
    expect(error.message).toContain('kubernets (line 1): unknown key; did you mean "kubernetes"?');
    expect(error.message).toContain(
      'burst_workers.default_ttl_hours (line 3): found 0; allowed: a whole number from 1 to 168',
    );
    expect(error.message).toContain('burst_workers.maxTtlHours (line 4): unknown key; did you mean "max_ttl_hours"?');
    expect(error.message).toContain('drain.force (line 9): found "yes"; allowed: true or false');
    expect(error.message).toContain('logging.level (from LOG_LEVEL): found "loud"; allowed: trace, debug,');
    expect(error.message).toContain('mcp_servers.proxmox.endpoint (from PROXMOX_MCP_ENDPOINT): found "ftp://x"');
    expect(error.message).toContain('worker_sizes.tiny.disk_gb (line 7): is missing; needed: a whole number');
  });

  it('finds a key that stands in the wrong section', () => {
    expect(problemsOf('drain: { max_burst_workers: 3 }').message).toContain(
      'did you mean "burst_workers.max_burst_workers"?',
    );
  });

  it('does not follow names of the language itself', () => {
    expect(problemsOf('__proto__: { a: 1 }\nconstructor: 1').problems.map(({ path }) => path)).toContain('constructor');
    expect(problemsOf('slack: { roles: { toString: 1 } }').message).toContain('slack.roles.toString');
  });

  it.each([
    ['a: [', /not valid YAML/],
    ['slack: 1\nslack: 2', /line 2.*|not valid YAML/],
    ['- a', /sections such as/],
    ['drain: 7', /drain \(line 1\): found 7; allowed: a section with the keys grace_period_seconds/],
  ])('refuses %j as a file', (yaml, message) => {
    expect(problemsOf(yaml).message).toMatch(message);
  });

  it('never shows a secret', () => {
    const error = problemsOf(
      [
        'slack: { bot_token: [leak-1], app_token: leak-2 }',
        'mcp_servers: { proxmox: { headers: { Authorization: "leak-3\\n" }, settings: 4, endpoint: "ftp://u:leak-5@h" } }',
        'join: { join_command: "leak-6 {{ nope }}" }',
      ].join('\n'),
      {},
    );
    expect(error.problems.length).toBeGreaterThanOrEqual(6);
    expect(error.message).not.toContain('leak');
    expect(problemsOf('slack: { bot_token: "leak', {}).message).not.toContain('leak');
  });

  it('gives each secret by value or by file, not both, the environment first', () => {
    const files = { '/a': 'xoxb-a\n', '/b': 'xoxb-b', '/empty': ' \n' };
    const env = { ...ENV, SLACK_BOT_TOKEN: undefined };
    expect(load('slack: { bot_token_file: /a }', ENV, files).slack.botToken).toBe('xoxb-test');
    expect(load('slack: { bot_token_file: /a }', { ...env, SLACK_BOT_TOKEN_FILE: '/b' }, files).slack.botToken).toBe(
      'xoxb-b',
    );
    expect(problemsOf('', { ...ENV, SLACK_BOT_TOKEN_FILE: '/b' }, files).message).toContain(
      'slack.bot_token (from SLACK_BOT_TOKEN): SLACK_BOT_TOKEN_FILE is set too',
    );
    expect(problemsOf('slack: { bot_token: xoxb-x, bot_token_file: /a }', env, files).message).toMatch(/is set too/);
    expect(problemsOf('', { ...env, SLACK_BOT_TOKEN_FILE: '/none' }, files).message).toContain(
      '(from SLACK_BOT_TOKEN_FILE): the file /none cannot be read (ENOENT)',
    );
    expect(problemsOf('', { ...env, SLACK_BOT_TOKEN_FILE: '/empty' }, files).message).toContain('is empty');
  });

  it('takes overrides from the environment', () => {
    const config = load('kubernetes: { context: file }\nmcp_servers: { proxmox: { command: srv, args: [a] } }', {
      ...ENV,
      KUBECTL_CONTEXT: 'env',
      TALOS_MCP_ENDPOINT: 'http://talos/mcp',
      BURST_DATABASE: '/db.sqlite',
      LOG_LEVEL: 'WARN',
      PROXMOX_MCP_TOKEN: 'pt',
    });
    expect(config.kubernetes.context).toBe('env');
    expect(config.mcpServers.talos.endpoint).toBe('http://talos/mcp');
    expect(config.mcpServers.proxmox).toMatchObject({
      endpoint: 'http://proxmox.test/mcp',
      bearerToken: 'pt',
      args: [],
    });
    expect(config.mcpServers.proxmox).not.toHaveProperty('command');
    expect(config.database.path).toBe('/db.sqlite');
    expect(config.logging.level).toBe('warn');
  });

  it('decides in_cluster: auto by where it runs', () => {
    const pod = { ...ENV, KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    expect(load('', pod).kubernetes.inCluster).toBe(true);
    expect(load('kubernetes: { context: a }', pod).kubernetes.inCluster).toBe(false);
    expect(load('', { ...pod, KUBECONFIG: '/k' }).kubernetes.inCluster).toBe(false);
    expect(load('kubernetes: { in_cluster: false }', pod).kubernetes.inCluster).toBe(false);
  });
});

describe('rules between keys', () => {
  it.each([
    ['burst_workers: { min_ttl_hours: 5, max_ttl_hours: 4 }', 'burst_workers.min_ttl_hours'],
    ['burst_workers: { max_ttl_hours: 4 }', 'burst_workers.default_ttl_hours'],
    ['burst_workers: { default_size: medum }', 'burst_workers.default_size'],
    ['worker_sizes: { medium: null }', 'burst_workers.default_size'],
    ['burst_workers: { labels: { worker-type: x } }', 'burst_workers.labels.worker-type'],
    ['burst_workers: { cleanup_interval_seconds: 7 }', 'burst_workers.cleanup_interval_seconds'],
    ['safety: { protected_worker_patterns: ["^burst"] }', 'safety.protected_worker_patterns.0'],
    [
      'mcp_servers: { preferred_provider: talos, talos: { enabled: true, endpoint: "http://t" } }',
      'mcp_servers.preferred_provider',
    ],
    [
      'mcp_servers: { proxmox: { enabled: false }, talos: { enabled: true, endpoint: "http://t" } }',
      'mcp_servers.proxmox.enabled',
    ],
    ['mcp_servers: { proxmox: { enabled: false } }', 'mcp_servers.proxmox.enabled'],
    ['join: { method: talos }\nmcp_servers: { talos: { enabled: true } }', 'mcp_servers.talos.endpoint'],
    ['mcp_servers: { talos: { enabled: true, endpoint: "http://t" } }', 'mcp_servers.talos.enabled'],
    ['join: { method: talos }', 'join.method'],
    [
      'join: { method: talos }\nmcp_servers: { talos: { enabled: true, endpoint: "http://t", command: t } }',
      'mcp_servers.talos.command',
    ],
    [
      'join: { method: talos }\nmcp_servers: { talos: { enabled: true, endpoint: "http://t", args: [a] } }',
      'mcp_servers.talos',
    ],
    [
      'join: { method: talos }\nmcp_servers: { talos: { enabled: true, endpoint: "http://t", call_timeout_seconds: 61 } }',
      'mcp_servers.talos.call_timeout_seconds',
    ],
    [
      'join: { method: talos, user_data: "{{ token }}" }\nmcp_servers: { talos: { enabled: true, endpoint: "http://t" } }',
      'join.user_data',
    ],
    [
      'mcp_servers: { proxmox: { bearer_token: a, headers: { authorization: b } } }',
      'mcp_servers.proxmox.bearer_token',
    ],
    ['mcp_servers: { proxmox: { call_timeout_seconds: 61 } }', 'mcp_servers.proxmox.call_timeout_seconds'],
    ['kubernetes: { request_timeout_seconds: 61 }', 'kubernetes.request_timeout_seconds'],
    ['kubernetes: { in_cluster: true, context: a }', 'kubernetes.context'],
    ['engine: { claim_seconds: 60 }', 'engine.step_timeout_seconds'],
    ['engine: { retry_base_seconds: 61 }', 'engine.retry_base_seconds'],
    ['provider_health: { first_retry_seconds: 121 }', 'provider_health.first_retry_seconds'],
    ['join: { timeout_minutes: 61 }', 'join.timeout_minutes'],
    ['join: { k3s: { url: "https://a" } }', 'join.k3s.url'],
    ['join: { method: k3s, k3s: { token: t } }', 'join.k3s.url'],
    ['join: { method: k3s, k3s: { url: "https://a" } }', 'join.k3s.token'],
    ['join: { method: none, join_command: "x {{ token }}" }', 'join.join_command'],
    ['slack: { mode: http }', 'slack.signing_secret'],
  ])('%s', (yaml, path) => {
    expect(problemsOf(yaml).problems.map((problem) => problem.path)).toEqual([path]);
  });

  it('needs a way to the MCP server, one only', () => {
    const env = { ...ENV, PROXMOX_MCP_ENDPOINT: '' };
    expect(problemsOf('', env).message).toContain('mcp_servers.proxmox.endpoint: is missing');
    const both = 'mcp_servers: { proxmox: { endpoint: "http://a", command: b } }';
    expect(problemsOf(both, env).problems.map(({ path }) => path)).toEqual(['mcp_servers.proxmox.command']);
  });

  it('says why Talos alone will not do', () => {
    expect(problemsOf('mcp_servers: { preferred_provider: talos }').message).toContain(
      'no Talos MCP server can create a VM',
    );
  });

  it('refuses tokens of the wrong kind without showing them', () => {
    const { message } = problemsOf('', { ...ENV, SLACK_BOT_TOKEN: 'xoxp-leak' });
    expect(message).toContain('slack.bot_token (from SLACK_BOT_TOKEN): found a value that does not begin with "xoxb-"');
    expect(message).not.toContain('leak');
  });
});

describe('assistants’ tokens', () => {
  const env = { ...ENV, LONG: 'secret-0123456789', SHORT: 'short' };
  const said = (tokens: string): string => problemsOf(`mcp: { enabled: true, tokens: ${tokens} }`, env).message;

  it.each([
    ['[]', /mcp\.tokens .*: is empty/],
    ['[{ name: a }]', /either token_env .* or token_file/],
    ['[{ name: a, token_env: LONG, token_file: /t }]', /either token_env .* or token_file/],
    ['[{ name: a, token: secret-0123456789 }]', /does not stand in the file/],
    ['[{ name: a, token_env: MISSING }]', /MISSING.*not set/],
    ['[{ name: a, token_file: /missing }]', /\/missing cannot be read/],
    ['[{ name: a, token_env: SHORT }]', /at least 16 characters/],
    ['[{ name: a, token_env: LONG }, { name: b, token_env: LONG }]', /same as another/],
    ['[{ name: A b, token_env: LONG }]', /lower-case/],
  ])('%s is refused with the reason, and no token is shown', (tokens, expected) => {
    const message = said(tokens);
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/secret-0123456789|found "?short/);
  });
});

describe('protected patterns', () => {
  it('take time linear in the name, whatever the pattern', () => {
    const config = load('safety: { protected_worker_patterns: ["^(a+)+$"] }');
    const started = performance.now();
    expect(safetyPolicy(config).protectedPatterns[0]?.matches(`${'a'.repeat(5000)}!`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it.each(['(', '(?=a)', '(a)\\\\1', ''])('refuse %j', (pattern) => {
    expect(problemsOf(`safety: { protected_worker_patterns: ["${pattern}"] }`).message).toMatch(/a regular expression/);
  });
});
