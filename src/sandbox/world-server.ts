/**
 * The sandbox's own server: the page, its Slack and the outside world. Invariant: it listens on loopback only, and a
 * request that a foreign page or host name sent is refused before anything is read or changed.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import type {
  KubernetesSimulator,
  PageWorkspaces,
  ProxmoxSimulator,
  SandboxClock,
  SlackSimulator,
  WorldState,
} from './contract.ts';

export type WorldServerOptions = {
  readonly clock: SandboxClock & { skip(ms: number): void; skippedMs(): number };
  readonly slack: Pick<SlackSimulator, 'workspaces' | 'removeApp' | 'onChange'>;
  /** The app's own installation page, where there are several workspaces. */
  readonly installUrl?: string;
  readonly clusters: readonly {
    readonly name: string;
    readonly kubernetes: Pick<KubernetesSimulator, 'world' | 'onChange' | 'setFault'>;
    readonly proxmox: Pick<ProxmoxSimulator, 'world' | 'onChange' | 'setFault'>;
  }[];
  /** Default: a free one. */
  readonly port?: number;
  /** The built page. Default: `dist/sandbox-page` of the project. */
  readonly pageFolder?: string;
  /** Real milliseconds between the hop to the last warning and the hop to the deadline. Default 2500. */
  readonly pauseMs?: number;
};
export type WorldServer = { readonly url: string; close(): Promise<void> };

const faultNames = [
  'clone_fails',
  'never_joins',
  'pdb_blocks',
  'locked',
  'host_offline',
  'server_down',
  'kubelet_down',
  'api_down',
] as const;
type FaultName = (typeof faultNames)[number];
const faultLabels: Record<FaultName, string> = {
  clone_fails: 'Clone fails',
  never_joins: 'VM never joins',
  pdb_blocks: 'PodDisruptionBudget blocks',
  locked: 'Proxmox locked',
  host_offline: 'Proxmox host pve2 offline',
  server_down: 'VM server away',
  kubelet_down: 'Kubelet of a burst worker down',
  api_down: 'API server down',
};

const MAX_SKIP_MS = 31 * 24 * 3_600_000;
const LAST_WARNING_MS = 30 * 60_000;
const clockBody = z.union([
  z.strictObject({ advanceMs: z.int().positive().max(MAX_SKIP_MS) }),
  z.strictObject({ skipToNextDeadline: z.literal(true) }),
]);
/** `api_down`, or `api_down@west` where there are several clusters. */
const faultBody = z.strictObject({ name: z.string().max(100), on: z.boolean() });
const team = z.string().min(1).max(64);
const slackBody = z.looseObject({ user: z.string().min(1).max(64), team: team.optional() });
const removeAppBody = z.strictObject({ team });

