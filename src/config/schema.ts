/**
 * The one description of the configuration file: keys, limits and defaults. Invariant: every key here is documented in
 * config/burst.yaml and has an effect; what the code reads (`Config`) is derived from this and nothing else.
 */
import { isKey } from './workspaces.ts';
import { z } from 'zod';
import { microsOf } from '../domain/money.ts';
import { placementSchema } from './placement.ts';
import { NOTIFY_CHOICES } from '../domain/notify.ts';
import { withoutDefaults } from './shape.ts';
import { validTemplate } from './templates.ts';
import { compilePattern, validCron, validCurrency, validTimezone } from './values.ts';

const whole = (min: number, max: number, fallback: number) => z.int().min(min).max(max).default(fallback);
const text = (max = 500) => z.string().min(1).max(max);
const seconds = whole;
const section = <T extends z.core.$ZodLooseShape>(shape: T) => z.strictObject(shape).prefault({} as never);
const matching = (pattern: RegExp, allowed: string) => z.string().regex(pattern, { error: allowed });
const checked = (check: (value: string) => string | undefined, max = 500) =>
  z
    .string()
    .max(max)
    .superRefine((value, context) => {
      const problem = check(value);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    });

const DNS_LABEL = '[a-z0-9]([a-z0-9-]*[a-z0-9])?';
const QUALIFIED = `(${DNS_LABEL}(\\.${DNS_LABEL})*/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?`;
const LABEL_VALUE = '([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?';
const qualifiedName = matching(
  new RegExp(`^${QUALIFIED}$`),
  'a Kubernetes label or annotation key, e.g. "worker-ttl" or "example.com/team"',
);
const httpUrl = checked((value) => {
  const url = URL.parse(value);
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? undefined : 'an http:// or https:// URL';
}, 2000);
/** Header values may not end a line: a second header would begin. */
const headerValue = matching(/^[^\r\n\0]*$/, 'a header value in one line').max(8000);
const secret = () => text(8000).optional();
const secretFile = () => text(4000).optional();

const kubernetes = section({
  name: matching(
    new RegExp(`^(?=.{1,63}$)${DNS_LABEL}$`),
    'lower-case letters, digits and "-", at most 63 characters',
  ).default('main'),
  context: text().optional(),
  namespace: matching(new RegExp(`^(?=.{1,63}$)${DNS_LABEL}$`), 'a namespace name').default('kube-system'),
  kubeconfig: text(4000).optional(),
  in_cluster: z.union([z.boolean(), z.literal('auto')], { error: 'true, false or auto' }).default('auto'),
  request_timeout_seconds: seconds(1, 300, 30),
});

const variableName = matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable name');
/** A server that is started over stdio. */
const program = {
  command: text(4000).optional(),
  args: z.array(z.string().max(4000)).max(100).default([]),
  env: z.record(variableName, z.string().max(8000)).default({}),
  env_from: z.array(variableName).max(100).default([]),
  env_files: z.record(variableName, text(4000)).default({}),
  cwd: text(4000).optional(),
};

const proxmox = section({
  enabled: z.boolean().default(true),
  endpoint: httpUrl.optional(),
  transport: z.enum(['streamable_http', 'sse']).default('streamable_http'),
  ...program,
  headers: z.record(matching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'a header name'), headerValue).default({}),
  bearer_token: secret(),
  bearer_token_file: secretFile(),
  profile: text(4000).default('ry-ops-proxmox'),
  settings: z.record(z.string(), z.unknown()).default({}),
  call_timeout_seconds: seconds(1, 300, 30),
  max_reply_kib: whole(16, 65_536, 4096),
  max_calls_at_once: whole(1, 100, 8),
});

const workerSize = z.strictObject({
  cpu: z.int().min(1).max(512),
  memory_gb: z.number().min(0.5).max(12_288),
  disk_gb: z.int().min(1).max(65_536),
});
const sizeName = matching(
  new RegExp(`^(?=[a-z])(?=.{1,20}$)${DNS_LABEL}$`),
  'lower-case letters, digits and "-", beginning with a letter, at most 20 characters',
);

/** Sizes that exist unless `worker_sizes` gives the same name other numbers, or null. */
export const DEFAULT_SIZES = {
  small: { cpu: 2, memory_gb: 4, disk_gb: 50 },
  medium: { cpu: 4, memory_gb: 8, disk_gb: 100 },
  large: { cpu: 8, memory_gb: 16, disk_gb: 200 },
  xlarge: { cpu: 16, memory_gb: 32, disk_gb: 400 },
} as const;

