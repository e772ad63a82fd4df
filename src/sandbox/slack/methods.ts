/** The Web API's methods. Invariant: a method answers with Slack's own fields, or throws Slack's own error code. */
import type { PageUser } from '../contract.ts';
import type { Files } from './files.ts';
import type { Messages } from './messages.ts';
import { validateBlocks, validateView } from './blocks.ts';
import { rec, str } from './values.ts';
import type { Rec } from './values.ts';
import type { Views } from './views.ts';
import { ApiError, BOT, bot, groups } from './workspace.ts';
import type { Channel, Workspace } from './workspace.ts';

export type Methods = Readonly<Record<string, (args: Rec) => Rec>>;
export type MethodParts = { workspace: Workspace; messages: Messages; views: Views; files: Files; base: () => string };

const member = (team: string, u: PageUser): Rec => ({
  id: u.id,
  team_id: team,
  name: u.name,
  real_name: u.realName,
  is_bot: u.isBot,
  deleted: false,
  tz: 'Etc/UTC',
  profile: { real_name: u.realName, display_name: u.name },
});
const conversation = (c: Channel): Rec => ({
  id: c.id,
  name: c.name,
  is_channel: c.kind === 'channel',
  is_im: c.kind === 'im',
  user: c.user,
  is_member: true,
});

const connection = ({ base, workspace: { identity } }: MethodParts): Methods => ({
  'api.test': () => ({}),
  'auth.test': () => ({
    url: base(),
    team: identity.name,
    user: 'burst',
    team_id: identity.team,
    user_id: bot.id,
    bot_id: BOT,
  }),
  'apps.connections.open': () => ({ url: `${base().replace('http', 'ws')}/socket` }),
});

const chat = ({ workspace, messages, base }: MethodParts): Methods => ({
  'chat.postMessage': (a) => {
    const m = messages.post(a, bot.id);
    return { channel: m.channel, ts: m.ts, message: messages.shown(m) };
  },
  'chat.postEphemeral': (a) => ({ message_ts: messages.post(a, bot.id, workspace.user(a['user']).id).ts }),
  'chat.update': (a) => {
    const m = messages.own(a, 'cant_update_message');
    messages.edit(m, a);
    return { channel: m.channel, ts: m.ts, text: m.text, message: messages.shown(m) };
  },
  'chat.delete': (a) => {
    const m = messages.own(a, 'cant_delete_message');
    messages.remove(m);
    return { channel: m.channel, ts: m.ts };
  },
  'chat.getPermalink': (a) => {
    const channel = workspace.channel(a['channel']).id;
    return { channel, permalink: `${base()}/archives/${channel}/p${str(a['message_ts']).replace('.', '')}` };
  },
});

const validation: Methods = {
  'blocks.validate': (a) => {
    const kind = a['view'] !== undefined ? 'view' : a['message'] !== undefined ? 'message' : 'blocks';
    const errors =
      kind === 'view' ? validateView(a['view']) : validateBlocks(rec(a['message'])['blocks'] ?? a['blocks'], 'message');
    if (errors.length > 0) throw new ApiError(`invalid_${kind}`, { errors });
    return {};
  },
};

const modals = ({ workspace, views }: MethodParts): Methods => ({
  'views.open': (a) => ({ view: views.push(a['view'], views.trigger(a['trigger_id']), []) }),
  'views.push': (a) => {
    const who = views.trigger(a['trigger_id']);
    return { view: views.push(a['view'], who, views.stack(who)) };
  },
  'views.update': (a) => {
    const old = views.find(a);
    if (a['hash'] !== undefined && a['hash'] !== old.hash) throw new ApiError('hash_conflict');
    return { view: views.replace(old, a['view']) };
  },
  'views.publish': (a) => {
    const who = workspace.user(a['user_id']).id;
    if (a['hash'] !== undefined && a['hash'] !== views.home(who)?.hash) throw new ApiError('hash_conflict');
    return { view: views.publish(a['view'], who) };
  },
});

const conversations = ({ workspace, messages }: MethodParts): Methods => ({
  'conversations.list': () => ({
    channels: workspace.channels.filter((c) => c.kind === 'channel').map(conversation),
    response_metadata: { next_cursor: '' },
  }),
  'conversations.info': (a) => ({ channel: conversation(workspace.channel(a['channel'])) }),
  'conversations.open': (a) => ({ channel: { id: workspace.channel(workspace.user(a['users']).id).id } }),
  'conversations.members': (a) => {
    const channel = workspace.channel(a['channel']);
    return { members: channel.kind === 'im' ? [bot.id, channel.user] : workspace.users.map((u) => u.id) };
  },
  'conversations.history': (a) => ({
    messages: messages
      .open(a['channel'])
      .filter((m) => m.threadTs === undefined)
      .filter((m) => Number(m.ts) > Number(a['oldest'] ?? 0))
      .reverse()
      .slice(0, Number(a['limit'] ?? 100))
      .map((m) => messages.shown(m, a)),
    has_more: false,
  }),
  'conversations.replies': (a) => ({
    messages: messages
      .open(a['channel'])
      .filter((m) => m.ts === a['ts'] || m.threadTs === a['ts'])
      .map((m) => messages.shown(m, a)),
    has_more: false,
  }),
});

const people = ({ workspace }: MethodParts): Methods => ({
  'users.list': () => ({
    members: workspace.users.map((u) => member(workspace.identity.team, u)),
    response_metadata: { next_cursor: '' },
  }),
  'users.info': (a) => ({ user: member(workspace.identity.team, workspace.user(a['user'])) }),
  'usergroups.list': () => ({
    usergroups: groups.map((g) => ({ id: g.id, handle: g.handle, name: g.handle, team_id: workspace.identity.team })),
  }),
  'usergroups.users.list': (a) => {
    const g = groups.find((x) => x.id === a['usergroup']);
    if (!g) throw new ApiError('no_such_subteam');
    return { users: workspace.users.filter((u) => u.role === g.role).map((u) => u.id) };
  },
});

/** The methods by name. `base` is the simulator's address, known once it listens. */
export const createMethods = (parts: MethodParts): Methods => ({
  ...connection(parts),
  ...chat(parts),
  ...validation,
  ...modals(parts),
  ...conversations(parts),
  ...people(parts),
  ...parts.files.methods,
});