/** Starts the page's server on 127.0.0.1; `close` ends open event streams too. */
export async function startWorldServer(options: WorldServerOptions): Promise<WorldServer> {
  const { clock, slack, clusters } = options;
  const several = clusters.length > 1;
  const switches = clusters.flatMap((cluster) =>
    faultNames.map((fault) => ({
      name: several ? `${fault}@${cluster.name}` : fault,
      label: several ? `${faultLabels[fault]} (${cluster.name})` : faultLabels[fault],
      fault,
      cluster,
      on: false,
    })),
  );
  const streams = new Set<Response>();
  const debounces = new Map<'slack' | 'world', NodeJS.Timeout>();
  const pageFolder = options.pageFolder ?? fileURLToPath(new URL('../../dist/sandbox-page', import.meta.url));
  const ending = new AbortController();
  let skipping = false;
  let ownHosts: string[] = [];

  const announce = (changed: 'slack' | 'world'): void => {
    if (debounces.has(changed)) return;
    debounces.set(
      changed,
      setTimeout(() => {
        debounces.delete(changed);
        for (const stream of streams) stream.write(`data: ${JSON.stringify({ changed })}\n\n`);
      }, 80),
    );
  };
  const world = (): WorldState => ({
    nowMs: clock.now(),
    skippedMs: clock.skippedMs(),
    nodes: clusters.flatMap(({ name, kubernetes }) => kubernetes.world().nodes.map(inCluster(name))),
    hosts: clusters.flatMap(({ name, proxmox }) => proxmox.world().hosts.map(inCluster(name))),
    vms: clusters.flatMap(({ name, proxmox }) => proxmox.world().vms.map(inCluster(name))),
    tasks: clusters.flatMap(({ name, proxmox }) => proxmox.world().tasks.map(inCluster(name))),
    faults: switches.map(({ name, label, on }) => ({ name, label, on })),
  });
  const inCluster =
    (cluster: string) =>
    <T>(item: T): T =>
      several ? { ...item, cluster } : item;
  /** @returns false when there is no such switch. */
  const setFault = (name: string, on: boolean): boolean => {
    const found = switches.find((item) => item.name === name);
    if (found === undefined) return false;
    const { fault, cluster } = found;
    if (fault === 'api_down' || fault === 'pdb_blocks' || fault === 'kubelet_down')
      cluster.kubernetes.setFault(fault, on);
    else cluster.proxmox.setFault(fault, on);
    found.on = on;
    announce('world');
    return true;
  };
  const skip = (ms: number): void => {
    if (ms > 0) clock.skip(ms);
    announce('world');
    announce('slack');
  };
  const skipToNextDeadline = async (): Promise<{ ok: boolean; error?: string; message?: string }> => {
    const next = clusters
      .flatMap(({ kubernetes }) => kubernetes.world().nodes)
      .filter((node) => node.type === 'burst')
      .map((node) => ({ name: node.name, atMs: Date.parse(node.deadline ?? '') }))
      .filter(({ atMs }) => atMs > clock.now())
      .sort((a, b) => a.atMs - b.atMs)[0];
    if (!next) return { ok: false, error: 'No burst worker has a deadline ahead.' };
    const warningMs = next.atMs - LAST_WARNING_MS;
    if (warningMs > clock.now()) {
      skip(warningMs + 1000 - clock.now());
      await pause(options.pauseMs ?? 2500, ending.signal);
    }
    skip(next.atMs + 1000 - clock.now());
    return { ok: true, message: `It is now one second past the deadline of ${next.name}.` };
  };

  const app = express();
  app.disable('x-powered-by');
  app.use((req, res, next) => {
    const { host, origin } = req.headers;
    const own = (name: string | undefined): boolean => name !== undefined && ownHosts.includes(name.toLowerCase());
    if (!own(host) || (origin !== undefined && !own(/^http:\/\/([^/]+)$/.exec(origin)?.[1])))
      return void res.status(403).json({ ok: false, error: 'This address serves its own page only.' });
    res.set({
      'content-security-policy': "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    });
    next();
  });
  app.use('/api', express.json({ limit: '2mb' }));
  app.get('/api/world', (_req, res) => void res.json(world()));
  app.post('/api/world/clock', async (req, res) => {
    const body = clockBody.parse(req.body);
    if (skipping) return void res.status(409).json({ ok: false, error: 'A skip is under way.' });
    skipping = true;
    try {
      if ('advanceMs' in body) skip(body.advanceMs);
      const answer = 'advanceMs' in body ? { ok: true } : await skipToNextDeadline();
      res.json({ ...answer, nowMs: clock.now(), skippedMs: clock.skippedMs() });
    } finally {
      skipping = false;
    }
  });
  app.post('/api/world/fault', (req, res) => {
    const { name, on } = faultBody.parse(req.body);
    if (!setFault(name, on)) return void res.status(400).json({ ok: false, error: 'There is no such switch.' });
    res.json({ ok: true });
  });
  app.get('/api/events', (req, res) => {
    res.set({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    res.write(': hello\n\n');
    streams.add(res);
    req.once('close', () => streams.delete(res));
  });
  /** The first workspace's where none is named. */
  const workspaceOf = (named: unknown) =>
    named === undefined || named === null
      ? slack.workspaces[0]
      : slack.workspaces.find((workspace) => workspace.team === named);
  app.get('/api/workspaces', (_req, res) => {
    const workspaces = slack.workspaces.map(({ team, name, installed }) => ({
      team,
      name,
      installed: installed() ?? null,
    }));
    const answer: PageWorkspaces = {
      workspaces,
      ...(options.installUrl === undefined ? {} : { installUrl: options.installUrl }),
    };
    res.json(answer);
  });
  app.post('/api/workspaces/remove-app', async (req, res) => {
    const own = workspaceOf(removeAppBody.parse(req.body).team);
    if (own === undefined) return void res.status(404).json({ ok: false, error: 'There is no such workspace.' });
    if (own.installed() === 'home')
      return void res.status(400).json({ ok: false, error: 'Burst lives in this workspace and cannot be removed.' });
    await slack.removeApp(own.team);
    res.json({ ok: true });
  });
  app.get('/api/slack/files/:id', (req, res) => {
    const own = workspaceOf(req.query['team']);
    const file = own?.readFile(z.string().catch('').parse(req.query['user']), req.params.id);
    if (!file) return void res.status(404).json({ ok: false, error: 'file_not_found' });
    // never shown as a page of this address, whatever is in it
    res.set({ 'content-type': file.mimetype, 'content-disposition': 'attachment' }).end(file.data);
  });
  app.use('/api/slack', async (req, res) => {
    const query = new URLSearchParams(req.url.split('?')[1] ?? '');
    const { team: named, ...body } = req.method === 'GET' ? { team: query.get('team') } : slackBody.parse(req.body);
    const own = workspaceOf(named);
    if (own === undefined) return void res.status(404).json({ ok: false, error: 'team_not_found' });
    const answer = await own.handlePage(req.method, req.path, query, req.method === 'GET' ? undefined : body);
    res.status(answer.status).json(answer.body);
  });
  app.use('/api', (_req, res) => void res.status(404).json({ ok: false, error: 'not_found' }));
  app.use(express.static(pageFolder));
  app.use((_req, res) => void res.status(404).type('text').send('Not found. The page is built by: npx vite build\n'));
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    const status = z.looseObject({ status: z.int().min(400).max(499) }).safeParse(error);
    if (res.headersSent) return void res.end();
    if (error instanceof z.ZodError) res.status(400).json({ ok: false, error: z.prettifyError(error) });
    else if (status.success)
      res.status(status.data.status).json({ ok: false, error: 'The request is not valid JSON.' });
    else res.status(500).json({ ok: false, error: 'The sandbox failed to answer.' });
  });

  const server = createServer(app);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  ownHosts = ['127.0.0.1', 'localhost'].map((name) => `${name}:${port}`);
  const unsubscribe = [
    slack.onChange(() => announce('slack')),
    ...clusters.flatMap(({ kubernetes, proxmox }) => [
      kubernetes.onChange(() => announce('world')),
      proxmox.onChange(() => announce('world')),
    ]),
  ];
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      ending.abort(new Error('the sandbox was closed'));
      for (const stop of unsubscribe) stop();
      for (const timer of debounces.values()) clearTimeout(timer);
      for (const stream of streams) stream.end();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(new Error('the sandbox was closed'))), {
      once: true,
    });
  });
}
