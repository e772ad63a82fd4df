/** Several workspaces, wired: who installs, whose token is used, whose ids are meant. */
import type { HTTPReceiverOptions, Logger, SocketModeReceiverOptions } from '@slack/bolt';
import type { WorkspaceKey } from '../../domain/workspace-ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import type { InstallationStore } from '../../ports/installations.ts';
import type { Store } from '../../ports/store.ts';
import type { Log } from '../basics.ts';
import { clientOptions, createClients } from '../clients.ts';
import type { Clients } from '../clients.ts';
import { createInstallations } from './installations.ts';
import type { Installations } from './installations.ts';
import { WorkspaceGone, createRouter } from './router.ts';
import { createStates } from './state.ts';
import { installationOf } from './ids.ts';

export { qualified, shownTo } from './ids.ts';
export { WorkspaceGone, withoutInstallation } from './router.ts';

/** What Burst asks for where it is installed; the same as in the manifest. */
export const BOT_SCOPES = [
  'commands',
  'chat:write',
  'chat:write.public',
  'usergroups:read',
  'channels:history',
  'groups:history',
  'im:history',
  'im:write',
  'files:write',
];
const INSTALL_PATH = '/slack/install';
const REDIRECT_PATH = '/slack/oauth_redirect';

export type OAuthOptions = {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly stateSecret: string;
  /** 32 bytes each; the first one seals. */
  readonly keys: readonly Buffer[];
  /** Where people reach the pages: `https://host`. */
  readonly url: string;
  /** The pages' own port, in Socket Mode. */
  readonly port: number;
  /** Workspaces and organisations that may install it; empty: any. */
  readonly allowed: readonly string[];
};
type Authorize = (source: {
  teamId: string | undefined;
  enterpriseId: string | undefined;
  isEnterpriseInstall: boolean;
}) => Promise<{ botToken?: string }>;
type ReceiverOptions = Pick<
  HTTPReceiverOptions & SocketModeReceiverOptions,
  'clientId' | 'clientSecret' | 'scopes' | 'redirectUri' | 'installationStore' | 'installerOptions'
>;

export interface Workspaces {
  /** The page from which people install Burst. */
  readonly installUrl: string;
  /** What makes a receiver of Bolt's serve the installation pages. */
  readonly receiverOptions: ReceiverOptions;
  /** Each call goes to the workspace whose ids it names. */
  readonly clients: Clients;
  readonly installations: Installations;
  /** Bolt's own way to an installation's token, which renews tokens that end; known once the receiver is made. */
  authorizeWith(authorize: Authorize): void;
  /** Asks Slack which workspace the configured token is of. */
  findHome(): Promise<void>;
  /** The workspace of a request; undefined: the home workspace. */
  keyOf(body: unknown): WorkspaceKey;
  /** Burst was removed from a workspace: an event of Slack's, at `atMs`. */
  removed(body: unknown, why: string, atMs: number): Promise<void>;
}

export function createWorkspaces(options: {
  readonly oauth: OAuthOptions;
  readonly botToken: string | undefined;
  readonly apiUrl: string | undefined;
  readonly store: InstallationStore & Pick<Store, 'claimAction' | 'appendAudit'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly logger: Logger;
  readonly cluster: string;
}): Workspaces {
  const { oauth, botToken, apiUrl, store, clock, ids, log, logger, cluster } = options;
  let team: string | undefined;
  let authorize: Authorize | undefined;
  const homeClients = botToken === undefined ? undefined : createClients(botToken, logger, apiUrl);
  const home = () => (team === undefined || botToken === undefined ? undefined : { team, botToken });
  const installations = createInstallations({
    store,
    clock,
    log,
    keys: oauth.keys,
    allowed: oauth.allowed,
    cluster,
    home,
  });
  const made = new Map<string, { readonly token: string; readonly clients: Clients }>();
  const asked = new Map<string, Promise<Clients>>();
  const lookUp = async (workspace: string): Promise<Clients> => {
    const org = workspace.startsWith('E');
    const source = {
      teamId: org ? undefined : workspace,
      enterpriseId: org ? workspace : undefined,
      isEnterpriseInstall: org,
    };
    const found = await authorize?.(source).catch((error: unknown) => {
      const { original } = error as { original?: unknown };
      throw original instanceof Error ? original : error;
    });
    if (found?.botToken === undefined) throw new WorkspaceGone(workspace);
    const before = made.get(workspace);
    if (before?.token === found.botToken) return before.clients;
    const clients = createClients(found.botToken, logger, apiUrl);
    made.set(workspace, { token: found.botToken, clients });
    return clients;
  };
  /** One look-up at a time for each: a token that has to be renewed is renewed once. */
  const clientsOf = (workspace: WorkspaceKey): Promise<Clients> => {
    if (workspace === undefined)
      return homeClients === undefined ? Promise.reject(new WorkspaceGone(undefined)) : Promise.resolve(homeClients);
    const under = asked.get(workspace);
    if (under !== undefined) return under;
    const looking = lookUp(workspace).finally(() => asked.delete(workspace));
    asked.set(workspace, looking);
    return looking;
  };
  const { logger: _logger, logLevel: _level, ...forBolt } = clientOptions(logger, apiUrl);
  return {
    installUrl: `${oauth.url}${INSTALL_PATH}`,
    receiverOptions: {
      clientId: oauth.clientId,
      clientSecret: oauth.clientSecret,
      scopes: BOT_SCOPES,
      redirectUri: `${oauth.url}${REDIRECT_PATH}`,
      installationStore: installations.bolt,
      installerOptions: {
        stateStore: createStates({ secret: oauth.stateSecret, store, clock, ids }),
        installPath: INSTALL_PATH,
        redirectUriPath: REDIRECT_PATH,
        clientOptions: forBolt,
        ...(apiUrl === undefined ? {} : { authorizationUrl: new URL('/oauth/v2/authorize', apiUrl).toString() }),
      },
    },
    clients: createRouter(clientsOf),
    installations,
    authorizeWith: (own) => void (authorize = own),
    async findHome() {
      if (homeClients !== undefined) team = (await homeClients.reply.auth.test()).team_id;
    },
    keyOf(body) {
      const key = installationOf(body);
      return key === team ? undefined : key;
    },
    async removed(body, why, atMs) {
      const key = installationOf(body);
      if (key === undefined || key === team) {
        log.error({ workspace: key, why }, 'Burst was removed from its home workspace: nothing can be said there');
        return;
      }
      await installations.removed(key, why, atMs);
      made.delete(key);
    },
  };
}
