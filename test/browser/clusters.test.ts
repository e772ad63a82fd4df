/** Several clusters on the page: each named where it is meant, one that is away in nobody's way. */
import { expect, it } from 'vitest';
import { OPERATION_MS, openPage, withBrowser } from './support/page.ts';
import { startBurst } from './support/sandbox.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('workers come to the cluster that is named; lists show both, and say which is out of reach', async () => {
  const opened = await openPage(browser(), await startBurst('--clusters', '2'));
  const { world, page } = opened;
  await opened.says('/burst provision on west 1 small 4h');
  await opened.message(/asked to provision/, 'west', '1 of 1 ready').waitFor(long);
  await opened.node(/^burst-small.*west/s).waitFor(long);
  expect(await opened.node(/^burst-small.*east/s).count()).toBe(0);

  await opened.says('/burst list on all');
  const list = opened.message(/Workers/);
  await list
    .getByRole('row')
    .filter({ hasText: /^west\s*burst-small/ })
    .waitFor();
  await list
    .getByRole('row')
    .filter({ hasText: /^east\s*worker-1/ })
    .waitFor();
  await opened.surface('clusters-list');
  await world.getByRole('switch', { name: 'API server down (west)' }).click();
  const refreshed = async (): Promise<string> => {
    await list.getByRole('button', { name: 'Refresh' }).click();
    return list.innerText();
  };
  await expect.poll(refreshed, long).toMatch(/west.*out of reach/s);
  await opened.surface('clusters-one-away');
  await opened.says('/burst provision on east 1 small 4h');
  await opened.message(/asked to provision/, 'east', '1 of 1 ready').waitFor(long);
  await page.getByRole('button', { name: /^Burst/ }).click();
  const home = page.getByRole('region', { name: 'Burst home' });
  await expect.poll(() => home.innerText(), long).toMatch(/west · [^·]*out of reach/);
  expect(await home.innerText()).toMatch(/east · 1 of at most/);
  await opened.surface('clusters-home');
});
