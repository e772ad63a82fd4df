/** VMs that carry our tag and that nothing is recorded of, and the sweep on demand, in Slack. */
import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { MINUTE_MS, provisioned, runApp, startAll, startWorld } from './support/world.ts';
import type { World } from './support/world.ts';

const STRAY = 'burst-small-abcde';
/** A VM as a lost database leaves it behind. @returns the message that tells of it. */
async function strayed(world: World, name = STRAY) {
  const [worker = ''] = await provisioned(world, world.olga, '1 small');
  const tags = (await world.vm(worker))?.tags ?? [];
  world.sandbox.proxmox.pve.put(777, name, false, 'stopped', { cores: '2', memory: '4096', tags: tags.join(';') });
  // a young one is spared
  world.skip(3 * MINUTE_MS);
  const message = await world.ada.sees(
    new RegExp(`VM \`777\` \\(\`${name}\`, on pve1\\) carries this installation's ownership tag`),
  );
  return { message, worker };
}
const posts = async (world: World) => (await world.ada.posts()).filter((post) => post.text.includes('VM `777`'));

describe('a VM that nothing is recorded of', () => {
  it('is told in one message; Destroy asks, proves, removes once, and says who did it', async () => {
    const world = await startAll();
    const { ada, olga, vera } = world;
    const { message, worker } = await strayed(world);
    expect(buttons(message)).toEqual(['Adopt', 'Destroy…']);
    for (const person of [olga, vera]) {
      expect((await person.clicksAndHears(message, /Adopt/)).text).toMatch(/admin/);
      await person.clicks(message, /Destroy/);
      const refused = await person.form(/admin/);
      expect(refused.submit).toBeUndefined();
    }
    await ada.clicks(message, /Destroy/);
    const form = await ada.form(/ownership tag are compared once more/);
    expect(shown(form)).toMatch(/No node of its name/);
    await ada.submits(form);
    expect((await ada.ends(/to destroy `burst-small-abcde`/)).text).not.toContain('lived');
    await world.until('its end', async () => (await ada.again(message)).text.includes('It was destroyed'));
    const after = await ada.again(message);
    expect(after.text).toMatch(/It was destroyed\. By <@U0ADMIN0001>, operation `/);
    expect(buttons(after)).toEqual([]);
    expect(await posts(world)).toHaveLength(1);
    expect((await world.state()).vms.map((vm) => vm.name).sort()).toEqual([
      worker,
      'k8s-worker-template',
      'pet-db',
      'pet-mail',
    ]);
    // an old message that was clicked late
    expect((await ada.clicksAndHears(message, /Adopt/)).text).toMatch(/not a VM without a record any more/);
  });

  it('Adopt makes a worker of it, once, and through a restart', async () => {
    const world = await startWorld();
    const first = await runApp(world);
    const { ada } = world;
    const { message } = await strayed(world);
    await first.stop();
    await runApp(world);
    const [one, two] = await Promise.all([ada.clicksAndHears(message, /Adopt/), ada.clicksAndHears(message, /Adopt/)]);
    expect(`${one.text} ${two.text}`).toMatch(/peration `/);
    await ada.ends(/to adopt VM 777 \(`burst-small-abcde`\) as a small worker for 24 h/);
    expect((await ada.posts()).filter((post) => /to adopt VM 777/.test(post.text))).toHaveLength(1);
    expect(await world.node(STRAY)).toMatchObject({ type: 'burst', ready: true });
    await world.until('its end', async () => (await ada.again(message)).text.includes('It was adopted'));
    expect(shown(await ada.asks('/burst list burst'))).toContain(STRAY);
  });

  it('that bears the name of a pet, or is another VM by then, is not touched', async () => {
    const world = await startAll();
    const { ada, sandbox } = world;
    const { message } = await strayed(world, 'pet-wiki');
    expect((await ada.clicksAndHears(message, /Adopt/)).text).toMatch(/none that Burst gives/);
    await ada.clicks(message, /Destroy/);
    const form = await ada.form(/compared once more/);
    const vm = sandbox.proxmox.pve.vms.get(777);
    if (vm !== undefined) vm.name = 'somebody-else';
    await ada.submits(form);
    await ada.form(/SAFETY VIOLATION/);
    expect(sandbox.proxmox.pve.vms.has(777)).toBe(true);
    await world.until('its end', async () => (await ada.again(message)).text.includes('is gone from the VM server'));
  });
});

describe('/burst sweep', () => {
  it('looks, VM server first, and changes nothing; an admin’s “now” acts', async () => {
    const world = await startAll();
    const { ada, olga, vera, sandbox } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    sandbox.proxmox.pve.vms.delete((await world.vm(name))?.id ?? 0);
    sandbox.kubernetes.remove('v1', 'Node', name);
    expect((await vera.asks('/burst sweep')).text).toMatch(/operator/);
    const look = await olga.asks('/burst sweep');
    expect(look.text).toMatch(
      /1\. VM server `proxmox`: 3 VMs, 0 with[^]*2\. Cluster: \d+ nodes[^]*3\. Records: 1 worker/,
    );
    expect(look.text).toMatch(/a look: nothing was changed/);
    expect(buttons(look)).toEqual([]);
    expect((await olga.asks('/burst sweep now')).text).toMatch(/admin/);
    expect((await ada.asks('/burst sweep nwo')).text).toMatch(/does not know "nwo"[^]*sweep now/);
    const theirs = await ada.asks('/burst sweep dry');
    expect(buttons(theirs)).toEqual(['Sweep now']);
    world.skip(MINUTE_MS);
    await ada.clicks(theirs, /Sweep now/);
    await ada.sees(/gone[^]*close the books[^]*:white_check_mark: done/);
    expect(shown(await olga.asks('/burst list'))).toContain('0 of at most 10 burst workers');
  });

  it('concludes nothing while the VM server is away, and says so', async () => {
    const world = await startAll();
    const { ada, olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await world.fault('server_down', true);
    const look = await ada.asks('/burst sweep now');
    expect(look.text).toMatch(/VM server `proxmox`: :warning: \*unknown\*, and nothing is concluded/);
    await world.fault('server_down', false);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
  });
});
