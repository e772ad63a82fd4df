/**
 * What the sandbox's parts promise each other and the page. Invariant: the app under test sees none of this; it only
 * has endpoints. Everything listens on loopback.
 */
export interface SandboxClock {
  /** Milliseconds since the epoch, UTC, skipped hours included. */
  now(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export type Listener = () => void;

/* ---- simulators: each is usable by itself; port 0 or undefined picks a free one ---- */

/** The page's endpoints of one workspace (PageSlackApi below), without prefix; answered for `/state`, `/command`, … */
type HandlePage = (
  method: string,
  path: string,
  query: URLSearchParams,
  body: unknown,
) => Promise<{ status: number; body: unknown }>;

/** A workspace as the page reaches it. */
export type SlackWorkspace = {
  readonly team: string;
  readonly name: string;
  /** Whether the app is there: as it was from the beginning, by an installation of its own, or with its organisation. */
  readonly installed: () => 'home' | 'workspace' | 'organisation' | undefined;
  readonly handlePage: HandlePage;
  /** A file's bytes, if this person sees a message with it. */
  readFile(user: string, id: string): { mimetype: string; data: Uint8Array } | undefined;
};

export type SlackSimulator = {
  /** `http://127.0.0.1:PORT/api/`, for Bolt's clientOptions.slackApiUrl. */
  readonly apiUrl: string;
  readonly botToken: string;
  readonly appToken: string;
  readonly signingSecret: string;
  /** The first workspace's. */
  readonly handlePage: HandlePage;
  /** All of them, the first one first. */
  readonly workspaces: readonly SlackWorkspace[];
  /** Removes the app from a workspace, or from the organisation that brought it there, and tells it; nothing where it is not. */
  removeApp(team: string): Promise<void>;
  /** Called when something of any workspace has changed. */
  onChange(listener: Listener): () => void;
  close(): Promise<void>;
};

export type KubernetesSimulator = {
  readonly url: string;
  /** A kubeconfig (YAML) with an admin token, context `sandbox`. */
  readonly kubeconfig: string;
  world(): { nodes: WorldNode[] };
  onChange(listener: Listener): () => void;
  setFault(name: 'api_down' | 'pdb_blocks' | 'kubelet_down', on: boolean): void;
  close(): Promise<void>;
};

export type ProxmoxSimulator = {
  /** Streamable HTTP MCP endpoint. */
  readonly mcpUrl: string;
  world(): { hosts: WorldHost[]; vms: WorldVm[]; tasks: WorldTask[] };
  onChange(listener: Listener): () => void;
  setFault(name: 'clone_fails' | 'never_joins' | 'locked' | 'host_offline' | 'server_down', on: boolean): void;
  close(): Promise<void>;
};

/* ---- the outside world, for the page's side panel: GET /api/world ---- */

export type WorldPod = { namespace: string; name: string; phase: string; deleting: boolean; owner: string };
export type WorldNode = {
  /** Which of several clusters it is in; undefined with one. */
  cluster?: string;
  name: string;
  type: 'burst' | 'permanent' | 'control-plane';
  ready: boolean;
  unschedulable: boolean;
  deadline: string | undefined;
  pods: WorldPod[];
};
/** A Proxmox host. */
export type WorldHost = { cluster?: string; name: string; online: boolean; memoryMiB: number; usedMiB: number };
export type WorldVm = {
  /** Of which of several clusters' Proxmox it is. */
  cluster?: string;
  id: number;
  name: string;
  status: string;
  lock: string | undefined;
  template: boolean;
  tags: string[];
  cpus: number;
  memoryMiB: number;
  host: string;
};
/** Tasks of several clusters' servers carry the cluster too. */
export type WorldTask = {
  cluster?: string;
  id: string;
  type: string;
  vmId: string;
  status: string;
  startedAtMs: number;
};
/** One cluster's simulators. */
export type SandboxCluster = {
  readonly name: string;
  readonly kubernetes: KubernetesSimulator;
  readonly proxmox: ProxmoxSimulator;
};
export type WorldState = {
  nowMs: number;
  skippedMs: number;
  nodes: WorldNode[];
  hosts: WorldHost[];
  vms: WorldVm[];
  tasks: WorldTask[];
  faults: { name: string; label: string; on: boolean }[];
};
/** POST /api/world/clock */
export type ClockRequest = { advanceMs: number } | { skipToNextDeadline: true };
/** POST /api/world/fault */
export type FaultRequest = { name: string; on: boolean };

/* ---- the page's Slack: under /api/slack. GET /api/events is an SSE stream of `{"changed":"slack"|"world"}` ---- */

/** GET /api/workspaces */
export type PageWorkspaces = {
  workspaces: { team: string; name: string; installed: ReturnType<SlackWorkspace['installed']> | null }[];
  /** Where the app's own installation page is; undefined: it is installed to the first workspace alone. */
  installUrl?: string;
};
/** POST /api/workspaces/remove-app -> `{ok}` */
export type RemoveAppRequest = { team: string };
/** In queries and bodies under /api/slack: `team` says which workspace; without it the first one. */

export type PageUser = { id: string; name: string; realName: string; role: string; isBot: boolean };
export type PageChannel = { id: string; name: string; kind: 'channel' | 'im' };
/** A shared file; `size` in bytes. Its bytes: GET /files/ID?user=U…, for those who see a message with it. */
export type PageFile = {
  id: string;
  name: string;
  title: string;
  size: number;
  mimetype?: string;
  /** What a picture shows, for those who do not see it. */
  altText?: string;
};
export type PageMessage = {
  channel: string;
  ts: string;
  threadTs: string | undefined;
  userId: string;
  text: string;
  /** Slack blocks as the bot sent them. */
  blocks: unknown[];
  ephemeral: boolean;
  edited: boolean;
  replyCount: number;
  /** Files shared with the message, if any. */
  files?: PageFile[];
};
export type PageView = {
  id: string;
  type: 'modal' | 'home';
  title: string;
  submit: string | undefined;
  close: string | undefined;
  blocks: unknown[];
  callbackId: string;
  hash: string;
};
export type PageShortcut = { name: string; type: 'global' | 'message'; callbackId: string; description: string };
/** GET /state?user=U… */
export type PageSlackState = {
  me: PageUser;
  users: PageUser[];
  channels: PageChannel[];
  messages: PageMessage[];
  commands: { command: string; description: string; usageHint: string }[];
  /** Shortcuts of the app: global ones anywhere, the others in a message's menu. */
  shortcuts?: PageShortcut[];
  /** Bottom first; the last is on top. */
  modals: PageView[];
  home: PageView | undefined;
};
/** `state.values` as Slack sends it: block_id -> action_id -> the element's value object. */
export type ViewStateValues = Record<string, Record<string, unknown>>;
/** POST /command, /message, /action, /view/submit, /view/close, /home/open, /options. All answer `{ok, error?}`; submit may add `errors`. */
export type PageCommandRequest = { user: string; channel: string; text: string };
export type PageMessageRequest = { user: string; channel: string; text: string; threadTs?: string };
export type PageActionRequest = {
  user: string;
  container: { type: 'message'; channel: string; ts: string } | { type: 'view'; viewId: string };
  /** As in Slack's block_actions payload: type, block_id, action_id, value | selected_option | selected_options | selected_date | … */
  action: Record<string, unknown>;
  state?: ViewStateValues;
};
/** POST /shortcut; `message` for a message shortcut. */
export type PageShortcutRequest = {
  user: string;
  callbackId: string;
  message?: { channel: string; ts: string };
};
export type PageSubmitRequest = { user: string; viewId: string; state: ViewStateValues };
export type PageSubmitReply = { ok: boolean; error?: string; errors?: Record<string, string> };
export type PageCloseRequest = { user: string; viewId: string; all?: boolean };
export type PageHomeRequest = { user: string };
/** POST /options: suggestions of an external select -> `{ok, options}`. */
export type PageOptionsRequest = {
  user: string;
  container: PageActionRequest['container'];
  blockId: string;
  actionId: string;
  value: string;
};
/** What is POSTed to one workspace's Slack, by its path under /api/slack. */
export type PageSlackRequests = {
  '/command': PageCommandRequest;
  '/message': PageMessageRequest;
  '/action': PageActionRequest;
  '/options': PageOptionsRequest;
  '/shortcut': PageShortcutRequest;
  '/view/submit': PageSubmitRequest;
  '/view/close': PageCloseRequest;
  '/home/open': PageHomeRequest;
};
/** What else is POSTed, by its path under /api. */
export type PageWorldRequests = {
  '/world/clock': ClockRequest;
  '/world/fault': FaultRequest;
  '/workspaces/remove-app': RemoveAppRequest;
};
