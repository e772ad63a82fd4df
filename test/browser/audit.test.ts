/** The audit on the page: filters, pages, and the file. */
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('an admin reads who did what, filters and pages, and saves it as a file; others see what concerns them', async () => {
  const opened = await openSandbox(browser());
  const { page } = opened;
  const name = await opened.provisions('1 small 4h load test');
  await opened.says(`/burst extend ${name} 4h`);
  await opened.message(/asked to extend/, '1 of 1 extended').waitFor(long);
  await opened.switchUser('Vera');
  await opened.says('/burst provision 1 small 1h');
  await opened.message(/Not allowed/).waitFor();

  await opened.switchUser('Ada');
  await opened.says('/burst audit steps');
  const audit = opened.message(/Audit.*newest first/);
  await audit
    .getByText(/refused/)
    .first()
    .waitFor();
  expect(await audit.innerText()).toMatch(/Vera Viewer/);
  await opened.surface('audit');
  await audit.getByRole('button', { name: 'Older ▶' }).click();
  await audit.getByRole('button', { name: '◀ Newer' }).waitFor();
  await audit.getByText('Reserving a VM id').first().waitFor();

  await opened.says(`/burst audit ${name} provision`);
  const filtered = opened.message(/Audit/, `(${name} provision)`);
  await filtered
    .getByText(/provision requested/)
    .first()
    .waitFor();
  expect(await filtered.innerText()).not.toMatch(/extend requested|refused/);
  await filtered.getByRole('button', { name: 'Export as JSON lines' }).click();
  await page
    .getByRole('button', { name: /unread/ })
    .or(page.getByRole('link', { name: /^Download/ }))
    .first()
    .waitFor();
  if ((await page.getByRole('link', { name: /^Download/ }).count()) === 0) {
    await page.getByRole('button', { name: /^Burst/ }).click();
    await page.getByRole('button', { name: /^Messages/ }).click();
  }
  const link = page.getByRole('link', { name: /^Download/ });
  const saved = page.waitForEvent('download');
  await link.click();
  const lines = (await readFile(await (await saved).path(), 'utf8')).trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(JSON.stringify(rows)).toContain(name);
  await opened.surface('audit-file');

  await page.getByRole('button', { name: /^burst/ }).click();
  await opened.switchUser('Olga');
  await opened.says('/burst audit');
  await opened.message(/What concerns you/).waitFor();
  await opened.says('/burst audit destory');
  await opened.message(/is no worker, operation, action or outcome/).waitFor();
  await opened.surface('audit-own');
});
