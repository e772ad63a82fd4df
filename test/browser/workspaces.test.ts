/** A second workspace on the page: Burst is installed to it, works in it, and is removed from it. */
import type { Locator, Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { OPERATION_MS, openPage, violations, withBrowser } from './support/page.ts';
import type { Opened } from './support/page.ts';
import { startBurst } from './support/sandbox.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

const workspaces = ({ page }: Opened): Locator => page.getByRole('combobox', { name: 'Switch workspace' });
const goes = async (opened: Opened, label: string | RegExp): Promise<void> => {
  const option = workspaces(opened).getByRole('option', { name: label });
  await workspaces(opened).selectOption((await option.getAttribute('value')) ?? '');
  await opened.log.waitFor();
};
const app = ({ page }: Opened): Locator =>
  page.getByRole('navigation').getByRole('button', { name: 'Burst', exact: true });

/** Follows the link on the page, and answers Slack's question. @returns the page that it ends at. */
async function installs({ page }: Opened, answer: string, look?: (consent: Page) => Promise<void>): Promise<Page> {
  const opening = page.context().waitForEvent('page');
  await page.getByRole('link', { name: 'Install Burst…' }).click();
  const tab = await opening;
  await tab.getByRole('link').first().click();
  const allow = tab.getByRole('link', { name: answer });
  await allow.waitFor();
  await look?.(tab);
  await allow.click();
  await tab.waitForURL(/oauth_redirect/);
  return tab;
}

it('Burst is let into another workspace, works there as it does at home, and leaves no worker behind when it is removed', async () => {
  const opened = await openPage(browser(), await startBurst('--workspaces', '2'));
  const { page } = opened;
  await goes(opened, 'Other (without Burst)');
  await page.getByText('Burst is not in this workspace.').waitFor();
  expect(await app(opened).count()).toBe(0);
  await opened.composer.fill('/burst list');
  await opened.composer.press('Enter');
  await page.getByText('/burst is not a valid command.').waitFor();
  await opened.composer.fill('');
  await opened.surface('workspace-without');

  const refused = await installs(opened, 'Cancel');
  expect(await refused.locator('body').innerText()).toMatch(/access_denied|wrong|fail|cancel/i);
  await refused.close();
  const done = await installs(opened, 'Allow in Other', async (consent) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await consent.emulateMedia({ colorScheme });
      await consent.screenshot({ path: `test/browser/artefacts/workspace-consent-${colorScheme}.png` });
      expect(await violations(consent), colorScheme).toEqual([]);
    }
  });
  await done.screenshot({ path: 'test/browser/artefacts/workspace-installed.png' });
  expect(await done.locator('body').innerText()).toMatch(/thank you|success/i);
  await done.close();

  // the page heard of it
  await app(opened).waitFor();
  const worker = await opened.provisions('1 small 1h');
  await opened.surface('workspace-with');
  await app(opened).click();
  await page.getByRole('region', { name: 'Burst home' }).getByText(worker).first().waitFor(long);
  await opened.surface('workspace-home');

  // the same person at home saw nothing of it; the cluster is one
  await goes(opened, 'Sandbox');
  await page.getByText('This is the beginning of #burst').waitFor();
  expect(await opened.message(worker).count()).toBe(0);
  expect(await opened.node(worker).count()).toBe(1);

  await goes(opened, 'Other');
  await page.getByRole('button', { name: 'Remove Burst…' }).click();
  const form = opened.dialog('Remove Burst from Other?');
  await form.getByText(/Workers live on/).waitFor();
  await opened.surface('workspace-remove');
  await form.getByRole('button', { name: 'Remove Burst', exact: true }).dblclick();
  await form.waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Install Burst…' }).waitFor();
  expect(await app(opened).count()).toBe(0);

  // what is to be said of the worker is said at home, and its time ends as it would have
  await goes(opened, 'Sandbox');
  await opened.node(worker).waitFor();
  await opened.world.getByRole('button', { name: 'Skip to next deadline' }).click();
  await opened.message(worker, /expire|expired|left/i).waitFor(long);
  await expect.poll(() => opened.node(worker).count(), long).toBe(0);
  await expect.poll(() => opened.vm(worker).count(), long).toBe(0);
  await opened.surface('workspace-after');
});
