/** Payloads that Slack sends to an app. Invariant: the fields are those of Slack's documentation, whoever delivers them. */
import type { PageUser } from '../contract.ts';
import { rec } from './values.ts';
import type { Rec } from './values.ts';
import { APP, bot } from './workspace.ts';
import type { Channel, Identity, View, Workspace } from './workspace.ts';

const enterpriseOf = ({ enterprise, name }: Identity): Rec | null =>
  enterprise === undefined ? null : { id: enterprise, name };

/** What every interactive payload says about app, workspace and person. */
export const common = ({ identity, byOrg }: Workspace, u: PageUser): Rec => ({
  team: { id: identity.team, domain: identity.name.toLowerCase() },
  user: { id: u.id, username: u.name, name: u.name, team_id: identity.team },
  api_app_id: APP,
  token: 'sandbox',
  enterprise: enterpriseOf(identity),
  is_enterprise_install: byOrg,
});

export type Command = { channel: Channel; command: string; text: string; responseUrl: string; triggerId: string };
export const slashCommand = ({ identity, byOrg }: Workspace, u: PageUser, c: Command): Rec => ({
  token: 'sandbox',
  team_id: identity.team,
  team_domain: identity.name.toLowerCase(),
  ...(identity.enterprise === undefined ? {} : { enterprise_id: identity.enterprise, enterprise_name: identity.name }),
  channel_id: c.channel.id,
  channel_name: c.channel.name,
  user_id: u.id,
  user_name: u.name,
  command: c.command,
  text: c.text,
  api_app_id: APP,
  is_enterprise_install: String(byOrg),
  response_url: c.responseUrl,
  trigger_id: c.triggerId,
});

/** An event in its Events API envelope. */
export const eventCallback = (workspace: Workspace, event: Rec): Rec => ({
  type: 'event_callback',
  team_id: workspace.identity.team,
  api_app_id: APP,
  event_id: workspace.id('Ev'),
  event_time: Math.floor(workspace.clock.now() / 1000),
  authorizations: [
    {
      team_id: workspace.identity.team,
      user_id: bot.id,
      is_bot: true,
      enterprise_id: workspace.identity.enterprise ?? null,
      is_enterprise_install: workspace.byOrg,
    },
  ],
  event,
});

export type Shortcut = { callbackId: string; triggerId: string; actionTs: string };
/** A shortcut from anywhere. */
export const globalShortcut = (workspace: Workspace, u: PageUser, s: Shortcut): Rec => ({
  type: 'shortcut',
  ...common(workspace, u),
  callback_id: s.callbackId,
  trigger_id: s.triggerId,
  action_ts: s.actionTs,
});
/** A shortcut from the menu of a message; `where` says which. */
export const messageShortcut = (workspace: Workspace, u: PageUser, s: Shortcut, where: Rec): Rec => ({
  ...globalShortcut(workspace, u, s),
  type: 'message_action',
  channel: where['channel'],
  message: where['message'],
  message_ts: rec(where['message'])['ts'],
  response_url: where['response_url'],
});

/** The page's picture of a view. */
export const pageView = (v: View): Rec => ({
  id: v.id,
  type: v['type'],
  title: rec(v['title'])['text'] ?? '',
  submit: rec(v['submit'])['text'],
  close: rec(v['close'])['text'],
  blocks: v['blocks'],
  callbackId: v['callback_id'],
  hash: v.hash,
});
