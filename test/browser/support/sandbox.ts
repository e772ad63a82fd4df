/** The sandbox as a newcomer starts it: a process of its own, nothing set but the port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
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

export type StartedBurst = {
  /** The page. */
  readonly url: string;
  /** Where an assistant reaches it, and with what. */
  readonly mcpUrl: string;
  readonly token: string;
};

/** Runs `burst sandbox` on a free port until the test ends; answers the page's address. @throws Error with its output when it ends early. */
export const startBurst = async (...args: string[]): Promise<string> => (await startBurstForAll(...args)).url;

/** As startBurst, with what an assistant needs. */
export async function startBurstForAll(...args: string[]): Promise<StartedBurst> {
  requireBuiltPage();
  const child = spawn(process.execPath, [join(root, 'src', 'main.ts'), 'sandbox', '--port', '0', ...args], {
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
  const addresses = (async (): Promise<StartedBurst | undefined> => {
    let url: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, mcpUrl, file] = /(http:\S+\/mcp) \(bearer token in (.+)\)$/.exec(line) ?? [];
      if (url !== undefined && mcpUrl !== undefined && file !== undefined)
        return { url, mcpUrl, token: readFileSync(file, 'utf8').trim() };
      url ??= /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    }
    return undefined;
  })();
  const found = await Promise.race([addresses, ended.then(() => undefined)]);
  if (found === undefined) throw new Error(`The sandbox ended before it said its address:\n${said}`);
  return found;
}
