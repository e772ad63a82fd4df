/** A large simulated cluster, our adapter before it, and kubectl where there is one. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createCluster } from '../src/kubernetes/index.ts';
import type { Cluster } from '../src/ports/cluster.ts';
import { startKubernetesSimulator } from '../src/sandbox/kubernetes/index.ts';
import { benchIds, silent, systemClock } from './bench.ts';

export type LargeCluster = {
  readonly kubeconfigPath: string;
  /** Bytes of the JSON that the API server answers for this path. */
  jsonBytes(path: string): Promise<number>;
  close(): Promise<void>;
};

export async function startLargeCluster(nodes: number, podsPerNode: number): Promise<LargeCluster> {
  const simulator = await startKubernetesSimulator({ clock: systemClock });
  simulator.seed({ nodes, podsPerNode });
  const folder = await mkdtemp(join(tmpdir(), 'burst-bench-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  await writeFile(kubeconfigPath, simulator.kubeconfig, { mode: 0o600 });
  return {
    kubeconfigPath,
    jsonBytes: async (path) => {
      const answer = await fetch(`${simulator.url}${path}`, {
        headers: { authorization: `Bearer ${simulator.adminToken}` },
      });
      if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
      return (await answer.arrayBuffer()).byteLength;
    },
    close: async () => {
      await simulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const connectTo = (kubeconfigPath: string): Cluster =>
  createCluster({
    name: 'bench',
    namespace: 'kube-system',
    clock: systemClock,
    ids: benchIds,
    credentials: { kind: 'kubeconfig', path: kubeconfigPath },
    requestTimeoutMs: 120_000,
    bootstrap: { groups: [] },
    log: silent,
  });

export async function hasKubectl(): Promise<boolean> {
  return promisify(execFile)('kubectl', ['version', '--client']).then(
    () => true,
    () => false,
  );
}

/** Runs kubectl, throws its output away. @returns its highest resident memory in bytes (Linux; else undefined). */
export async function kubectl(
  kubeconfigPath: string,
  args: readonly string[],
  program = 'kubectl',
): Promise<number | undefined> {
  const child = spawn(program, ['--kubeconfig', kubeconfigPath, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak: number | undefined;
  const look = setInterval(() => {
    void readFile(`/proc/${child.pid ?? 0}/status`, 'utf8')
      .then((status) => {
        const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
        if (kib !== undefined) peak = Math.max(peak ?? 0, Number(kib) * 1024);
      })
      .catch(() => undefined);
  }, 10);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code ?? 'a signal'}`);
  } finally {
    clearInterval(look);
  }
  return peak;
}
