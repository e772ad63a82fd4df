/**
 * Burst in Slack. Invariants: every request is acknowledged before anything else; Slack changes the world only through
 * Operations; what the workspace or the network does, a start fails cleanly and a stop leaves nothing in flight.
 */
import type { Server } from 'node:http';
import { LogLevel, SocketModeReceiver } from '@slack/bolt';
import type { Logger } from '@slack/bolt';
import { WebClient } from '@slack/web-api';
import { PLAIN_NOTIFY } from '../domain/notify.ts';
import type { NotifyPolicy } from '../domain/notify.ts';
import type { AccessPolicy, WorkerPolicy } from '../domain/policy.ts';
import type { BucketPolicy } from '../domain/rate-limit.ts';
import type { Approvals, Costs, Sweeps } from '../operations/index.ts';
import type { Operations } from '../operations/types.ts';
import type { Chat, ChatCheck } from '../ports/chat.ts';
import { within } from '../ports/clock.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { InboxStore } from '../ports/inbox.ts';
import type { InstallationStore } from '../ports/installations.ts';
import type { Store } from '../ports/store.ts';
import { BurstError, messageOf } from '../domain/errors.ts';
import type { Clusters, Log } from './call.ts';
import { clientOptions, createClients } from './clients.ts';
import type { Clients } from './clients.ts';
import { told } from './blocks/clusters.ts';
import { createAnswers } from './answers.ts';
import { createClusters } from './clusters.ts';
import { createDelivery } from './delivery.ts';
import { platformError } from './errors.ts';
import { splitId } from '../domain/workspace-ids.ts';
import { createWorkspaces } from './workspaces/index.ts';
import type { OAuthOptions } from './workspaces/index.ts';
import type { Removed } from './listeners.ts';
import { createGate } from './gate.ts';
import { createHome } from './home.ts';
import { createInbox } from './inbox.ts';
import { createIntake } from './intake.ts';
import { createUnauthorized } from './unheard.ts';
import { registerListeners } from './listeners.ts';
import { createPosting } from './posting.ts';
import { AnsweringApp, createHttpReceiver } from './receiving.ts';

/** The name of a cluster that was given none. */
const UNNAMED = 'default';
const STOP_WAIT_MS = 10_000;
/** Without these Burst cannot work. */
const SCOPES = ['commands', 'chat:write', 'chat:write.public', 'usergroups:read'];
/** With these files are sent (the audit's export, charts and tables of cost). */
const FILE_SCOPES = ['files:write', 'im:write'];
/** With these a message whose record was lost in a crash is found again instead of posted twice. */
const HISTORY_SCOPES = ['channels:history', 'groups:history', 'im:history', 'im:write'];

/** The door to one cluster, and who may use it. */
export type ClusterDoor = {
  /** Its name; refusals are audited for it. */
  readonly cluster?: string;
  readonly operations: Operations;
  readonly access: AccessPolicy;
  readonly workers: WorkerPolicy;
  readonly sweeps?: Sweeps;
  /** Channels in which it is meant where nothing else says which. */
  readonly defaultIn?: readonly string[];
};

/** The door itself is that of the one cluster, or of the default one among several. */
export type SlackAppOptions = ClusterDoor & {
  readonly mode:
    | { readonly kind: 'socket'; readonly appToken: string }
    | { readonly kind: 'http'; readonly signingSecret: string; readonly port: number };
  /** Of the home workspace; without it `oauth` says where Burst is installed. */
  readonly botToken?: string;
  /** Installing Burst to more workspaces. */
  readonly oauth?: OAuthOptions;
  /** Another Web API, ending with `/api/`. */
  readonly apiUrl?: string;
  readonly store: Store & InboxStore & InstallationStore;
  readonly approvals?: Approvals;
  /** Undefined: nothing is said of cost. */
  readonly costs?: Costs;
  /** User groups of the approval rules, which `check` looks for. */
  readonly approverGroups?: readonly string[];
  readonly defaultChannelId?: string | undefined;
  /** How much one person may send; without it, nobody is refused. */
  readonly flood?: BucketPolicy;
  /** No limit over time holds for admins. */
  readonly exemptAdmins?: boolean;
  /** Where notices go and how owners are told. */
  readonly notify?: NotifyPolicy;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** The doors to the other clusters; with none, nothing that people see speaks of clusters. */
  readonly others?: readonly ClusterDoor[];
};

