/**
 * Whose turn it is. Invariants: acks are never behind work: so much is served at once and the rest waits; one person's
 * requests never hold up another's; what cannot even wait is refused, never forgotten.
 */
import { BurstError } from '../domain/errors.ts';

export type Turns = {
  /** Does the work when it is this person's turn. @throws BurstError `busy` when too much waits already. */
  run<T>(who: string, work: () => Promise<T>): Promise<T>;
};
export type TurnLimits = { readonly mostAtOnce: number; readonly mostEach: number; readonly mostWaiting: number };
/** Begun in one turn of the event loop: so the loop comes round to acks soon, however much waits. */
const MOST_BEGUN = 2;
const LIMITS: TurnLimits = { mostAtOnce: 40, mostEach: 8, mostWaiting: 5000 };

export function createTurns({ mostAtOnce, mostEach, mostWaiting }: TurnLimits = LIMITS): Turns {
  /** In the order of whose turn is next. */
  const queues = new Map<string, (() => void)[]>();
  const busy = new Map<string, number>();
  let atOnce = 0;
  let waiting = 0;
  let begunNow = 0;
  let round: NodeJS.Immediate | undefined;

  /** Who has the least under way; of several, who has waited longest. */
  const chosen = (): string | undefined => {
    let best: string | undefined;
    let least = mostEach;
    for (const who of queues.keys()) {
      const has = busy.get(who) ?? 0;
      if (has < least) [best, least] = [who, has];
    }
    return best;
  };
  const next = (): void => {
    while (atOnce < mostAtOnce && begunNow < MOST_BEGUN) {
      const who = chosen();
      const queue = who === undefined ? undefined : queues.get(who);
      if (who === undefined || queue === undefined) return;
      const begin = queue.shift();
      queues.delete(who);
      if (queue.length > 0) queues.set(who, queue);
      waiting -= 1;
      begunNow += 1;
      begin?.();
    }
  };
  /** Goes on in the next turn of the event loop with what this one had no room for. */
  const goOn = (): void => {
    next();
    round ??= setImmediate(() => {
      round = undefined;
      const again = begunNow > 0;
      begunNow = 0;
      if (again && waiting > 0) goOn();
    });
  };
  const began = (who: string): void => {
    atOnce += 1;
    busy.set(who, (busy.get(who) ?? 0) + 1);
  };
  const ended = (who: string): void => {
    atOnce -= 1;
    const left = (busy.get(who) ?? 1) - 1;
    if (left > 0) busy.set(who, left);
    else busy.delete(who);
    goOn();
  };
  return {
    async run(who, work) {
      if (waiting >= mostWaiting)
        throw new BurstError('busy', 'Burst has more to do now than it can take on.', {
          left: 'Nothing was done.',
          hint: 'Try again in a minute.',
        });
      await new Promise<void>((begin) => {
        const queue = queues.get(who) ?? [];
        queue.push(() => {
          began(who);
          begin();
        });
        queues.set(who, queue);
        waiting += 1;
        goOn();
      });
      try {
        return await work();
      } finally {
        ended(who);
      }
    },
  };
}
