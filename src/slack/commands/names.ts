import { BurstError } from '../../domain/errors.ts';
import type { Operations } from '../../operations/types.ts';

const MOST = 10;
/** Finds each worker by its name or a unique part. @throws BurstError when none is named, too many are, or one is unknown. */
export async function resolveNames(
  names: readonly string[],
  operations: Operations,
  example: string,
): Promise<readonly string[]> {
  if (names.length === 0) throw new BurstError('invalid_input', 'Which worker?', { hint: `For example: ${example}` });
  if (names.length > MOST)
    throw new BurstError('invalid_input', `These are ${names.length} workers; at most ${MOST} go at once.`, {
      left: 'Nothing was done.',
    });
  const found: string[] = [];
  for (const name of names) found.push(await operations.resolve(name));
  return [...new Set(found)];
}
