import { describe, expect, it } from 'vitest';
import { shown } from './support/person.ts';
import { provisioned, startAll } from './support/world.ts';

describe('a worker', () => {
  it('comes, is listed, drained, and goes after a confirmation, in one message for each operation', async () => {
    const world = await startAll();
    const { olga, vera } = world;
    const answer = await olga.asks('/burst provision 1 small 24h load test');
    expect(answer.text).toMatch(/Operation `[0-9a-z]+` is on its way/);
    const message = await olga.ends(/to provision/);
    expect(shown(message)).toMatch(/load test/);
    const [name = ''] = await world.burst();
    expect(name).toMatch(/^burst-small-[a-z2-7]{5}$/);
    expect(await world.vm(name)).toMatchObject({ status: 'running', cpus: 2, memoryMiB: 4096 });
    expect((await world.vm(name))?.tags).toEqual(['burst', expect.stringMatching(/^burst-[0-9a-z]+$/)]);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);

    expect(shown(await vera.asks('/burst list'))).toContain(name);
    const details = shown(await vera.asks(`/burst details ${name.slice(-5)}`));
    expect(details).toContain('worker-ttl=');
    expect(details).toMatch(/capacity 2/);

    const form = await olga.opens(`/burst drain ${name}`);
    expect(shown(form)).toMatch(/\d+ pods? to evict/);
    expect((await olga.submits(form)).ok).toBe(true);
    await olga.ends(/to drain/);
    expect((await world.node(name))?.unschedulable).toBe(true);

    const confirmation = await olga.opens(`/burst destroy ${name}`);
    expect(shown(confirmation)).toMatch(/drained/);
    expect(await world.vm(name)).toBeDefined();
    await olga.submits(confirmation);
    await olga.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);

    expect(await olga.posts()).toHaveLength(3);
  });

  it('is made from the form, with what was typed wrong said and kept', async () => {
    const world = await startAll();
    const form = await world.olga.opens('/burst provision');
    const wrong = await world.olga.submits(form, { count: '0', own: '1000d' });
    expect(wrong.errors?.['count']).toContain('from 1 to 10');
    expect(wrong.errors?.['own']).toContain('168 h');
    expect(await world.olga.submits(form, { count: '2', size: 'large', own: '36h', Reason: 'from the form' })).toEqual({
      ok: true,
    });
    expect(shown(await world.olga.form(/on its way/))).toMatch(/Operation/);
    const message = await world.olga.ends(/to provision 2/);
    expect(message.text).toMatch(/provision 2 large workers for 36 h/);
    expect(message.text).toMatch(/from the form/);
    expect(await world.burst()).toHaveLength(2);
  });

  it('that is not drained is drained first', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    const form = await olga.opens(`/burst destroy ${name}`);
    expect(shown(form)).toMatch(/not drained/);
    expect((await olga.submits(form)).ok).toBe(true);
    await olga.ends(/to destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });
});
