import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHAIN_START, canonical, createChainCheck, headText, readHead } from '../../../src/domain/audit-chain.ts';
import type { Chained, ChainedContent, ChainHead, ChainReport } from '../../../src/domain/audit-chain.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const row = (id: number, more: Partial<ChainedContent> = {}): ChainedContent => ({
  id,
  at_ms: 1_800_000_000_000 + id,
  cluster: 'main',
  actor: '{"kind":"slack","userId":"U1"}',
  actor_id: 'U1',
  action: 'provision',
  outcome: 'requested',
  worker_name: null,
  operation_id: `op${id}`,
  run_id: null,
  text: `provision ${id}`,
  details: null,
  ...more,
});
function chain(contents: readonly ChainedContent[]): Chained[] {
  let prev = CHAIN_START;
  return contents.map((content) => {
    const hash = digest(canonical(content, prev));
    const linked = { ...content, prev_hash: prev, hash };
    prev = hash;
    return linked;
  });
}
/** As the database would give them: by id. */
function check(rows: readonly Chained[], kept: readonly ChainHead[] = [], lastId?: number): ChainReport {
  const checked = createChainCheck(digest, kept);
  for (const one of [...rows].sort((a, b) => a.id - b.id)) if (!checked.add(one)) break;
  return checked.end(lastId);
}

test('the canonical form is what the documentation says', () => {
  expect(canonical(row(7, { text: 'a "b"\nü', details: '{"x":1}' }), 'ab'.repeat(32))).toBe(
    `burst-audit-1\n${'ab'.repeat(32)}\n[7,1800000000007,"main","{\\"kind\\":\\"slack\\",\\"userId\\":\\"U1\\"}","U1","provision",` +
      `"requested",null,"op7",null,"a \\"b\\"\\nü","{\\"x\\":1}"]`,
  );
});

test('a head is written and read; what is none is told from it', () => {
  const head = { id: 12, hash: 'a'.repeat(64) };
  expect(readHead(headText(head))).toEqual(head);
  for (const wrong of [
    '',
    'a:1',
    `${'a'.repeat(64)}`,
    `${'a'.repeat(64)}:0`,
    `${'a'.repeat(64)}:x`,
    `12:${'a'.repeat(64)}`,
  ])
    expect(readHead(wrong)).toBeUndefined();
});

describe('a chain', () => {
  const rows = chain([1, 2, 3, 4, 5].map((id) => row(id)));
  const at = (id: number): Chained => rows[id - 1] as Chained;
  const without = (id: number): Chained[] => rows.filter((one) => one.id !== id);
  const head = { id: 5, hash: at(5).hash };
  const remade = chain([1, 2, 3, 4, 5].map((id) => row(id, id === 2 ? { text: 'other' } : {})));
  type Fault = Partial<NonNullable<ChainReport['fault']>>;
  type Case = readonly [string, readonly Chained[], Fault, (readonly ChainHead[])?, number?];
  const cases: readonly Case[] = [
    ['a changed text', [...without(3), { ...at(3), text: 'x' }], { id: 3, kind: 'changed' }],
    [
      'a changed actor',
      [...without(1), { ...at(1), actor: '{"kind":"slack","userId":"U2"}' }],
      { id: 1, kind: 'changed' },
    ],
    ['a changed hash', [...without(5), { ...at(5), hash: 'f'.repeat(64) }], { id: 5, kind: 'changed' }],
    ['a row that was hashed anew', [...without(3), { ...(remade[2] as Chained) }], { id: 3, kind: 'unlinked' }],
    ['a removed row', without(3), { id: 3, kind: 'missing' }],
    ['the first row removed', without(1), { id: 1, kind: 'missing' }],
    ['an added row before the first', [{ ...at(1), id: 0 }, ...rows], { id: 0, kind: 'inserted' }],
    [
      'two rows that changed places',
      [...without(3).filter(({ id }) => id !== 4), { ...at(3), id: 4 }, { ...at(4), id: 3 }],
      { id: 3, kind: 'changed' },
    ],
    ['a cut end, by the ids that were given', without(5), { id: 5, kind: 'cut' }, [], 5],
    ['a cut end, by a head that was kept', without(5), { id: 5, kind: 'cut' }, [head]],
    ['everything removed', [], { id: 1, kind: 'cut' }, [head]],
    ['a chain that was made anew', remade, { id: 5, kind: 'other_head' }, [head]],
  ];
  for (const [name, tampered, fault, kept, lastId] of cases)
    test(`with ${name} is found broken at that row`, () => {
      expect(check(tampered, kept, lastId).fault).toMatchObject(fault);
    });
  test('that is whole says its head; so does one without rows, which has none', () => {
    expect(check(rows, [head, { id: 2, hash: at(2).hash.toUpperCase() }], 5)).toEqual({ rows: 5, head });
    expect(check([])).toEqual({ rows: 0, head: undefined });
  });
});