function boltLogger(log: Log): Logger {
  const write =
    (line: Log['info']) =>
    (...parts: unknown[]): void =>
      line({ detail: parts.map(String).join(' ').slice(0, 2000) }, 'slack client');
  return {
    debug: () => undefined,
    info: write(log.debug),
    warn: write(log.warn),
    error: write(log.error),
    setLevel: () => undefined,
    getLevel: () => LogLevel.INFO,
    setName: () => undefined,
  };
}
const words = (error: unknown): string => platformError(error) ?? messageOf(error);

/** What serves the requests for each cluster. */
function clustersOf(options: SlackAppOptions, clients: Clients): Clusters {
  const {
    store,
    approvals,
    costs,
    clock,
    ids,
    log,
    defaultChannelId,
    exemptAdmins = false,
    notify = PLAIN_NOTIFY,
  } = options;
  const doors = [options, ...(options.others ?? [])];
  const each = doors.map(({ cluster = UNNAMED, operations, access, workers, sweeps }) => {
    const gate = createGate({ clients, access, operations, store, clock, log, cluster });
    const own = { cluster, clients, operations, approvals, costs, sweeps, store, access, workers, gate };
    return { ...own, clock, ids, log, defaultChannelId, exemptAdmins, notify };
  });
  const channels = doors.flatMap(({ cluster = UNNAMED, defaultIn = [] }) =>
    defaultIn.map((id) => [id, cluster] as const),
  );
  return createClusters(each, new Map(channels));
}

/** Resolves once the installation pages are served. @throws BurstError `unavailable` when their port is taken. */
const listening = (socket: SocketModeReceiver, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    // Bolt keeps it to itself, and listens for no failure of it
    const pages = socket['httpServer'] as Server | undefined;
    if (pages === undefined) return resolve();
    pages.once('listening', () => resolve());
    pages.once('error', (cause: Error) =>
      reject(
        new BurstError('unavailable', `The installation pages cannot listen on port ${port}: ${cause.message}.`, {
          hint: 'Give slack.oauth.port another one.',
          cause,
        }),
      ),
    );
  });

