/** Rules that concern more than one key. */
import { isEverybody } from '../domain/workspace-ids.ts';
import { closest, distance } from 'fastest-levenshtein';
import { checkPlacement } from './placement.ts';
import { DEFAULT_SIZES, type FileConfig } from './schema.ts';
import { checkTalos } from './talos.ts';
import { leavesTime } from '../domain/quiet-hours.ts';
import { quietWindow } from './policy.ts';
import { BUILT_IN_TEMPLATES, type JoinTemplates } from './templates.ts';
import { compilePattern, cronEvery } from './values.ts';

export type CrossProblem = {
  readonly path: string;
  /** Other keys that the rule looked at: when one of those is wrong by itself, this is not said. */
  readonly others: readonly string[];
  readonly text: string;
};

/** The name that was probably meant, as a sentence, or nothing. */
export function didYouMean(word: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const plain = word
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
  const best = closest(plain, names);
  return distance(plain, best) <= Math.max(2, Math.floor(best.length / 3)) ? `; did you mean "${best}"?` : '';
}

/** Built-in sizes with the file's on top; null takes one away. */
export function effectiveSizes(file: FileConfig): Record<string, { cpu: number; memory_gb: number; disk_gb: number }> {
  const all = { ...DEFAULT_SIZES, ...file.worker_sizes };
  return Object.fromEntries(Object.entries(all).flatMap(([name, size]) => (size === null ? [] : [[name, size]])));
}

/** The file's templates, or the method's built-in ones. */
export function effectiveTemplates({ join }: FileConfig): JoinTemplates {
  const builtIn = BUILT_IN_TEMPLATES[join.method];
  return { userData: join.user_data ?? builtIn.userData, joinCommand: join.join_command ?? builtIn.joinCommand };
}

type Add = (path: string, others: readonly string[], text: string) => void;

function checkSafety({ safety }: FileConfig, add: Add): void {
  if (!safety.protect_permanent_workers)
    add(
      'safety.protect_permanent_workers',
      [],
      'found false; allowed: true, for permanent workers are always protected (drain.permanent_workers lets admins drain them)',
    );
}

function checkWorkers(file: FileConfig, add: Add): void {
  const workers = file.burst_workers;
  const ttl = ['burst_workers.min_ttl_hours', 'burst_workers.max_ttl_hours'];
  if (workers.min_ttl_hours > workers.max_ttl_hours)
    add(
      'burst_workers.min_ttl_hours',
      ttl,
      `found ${workers.min_ttl_hours}; allowed: at most max_ttl_hours (${workers.max_ttl_hours})`,
    );
  else if (workers.default_ttl_hours < workers.min_ttl_hours || workers.default_ttl_hours > workers.max_ttl_hours)
    add(
      'burst_workers.default_ttl_hours',
      ttl,
      `found ${workers.default_ttl_hours}; allowed: from min_ttl_hours to max_ttl_hours (${workers.min_ttl_hours} to ${workers.max_ttl_hours})`,
    );
  const sizes = Object.keys(effectiveSizes(file));
  if (sizes.length === 0) add('worker_sizes', [], 'found no size at all; at least one is needed');
  else if (!sizes.includes(workers.default_size))
    add(
      'burst_workers.default_size',
      ['worker_sizes'],
      `found "${workers.default_size}"; allowed: a name from worker_sizes (${sizes.join(', ')})${didYouMean(workers.default_size, sizes)}`,
    );
  const label = workers.worker_label.split('=')[0] ?? '';
  if (Object.hasOwn(workers.labels, label))
    add(
      `burst_workers.labels.${label}`,
      ['burst_workers.worker_label'],
      'this label is what worker_label sets; choose another key',
    );
  if (file.schedules.reaper === undefined && cronEvery(workers.cleanup_interval_seconds) === undefined)
    add(
      'burst_workers.cleanup_interval_seconds',
      ['schedules.reaper'],
      `found ${workers.cleanup_interval_seconds}; allowed: what divides a minute, an hour or a day evenly (30, 60, 120, 300, 600, 3600, …), or set schedules.reaper`,
    );
  for (const [index, source] of file.safety.protected_worker_patterns.entries()) {
    const compiled = compilePattern(source);
    const hit = sizes
      .map((size) => `${workers.name_prefix}-${size}-a2b3c`)
      .find((name) => 'matcher' in compiled && compiled.matcher.matches(name));
    if (hit !== undefined)
      add(
        `safety.protected_worker_patterns.${index}`,
        ['burst_workers.name_prefix', 'worker_sizes'],
        `found "${source}", which protects burst workers too (${hit}); they could never be removed`,
      );
  }
}

