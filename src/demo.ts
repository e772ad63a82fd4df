/** The sandbox with the app on it, as `burst sandbox` runs it: a configuration of its own, state in a temporary folder. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startApp } from './app.ts';
import type { App } from './app.ts';
import { loadConfig } from './config/index.ts';
import { freePort, startSandbox } from './sandbox/index.ts';
import type { SandboxCluster } from './sandbox/index.ts';

export type DemoOptions = {
  /** The page's; 0: a free one. */
  readonly port: number;
  /** 1 to 4. */
  readonly clusters: number;
  /** 1 to 3. */
  readonly workspaces: number;
  readonly logLevel: string;
};
export type Demo = {
  /** The page. */
  readonly url: string;
  /** The MCP server for assistants, and the file with its bearer token. */
  readonly mcpUrl: string;
  readonly tokenFile: string;
  close(): Promise<void>;
};

/** Where the app can be installed to. */
const OTHERS = [
  { team: 'T0OTHER0001', name: 'Other' },
  { team: 'T0CORP00001', name: 'Corp', enterprise: 'E0CORP00001' },
] as const;
const ROLES = { viewer: 'U0VIEWER001', operator: 'U0OPERATOR1', admin: 'U0ADMIN0001' } as const;

/** Starts simulators and app. On failure nothing is left running. */
export async function startDemo({ port, clusters, workspaces, logLevel }: DemoOptions): Promise<Demo> {
  const others = OTHERS.slice(0, workspaces - 1);
  const pages = others.length === 0 ? undefined : await freePort();
  const installed = pages === undefined ? undefined : { port: pages, url: `http://127.0.0.1:${pages}` };
  const world = await startSandbox({
    port,
    clusters,
    workspaces: others,
    ...(installed === undefined ? {} : { installUrl: `${installed.url}/slack/install` }),
  });
  const folder = mkdtempSync(join(tmpdir(), 'burst-sandbox-'));
  const tokenFile = join(folder, 'assistant.token');
  writeFileSync(tokenFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  const scopes: readonly { readonly team: string; readonly enterprise?: string }[] = others;
  // the same people everywhere, as one would say it of people that one knows
  const everywhere = (id: string): string[] => [
    id,
    ...scopes.flatMap(({ team, enterprise }) => [
      `${team}/${id}`,
      ...(enterprise === undefined ? [] : [`${enterprise}/${id}`]),
    ]),
  ];
  const file = {
    ...(clusters > 1
      ? severalClusters(world.clusters, folder)
      : { kubernetes: { name: 'sandbox', in_cluster: false } }),
    mcp_servers: { proxmox: { endpoint: world.proxmox.mcpUrl } },
    placement: { target: 'most_free_memory', templates: [9000], templates_shared: true, memory_reserve_gb: 2 },
    slack: {
      bot_token: world.slack.botToken,
      app_token: world.slack.appToken,
      api_url: world.slack.apiUrl,
      channel: 'C0BURST0001',
      roles: Object.fromEntries(Object.entries(ROLES).map(([role, id]) => [role, { users: everywhere(id) }])),
      ...(installed === undefined
        ? {}
        : {
            team: world.slack.workspaces[0]?.team,
            oauth: {
              client_id: world.slack.clientId,
              client_secret: world.slack.clientSecret,
              state_secret: randomBytes(24).toString('hex'),
              encryption_key: randomBytes(32).toString('hex'),
              ...installed,
            },
          }),
    },
    database: { path: join(folder, 'burst.sqlite') },
    schedules: { reaper: '* * * * * *' },
    engine: { poll_seconds: 1 },
    logging: { level: logLevel },
    monitoring: { port: 0 },
    approvals: {
      // there is one admin only
      rules: [
        { name: 'many', actions: ['provision'], more_than: 5, self: true },
        { name: 'large', actions: ['provision'], sizes: ['xlarge'], self: true },
        { name: 'force', actions: ['force'], self: true },
      ],
    },
    cost: {
      prices: { small: 0.05, medium: 0.1, large: 0.2, xlarge: 0.4 },
      budgets: [{ name: 'team', monthly: 100, beyond: 'approval', self: true }],
    },
    mcp: {
      enabled: true,
      port: 0,
      tokens: [{ name: 'demo', token_file: tokenFile, role: 'admin', user: 'U0OPERATOR1' }],
    },
  };
  let app: App | undefined;
  const close = async (): Promise<void> => {
    await app?.stop();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const config = loadConfig({
      path: 'sandbox',
      env: {},
      readFile: (path) => (path === tokenFile ? readFileSync(path, 'utf8') : JSON.stringify(file)),
    });
    app = await startApp({ config, clock: world.clock, kubeconfig: world.kubernetes.kubeconfig });
    return { url: world.url, mcpUrl: app.mcpUrl ?? '', tokenFile, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The file's clusters, each with a kubeconfig in the folder. */
function severalClusters(clusters: readonly SandboxCluster[], folder: string): { clusters: Record<string, unknown> } {
  const each = clusters.map(({ name, kubernetes, proxmox }) => {
    const kubeconfig = join(folder, `${name}.kubeconfig`);
    writeFileSync(kubeconfig, kubernetes.kubeconfig, { mode: 0o600 });
    return [name, { kubernetes: { kubeconfig }, mcp_servers: { proxmox: { endpoint: proxmox.mcpUrl } } }] as const;
  });
  return { clusters: Object.fromEntries(each) };
}
