import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ItemSplitter } from '../../../src/kubernetes/items.ts';

/** Pushes the text in pieces of these many bytes each. */
function split(text: string, pieces: number): { items: unknown[]; envelope: unknown } {
  const items: unknown[] = [];
  const splitter = new ItemSplitter((item) => items.push(item));
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; at += pieces) splitter.push(bytes.subarray(at, at + pieces));
  return { items, envelope: splitter.end() };
}

describe('a list that arrives in pieces', () => {
  it.each([1, 2, 3, 7, 64, 100_000])('gives out its items one by one (pieces of %i bytes)', (size) => {
    const items = [
      { metadata: { name: 'a', annotations: { x: '{"items":[{"not":"one"}]}', y: 'quote \\" brace } [' } } },
      { metadata: { name: 'bé€𝄞' }, spec: { containers: [{ items: [1, [2]] }] } },
      {},
    ];
    const list = { kind: 'PodList', metadata: { resourceVersion: '7', continue: 'x' }, items };
    expect(split(JSON.stringify(list), size)).toEqual({ items, envelope: { ...list, items: [] } });
    expect(split(JSON.stringify(list, undefined, 2), size)).toEqual({ items, envelope: { ...list, items: [] } });
    const other = { items, metadata: {}, kind: 'NodeList' };
    expect(split(`\n${JSON.stringify(other)}\n`, size)).toEqual({ items, envelope: { ...other, items: [] } });
  });

  it('equals what JSON.parse says, whatever the items are', () => {
    const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()));
    fc.assert(
      fc.property(objects, fc.integer({ min: 1, max: 50 }), (items, size) => {
        const text = JSON.stringify({ kind: 'PodList', metadata: { name: '"items":[' }, items });
        expect(split(text, size).items).toEqual((JSON.parse(text) as { items: unknown }).items);
      }),
    );
  });

  it.each(['', '{"kind":"PodList","items":[', '{"kind":"PodList","items":[{}', '{"items":[{}] nonsense', '<html>'])(
    'has no envelope when it is cut off or no JSON: %s',
    (text) => {
      expect(split(text, 5).envelope).toBeUndefined();
    },
  );

  it('keeps what is no object between the items, so that the list is refused', () => {
    expect(split('{"kind":"PodList","items":[1,{"a":1}]}', 4)).toEqual({
      items: [{ a: 1 }],
      envelope: { kind: 'PodList', items: [1] },
    });
    expect(split('{"kind":"PodList","items":null}', 4)).toEqual({
      items: [],
      envelope: { kind: 'PodList', items: null },
    });
  });

  it('throws for an item that is no JSON', () => {
    expect(() => split('{"items":[{nonsense}]}', 4)).toThrow(SyntaxError);
  });
});