function checkProviders({ mcp_servers: servers }: FileConfig, add: Add): void {
  const { proxmox, talos } = servers;
  const at = 'mcp_servers.proxmox';
  if (servers.preferred_provider === 'talos' || (talos.enabled && !proxmox.enabled))
    add(
      servers.preferred_provider === 'talos' ? 'mcp_servers.preferred_provider' : `${at}.enabled`,
      ['mcp_servers.talos.enabled'],
      'no Talos MCP server can create a VM: a Talos worker needs a VM from a Proxmox server, and Talos stands beside it (preferred_provider: proxmox, proxmox.enabled: true)',
    );
  else if (!proxmox.enabled)
    add(`${at}.enabled`, [], 'found false; without it nothing can create VMs: allowed is true');
  if (proxmox.enabled) {
    const ways = [`${at}.endpoint`, `${at}.command`];
    if (proxmox.endpoint === undefined && proxmox.command === undefined)
      add(
        `${at}.endpoint`,
        ways,
        'is missing; needed: the http(s) URL of the MCP server (or PROXMOX_MCP_ENDPOINT), or "command" to start it over stdio',
      );
    if (proxmox.endpoint !== undefined && proxmox.command !== undefined)
      add(`${at}.command`, ways, 'endpoint is set too; set one of them');
    if (
      proxmox.command === undefined &&
      (proxmox.args.length > 0 || Object.keys(proxmox.env).length > 0 || proxmox.cwd !== undefined)
    )
      add(at, ways, 'args, env and cwd are for a server started by "command", which is not set');
    if (proxmox.endpoint === undefined && proxmox.transport === 'sse')
      add(`${at}.transport`, ways, 'is for a server at "endpoint", which is not set');
    if (
      proxmox.endpoint === undefined &&
      (Object.keys(proxmox.headers).length > 0 || proxmox.bearer_token !== undefined)
    )
      add(at, ways, 'headers and bearer_token are for a server at "endpoint", which is not set');
    if (
      proxmox.bearer_token !== undefined &&
      Object.keys(proxmox.headers).some((name) => name.toLowerCase() === 'authorization')
    )
      add(`${at}.bearer_token`, [], 'headers has Authorization too; set one of them');
  }
}

function checkTimes(file: FileConfig, add: Add): void {
  const { engine, join } = file;
  const limit = ['engine.step_timeout_seconds'];
  const under = (path: string, value: number, bound: number, name: string, others: readonly string[]): void => {
    if (value > bound) add(path, others, `found ${value}; allowed: at most ${name} (${bound})`);
  };
  if (engine.step_timeout_seconds >= engine.claim_seconds)
    add(
      'engine.step_timeout_seconds',
      ['engine.claim_seconds'],
      `found ${engine.step_timeout_seconds}; allowed: less than claim_seconds (${engine.claim_seconds}), so that a step ends before another may take it over`,
    );
  const step = engine.step_timeout_seconds;
  under(
    'mcp_servers.proxmox.call_timeout_seconds',
    file.mcp_servers.proxmox.call_timeout_seconds,
    step,
    'engine.step_timeout_seconds',
    limit,
  );
  under(
    'kubernetes.request_timeout_seconds',
    file.kubernetes.request_timeout_seconds,
    step,
    'engine.step_timeout_seconds',
    limit,
  );
  under('engine.retry_base_seconds', engine.retry_base_seconds, engine.retry_max_seconds, 'retry_max_seconds', [
    'engine.retry_max_seconds',
  ]);
  const { first_retry_seconds: first, max_retry_seconds: most } = file.provider_health;
  under('provider_health.first_retry_seconds', first, most, 'max_retry_seconds', ['provider_health.max_retry_seconds']);
  if (join.method === 'kubeadm')
    under('join.timeout_minutes', join.timeout_minutes, join.token_ttl_minutes, 'token_ttl_minutes', [
      'join.token_ttl_minutes',
    ]);
}

