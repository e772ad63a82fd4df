/** The whole product against the simulators. Waiting moves the sandbox's clock, so that minutes pass in moments. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { startApp } from '../../../src/app.ts';
import type { App } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config/index.ts';
import type { WorldNode, WorldState, WorldVm } from '../../../src/sandbox/contract.ts';
import { startSandbox } from '../../../src/sandbox/index.ts';
import type { Sandbox, SandboxOptions } from '../../../src/sandbox/index.ts';
import { startTap } from './tap.ts';
import type { Tap } from './tap.ts';
import { person } from './person.ts';
import type { Person } from './person.ts';

export const CHANNEL = 'C0BURST0001';
export const HOUR_MS = 3_600_000;
export const MINUTE_MS = 60_000;
/** Each look moves the clock by this much. */
const STEP_MS = 300;

export type Tree = { [key: string]: unknown };
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
/** `base` with what `more` says otherwise, section by section. */
export function merged(base: Tree, more: Tree): Tree {
  return Object.fromEntries(
    [...new Set([...Object.keys(base), ...Object.keys(more)])].map((key) => {
      const [old, given] = [base[key], more[key]];
      return [key, isTree(old) && isTree(given) ? merged(old, given) : key in more ? given : old];
    }),
  );
}

/** Tells what to do when the test has ended; tests that run side by side bring their own. */
export type Finished = (end: () => void | Promise<void>) => void;
export type World = {
  readonly finished: Finished;
  readonly sandbox: Sandbox;
  readonly taps: { readonly slack: Tap; readonly kubernetes: Tap; readonly proxmox: Tap };
  readonly folder: string;
  readonly kubeconfig: string;
  /** The configuration file's content, with the endpoints of the simulators. */
  readonly file: Tree;
  readonly env: Readonly<Record<string, string>>;
  readonly ada: Person;
  readonly olga: Person;
  readonly vera: Person;
  readonly nina: Person;
  /** Waits until `look` gives something, moving the clock; fails with `what`, and what was there instead. */
  until<T>(what: string, look: () => T | Promise<T>, limitMs?: number): Promise<NonNullable<T>>;
  skip(ms: number): void;
  state(): Promise<WorldState>;
  fault(name: string, on: boolean): Promise<void>;
  node(name: string): Promise<WorldNode | undefined>;
  vm(name: string): Promise<WorldVm | undefined>;
  /** Names of the burst workers' nodes. */
  burst(): Promise<string[]>;
  /** What is left of workers of this name: VM, node, bootstrap token. */
  leftOf(name: string): Promise<string[]>;
};

export type WorldOptions = SandboxOptions & {
  readonly config?: Tree;
  /** Environment variables of the app. */
  readonly env?: Readonly<Record<string, string>>;
  /** How far each look moves the clock, in ms; 0: time passes as it does. */
  readonly stepMs?: number;
  readonly finished?: Finished;
};

/** Starts the simulators with a tap before each; nothing of the app. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { config = {}, env = {}, stepMs = STEP_MS, finished = onTestFinished, ...sandboxOptions } = options;
  const sandbox = await startSandbox({ pauseMs: 1500, ...sandboxOptions });
  finished(() => sandbox.close());
  const [slack, kubernetes, proxmox] = await Promise.all([
    startTap(new URL(sandbox.slack.apiUrl).origin, finished),
    startTap(sandbox.kubernetes.url, finished),
    startTap(new URL(sandbox.proxmox.mcpUrl).origin, finished),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'burst-e2e-'));
  finished(() => rmSync(folder, { recursive: true, force: true }));
  const file = merged(
    {
      kubernetes: { name: 'sandbox', in_cluster: false },
      mcp_servers: { proxmox: { endpoint: `${proxmox.url}/mcp`, settings: { node: 'pve1', template: 9000 } } },
      slack: {
        bot_token: sandbox.slack.botToken,
        app_token: sandbox.slack.appToken,
        api_url: `${slack.url}/api/`,
        channel: CHANNEL,
        roles: {
          viewer: { users: ['U0VIEWER001'] },
          operator: { users: ['U0OPERATOR1'] },
          admin: { users: ['U0ADMIN0001'] },
        },
      },
      database: { path: join(folder, 'burst.sqlite') },
      schedules: { reaper: '* * * * * *' },
      // the clock runs far ahead of the machine: its limits must not
      engine: { poll_seconds: 1, step_timeout_seconds: 3600, claim_seconds: 7200 },
      // tests click faster than people
      limits: { commands: { per_minute: 0 } },
      logging: { level: 'silent' },
      monitoring: { enabled: false },
    },
    config,
  );
  const until: World['until'] = async (what, look, limitMs = 20_000) => {
    const endMs = performance.now() + limitMs;
    for (;;) {
      const value = await look();
      if (value !== undefined && value !== null && value !== false) return value;
      if (performance.now() > endMs) {
        const { nodes, vms, tasks } = await state();
        const pods = await kubernetesItems(sandbox, 'pods');
        const said = sandbox.slack.world().messages.map(({ text, to }) => `${to ?? 'all'}: ${text}`);
        throw new Error(
          `never came: ${what}\n${[
            ...nodes.map((node) => `node ${node.name} ready=${node.ready} cordoned=${node.unschedulable}`),
            ...pods.map((pod) => `pod ${pod.metadata.name} on ${pod.spec?.nodeName ?? 'no node'}`),
            ...vms.map((vm) => `vm ${vm.id} ${vm.name} ${vm.status}`),
            ...tasks.map((task) => `task ${task.type} ${task.vmId} ${task.status}`),
            ...said,
          ].join('\n')}`,
        );
      }
      await wait(stepMs === 0 ? 100 : 8);
      sandbox.clock.skip(stepMs);
    }
  };
  const page = async (path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${sandbox.url}/api${path}`, {
      ...(body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return answer.json();
  };
  const state = async (): Promise<WorldState> => (await page('/world')) as WorldState;
  const who = (id: string): Person => person(id, page, until);
  return {
    finished,
    sandbox,
    taps: { slack, kubernetes, proxmox },
    folder,
    kubeconfig: sandbox.kubernetes.kubeconfig.replaceAll(sandbox.kubernetes.secureUrl, kubernetes.url),
    file,
    env,
    ada: who('U0ADMIN0001'),
    olga: who('U0OPERATOR1'),
    vera: who('U0VIEWER001'),
    nina: who('U0NOBODY001'),
    until,
    skip: (ms) => sandbox.clock.skip(ms),
    state,
    fault: async (name, on) => void (await page('/world/fault', { name, on })),
    node: async (name) => (await state()).nodes.find((node) => node.name === name),
    vm: async (name) => (await state()).vms.find((vm) => vm.name === name),
    burst: async () => (await state()).nodes.filter((node) => node.type === 'burst').map((node) => node.name),
    async leftOf(name) {
      const { nodes, vms } = await state();
      const tokens = await tokensOf(sandbox, name);
      return [
        ...nodes.filter((node) => node.name === name).map(() => 'node'),
        ...vms.filter((vm) => vm.name === name).map(() => 'vm'),
        ...tokens.map(() => 'token'),
      ];
    },
  };
}

type Item = { metadata: { name: string }; spec?: { nodeName?: string } };
/** Objects as the API server lists them: `pods`, `namespaces/kube-system/secrets`. */
async function kubernetesItems(sandbox: Sandbox, path: string): Promise<Item[]> {
  const answer = await fetch(`${sandbox.kubernetes.url}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${sandbox.kubernetes.adminToken}` },
  }).catch(() => undefined);
  return answer === undefined ? [] : ((await answer.json()) as { items: Item[] }).items;
}

