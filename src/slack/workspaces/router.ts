/**
 * Slack's Web API over several workspaces. Invariant: a call goes to the workspace of the channel, person or view that it
 * names, with that workspace's token, or nowhere.
 */
import type { WebClient } from '@slack/web-api';
import { BurstError } from '../../domain/errors.ts';
import { joinId, splitId } from '../../domain/workspace-ids.ts';
import type { WorkspaceKey } from '../../domain/workspace-ids.ts';
import type { Clients } from '../clients.ts';
import { platformError } from '../errors.ts';
import { shownTo } from './ids.ts';

/** Burst is not installed in this workspace (any more): nothing can be said there. */
export class WorkspaceGone extends BurstError {
  constructor(workspace: WorkspaceKey) {
    super('not_found', `Burst is not installed in the workspace ${workspace ?? 'of this id'} (any more).`, {
      hint: 'Install it there again.',
    });
  }
}
/** Whether Bolt found no installation for a request. */
export function withoutInstallation(error: unknown): boolean {
  return (
    error instanceof WorkspaceGone ||
    (error instanceof Error && 'original' in error && withoutInstallation(error.original))
  );
}
/** What Slack answers to the token of an installation that was removed. */
const REVOKED = new Set([
  'account_inactive',
  'token_revoked',
  'invalid_auth',
  'org_login_required',
  'team_access_not_granted',
]);

/** In this order: where it happens says more than to whom. */
const ID_KEYS = ['channel', 'channel_id', 'view_id', 'trigger_id', 'usergroup', 'user', 'user_id', 'users', 'team_id'];
const CONTENT_KEYS = new Set(['text', 'blocks', 'attachments', 'view', 'initial_comment']);
type Args = Readonly<Record<string, unknown>>;
type Tree = Record<string, unknown>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

function addressed(args: Args): { readonly workspace: WorkspaceKey; readonly args: Args } {
  let workspace: WorkspaceKey;
  let found = false;
  const own: Tree = { ...args };
  for (const key of ID_KEYS) {
    const value = own[key];
    if (typeof value !== 'string' || value === '') continue;
    if (key === 'team_id') {
      // it says where, and only an organisation's token needs more
      if (!found) workspace = value;
      delete own[key];
      continue;
    }
    const split = splitId(value);
    if (!found) workspace = split.workspace;
    found = true;
    own[key] = split.id;
  }
  for (const key of CONTENT_KEYS) if (own[key] !== undefined) own[key] = shownTo(own[key], workspace);
  return { workspace, args: own };
}

/** The answer with the workspace in front of the ids that are read. */
function qualifiedAnswer(answer: unknown, workspace: WorkspaceKey): unknown {
  if (workspace === undefined || !isTree(answer)) return answer;
  const join = (value: unknown): unknown => (typeof value === 'string' ? joinId(workspace, value) : value);
  const own: Tree = { ...answer };
  for (const key of ['channel', 'view'])
    if (isTree(own[key])) own[key] = { ...own[key], id: join(own[key]['id']) };
    else if (typeof own[key] === 'string') own[key] = join(own[key]);
  if (Array.isArray(own['users'])) own['users'] = (own['users'] as unknown[]).map(join);
  if (Array.isArray(own['usergroups']))
    own['usergroups'] = (own['usergroups'] as unknown[]).map((item) =>
      isTree(item) ? { ...item, id: join(item['id']) } : item,
    );
  return own;
}

/** @param of the clients of one workspace. @throws WorkspaceGone. */
export function createRouter(of: (workspace: WorkspaceKey) => Promise<Clients>): Clients {
  const call = async (kind: keyof Clients, path: readonly string[], given: unknown): Promise<unknown> => {
    const { workspace, args } = addressed(isTree(given) ? given : {});
    let target: unknown = (await of(workspace))[kind];
    let parent: unknown;
    for (const name of path) [parent, target] = [target, (target as Tree)[name]];
    try {
      return qualifiedAnswer(await (target as (args: Args) => Promise<unknown>).call(parent, args), workspace);
    } catch (error) {
      if (workspace !== undefined && REVOKED.has(platformError(error) ?? '')) throw new WorkspaceGone(workspace);
      throw error;
    }
  };
  const at = (kind: keyof Clients, path: readonly string[]): unknown =>
    new Proxy(() => undefined, {
      get: (_, name) => (typeof name === 'symbol' || name === 'then' ? undefined : at(kind, [...path, name])),
      apply: (_, _this, [args]: unknown[]) => call(kind, path, args),
    });
  const client = (kind: keyof Clients): WebClient => at(kind, []) as WebClient;
  return {
    reply: client('reply'),
    open: client('open'),
    post: client('post'),
    look: client('look'),
    home: client('home'),
  };
}
