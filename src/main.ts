#!/usr/bin/env node
/**
 * The command line. Exit codes: 0 fine, 1 something is unfit or failed, 2 the configuration is wrong; of `audit verify`
 * 1 is a broken chain, 2 that it could not be looked at.
 */
import { isBurstError, messageOf } from './domain/errors.ts';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { startApp } from './app.ts';
import { exportAudit, momentOf, verifyAudit } from './audit.ts';
import type { App } from './app.ts';
import { checkApp } from './check.ts';
import { ConfigError, loadConfig, placementPolicy } from './config/index.ts';
import type { Config } from './config/index.ts';
import { createLogger } from './observability/index.ts';
import { makeProvider } from './parts.ts';
import { systemClock, systemIds } from './system.ts';
import { tryProvider } from './try-provider.ts';
import { bridgeStdio } from './mcp/bridge.ts';
import { version } from './version.ts';

const out = (text: string): void => void process.stdout.write(`${text}\n`);
const err = (text: string): void => void process.stderr.write(`${text}\n`);
const said = (error: unknown): string =>
  isBurstError(error) && error.hint !== undefined ? `${error.message} ${error.hint}` : messageOf(error);
const read = (path: string): string => readFileSync(path, 'utf8');

function configured(path: string | undefined): Config {
  return loadConfig({ ...(path === undefined ? {} : { path }), env: process.env, readFile: read });
}

/** Runs until a signal comes, then stops in order; a second signal ends it at once. */
async function untilSignal(stop: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  await stop();
}

async function start(options: { config?: string }): Promise<void> {
  const config = configured(options.config);
  const running: { app?: App } = {};
  // from the first moment on: what a library leaves unhandled is logged, and ends nothing
  const unhandled = (error: unknown, what: string): void => {
    if (running.app === undefined) err(`${what}: ${messageOf(error)}`);
    else running.app.log.error({ err: error }, what);
  };
  process.on('unhandledRejection', (error) => unhandled(error, 'unhandled rejection'));
  process.on('uncaughtException', (error) => unhandled(error, 'uncaught exception'));
  const app = await startApp({ config });
  running.app = app;
  await untilSignal(() => app.stop());
}

