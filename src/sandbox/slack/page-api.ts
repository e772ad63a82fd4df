/** The page's endpoints. Invariant: a person sees and does here what they could see and do in Slack. */
import type { PageUser } from '../contract.ts';
import type { Messages } from './messages.ts';
import { common, eventCallback, pageView, slashCommand } from './payloads.ts';
import type { Responses } from './responses.ts';
import type { Deliver } from './sockets.ts';
import { list, rec, str } from './values.ts';
import type { Rec } from './values.ts';
import type { Views } from './views.ts';
import { ApiError } from './workspace.ts';
import type { Workspace } from './workspace.ts';

export type PageParts = {
  workspace: Workspace;
  messages: Messages;
  views: Views;
  responses: Responses;
  deliver: Deliver;
};
type Endpoint = (body: Rec, user: PageUser) => Promise<Rec>;
const trouble = { ok: false, error: 'We had some trouble connecting. Try again?' };

/** The surface that something was clicked on, as payloads describe it. Throws when this person cannot see it. */
const context = ({ workspace, messages, views, responses }: PageParts, c: Rec, u: PageUser): Rec => {
  if (c['type'] === 'view') {
    const v = views.seen(u.id, c['viewId']);
    if (!v) throw new ApiError('view_not_found');
    return { container: { type: 'view', view_id: v.id }, view: v };
  }
  const m = workspace.messages.find((x) => x.channel === c['channel'] && x.ts === c['ts'] && (x.to ?? u.id) === u.id);
  if (!m) throw new ApiError('message_not_found');
  return {
    container: { type: 'message', message_ts: m.ts, channel_id: m.channel, is_ephemeral: m.ephemeral },
    channel: { id: m.channel, name: workspace.channel(m.channel).name },
    message: messages.shown(m),
    response_url: responses.url(u.id, m.channel, m.ts),
  };
};

/** Required inputs without a value, by block_id. */
const missing = (blocks: unknown, values: Rec): Record<string, string> => {
  const errors: Record<string, string> = {};
  for (const item of list(blocks).map(rec)) {
    if (item['type'] !== 'input' || item['optional'] === true) continue;
    const given = Object.values(rec(values[str(item['block_id'])])).some((e) =>
      Object.entries(rec(e)).some(
        ([k, x]) => k !== 'type' && x !== null && x !== undefined && x !== '' && !(Array.isArray(x) && x.length === 0),
      ),
    );
    if (!given) errors[str(item['block_id'])] = 'Please complete this required field.';
  }
  return errors;
};

const typing = ({ workspace, messages, views, responses, deliver }: PageParts): Record<string, Endpoint> => ({
  '/command': async (b, u) => {
    const [, command = '', text = ''] = /^\s*(\/\S+)\s*([^]*)$/.exec(str(b['text'])) ?? [];
    if (command !== '/burst') return { ok: false, error: `${command || str(b['text'])} is not a valid command.` };
    const channel = workspace.channel(b['channel']);
    const [responseUrl, triggerId] = [responses.url(u.id, channel.id), views.grant(u.id)];
    const ack = await deliver('slash_commands', slashCommand(u, { channel, command, text, responseUrl, triggerId }));
    if (ack === undefined) {
      const failed = `${command} failed because the app did not respond (operation_timeout)`;
      messages.post({ channel: channel.id, text: failed }, 'USLACKBOT', u.id);
    } else if (ack['text'] !== undefined || ack['blocks'] !== undefined)
      responses.respond({ user: u.id, channel: channel.id, ts: '' }, ack);
    return { ok: true };
  },
  '/message': async (b, u) => {
    const m = messages.post({ channel: b['channel'], text: b['text'], thread_ts: b['threadTs'] }, u.id);
    const kind = workspace.channel(m.channel).kind;
    const event = { ...messages.shown(m), channel: m.channel, channel_type: kind, event_ts: m.ts };
    void deliver('events_api', eventCallback(workspace, event));
    return { ok: true };
  },
});

