/** Two clusters, each with a VM server of its own, and one of them in trouble. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import type { Person } from './support/person.ts';
import { checkApp } from '../../src/check.ts';
import { loadConfig } from '../../src/config/index.ts';
import { freePort } from './support/http.ts';
import { CHANNEL, MINUTE_MS, operationIn, runApp, startWorld } from './support/world.ts';
import type { Tree, World } from './support/world.ts';

/** `/burst` in the other channel means west. */
const WEST_CHANNEL = 'C0GENERAL01';

/** The simulators of two clusters, and a file that names both; `own` is what a cluster says besides. */
async function twoClusters(own: { readonly east?: Tree; readonly west?: Tree } = {}): Promise<World> {
  const world = await startWorld({ clusters: 2 });
  const { kubernetes: _one, ...file } = world.file;
  const clusters = world.sandbox.clusters.map(({ name, kubernetes, proxmox }) => {
    const kubeconfig = join(world.folder, `${name}.kubeconfig`);
    writeFileSync(kubeconfig, kubernetes.kubeconfig);
    const more = own[name as 'east' | 'west'] ?? {};
    return [
      name,
      { kubernetes: { kubeconfig }, mcp_servers: { proxmox: { endpoint: proxmox.mcpUrl } }, ...more },
    ] as const;
  });
  return { ...world, file: { ...file, clusters: Object.fromEntries(clusters) } };
}

const burstIn = async (world: World, cluster: string): Promise<string[]> =>
  (await world.state()).nodes
    .filter((node) => node.type === 'burst' && node.cluster === cluster)
    .map(({ name }) => name);
const vmsIn = async (world: World, cluster: string): Promise<string[]> =>
  (await world.state()).vms
    .filter((vm) => vm.name.startsWith('burst-') && vm.cluster === cluster)
    .map(({ name }) => name);
/** Asks, and waits for the operation's end. */
async function done(world: World, who: Person, words: string, channel = CHANNEL): Promise<void> {
  const id = operationIn((await who.asks(`/burst ${words}`, channel)).text);
  await world.until(`the end of ${words}`, async () =>
    (await who.messages()).some((item) => item.text.includes(id) && item.text.includes(':white_check_mark: done')),
  );
}

