/**
 * Whose ids the file's are. Invariant: an id means the same person wherever it stands: without a workspace one of the home
 * workspace, which is that of the configured token; without such a token, that of `slack.team`.
 */
import { joinId, splitId } from '../domain/workspace-ids.ts';
import { type Tree, isTree } from './document.ts';
import type { Problem } from './error.ts';
import type { Path } from './shape.ts';

const KEYS = new Set(['channel', 'channels', 'users', 'groups', 'user']);
/** Where people and channels are named; what else has such keys (servers' settings) is left alone. */
const SECTIONS: readonly Path[] = [
  ['slack'],
  ['approvals'],
  ['cost'],
  ['limits'],
  ['notifications'],
  ['mcp', 'tokens'],
];
const IN_CLUSTER = new Set(['roles', 'channels', 'approvals', 'cost', 'limits', 'notifications']);

/** Keys as they are given: one after the other. */
export const keysOf = (text: string): readonly Buffer[] =>
  text
    .split(/[\s,]+/)
    .filter((key) => key !== '')
    .map((key) => Buffer.from(key, /^[0-9a-f]{64}$/i.test(key) ? 'hex' : 'base64'));
/** 32 bytes, in hex or base64. */
export const isKey = (text: string): boolean =>
  /^[0-9a-f]{64}$/i.test(text) || (/^[A-Za-z0-9+/]{43}=?$/.test(text) && Buffer.from(text, 'base64').length === 32);

/** Puts the workspace in front of ids that need it, and takes the home workspace's away. @returns ids of nowhere. */
export function homeIds(tree: Tree): readonly Problem[] {
  const slack = isTree(tree['slack']) ? tree['slack'] : {};
  const oauth = isTree(slack['oauth']) ? slack['oauth'] : {};
  const team = typeof slack['team'] === 'string' ? slack['team'] : undefined;
  const homeless = typeof oauth['client_id'] === 'string' && typeof slack['bot_token'] !== 'string';
  const problems: Problem[] = [];
  const read = (value: unknown, path: Path): unknown => {
    if (typeof value !== 'string' || value === '') return value;
    const { workspace, id } = splitId(value);
    if (!homeless) return workspace !== undefined && workspace === team ? id : value;
    if (workspace !== undefined || team !== undefined) return joinId(team, value);
    const text = `found "${value.slice(0, 60)}", which is of no workspace: write T…/${id.slice(0, 60)}, or say in slack.team which workspace's ids have none`;
    problems.push({ path: path.join('.'), text, line: undefined, variable: undefined });
    return value;
  };
  const walk = (node: unknown, path: Path): void => {
    if (Array.isArray(node)) node.forEach((item, at) => walk(item, [...path, at]));
    if (!isTree(node)) return;
    for (const [key, value] of Object.entries(node)) {
      const here = [...path, key];
      if (!KEYS.has(key)) walk(value, here);
      else if (Array.isArray(value)) node[key] = value.map((item: unknown, at) => read(item, [...here, at]));
      else if (isTree(value)) walk(value, here);
      else node[key] = read(value, here);
    }
  };
  for (const path of SECTIONS)
    walk(
      path.reduce<unknown>((node, key) => (isTree(node) ? node[key] : undefined), tree),
      path,
    );
  const clusters = isTree(tree['clusters']) ? tree['clusters'] : {};
  for (const [name, cluster] of Object.entries(clusters))
    if (isTree(cluster)) {
      const own: Tree = Object.fromEntries(Object.entries(cluster).filter(([key]) => IN_CLUSTER.has(key)));
      walk(own, ['clusters', name]);
      Object.assign(cluster, own);
    }
  return problems;
}
