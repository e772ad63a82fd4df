/** The sandbox as a newcomer starts it: a process of its own, nothing set but the port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const newestMs = (folder: string): number =>
  Math.max(
    0,
    ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => statSync(join(folder, path)).mtimeMs),
  );

/** @throws Error when the page is not built, or its source has changed since. */
function requireBuiltPage(): void {
  const hint = 'Build it: npx vite build';
  const built = join(root, 'dist', 'sandbox-page');
  if (!existsSync(join(built, 'index.html'))) throw new Error(`The sandbox's page is not built. ${hint}`);
  if (newestMs(built) < newestMs(join(root, 'src', 'sandbox', 'page')))
    throw new Error(`The sandbox's page is older than its source. ${hint}`);
}

/** Runs `burst sandbox` on a free port until the test ends; answers the page's address. @throws Error with its output when it ends early. */
export async function startBurst(): Promise<string> {
  requireBuiltPage();
  const child = spawn(process.execPath, [join(root, 'src', 'main.ts'), 'sandbox', '--port', '0'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => void (said += chunk.toString()));
  const url = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (found !== undefined) return found;
    }
    return undefined;
  })();
  const found = await Promise.race([url, ended.then(() => undefined)]);
  if (found === undefined) throw new Error(`The sandbox ended before it said its address:\n${said}`);
  return found;
}
