/** The page's endpoints. Invariant: a person sees and does here what they could see and do in Slack. */
import { z } from 'zod';
import type { PageUser } from '../contract.ts';
import type { Messages } from './messages.ts';
import { checkedBy } from './arguments.ts';
import { common, eventCallback, globalShortcut, messageShortcut, pageView, slashCommand } from './payloads.ts';
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
  /** Whether the app is in this workspace. */
  installed: () => boolean;
};
type Endpoint = (body: Rec, user: PageUser) => Promise<Rec>;
const view = z.record(z.string(), z.unknown());
/** How an app may answer a submission. */
const submissionAck = z.discriminatedUnion('response_action', [
  z.looseObject({ response_action: z.literal('errors'), errors: z.record(z.string(), z.string()) }),
  z.looseObject({ response_action: z.literal('update'), view }),
  z.looseObject({ response_action: z.literal('push'), view }),
  z.looseObject({ response_action: z.literal('clear') }),
  z.looseObject({ response_action: z.literal('close') }),
]);
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

/** Names of people and channels as Slack escapes them in a command's text. */
const escaped = ({ users, channels }: Workspace, text: string): string =>
  text
    .replace(/(?<!\S)@([\w.-]+)/g, (whole, name: string) => {
      const found = users.find((u) => u.name === name);
      return found ? `<@${found.id}|${found.name}>` : whole;
    })
    .replace(/(?<!\S)#([\w-]+)/g, (whole, name: string) => {
      const found = channels.find((c) => c.kind === 'channel' && c.name === name);
      return found ? `<#${found.id}|${found.name}>` : whole;
    });

const typing = (parts: PageParts): Record<string, Endpoint> => ({
  '/command': async (b, u) => {
    const { workspace, messages, views, responses, deliver } = parts;
    const [, command = '', typed = ''] = /^\s*(\/\S+)\s*([^]*)$/.exec(str(b['text'])) ?? [];
    const commands = workspace.declared?.commands;
    const known = commands?.find((c) => c.command === command);
    if (command === '' || (commands && !known) || !parts.installed())
      return { ok: false, error: `${command || str(b['text'])} is not a valid command.` };
    const text = known?.escapes === true ? escaped(workspace, typed) : typed;
    const channel = workspace.channel(b['channel']);
    const [responseUrl, triggerId] = [responses.url(u.id, channel.id), views.grant(u.id)];
    const ack = await deliver(
      'slash_commands',
      slashCommand(workspace, u, { channel, command, text, responseUrl, triggerId }),
    );
    if (ack === undefined) {
      const failed = `${command} failed because the app did not respond (operation_timeout)`;
      messages.post({ channel: channel.id, text: failed }, 'USLACKBOT', u.id);
    } else if (ack['text'] !== undefined || ack['blocks'] !== undefined)
      responses.respond({ user: u.id, channel: channel.id, ts: '' }, ack);
    return { ok: true };
  },
  '/message': async (b, u) => {
    const { workspace, messages, deliver } = parts;
    const m = messages.post({ channel: b['channel'], text: b['text'], thread_ts: b['threadTs'] }, u.id);
    const kind = workspace.channel(m.channel).kind;
    const event = { ...messages.shown(m), channel: m.channel, channel_type: kind, event_ts: m.ts };
    void deliver('events_api', eventCallback(workspace, event));
    return { ok: true };
  },
});

