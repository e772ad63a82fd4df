import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { realClock } from '../../contract/cluster-setup.ts';
import { testProvider } from '../../contract/vm-setup.ts';

const entry = fileURLToPath(new URL('../../../src/sandbox/proxmox/stdio.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'burst-stdio-'));
const pidFile = join(folder, 'pid');
// a launcher that leaves its process id, and writes a secret of its environment to stderr
const launcher = join(folder, 'launch.sh');
writeFileSync(launcher, '#!/bin/sh\necho $$ >"$1"; shift\necho "my secret is $API_TOKEN" >&2\nexec "$@"\n', {
  mode: 0o755,
});
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

it('starts a killed server process again, after a pause that grows with each failure, and keeps its secrets', async () => {
  const slept: number[] = [];
  const logged: unknown[][] = [];
  const log = (...line: unknown[]) => void logged.push(line);
  const clock = {
    now: () => realClock.now(),
    sleep: (ms: number, signal?: AbortSignal) => {
      if (ms > 0) slept.push(ms);
      return realClock.sleep(ms, signal);
    },
  };
  const vms = testProvider(
    'ry-ops-proxmox',
    {
      kind: 'stdio',
      command: launcher,
      args: [pidFile, process.execPath, entry],
      env: { API_TOKEN: 'stdio-secret-77', PATH: process.env['PATH'] ?? '' },
    },
    { node: 'pve1', template: 9000 },
    { clock, log: { debug: log, info: log, warn: log, error: log } },
  );
  ends.push(() => vms.close());
  const before = (await vms.list()).length;
  const pid = () => Number(readFileSync(pidFile, 'utf8'));
  const first = pid();

  process.kill(first, 'SIGKILL');
  await expect.poll(() => logged.some(([, message]) => message === 'MCP server closed the connection')).toBe(true);
  expect(await vms.list()).toHaveLength(before);
  expect(pid()).not.toBe(first);
  expect(slept).toEqual([]);

  // now it does not come up any more
  writeFileSync(launcher, '#!/bin/sh\necho "no luck with $API_TOKEN" >&2\nexit 1\n');
  process.kill(pid(), 'SIGKILL');
  await expect
    .poll(() => logged.filter(([, message]) => message === 'MCP server closed the connection').length)
    .toBe(2);
  for (let attempt = 0; attempt < 4; attempt += 1)
    await expect(vms.list()).rejects.toMatchObject({ code: 'unavailable' });
  expect(slept).toHaveLength(3);
  expect(slept[2]).toBeGreaterThan((slept[0] ?? 0) * 2);

  expect(JSON.stringify(logged)).toContain('MCP server wrote to stderr');
  expect(JSON.stringify(logged)).not.toContain('stdio-secret-77');
}, 30_000);