const burstWorkers = section({
  max_burst_workers: whole(1, 1000, 10),
  max_per_request: whole(1, 10, 10),
  default_ttl_hours: whole(1, 168, 24),
  min_ttl_hours: whole(1, 168, 1),
  max_ttl_hours: whole(1, 168, 168),
  default_size: z.string().default('medium'),
  worker_label: matching(
    new RegExp(`^${QUALIFIED}=[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`),
    'KEY=VALUE, e.g. "worker-type=burst"',
  ).default('worker-type=burst'),
  ttl_annotation: qualifiedName.default('worker-ttl'),
  cleanup_interval_seconds: seconds(1, 86_400, 300),
  name_prefix: matching(
    new RegExp(`^(?=[a-z])(?=.{1,20}$)${DNS_LABEL}$`),
    'lower-case letters, digits and "-", beginning with a letter, at most 20 characters',
  ).default('burst'),
  labels: z.record(qualifiedName, matching(new RegExp(`^${LABEL_VALUE}$`), 'a Kubernetes label value')).default({}),
});

const join = section({
  method: z.enum(['kubeadm', 'k3s', 'talos', 'none']).default('kubeadm'),
  user_data: checked(validTemplate, 60_000).optional(),
  join_command: checked(validTemplate, 8000).optional(),
  endpoint: matching(/^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}$/, 'HOST:PORT, e.g. "10.0.0.1:6443"').optional(),
  ca_cert_hash: matching(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hexadecimal digits').optional(),
  token_ttl_minutes: whole(5, 1440, 60),
  token_groups: z
    .array(
      matching(/^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/, 'a group that begins with "system:bootstrappers:"'),
    )
    .max(20)
    .default(['system:bootstrappers:kubeadm:default-node-token']),
  timeout_minutes: whole(1, 240, 15),
  ready_timeout_minutes: whole(1, 240, 10),
  k3s: section({ url: httpUrl.optional(), token: secret(), token_file: secretFile() }),
});

const drain = section({
  grace_period_seconds: whole(-1, 86_400, 300),
  timeout_seconds: seconds(1, 86_400, 600),
  ignore_daemonsets: z.boolean().default(true),
  delete_emptydir_data: z.boolean().default(true),
  force: z.boolean().default(false),
  skip_wait_for_delete_seconds: seconds(0, 86_400, 30),
  permanent_workers: z.boolean().default(false),
  volume_detach_timeout_seconds: seconds(0, 86_400, 120),
  max_evictions_at_once: whole(1, 500, 20),
});

const safety = section({
  protect_permanent_workers: z.boolean().default(true),
  require_drain_before_destroy: z.boolean().default(true),
  protected_worker_patterns: z
    .array(
      checked((value) => {
        const compiled = compilePattern(value);
        return 'problem' in compiled ? compiled.problem : undefined;
      }),
    )
    .max(100)
    .default(['^master-.*', '^control-plane-.*', '^permanent-.*']),
});

const slackUser = matching(
  /^([TE][A-Z0-9]{2,}\/)?([UW][A-Z0-9]{2,}|\*)$/,
  'a Slack user id (U… or W…), or "*" for everybody; of another workspace T…/U…',
);
const slackGroup = matching(/^([TE][A-Z0-9]{2,}\/)?@?[A-Za-z0-9._-]{1,80}$/, 'a Slack user group id (S…) or handle');
const channelId = matching(
  /^([TE][A-Z0-9]{2,}\/)?[CGD][A-Z0-9]{2,}$/,
  'a Slack channel id (C…; of another workspace T…/C…)',
);
const role = section({
  users: z.array(slackUser).max(1000).default([]),
  groups: z.array(slackGroup).max(100).default([]),
});

const amount = z
  .number()
  .min(0)
  .max(999_999_999)
  .refine((value) => microsOf(value) !== undefined, { error: 'an amount with at most six digits after the point' });
const ruleName = matching(
  /^[a-z0-9][a-z0-9._-]{0,39}$/,
  'lower-case letters, digits, ".", "_" and "-", at most 40 characters',
);

