/** The App Home on the page: at a glance, current, and a place to act. */
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('the App Home provisions, follows the worker, acts on it from its menu, and shows what waits for an approver', async () => {
  const opened = await openSandbox(browser());
  const { page } = opened;
  const burst = page.getByRole('button', { name: /^Burst/ });
  const home = page.getByRole('region', { name: 'Burst home' });
  await burst.click();
  await home.getByRole('heading', { name: 'Burst workers' }).waitFor();
  await home.getByRole('button', { name: 'Provision' }).click();
  const form = opened.dialog('Provision workers');
  await form.getByRole('button', { name: 'Provision', exact: true }).click();
  await opened.closes(/is on its way/);
  const line = home.locator('.section').filter({ hasText: /burst-medium-/ });
  await line
    .getByText(/(?<!not )ready|busy/)
    .first()
    .waitFor(long);
  await opened.surface('home-workers');
  await line.getByRole('button', { name: 'More actions' }).first().click();
  await opened.shoot('home-menu');
  await page.getByRole('menuitem', { name: 'Extend…' }).click();
  const extend = opened.dialog('Extend');
  await extend.waitFor();
  await page.keyboard.press('Escape');
  await extend.waitFor({ state: 'detached' });

  await page.getByRole('button', { name: /^burst/ }).click();
  await opened.says('/burst provision 6 small 1h');
  await opened.message(/waits for approval by/).waitFor();
  await opened.switchUser('Ada');
  await burst.click();
  await home
    .getByText(/6 small workers/)
    .first()
    .waitFor(long);
  await opened.surface('home-approver');
  expect(await home.innerText()).toMatch(/Olga Operator/);
});
