import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RUN_EVENTS, isLive, operationState, transition } from '../../../src/domain/operation.ts';
import type { RunEvent, RunState } from '../../../src/domain/operation.ts';

const states: readonly RunState[] = ['running', 'undoing', 'succeeded', 'undone', 'stuck'];

/** Every legal transition; what is not here is illegal. `p`: only after the pivot, `n`: only before. */
const legal: readonly (readonly [RunState, RunEvent, RunState, ('p' | 'n')?])[] = [
  ['running', 'step_done', 'running'],
  ['running', 'all_done', 'succeeded'],
  ['running', 'step_failed', 'undoing', 'n'],
  ['running', 'step_failed', 'stuck', 'p'],
  ['running', 'cancelled', 'undoing', 'n'],
  ['running', 'gave_up', 'stuck'],
  ['undoing', 'step_done', 'undoing'],
  ['undoing', 'undo_done', 'undone'],
  ['undoing', 'undo_failed', 'stuck'],
  ['undoing', 'gave_up', 'stuck'],
  ['stuck', 'retried', 'running'],
];

describe('the transition table', () => {
  for (const state of states)
    for (const event of RUN_EVENTS)
      for (const pivoted of [false, true]) {
        const found = legal.find(
          ([from, by, , when]) => from === state && by === event && (when === undefined || (when === 'p') === pivoted),
        );
        test(`${state}, ${event}${pivoted ? ', past the pivot' : ''}: ${found?.[2] ?? 'illegal'}`, () =>
          expect(transition(state, event, pivoted)).toBe(found?.[2]));
      }

  test('no path of legal events leads back over the pivot, or on from an end', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...RUN_EVENTS), { maxLength: 30 }), (path) => {
        let state: RunState = 'running';
        for (const event of path) {
          const next: RunState | undefined = transition(state, event, true);
          if (state === 'succeeded' || state === 'undone') expect(next).toBeUndefined();
          expect(next).not.toBe('undoing');
          state = next ?? state;
        }
      }),
    ));
});

test.each<[RunState[], boolean, string]>([
  [['running', 'succeeded'], false, 'running'],
  [['undoing', 'stuck'], false, 'running'],
  [['stuck', 'succeeded'], false, 'stuck'],
  [['succeeded', 'succeeded'], false, 'succeeded'],
  [['succeeded', 'undone'], false, 'partial'],
  [['succeeded', 'undone'], true, 'partial'],
  [['undone'], false, 'failed'],
  [['undone'], true, 'cancelled'],
  [['succeeded'], true, 'succeeded'],
])('runs %j, cancelled %s: %s', (runs, cancelled, expected) => {
  expect(
    operationState(
      runs.map((state) => ({ state })),
      cancelled,
    ),
  ).toBe(expected);
});

test('what is live keeps its worker from other operations', () =>
  expect(states.filter(isLive)).toEqual(['running', 'undoing', 'stuck']));
