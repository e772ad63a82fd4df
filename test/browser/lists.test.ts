/** The list of workers on the page: paged, narrowed by menus, and each row acted on. */
import { expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('a list is paged and narrowed in place, and its rows are acted on', async () => {
  const opened = await openSandbox(browser());
  const { page } = opened;
  await opened.says('/burst provision 4 small 4h');
  await opened.message(/asked to provision 4/, '4 of 4 ready').waitFor(long);
  await opened.says('/burst provision 4 medium 8h');
  await opened.message(/asked to provision 4 medium/, '4 of 4 ready').waitFor(long);
  await opened.says('/burst list');
  const list = opened.message(/Workers.*page 1 of 2/);
  const names = async (): Promise<string[]> =>
    (await list.getByRole('row').allInnerTexts()).slice(1).map((row) => row.split('\t')[0] ?? '');
  await list.getByRole('row').first().waitFor();
  const first = await names();
  expect(first).toHaveLength(10);
  await opened.surface('list-paged');
  const second = opened.message(/Workers.*page 2 of 2/);
  await list.getByRole('button', { name: 'Next ▶' }).click();
  await second.waitFor();
  expect(await second.getByRole('row').count()).toBe(2);
  await second.getByRole('button', { name: '◀ Previous' }).click();
  await list.waitFor();
  expect(await names()).toEqual(first);

  await list.getByLabel('Size').selectOption('medium');
  const narrowed = opened.message(/Workers.*4 workers/);
  await narrowed.waitFor();
  expect(await narrowed.getByRole('row').count()).toBe(5);
  await opened.surface('list-narrowed');
  const name = /burst-medium-[a-z0-9]+/.exec(await narrowed.innerText())?.[0] ?? '';
  const act = narrowed.getByLabel('Act on…');
  const option = act.locator(`optgroup[label="${name}"] option`);
  expect(await option.allInnerTexts()).toEqual(['Details', 'Extend…', 'Drain…', 'Destroy…']);
  await act.selectOption((await option.filter({ hasText: 'Extend…' }).getAttribute('value')) ?? '');
  const form = opened.dialog('Extend');
  await form.getByText(name).first().waitFor();
  await page.keyboard.press('Escape');
  await form.waitFor({ state: 'detached' });

  await opened.switchUser('Vera');
  await opened.says('/burst list burst medium');
  const seen = opened.message(/Workers.*4 workers/);
  await seen.waitFor();
  expect(await seen.getByLabel('Act on…').locator('option').allInnerTexts()).not.toContain('Destroy…');
  await opened.says('/burst list brust');
  await opened.message(/Did you mean/).waitFor();
  await opened.surface('list-did-you-mean');
});
