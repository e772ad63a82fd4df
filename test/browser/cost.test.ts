/** Cost on the page: figures, the chart as a picture, the CSV, and what a request would cost before it is made. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('cost is told with a chart and a CSV, and before a request is made', async () => {
  const opened = await openSandbox(browser());
  const { page } = opened;
  await opened.says('/burst provision');
  const form = opened.dialog('Provision workers');
  await form
    .getByText(/\$2\.40/)
    .first()
    .waitFor();
  await page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });
  const small = await opened.provisions('1 small 24h');
  await opened.switchUser('Ada');
  await opened.says('/burst provision 1 medium 24h');
  await opened.message(/asked to provision 1 medium/, '1 of 1 ready').waitFor(long);
  await opened.passes(6);

  await opened.says('/burst cost 7d by user');
  const cost = opened.message(/Cost of the last 7 d by user/);
  await cost.getByRole('row').filter({ hasText: 'Olga Operator' }).waitFor();
  expect(await cost.getByRole('row').last().innerText()).toMatch(/^Total\t2\t12\t/);
  await opened.surface('cost');
  await cost.getByRole('button', { name: 'Post the chart here' }).click();
  await opened.dialog('Are you sure?').getByRole('button', { name: 'Yes' }).click();
  const picture = opened.log.locator('.file-picture');
  await picture.waitFor(long);
  const width = () => picture.evaluate((img) => (img as unknown as { naturalWidth: number }).naturalWidth);
  await expect.poll(width).toBeGreaterThan(300);
  expect(await picture.getAttribute('alt')).toMatch(/olga \$/);
  await opened.surface('cost-chart');

  await cost.getByRole('button', { name: 'CSV' }).click();
  await page.getByRole('button', { name: /^Burst/ }).click();
  await page
    .getByRole('region', { name: 'Burst home' })
    .getByText(/[Cc]ost/)
    .first()
    .waitFor(long);
  await page.getByRole('button', { name: /^Messages/ }).click();
  const link = page.getByRole('link', { name: /^Download .*\.csv/ });
  await link.waitFor(long);
  const saved = page.waitForEvent('download');
  await link.click();
  const csv = await readFile(await (await saved).path(), 'utf8');
  expect(csv).toMatch(/^\ufeff?cluster,worker,size,owner/);
  expect(csv).toContain(small);
  await page.getByRole('cell', { name: small }).waitFor();
  await opened.surface('cost-files');
});
