/** A chart that cannot be drawn is told as that, and not as a fault of Slack's. */
import { expect, it, vi } from 'vitest';
import { provisioned, startAll } from './support/world.ts';

vi.mock('../../src/slack/picture.ts', () => ({
  pngOf: () => Promise.reject(new Error('no letters')),
}));

it('the figures are told without the chart, and why there is none', async () => {
  const world = await startAll({ config: { cost: { prices: { small: 0.5, medium: 1, large: 2, xlarge: 4 } } } });
  const { olga, ada } = world;
  await provisioned(world, olga, '1 small 24h');
  await provisioned(world, ada, '1 medium 24h');
  const answer = await olga.asks('/burst cost 7d');
  expect(answer.text).toMatch(/\*Cost\* of the last 7 d.*for 2 workers/);
  expect(answer.text).toMatch(/There is no chart: The chart could not be drawn; nothing was sent to Slack/);
  expect(answer.text).not.toMatch(/did not take/);
  expect((await olga.clicksAndHears(answer, /Post the chart here/)).text).toMatch(/could not be drawn/);
});
