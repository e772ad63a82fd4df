/** The simulated Slack. Invariant: the app sees only Slack's public interfaces; the page sees what one user would see. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PageUser, SandboxClock, SlackSimulator } from '../contract.ts';
import { createFiles } from './files.ts';
import { readManifest } from './manifest.ts';
import { createMessages } from './messages.ts';
import { createMethods } from './methods.ts';
import { createPageApi } from './page-api.ts';
import { createResponses } from './responses.ts';
import { signedRequests } from './signed-requests.ts';
import { createSockets } from './sockets.ts';
import { createViews } from './views.ts';
import { createWebApi } from './web-api.ts';
import type { Forced, SlackCall } from './web-api.ts';
import { createWorkspace } from './workspace.ts';
import type { Message } from './workspace.ts';

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
};
export type SlackSimulatorForTests = SlackSimulator & {
  world(): { calls: SlackCall[]; messages: Message[] };
  /** The next `times` calls of `method` answer 429 (`retryAfterSeconds`) or an error. */
  force(method: string, times: number, answer: Forced): void;
  /** Tells all sockets to reconnect; until they are back, envelopes are held. */
  refreshConnections(): void;
  /** How many sockets are open. */
  connections(): number;
};

/** Starts the simulated Slack on loopback; with `requestUrl` payloads are POSTed signed there instead of sent over sockets. */
export async function startSlackSimulator(options: SlackOptions): Promise<SlackSimulatorForTests> {
  const [botToken, appToken, signingSecret] = ['xoxb-sandbox', 'xapp-sandbox', 'sandbox-signing-secret'];
  let address = '';
  const base = (): string => address;
  const workspace = createWorkspace(
    options.clock,
    options.users,
    options.manifest === undefined ? undefined : readManifest(options.manifest),
  );
  const messages = createMessages(workspace);
  const views = createViews(workspace);
  const responses = createResponses(workspace, messages, base);
  const files = createFiles(workspace, messages, base);
  const methods = createMethods({ workspace, messages, views, files, base });
  const { rateLimits = true, requestUrl } = options;
  const webApi = createWebApi({ workspace, methods, responses, files, botToken, appToken, rateLimits });
  const server = createServer(webApi.app);
  const sockets = createSockets(server, options.ackMs);
  const deliver = requestUrl === undefined ? sockets.deliver : signedRequests(requestUrl, signingSecret);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    apiUrl: `${address}/api/`,
    botToken,
    appToken,
    signingSecret,
    handlePage: createPageApi({ workspace, messages, views, responses, deliver }),
    readFile: (user, id) => files.readAs(user, id),
    onChange(listener) {
      workspace.listeners.add(listener);
      return () => void workspace.listeners.delete(listener);
    },
    world: () => structuredClone({ calls: webApi.calls, messages: workspace.messages }),
    force: webApi.force,
    connections: () => sockets.count(),
    refreshConnections: () => sockets.refresh(),
    async close() {
      workspace.close();
      sockets.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
