/** Faults that are switched on in the page: what a person is told meanwhile, and that all goes well once they are off. */
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';
import type { Opened } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

async function flip(opened: Opened, name: string, on: boolean): Promise<void> {
  const fault = opened.world.getByRole('switch', { name });
  await fault.click();
  await expect.poll(() => fault.getAttribute('aria-checked')).toBe(String(on));
}

it('a VM that never joins is told, given up and cleaned up; a retry joins once the switch is off', async () => {
  const opened = await openSandbox(browser());
  await flip(opened, 'VM never joins', true);
  await opened.says('/burst provision 1 small 4h');
  const message = opened.message(/asked to provision/);
  await message.getByText(/Waiting for the node to join/).waitFor(long);
  await opened.vm(/burst-small/).waitFor(long);
  expect(await opened.node(/burst-small/).count()).toBe(0);
  await opened.surface('never-joins');
  await opened.world.getByRole('button', { name: '+1 h' }).click();
  await message.getByText(/failed: 0 of 1 ready/).waitFor(long);
  expect(await message.innerText()).toMatch(/Waiting for the node to join took longer than 15 min/);
  await expect.poll(() => opened.vm(/burst-small/).count(), long).toBe(0);
  await opened.surface('never-joined');
  await flip(opened, 'VM never joins', false);
  await message.getByRole('button', { name: 'Retry' }).click();
  await opened.message(/asked to provision/, '1 of 1 ready').waitFor(long);
  await opened
    .node(/burst-small/)
    .getByText(/^Ready ·/)
    .waitFor(long);
});

it('a locked Proxmox is told and waited for; the removal goes on once the switch is off', async () => {
  const opened = await openSandbox(browser());
  const name = await opened.provisions('1 small 4h');
  await flip(opened, 'Proxmox locked', true);
  await opened.says(`/burst destroy ${name}`);
  await opened
    .dialog('Destroy worker?')
    .getByRole('button', { name: /^(Drain, then destroy|Destroy)$/ })
    .click();
  await opened.closes(/is on its way/);
  const message = opened.message(/asked to .*destroy/);
  await message.getByText(/locked/).waitFor(long);
  await opened.surface('proxmox-locked');
  expect(await opened.node(name).count()).toBe(1);
  expect(await opened.vm(name).count()).toBe(1);
  await flip(opened, 'Proxmox locked', false);
  await opened.message(/asked to .*destroy/, '1 of 1 removed').waitFor(long);
  await expect.poll(() => opened.vm(name).count(), long).toBe(0);
  expect(await opened.node(name).count()).toBe(0);
});

it('a VM server that is away is told once; work waits for it and goes on by itself', async () => {
  const opened = await openSandbox(browser());
  await flip(opened, 'VM server away', true);
  await opened.says('/burst provision 1 small 4h');
  const message = opened.message(/asked to provision/);
  await message
    .getByText(/waits? for the VM server/)
    .first()
    .waitFor(long);
  await opened.message(/The VM server .* has not answered since/).waitFor(long);
  await opened.surface('server-away');
  await flip(opened, 'VM server away', false);
  await opened.message(/asked to provision/, '1 of 1 ready').waitFor(long);
  await opened.message(/The VM server .* answers again/).waitFor(long);
  expect(await opened.log.getByText(/has not answered since/).count()).toBe(0);
  await opened.surface('server-back');
});
