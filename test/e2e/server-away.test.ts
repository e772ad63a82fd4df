/** The VM server goes away and comes back: what needs it waits and says so, and people are told in one message. */
import { describe, expect, it } from 'vitest';
import { checkApp } from '../../src/check.ts';
import { loadConfig } from '../../src/config/index.ts';
import { assistant, call, ENV, MCP } from './support/assistant.ts';
import { shown } from './support/person.ts';
import { HOUR_MS, provisioned, runApp, startAll, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const opened = (world: World) => world.olga.sees(/The VM server `proxmox` has not answered since/);
const posts = async (world: World, text: RegExp): Promise<string[]> =>
  (await world.olga.posts()).filter((post) => text.test(post.text)).map((post) => post.text);

describe('a VM server that is away', () => {
  it('holds operations up for hours without failing any; everything says so; they go on by themselves', async () => {
    const world = await startAll({ config: { monitoring: { enabled: true, port: 0 } } });
    const { olga, ada } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 24h');
    await world.fault('server_down', true);
    await olga.asks('/burst provision 2 small 24h');
    const waiting = await olga.sees(
      /provision 2 small[^]*wait for the VM server `proxmox`, which has not answered since <!date[^]*next look <!date/,
    );
    expect(waiting.text).toContain('when it answers again');
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    await olga.sees(/to destroy[^]*waits for the VM server `proxmox`/);
    expect(shown(await olga.asks('/burst list'))).toMatch(/VM server `proxmox` has not answered since/);
    expect(shown(await olga.asks('/burst'))).toMatch(/VM server `proxmox` has not answered since/);
    await opened(world);
    expect((await world.app.checks()).find((check) => check.name === 'vm-server')).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^away for .*looked at again in .*cannot be reached/) as string,
    });
    const config = loadConfig({ path: 'e2e', env: world.env, readFile: () => JSON.stringify(world.file) });
    const checks = await checkApp({ config, kubeconfig: world.kubeconfig });
    expect(checks.find((check) => check.name === 'vm server')).toMatchObject({
      ok: false,
      text: expect.stringMatching(/cannot be reached.*the running Burst has had no answer since/) as string,
    });
    for (let hour = 0; hour < 3; hour += 1) {
      world.skip(HOUR_MS);
      await world.until('a look', () => true);
    }
    expect(await posts(world, /:x: failed/)).toEqual([]);
    await world.fault('server_down', false);
    await olga.ends(/provision 2 small/);
    await olga.ends(/to destroy/);
    await olga.sees(/The VM server `proxmox` answers again/);
    expect(await posts(world, /The VM server `proxmox` (has not|answers)/), 'one message').toHaveLength(1);
    expect(shown(await olga.asks('/burst list'))).not.toMatch(/VM server/);
    expect(await world.leftOf(name)).toEqual([]);
    expect(await world.burst()).toHaveLength(2);
    expect((await ada.asks('/burst list burst')).text).toContain('2 of at most 10 burst workers');
  });

  it('is told to assistants with the fleet', async () => {
    const world = await startAll({ config: MCP, env: ENV });
    const client = await assistant(world.app.mcpUrl ?? '', 'viewer', world.finished);
    expect((await call(client, 'list_workers')).text).not.toContain('VM server');
    await world.fault('server_down', true);
    await world.olga.asks('/burst provision 1 small 24h');
    const told = await world.until('it is told', async () => {
      const answer = await call(client, 'list_workers');
      return answer.text.includes('has not answered since') ? answer : undefined;
    });
    expect(told.content).toMatchObject({
      clusters: [{ stale: false, vm_server_away: { server: 'proxmox', next_look: expect.any(String) as string } }],
    });
    expect(told.isError).toBe(false);
  });

  it('does not keep anybody from cancelling', async () => {
    const world = await startAll();
    const { olga } = world;
    await world.fault('server_down', true);
    await olga.asks('/burst provision 1 small 24h');
    const waiting = await olga.sees(/waits for the VM server `proxmox`/);
    await olga.clicks(waiting, /Cancel/);
    await olga.ends(/provision 1 small/, 'cancelled');
    await world.fault('server_down', false);
    await world.until('its return', async () => (await world.app.checks()).every((check) => check.ok));
    expect((await world.state()).vms).toHaveLength(3);
  });

  it('is one message through a restart of Burst, too', async () => {
    const world = await startWorld();
    const first = await runApp(world);
    await world.fault('server_down', true);
    await opened(world);
    await first.stop();
    const second = await runApp(world);
    expect((await second.checks()).find((check) => check.name === 'vm-server')).toMatchObject({
      ok: false,
      text: expect.stringMatching(/^away for/) as string,
    });
    await world.fault('server_down', false);
    await world.olga.sees(/The VM server `proxmox` answers again/);
    expect(await posts(world, /The VM server/)).toHaveLength(1);
  });
});
