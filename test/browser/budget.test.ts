/** A budget on the page: what is left, the warning at 80 %, and a request beyond it that people decide on. */
import { expect, it } from 'vitest';
import { runApp, startWorld } from '../e2e/support/world.ts';
import { OPERATION_MS, openPage, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };

it('a budget warns at 80 %, makes an approval of what goes beyond it, and an admin approves', async () => {
  const budgets = [{ name: 'team', monthly: 14, beyond: 'approval', roles: ['operator'] }];
  const cost = { prices: { small: 0.5, medium: 1, large: 2, xlarge: 4 }, budgets };
  const world = await startWorld({ stepMs: 0, config: { cost } });
  // a time of the month from which a day stays within it
  const now = new Date(world.sandbox.clock.now());
  if (now.getUTCDate() > 24) world.skip(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 9, 12) - now.getTime());
  await runApp(world);
  const opened = await openPage(browser(), world.sandbox.url);
  const small = await opened.provisions('1 small 24h');
  const warning = opened.message(/8\d % of the budget team/);
  await warning.waitFor(long);
  expect(await warning.innerText()).toMatch(/\$12\.00 of \$14\.00/);
  await opened.says('/burst cost');
  await opened.message(/Budget team .*committed/).waitFor(long);
  await opened.surface('budget-warning');

  await opened.says('/burst provision 1 medium 24h');
  await opened.message(/waits for approval by/).waitFor(long);
  const question = opened.message(/asks to provision 1 medium worker/);
  await question.waitFor(long);
  expect(await question.innerText()).toMatch(/beyond the budget team .*\$24\.00 more, \$2\.00 of \$14\.00 left/);
  expect(await opened.vm(/burst-medium/).count()).toBe(0);
  await opened.surface('budget-asked');
  await opened.switchUser('Ada');
  await question.getByRole('button', { name: 'Approve' }).click();
  await question.getByText(/Approved by/).waitFor(long);
  await opened.message(/asked to provision 1 medium/, '1 of 1 ready').waitFor(long);
  await expect.poll(() => opened.vm(/burst-medium/).count(), long).toBe(1);
  expect(await opened.vm(small).count()).toBe(1);
  // once is enough
  expect(
    await opened.log
      .getByRole('article')
      .filter({ hasText: /of the budget team/ })
      .filter({ hasText: /8\d %/ })
      .count(),
  ).toBe(1);
  await opened.surface('budget-approved');
});
