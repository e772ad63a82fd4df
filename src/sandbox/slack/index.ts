/** The simulated Slack. Invariant: the app sees only Slack's public interfaces; the page sees what one user would see. */
import express from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Listener, PageUser, SandboxClock, SlackSimulator, SlackWorkspace } from '../contract.ts';
import { createFiles } from './files.ts';
import { readManifest } from './manifest.ts';
import { createMessages } from './messages.ts';
import { createMethods } from './methods.ts';
import { createOAuth } from './oauth.ts';
import { eventCallback } from './payloads.ts';
import type { Deliver } from './sockets.ts';
import { createPageApi } from './page-api.ts';
import { createResponses } from './responses.ts';
import { signedRequests } from './signed-requests.ts';
import { createSockets } from './sockets.ts';
import { createViews } from './views.ts';
import { bearerOf, createWebApi } from './web-api.ts';
import type { Forced, SlackCall } from './web-api.ts';
import { HOME, bot, createWorkspace } from './workspace.ts';
import type { Identity, Message, Target } from './workspace.ts';

export type { SlackCall } from './web-api.ts';

export type SlackOptions = {
  clock: SandboxClock;
  port?: number;
  users?: PageUser[];
  /** Whether calls beyond Slack's rates are answered with 429. Default true. */
  rateLimits?: boolean;
  /** Payloads are POSTed there instead of sent over sockets. */
  requestUrl?: string;
  /** The app's manifest (parsed JSON): its commands and shortcuts. Without it every slash command is the app's. */
  manifest?: unknown;
  /** Real ms that are waited for an ack. Default 3000. */
  ackMs?: number;
  /** Further workspaces, to which the app can be installed by OAuth; each with the people and channels of the first. */
  workspaces?: readonly Identity[];
};
/** A workspace beside the first one. */
export type OtherWorkspace = SlackWorkspace & {
  world(): { calls: SlackCall[]; messages: Message[] };
};
export type SlackSimulatorForTests = SlackSimulator & {
  /** The app's credentials for OAuth. */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly others: readonly OtherWorkspace[];
  /** Removes the app from a workspace or an organisation, and tells it. */
  uninstall(key: string): Promise<void>;
  world(): { calls: SlackCall[]; messages: Message[] };
  /** The next `times` calls of `method` answer 429 (`retryAfterSeconds`) or an error. */
  force(method: string, times: number, answer: Forced): void;
  /** Tells all sockets to reconnect; until they are back, envelopes are held. */
  refreshConnections(): void;
  /** How many sockets are open. */
  connections(): number;
};

const SECRETS = { clientId: '1234567890.0987654321', clientSecret: 'sandbox-client-secret' };

/** Starts the simulated Slack on loopback; with `requestUrl` payloads are POSTed signed there instead of sent over sockets. */
export async function startSlackSimulator(options: SlackOptions): Promise<SlackSimulatorForTests> {
  const [botToken, appToken, signingSecret] = ['xoxb-sandbox', 'xapp-sandbox', 'sandbox-signing-secret'];
  let address = '';
  const declared = options.manifest === undefined ? undefined : readManifest(options.manifest);
  const { rateLimits = true, requestUrl, workspaces = [] } = options;
  const listeners = new Set<Listener>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const oauth = createOAuth(SECRETS, targetsOf(workspaces), changed);
  /** One workspace with all that belongs to it; `path` tells its links from others'. */
  const open = (identity: Identity, path: string, accepts: (token: string) => boolean) => {
    const base = (): string => `${address}${path}`;
    const workspace = createWorkspace(options.clock, options.users, declared, identity);
    workspace.listeners.add(changed);
    const messages = createMessages(workspace);
    const views = createViews(workspace);
    const responses = createResponses(workspace, messages, base);
    const files = createFiles(workspace, messages, base);
    const methods = createMethods({ workspace, messages, views, files, base });
    const webApi = createWebApi({ workspace, methods, responses, files, accepts, appToken, rateLimits });
    return { workspace, messages, views, responses, files, webApi };
  };
  const home = open(HOME, '', (token) => token === botToken);
  const others = workspaces.map((identity) =>
    open(identity, `/${identity.team}`, (token) => oauth.tokens.get(token)?.team === identity.team),
  );
  const { webApi } = home;
  const front = express();
  front.disable('x-powered-by');
  front.use(oauth.router);
  for (const other of others) front.use(`/${other.workspace.identity.team}`, other.webApi.app);
  front.use((req, res, next) => {
    const team = oauth.tokens.get(bearerOf(req))?.team;
    (others.find((other) => other.workspace.identity.team === team) ?? home).webApi.app(req, res, next);
  });
  const server = createServer(front);
  const sockets = createSockets(server, options.ackMs);
  const deliver = requestUrl === undefined ? sockets.deliver : signedRequests(requestUrl, signingSecret);
  const toApp = (own: typeof home): Deliver => {
    const { identity } = own.workspace;
    return (kind, payload) => {
      // what is not installed gets nothing
      return installed(identity) === undefined ? Promise.resolve(undefined) : deliver(kind, payload);
    };
  };
  const installed = (identity: Identity): ReturnType<SlackWorkspace['installed']> => {
    if (identity === HOME) return 'home';
    const target = oauth.installedIn(identity.team);
    return target === undefined ? undefined : target.org ? 'organisation' : 'workspace';
  };
  const shown = (own: typeof home): SlackWorkspace => {
    const { identity } = own.workspace;
    const api = createPageApi({ ...own, deliver: toApp(own), installed: () => installed(identity) !== undefined });
    return {
      team: identity.team,
      name: identity.name,
      installed: () => installed(identity),
      readFile: (user, id) => own.files.readAs(user, id),
      handlePage: (...request) => {
        own.workspace.byOrg = installed(identity) === 'organisation';
        return api(...request);
      },
    };
  };
  const uninstall = async (key: string): Promise<void> => {
    const target = oauth.remove(key);
    const own = others.find((other) => other.workspace.identity.team === target?.team);
    if (target === undefined || own === undefined) throw new Error(`the app is not installed to ${key}`);
    own.workspace.byOrg = target.org;
    const tokens = { type: 'tokens_revoked', tokens: { oauth: [], bot: [bot.id] } };
    for (const event of [tokens, { type: 'app_uninstalled' }])
      await deliver('events_api', eventCallback(own.workspace, event));
  };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const worldOf = (own: typeof home) => () =>
    structuredClone({ calls: own.webApi.calls, messages: own.workspace.messages });
  const first = shown(home);
  const rest = others.map((own) => ({ ...shown(own), world: worldOf(own) }));
  return {
    apiUrl: `${address}/api/`,
    botToken,
    appToken,
    signingSecret,
    ...SECRETS,
    handlePage: first.handlePage,
    workspaces: [first, ...rest],
    others: rest,
    uninstall,
    async removeApp(team) {
      const target = oauth.installedIn(team);
      if (target !== undefined) await uninstall(target.key);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    world: worldOf(home),
    force: webApi.force,
    connections: () => sockets.count(),
    refreshConnections: () => sockets.refresh(),
    async close() {
      for (const own of [home, ...others]) own.workspace.close();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Each workspace by itself, and each organisation as a whole. */
function targetsOf(workspaces: readonly Identity[]): Target[] {
  return workspaces.flatMap(({ team, name, enterprise }) => {
    const own = { key: team, name, org: false, team, enterprise };
    return enterprise === undefined
      ? [own]
      : [own, { key: enterprise, name: `All of ${name}`, org: true, team, enterprise }];
  });
}
