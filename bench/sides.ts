/** The two sides of a comparison: Burst and a bare Bolt app, each a process of its own before a simulated Slack in this one. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startSandbox } from '../src/sandbox/index.ts';
import { startSlackSimulator } from '../src/sandbox/slack/index.ts';
import { systemClock } from './bench.ts';

export const command = { user: 'U0OPERATOR1', channel: 'C0BURST0001', text: '/burst list' };
export type Slack = Pick<Awaited<ReturnType<typeof startSlackSimulator>>, 'handlePage'>;

export type Side = {
  readonly slack: Slack;
  /** Private messages so far. */ readonly answers: () => number;
  readonly close: () => Promise<void>;
};

/** Starts a child process; resolves once its Slack sees it work. */
async function started(slack: Slack, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (let tries = 0; tries < 40; tries += 1) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`);
    const { body } = await slack.handlePage('POST', '/command', new URLSearchParams(), command);
    if (JSON.stringify(body) === '{"ok":true}') return child;
    await wait(250);
  }
  child.kill('SIGKILL');
  throw new Error(`${args.join(' ')} never answered`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const over = once(child, 'exit');
  child.kill('SIGKILL');
  await over;
}

/** A Bolt app that only acks. */
export async function bareBolt(): Promise<Side> {
  const slack = await startSlackSimulator({ clock: systemClock });
  const child = await started(slack, [join(import.meta.dirname, 'ack-bare.ts')], {
    SLACK_API_URL: slack.apiUrl,
    SLACK_BOT_TOKEN: slack.botToken,
    SLACK_APP_TOKEN: slack.appToken,
  });
  const close = async (): Promise<void> => {
    await ended(child);
    await slack.close();
  };
  return { slack, close, answers: () => 0 };
}

/** Burst before the simulators; `more` goes on top of its configuration. */
export async function wholeApp(more: Readonly<Record<string, unknown>> = {}): Promise<Side> {
  const world = await startSandbox({ port: 0 });
  const folder = await mkdtemp(join(tmpdir(), 'burst-bench-'));
  await writeFile(join(folder, 'kubeconfig'), world.kubernetes.kubeconfig, { mode: 0o600 });
  const file = {
    kubernetes: { name: 'bench', in_cluster: false, kubeconfig: join(folder, 'kubeconfig') },
    mcp_servers: { proxmox: { endpoint: world.proxmox.mcpUrl, settings: { node: 'pve1', template: 9000 } } },
    slack: {
      bot_token: world.slack.botToken,
      app_token: world.slack.appToken,
      api_url: world.slack.apiUrl,
      roles: { operator: { users: ['*'] } },
    },
    database: { path: join(folder, 'burst.sqlite') },
    monitoring: { enabled: false },
    ...more,
  };
  await writeFile(join(folder, 'burst.yaml'), JSON.stringify(file), { mode: 0o600 });
  const main = join(import.meta.dirname, '..', 'src', 'main.ts');
  const child = await started(world.slack, [main, 'start', '--config', join(folder, 'burst.yaml')], {
    LOG_LEVEL: 'fatal',
  });
  const close = async (): Promise<void> => {
    await ended(child);
    await world.close();
    await rm(folder, { recursive: true, force: true });
  };
  const answers = (): number => world.slack.world().messages.filter(({ to }) => to !== undefined).length;
  return { slack: world.slack, close, answers };
}
