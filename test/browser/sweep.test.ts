/** The sweep on demand and a VM that nothing is recorded of, on the page: what is seen, asked and done. */
import type { Locator } from 'playwright-core';
import { expect, it } from 'vitest';
import { startAll } from '../e2e/support/world.ts';
import { OPERATION_MS, openPage, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };
const STEP_MS = 60_000;

it('a sweep only looks; a stray VM is told, and destroyed after a confirmation', async () => {
  const world = await startAll({ stepMs: 0 });
  const opened = await openPage(browser(), world.sandbox.url);
  const worker = await opened.provisions('1 small 24h');
  await opened.says('/burst sweep');
  const look = opened.message(/a look: nothing was changed/);
  await look.waitFor(long);
  expect(await look.innerText()).toMatch(/VM server[^]*Cluster[^]*Records: 1 worker/);
  expect(await look.getByRole('button', { name: 'Sweep now' }).count()).toBe(0);
  await opened.surface('sweep-look');

  // as a lost database leaves them behind
  const tags = ((await world.vm(worker))?.tags ?? []).join(';');
  const stray = async (id: number, name: string): Promise<Locator> => {
    world.sandbox.proxmox.pve.put(id, name, false, 'stopped', { cores: '2', memory: '4096', tags });
    const told = opened.message(`VM ${id} (${name}`, 'ownership tag');
    // a young one is spared
    const seen = (): Promise<number> => (world.skip(STEP_MS), told.count());
    await expect.poll(seen, { ...long, interval: 1000 }).toBe(1);
    return told;
  };
  const told = await stray(777, 'burst-small-abcde');
  await opened.switchUser('Ada');
  await opened.says('/burst sweep dry');
  const theirs = opened.message(/a look: nothing was changed/, '777');
  await theirs.getByRole('button', { name: 'Sweep now' }).waitFor(long);
  expect((await theirs.innerText()).match(/VM 777/g), 'listed once, with its buttons').toHaveLength(1);
  expect(await theirs.getByRole('button', { name: 'Adopt' }).count()).toBe(1);
  await opened.surface('sweep-stray');
  await told.getByRole('button', { name: 'Destroy…' }).click();
  const form = opened.dialog();
  await form.getByText(/ownership tag are compared once more/).waitFor(long);
  await opened.surface('stray-destroy');
  await form.getByRole('button', { name: /^(Destroy|Drain, then destroy)$/ }).click();
  await opened.closes(/is on its way/);
  await told.getByText(/It was destroyed/).waitFor(long);
  expect(await told.getByRole('button', { name: /Adopt|Destroy/ }).count()).toBe(0);
  await expect.poll(() => opened.vm('burst-small-abcde').count(), long).toBe(0);
  expect(await opened.vm(worker).count()).toBe(1);
  await opened.surface('stray-destroyed');

  const second = await stray(778, 'burst-small-fghjk');
  await second.getByRole('button', { name: 'Adopt' }).click();
  const confirm = opened.dialog();
  await confirm.getByText(/becomes a recorded burst worker/).waitFor(long);
  await opened.surface('stray-adopt');
  await confirm.getByRole('button', { name: /^(Adopt|Yes|Confirm|OK)/ }).click();
  await opened.message(/asked to adopt VM 778/, '1 of 1 ready').waitFor(long);
  await second.getByText(/It was adopted/).waitFor(long);
  expect(await second.getByRole('button', { name: /Adopt|Destroy/ }).count()).toBe(0);
  await opened.node('burst-small-fghjk').waitFor(long);
  await opened.surface('stray-adopted');
});
