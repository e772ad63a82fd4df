/**
 * No secret leaves through anything that a run writes: its output at the most talkative level, its database (with write-ahead
 * log), its audit as exported, what Slack and assistants are told, its metrics, its error reports and its processes' arguments,
 * while everybody it talks to repeats what it was told in confidence.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assistant, call, ENV, MCP, TOKENS } from './support/assistant.ts';
import { burst, startChild, writeFiles } from './support/child.ts';
import { freePort } from './support/http.ts';
import { startWorld, tokensOf } from './support/world.ts';
import type { World } from './support/world.ts';

const BEARER = 'bearer-0815-of-the-vm-server';
const K3S = 'K10aabbccddeeff00112233445566778899aabbccddeeff::server:4711-0815';
const STDIO = { PROXMOX_TOKEN_SECRET: 'b1d6f3a2-9c55-4a57-8a5e-secret-of-pve', PROXMOX_PASSWORD: 'hunter2-hunter2' };

const forms = (secret: string): readonly string[] => [
  secret,
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  encodeURIComponent(secret),
];

/** The arguments of a process and of all that it started (Linux; elsewhere none can be read). */
function argumentsOf(pid: number): readonly string[] {
  const read = (id: string, file: string): string => {
    try {
      return readFileSync(`/proc/${id}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  const ids = ((): string[] => {
    try {
      return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    } catch {
      return [];
    }
  })();
  const parents = new Map(ids.map((id) => [id, /^\d+ \(.*\) \S (\d+)/s.exec(read(id, 'stat'))?.[1]]));
  const family = new Set([String(pid)]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [id, parent] of parents)
      if (parent !== undefined && family.has(parent) && !family.has(id)) {
        family.add(id);
        grown = true;
      }
  }
  return [...family].map((id) => read(id, 'cmdline').replaceAll('\0', ' '));
}

/** Every file that the run wrote; not the two that the test wrote for it. */
function written(world: World): readonly (readonly [string, string])[] {
  return readdirSync(world.folder)
    .filter((name) => name !== 'burst.yaml' && name !== 'kubeconfig')
    .map((name) => [`file ${name}`, readFileSync(join(world.folder, name), 'latin1')] as const);
}

/** What Slack was told, but for the authorization of each call. */
function toldSlack(world: World): string {
  const { calls, messages } = world.sandbox.slack.world();
  return JSON.stringify([calls.map(({ method, args }) => [method, { ...args, token: undefined }]), messages]);
}

function expectNone(places: readonly (readonly [string, string])[], secrets: readonly string[]): void {
  for (const [place, text] of places)
    for (const secret of secrets)
      for (const form of forms(secret))
        expect(text.includes(form), `${secret.slice(0, 12)}… is in ${place}: ${around(text, form)}`).toBe(false);
}
const around = (text: string, form: string): string => {
  const at = text.indexOf(form);
  return at < 0 ? '' : text.slice(Math.max(0, at - 150), at);
};

const kubeToken = (world: World): string => /token: (\S+)/.exec(world.kubeconfig)?.[1]?.replaceAll('"', '') ?? '';

/** The tokens that let a machine in, whole and their secret part. */
async function bootstrapSecrets(world: World): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await tokensOf(world.sandbox)) {
    const answer = await fetch(`${world.sandbox.kubernetes.url}/api/v1/namespaces/kube-system/secrets/${name}`, {
      headers: { authorization: `Bearer ${world.sandbox.kubernetes.adminToken}` },
    });
    const { data } = (await answer.json()) as { data?: Record<string, string> };
    const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString('utf8');
    if (text('token-secret') !== '') found.push(text('token-secret'), `${text('token-id')}.${text('token-secret')}`);
  }
  return found;
}

describe('no secret is in anything that a run writes', () => {
  it('over HTTP, with bootstrap tokens, assistants, and everybody echoing', { timeout: 240_000 }, async () => {
    const monitoring = await freePort();
    const mcpPort = await freePort();
    const world = await startWorld({
      stepMs: 0,
      config: {
        ...MCP,
        mcp: { ...(MCP['mcp'] as object), port: mcpPort },
        logging: { level: 'trace' },
        monitoring: { enabled: true, port: monitoring },
        join: { method: 'kubeadm' },
      },
    });
    const { botToken, appToken } = world.sandbox.slack;
    const secrets = new Set([BEARER, botToken, appToken, kubeToken(world), ...Object.values(TOKENS)]);
    expect(kubeToken(world)).not.toBe('');
    const slack = world.file['slack'] as Record<string, unknown>;
    delete slack['bot_token'];
    delete slack['app_token'];
    const env = { ...ENV, PROXMOX_MCP_TOKEN: BEARER, SLACK_BOT_TOKEN: botToken, SLACK_APP_TOKEN: appToken };
    const child = await startChild(world, 0, true, env);

    // each of the three repeats what it was told, once for each kind of call
    const echoed = new Set<string>();
    const once = (name: string, status: number, body: unknown) => (called: string) => {
      if (echoed.has(`${name} ${called}`)) return undefined;
      echoed.add(`${name} ${called}`);
      return { status, body: JSON.stringify(body) };
    };
    const token = kubeToken(world);
    const status = {
      kind: 'Status',
      status: 'Failure',
      code: 500,
      message: `no: Authorization: Bearer ${token} ${token}`,
    };
    const refuse = once('kubernetes', 500, status);
    world.taps.kubernetes.answer = (called) => (/^(PATCH|POST|DELETE) /.test(called) ? refuse(called) : undefined);
    const shout = once('proxmox', 500, { error: `Bearer ${BEARER} is no good`, detail: BEARER });
    world.taps.proxmox.answer = (called) => (/_vm|_status/.test(called) ? shout(called) : undefined);
    const deny = once('slack', 200, { ok: false, error: `internal_error ${botToken}`, needed: appToken });
    world.taps.slack.answer = (called) => (/^(chat\.|views\.publish)/.test(called) ? deny(called) : undefined);

    const args: string[] = [];
    const look = async (): Promise<void> => {
      for (const secret of await bootstrapSecrets(world)) secrets.add(secret);
      args.push(...argumentsOf(child.pid));
    };
    const timer = setInterval(() => void look().catch(() => undefined), 150);
    world.finished(() => clearInterval(timer));

    await world.olga.asks('/burst list');
    await world.olga.asks('/burst provision 1 small 2h');
    const done = async (): Promise<boolean> =>
      (await world.olga.messages()).some(({ text }) => text.includes(':white_check_mark: done'));
    await world.until('the end of the operation', done, 90_000);
    const [name = ''] = await world.burst();
    const client = await assistant(`http://127.0.0.1:${mcpPort}/mcp`, 'operator', world.finished);
    const heard = await call(client, 'list_workers');
    await world.olga.asks(`/burst details ${name}`);
    const form = await world.olga.opens(`/burst destroy ${name}`);
    await world.olga.submits(form);
    await world.until('the worker is gone', async () => (await world.leftOf(name)).length === 0, 90_000);
    await look();
    expect(echoed.size, [...echoed].join()).toBeGreaterThan(5);
    expect(secrets.size, 'a bootstrap token was seen').toBeGreaterThan(10);

    const metrics = await (await fetch(`http://127.0.0.1:${monitoring}/metrics`)).text();
    const ready = await (await fetch(`http://127.0.0.1:${monitoring}/readyz`)).text();
    const live = written(world);
    expect(live.map(([place]) => place)).toContain('file burst.sqlite-wal');
    child.kill('SIGTERM');
    const { out, err } = await child.ended;
    const check = await burst(['check', '--config', writeFiles(world)], {
      env: { ...env, KUBECONFIG: join(world.folder, 'kubeconfig') },
    }).ended;
    expect(out).toContain(name);
    expect(args.join('\n')).toContain('main.ts');
    expectNone(
      [
        ...live,
        ...written(world),
        ['standard output', out],
        ['standard error', err],
        ['burst check', check.out + check.err],
        ['Slack', toldSlack(world)],
        ['what an assistant heard', JSON.stringify(heard)],
        ['metrics', metrics + ready],
        ['process arguments', args.join('\n')],
      ],
      [...secrets],
    );
  });

  it('over stdio, with k3s, before a server that tells its environment to everybody', async () => {
    const world = await startWorld({
      stepMs: 0,
      config: {
        mcp_servers: {
          proxmox: {
            endpoint: null,
            command: process.execPath,
            args: [fileURLToPath(new URL('support/echoing-server.ts', import.meta.url))],
            env_from: Object.keys(STDIO),
          },
        },
        join: { method: 'k3s', k3s: { url: 'https://k3s.example:6443' } },
        logging: { level: 'trace' },
      },
    });
    const { botToken, appToken } = world.sandbox.slack;
    const secrets = [botToken, appToken, K3S, ...Object.values(STDIO), kubeToken(world)];
    const child = await startChild(world, 0, true, { K3S_TOKEN: K3S, ...STDIO });
    const { text } = await world.olga.asks('/burst provision 1 small 2h');
    expect(text).toMatch(/on its way/);
    const refused = await world.until(
      'that the server refused',
      () => /refused|MCP server wrote to stderr/.exec(child.out()),
      60_000,
    );
    expect(refused).toBeTruthy();
    await world.until('several calls', () => (child.out().match(/wrote to stderr/g)?.length ?? 0) > 3, 60_000);
    // it ends now and then, and is started again after a while
    const args = await world.until(
      'that the server is a process of its own',
      () => {
        const all = argumentsOf(child.pid);
        return all.length > 1 || process.platform !== 'linux' ? all : undefined;
      },
      60_000,
    );
    child.kill('SIGTERM');
    const { out, err } = await child.ended;
    expectNone(
      [
        ...written(world),
        ['standard output', out],
        ['standard error', err],
        ['Slack', toldSlack(world)],
        ['process arguments', args.join('\n')],
      ],
      secrets,
    );
  });
});
