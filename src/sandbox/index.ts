/**
 * The sandbox: a Slack, a Kubernetes cluster and a Proxmox that run in this process, with one clock that can be moved
 * ahead. Invariant: nothing in it reaches beyond loopback.
 */
import { createSandboxClock } from './clock.ts';
import { startKubernetesSimulator } from './kubernetes/index.ts';
import { startProxmoxSimulator } from './proxmox/index.ts';
import { startSlackSimulator } from './slack/index.ts';
import { startWorldServer } from './world-server.ts';

export type { SandboxClock } from './contract.ts';

export type SandboxOptions = {
  /** The page's port; default: a free one. */
  readonly port?: number;
};

/** Starts everything; `url` is the page's. On failure nothing is left running. `close` ends all of it. */
export async function startSandbox(options: SandboxOptions = {}) {
  const clock = createSandboxClock();
  const started: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    for (const part of started.splice(0).reverse()) await part.close();
  };
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    started.push(part);
    return part;
  };
  try {
    const slack = keep(await startSlackSimulator({ clock }));
    const kubernetes = keep(await startKubernetesSimulator({ clock, demo: true }));
    const proxmox = keep(
      await startProxmoxSimulator({
        clock,
        kubernetesUrl: kubernetes.url,
        onMachine: (name: string, running: boolean) =>
          running ? kubernetes.startKubelet(name) : kubernetes.stopKubelet(name),
      }),
    );
    const server = keep(
      await startWorldServer({
        clock,
        slack,
        kubernetes,
        proxmox,
        ...(options.port === undefined ? {} : { port: options.port }),
      }),
    );
    return { url: server.url, clock, slack, kubernetes, proxmox, close };
  } catch (error) {
    await close();
    throw error;
  }
}