const budget = z.strictObject({
  name: ruleName,
  monthly: amount,
  beyond: z.enum(['refuse', 'approval']).default('refuse'),
  warn_percent: whole(1, 100, 80),
  roles: z
    .array(z.enum(['viewer', 'operator', 'admin']))
    .max(3)
    .default([]),
  channels: z.array(channelId).max(1000).default([]),
  clusters: z.array(text(63)).max(100).default([]),
  approvers: role,
  needed: whole(1, 20, 1),
  self: z.boolean().default(false),
});
/** A cluster may have its own of these. */
const pricing = {
  currency: checked(
    (value) => (validCurrency(value) ? undefined : 'a currency by its three letters, e.g. "USD"'),
    3,
  ).default('USD'),
  prices: z.record(sizeName, amount).default({}),
};
const cost = section({
  ...pricing,
  timezone: checked(validTimezone, 100).default('UTC'),
  budgets: z.array(budget).max(100).default([]),
});

const day = z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']);
const between = matching(
  /^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$/,
  'HH:MM-HH:MM, e.g. "18:00-08:00"',
);

const warnings = section({
  before_minutes: z.array(z.int().min(1).max(10_080)).max(10).default([120, 30]),
  timezone: checked(validTimezone, 100).default('UTC'),
  quiet_hours: z
    .array(z.strictObject({ between, days: z.array(day).max(7).default([]) }))
    .max(10)
    .default([]),
});

const notifications = section({
  owners: z.enum(NOTIFY_CHOICES).default('channel'),
  routes: z
    .array(
      z.strictObject({
        kinds: z
          .array(z.enum(['warning', 'expiry', 'alert', 'health']))
          .max(4)
          .default([]),
        clusters: z.array(text(63)).max(100).default([]),
        asked_in: z.array(channelId).max(1000).default([]),
        to: z.union([channelId, z.literal('request')], { error: 'a Slack channel id (C…), or "request"' }),
      }),
    )
    .max(100)
    .default([]),
});

const approvalRule = z.strictObject({
  name: ruleName,
  actions: z
    .array(z.enum(['provision', 'extend', 'drain', 'destroy', 'force']))
    .max(5)
    .default([]),
  more_than: z.int().min(0).max(1000).optional(),
  longer_than_hours: z.int().min(0).max(168).optional(),
  cost_over: amount.optional(),
  sizes: z.array(sizeName).max(100).default([]),
  others: z.boolean().default(false),
  channels: z.array(channelId).max(1000).default([]),
  clusters: z.array(text(63)).max(100).default([]),
  between: between.optional(),
  days: z.array(day).max(7).default([]),
  approvers: role,
  needed: whole(1, 20, 1),
  self: z.boolean().default(false),
  channel: channelId.optional(),
  expires_minutes: z.int().min(1).max(10_080).optional(),
});

const approvals = section({
  channel: channelId.optional(),
  expires_minutes: whole(1, 10_080, 240),
  remind_before_minutes: whole(0, 10_080, 30),
  timezone: checked(validTimezone, 100).default('UTC'),
  rules: z.array(approvalRule).max(100).default([]),
});

const provisioning = (requests: number, workers: number) =>
  section({ requests: whole(0, 100_000, requests), workers: whole(0, 100_000, workers) });
const limits = section({
  window_minutes: whole(1, 10_080, 60),
  per_user: provisioning(20, 40),
  per_workspace: provisioning(100, 200),
  commands: section({ burst: whole(1, 10_000, 60), per_minute: whole(0, 10_000, 60) }),
  admins_exempt: z.boolean().default(false),
});
/** 32 bytes each, in hex or base64; the first one seals, the others only open. */
const encryptionKeys = checked(
  (value) => (value.split(/[\s,]+/).every(isKey) ? undefined : 'keys of 32 bytes, in hex or base64, the newest first'),
  8000,
);
const workspace = matching(/^T[A-Z0-9]{2,}$/, 'the id of a Slack workspace (T…)');
const oauth = section({
  client_id: matching(/^[\x21-\x7e]{1,200}$/, "the app's client id").optional(),
  client_secret: secret(),
  client_secret_file: secretFile(),
  state_secret: secret(),
  state_secret_file: secretFile(),
  encryption_key: encryptionKeys.optional(),
  encryption_key_file: secretFile(),
  url: httpUrl.optional(),
  port: whole(0, 65_535, 3001),
  teams: z
    .array(matching(/^[TE][A-Z0-9]{2,}$/, 'the id of a Slack workspace (T…) or organisation (E…)'))
    .max(10_000)
    .default([]),
});

const slack = section({
  mode: z.enum(['socket', 'http']).default('socket'),
  bot_token: secret(),
  bot_token_file: secretFile(),
  app_token: secret(),
  app_token_file: secretFile(),
  signing_secret: secret(),
  signing_secret_file: secretFile(),
  port: whole(0, 65_535, 3000),
  channel: channelId.optional(),
  channels: z.array(channelId).max(1000).default([]),
  roles: section({ viewer: role, operator: role, admin: role }),
  team: workspace.optional(),
  oauth,
  api_url: httpUrl.optional(),
});

