/**
 * Ids at the border to Slack. Invariants: inside, each id says of which workspace it is; what is sent has Slack's own ids, and
 * goes to one workspace alone; nobody is mentioned in a workspace that they are not in.
 */
import { joinId, splitId } from '../../domain/workspace-ids.ts';
import type { WorkspaceKey } from '../../domain/workspace-ids.ts';
import { z } from 'zod';

const flag = z.union([z.boolean(), z.stringbool()]).catch(false);
const maybe = z.string().min(1).nullish().catch(undefined);
const source = z.looseObject({
  team_id: maybe,
  enterprise_id: maybe,
  is_enterprise_install: flag,
  team: z.looseObject({ id: maybe }).nullish().catch(undefined),
  enterprise: z.looseObject({ id: maybe }).nullish().catch(undefined),
  authorizations: z
    .array(z.looseObject({ team_id: maybe, enterprise_id: maybe, is_enterprise_install: flag }))
    .nullish()
    .catch(undefined),
});

/** Which installation a request came through: the organisation's, if that is what Slack says, else the workspace's. */
export function installationOf(body: unknown): string | undefined {
  const { data } = source.safeParse(body);
  const [granted] = data?.authorizations ?? [];
  const team = data?.team?.id ?? granted?.team_id ?? data?.team_id ?? undefined;
  const enterprise = data?.enterprise?.id ?? granted?.enterprise_id ?? data?.enterprise_id ?? undefined;
  return (data?.is_enterprise_install === true || granted?.is_enterprise_install === true) && enterprise !== undefined
    ? enterprise
    : team;
}

type Tree = Readonly<Record<string, unknown>>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);
const changed = (tree: Tree, keys: readonly string[], change: (id: string) => string): Tree =>
  Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key,
      keys.includes(key) && typeof value === 'string' && value !== '' ? change(value) : value,
    ]),
  );
/** Sections of a request whose ids are read, and which of their keys hold one. */
const sections: readonly (readonly [string, readonly string[]])[] = [
  ['user', ['id']],
  ['channel', ['id']],
  ['view', ['id', 'root_view_id', 'previous_view_id']],
  ['event', ['user', 'channel']],
  ['container', ['channel_id', 'view_id']],
];

/** The request with the workspace in front of its ids; whoever acts in it from another workspace has theirs. */
export function qualified<T>(body: T, workspace: WorkspaceKey): T {
  if (workspace === undefined || !isTree(body)) return body;
  const join = (id: string): string => joinId(workspace, id);
  const own: Record<string, unknown> = { ...changed(body, ['user_id', 'channel_id', 'trigger_id'], join) };
  for (const [name, keys] of sections) {
    const section = own[name];
    if (isTree(section)) own[name] = changed(section, keys, join);
  }
  const { user, text } = body as Tree;
  // somebody from elsewhere, in a channel that workspaces share
  if (isTree(user) && typeof user['id'] === 'string' && !workspace.startsWith('E')) {
    const from = user['team_id'];
    if (typeof from === 'string' && from.startsWith('T') && from !== workspace)
      own['user'] = { ...user, id: joinId(from, user['id']) };
  }
  if (typeof text === 'string' && 'command' in body)
    own['text'] = text.replace(
      /((?:<|&lt;)[@#])([A-Z0-9]+)(?=[|>&])/g,
      (_, mark: string, id: string) => mark + join(id),
    );
  return own as T;
}

const UNTOUCHED = new Set(['value', 'private_metadata', 'action_id', 'block_id', 'callback_id', 'metadata', 'url']);
function inText(text: string, workspace: WorkspaceKey): string {
  if (!text.includes('<')) return text;
  return text.replace(
    /<([@#])(?:([TE][A-Z0-9]{2,})\/)?([UWC][A-Z0-9]+|\*)(\|[^>]*)?>/g,
    (whole, mark: string, of: string | undefined, id: string, label = '') =>
      id === '*'
        ? `everybody${of === undefined ? '' : ` in ${of}`}`
        : of === workspace
          ? `<${mark}${id}${label}>`
          : of === undefined && workspace === undefined
            ? whole
            : `${id}${of === undefined ? '' : ` (${of})`}`,
  );
}

/** A message or view as this workspace is to see it: its own people are mentioned, others named by their ids. */
export function shownTo<T>(value: T, workspace: WorkspaceKey): T {
  const walk = (item: unknown): unknown => {
    if (typeof item === 'string') return inText(item, workspace);
    if (Array.isArray(item)) return item.map(walk);
    if (!isTree(item)) return item;
    if (item['type'] === 'user' && typeof item['user_id'] === 'string') {
      const { workspace: of, id } = splitId(item['user_id']);
      return of === workspace
        ? { ...item, user_id: id }
        : { type: 'text', text: of === undefined ? id : `${id} (${of})` };
    }
    return Object.fromEntries(
      Object.entries(item).map(([key, inner]) => [key, UNTOUCHED.has(key) ? inner : walk(inner)]),
    );
  };
  return walk(value) as T;
}
