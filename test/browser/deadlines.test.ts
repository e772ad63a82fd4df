/** Deadlines on the page: the warning, and each answer to it. */
import { describe, expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };
const nothing = { state: 'detached', timeout: OPERATION_MS } as const;

describe('a deadline', () => {
  it('is warned of; the owner extends, chooses another time, and removes the worker', async () => {
    const opened = await openSandbox(browser());
    const name = await opened.provisions('1 small 4h');
    const left = (): Promise<string> => opened.node(name).innerText();
    await opened.passes(3);
    const warning = opened.message(/will be drained and removed/, name);
    await warning.waitFor(long);
    expect(await warning.innerText()).toContain('@Olga Operator');
    await opened.surface('deadline-warning');
    await warning.getByRole('button', { name: 'Extend 4 h' }).click();
    await opened.message(/asked to extend/, /1 of 1 extended/).waitFor(long);
    await expect.poll(left, long).toMatch(/[45] h .*left/);
    await opened.surface('deadline-extended');

    await opened.passes(4);
    await expect.poll(() => opened.log.getByText(/will be drained and removed/).count(), long).toBe(2);
    await opened
      .message(/will be drained and removed/)
      .getByRole('button', { name: 'Choose…' })
      .click();
    const form = opened.dialog('Extend');
    await form.waitFor();
    await opened.surface('deadline-choose');
    await form.getByRole('textbox').first().fill('12h');
    await form.getByRole('button', { name: 'Extend', exact: true }).click();
    await opened.closes(/is on its way/);
    await expect.poll(left, long).toMatch(/1[23] h .*left/);

    await opened.passes(11);
    await expect.poll(() => opened.log.getByText(/will be drained and removed/).count(), long).toBe(3);
    await opened
      .message(/will be drained and removed/)
      .getByRole('button', { name: 'Remove now' })
      .click();
    const confirmation = opened.dialog('Destroy worker?');
    await confirmation.getByRole('button', { name: /Destroy|Drain, then destroy/ }).click();
    await opened.closes(/is on its way/);
    await opened.message(/asked to .*destroy/, '1 of 1 removed').waitFor(long);
    await opened.node(name).waitFor(nothing);
    await opened.vm(name).waitFor(nothing);
    await opened.surface('deadline-removed');
  });

  it('is extended by keyboard alone', async () => {
    const opened = await openSandbox(browser());
    const { page } = opened;
    const name = await opened.provisions('1 small 4h');
    const hour = opened.world.getByRole('button', { name: '+1 h' });
    for (let passed = 0; passed < 3; passed++) {
      await opened.tabTo(hour);
      await page.keyboard.press('Enter');
      await opened.world.getByText('One hour has passed.').waitFor();
    }
    const warning = opened.message(/will be drained and removed/, name);
    await warning.waitFor(long);
    await opened.tabTo(opened.composer, 'Shift+Tab');
    await opened.tabTo(warning.getByRole('button', { name: 'Choose…' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    const form = opened.dialog('Extend');
    const hours = form.getByRole('textbox').first();
    await hours.waitFor();
    await opened.tabTo(hours);
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('8h');
    await opened.tabTo(form.getByRole('button', { name: 'Extend', exact: true }));
    await page.keyboard.press('Enter');
    await opened
      .dialog()
      .getByText(/is on its way/)
      .waitFor(long);
    await page.keyboard.press('Escape');
    await opened.dialog().waitFor({ state: 'detached' });
    await opened.message(/asked to extend/, /1 of 1 extended/).waitFor(long);
    await expect.poll(() => opened.node(name).innerText(), long).toMatch(/[89] h .*left/);
  });
});
