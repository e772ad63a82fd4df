/** The file as YAML, and where in it each value stands. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Problem } from './error.ts';
import type { Path } from './shape.ts';

export type Tree = Record<string, unknown>;
export type ParsedFile = {
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** Line (from 1) of the key at this path, or of the nearest one above it that is in the file. */
  readonly lineOf: (path: Path) => number | undefined;
};

const MAX_FILE = 1_000_000;

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A key without a value is a key that is not set; but a size without a value takes a built-in size away. */
function withoutEmptyKeys(tree: Tree, path: Path): Tree {
  const keep = path.at(-1) === 'worker_sizes' || path.includes('settings');
  return Object.fromEntries(
    Object.entries(tree)
      .filter(([, value]) => keep || value !== null)
      .map(([key, value]) => [key, isTree(value) ? withoutEmptyKeys(value, [...path, key]) : value]),
  );
}

/** Parses the file's text; what is wrong with it as YAML is in `problems`, without the text itself. */
export function parseFile(text: string): ParsedFile {
  const nothing = { tree: {}, lineOf: () => undefined };
  const wrong = (message: string, line?: number): Problem => ({ path: '', text: message, line, variable: undefined });
  if (text.length > MAX_FILE)
    return { ...nothing, problems: [wrong(`found ${text.length} characters; at most ${MAX_FILE} are allowed`)] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    return {
      ...nothing,
      problems: document.errors.map((error) =>
        wrong(`not valid YAML: ${error.message.split('\n')[0] ?? ''}`, lines.linePos(error.pos[0]).line),
      ),
    };
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return {
      ...nothing,
      problems: [wrong(`not valid YAML: ${error instanceof Error ? error.message : 'unreadable'}`)],
    };
  }
  if (value !== null && value !== undefined && !isTree(value))
    return {
      ...nothing,
      problems: [wrong('found a single value or a list; sections such as "slack:" are allowed', 1)],
    };
  const lineOf = (path: Path): number | undefined => {
    let node: unknown = document.contents;
    let offset: number | undefined;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
        if (pair === undefined) break;
        if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(key)];
        if (isScalar(node) && node.range) offset = node.range[0];
      } else break;
    }
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  return { tree: isTree(value) ? withoutEmptyKeys(value, []) : {}, problems: [], lineOf };
}
