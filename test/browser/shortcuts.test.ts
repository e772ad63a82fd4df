/** Shortcuts on the page: from anywhere, and for the thread of a message. */
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('workers are asked for from anywhere, and for the thread of a message, which is told of them', async () => {
  const opened = await openSandbox(browser());
  const { page } = opened;
  await page.getByRole('button', { name: 'Shortcuts' }).click();
  await opened.shoot('shortcuts-menu');
  await page.getByRole('menuitem', { name: /^Provision workers/ }).click();
  const form = opened.dialog('Provision workers');
  await form.getByLabel(/^Tell it in/).waitFor();
  await opened.surface('shortcut-global');
  await form.getByLabel(/^Tell it in/).selectOption({ label: '#general' });
  await form.getByRole('button', { name: 'Provision', exact: true }).click();
  await opened.closes(/is on its way/);
  await page.getByRole('button', { name: /^general/ }).click();
  await opened.message(/asked to provision 1 medium worker/, '1 of 1 ready').waitFor(long);

  await opened.says('the build is slow, we need more room');
  const asked = opened.message('the build is slow');
  await asked.hover();
  await asked.getByRole('button', { name: /^More actions for/ }).click();
  await opened.shoot('shortcuts-message');
  await page.getByRole('menuitem', { name: /^Provision for this thread/ }).click();
  await form.getByRole('button', { name: 'Provision', exact: true }).click();
  await opened.closes(/is on its way/);
  await asked.getByRole('button', { name: /repl(y|ies)$/ }).click();
  const thread = page.getByRole('log', { name: 'Thread' });
  await thread.getByText(/asked to provision 1 medium worker/).waitFor(long);
  await thread.getByText('1 of 1 ready').first().waitFor(long);
  await opened.surface('shortcut-thread');
  expect(await opened.log.getByText(/asked to provision/).count()).toBe(1);
});