export const mcpToken = z.strictObject({
  name: matching(/^[a-z0-9][a-z0-9._-]{0,39}$/, 'lower-case letters, digits, ".", "_" and "-", at most 40 characters'),
  token_env: matching(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable').optional(),
  token_file: secretFile(),
  token: matching(/^[\x21-\x7e]{16,}$/, 'at least 16 characters without spaces')
    .max(8000)
    .optional(),
  role: z.enum(['viewer', 'operator', 'admin']).default('viewer'),
  user: matching(/^([TE][A-Z0-9]{2,}\/)?[UW][A-Z0-9]{2,}$/, 'a Slack user id (U… or W…)').optional(),
  clusters: z.array(text(63)).max(100).default([]),
  alone: z
    .array(z.enum(['destroy', 'force']))
    .max(2)
    .default([]),
  max_count: z.int().min(1).max(10).optional(),
  max_ttl_hours: z.int().min(1).max(168).optional(),
  sizes: z.array(sizeName).max(100).default([]),
  max_workers_per_hour: z.int().min(1).max(10_000).optional(),
  max_workers_per_day: z.int().min(1).max(10_000).optional(),
  max_changes_per_hour: z.int().min(1).max(10_000).optional(),
  max_changes_per_day: z.int().min(1).max(10_000).optional(),
  max_calls_per_minute: z.int().min(1).max(10_000).optional(),
});

const mcp = section({
  enabled: z.boolean().default(false),
  host: text(253).default('127.0.0.1'),
  port: whole(0, 65_535, 9091),
  allowed_hosts: z.array(text(300)).max(100).default([]),
  allowed_origins: z.array(httpUrl).max(100).default([]),
  max_body_kib: whole(1, 10_240, 256),
  max_sessions: whole(1, 10_000, 200),
  idle_minutes: whole(1, 10_080, 60),
  tokens: z.array(mcpToken).max(100).default([]),
});

const mcpServers = section({
  preferred_provider: z.enum(['proxmox', 'talos']).default('proxmox'),
  proxmox,
  talos: section({
    enabled: z.boolean().default(false),
    endpoint: httpUrl.optional(),
    ...program,
    profile: text(4000).default('talos-mcp-server'),
    settings: z.record(z.string(), z.unknown()).default({}),
    call_timeout_seconds: seconds(1, 300, 60),
    reset_timeout_minutes: whole(1, 60, 10),
  }),
});
const workerSizes = z.record(sizeName, workerSize.nullable()).default({});

/** Words that commands use in a cluster's place. */
const RESERVED = ['all'];
const clusterName = matching(
  new RegExp(`^(?!(?:${RESERVED.join('|')})$)(?=.{1,63}$)${DNS_LABEL}$`),
  'lower-case letters, digits and "-", at most 63 characters, and not "all"',
);
/** One of several clusters: its own keys, on top of the file's. */
const ownCluster = z.strictObject({
  kubernetes: withoutDefaults(kubernetes.unwrap().omit({ name: true })),
  mcp_servers: withoutDefaults(mcpServers),
  worker_sizes: withoutDefaults(workerSizes),
  placement: withoutDefaults(placementSchema),
  burst_workers: withoutDefaults(burstWorkers),
  join: withoutDefaults(join),
  drain: withoutDefaults(drain),
  safety: withoutDefaults(safety),
  cost: withoutDefaults(section(pricing)),
  roles: z.strictObject({ viewer: role.optional(), operator: role.optional(), admin: role.optional() }).optional(),
  channels: z.array(channelId).max(1000).optional(),
});

/** The whole file, snake_case as people write it. */
export const fileSchema = z.strictObject({
  kubernetes,
  clusters: z.record(clusterName, ownCluster).optional(),
  default_cluster: text(63).optional(),
  mcp_servers: mcpServers,
  worker_sizes: workerSizes,
  placement: placementSchema,
  burst_workers: burstWorkers,
  join,
  drain,
  safety,
  schedules: section({ reaper: checked(validCron).optional() }),
  warnings,
  notifications,
  reaper: section({
    max_removals_at_once: whole(1, 1000, 3),
    retry_after_minutes: whole(1, 1440, 10),
    sweep_interval_seconds: whole(1, 86_400, 120),
    sweep_grace_seconds: whole(1, 86_400, 30),
  }),
  health: section({
    not_ready_minutes: whole(1, 1440, 10),
    auto_repair: z.boolean().default(false),
    max_unhealthy_percent: whole(1, 100, 20),
  }),
  provider_health: section({
    check_seconds: seconds(1, 3600, 60),
    failures: whole(1, 100, 3),
    first_retry_seconds: seconds(1, 600, 5),
    max_retry_seconds: seconds(1, 3600, 120),
    tell_after_seconds: seconds(0, 86_400, 30),
  }),
  engine: section({
    max_steps_at_once: whole(1, 500, 20),
    step_timeout_seconds: seconds(1, 3600, 60),
    claim_seconds: seconds(2, 7200, 90),
    poll_seconds: seconds(1, 300, 2),
    retry_base_seconds: seconds(1, 300, 1),
    retry_max_seconds: seconds(1, 3600, 60),
  }),
  approvals,
  cost,
  limits,
  slack,
  database: section({ path: text(4000).default('data/burst.sqlite') }),
  logging: section({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  }),
  mcp,
  monitoring: section({
    enabled: z.boolean().default(true),
    host: text(253).default('127.0.0.1'),
    port: whole(0, 65_535, 9090),
  }),
});

/** The file with every default filled in. */
export type FileConfig = z.output<typeof fileSchema>;

type CamelKey<K> = K extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<CamelKey<Tail>>}` : K;
type Camel<T> = T extends readonly (infer Item)[]
  ? readonly Camel<Item>[]
  : T extends object
    ? { readonly [K in keyof T as CamelKey<K>]: Camel<T[K]> }
    : T;

type Derived = Camel<FileConfig>;
type SecretFileKey = 'bearerTokenFile' | 'tokenFile' | 'botTokenFile' | 'appTokenFile' | 'signingSecretFile';

/** Installing Burst to several workspaces. */
export type OAuthConfig = {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly stateSecret: string;
  /** The first one seals. */
  readonly encryptionKeys: readonly Buffer[];
  readonly url: string;
  readonly port: number;
  readonly teams: readonly string[];
};

/**
 * What the program reads: the file's keys in camelCase, complete, checked against each other and read-only. Times keep
 * the file's units, which their names end in; the policy functions turn them into ms. Secrets hold their values,
 * wherever they came from.
 */
export type Config = ClusterConfig & {
  /** Each cluster with the whole configuration as it is for that cluster; with one cluster, the same as the rest of this. */
  readonly clusters: readonly ClusterConfig[];
  /** The cluster that is meant where nothing else says which. */
  readonly defaultCluster: string;
};

/** The configuration as one cluster has it; `kubernetes.name` is the cluster's name. */
export type ClusterConfig = Omit<
  Derived,
  'clusters' | 'defaultCluster' | 'kubernetes' | 'mcpServers' | 'workerSizes' | 'join' | 'slack' | 'mcp'
> & {
  /** Channels in which this cluster is the default one. */
  readonly defaultIn: readonly string[];
  /** Each token holds its value, wherever it came from. */
  readonly mcp: Omit<Derived['mcp'], 'tokens'> & {
    readonly tokens: readonly (Omit<Derived['mcp']['tokens'][number], 'tokenEnv' | 'tokenFile' | 'token'> & {
      readonly token: string;
    })[];
  };
  /** `inCluster` is decided: `auto` looked at the environment. */
  readonly kubernetes: Omit<Derived['kubernetes'], 'inCluster'> & { readonly inCluster: boolean };
  readonly mcpServers: Omit<Derived['mcpServers'], 'proxmox'> & {
    readonly proxmox: Omit<Derived['mcpServers']['proxmox'], SecretFileKey>;
  };
  /** The built-in sizes and the file's own. */
  readonly workerSizes: Readonly<
    Record<string, { readonly cpu: number; readonly memoryGb: number; readonly diskGb: number }>
  >;
  /** `userData` and `joinCommand` hold the method's built-in template where the file has none. */
  readonly join: Omit<Derived['join'], 'userData' | 'joinCommand' | 'k3s'> & {
    readonly userData: string;
    readonly joinCommand: string;
    readonly k3s: Omit<Derived['join']['k3s'], SecretFileKey>;
  };
  /** `appToken` is there in socket mode, `signingSecret` in http mode; `botToken` or `oauth` is, or both are. */
  readonly slack: Omit<Derived['slack'], SecretFileKey | 'botToken' | 'oauth'> & {
    readonly botToken: string | undefined;
    readonly oauth?: OAuthConfig;
  };
};