const text = fc.string({ unit: 'binary', maxLength: 12 });
const content = fc.record({
  at_ms: fc.integer({ min: 0, max: 2 ** 45 }),
  cluster: text,
  actor: fc.json(),
  actor_id: text,
  action: text,
  outcome: fc.constantFrom('requested', 'done', 'failed'),
  worker_name: fc.option(text),
  operation_id: fc.option(text),
  run_id: fc.option(text),
  text,
  details: fc.option(fc.json()),
});
const contents = fc.array(content, { minLength: 2, maxLength: 12 });
const made = contents.map((all) => chain(all.map((one, index) => ({ ...one, id: index + 1 }))));
const pick = fc.nat();

/** Any one change that somebody could make to a chain, and the ids that may be named for it. */
const tampering = fc.oneof(
  // one column of one row
  fc.record({
    how: fc.constant('change' as const),
    at: pick,
    column: pick,
    value: fc.tuple(text, fc.integer({ min: 0 })),
  }),
  // a row's content, with its hash made to fit
  fc.record({
    how: fc.constant('rehash' as const),
    at: pick,
    column: pick,
    value: fc.tuple(text, fc.integer({ min: 0 })),
  }),
  fc.record({ how: fc.constant('remove' as const), at: pick, closed: fc.boolean() }),
  fc.record({ how: fc.constant('insert' as const), at: pick, content, linked: fc.boolean() }),
  fc.record({ how: fc.constant('swap' as const), at: pick, other: pick }),
);
const columns = [
  'at_ms',
  'cluster',
  'actor',
  'actor_id',
  'action',
  'outcome',
  'worker_name',
  'operation_id',
  'run_id',
  'text',
  'details',
  'prev_hash',
  'hash',
] as const;

test('any single change, removal, insertion or exchange in any chain is found', () => {
  fc.assert(
    fc.property(made, tampering, (rows, act) => {
      const index = act.at % rows.length;
      const target = rows[index] as Chained;
      const kept: ChainHead = { id: rows.length, hash: (rows.at(-1) as Chained).hash };
      let tampered: Chained[] = rows.map((one) => ({ ...one }));
      switch (act.how) {
        case 'change':
        case 'rehash': {
          const column = columns[act.column % (act.how === 'change' ? columns.length : columns.length - 2)] ?? 'text';
          const value = column === 'at_ms' ? act.value[1] : act.value[0];
          fc.pre(value !== target[column]);
          const changed = { ...target, [column]: value };
          if (act.how === 'rehash') changed.hash = digest(canonical(changed, changed.prev_hash));
          tampered[index] = changed;
          break;
        }
        case 'remove':
          tampered = tampered
            .filter((_, at) => at !== index)
            // the ids after it moved up, so that none is missing
            .map((one) => (act.closed && one.id > target.id ? { ...one, id: one.id - 1 } : one));
          break;
        case 'insert': {
          const added = { ...act.content, id: target.id };
          const prev = act.linked ? target.prev_hash : target.hash;
          tampered = [
            ...tampered.map((one) => (one.id >= target.id ? { ...one, id: one.id + 1 } : one)),
            { ...added, prev_hash: prev, hash: digest(canonical(added, prev)) },
          ];
          break;
        }
        case 'swap': {
          const other = rows[act.other % rows.length] as Chained;
          fc.pre(other.id !== target.id);
          tampered = tampered.map((one) =>
            one.id === target.id ? { ...one, id: other.id } : one.id === other.id ? { ...one, id: target.id } : one,
          );
        }
      }
      expect(check(tampered, [kept], rows.length).fault).toBeDefined();
      // without what was kept, all but a rehashed or removed last row
      const atEnd = target.id === rows.length && (act.how === 'rehash' || act.how === 'remove');
      if (!atEnd) expect(check(tampered).fault).toBeDefined();
      expect(check(rows, [kept], rows.length).fault).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});