describe('two clusters', () => {
  it('an approval is of the cluster where it was asked for, and is carried out there', async () => {
    const world = await twoClusters();
    world.file['approvals'] = { rules: [{ name: 'west', clusters: ['west'], actions: ['provision'] }] };
    await runApp(world);
    const { ada, olga } = world;
    expect((await olga.asks('/burst provision on west 1 small 4h')).text).toMatch(/on \*west\* waits for approval by/);
    expect((await olga.asks('/burst ops on all')).text).toContain('Waiting for approval');
    const message = await ada.sees(/west.*asks to provision 1 small worker/s);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by/);
    await olga.ends(/asked to provision/);
    expect(await burstIn(world, 'west')).toHaveLength(1);
    expect(await burstIn(world, 'east')).toHaveLength(0);
  });

  it('a worker is made in the cluster that is named, else the channel’s, else the default one, and found in each', async () => {
    const world = await twoClusters({ west: { channels: [WEST_CHANNEL], burst_workers: { max_burst_workers: 2 } } });
    await runApp(world);
    const { olga } = world;
    await done(world, olga, 'provision 1 small 24h');
    expect(await burstIn(world, 'east')).toHaveLength(1);
    await done(world, olga, 'provision on west 1 small 24h load test');
    await done(world, olga, 'provision small 4h', WEST_CHANNEL);
    const [inEast = ''] = await burstIn(world, 'east');
    const inWest = await burstIn(world, 'west');
    expect(inWest).toHaveLength(2);
    expect([await vmsIn(world, 'east'), (await vmsIn(world, 'west')).sort()]).toEqual([[inEast], [...inWest].sort()]);

    // its own limit
    expect(shown(await olga.opens('/burst provision on west'))).toMatch(/Cluster \*west\*[^]*2 of at most 2/);
    await olga.closes();
    const full = await olga.asks('/burst provision small 4h on west');
    expect(full.text).toMatch(/In west: .*2/);
    const both = shown(await olga.asks('/burst list burst on all'));
    for (const name of [inEast, ...inWest]) expect(both).toContain(name);
    expect(both).toMatch(/east[^]*west/);
    const east = shown(await olga.asks('/burst list burst'));
    expect(east).toContain(inEast);
    expect(east).not.toContain(inWest[0]);

    // a unique part of a name says the cluster by itself, wherever it is typed
    expect((await olga.asks(`/burst details ${inWest[0]?.slice(-5) ?? ''}`)).text).toMatch(/^\*west\* · /);
    const form = await olga.opens(`/burst destroy ${inWest[0] ?? ''}`);
    expect(shown(form)).toContain('Cluster *west*');
    await olga.submits(form);
    const ended = await olga.ends(/to destroy/);
    expect(ended.text).toMatch(/^\*west\* · /);
    expect([await burstIn(world, 'east'), await burstIn(world, 'west')]).toEqual([[inEast], [inWest[1]]]);
  });

  it('one whose API server is away holds up no other: workers come and go there, and lists say what is old', async () => {
    const two = await twoClusters();
    const port = await freePort();
    const world = { ...two, file: { ...two.file, monitoring: { enabled: true, port } } };
    const app = await runApp(world);
    const { olga } = world;
    await done(world, olga, 'provision small 24h on west');
    const [inWest = ''] = await burstIn(world, 'west');
    await world.fault('api_down@west', true);
    const asked = await olga.asks('/burst provision 2 small 24h on west');
    expect(asked.text).toMatch(/^\*west\* · .*on its way/);

    await done(world, olga, 'provision 2 small 24h on east');
    const [first = '', second = ''] = await burstIn(world, 'east');
    await olga.submits(await olga.opens(`/burst destroy ${first}`));
    await olga.ends(/to destroy/);
    expect(await burstIn(world, 'east')).toEqual([second]);

    const list = shown(await olga.asks('/burst list on all'));
    expect(list).toMatch(/\*west\*: .*out of reach since/);
    expect(list).not.toMatch(/\*east\*: [^\n]*out of reach/);
    expect(list).toContain(inWest);
    const checks = await app.checks();
    expect(checks.find(({ name }) => name === 'cluster west')).toMatchObject({ ok: false, bearable: true });
    expect(checks.filter(({ ok, bearable }) => !ok && bearable !== true)).toEqual([]);
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/^burst_cache_stale_seconds\{cluster="east"\} 0$/m);
    expect(metrics).toMatch(/^burst_cache_stale_seconds\{cluster="west"\} [1-9]/m);
    expect(metrics).toMatch(/^burst_live_runs\{cluster="west"\} 2$/m);

    // the deadline of the one that can be reached is kept meanwhile; that of the other once it is back
    world.skip(24 * 60 * MINUTE_MS + MINUTE_MS);
    await world.until('east to be empty', async () => (await burstIn(world, 'east')).length === 0, 40_000);
    expect(await burstIn(world, 'west')).toEqual([inWest]);
    await world.fault('api_down@west', false);
    await world.until(
      'the old worker of west to go',
      async () => !(await vmsIn(world, 'west')).includes(inWest),
      40_000,
    );
  });

  it('one whose kubeconfig cannot be read is waited for, and taken up when it can', async () => {
    const world = await twoClusters();
    const path = join(world.folder, 'west.kubeconfig');
    const [, west] = world.sandbox.clusters;
    writeFileSync(path, 'nothing: [');
    const app = await runApp(world);
    const { olga } = world;
    await done(world, olga, 'provision small 24h on east');
    const refused = await olga.asks('/burst details worker-1 on west');
    expect(refused.text).toMatch(/In west: [^]*out of reach/);
    expect((await app.checks()).find(({ name }) => name === 'cluster west')?.ok).toBe(false);
    writeFileSync(path, west?.kubernetes.kubeconfig ?? '');
    await world.until('west to be fresh', async () =>
      (await app.checks()).find(({ name, ok }) => name === 'cluster west' && ok),
    );
    await done(world, olga, 'provision small 24h on west');
    expect(await burstIn(world, 'west')).toHaveLength(1);
  });

  it('one whose servers accept connections and never answer holds up no other either', async () => {
    const deaf = createServer(() => undefined);
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const { port } = deaf.address() as AddressInfo;
    const endpoint = `http://127.0.0.1:${port}/mcp`;
    const two = await twoClusters({ west: { mcp_servers: { proxmox: { endpoint, call_timeout_seconds: 4 } } } });
    two.finished(() => void deaf.close());
    const [, west] = two.sandbox.clusters;
    const text = west?.kubernetes.kubeconfig.replace(/server: .*/, `server: http://127.0.0.1:${port}`) ?? '';
    writeFileSync(join(two.folder, 'west.kubeconfig'), text);
    // as many as would fill every slot, if they were shared
    const file = {
      ...two.file,
      engine: { poll_seconds: 1, max_steps_at_once: 2, step_timeout_seconds: 3600, claim_seconds: 7200 },
    };
    const world = { ...two, file };
    const app = await runApp(world);
    const { olga } = world;
    await olga.asks('/burst provision 4 small 24h on west');
    await done(world, olga, 'provision 2 small 24h on east');
    expect(await burstIn(world, 'east')).toHaveLength(2);
    expect(shown(await olga.asks('/burst list on all'))).toMatch(/\*west\*: .*out of reach/);
    const checks = await app.checks();
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['cluster west', 'vm-server west']);
    expect(checks.every(({ ok, bearable }) => ok || bearable === true)).toBe(true);
  });

  it('a check tells of each cluster’s servers in a line, the unfit ones too', async () => {
    const world = await twoClusters();
    writeFileSync(join(world.folder, 'west.kubeconfig'), 'nothing: [');
    const config = loadConfig({ path: 'e2e', env: {}, readFile: () => JSON.stringify(world.file) });
    const checks = await checkApp({ config, clock: world.sandbox.clock });
    const lines = checks
      .filter(({ name }) => /east|west/.test(name))
      .map(({ name, ok }) => `${ok ? 'ok' : 'FAIL'} ${name}`);
    expect(lines).toEqual([
      'ok cluster east',
      'ok vm server east',
      'ok vm server: read-only calls east',
      'FAIL cluster west',
      'ok vm server west',
      'ok vm server: read-only calls west',
    ]);
  });

  it('who may use one need not be able to use the other', async () => {
    const world = await twoClusters({ west: { roles: { viewer: { users: [] }, operator: { users: [] } } } });
    await runApp(world);
    const { olga, ada } = world;
    expect((await olga.asks('/burst provision small 4h on west')).text).toMatch(/In west: .*role operator/);
    expect(await burstIn(world, 'west')).toEqual([]);
    expect(shown(await olga.asks('/burst list on all'))).not.toContain('west');
    expect(shown(await ada.asks('/burst list on all'))).toContain('west');
    const panel = await ada.asks('/burst');
    expect(buttons(panel)).toEqual(
      expect.arrayContaining(['Provision on east', 'Provision on west', 'List', 'My operations', 'Help']),
    );
    const near = await ada.asks('/burst list on wset');
    expect(near.text).toMatch(/There is no cluster `wset`; there are east, west/);
    expect(shown(await ada.clicksAndHears(near, /list on west/))).toMatch(/^\*west\* · \*Workers\*/);
  });
});