function checkJoin(file: FileConfig, add: Add): void {
  const { join } = file;
  const only = (key: string, value: unknown, method: string): void => {
    if (value !== undefined && join.method !== method)
      add(`join.${key}`, ['join.method'], `has no effect with method ${join.method}; it is for method ${method}`);
  };
  only('endpoint', join.endpoint, 'kubeadm');
  only('ca_cert_hash', join.ca_cert_hash, 'kubeadm');
  only('k3s.url', join.k3s.url, 'k3s');
  if (join.method === 'k3s') {
    if (join.k3s.url === undefined)
      add('join.k3s.url', ['join.method'], 'is missing; needed with method k3s, e.g. "https://10.0.0.1:6443"');
    if (join.k3s.token === undefined)
      add(
        'join.k3s.token',
        ['join.method', 'join.k3s.token_file'],
        'is missing; needed with method k3s (or token_file, K3S_TOKEN, K3S_TOKEN_FILE)',
      );
  }
  if (join.method === 'none' || join.method === 'talos')
    for (const [key, template] of [
      ['user_data', join.user_data],
      ['join_command', join.join_command],
    ] as const)
      if (template !== undefined && /\{[{%][^}]*\b(token|endpoint|ca_cert_hash)\b/.test(template))
        add(
          `join.${key}`,
          ['join.method'],
          `names token, endpoint or ca_cert_hash, which method ${join.method} does not have`,
        );
  if (file.kubernetes.in_cluster === true)
    for (const key of ['context', 'kubeconfig'] as const)
      if (file.kubernetes[key] !== undefined)
        add(`kubernetes.${key}`, ['kubernetes.in_cluster'], 'has no effect with in_cluster: true');
}

/** What installing to several workspaces needs. */
function checkOauth({ oauth }: FileConfig['slack'], add: Add): void {
  if (oauth.client_id === undefined) {
    for (const key of ['client_secret', 'state_secret', 'encryption_key', 'url'] as const)
      if (oauth[key] !== undefined)
        add(
          `slack.oauth.${key}`,
          ['slack.oauth.client_id'],
          'has no effect without slack.oauth.client_id (SLACK_CLIENT_ID)',
        );
    return;
  }
  for (const key of ['client_secret', 'state_secret', 'encryption_key'] as const)
    if (oauth[key] === undefined)
      add(
        `slack.oauth.${key}`,
        ['slack.oauth.client_id', `slack.oauth.${key}_file`],
        `is missing; needed with slack.oauth.client_id: set SLACK_${key.toUpperCase()}, SLACK_${key.toUpperCase()}_FILE or slack.oauth.${key}_file`,
      );
  if (oauth.url === undefined)
    add(
      'slack.oauth.url',
      ['slack.oauth.client_id'],
      'is missing; needed: the address under which people reach the installation pages',
    );
}

function checkSlack({ slack }: FileConfig, add: Add): void {
  const needed = (
    key: 'bot_token' | 'app_token' | 'signing_secret',
    prefix: string,
    variable: string,
    why: string,
  ): void => {
    const value = slack[key];
    const others = ['slack.mode', `slack.${key}_file`];
    if (value === undefined)
      add(`slack.${key}`, others, `is missing; needed ${why}: set ${variable}, ${variable}_FILE or slack.${key}_file`);
    else if (!value.startsWith(prefix))
      add(`slack.${key}`, others, `found a value that does not begin with "${prefix}" (hidden)`);
  };
  checkOauth(slack, add);
  if (slack.oauth.client_id === undefined || slack.bot_token !== undefined)
    needed(
      'bot_token',
      'xoxb-',
      'SLACK_BOT_TOKEN',
      'without slack.oauth (OAuth & Permissions, "Bot User OAuth Token")',
    );
  if (slack.mode === 'socket')
    needed('app_token', 'xapp-', 'SLACK_APP_TOKEN', 'in socket mode (Basic Information, "App-Level Tokens")');
  else needed('signing_secret', '', 'SLACK_SIGNING_SECRET', 'in http mode (Basic Information, "Signing Secret")');
}

/** Every rule between keys that the file breaks. */
function checkAssistants({ mcp }: FileConfig, add: Add): void {
  if (mcp.enabled && mcp.tokens.length === 0)
    add('mcp.tokens', ['mcp.enabled'], 'is empty; needed: a token for each assistant, or mcp.enabled: false');
  const names = new Set<string>();
  const values = new Set<string>();
  for (const [index, { name, token }] of mcp.tokens.entries()) {
    const path = `mcp.tokens.${index}`;
    if (names.has(name)) add(`${path}.name`, ['mcp.tokens'], `found "${name}"; each token needs a name of its own`);
    if (token !== undefined && values.has(token))
      add(`${path}.token`, ['mcp.tokens'], 'is the same as another one; each assistant needs a token of its own');
    names.add(name);
    if (token !== undefined) values.add(token);
  }
}

function checkWarnings({ warnings }: FileConfig, add: Add): void {
  if (!leavesTime({ windows: warnings.quiet_hours.map(quietWindow) }))
    add('warnings.quiet_hours', [], 'leaves no time of the week in which anybody could be warned');
}

function checkApprovals(file: FileConfig, add: Add): void {
  const names = new Set<string>();
  const sizes = Object.keys(effectiveSizes(file));
  for (const [index, rule] of file.approvals.rules.entries()) {
    const path = `approvals.rules.${index}`;
    if (names.has(rule.name)) add(`${path}.name`, [], `found "${rule.name}"; each rule needs a name of its own`);
    names.add(rule.name);
    for (const [at, size] of rule.sizes.entries())
      if (!sizes.includes(size))
        add(
          `${path}.sizes.${at}`,
          ['worker_sizes'],
          `found "${size}"; allowed: ${sizes.join(', ')}${didYouMean(size, sizes)}`,
        );
    checkNeeded(path, { ...rule.approvers, needed: rule.needed }, add);
  }
}

function checkCost({ cost, approvals, ...file }: FileConfig, add: Add): void {
  const sizes = Object.keys(effectiveSizes({ cost, approvals, ...file }));
  const priced = Object.keys(cost.prices);
  for (const size of priced)
    if (!sizes.includes(size))
      add(
        `cost.prices.${size}`,
        ['worker_sizes'],
        `there is no size "${size}"; allowed: ${sizes.join(', ')}${didYouMean(size, sizes)}`,
      );
  const missing = sizes.filter((size) => !priced.includes(size));
  if (priced.length > 0 && missing.length > 0)
    add(
      'cost.prices',
      ['worker_sizes'],
      `lacks ${missing.join(', ')}; either each size has a price (0 is one) or none has`,
    );
  if (priced.length === 0 && cost.budgets.length > 0)
    add('cost.budgets', ['cost.prices'], 'has no effect without cost.prices');
  const names = new Set<string>();
  for (const [index, { name, beyond, approvers, needed, self }] of cost.budgets.entries()) {
    const path = `cost.budgets.${index}`;
    if (names.has(name)) add(`${path}.name`, [], `found "${name}"; each budget needs a name of its own`);
    names.add(name);
    const { users, groups } = approvers;
    if (beyond === 'refuse' && (users.length + groups.length > 0 || needed > 1 || self))
      add(path, [`${path}.beyond`], 'approvers, needed and self are for beyond: approval');
    checkNeeded(path, { users, groups, needed }, add);
  }
  for (const [index, rule] of approvals.rules.entries())
    if (rule.cost_over !== undefined && priced.length === 0)
      add(`approvals.rules.${index}.cost_over`, ['cost.prices'], 'has no effect without cost.prices');
}

function checkNeeded(
  path: string,
  {
    users,
    groups,
    needed,
  }: { readonly users: readonly string[]; readonly groups: readonly string[]; readonly needed: number },
  add: Add,
): void {
  const some = new Set(users).size;
  if (users.length > 0 && groups.length === 0 && !users.some(isEverybody) && some < needed)
    add(`${path}.needed`, [], `found ${needed}; allowed: at most its number of approvers (${some})`);
}

export function crossChecks(file: FileConfig): readonly CrossProblem[] {
  const problems: CrossProblem[] = [];
  const add: Add = (path, others, text) => {
    problems.push({ path, others, text });
  };
  checkSafety(file, add);
  checkWorkers(file, add);
  checkProviders(file, add);
  checkTalos(file, add);
  const sizes = Object.keys(effectiveSizes(file));
  checkPlacement(file.placement, sizes, (size) => didYouMean(size, sizes), add);
  checkTimes(file, add);
  checkJoin(file, add);
  checkSlack(file, add);
  checkAssistants(file, add);
  checkApprovals(file, add);
  checkCost(file, add);
  checkWarnings(file, add);
  return problems;
}
