import { BurstError } from '../../domain/errors.ts';
import type { Operations } from '../../operations/types.ts';

const MOST = 10;
/** Finds each worker by its name or a unique part. @throws BurstError when none is named, too many are, or one is unknown. */
export async function resolveNames(
  names: readonly string[],
  operations: Operations,
  /** What is said when none is. */
  hint: string,
): Promise<readonly string[]> {
  if (names.length === 0) throw new BurstError('invalid_input', 'Which worker?', { hint });
  if (names.length > MOST)
    throw new BurstError('invalid_input', `These are ${names.length} workers; at most ${MOST} go at once.`, {
      left: 'Nothing was done.',
      hint: 'Ask for the others afterwards.',
    });
  const found: string[] = [];
  for (const name of names) found.push(await operations.resolve(name));
  return [...new Set(found)];
}
