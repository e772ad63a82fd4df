/** Finding a worker by its name or a unique part of it. Pure. */
import { distance } from 'fastest-levenshtein';
import { BurstError } from '../domain/errors.ts';

/**
 * @throws BurstError `not_found` with the nearest names, or `ambiguous` with the candidates, as suggestions.
 */
export function resolveName(asked: string, names: readonly string[]): string {
  const wanted = asked.trim().toLowerCase();
  if (wanted === '')
    throw new BurstError('invalid_input', 'Which worker? The name is missing.', {
      hint: 'For example `burst-small-x7k2p`, or a unique part of it.',
    });
  const exact = names.find((name) => name === wanted);
  if (exact !== undefined) return exact;
  const parts = names.filter((name) => name.includes(wanted));
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  if (parts.length > 1)
    throw new BurstError('ambiguous', `${parts.length} workers have "${asked.slice(0, 80)}" in their name.`, {
      hint: 'Give more of the name.',
      suggestions: parts.slice(0, 5),
    });
  const near = names
    .map((name) => ({ name, far: distance(name, wanted) }))
    .filter(({ name, far }) => far <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ name }) => name);
  throw new BurstError('not_found', `There is no worker "${asked.slice(0, 80)}".`, {
    hint: 'See `/burst list`.',
    suggestions: near,
  });
}
