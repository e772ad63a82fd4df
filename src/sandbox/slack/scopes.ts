/** Scopes. Invariant: a method answers only an app that was granted what Slack asks for it. */
import type { Channel } from './workspace.ts';

/** What an app has that was started without a manifest. */
export const ALL_SCOPES: readonly string[] = [
  ...['commands', 'chat:write', 'chat:write.public', 'files:read', 'files:write', 'users:read', 'usergroups:read'],
  ...['channels:read', 'groups:read', 'im:read', 'im:write', 'channels:history', 'groups:history', 'im:history'],
];
const scopes: Readonly<Record<string, string>> = {
  'chat.postMessage': 'chat:write',
  'chat.postEphemeral': 'chat:write',
  'chat.update': 'chat:write',
  'chat.delete': 'chat:write',
  'conversations.open': 'im:write',
  'users.list': 'users:read',
  'users.info': 'users:read',
  'usergroups.list': 'usergroups:read',
  'usergroups.users.list': 'usergroups:read',
  'files.getUploadURLExternal': 'files:write',
  'files.completeUploadExternal': 'files:write',
};
/** Their scope says of which kind of conversation. */
const byKind: Readonly<Record<string, string>> = {
  'conversations.list': 'read',
  'conversations.info': 'read',
  'conversations.members': 'read',
  'conversations.history': 'history',
  'conversations.replies': 'history',
};

/** The scope that `method` needs for `channel`, or undefined when it needs none. */
export function neededScope(method: string, channel: Channel | undefined): string | undefined {
  if (!Object.hasOwn(byKind, method)) return Object.hasOwn(scopes, method) ? scopes[method] : undefined;
  return `${channel?.kind === 'im' ? 'im' : 'channels'}:${byKind[method] ?? ''}`;
}