const clicking = (parts: PageParts): Record<string, Endpoint> => ({
  '/action': async (b, u) => {
    const { workspace } = parts;
    const where = context(parts, rec(b['container']), u);
    const state = { values: rec(b['state']) };
    if (where['view'] !== undefined) where['view'] = { ...rec(where['view']), state };
    const ack = await parts.deliver('interactive', {
      type: 'block_actions',
      ...common(workspace, u),
      ...where,
      trigger_id: parts.views.grant(u.id),
      state,
      actions: [{ ...rec(b['action']), action_ts: parts.workspace.ts() }],
    });
    return ack === undefined ? trouble : { ok: true };
  },
  '/shortcut': async (b, u) => {
    const { workspace, views, deliver } = parts;
    const callbackId = str(b['callbackId']);
    const where = b['message'] === undefined ? undefined : context(parts, { type: 'message', ...rec(b['message']) }, u);
    const type = where === undefined ? 'global' : 'message';
    const known = workspace.declared?.shortcuts;
    if (known && !known.some((s) => s.callbackId === callbackId && s.type === type))
      return { ok: false, error: 'no_such_shortcut' };
    const shortcut = { callbackId, triggerId: views.grant(u.id), actionTs: workspace.ts() };
    const payload =
      where === undefined ? globalShortcut(workspace, u, shortcut) : messageShortcut(workspace, u, shortcut, where);
    return (await deliver('interactive', payload)) === undefined ? trouble : { ok: true };
  },
  '/options': async (b, u) => {
    const { workspace } = parts;
    const ack = await parts.deliver('interactive', {
      type: 'block_suggestion',
      ...common(workspace, u),
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
      ...common(workspace, u),
      view: { ...v, state: { values } },
      trigger_id: views.grant(u.id),
      response_urls: [],
    });
    if (ack === undefined) return trouble;
    const stack = views.stack(u.id);
    const answer = submissionAck.safeParse(Object.keys(ack).length === 0 ? { response_action: 'close' } : ack);
    if (!answer.success) return trouble;
    try {
      switch (answer.data.response_action) {
        case 'errors': {
          const inputs = list(v['blocks']).map((item) => str(rec(item)['block_id']));
          const shown = Object.entries(answer.data.errors).filter(([block]) => inputs.includes(block));
          return shown.length === 0 ? trouble : { ok: false, errors: Object.fromEntries(shown) };
        }
        case 'update':
          views.replace(v, answer.data.view);
          break;
        case 'push':
          views.push(answer.data.view, u.id, stack);
          break;
        case 'clear':
          views.setStack(u.id, []);
          break;
        case 'close':
          views.setStack(
            u.id,
            stack.filter((x) => x.id !== v.id),
          );
      }
    } catch (error) {
      if (error instanceof ApiError) return trouble;
      throw error;
    }
    return { ok: true };
  },
  '/view/close': async (b, u) => {
    const stack = views.stack(u.id);
    const all = b['all'] === true || stack.find((x) => x.id === b['viewId'])?.['clear_on_close'] === true;
    const closed = stack.filter((x) => all || x.id === b['viewId']);
    if (closed.length === 0) return { ok: false, error: 'view_not_found' };
    views.setStack(
      u.id,
      stack.filter((x) => !closed.includes(x)),
    );
    for (const v of closed)
      if (v['notify_on_close'] === true)
        void deliver('interactive', { type: 'view_closed', ...common(workspace, u), view: v, is_cleared: all });
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

const id = z.string().min(1).max(255);
const object = z.record(z.string(), z.unknown());
const values = z.record(z.string(), object);
const container = z.union([
  z.looseObject({ type: z.literal('message'), channel: id, ts: id }),
  z.looseObject({ type: z.literal('view'), viewId: id }),
]);
/** What the page sends, besides `user`. */
const bodies: Readonly<Record<string, z.ZodType<Rec>>> = {
  '/command': z.looseObject({ channel: id, text: z.string() }),
  '/message': z.looseObject({ channel: id, text: z.string(), threadTs: z.string().optional() }),
  '/action': z.looseObject({ container, action: object, state: values.optional() }),
  '/options': z.looseObject({ container, blockId: id, actionId: id, value: z.string() }),
  '/shortcut': z.looseObject({ callbackId: id, message: z.looseObject({ channel: id, ts: id }).optional() }),
  '/view/submit': z.looseObject({ viewId: id, state: values }),
  '/view/close': z.looseObject({ viewId: id, all: z.boolean().optional() }),
  '/home/open': z.looseObject({}),
};

/** What `u` sees. */
const state = ({ workspace, views, installed }: PageParts, u: PageUser): Rec => {
  const here = installed();
  const seen = workspace.channels
    .filter((c) => c.kind === 'channel' || (here && c.user === u.id))
    .map(({ id, name, kind }) => ({ id, name, kind }));
  const home = views.home(u.id);
  return {
    me: u,
    users: workspace.users,
    channels: seen,
    commands: (here ? (workspace.declared?.commands ?? []) : []).map(({ command, description, usageHint }) => ({
      command,
      description,
      usageHint,
    })),
    shortcuts: here ? (workspace.declared?.shortcuts ?? []) : [],
    messages: workspace.messages.filter((m) => workspace.sees(u.id, m)),
    modals: views.stack(u.id).map(pageView),
    home: here && home ? pageView(home) : undefined,
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
      const known = method === 'POST' && Object.hasOwn(bodies, path);
      const [run, schema] = known ? [endpoints[path], bodies[path]] : [];
      if (!run || !schema) return { status: 404, body: { ok: false, error: 'not_found' } };
      return { status: 200, body: await run(checkedBy(schema, b), u) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: 200, body: { ok: false, error: error.message } };
    }
  };
}