async function check(options: { config?: string }): Promise<void> {
  const checks = await checkApp({ config: configured(options.config) });
  for (const { ok, name, text } of checks) out(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${text}`);
  if (checks.some((item) => !item.ok)) process.exitCode = 1;
}

async function sandbox(options: { port?: string; clusters?: string; workspaces?: string }): Promise<void> {
  const within = (name: string, given: string | undefined, least: number, most: number): number => {
    const number = Number(given ?? least);
    if (!Number.isInteger(number) || number < least || number > most)
      throw new Error(`--${name} takes ${least} to ${most}.`);
    return number;
  };
  const { startDemo } = await import('./demo.ts');
  const demo = await startDemo({
    port: within('port', options.port, 0, 65_535),
    clusters: within('clusters', options.clusters, 1, 4),
    workspaces: within('workspaces', options.workspaces, 1, 3),
    logLevel: process.env['LOG_LEVEL'] ?? 'warn',
  });
  out(`Burst's sandbox: ${demo.url}`);
  out(`An assistant's MCP server: ${demo.mcpUrl} (bearer token in ${demo.tokenFile})`);
  await untilSignal(() => demo.close());
}

async function tryOne(name: string, options: { config?: string; cluster?: string }): Promise<void> {
  const { clusters, defaultCluster } = configured(options.config);
  const wanted = options.cluster ?? defaultCluster;
  const config = clusters.find(({ kubernetes }) => kubernetes.name === wanted) ?? clusters[0];
  if (config === undefined || (options.cluster !== undefined && config.kubernetes.name !== wanted))
    throw new Error(
      `No cluster is called ${wanted ?? '?'}; there are: ${clusters.map((c) => c.kubernetes.name).join(', ')}.`,
    );
  if (name !== 'proxmox') throw new Error(`No VM server is called ${name}; there is: proxmox (mcp_servers).`);
  const log = createLogger({ level: 'error', secrets: [] });
  const vms = makeProvider(config, systemClock, log, ({ tool, args, reply, tookMs }) =>
    out(`-> ${tool} ${JSON.stringify(args)}\n<- ${reply} (${tookMs} ms)`),
  );
  const [size] = Object.entries(config.workerSizes).sort(([, a], [, b]) => a.memoryGb - b.memoryGb || a.cpu - b.cpu);
  if (size === undefined) throw new Error('worker_sizes holds no size.');
  const stop = new AbortController();
  const vmName = `burst-try-${systemIds(systemClock).base32(6)}`;
  const interrupt = (): void => {
    if (stop.signal.aborted) {
      err(`LEFT BEHIND: a VM called ${vmName} may still be there; look at it and remove it by hand`);
      process.exit(1);
    }
    err('Interrupted: removing the VM (once more to leave it behind)');
    stop.abort(new Error('interrupted'));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  try {
    const fine = await tryProvider({
      vms,
      clock: systemClock,
      name: vmName,
      size: {
        name: size[0],
        cpus: size[1].cpu,
        memoryMiB: size[1].memoryGb * 1024,
        diskGiB: size[1].diskGb,
      },
      placement: placementPolicy(config),
      print: out,
      signal: stop.signal,
      pollMs: 500,
    });
    if (!fine) process.exitCode = 1;
  } finally {
    await vms.close();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  }
}

type Audited = { config?: string; database?: string };
const databaseOf = ({ config, database }: Audited): string =>
  database ?? process.env['BURST_DATABASE'] ?? configured(config).database.path;
const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

function verify(options: Audited & { head?: readonly string[] }): void {
  try {
    const { ok, lines } = verifyAudit(databaseOf(options), options.head ?? []);
    for (const line of lines) out(line);
    process.exitCode = ok ? 0 : 1;
  } catch (error) {
    err(said(error));
    process.exitCode = 2;
  }
}

async function exported(options: Audited & { since?: string; until?: string; cluster?: string }): Promise<void> {
  const nowMs = systemClock.now();
  const { since, until, cluster } = options;
  const lines = exportAudit(databaseOf(options), {
    ...(since === undefined ? {} : { sinceMs: momentOf(since, nowMs) }),
    ...(until === undefined ? {} : { untilMs: momentOf(until, nowMs) }),
    ...(cluster === undefined ? {} : { cluster }),
  });
  // a reader that has seen enough (head) ends it
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  for (const line of lines)
    if (!process.stdout.write(`${line}\n`)) await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}

/** stdio for an assistant's client, passed on to the running bot. */
async function mcp(options: { url: string; tokenFile?: string }): Promise<void> {
  const token = options.tokenFile === undefined ? process.env['BURST_MCP_TOKEN'] : read(options.tokenFile).trim();
  if (token === undefined || token === '')
    throw new Error('No token: set BURST_MCP_TOKEN, or name a file with --token-file.');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await bridgeStdio({ url: options.url, token, say: (text) => err(`burst mcp: ${text}`) }, stop.signal);
}

const program = new Command('burst')
  .description('Lends Kubernetes clusters temporary worker nodes, from Slack, and takes them back by itself.')
  .version(version);
program
  .command('start')
  .description('run the bot')
  .option('-c, --config <file>', 'default: $BURST_CONFIG, config/burst.yaml')
  .action(start);
program
  .command('check')
  .description('tell what is fit for work and what is not')
  .option('-c, --config <file>', 'default: $BURST_CONFIG, config/burst.yaml')
  .action(check);
program
  .command('provider')
  .description('work with the servers that make VMs')
  .command('try <name>')
  .description('make, show and remove one small VM, and print every call and reply')
  .option('-c, --config <file>', 'default: $BURST_CONFIG, config/burst.yaml')
  .option('--cluster <name>', 'of several clusters, the one whose server is meant')
  .action(tryOne);
program
  .command('sandbox')
  .description('run everything against simulated Slack, Kubernetes and Proxmox')
  .option('-p, --port <port>', "the page's port", '8787')
  .option('--clusters <number>', 'how many clusters, each with a Proxmox of its own (1 to 4)', '1')
  .option(
    '--workspaces <number>',
    'how many Slack workspaces; into the second one, and the third with its organisation, Burst can be installed (1 to 3)',
    '1',
  )
  .action(sandbox);
const audit = program.command('audit').description('check and export the audit; the bot may be running');
audit
  .command('verify')
  .description(
    'find any audit row that was changed, removed, inserted or moved: exit code 0 whole, 1 broken, 2 not readable',
  )
  .option('-c, --config <file>', 'default: $BURST_CONFIG, config/burst.yaml')
  .option('-d, --database <file>', "the database or a copy of it; default: the configuration's")
  .option(
    '--head <hash:id>',
    'a head that was printed or logged before, which has to be in it; may be repeated',
    collected,
  )
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .action(verify);
audit
  .command('export')
  .description('write the audit as lines of JSON, oldest first')
  .option('-c, --config <file>', 'default: $BURST_CONFIG, config/burst.yaml')
  .option('-d, --database <file>', "the database or a copy of it; default: the configuration's")
  .option('--since <time>', 'from then on: 7d, 2026-11-01 or 2026-11-01T08:00:00Z')
  .option('--until <time>', 'before then')
  .option('--cluster <name>', 'of this cluster alone')
  .action(exported);
program
  .command('mcp')
  .description("speak MCP on standard input and output for an assistant's client, and pass it on to the running bot")
  .option(
    '-u, --url <url>',
    "the running bot's MCP server",
    process.env['BURST_MCP_URL'] ?? 'http://127.0.0.1:9091/mcp',
  )
  .option('--token-file <file>', 'the bearer token; default: $BURST_MCP_TOKEN')
  .action(mcp);

try {
  await program.parseAsync();
} catch (error) {
  err(said(error));
  process.exit(error instanceof ConfigError ? 2 : 1);
}
