import { expect, it } from 'vitest';
import { auditText, stepTitle } from '../../src/domain/steps.ts';
import { runDefinitions } from '../../src/operations/index.ts';
import { createHarness, olga } from './harness.ts';

const request = (key: string) => ({ by: olga, channelId: 'C0BURST0001', idempotencyKey: key });

it('every step of every run is told by its own title', async () => {
  const { deps } = await createHarness();
  const steps = [...runDefinitions(deps).values()].flatMap((definition) => definition.steps);
  for (const { name, title } of steps) expect([name, stepTitle(name)]).toEqual([name, title]);
  expect(stepTitle('of-another-version')).toBe('of-another-version');
});

it.each([
  ['step:evict', 'Moving the pods', 'Moving the pods'],
  ['step:evict', '3 of 4 pods moved', 'Moving the pods: 3 of 4 pods moved'],
  ['undo:clone', 'VM 106 is gone', 'Undoing cloning the VM: VM 106 is gone'],
  ['extend', 'until tomorrow', 'extend: until tomorrow'],
])('%s with %j reads %j', (action, text, words) => {
  expect(auditText(action, text)).toBe(words);
});

it("a worker's history tells what was done, without the names that steps have inside", async () => {
  const h = await createHarness();
  const { runs } = await h.operations.provision({ ...request('p'), count: 1, size: 'small' });
  await h.settle();
  const name = runs[0]?.workerName ?? '';
  await h.operations.drain({ ...request('d'), workers: [name], admin: false });
  await h.settle();
  const { history } = await h.operations.details(name);
  const told = history.map(({ text }) => text);
  expect(told.join('\n')).toMatch(/Cordoning the node/);
  expect(told.join('\n')).toMatch(/Moving the pods/);
  expect(told.filter((text) => /step:|undo:|evict\b|await-/.test(text))).toEqual([]);
});
