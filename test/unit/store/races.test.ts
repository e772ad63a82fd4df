import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isBurstError } from '../../../src/domain/errors.ts';
import { claim, drain, open, T, temporaryPath, write } from './fixtures.ts';

test('two stores on one file never hold the same claim', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.record({ owner: fc.constantFrom(0, 1), limit: fc.integer({ min: 1, max: 4 }) }), {
        minLength: 1,
        maxLength: 12,
      }),
      async (runs, claims) => {
        const path = await temporaryPath();
        const stores = [await open(path), await open(path)] as const;
        const names = Array.from({ length: runs }, (_, index) => `w${index}`);
        await stores[0].createOperation(drain('op1', names));
        const taken = await Promise.all(
          claims.map(({ owner, limit }) => claim(stores[owner === 0 ? 0 : 1], `owner${owner}`, T, limit)),
        );
        const ids = taken.flat().map((run) => run.id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids.length).toBe(
          Math.min(
            runs,
            claims.reduce((sum, one) => sum + one.limit, 0),
          ),
        );
        for (const run of taken.flat()) expect(run.generation).toBe(1);
        await stores[0].close();
        await stores[1].close();
      },
    ),
    { numRuns: 15 },
  );
});

test('one idempotency key asked for by two stores at once is one operation', async () => {
  const path = await temporaryPath();
  const stores = [await open(path), await open(path)] as const;
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) =>
      stores[index % 2 === 0 ? 0 : 1].createOperation(drain(`op${index}`, ['a'], { idempotencyKey: 'one' })),
    ),
  );
  expect(answers.filter((answer) => answer.created)).toHaveLength(1);
  expect(new Set(answers.map((answer) => answer.operation.id)).size).toBe(1);
});

type Command = { readonly kind: 'claim' | 'record' | 'release' | 'pass'; readonly owner: 0 | 1 };

test('in any interleaving of two owners no write is lost and no stale one lands', async () => {
  const command: fc.Arbitrary<Command> = fc.record({
    kind: fc.constantFrom('claim', 'record', 'release', 'pass'),
    owner: fc.constantFrom(0, 1),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
      const path = await temporaryPath();
      const stores = [await open(path), await open(path)] as const;
      await stores[0].createOperation(drain('op1', ['a']));
      let now = T;
      let generation = 0;
      let claimUntil: number | undefined;
      const held: [number, number] = [0, 0];
      const landed: string[] = [];
      for (const [index, { kind, owner }] of commands.entries()) {
        const store = stores[owner];
        if (kind === 'pass') {
          now += 40_000;
        } else if (kind === 'claim') {
          const free = claimUntil === undefined || claimUntil <= now;
          const runs = await claim(store, `owner${owner}`, now);
          expect(runs).toHaveLength(free ? 1 : 0);
          if (!free) continue;
          generation += 1;
          expect(runs[0]?.generation).toBe(generation);
          held[owner] = generation;
          claimUntil = now + 60_000;
        } else {
          const text = `${index} by ${owner}`;
          const current = held[owner] === generation;
          const patch =
            kind === 'release' ? { progress: text, claimedBy: undefined, claimUntilMs: undefined } : { progress: text };
          const change = write('op1-a', held[owner], patch, { event: { atMs: now, type: 'x', text }, nowMs: now });
          const outcome = await store.recordRun(change).then(
            () => 'landed',
            (error: unknown) => (isBurstError(error, 'stale_generation') ? 'stale' : error),
          );
          expect(outcome).toBe(current ? 'landed' : 'stale');
          if (!current) continue;
          landed.push(text);
          if (kind === 'release') claimUntil = undefined;
        }
      }
      const journal = await stores[1].journal('op1-a');
      expect(journal.filter((event) => event.type === 'x').map((event) => event.text)).toEqual(landed);
      expect((await stores[1].getRun('op1-a'))?.progress).toBe(landed.at(-1) ?? '');
      await stores[0].close();
      await stores[1].close();
    }),
    { numRuns: 60 },
  );
});