/** Bootstrap tokens in the cluster, of one worker or of all. */
export async function tokensOf(sandbox: Sandbox, worker?: string): Promise<string[]> {
  return (await kubernetesItems(sandbox, 'namespaces/kube-system/secrets'))
    .filter((item) => item.metadata.name.startsWith('bootstrap-token-'))
    .filter((item) => worker === undefined || JSON.stringify(item).includes(worker))
    .map((item) => item.metadata.name);
}

/** Starts the app in this process on the world's clock. */
export async function runApp(world: World): Promise<App> {
  const config = loadConfig({ path: 'e2e', env: world.env, readFile: () => JSON.stringify(world.file) });
  const app = await startApp({ config, clock: world.sandbox.clock, kubeconfig: world.kubeconfig });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= app.stop());
  world.finished(stop);
  return { ...app, stop };
}

/** The simulators and the app. */
export async function startAll(options: WorldOptions = {}): Promise<World & { readonly app: App }> {
  const world = await startWorld(options);
  return { ...world, app: await runApp(world) };
}

/** Asks for workers in words and waits until they are Ready; answers their names. */
export async function provisioned(world: World, who: Person, words: string): Promise<string[]> {
  const before = new Set(await world.burst());
  const { text } = await who.asks(`/burst provision ${words}`);
  const id = operationIn(text);
  await world.until(`the end of operation ${id}`, async () =>
    (await who.messages()).some((item) => item.text.includes(id) && item.text.includes(':white_check_mark: done')),
  );
  return (await world.burst()).filter((name) => !before.has(name));
}
/** The operation's id in an answer or message. */
export function operationIn(text: string): string {
  const id = /[Oo]peration `([0-9a-z]+)`/.exec(text)?.[1];
  if (id === undefined) throw new Error(`no operation in: ${text}`);
  return id;
}

/** Gives this worker two pods of its own to run (Deployment shop/guest), and waits until they do. */
export async function employ(world: World, name: string): Promise<void> {
  const { kubernetes } = world.sandbox;
  const labels = { app: 'guest' };
  const answer = await fetch(`${kubernetes.url}/apis/apps/v1/namespaces/shop/deployments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${kubernetes.adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'guest' },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            nodeSelector: { 'kubernetes.io/hostname': name },
            containers: [{ name: 'guest', image: 'registry.example/guest:1' }],
          },
        },
      },
    }),
  });
  if (answer.status !== 201) throw new Error(`no guests: ${answer.status} ${await answer.text()}`);
  await world.until('guests', async () => {
    const pods = (await world.node(name))?.pods ?? [];
    return pods.filter((pod) => pod.phase === 'Running' && pod.owner === 'Deployment/guest').length === 2;
  });
}
/** Pods on this worker that a drain would move. */
export async function guestsOn(world: World, name: string): Promise<number> {
  const pods = (await world.node(name))?.pods ?? [];
  return pods.filter((pod) => pod.phase === 'Running' && !pod.owner.startsWith('DaemonSet')).length;
}