/** Makes the Slack side of Burst; nothing is contacted before `start` or `check`. */
export function createSlackApp(options: SlackAppOptions): Chat {
  const { mode, log, clock } = options;
  const logger = boltLogger(log);
  const { oauth, botToken, cluster = UNNAMED } = options;
  const workspaces =
    oauth === undefined
      ? undefined
      : createWorkspaces({ ...options, oauth, botToken, apiUrl: options.apiUrl, logger, cluster });
  const forOauth = workspaces?.receiverOptions ?? {};
  const socket =
    mode.kind === 'socket'
      ? new SocketModeReceiver({
          appToken: mode.appToken,
          logger,
          logLevel: LogLevel.INFO,
          ...forOauth,
          installerOptions: {
            ...forOauth.installerOptions,
            clientOptions: clientOptions(logger, options.apiUrl),
            ...(oauth === undefined ? {} : { port: oauth.port }),
          },
        })
      : undefined;
  const receiver =
    socket ?? (mode.kind === 'http' ? createHttpReceiver(mode.signingSecret, mode.port, logger, forOauth) : undefined);
  const app = new AnsweringApp({
    ...(workspaces === undefined && botToken !== undefined ? { token: botToken } : {}),
    ...(receiver === undefined ? {} : { receiver }),
    logger,
    logLevel: LogLevel.INFO,
    clientOptions: clientOptions(logger, options.apiUrl),
    deferInitialization: true,
    extendedErrorHandler: true,
  });
  const installer = receiver?.installer;
  if (installer !== undefined) workspaces?.authorizeWith((source) => installer.authorize(source));
  const clients = workspaces?.clients ?? createClients(botToken ?? '', logger, options.apiUrl);
  const clusters = clustersOf(options, clients);
  const posting = createPosting({ ...options, clients });
  const delivery = createDelivery({
    ...options,
    posting,
    defaultChannelId: options.defaultChannelId,
    notify: options.notify ?? PLAIN_NOTIFY,
    doorOf: (cluster) => {
      const own = clusters.all.find((each) => each.cluster === cluster || !clusters.several);
      return own && { ...own, shown: (message) => told(message, own) };
    },
  });
  const home = createHome({ ...options, clients, doors: clusters.all });
  const inFlight = new Set<Promise<unknown>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    inFlight.add(work);
    const done = (): void => void inFlight.delete(work);
    work.then(done, done);
    return work;
  };
  app.workspaceOf = (body) => workspaces?.keyOf(body);
  if (workspaces !== undefined) {
    const unauthorized = createUnauthorized(workspaces.installUrl, log);
    app.unauthorized = (body, error) => track(unauthorized(body, error));
  }
  const removed: Removed = async (body, why, atMs) => {
    if (workspaces === undefined) log.error({ why }, 'Burst was removed from its workspace: nothing can be said there');
    else await workspaces.removed(body, why, atMs);
  };
  registerListeners(app, clusters, home, track, removed);
  const answers = createAnswers(clients, log);
  const inbox = createInbox({ ...options, answers });
  app.intake = createIntake({
    ...options,
    inbox,
    answers,
    flood: options.flood,
    exemptAdmins: options.exemptAdmins === true,
    cluster: options.cluster ?? UNNAMED,
    isAdmin: async (userId) => {
      const by = { kind: 'slack', userId } as const;
      const standings = await Promise.all(clusters.all.map(({ gate }) => gate.standing({ by })));
      return standings.some((standing) => standing.ok && standing.role === 'admin');
    },
  });
  app.error(async ({ error, body }: { error: Error; body: unknown }) => {
    if (typeof body === 'object' && body !== null) app.failures.set(body, error);
    log.error(
      { error: error.stack ?? error.message, type: (body as { type?: unknown } | undefined)?.type },
      'a Slack listener failed',
    );
  });
  let connected = false;
  let started = false;
  socket?.client.on('connected', () => (connected = true));
  for (const name of ['disconnected', 'reconnecting', 'disconnecting'])
    socket?.client.on(name, () => (connected = false));

  return {
    async start() {
      try {
        await (workspaces === undefined ? clients.reply.auth.test() : workspaces.findHome());
        await workspaces?.installations.reseal();
        await app.init();
        const listens = oauth === undefined || socket === undefined ? undefined : listening(socket, oauth.port);
        await Promise.all([mode.kind === 'http' ? app.start(mode.port) : app.start(), listens]);
      } catch (error) {
        if (error instanceof BurstError) {
          await app.stop().catch(() => undefined);
          throw error;
        }
        const said = platformError(error);
        throw new BurstError(
          said === undefined ? 'unavailable' : 'denied',
          said === undefined ? 'Slack could not be reached.' : `Slack refused a token: ${said}.`,
          { hint: 'Check the tokens and the network; `burst check` says which.', cause: error },
        );
      }
      started = true;
      if (mode.kind === 'http') connected = true;
      delivery.start();
      home.start();
    },
    resume: () => inbox.resume((event) => app.serve(event)),
    async stop() {
      if (!started) return;
      started = false;
      const closed =
        socket === undefined || !connected
          ? Promise.resolve()
          : new Promise<void>((resolve) => void socket.client.once('disconnected', () => resolve()));
      await Promise.all([delivery.stop(), home.stop()]);
      const settled = Promise.all([closed, app.stop(), Promise.allSettled(inFlight), inbox.idle()]);
      await within(clock, STOP_WAIT_MS, settled);
      await inbox.stop();
      connected = false;
    },
    poke: () => delivery.poke(),
    roleOf: async (cluster, userId) => clusters.all.find((each) => each.cluster === cluster)?.gate.roleOf(userId),
    async health() {
      const trouble = delivery.trouble();
      if (!connected) return { ok: false, text: 'not connected to Slack' };
      return trouble === undefined
        ? { ok: true, text: 'connected to Slack' }
        : { ok: false, text: `connected to Slack, but a message could not be delivered: ${trouble}` };
    },
    async check() {
      const checks: ChatCheck[] = [];
      const trying = async (name: string, act: () => Promise<string>): Promise<void> => {
        try {
          checks.push({ name, ok: true, text: await act() });
        } catch (error) {
          checks.push({ name, ok: false, text: words(error) });
        }
      };
      const inspected = async (own: Pick<Clients, 'reply'>): Promise<string> => {
        const answer = await own.reply.auth.test();
        const scopes = answer.response_metadata?.scopes;
        const without = (wanted: readonly string[]): readonly string[] =>
          scopes === undefined ? [] : wanted.filter((scope) => !scopes.includes(scope));
        const missing = without(SCOPES);
        if (missing.length > 0) throw new Error(`missing scopes: ${missing.join(', ')}`);
        const useful = without(HISTORY_SCOPES);
        const note = useful.length === 0 ? '' : `; without ${useful.join(', ')} a crash may repeat a message`;
        const unsent = without(FILE_SCOPES);
        const files = unsent.length === 0 ? '' : `; without ${unsent.join(', ')} no file can be sent`;
        return `bot ${answer.user ?? '?'} in ${answer.team ?? '?'}, with the scopes it needs${note}${files}`;
      };
      if (workspaces === undefined || botToken !== undefined)
        await trying('slack bot token', async () => {
          await workspaces?.findHome();
          return inspected(workspaces === undefined ? clients : createClients(botToken ?? '', logger, options.apiUrl));
        });
      const installed = (await workspaces?.installations.list()) ?? [];
      for (const record of installed)
        await trying(`slack workspace ${record.key}`, async () => {
          const { bot } = workspaces?.installations.open(record) ?? {};
          if (bot === undefined) throw new Error('it has no bot');
          return `${record.name}: ${await inspected(createClients(bot.token, logger, options.apiUrl))}`;
        });
      if (workspaces !== undefined && installed.length === 0)
        checks.push({
          name: 'slack workspaces',
          ok: true,
          text: `none installed it yet; they do at ${oauth?.url ?? ''}/slack/install`,
        });
      if (mode.kind === 'socket')
        await trying('slack app token', async () => {
          await new WebClient(mode.appToken, clientOptions(logger, options.apiUrl)).apps.connections.open({});
          return 'Socket Mode connections may be opened';
        });
      const groups = [
        ...new Set([
          ...clusters.all.flatMap(({ access }) => Object.values(access.roles).flatMap((role) => role.groups)),
          ...(options.approverGroups ?? []),
        ]),
      ];
      if (groups.length > 0)
        await trying('slack user groups', async () => {
          const missing: string[] = [];
          for (const group of groups) {
            const { workspace, id } = splitId(group);
            const known = (await clients.look.usergroups.list(workspace === undefined ? {} : { team_id: workspace }))
              .usergroups;
            const found = known?.some((item) => item.id === group || item.handle === id.replace(/^@/, '')) === true;
            if (!found) missing.push(group);
          }
          if (missing.length > 0) throw new Error(`no such user group: ${missing.join(', ')}`);
          return `${groups.length} user groups found`;
        });
      return checks;
    },
  };
}
