import { setImmediate as oneTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTurns } from '../../../src/slack/turns.ts';

const limits = { mostAtOnce: 3, mostEach: 2, mostWaiting: 10 };

const turn = async (): Promise<void> => {
  for (let times = 0; times < 10; times++) await oneTurn();
};

/** Work that ends when it is told to. */
function works() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) => (): Promise<string> => {
    begun.push(name);
    return new Promise((end) => ends.set(name, () => end(name)));
  };
  return { begun, work, end: (name: string) => ends.get(name)?.() };
}

describe('turns', () => {
  it('serve so many at once, and so many of one person', async () => {
    const { begun, work, end } = works();
    const turns = createTurns(limits);
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void turns.run(name.charAt(0), work(name));
    await turn();
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    end('b1');
    await turn();
    expect(begun, 'who has the least under way, and waited longest').toEqual(['a1', 'a2', 'b1', 'c1']);
    end('a1');
    await turn();
    expect(begun.at(-1)).toBe('b2');
  });

  it('begin few in one turn of the event loop, so that acks come in between', async () => {
    const { begun, work } = works();
    const turns = createTurns({ mostAtOnce: 50, mostEach: 50, mostWaiting: 50 });
    for (let at = 0; at < 7; at++) void turns.run('a', work(`a${at}`));
    const counts: number[] = [];
    for (let times = 0; times < 6; times++) {
      await Promise.resolve();
      counts.push(begun.length);
      await oneTurn();
    }
    expect(counts.slice(0, 2)).toEqual([2, 4]);
    expect(counts.at(-1)).toBe(7);
  });

  it('lose nothing, whatever fails', async () => {
    const turns = createTurns({ ...limits, mostWaiting: 1000 });
    const all = Array.from({ length: 500 }, (_, at) =>
      turns.run(`u${at % 7}`, async () => {
        await oneTurn();
        if (at % 3 === 0) throw new Error('failed');
        return at;
      }),
    );
    const ended = await Promise.allSettled(all);
    expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(167);
    expect(await turns.run('u0', () => Promise.resolve('after'))).toBe('after');
  });

  it('refuse what cannot even wait', async () => {
    const { work, end } = works();
    const turns = createTurns(limits);
    const taken = Array.from({ length: 12 }, (_, at) => turns.run('a', work(`a${at}`)));
    await expect(turns.run('a', work('more'))).rejects.toMatchObject({ code: 'busy' });
    await expect(turns.run('b', work('other'))).rejects.toMatchObject({ code: 'busy' });
    for (let at = 0; at < 12; at++) {
      end(`a${at}`);
      await turn();
    }
    expect(await Promise.all(taken)).toHaveLength(12);
  });
});
