import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { burst, startChild, writeFiles } from './support/child.ts';
import { freePort, SECRET, signedPoster } from './support/http.ts';
import { merged, startWorld } from './support/world.ts';
import type { Tree, World } from './support/world.ts';

const write = (world: World, more: Tree): string => {
  const path = join(world.folder, 'other.yaml');
  writeFileSync(path, stringify(merged(world.file, more)));
  return path;
};

describe('burst', () => {
  it('tells its version and its commands', async () => {
    const [version, help, unknown] = await Promise.all([
      burst(['--version']).ended,
      burst(['--help']).ended,
      burst(['dance']).ended,
    ]);
    expect(version).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
    expect(help.code).toBe(0);
    for (const word of ['start', 'check', 'sandbox', '--version']) expect(help.out).toContain(word);
    expect(unknown.code).not.toBe(0);
    expect(unknown.err).toContain('dance');
  });

  it('sandbox refuses numbers that it cannot do', async () => {
    const wrong = [
      ['--port', 'abc', 'takes 0 to 65535'],
      ['--clusters', '9', 'takes 1 to 4'],
      ['--workspaces', '0', 'takes 1 to 3'],
    ] as const;
    const ended = await Promise.all(wrong.map(([option, value]) => burst(['sandbox', option, value]).ended));
    for (const [at, [option, , allowed]] of wrong.entries())
      expect(ended[at]).toMatchObject({ code: 1, out: '', err: `${option} ${allowed}.\n` });
  });

  it('start with a wrong configuration ends with 2 and tells every problem at once', async () => {
    const world = await startWorld();
    const path = write(world, {
      burst_workers: { max_burst_workers: 0, default_ttl_hours: 500, colour: 'red' },
      drain: { timeout_seconds: 'soon' },
      safety: { protected_worker_patterns: ['('] },
      slack: { roles: { admin: { users: ['ada'] } }, app_token: null },
      worker_sizes: { tiny: { cpu: 0, memory_gb: 1, disk_gb: 10 } },
    });
    const [ended, missing] = await Promise.all([
      burst(['start', '--config', path], { env: { LOG_LEVEL: 'loud' } }).ended,
      burst(['start', '--config', join(world.folder, 'nowhere.yaml')]).ended,
    ]);
    expect(ended.code).toBe(2);
    for (const key of [
      'burst_workers.max_burst_workers',
      'burst_workers.default_ttl_hours',
      'burst_workers.colour',
      'drain.timeout_seconds',
      'safety.protected_worker_patterns',
      'slack.roles.admin.users',
      'slack.app_token',
      'worker_sizes.tiny.cpu',
      'LOG_LEVEL',
    ])
      expect(ended.err).toContain(key);
    expect(ended.err, 'no stack trace').not.toMatch(/\n\s+at /);
    expect(ended.err).not.toContain(world.sandbox.slack.botToken);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.err).toContain('nowhere.yaml');
  });

  it('neither starts nor passes the check with a VM server that cannot hand over what its VMs need to join', async () => {
    const world = await startWorld();
    const proxmox = { profile: 'mcp-proxmox', settings: { template: 9000 } };
    const env = { KUBECONFIG: join(world.folder, 'kubeconfig') };
    writeFiles(world);
    const path = write(world, { join: { method: 'kubeadm' }, mcp_servers: { proxmox } });
    for (const command of ['start', 'check']) {
      const ended = await burst([command, '--config', path], { env }).ended;
      expect([command, ended.code]).toEqual([command, 1]);
      expect(ended.err).toMatch(/profile mcp-proxmox has no way .* join\.method kubeadm .*join\.method to none/);
    }
    const { out } = await burst(
      ['check', '--config', write(world, { join: { method: 'none' }, mcp_servers: { proxmox } })],
      { env },
    ).ended;
    expect(out, 'the template joins by itself').toMatch(/^ok {3}database/m);
  });

  it('start without a Slack that takes its token ends with 1 and a sentence', async () => {
    const world = await startWorld();
    const ended = await burst(['start', '--config', write(world, { slack: { bot_token: 'xoxb-wrong' } })], {
      env: { KUBECONFIG: join(world.folder, 'kubeconfig') },
    }).ended;
    writeFiles(world);
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/refused|invalid_auth|kubeconfig/i);
    expect(ended.err + ended.out).not.toContain('xoxb-wrong');
  });

  it('check tells each part in a line, and by its exit code whether all are fit', async () => {
    const world = await startWorld();
    const path = writeFiles(world);
    const env = { KUBECONFIG: join(world.folder, 'kubeconfig') };
    const good = await burst(['check', '--config', path], { env }).ended;
    const lines = good.out.trim().split('\n');
    expect(lines.filter((line) => !/^ok {3}[^:]+: ./.test(line))).toEqual([]);
    // the simulated API server has no admission policies
    expect(good.out).toMatch(/second lock.*NOT in force/);
    for (const part of ['database', 'slack', 'cluster', 'vm server']) expect(good.out).toContain(part);
    expect(good.code).toBe(0);

    world.taps.proxmox.setDown(true);
    world.taps.kubernetes.setDown(true);
    const broken = write(world, { slack: { bot_token: 'xoxb-wrong' }, kubernetes: { request_timeout_seconds: 2 } });
    const bad = await burst(['check', '--config', broken], { env }).ended;
    expect(bad.code).toBe(1);
    for (const part of ['slack', 'cluster', 'vm server'])
      expect(bad.out).toMatch(new RegExp(`^FAIL .*${part}.*: .+`, 'm'));
    expect(bad.out).toMatch(/^ok {3}database: /m);
    expect(bad.out + bad.err).not.toContain('xoxb-wrong');
    expect(
      bad.out
        .trim()
        .split('\n')
        .filter((line) => !/^(ok {3}|FAIL )/.test(line)),
    ).toEqual([]);
  });

  it('start ends in order at SIGTERM, and a second one runs on the same database', async () => {
    const world = await startWorld({ stepMs: 0, config: { logging: { level: 'info' } } });
    const child = await startChild(world);
    await world.olga.asks('/burst list');
    child.kill('SIGTERM');
    const { code, out } = await child.ended;
    expect(code, out).toBe(0);
    for (const line of out.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    await startChild(world);
    await world.olga.asks('/burst list');
  });

  it('stays up when what Slack posts is no payload at all', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/slack/events`;
    const world = await startWorld({
      stepMs: 0,
      requestUrl: url,
      config: { slack: { mode: 'http', signing_secret: SECRET, port }, logging: { level: 'info' } },
    });
    const child = await startChild(world);
    const post = signedPoster(url);
    await Promise.all(
      ['payload=null', 'payload=[]', 'payload=%7B', 'command=%2Fburst', '\u0000', '%'].map((body) => post(body)),
    );
    expect((await world.olga.asks('/burst list')).text).toContain('worker-1');
    child.kill('SIGTERM');
    expect((await child.ended).code).toBe(0);
  });
});