const clicking = (parts: PageParts): Record<string, Endpoint> => ({
  '/action': async (b, u) => {
    const where = context(parts, rec(b['container']), u);
    const state = { values: rec(b['state']) };
    if (where['view'] !== undefined) where['view'] = { ...rec(where['view']), state };
    const ack = await parts.deliver('interactive', {
      type: 'block_actions',
      ...common(u),
      ...where,
      trigger_id: parts.views.grant(u.id),
      state,
      actions: [{ ...rec(b['action']), action_ts: parts.workspace.ts() }],
    });
    return ack === undefined ? trouble : { ok: true };
  },
  '/options': async (b, u) => {
    const ack = await parts.deliver('interactive', {
      type: 'block_suggestion',
      ...common(u),
      ...context(parts, rec(b['container']), u),
      block_id: b['blockId'],
      action_id: b['actionId'],
      value: b['value'],
    });
    return ack === undefined ? trouble : { ok: true, options: ack['options'] ?? [] };
  },
});

const viewing = ({ workspace, views, deliver }: PageParts): Record<string, Endpoint> => ({
  '/view/submit': async (b, u) => {
    const v = views.stack(u.id).find((x) => x.id === b['viewId']);
    if (!v) return { ok: false, error: 'view_not_found' };
    const values = rec(b['state']);
    const errors = missing(v['blocks'], values);
    if (Object.keys(errors).length > 0) return { ok: false, errors };
    const ack = await deliver('interactive', {
      type: 'view_submission',
      ...common(u),
      view: { ...v, state: { values } },
      trigger_id: views.grant(u.id),
      response_urls: [],
    });
    if (ack === undefined) return trouble;
    const stack = views.stack(u.id);
    if (ack['response_action'] === 'errors') return { ok: false, errors: rec(ack['errors']) };
    if (ack['response_action'] === 'update') views.replace(v, ack['view']);
    else if (ack['response_action'] === 'push') views.push(ack['view'], u.id, stack);
    else views.setStack(u.id, ack['response_action'] === 'clear' ? [] : stack.filter((x) => x.id !== v.id));
    return { ok: true };
  },
  '/view/close': async (b, u) => {
    const stack = views.stack(u.id);
    const closed = stack.filter((x) => b['all'] === true || x.id === b['viewId']);
    if (closed.length === 0) return { ok: false, error: 'view_not_found' };
    views.setStack(
      u.id,
      stack.filter((x) => !closed.includes(x)),
    );
    for (const v of closed)
      if (v['notify_on_close'] === true)
        void deliver('interactive', { type: 'view_closed', ...common(u), view: v, is_cleared: b['all'] === true });
    return { ok: true };
  },
  '/home/open': async (_b, u) => {
    const view = views.home(u.id);
    const channel = workspace.channel(u.id).id;
    const event = { type: 'app_home_opened', user: u.id, channel, tab: 'home', event_ts: workspace.ts() };
    void deliver('events_api', eventCallback(workspace, { ...event, ...(view ? { view } : {}) }));
    return { ok: true };
  },
});

/** What `u` sees. */
const state = ({ workspace, views }: PageParts, u: PageUser): Rec => {
  const seen = workspace.channels
    .filter((c) => c.kind === 'channel' || c.user === u.id)
    .map(({ id, name, kind }) => ({ id, name, kind }));
  const home = views.home(u.id);
  return {
    me: u,
    users: workspace.users,
    channels: seen,
    commands: [
      {
        command: '/burst',
        description: 'Temporary cluster workers',
        usageHint: '[list | provision | drain | destroy | help]',
      },
    ],
    messages: workspace.messages.filter((m) => seen.some((c) => c.id === m.channel) && (m.to ?? u.id) === u.id),
    modals: views.stack(u.id).map(pageView),
    home: home ? pageView(home) : undefined,
  };
};

/** Answers the page's requests; the paths and bodies are those of the sandbox's contract. */
export function createPageApi(parts: PageParts) {
  const endpoints = { ...typing(parts), ...clicking(parts), ...viewing(parts) };
  return async (method: string, path: string, query: URLSearchParams, body: unknown) => {
    try {
      const b = rec(body);
      const u = parts.workspace.user(method === 'GET' ? query.get('user') : b['user']);
      if (method === 'GET' && path === '/state') return { status: 200, body: state(parts, u) };
      const run = method === 'POST' && Object.hasOwn(endpoints, path) ? endpoints[path] : undefined;
      return run ? { status: 200, body: await run(b, u) } : { status: 404, body: { ok: false, error: 'not_found' } };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: 200, body: { ok: false, error: error.message } };
    }
  };
}
