/**
 * The sandbox: a Slack, a Kubernetes cluster and a Proxmox that run in this process, with one clock that can be moved
 * ahead. Invariant: nothing in it reaches beyond loopback.
 */
import { readFile } from 'node:fs/promises';
import { createSandboxClock } from './clock.ts';
import { startKubernetesSimulator } from './kubernetes/index.ts';
import { startProxmoxSimulator } from './proxmox/index.ts';
import { startSlackSimulator } from './slack/index.ts';
import type { SlackOptions } from './slack/index.ts';
import { startWorldServer } from './world-server.ts';

export type { SandboxClock, SandboxCluster } from './contract.ts';
export { freePort } from './free-port.ts';

export type SandboxOptions = {
  /** The page's port; default: a free one. */
  readonly port?: number;
  /** How many clusters, each with a Proxmox of its own; 1 unless given. */
  readonly clusters?: number;
  /** How long things take, in ms of the sandbox's clock; what is left out takes what each simulator thinks lifelike. */
  readonly times?: {
    readonly cloneMs?: number;
    readonly bootMs?: number;
    readonly shutdownMs?: number;
    readonly podStartMs?: number;
    readonly podShutdownMs?: number;
    readonly nodeReadyMs?: number;
  };
  /** Real ms that a skip to the next deadline stays at the last warning. Default: the page's. */
  readonly pauseMs?: number;
  /** Slack payloads are POSTed there, signed, instead of sent over sockets. */
  readonly requestUrl?: string;
  /** Further Slack workspaces, to which the app can be installed by OAuth. */
  readonly workspaces?: SlackOptions['workspaces'];
  /** Where the app's own installation page will be, for the page's link. */
  readonly installUrl?: string;
};

/** The app's Slack manifest as it is installed; an image that was built without it simulates Slack without suggestions. */
async function slackManifest(): Promise<{ manifest?: unknown }> {
  try {
    const text = await readFile(new URL('../../manifests/slack/manifest.json', import.meta.url), 'utf8');
    return { manifest: JSON.parse(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** The clusters' names, in their order; one alone needs none. */
const CLUSTERS = ['east', 'west', 'north', 'south'];

/** Starts everything; `url` is the page's. On failure nothing is left running. `close` ends all of it. */
export async function startSandbox(options: SandboxOptions = {}) {
  const clock = createSandboxClock();
  const { port, pauseMs, requestUrl, workspaces = [], installUrl, times = {} } = options;
  const { cloneMs, bootMs, shutdownMs, ...clusterTimes } = times;
  const started: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of started.splice(0).reverse()) await part.close();
  };
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    started.push(part);
    return part;
  };
  try {
    const slack = keep(
      await startSlackSimulator({
        clock,
        ...(await slackManifest()),
        workspaces,
        ...(requestUrl === undefined ? {} : { requestUrl }),
      }),
    );
    const clusters = [];
    for (const name of CLUSTERS.slice(0, Math.max(1, options.clusters ?? 1))) {
      const kubernetes = keep(await startKubernetesSimulator({ clock, demo: true, ...clusterTimes }));
      const proxmox = keep(
        await startProxmoxSimulator({
          clock,
          kubernetesUrl: kubernetes.url,
          onMachine: (machine: string, running: boolean) =>
            running ? kubernetes.startKubelet(machine) : kubernetes.stopKubelet(machine),
          ...(cloneMs === undefined ? {} : { cloneMs }),
          ...(bootMs === undefined ? {} : { bootMs }),
          ...(shutdownMs === undefined ? {} : { shutdownMs }),
        }),
      );
      clusters.push({ name, kubernetes, proxmox });
    }
    const [first] = clusters;
    if (first === undefined) throw new Error('a sandbox has at least one cluster');
    const server = keep(
      await startWorldServer({
        clock,
        slack,
        clusters,
        ...(port === undefined ? {} : { port }),
        ...(pauseMs === undefined ? {} : { pauseMs }),
        ...(installUrl === undefined ? {} : { installUrl }),
      }),
    );
    const { kubernetes, proxmox } = first;
    return { url: server.url, clock, slack, clusters, kubernetes, proxmox, close };
  } catch (error) {
    await close();
    throw error;
  }
}
export type Sandbox = Awaited<ReturnType<typeof startSandbox>>;
