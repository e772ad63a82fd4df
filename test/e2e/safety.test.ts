import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { operationIn, provisioned, startAll } from './support/world.ts';

describe('who may', () => {
  it('viewers look, operators act on their own, admins on all, others on nothing', async () => {
    const world = await startAll();
    const { ada, olga, vera, nina } = world;
    const [hers = ''] = await provisioned(world, ada, '1 small');
    const [own = ''] = await provisioned(world, olga, '1 small');
    expect((await nina.asks('/burst list')).text).toMatch(/Not allowed.*viewer/s);
    expect((await vera.asks('/burst provision 1 small')).text).toMatch(/Not allowed.*operator/s);
    expect((await vera.asks(`/burst extend ${own} 4h`)).text).toMatch(/Not allowed/);
    for (const command of [`drain ${own}`, `destroy ${own}`, 'provision']) {
      expect(shown(await vera.opens(`/burst ${command}`)), command).toMatch(/Not allowed.*role viewer/s);
      await vera.closes();
    }
    for (const command of [`drain ${hers}`, `destroy ${hers}`]) {
      expect(shown(await olga.opens(`/burst ${command}`)), command).toMatch(/someone else's worker/);
      await olga.closes();
    }
    expect((await olga.asks(`/burst extend ${hers} 4h`)).text).toMatch(/someone else's worker/);
    const theirs = operationIn((await ada.sees(/asked to provision/)).text);
    expect((await vera.asks(`/burst cancel ${theirs}`)).text).toMatch(/Not allowed/);

    // a form that was opened with a role is looked at again when it is sent
    const form = await olga.opens(`/burst destroy ${own}`);
    const metadata = await vera.send('/view/submit', { viewId: form.id, state: {} });
    expect(metadata).toMatchObject({ ok: false });
    await olga.closes();

    await ada.submits(await ada.opens(`/burst destroy ${own}`));
    await ada.ends(/to destroy/);
    expect(await world.leftOf(own)).toEqual([]);
    expect(await world.leftOf(hers)).toEqual(['node', 'vm']);
  });

  it("somebody else's buttons refuse, privately", async () => {
    const world = await startAll();
    const { olga, vera, nina } = world;
    await world.fault('never_joins', true);
    await olga.asks('/burst provision 1 small');
    const message = await olga.sees(/Waiting for the node to join/);
    for (const who of [vera, nina])
      expect((await who.clicksAndHears(await who.again(message), /^Cancel$/)).text).toMatch(/Not allowed/);
    expect((await olga.again(message)).text).not.toMatch(/cancelled|stopping/);
  });
});

describe('who may, by user groups', () => {
  it('members may; when the groups cannot be looked up the answer is no', async () => {
    const roles = {
      viewer: { users: [] },
      operator: { users: [], groups: ['burst-operators'] },
      admin: { users: [], groups: ['burst-admins'] },
    };
    const world = await startAll({ config: { slack: { roles } } });
    const { olga, ada, vera, sandbox } = world;
    sandbox.slack.force('usergroups.users.list', 100, { error: 'internal_error' });
    expect((await olga.asks('/burst provision 1 small')).text).toMatch(/could not be established/);
    expect(shown(await ada.opens('/burst destroy worker-1'))).toMatch(/could not be established/);
    await ada.closes();
    sandbox.slack.force('usergroups.users.list', 0, { error: 'internal_error' });
    const [name = ''] = await provisioned(world, olga, '1 small');
    expect((await vera.asks('/burst list')).text).toMatch(/Not allowed/);
    await ada.submits(await ada.opens(`/burst destroy ${name}`));
    await ada.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it('only in the channels that are named', async () => {
    const world = await startAll({ config: { slack: { channels: ['C0BURST0001'] } } });
    const { olga } = world;
    const refused = await olga.asks('/burst provision 1 small', 'C0GENERAL01');
    expect(refused.text).toMatch(/not allowed in this channel[^]*<#C0BURST0001>/);
    expect((await world.state()).vms).toHaveLength(3);
    await olga.asks('/burst list');
  });
});

describe('SAFETY VIOLATION', () => {
  it('an operator is told what a permanent worker is, not which role is missing', async () => {
    const { olga } = await startAll();
    for (const command of ['destroy', 'drain']) {
      expect(shown(await olga.opens(`/burst ${command} worker-1`))).toContain('SAFETY VIOLATION: ');
      await olga.closes();
    }
  });

  it('permanent, control-plane and protected workers are refused at every door, for admins too', async () => {
    const world = await startAll();
    const { ada } = world;
    const { kubernetes } = world.sandbox;
    const past = '2020-01-01T00:00:00Z';
    const node = (name: string, labels: Record<string, string>, annotations: Record<string, string> = {}): void =>
      void kubernetes.put({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, labels, annotations },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      });
    // labelled and expired, and still not to be touched
    node('permanent-burst-1', { 'worker-type': 'burst' }, { 'worker-ttl': past });
    node('master-1', { 'worker-type': 'burst' }, { 'worker-ttl': past });
    node('cp-2', { 'worker-type': 'burst', 'node-role.kubernetes.io/control-plane': '' }, { 'worker-ttl': past });
    node('burst-no-deadline', { 'worker-type': 'burst' });
    const names = ['worker-1', 'cp-1', 'permanent-burst-1', 'master-1', 'cp-2', 'burst-no-deadline'];
    await world.until('the new nodes in the list', async () =>
      shown(await ada.asks('/burst list')).includes('master-1'),
    );
    for (const name of names) {
      for (const command of ['destroy', 'drain']) {
        const form = await ada.opens(`/burst ${command} ${name}`);
        if (name !== 'cp-1' && name !== 'cp-2')
          expect(shown(form), `${command} ${name}`).toMatch(/SAFETY VIOLATION: Cannot (destroy|drain)/);
        expect(form.submit, `${command} ${name} has nothing to confirm`).toBeUndefined();
        await ada.closes();
      }
      expect((await ada.asks(`/burst extend ${name} 4h`)).text).not.toMatch(/on its way/);
    }
    const details = await ada.asks('/burst details worker-1');
    expect(buttons(details)).toEqual([]);
    // buttons of messages that never were
    for (const action_id of ['burst:worker:destroy', 'burst:worker:drain']) {
      await ada.send('/action', {
        container: { type: 'message', channel: details.channel, ts: details.ts },
        action: { type: 'button', action_id, block_id: 'b', value: 'worker-1' },
      });
      expect(shown(await ada.form(/SAFETY VIOLATION/))).toMatch(/SAFETY VIOLATION: Cannot/);
      await ada.closes();
    }
    const heard = await ada.clicksAndHears(
      {
        ...details,
        blocks: [
          {
            type: 'actions',
            elements: [
              {
                type: 'button',
                action_id: 'burst:warn:extend:24',
                text: { text: 'Extend' },
                value: JSON.stringify({ workers: ['worker-1'], deadlineMs: 1 }),
              },
            ],
          },
        ],
      },
      /Extend/,
    );
    expect(heard.text).not.toMatch(/on its way/);
    // nor does time: several looks of the reaper later all are there, and nothing was cordoned
    world.skip(200 * 3_600_000);
    const calls = world.taps.kubernetes.calls.length;
    await world.until('the reaper to look', () => world.taps.kubernetes.calls.length > calls + 5);
    const { nodes } = await world.state();
    for (const name of names) {
      const found = nodes.find((item) => item.name === name);
      expect(found, name).toMatchObject({ unschedulable: false });
    }
  });

  it('a confirmation is for the worker as it was shown: what changed meanwhile is shown anew', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await olga.submits(await olga.opens(`/burst drain ${name}`));
    await olga.ends(/to drain/);
    const form = await olga.opens(`/burst destroy ${name}`);
    expect(shown(form)).toMatch(/\*drained\*/);
    const answer = await fetch(`${world.sandbox.kubernetes.url}/api/v1/nodes/${name}`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${world.sandbox.kubernetes.adminToken}`,
        'content-type': 'application/merge-patch+json',
      },
      body: JSON.stringify({ spec: { unschedulable: false } }),
    });
    expect(answer.status).toBe(200);
    await olga.submits(form);
    expect(shown(await olga.form(/not as it was shown/))).toMatch(/not drained/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    // the new confirmation is what counts
    await olga.submits(await olga.form(/not drained/));
    await olga.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });

  it("somebody else's VM is never stopped or deleted, whatever its id, its name and the node say", async () => {
    const world = await startAll();
    const { ada } = world;
    const { pve } = world.sandbox.proxmox;
    // a VM of the node's own name and id, made by somebody else
    pve.put(150, 'impostor', false, 'running', { cores: '1', memory: '512' });
    world.sandbox.kubernetes.put({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: {
        name: 'impostor',
        labels: { 'worker-type': 'burst' },
        annotations: { 'worker-ttl': '2099-01-01T00:00:00Z', 'burst/vm-id': '150' },
      },
      status: {},
    });
    // an id that was given to another VM after ours had gone
    const [name = ''] = await provisioned(world, ada, '1 small');
    const ours = (await world.vm(name))?.id ?? 0;
    pve.vms.delete(ours);
    pve.put(ours, 'pet-new', false, 'running', { cores: '1', memory: '512', tags: 'prod' });
    await world.until('the impostor', async () => shown(await ada.asks('/burst list')).includes('impostor'));
    for (const worker of ['impostor', name]) {
      await ada.submits(await ada.opens(`/burst destroy ${worker}`));
      const message = await ada.ends(new RegExp(`to destroy \`${worker}\``), 'failed');
      expect(message.text).toContain('SAFETY VIOLATION');
    }
    const { vms } = await world.state();
    expect(vms.find((vm) => vm.id === 150)).toMatchObject({ name: 'impostor', status: 'running' });
    expect(vms.find((vm) => vm.id === ours)).toMatchObject({ name: 'pet-new', status: 'running' });
  });
});
