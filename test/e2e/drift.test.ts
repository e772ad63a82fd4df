/** The world changes behind Burst's back, or answers late: the books follow, nothing is leaked, nobody's own is touched. */
import { describe, expect, it } from 'vitest';
import { shown } from './support/person.ts';
import { HOUR_MS, MINUTE_MS, provisioned, startAll } from './support/world.ts';

describe('late and lost', () => {
  it('a clone whose reply is lost is found again, not made twice', async () => {
    const world = await startAll({ config: { mcp_servers: { proxmox: { call_timeout_seconds: 1 } } } });
    const { olga, sandbox } = world;
    sandbox.proxmox.inject({ tool: 'clone_vm', times: 1, lose: true });
    await olga.asks('/burst provision 1 small');
    await olga.sees(/it may have happened/);
    await olga.ends(/to provision/);
    expect((await world.state()).vms).toHaveLength(4);
    expect(sandbox.proxmox.requests().filter((call) => call.tool === 'clone_vm')).toHaveLength(1);
  });

  it('a clone that lands after its operation was cancelled is swept away', async () => {
    const world = await startAll({ config: { mcp_servers: { proxmox: { call_timeout_seconds: 1 } } } });
    const { olga, sandbox } = world;
    sandbox.proxmox.inject({ tool: 'clone_vm', times: 100, delayMs: 60 * MINUTE_MS });
    await olga.asks('/burst provision 1 small');
    await olga.clicks(await olga.sees(/it may have happened/), /Cancel/);
    await olga.ends(/to provision/, 'cancelled');
    expect((await world.state()).vms).toHaveLength(3);
    world.skip(60 * MINUTE_MS);
    const late = await world.until('the late VM', async () =>
      (await world.state()).vms.find((vm) => vm.name.startsWith('burst-')),
    );
    world.skip(5 * MINUTE_MS);
    await world.until('its removal', async () => (await world.leftOf(late.name)).length === 0, 40_000);
    expect((await world.state()).vms.map((vm) => vm.name).sort()).toEqual([
      'k8s-worker-template',
      'pet-db',
      'pet-mail',
    ]);
  });
});

describe('behind its back', () => {
  it('a worker whose VM and node somebody removed is closed, and its place is free again', async () => {
    const world = await startAll({ config: { burst_workers: { max_burst_workers: 1 } } });
    const { olga, sandbox } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    expect((await olga.asks('/burst provision 1 small')).text).not.toMatch(/on its way/);
    sandbox.proxmox.pve.vms.delete((await world.vm(name))?.id ?? 0);
    sandbox.kubernetes.remove('v1', 'Node', name);
    world.skip(5 * MINUTE_MS);
    await world.until('a free place', async () =>
      shown(await olga.asks('/burst list')).includes('0 of at most 1 burst workers'),
    );
    await provisioned(world, olga, '1 small');
  });

  it('a worker whose node alone was removed is destroyed with its VM', async () => {
    const world = await startAll();
    const { olga, sandbox } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 4h');
    sandbox.kubernetes.remove('v1', 'Node', name);
    world.skip(4 * HOUR_MS + MINUTE_MS);
    await olga.ends(/Deadline reached/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('a worker that was uncordoned during its removal keeps its VM until it is drained', async () => {
    const world = await startAll();
    const { olga, sandbox } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('locked', true);
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    await olga.sees(/locked/);
    const answer = await fetch(`${sandbox.kubernetes.url}/api/v1/nodes/${name}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${sandbox.kubernetes.adminToken}`,
        'content-type': 'application/merge-patch+json',
      },
      body: JSON.stringify({ spec: { unschedulable: false } }),
    });
    expect(answer.status).toBe(200);
    // The lock stays: a look before the cordon went would otherwise be followed by a stop that it still allowed.
    const message = await olga.ends(/to destroy/, 'failed');
    expect(message.text).toMatch(/uncordoned meanwhile/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    expect(await world.vm(name)).toMatchObject({ status: 'running' });
  });
});
