/** Which cluster is meant in what a person typed. Pure. */
import type { Nearest, Parsed } from './words.ts';

/** In a cluster's place: every cluster. No cluster may have this name. */
export const ALL_CLUSTERS = 'all';

export type ClusterWords = {
  /** What was typed, without `on NAME`. */
  readonly rest: string;
  readonly cluster: string | undefined;
};

/** Quoted text is one word: what stands in it names no cluster. */
const tokensOf = (text: string): readonly string[] => text.match(/"[^"]*"(?=\s|$)|“[^”]*”(?=\s|$)|\S+/g) ?? [];
const nameIn = (token: string): string => token.replace(/^[`'*]+|[`'*,.;]+$/g, '').toLowerCase();

/**
 * Takes `on NAME` out of a command, wherever it stands. In a command that ends in free text, an `on` that is followed by no
 * cluster belongs to that text; one in the middle of it is asked about, never guessed.
 * @param isFree whether the words before end in free text already; undefined for commands without any.
 */
export function takeCluster(
  text: string,
  clusters: readonly string[],
  nearest: Nearest,
  isFree?: (before: string, cluster: string) => boolean,
): Parsed<ClusterWords> {
  const tokens = tokensOf(text);
  const there = `there ${clusters.length === 1 ? 'is' : 'are'} ${clusters.join(', ')}`;
  const taken = new Set<number>();
  let cluster: string | undefined;
  for (const [at, token] of tokens.entries()) {
    if (token.toLowerCase() !== 'on' || taken.has(at)) continue;
    const next = tokens[at + 1];
    const name = next === undefined ? '' : nameIn(next);
    const before = tokens
      .slice(0, at)
      .filter((_, index) => !taken.has(index))
      .join(' ');
    const first = clusters.find((known) => known !== ALL_CLUSTERS) ?? '';
    const inText = isFree?.(before, clusters.includes(name) && name !== ALL_CLUSTERS ? name : first) === true;
    const last = at + 2 >= tokens.length;
    if (!clusters.includes(name)) {
      if (name === ALL_CLUSTERS && (!inText || last))
        return { ok: false, text: `This is done in one cluster at a time, not \`on all\`; ${there}` };
      const near = name === '' ? undefined : nearest(name, clusters);
      if (isFree !== undefined && near === undefined) continue;
      if (name === '') return { ok: false, text: `On which cluster? ${there.replace('t', 'T')}` };
      return {
        ok: false,
        text: `There is no cluster \`${name}\`; ${there}`,
        ...(near === undefined
          ? {}
          : { suggestion: tokens.map((other, index) => (index === at + 1 ? near : other)).join(' ') }),
      };
    }
    if (inText && !last)
      return {
        ok: false,
        text: `Whether \`on ${name}\` is the cluster or belongs to the text around it is not clear; put it first or last, or the text in quotes`,
        suggestion: `on ${name} ${tokens.filter((_, index) => index !== at && index !== at + 1).join(' ')}`,
      };
    if (cluster !== undefined && cluster !== name)
      return { ok: false, text: `\`on ${cluster}\` and \`on ${name}\` are two clusters; give one` };
    cluster = name;
    taken.add(at).add(at + 1);
  }
  return {
    ok: true,
    value: { rest: cluster === undefined ? text : tokens.filter((_, index) => !taken.has(index)).join(' '), cluster },
  };
}
