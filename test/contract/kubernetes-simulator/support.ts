import { KubeConfig, CoreV1Api, PolicyV1Api } from '@kubernetes/client-node';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { z } from 'zod';
import { startKubernetesSimulator, type KubernetesSimulatorOptions } from '../../../src/sandbox/kubernetes/index.ts';

type Sleeper = { readonly at: number; wake(): void; readonly stop: () => void };

/** A clock that stands still until it is moved. */
export class SteppedClock {
  #now = Date.parse('2030-01-01T00:00:00Z');
  #sleepers = new Set<Sleeper>();
  now(): number {
    return this.#now;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#sleepers.delete(sleeper);
        reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const sleeper: Sleeper = {
        at: this.#now + ms,
        stop,
        wake: () => {
          signal?.removeEventListener('abort', stop);
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      signal?.addEventListener('abort', stop, { once: true });
      this.#sleepers.add(sleeper);
      if (ms <= 0) sleeper.wake();
    });
  }
  /** Jumps: everybody due wakes, in order, seeing the new time. */
  async skip(ms: number): Promise<void> {
    this.#now += ms;
    for (const one of [...this.#sleepers].sort((left, right) => left.at - right.at))
      if (one.at <= this.#now) one.wake();
    await settle();
  }
  /** Passes time in small steps, as it passes by itself. */
  async pass(ms: number, stepMs = 100): Promise<void> {
    await settle();
    for (let left = ms; left > 0; left -= stepMs) await this.skip(Math.min(stepMs, left));
  }
}

/** Lets all that waits for nothing but its turn run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A simulator that is closed after the test, and clients for it. */
export async function cluster(options: Partial<KubernetesSimulatorOptions> = {}) {
  const clock = new SteppedClock();
  const sim = await startKubernetesSimulator({ clock, ...options });
  closing.push(() => sim.close());
  const config = new KubeConfig();
  config.loadFromString(sim.kubeconfig);
  return {
    clock,
    sim,
    config,
    core: config.makeApiClient(CoreV1Api),
    policy: config.makeApiClient(PolicyV1Api),
    ask: asker(sim.url, sim.adminToken),
  };
}

export const statusBody = z.looseObject({
  reason: z.string().optional(),
  message: z.string().optional(),
  code: z.number().optional(),
  details: z
    .looseObject({
      causes: z.array(z.looseObject({ reason: z.string().optional(), message: z.string().optional() })).optional(),
    })
    .optional(),
});
export const kubeObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
    deletionGracePeriodSeconds: z.number().optional(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({}).optional(),
  data: z.record(z.string(), z.string()).optional(),
});
export const kubeList = z.looseObject({
  metadata: z.looseObject({
    resourceVersion: z.string(),
    continue: z.string().optional(),
    remainingItemCount: z.number().optional(),
  }),
  items: z.array(kubeObject.extend({ kind: z.string().optional() })),
});

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  contentType?: string,
) => Promise<{ code: number; body: unknown; type: string }>;
export const asker =
  (url: string, token: string | undefined): Ask =>
  async (method, path, body, contentType = 'application/json') => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), 'content-type': contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    return { code: response.status, body: type.includes('json') ? (JSON.parse(text) as unknown) : text, type };
  };

const watchEvent = z.looseObject({
  type: z.string(),
  object: z.looseObject({
    code: z.number().optional(),
    message: z.string().optional(),
    metadata: z.looseObject({
      name: z.string().optional(),
      resourceVersion: z.string().optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  }),
});
export type WatchEvent = z.infer<typeof watchEvent>;

/** Opens a watch over plain HTTP; `next` gives its events one by one, undefined at its end. */
export async function openWatch(url: string, token: string, path: string) {
  const abort = new AbortController();
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  async function* lines(): AsyncGenerator<WatchEvent> {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      const parts = rest.split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) yield watchEvent.parse(JSON.parse(part));
    }
  }
  const events = lines();
  return {
    code: response.status,
    next: async (): Promise<WatchEvent | undefined> => {
      const result = await events.next();
      return result.done === true ? undefined : result.value;
    },
    close: () => {
      abort.abort();
    },
  };
}

export const kubectlPath = ['/usr/bin/kubectl', '/usr/local/bin/kubectl'].find((path) => existsSync(path));

/** Runs kubectl against a simulator; rejects with its stderr. */
export function kubectl(kubeconfig: string, ...args: string[]): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'sim-kubectl-'));
  const file = join(home, 'config');
  writeFileSync(file, kubeconfig);
  return new Promise((resolve, reject) => {
    execFile(
      kubectlPath ?? 'kubectl',
      ['--cache-dir', join(home, 'cache'), ...args],
      { env: { PATH: process.env['PATH'], HOME: home, KUBECONFIG: file }, timeout: 60_000 },
      (error, stdout, stderr) => {
        rmSync(home, { recursive: true, force: true });
        if (error) reject(new Error(`${stdout}${stderr}`));
        else resolve(`${stdout}${stderr}`);
      },
    );
  });
}

/** A clock of real time, for clients that wait in real time. */
export const realClock = {
  now: () => Date.now(),
  sleep: (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, Math.max(0, ms));
      signal?.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new Error('aborted'));
      });
    }),
};
