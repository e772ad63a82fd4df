/** What the page must be for anyone who uses it: roles, forms, keyboard, themes, faults. */
import { describe, expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, violations, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

describe('the page', () => {
  it('refuses to provision for a viewer and says who may', async () => {
    const opened = await openSandbox(browser());
    await opened.switchUser('Vera');
    await opened.says('/burst provision 1 small 1h');
    const refused = opened.message(/Not allowed/);
    await refused.waitFor();
    expect(await refused.innerText()).toMatch(/role operator/);
    expect(await opened.vm(/^\d+ burst-/).count()).toBe(0);
    await opened.shoot('viewer-refused');
  });

  it('says an error at its field, and keeps what was typed', async () => {
    const opened = await openSandbox(browser());
    await opened.says('/burst provision');
    const form = opened.dialog('Provision workers');
    const amount = form.getByLabel(/^How many/);
    await amount.fill('0');
    await form.getByLabel(/^Or another lifetime/).fill('1000d');
    await form.getByLabel(/^Reason/).fill('kept reason');
    await form.getByRole('button', { name: 'Provision', exact: true }).click();
    await form.getByText(/from 1 to 10/).waitFor();
    expect(await amount.getAttribute('aria-invalid')).toBe('true');
    const described = (await amount.getAttribute('aria-describedby'))?.split(' ')[0] ?? '';
    expect(await opened.page.locator(`[id="${described}"]`).innerText()).toMatch(/from 1 to 10/);
    expect(await form.getByLabel(/^Reason/).inputValue()).toBe('kept reason');
    await amount.and(opened.page.locator(':focus')).waitFor();
    await opened.shoot('error-at-field');
    await amount.fill('1');
    await form.getByLabel(/^Or another lifetime/).fill('');
    await form.getByRole('button', { name: 'Provision', exact: true }).click();
    await opened.closes(/is on its way/);
    await opened.message(/asked to provision 1 medium worker/, 'kept reason').waitFor(long);
  });

  it('suggests every command with its usage as one types', async () => {
    const opened = await openSandbox(browser());
    await opened.composer.fill('/b');
    await opened.page.getByRole('option', { name: /^\/burst/ }).waitFor();
    await opened.composer.press('Tab');
    const options = opened.page.getByRole('listbox').getByRole('option');
    const said = (await options.allInnerTexts()).join('\n');
    for (const word of ['provision', 'list', 'details', 'extend', 'drain', 'destroy', 'ops', 'cancel', 'retry', 'help'])
      expect(said).toContain(`/burst ${word}`);
    expect(said).toContain('[count] [size] [lifetime] [reason]');
    await opened.shoot('suggestions');
    await opened.composer.press('Escape');
    expect(await options.count()).toBe(0);
  });

  it('can be used by keyboard alone', async () => {
    const opened = await openSandbox(browser());
    const { page } = opened;
    const focused = (): Promise<string> =>
      page.evaluate<string>(
        'document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? ""',
      );
    const tabTo = async (name: string): Promise<void> => {
      for (let presses = 0; presses < 40 && (await focused()) !== name; presses++) await page.keyboard.press('Tab');
      expect(await focused()).toBe(name);
    };
    await tabTo('Message #burst');
    await page.keyboard.type('/burst prov');
    await page.keyboard.press('Tab');
    expect(await opened.composer.inputValue()).toBe('/burst provision ');
    await page.keyboard.press('Enter');
    const form = opened.dialog('Provision workers');
    await form
      .getByLabel(/^How many/)
      .and(page.locator(':focus'))
      .waitFor();
    await page.keyboard.press('Escape');
    await form.waitFor({ state: 'detached' });
    expect(await focused()).toBe('Message #burst');

    await page.keyboard.type('/burst');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    const panel = opened.message(/at most 10 burst workers/);
    await panel.waitFor();
    await page.keyboard.press('Shift+Tab');
    for (let presses = 0; presses < 10 && (await focused()) !== 'Provision'; presses++)
      await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Provision');
    await page.keyboard.press('Enter');
    await form.getByLabel(/^How many/).waitFor();
    await form.getByLabel(/^How many/).press('Enter');
    await opened
      .dialog()
      .getByText(/is on its way/)
      .waitFor();
    await page.keyboard.press('Enter');
    await opened.dialog().waitFor({ state: 'detached' });
    await opened.message(/asked to provision 1 medium worker/).waitFor(long);
  });

  it.each(['light', 'dark'] as const)('has nothing that axe objects to in %s', async (colorScheme) => {
    const opened = await openSandbox(browser(), { colorScheme });
    const { page } = opened;
    expect(await page.locator('html').getAttribute('data-theme')).toBe(colorScheme);
    await opened.provisions('1 small 1h');
    await opened.says('/burst list');
    await opened
      .message(/Workers/)
      .getByRole('row')
      .first()
      .waitFor();
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`list-${colorScheme}`);
    await opened.says('/burst provision');
    await opened
      .dialog('Provision workers')
      .getByLabel(/^How many/)
      .waitFor();
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`form-${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Burst', exact: true }).click();
    await page.getByRole('heading', { name: 'Burst workers' }).waitFor();
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`home-${colorScheme}`);
  });

  it('goes dark and stays so', async () => {
    const opened = await openSandbox(browser());
    const background = (): Promise<string> =>
      opened.page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(await background()).toBe('rgb(255, 255, 255)');
    const dark = opened.page.getByRole('button', { name: 'Dark mode' });
    await dark.click();
    expect(await dark.getAttribute('aria-pressed')).toBe('true');
    expect(await background()).not.toBe('rgb(255, 255, 255)');
    await opened.page.reload();
    await opened.log.waitFor();
    expect(await background()).not.toBe('rgb(255, 255, 255)');
  });

  it.each([420, 900])('fits a window of %i px', async (width) => {
    const opened = await openSandbox(browser(), { width, height: 800 });
    const { page, world } = opened;
    await opened.says('/burst provision 1 small 1h');
    await opened.message(/asked to provision/, '1 of 1 ready').waitFor(long);
    await opened.says('/burst list');
    await opened
      .message(/Workers/)
      .getByRole('row')
      .first()
      .waitFor();
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    await opened.shoot(`list-${width}`);
    const panel = page.getByRole('button', { name: 'Outside world panel' });
    await panel.click();
    await opened.node(/^burst-small/).waitFor();
    await opened.shoot(`world-${width}`);
    await world.getByRole('button', { name: 'Close outside world' }).click();
    await world.waitFor({ state: 'detached' });
    await opened.says('/burst provision');
    await opened
      .dialog('Provision workers')
      .getByRole('button', { name: 'Provision', exact: true })
      .click({ trial: true });
    await opened.shoot(`form-${width}`);
  });

  it('shows an operation in detail in its thread, and takes a reply there', async () => {
    const opened = await openSandbox(browser());
    const { page } = opened;
    await opened.provisions('1 small 1h');
    await opened
      .message(/asked to provision/)
      .getByRole('button', { name: '1 reply', exact: true })
      .click();
    const thread = page.getByRole('log', { name: 'Thread' });
    await thread.getByText(/Details of operation/).waitFor(long);
    await opened.shoot('thread');
    const reply = page.getByRole('textbox', { name: 'Reply in thread' });
    await reply.fill('thank you');
    await reply.press('Enter');
    await thread.getByRole('article').filter({ hasText: 'thank you' }).waitFor();
    await opened
      .message(/asked to provision/)
      .getByRole('button', { name: '2 replies' })
      .waitFor();
    await page.getByRole('button', { name: 'Close thread' }).click();
    await thread.waitFor({ state: 'detached' });
  });

  it('shows a drain that a budget blocks, and lets it be cancelled', async () => {
    const opened = await openSandbox(browser());
    const name = await opened.provisionsBusy('1 large 4h');
    await opened.world.getByRole('switch', { name: 'PodDisruptionBudget blocks' }).click();
    await opened.says(`/burst drain ${name}`);
    const preview = opened.dialog('Drain worker');
    await preview.getByRole('button', { name: 'Drain', exact: true }).click();
    await opened.closes(/is on its way/);
    const message = opened.message(/asked to drain/);
    await message.getByText(/is blocked for/).waitFor(long);
    await opened.shoot('drain-blocked');
    await message.getByRole('button', { name: 'Cancel and uncordon' }).click();
    await opened.dialog('Are you sure?').getByRole('button', { name: 'Yes' }).click();
    await opened.message(/asked to drain/, /cancelled: 0 of 1 drained/).waitFor(long);
    await opened
      .node(name)
      .getByText(/^Ready ·/)
      .waitFor(long);
  });

  it('lets an admin force only with the box ticked and the name typed', async () => {
    const opened = await openSandbox(browser());
    const name = await opened.provisionsBusy('1 large 4h');
    await opened.switchUser('Ada');
    await opened.says(`/burst destroy ${name}`);
    const form = opened.dialog('Destroy worker?');
    const force = form.getByRole('checkbox', { name: /without waiting for the drain/ });
    await force.check();
    await form.getByRole('textbox', { name: /type the name/ }).fill('another');
    await opened.shoot('force');
    const submit = form.getByRole('button', { name: 'Destroy with force' });
    await submit.click();
    await form.locator('[aria-invalid=true]').first().waitFor();
    await opened.node(name).waitFor();
    await form.getByRole('textbox', { name: /type the name/ }).fill(name);
    await submit.click();
    // the sandbox has a rule that asks for approval, which its one admin may give too
    await opened.closes(/waits for approval by/);
    await opened
      .message(/asks to .*with force/, name)
      .getByRole('button', { name: 'Approve' })
      .click();
    await opened.dialog('Are you sure?').getByRole('button', { name: 'Yes' }).click();
    await opened.message(/asked to .*force.* destroy/, '1 of 1 removed').waitFor(long);
  });

  it('says that the cluster is out of reach when the API server is switched off', async () => {
    const opened = await openSandbox(browser());
    await opened
      .node('worker-1')
      .getByText(/^Ready ·/)
      .waitFor();
    await opened.says('/burst list');
    const list = opened.message(/Workers/);
    const refresh = list.getByRole('button', { name: 'Refresh' });
    await refresh.waitFor();
    await opened.world.getByRole('switch', { name: 'API server down' }).click();
    const asked = async (): Promise<string> => {
      await refresh.click();
      return list.innerText();
    };
    await expect.poll(asked, long).toMatch(/The cluster is out of reach/);
    await opened.shoot('api-down');
    await opened.world.getByRole('switch', { name: 'API server down' }).click();
    await expect.poll(asked, long).not.toMatch(/out of reach/);
  });

  it('makes clones fail by a switch, and Burst tells it and cleans up', async () => {
    const opened = await openSandbox(browser());
    const fault = opened.world.getByRole('switch', { name: 'Clone fails' });
    await fault.press('Space');
    await expect.poll(() => fault.getAttribute('aria-checked')).toBe('true');
    await opened.says('/burst provision 1 small 1h');
    await opened.message(/asked to provision/, /failed: 0 of 1 ready/).waitFor(long);
    expect(await opened.node(/burst-small/).count()).toBe(0);
    await opened.shoot('clone-failed');
    await fault.press('Space');
    await expect.poll(() => fault.getAttribute('aria-checked')).toBe('false');
    await opened
      .message(/asked to provision/)
      .getByRole('button', { name: 'Retry' })
      .click();
    await opened.message(/asked to provision/, '1 of 1 ready').waitFor(long);
  });
});
