/**
 * The process is killed after it acknowledged what a person did and before it recorded what came of it: the next process
 * does it, once, and answers.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { burst, startChild } from './support/child.ts';
import type { Child } from './support/child.ts';
import { crashAt, posts, realWorld, recover } from './support/crash.ts';
import type { Point } from './support/crash.ts';
import { shown } from './support/person.ts';
import type { Finished, World } from './support/world.ts';

/** Who may is looked up after the ack and before anything is recorded, once for each process. */
const LOOK_UP: Point = ['slack', 'usergroups.users.list', 'before'];
const roles = { operator: { users: [], groups: ['S0OPERATORS'] } };

const start = (finished: Finished): Promise<World> => realWorld(finished, { slack: { roles } });
async function again(world: World, child: Child): Promise<Child> {
  child.kill('SIGTERM');
  expect((await child.ended).code, child.out()).toBe(0);
  return startChild(world);
}
async function madeOnce(world: World): Promise<void> {
  await recover(world, /asked to provision/);
  const made = await world.burst();
  expect(made).toHaveLength(1);
  expect((await world.state()).vms.filter((vm) => vm.name.startsWith('burst-'))).toHaveLength(1);
}
const heard = (world: World): Promise<unknown> => world.olga.sees(/Operation `\w+` is on its way/);

beforeAll(async () => void (await burst(['--version']).ended));

// each starts the program two or three times
describe('what was acknowledged is done, whenever the process was killed', { timeout: 240_000 }, () => {
  it('a command', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const child = await startChild(world);
    await crashAt(world, child, LOOK_UP, () => world.olga.types('/burst provision 1 small 24h'));
    expect(await posts(world.olga, /asked to provision/), 'nothing is recorded yet').toEqual([]);
    await madeOnce(world);
    await heard(world);
  });

  it('a command, killed as soon as Slack has the ack', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const child = await startChild(world);
    await world.olga.types('/burst provision 1 small 24h');
    child.kill();
    await child.ended;
    await madeOnce(world);
  });

  it('a button', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const child = await startChild(world);
    const message = await world.olga.asks('/burst provisoin 1 small 24h');
    await crashAt(world, child, LOOK_UP, () => world.olga.clicks(message, /provision 1 small 24h/));
    await madeOnce(world);
    await heard(world);
  });

  it('a form that is still open', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const first = await startChild(world);
    const form = await world.olga.opens('/burst provision');
    const second = await again(world, first);
    await crashAt(world, second, LOOK_UP, () => world.olga.submits(form));
    await madeOnce(world);
    expect(shown(await world.olga.form(/is on its way/))).toContain('is on its way');
  });

  it('a form that was closed meanwhile', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const first = await startChild(world);
    const form = await world.olga.opens('/burst provision');
    const second = await again(world, first);
    await crashAt(world, second, LOOK_UP, () => world.olga.submits(form));
    await world.olga.closes();
    await madeOnce(world);
    await heard(world);
  });

  it('what opens a form is told to be asked for again', async ({ onTestFinished }) => {
    const world = await start(onTestFinished);
    const child = await startChild(world);
    await crashAt(world, child, ['slack', 'views.open', 'before'], () => world.olga.types('/burst provision'));
    await startChild(world);
    const told = await world.olga.sees(/does not let it open the form any more/, 40_000);
    expect(told).toMatchObject({ ephemeral: true });
    expect(told.text).toContain('`/burst provision`');
    expect(await world.burst()).toEqual([]);
  });
});
