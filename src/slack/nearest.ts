import { closest, distance } from 'fastest-levenshtein';

/** The known word with two neighbours swapped, or at most a third of its letters (at least one, at most two) away. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 2 || word.length > 60 || known.length === 0) return undefined;
  const swapped = known.find((name) => isSwap(word, name));
  if (swapped !== undefined) return swapped;
  const found = closest(word, known);
  const allowed = Math.min(2, Math.max(1, Math.floor(found.length / 3)));
  return distance(word, found) <= allowed ? found : undefined;
}

function isSwap(word: string, name: string): boolean {
  const at = [...word].findIndex((letter, index) => letter !== name[index]);
  return at >= 0 && name === `${word.slice(0, at)}${word[at + 1] ?? ''}${word[at] ?? ''}${word.slice(at + 2)}`;
}
