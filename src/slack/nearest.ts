import { closest, distance } from 'fastest-levenshtein';

/** The known word at most a third of its letters (at least one, at most two) away from `word`. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 2 || word.length > 60 || known.length === 0) return undefined;
  const found = closest(word, known);
  const allowed = Math.min(2, Math.max(1, Math.floor(found.length / 3)));
  return distance(word, found) <= allowed ? found : undefined;
}
