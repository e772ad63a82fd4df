/** The program as a process of its own: `burst …` with a configuration file and an environment. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { stringify } from 'yaml';
import type { World } from './world.ts';

const root = join(import.meta.dirname, '..', '..', '..');
export type Ended = { readonly code: number | null; readonly out: string; readonly err: string };
export type Child = {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  out(): string;
  kill(signal?: NodeJS.Signals): void;
};

/** Runs `burst` with these words; nothing of this process's environment but what programs need to run. */
export function burst(
  words: readonly string[],
  options: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string } = {},
): Child {
  const child = spawn(
    process.execPath,
    ['--import', join(import.meta.dirname, 'shift-time.ts'), join(root, 'src', 'main.ts'), ...words],
    {
      cwd: options.cwd ?? root,
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: join(tmpdir(), 'burst-e2e-compiled'), ...options.env },
    },
  );
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return {
    pid: child.pid ?? 0,
    ended: once(child, 'close').then(() => ({ code: child.exitCode, out, err })),
    out: () => `${out}${err}`,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
}

/** Writes the world's configuration and kubeconfig as files; answers the configuration's path. */
export function writeFiles(world: World): string {
  const path = join(world.folder, 'burst.yaml');
  writeFileSync(path, stringify(world.file));
  writeFileSync(join(world.folder, 'kubeconfig'), world.kubeconfig);
  return path;
}

/** Starts `burst start` and (`wait`) waits until it runs. `aheadMs`: how far its clock is ahead of this machine's. */
export async function startChild(
  world: World,
  aheadMs = 0,
  wait = true,
  env: Readonly<Record<string, string>> = {},
): Promise<Child> {
  const child = burst(['start', '--config', writeFiles(world)], {
    env: { KUBECONFIG: join(world.folder, 'kubeconfig'), TEST_AHEAD_MS: String(aheadMs), ...env },
  });
  let ended: Ended | undefined;
  void child.ended.then((how) => (ended = how));
  world.finished(async () => {
    child.kill();
    await child.ended;
  });
  if (!wait) return child;
  await world.until(
    'the start of burst',
    () => {
      if (ended !== undefined)
        throw new Error(`burst ended instead of starting: ${ended.code} ${ended.out}${ended.err}`);
      return child.out().includes('Burst runs');
    },
    60_000,
  );
  return child;
}
