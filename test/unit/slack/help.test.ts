/** Help and hints: examples are of this workspace's own configuration and work; every refusal says what to do instead. */
import { expect, test } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import type { ErrorCode } from '../../../src/domain/errors.ts';
import { errorMessage } from '../../../src/slack/blocks/errors.ts';
import { commands } from '../../../src/slack/commands/registry.ts';
import { examplesOf, sampleOf } from '../../../src/slack/commands/sample.ts';
import { FakeOperations, access, workers } from './fixtures.ts';
import { harness, nina, olga } from './harness.ts';

const odd = {
  ...workers,
  namePrefix: 'lent',
  defaultSize: 'tiny',
  defaultTtlHours: 36,
  maxTtlHours: 72,
  maxPerRequest: 2,
  sizes: new Map(['tiny', 'huge'].map((name) => [name, { name, cpus: 3, memoryGiB: 5, diskGiB: 40 }] as const)),
};

test('help shows sizes, limits and examples of this workspace', async () => {
  const h = await harness({ workers: odd });
  await h.command(nina, '/burst help provision');
  const { text } = await h.message(nina, /new burst workers/);
  expect(text).toContain('Sizes: tiny (3 CPU, 5 GiB), huge (3 CPU, 5 GiB); without one, tiny.');
  expect(text).toContain('At most 2 at once, 6 in all; for 1 h to 72 h, without a lifetime 36 h.');
  expect(text).toContain('`/burst provision 2 tiny 36h load test`');
  expect(text).toContain('`/burst provision huge 3d`');
  expect(text).toContain('Also: `add`');
  await h.command(nina, '/burst help with /burst extend');
  await h.message(nina, /burst extend lent-tiny-abcde 12h/);
  await h.command(olga, '/burst provision 2 tiny 36');
  expect((await h.message(olga, /has no unit/)).text).toContain('For example: /burst provision 2 tiny 36h load test');
});

test('each example of provision asks for what it says', async () => {
  const h = await harness({ workers: odd });
  const provision = commands.find(({ name }) => name === 'provision');
  if (provision === undefined) throw new Error('no provision');
  const services = { workers: odd, cluster: 'main', clusters: { several: false } };
  const asked = examplesOf(provision, services).filter((line) => line !== '/burst provision');
  for (const line of asked) await h.command(olga, line);
  await expect.poll(() => h.operations.done.length).toBe(asked.length);
  const args = (done: (typeof h.operations.done)[number]) => {
    const { count, size, ttlHours, reason } = done.args;
    return { count, size, ttlHours, reason };
  };
  expect(h.operations.done.map(args)).toEqual(
    expect.arrayContaining([
      { count: 2, size: 'tiny', ttlHours: 36, reason: 'load test' },
      { count: 1, size: 'huge', ttlHours: 72, reason: undefined },
      { count: 2, size: 'huge', ttlHours: 36, reason: 'load test of the shop' },
    ]),
  );
});

test('with several clusters help names one, with its own sizes', async () => {
  const west = new FakeOperations();
  const h = await harness({ cluster: 'east', others: [{ cluster: 'west', operations: west, access, workers: odd }] });
  await h.command(nina, '/burst help provision');
  const { text } = await h.message(nina, /new burst workers/);
  expect(text).toContain('Sizes on east: small');
  expect(text).toMatch(/`\/burst provision on east/);
});

test('every command has examples that are commands, and a line in the help', () => {
  const own = sampleOf({ workers, cluster: 'main', clusters: { several: false } });
  for (const { name, examples } of commands) {
    const lines = typeof examples === 'function' ? examples(own) : examples;
    expect(lines.length, name).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(new RegExp(`^/burst( ${name}|$)`.replace(' |', '|')));
  }
});

test.each<ErrorCode>([
  'invalid_input',
  'not_found',
  'ambiguous',
  'safety_violation',
  'forbidden',
  'limit_reached',
  'rate_limited',
  'over_budget',
  'worker_busy',
  'not_drained',
  'changed_meanwhile',
  'not_cancellable',
  'not_retryable',
  'not_forcible',
  'unavailable',
  'stale_generation',
  'conflict',
  'denied',
  'busy',
  'unknown_outcome',
  'provider_failed',
  'internal',
])('a refusal (%s) that says nothing more says what to do instead', (code) => {
  expect(errorMessage(new BurstError(code, 'It does not go.')).text).toMatch(/\n:bulb: \S.{10}/);
  expect(errorMessage(new BurstError(code, 'It does not go.', { hint: 'Do this.' })).text).toMatch(
    /\n:bulb: Do this\.$/,
  );
});
