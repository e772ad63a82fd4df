import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import {
  employ,
  guestsOn,
  MINUTE_MS,
  operationIn,
  provisioned,
  runApp,
  startAll,
  startWorld,
  tokensOf,
} from './support/world.ts';
import type { World } from './support/world.ts';

const burstVms = async (world: World): Promise<string[]> =>
  (await world.state()).vms.filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);

describe('Proxmox', () => {
  it('a clone that fails is told with its reason and leaves nothing; retry works once it is repaired', async () => {
    const world = await startAll();
    const { olga } = world;
    await world.fault('clone_fails', true);
    await olga.asks('/burst provision 2 small');
    const message = await olga.ends(/to provision/, 'failed');
    expect(message.text).toMatch(/out of space/);
    expect(await burstVms(world)).toEqual([]);
    expect(await tokensOf(world.sandbox)).toEqual([]);
    expect(shown(await olga.asks('/burst list'))).toContain('0 of at most 10 burst workers');
    await world.fault('clone_fails', false);
    await olga.clicksAndHears(await olga.again(message), /Retry/);
    await olga.ends(/to provision 2/);
    expect(await world.burst()).toHaveLength(2);
  });

  it('a VM that never joins is given up at the time limit: no VM, node or token is left', async () => {
    const world = await startAll();
    const { olga } = world;
    await world.fault('never_joins', true);
    await olga.asks('/burst provision 1 small');
    await olga.sees(/Waiting for the node to join/);
    const [name = ''] = await burstVms(world);
    expect(await world.leftOf(name)).toEqual(['vm', 'token']);
    world.skip(16 * MINUTE_MS);
    const message = await olga.ends(/to provision/, 'failed');
    expect(message.text).toMatch(/Waiting for the node to join took longer than 15 min/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('a locked Proxmox is waited for', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('locked', true);
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    await olga.sees(/the VM is locked \(backup\)|locked/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    await world.fault('locked', false);
    await olga.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('an MCP server that goes and comes back costs time only', async () => {
    const world = await startAll();
    const { olga, taps } = { ...world };
    const { proxmox } = taps;
    await olga.asks('/burst provision 1 small');
    await world.until('the clone', async () => (await burstVms(world)).length > 0);
    proxmox.setDown(true);
    await olga.sees(/looking again \(.*(cannot be reached|connection broke)/);
    const checks = await world.app.checks();
    expect(checks.find((check) => check.name === 'vm-server')).toMatchObject({ ok: false });
    proxmox.setDown(false);
    await olga.ends(/to provision/);
    expect(await burstVms(world)).toHaveLength(1);
    expect((await world.app.checks()).every((check) => check.ok)).toBe(true);
  });

  it('replies that are oversized, no JSON, or of another shape change nothing and are survived', async () => {
    // each is asked for: the server does not count as away meanwhile
    const world = await startAll({ config: { provider_health: { failures: 100 } } });
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    const { proxmox } = world.taps;
    const rpc = (body: string, text: string): { status: number; body: string } => ({
      status: 200,
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: (JSON.parse(body) as { id: number }).id,
        result: { content: [{ type: 'text', text }] },
      }),
    });
    const strange = [
      'x'.repeat(5 * 1024 * 1024),
      '<html>gateway</html>',
      '{"data": []}',
      '{"data": null}',
      '{"data": [{"vmid": "NaN", "name": ["x"], "tags": {"a": 1}}]}',
      '[]',
    ];
    let at = 0;
    let asked = 0;
    proxmox.answer = (call, body) => {
      if (call !== 'list_vms') return undefined;
      asked += 1;
      return rpc(body, strange[at] ?? '');
    };
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    for (; at < strange.length; at++) {
      asked = 0;
      expect(shown(await olga.asks(`/burst details ${name}`))).toMatch(/VM\*?\s[^]*(unknown|not found)/);
      expect(asked, String(strange[at]?.slice(0, 40))).toBeGreaterThan(0);
    }
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    proxmox.answer = undefined;
    const state = await olga.sees(/to destroy[^]*(:white_check_mark: done|:rotating_light: stuck|:x: failed)/);
    expect(state.text).not.toMatch(/stuck/);
  });
});

describe('Kubernetes', () => {
  it('a budget that blocks is named; cancel uncordons; the drain ends when the budget yields', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await employ(world, name);
    await world.fault('pdb_blocks', true);
    const form = await olga.opens(`/burst drain ${name}`);
    expect(shown(form)).toMatch(/Budgets that block now[^]*shop\/freeze-guest/);
    await olga.submits(form);
    const message = await olga.sees(/is blocked for[^]*PodDisruptionBudget `shop\/freeze-guest`/);
    expect((await world.node(name))?.unschedulable).toBe(true);
    expect(buttons(message)).toContain('Cancel and uncordon');
    expect((await olga.clicksAndHears(message, /Cancel and uncordon/)).text).toContain('1 worker stopping');
    await world.until('the end', async () => (await olga.again(message)).text.includes(':no_entry_sign: cancelled'));
    expect(await world.node(name)).toMatchObject({ unschedulable: false, ready: true });
    expect(await guestsOn(world, name)).toBeGreaterThan(0);

    await olga.submits(await olga.opens(`/burst drain ${name}`));
    const second = await world.until('the second message', async () =>
      (await olga.messages()).findLast((item) => /is blocked for/.test(item.text) && item.ts !== message.ts),
    );
    await world.fault('pdb_blocks', false);
    await world.until('its end', async () => (await olga.again(second)).text.includes(':white_check_mark: done'));
    expect(await guestsOn(world, name)).toBe(0);
  });

  it('a drain that stays blocked ends at its time limit, uncordoned, with the blocker named', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await employ(world, name);
    await world.fault('pdb_blocks', true);
    await olga.submits(await olga.opens(`/burst drain ${name}`));
    const message = await olga.sees(/is blocked for/);
    world.skip(11 * MINUTE_MS);
    await world.until('its end', async () => (await olga.again(message)).text.includes(':x: failed'));
    expect((await olga.again(message)).text).toMatch(/did not end within 10 min: .*shop\/freeze-guest/);
    expect(await world.node(name)).toMatchObject({ unschedulable: false });
  });

  it('an API server that is down is said, with the age of what is shown, and taken up again', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('api_down', true);
    const fresh = async (): Promise<boolean> =>
      (await world.app.checks()).some((check) => check.name === 'cluster' && check.ok);
    await world.until('stale', async () => !(await fresh()));
    const list = shown(await olga.asks('/burst list'));
    expect(list).toContain(name);
    expect(list).toMatch(/out of reach[^]*this may be old/);
    const refused = await olga.opens(`/burst destroy ${name}`);
    expect(refused.submit, 'nothing to confirm without a look').toBeUndefined();
    expect(shown(refused)).toMatch(/Out of reach|unknown|did not work/);
    // what does not need the cluster goes on, the rest waits
    await olga.asks('/burst provision 1 medium');
    await olga.sees(/provision 1 medium[^]*looking again/);
    await world.fault('api_down', false);
    await olga.ends(/provision 1 medium/);
    await world.until('fresh again', fresh);
    expect(shown(await olga.asks('/burst list'))).not.toMatch(/out of reach/);
    expect(await world.burst()).toHaveLength(2);
  });
});

describe('a start', () => {
  it('while the cluster and the VM server are away waits for them, and says so', async () => {
    const world = await startWorld();
    const { olga, taps } = world;
    taps.kubernetes.setDown(true);
    taps.proxmox.setDown(true);
    const app = await runApp(world);
    expect(shown(await olga.asks('/burst list'))).toMatch(/out of reach/);
    expect((await app.checks()).filter((check) => !check.ok).map((check) => check.name)).toEqual([
      'cluster',
      'vm-server',
    ]);
    await olga.asks('/burst provision 1 small');
    await olga.sees(/looking again|has not answered since/);
    taps.kubernetes.setDown(false);
    taps.proxmox.setDown(false);
    await olga.ends(/to provision/);
    expect(await world.burst()).toHaveLength(1);
    await world.until('all well', async () => (await app.checks()).every((check) => check.ok));
  });
});

describe('Slack', () => {
  it('connections that are refreshed or cut are made anew, and nothing is lost', async () => {
    const world = await startAll();
    const { olga } = world;
    await olga.asks('/burst provision 1 small');
    world.sandbox.slack.refreshConnections();
    await olga.ends(/to provision/);
    world.taps.slack.cut();
    // Slack gives up a command after 3 s without an answer: the person tries again
    await world.until(
      'an answer after the cut',
      async () => shown(await olga.asks('/burst list burst')).includes('burst-small'),
      30_000,
    );
    expect((await world.app.checks()).find((check) => check.name === 'slack')).toMatchObject({ ok: true });
  });

  it('a storm of 429 delays messages, and neither loses nor doubles them', async () => {
    const world = await startAll();
    const { olga } = world;
    world.sandbox.slack.force('chat.postMessage', 1, { retryAfterSeconds: 1 });
    world.sandbox.slack.force('chat.update', 2, { retryAfterSeconds: 1 });
    const id = operationIn((await olga.asks('/burst provision 3 small')).text);
    await olga.ends(/to provision 3/);
    const said = (await olga.posts()).filter((item) => item.text.includes(id));
    expect(said).toHaveLength(1);
  });

  it('a Web API that fails is tried again; the message tells the end', async () => {
    const world = await startAll();
    const { olga } = world;
    world.sandbox.slack.force('chat.postMessage', 3, { error: 'internal_error' });
    await olga.asks('/burst provision 1 small');
    await olga.ends(/to provision/);
    world.sandbox.slack.force('chat.update', 1, { error: 'message_not_found' });
    const [name = ''] = await world.burst();
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    await olga.ends(/to destroy/);
  });
});
