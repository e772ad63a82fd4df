/**
 * One whole life on real parts: the unmodified app, a real control plane (KUBEBUILDER_ASSETS) and a real MCP server before a
 * simulated Proxmox API (BURST_TEST_PROXMOX). Only Slack is simulated, and the test plays the machine that boots.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/index.ts';
import { startSlackSimulator } from '../../src/sandbox/slack/index.ts';
import { startControlPlane } from '../cluster/control-plane.ts';
import { createAdmin, until } from '../contract/cluster-admin.ts';
import { realClock } from '../contract/cluster-setup.ts';
import { person, shown } from '../e2e/support/person.ts';
import { startProxmoxRig } from './rig.ts';

const run = promisify(execFile);

test('from /burst provision to the removal', async () => {
  const [plane, rig, slack] = await Promise.all([
    startControlPlane(),
    startProxmoxRig(),
    startSlackSimulator({ clock: realClock }),
  ]);
  onTestFinished(async () => {
    await slack.close();
    await rig.stop();
    await plane.stop();
  });
  const folder = mkdtempSync(join(tmpdir(), 'burst-life-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const admin = createAdmin(plane);
  const kubectl = async (...args: string[]): Promise<string> =>
    (await run(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args])).stdout.trim();
  await admin.createNode('worker-1');
  const file = {
    kubernetes: { name: 'real', in_cluster: false, kubeconfig: plane.kubeconfigPath },
    mcp_servers: {
      proxmox: {
        endpoint: rig.plus.url,
        bearer_token: rig.plus.token,
        profile: 'proxmox-mcp-plus',
        settings: { node: 'pve1', template: 9000 },
      },
    },
    join: { method: 'none' },
    drain: { grace_period_seconds: 1 },
    slack: {
      bot_token: slack.botToken,
      app_token: slack.appToken,
      api_url: slack.apiUrl,
      roles: { operator: { users: ['U0OPERATOR1'] } },
    },
    database: { path: join(folder, 'burst.sqlite') },
    engine: { poll_seconds: 1 },
    logging: { level: 'silent' },
    monitoring: { enabled: false },
  };
  const app = await startApp({
    config: loadConfig({ path: 'whole life', env: {}, readFile: () => JSON.stringify(file) }),
  });
  onTestFinished(() => app.stop());
  const page = async (path: string, body?: unknown): Promise<unknown> => {
    const { pathname, searchParams } = new URL(path, 'http://page');
    const method = body === undefined ? 'GET' : 'POST';
    return (await slack.handlePage(method, pathname.replace(/^\/slack/, ''), searchParams, body)).body;
  };
  const olga = person('U0OPERATOR1', page, (what, look, limitMs = 60_000) => until(what, look, limitMs));

  await olga.types('/burst provision 1 small 2h');
  const machine = await until('the VM runs', async () =>
    (await rig.vms()).find((vm) => vm.name.startsWith('burst-small-') && vm.status === 'running'),
  );
  await admin.createNode(machine.name);
  await olga.ends(/asked to provision/, 'done', 60_000);
  expect(await kubectl('get', 'nodes', '-l', 'worker-type=burst', '-o', 'name')).toBe(`node/${machine.name}`);
  expect(await kubectl('get', 'node', machine.name, '-o', 'jsonpath={.metadata.annotations.worker-ttl}')).toMatch(/Z$/);

  await admin.createShop('shop', 2);
  await until('the shop runs', async () => (await kubectl('get', 'pods', '-n', 'shop')).includes('Running'));
  expect(shown(await olga.asks(`/burst details ${machine.name}`))).toContain(String(machine.id));

  const form = await olga.opens(`/burst destroy ${machine.name}`);
  expect(await olga.submits(form)).toMatchObject({ ok: true });
  await olga.ends(/asked to destroy/, 'done', 120_000);
  expect((await rig.vms()).map((vm) => vm.name).filter((name) => name.startsWith('burst-'))).toEqual([]);
  expect(await kubectl('get', 'nodes', '-o', 'name')).toBe('node/worker-1');
  expect(await kubectl('get', 'secrets', '-n', 'kube-system', '-o', 'name')).not.toContain('bootstrap-token');
  const left = JSON.parse(await kubectl('get', 'pods', '-n', 'shop', '-o', 'json')) as {
    items: { spec: { nodeName?: string }; metadata: { deletionTimestamp?: string } }[];
  };
  expect(left.items.every((pod) => pod.spec.nodeName !== machine.name)).toBe(true);
});
