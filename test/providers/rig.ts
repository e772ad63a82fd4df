/** Real MCP servers for Proxmox before a simulated Proxmox VE API. Invariant: everything listens on loopback and ends with `stop`. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);
const script = (name: string): string => fileURLToPath(new URL(`./rig/${name}`, import.meta.url));

/** The variable that names the folder with the installed servers. */
export const RIG_VARIABLE = 'BURST_TEST_PROXMOX';
/** The template whose clones are quick, the one whose clones can be slow, and a VM that belongs to somebody else. */
export const QUICK_TEMPLATE = 9000;
export const SLOW_TEMPLATE = 9001;
export const FOREIGN_VM = 100;

const environment = z.object({
  PVE_PORT: z.coerce.number(),
  CONTROL_PORT: z.coerce.number(),
  MCP_PORT: z.coerce.number(),
  MCP_TOKEN: z.string().min(1),
  PVE_SECRET: z.string().min(1),
  API_PORT: z.coerce.number(),
});
const state = z.object({
  vms: z.array(
    z.object({
      id: z.coerce.number(),
      name: z.string(),
      node: z.string(),
      status: z.string(),
      template: z.boolean(),
      lock: z.string().nullish(),
      config: z.record(z.string(), z.unknown()),
    }),
  ),
});

export type RigVm = z.infer<typeof state>['vms'][number];
export type ProxmoxRig = {
  /** proxmox-mcp-plus, streamable HTTP; wants `Authorization: Bearer <token>`. */
  readonly plus: { readonly url: string; readonly token: string };
  /** mcp-proxmox as a client runs it. */
  readonly stdio: {
    readonly command: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
  };
  /** Every VM as the Proxmox VE API has it. */
  vms(): Promise<readonly RigVm[]>;
  /** The next requests (`times`, default 1) of this method whose path ends with `suffix` are answered with an error, … */
  failRequests(method: string, suffix: string, status: number, message: string, times?: number): Promise<void>;
  /** … or are accepted, and their task fails with an error of the simulator's catalogue, e.g. `qemu_exited_code`. */
  failTasks(method: string, suffix: string, error: string, times?: number): Promise<void>;
  clearFailures(): Promise<void>;
  /** How long clones of SLOW_TEMPLATE take, in simulated seconds (a twentieth of a real one); 0: no time. */
  slowClones(seconds: number): Promise<void>;
  /** Changes a VM behind everybody's back. */
  setVm(id: number, values: Readonly<Record<string, unknown>>): Promise<void>;
  /** A VM appears, or vanishes, without anybody asking the API. */
  addVm(
    id: number,
    name: string,
    status: 'running' | 'stopped',
    config: Readonly<Record<string, string>>,
  ): Promise<void>;
  removeVm(id: number): Promise<void>;
  /** Takes away both that may say whose it is: its tags and its firewall rules. */
  untag(id: number): Promise<void>;
  /** Where the API itself listens (https), with the certificate that it shows. */
  readonly api: { readonly port: number; readonly certificate: string; readonly key: string };
  /** Kills proxmox-mcp-plus without a word; and starts it again where it was. */
  killPlus(): Promise<void>;
  startPlus(): Promise<void>;
  stop(): Promise<void>;
};

/** @throws Error that says which variable is missing and which script makes what it names. */
export function installedServers(): string {
  const folder = process.env[RIG_VARIABLE];
  if (folder === undefined || folder === '')
    throw new Error(
      `${RIG_VARIABLE} is not set: it names the folder with the Proxmox MCP servers that these tests run. Make it with: eval "$(test/providers/rig/setup DIR)"`,
    );
  return folder;
}

/**
 * Starts the simulated API and the HTTP server; needs what `rig/setup` installs.
 * @param apiPort where the MCP servers look for the API, if not where it is.
 * @throws Error when something is missing or does not come up.
 */
export async function startProxmoxRig(apiPort?: number): Promise<ProxmoxRig> {
  const installed = installedServers();
  const folder = mkdtempSync(join(tmpdir(), 'burst-proxmox-'));
  const environmentOf = { ...process.env, [RIG_VARIABLE]: installed };
  await run(script('up'), [folder], {
    env: { ...environmentOf, ...(apiPort === undefined ? {} : { API_PORT: String(apiPort) }) },
  });
  const at = environment.parse(
    Object.fromEntries(
      readFileSync(join(folder, 'env'), 'utf8')
        .split('\n')
        .map((line) => line.split('=', 2)),
    ),
  );
  const control = `http://127.0.0.1:${at.CONTROL_PORT}`;
  async function post(path: string, body: unknown): Promise<void> {
    const answer = await fetch(control + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`The simulated Proxmox VE answered ${path} with ${answer.status}.`);
  }

  return {
    plus: { url: `http://127.0.0.1:${at.MCP_PORT}/mcp`, token: at.MCP_TOKEN },
    stdio: {
      command: join(installed, 'mcp-proxmox', 'bin', 'mcp-proxmox'),
      args: [],
      env: {
        PROXMOX_HOST: '127.0.0.1',
        PROXMOX_PORT: String(at.API_PORT),
        PROXMOX_TOKEN_ID: 'root@pam!bot',
        PROXMOX_TOKEN_SECRET: at.PVE_SECRET,
      },
      cwd: join(folder, 'home'),
    },
    vms: async () => state.parse(await (await fetch(`${control}/state`)).json()).vms,
    failRequests: (method, suffix, status, message, times = 1) =>
      post('/fail', { method, suffix, status, message, times }),
    failTasks: (method, suffix, error, times = 1) => post('/fail', { method, suffix, error, times }),
    clearFailures: () => post('/clearfail', {}),
    slowClones: (seconds) => post('/ceph', { secs: seconds }),
    setVm: (id, values) => post('/set', { vmid: id, ...values }),
    addVm: (id, name, status, config) => post('/add', { vmid: id, name, status, config }),
    removeVm: (id) => post('/remove', { vmid: id }),
    untag: (id) => post('/untag', { vmid: id }),
    api: {
      port: at.PVE_PORT,
      certificate: readFileSync(join(folder, 'fakepve.crt'), 'utf8'),
      key: readFileSync(join(folder, 'fakepve.key'), 'utf8'),
    },
    killPlus: () =>
      Promise.resolve(void process.kill(Number(readFileSync(join(folder, 'mcp.pid'), 'utf8')), 'SIGKILL')),
    startPlus: async () => void (await run(script('serve'), [folder], { env: environmentOf })),
    async stop() {
      await run(script('down'), [folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
