import { describe, expect, it } from 'vitest';
import { buttons, shown } from './support/person.ts';
import { CHANNEL, employ, HOUR_MS, operationIn, provisioned, startAll } from './support/world.ts';

const deadlineOf = (node: { deadline: string | undefined } | undefined): number => Date.parse(node?.deadline ?? '');

describe('commands', () => {
  it('help tells every command, and examples of one', async () => {
    const { nina } = await startAll();
    const all = shown(await nina.asks('/burst help'));
    for (const name of ['list', 'provision', 'details', 'extend', 'drain', 'destroy', 'ops', 'cancel', 'retry', 'help'])
      expect(all).toContain(`/burst ${name}`);
    expect(shown(await nina.asks('/burst help provision'))).toContain('/burst provision 3 medium 24h');
  });

  it('a word that is nearly a command, a size or a filter is offered as a button that runs it', async () => {
    const world = await startAll();
    const { olga } = world;
    expect(buttons(await olga.asks('/burst lsit'))).toEqual(['list']);
    expect(buttons(await olga.asks('/burst list brust'))).toEqual(['list burst']);
    const offered = await olga.asks('/burst provision 1 smal 24h');
    expect(offered.text).toMatch(/no size `?smal`?/);
    const accepted = await olga.clicksAndHears(offered, /provision 1 small 24h/);
    expect(accepted.text).toMatch(/on its way/);
    await olga.ends(/to provision/);
    expect(await world.burst()).toHaveLength(1);
  });

  it('list filters by type, status and owner', async () => {
    const world = await startAll();
    const { olga, ada, vera } = world;
    const [own = ''] = await provisioned(world, olga, '1 small');
    const [other = ''] = await provisioned(world, ada, '1 medium');
    const list = async (words: string): Promise<string> => shown(await olga.asks(`/burst list ${words}`));
    const all = await list('');
    for (const name of [own, other, 'worker-1', 'worker-3']) expect(all).toContain(name);
    expect(all, 'control planes are no workers').not.toContain('cp-1');
    expect(await list('burst')).not.toContain('worker-1');
    expect(await list('permanent')).not.toContain(own);
    const mine = await list('burst mine');
    expect(mine).toContain(own);
    expect(mine).not.toContain(other);
    await employ(world, own);
    await world.until('a busy worker', async () => (await list('busy')).includes(own));
    await olga.submits(await olga.opens(`/burst drain ${own}`));
    await olga.ends(/to drain/);
    const draining = await list('draining');
    expect(draining).toContain(own);
    expect(draining).not.toContain(other);
    expect(shown(await vera.asks('/burst ops'))).toMatch(/drain.*\n?[^]*provision/);
    expect(shown(await ada.asks('/burst ops mine'))).not.toMatch(/drain/);
  });

  it('names may be shortened; what fits several or none is asked about', async () => {
    const world = await startAll();
    const [one = '', two = ''] = await provisioned(world, world.olga, '2 small');
    expect(shown(await world.vera.asks(`/burst details ${one.slice(-5)}`))).toContain(one);
    const several = await world.vera.asks('/burst details burst-small');
    expect(several.text).toContain('2 workers have');
    expect(buttons(several).join()).toContain(one);
    expect(buttons(several).join()).toContain(two);
    const near = await world.vera.asks(`/burst details ${one.slice(0, -1)}9`);
    expect(near.text).toContain('There is no worker');
    expect(buttons(near).join()).toContain(one);
    expect((await world.vera.asks('/burst details zzz')).text).toContain('There is no worker "zzz"');
    expect((await world.vera.asks('/burst details')).text).toContain('Which worker?');
  });

  it('extend moves the deadline in the cluster, and never beyond the longest life', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 24h');
    const before = deadlineOf(await world.node(name));
    await olga.asks(`/burst extend ${name} 12h`);
    await olga.ends(/to extend/);
    expect(deadlineOf(await world.node(name)) - before).toBe(12 * HOUR_MS);
    await olga.asks(`/burst extend ${name.slice(-5)} 168h`);
    await world.until('the deadline at the cap', async () => {
      const hours = (deadlineOf(await world.node(name)) - before) / HOUR_MS;
      return hours > 143 && hours < 144.1;
    });
    await olga.ends(/extend .* by 168 h/);
    expect((await olga.asks(`/burst extend ${name} 1h`)).text).toContain('longest life of 168 h');
    expect((await olga.asks(`/burst extend ${name} 500h`)).text).toMatch(/Extend by 1 to 168/);
    expect((await olga.asks('/burst extend worker-1 4h')).text).toMatch(
      /no deadline to extend|someone else|not a burst/,
    );
  });

  it('cancel stops a provision and leaves nothing; retry asks for it again', async () => {
    const world = await startAll();
    const { olga } = world;
    const id = operationIn((await olga.asks('/burst provision 2 small')).text);
    const names = await world.until('two VMs', async () => {
      const made = (await world.state()).vms.filter((vm) => vm.name.startsWith('burst-')).map((vm) => vm.name);
      return made.length === 2 ? made : undefined;
    });
    const message = await olga.sees(/provision 2 small/);
    expect(buttons(message)).toContain('Cancel');
    expect((await olga.clicksAndHears(message, /^Cancel$/)).text).toContain('2 workers stopping');
    const again = await olga.clicksAndHears(message, /^Cancel$/);
    expect(again.text, 'the second click is told who was first').toMatch(
      /<@U0OPERATOR1> did this already: operation .* is stopping/,
    );
    await olga.ends(/to provision/, 'cancelled');
    for (const name of names) expect(await world.leftOf(name)).toEqual([]);
    expect((await olga.asks(`/burst cancel ${id}`)).text).toContain('has ended');
    const retried = operationIn((await olga.asks(`/burst retry ${id}`)).text);
    expect(retried).not.toBe(id);
    await olga.ends(/to provision 2/);
    expect((await olga.asks(`/burst retry ${retried}`)).text).toContain('failed');
    expect((await olga.asks('/burst cancel nonsense')).text).toContain('There is no operation "nonsense"');
  });

  it('counts, lifetimes and the number of workers are bounded', async () => {
    const world = await startAll({ config: { burst_workers: { max_burst_workers: 3 } } });
    const { olga } = world;
    for (const [words, answer] of [
      ['0 small', /from 1 to 10/],
      ['11 small', /from 1 to 10/],
      ['9999 small', /from 1 to 10/],
      ['-1 small', /not a number of workers/],
      ['1.5 small', /./],
      ['1 small 30min', /whole hours/],
      ['1 small 169h', /1 to 168/],
      ['1 small 30d', /1 to 168/],
      ['4 small', /3/],
    ] as const)
      expect((await olga.asks(`/burst provision ${words}`)).text, words).toMatch(answer);
    const made = await provisioned(world, olga, '2 small');
    expect((await olga.asks('/burst provision 2 small')).text).toMatch(/burst workers/);
    expect(await world.burst()).toEqual(made);
  });

  it('one submission delivered twice, or clicked twice at once, acts once', async () => {
    const world = await startAll();
    const { olga } = world;
    const form = await olga.opens('/burst provision');
    const values = { count: '1', size: 'small' };
    await Promise.all([olga.submits(form, values), olga.submits(form, values)]);
    await olga.ends(/to provision/);
    expect(await world.burst()).toHaveLength(1);
    expect(await olga.posts()).toHaveLength(1);

    const [name = ''] = await world.burst();
    const before = deadlineOf(await world.node(name));
    await olga.clicks(await olga.asks(`/burst details ${name}`), /Extend…/);
    const extend = await olga.form(/Longer by/);
    await Promise.all([olga.submits(extend), olga.submits(extend)]);
    await olga.ends(/to extend/);
    expect(deadlineOf(await world.node(name)) - before).toBeGreaterThan(0);
    expect((await olga.posts()).filter((item) => /to extend/.test(item.text))).toHaveLength(1);
  });

  it('an answer stays with who asked; the channel sees operations only', async () => {
    const world = await startAll();
    await world.olga.asks('/burst list');
    await world.olga.asks('/burst details worker-1');
    expect(await world.ada.messages()).toEqual([]);
    await provisioned(world, world.olga, '1 small');
    const [message, ...more] = await world.ada.messages();
    expect(more).toEqual([]);
    expect(message).toMatchObject({ channel: CHANNEL, edited: true });
  });

  it('what is asked for in a direct message is told there', async () => {
    const world = await startAll();
    const { olga, ada } = world;
    expect((await olga.asks('/burst provision 1 small', 'D0OPERATOR1')).channel).toBe('D0OPERATOR1');
    expect((await olga.ends(/to provision/)).channel).toBe('D0OPERATOR1');
    expect(await ada.posts()).toEqual([]);
  });

  it('the panel, the home tab and the menu of the list lead to the same forms', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    const panel = await olga.asks('/burst');
    expect(panel.text).toContain(name);
    await olga.clicks(panel, /Provision/);
    expect(shown(await olga.form(/How many/))).toMatch(/Lifetime/);
    await olga.closes();
    await olga.clicks(await olga.asks('/burst list burst'), /^$/, /destroy\|/);
    expect(shown(await olga.form(/cannot be undone/))).toContain(name);
    await olga.closes();
    await olga.send('/home/open', {});
    const home = await world.until('the home tab', async () => (await olga.state()).home);
    expect(shown(home)).toContain(name);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
  });
});
