import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { startSandbox } from '../src/sandbox/index.ts';
import { startSlackSimulator } from '../src/sandbox/slack/index.ts';
import { median, ms, ratio, systemClock, timed } from './bench.ts';
import type { Bench } from './bench.ts';

const ROUNDS = 201;
const WARM_UP = 20;
const command = { user: 'U0OPERATOR1', channel: 'C0BURST0001', text: '/burst list' };
type Slack = Pick<Awaited<ReturnType<typeof startSlackSimulator>>, 'handlePage'>;

/** From the person's Enter to the ack, in ms: the simulated Slack answers as soon as it has it. */
async function ackMs(slack: Slack): Promise<number> {
  const tookMs = await timed(async () => {
    const { body } = await slack.handlePage('POST', '/command', new URLSearchParams(), command);
    if (JSON.stringify(body) !== '{"ok":true}') throw new Error(`the command was not taken: ${JSON.stringify(body)}`);
  });
  // what comes after the ack is not measured, and must not run into the next one
  await wait(25);
  return tookMs;
}

type Side = { readonly slack: Slack; readonly close: () => Promise<void> };

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

async function bareBolt(): Promise<Side> {
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
  return { slack, close };
}

async function wholeApp(): Promise<Side> {
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
      roles: { operator: { users: [command.user] } },
    },
    database: { path: join(folder, 'burst.sqlite') },
    monitoring: { enabled: false },
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
  return { slack: world.slack, close };
}

export const ack: Bench = {
  name: 'ack',
  how:
    `From \`/burst list\` to its ack over Socket Mode: the whole app (with its caches, engine and reaper running) and a ` +
    `Bolt app that only acks, each a process of its own before a simulated Slack in this one, in turns; medians of ${ROUNDS} rounds.`,
  async run() {
    const bare = await bareBolt();
    const whole = await wholeApp();
    try {
      for (let round = 0; round < WARM_UP; round += 1) {
        await ackMs(bare.slack);
        await ackMs(whole.slack);
      }
      const bareMs: number[] = [];
      const wholeMs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        bareMs.push(await ackMs(bare.slack));
        wholeMs.push(await ackMs(whole.slack));
      }
      return [
        { name: 'ack, the whole app', value: ms(median(wholeMs)), goal: 'none, for scale' },
        { name: 'ack, against a bare Bolt app', value: ratio(median(wholeMs) / median(bareMs)), goal: '<= 1.2' },
      ];
    } finally {
      await whole.close();
      await bare.close();
    }
  },
};
