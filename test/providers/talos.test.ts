/** talos-mcp-server 0.4.1 as it is, over stdio, before a stand-in for talosctl. */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createLogger } from '../../src/observability/index.ts';
import { makeMachines } from '../../src/parts.ts';
import type { MachineServer } from '../../src/ports/machine-server.ts';
import { realClock } from '../contract/cluster-setup.ts';
import { load } from '../unit/config/support.ts';
import { installedServers } from './rig.ts';

const SECRET = 'machine: { token: abcdef.0123456789abcdef, ca: { key: c2VjcmV0LWtleQ== } }\n';
const ADDRESS = '192.0.2.10';
const MACHINE = { address: ADDRESS, name: 'burst-small-abcde', size: 'small' };
const stateSchema = z.looseObject({ state: z.string(), boot: z.number(), applied: z.string().nullable() });

let folder: string;
let machines: MachineServer;
let logged: string[];

const stateFile = (): string => join(folder, 'state', `${ADDRESS}.json`);
const truth = () => stateSchema.parse(JSON.parse(readFileSync(stateFile(), 'utf8')));
const put = (values: Readonly<Record<string, unknown>>): void =>
  writeFileSync(stateFile(), JSON.stringify({ state: 'up', boot: 1, applied: null, ...values }));
/** talosctl's commands, as they were given. */
const commands = (): readonly string[] =>
  existsSync(join(folder, 'state', 'calls'))
    ? readFileSync(join(folder, 'state', 'calls'), 'utf8')
        .trim()
        .split('\n')
    : [];

function start(tools = 'talos_get,talos_apply_config,talos_reset', more: Readonly<Record<string, string>> = {}): void {
  const [config] = load(
    JSON.stringify({
      join: { method: 'talos' },
      mcp_servers: {
        talos: {
          enabled: true,
          command: join(installedServers(), 'talos-mcp-server', 'bin', 'talos-mcp-server'),
          env: {
            TALOS_MCP_PROFILE: 'write',
            TALOS_MCP_ALLOW_TOOLS: tools,
            TALOS_MCP_TALOSCTL: fileURLToPath(new URL('./rig/talosctl', import.meta.url)),
            TALOS_MCP_TALOSCONFIG: join(folder, 'talosconfig'),
            TALOS_MCP_ARTIFACT_ROOT: join(folder, 'artifacts'),
            TALOS_MCP_TIMEOUT: '8',
            TALOSCTL_STATE: join(folder, 'state'),
            ...more,
          },
          settings: { file: 'worker.yaml' },
          call_timeout_seconds: 30,
        },
      },
    }),
  ).clusters;
  if (config === undefined) throw new Error('no cluster');
  machines = makeMachines(
    config,
    realClock,
    createLogger({ level: 'trace', secrets: [], destination: { write: (line: string) => void logged.push(line) } }),
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'burst-talos-'));
  logged = [];
  for (const name of ['state', 'artifacts']) mkdirSync(join(folder, name), { mode: 0o700 });
  chmodSync(join(folder, 'artifacts'), 0o700);
  writeFileSync(join(folder, 'artifacts', 'worker.yaml'), SECRET, { mode: 0o600 });
  writeFileSync(join(folder, 'talosconfig'), 'context: lab\ncontexts: { lab: { endpoints: [192.0.2.1] } }\n', {
    mode: 0o600,
  });
  put({});
  start();
});
afterEach(async () => {
  await machines.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('talos-mcp-server 0.4.1', () => {
  it('offers what the profile asks for', async () => {
    const health = await machines.health();
    expect(health).toMatchObject({
      ok: true,
      text: expect.stringContaining('talos-mcp-server 0.4.1, 3 tools') as string,
    });
  });

  it('looks at a machine, configures it, and resets it', async () => {
    expect(await machines.look(MACHINE)).toEqual({ state: 'up', boot: '2026-01-01T00:00:01Z' });
    await machines.apply(MACHINE);
    expect(truth()).toMatchObject({ applied: createHash('sha256').update(SECRET).digest('hex') });
    await machines.apply(MACHINE);
    await machines.reset(MACHINE);
    expect(truth()).toMatchObject({ state: 'maintenance', wiped: 'STATE,EPHEMERAL' });
    expect(await machines.look(MACHINE)).toEqual({ state: 'reset' });
    put({ boot: 2 });
    expect(await machines.look(MACHINE)).toEqual({ state: 'up', boot: '2026-01-01T00:00:02Z' });
    const written = [...commands(), ...logged].join('\n');
    for (const secret of ['abcdef.0123456789abcdef', 'c2VjcmV0LWtleQ=='])
      expect(written, 'what the file holds goes nowhere').not.toContain(secret);
  });

  it('a machine that is away is asked for nothing', async () => {
    put({ state: 'away' });
    expect(await machines.look(MACHINE)).toEqual({ state: 'away' });
    await expect(machines.apply(MACHINE)).rejects.toMatchObject({ code: 'busy' });
    await expect(machines.reset(MACHINE)).rejects.toMatchObject({ code: 'busy' });
    expect(truth()).toMatchObject({ state: 'away', applied: null });
  });

  it.each(['fail', 'hang'])(
    'a reset that does not end well (%s) may have happened, and the machine tells',
    async (how) => {
      put({ [how]: 'reset' });
      await expect(machines.reset(MACHINE)).rejects.toMatchObject({ code: 'unknown_outcome' });
      expect(await machines.look(MACHINE)).toEqual({ state: 'reset' });
    },
    40_000,
  );

  it('refusals are refusals: a file that is not there, a tool that is not allowed', async () => {
    rmSync(join(folder, 'artifacts', 'worker.yaml'));
    await expect(machines.apply(MACHINE)).rejects.toMatchObject({ code: 'provider_failed' });
    await machines.close();
    start('talos_get,talos_apply_config');
    await expect(machines.reset(MACHINE)).rejects.toMatchObject({ code: 'denied' });
    expect(await machines.health()).toMatchObject({
      ok: false,
      text: expect.stringContaining('lacks the tools talos_reset') as string,
    });
  });
});
