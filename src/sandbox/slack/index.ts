/** The simulated Slack. Invariant: the app sees only Slack's public interfaces; the page sees what one user would see. */
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Listener, PageMessage, PageUser, SandboxClock, SlackSimulator } from '../contract.ts';
import { validateBlocks } from './blocks.ts';
import { list, parsed, rec, str } from './values.ts';
import type { Rec } from './values.ts';

export type SlackOptions = {
  clock: SandboxClock;
  port?: number;
  users?: PageUser[];
  rateLimits?: boolean;
  requestUrl?: string;
};
type Message = PageMessage & { to: string | undefined; metadata: unknown };
type View = Rec & { id: string; hash: string; user: string };
type Envelope = { id: string; type: string; payload: Rec; attempt: number; done: (ack: Rec) => void };
export type SlackCall = { method: string; args: Rec };
export type SlackSimulatorForTests = SlackSimulator & {
  world(): { calls: SlackCall[]; messages: Message[] };
  /** The next `times` calls of `method` answer 429 (`retryAfterSeconds`) or an error. */
  force(method: string, times: number, answer: { error: string } | { retryAfterSeconds: number }): void;
  refreshConnections(): void;
};
class ApiError extends Error {
  readonly details: Rec;
  constructor(code: string, details: Rec = {}) {
    super(code);
    this.details = details;
  }
}
const person = (id: string, name: string, realName: string, role: string): PageUser => ({
  id,
  name,
  realName,
  role,
  isBot: false,
});
const seed = [
  person('U0OPERATOR1', 'olga', 'Olga Operator', 'operator'),
  person('U0ADMIN0001', 'ada', 'Ada Admin', 'admin'),
  person('U0VIEWER001', 'vera', 'Vera Viewer', 'viewer'),
  person('U0NOBODY001', 'nina', 'Nina Nobody', 'none'),
];
const bot: PageUser = { id: 'U0BURSTBOT1', name: 'burst', realName: 'Burst', role: 'bot', isBot: true };
const TEAM = 'T0BURST0001';
const ACK_MS = 3000;

/** Starts the simulated Slack on loopback; with `requestUrl` payloads are POSTed signed there instead of sent over sockets. */
export async function startSlackSimulator(options: SlackOptions): Promise<SlackSimulatorForTests> {
  const users = [...(options.users ?? seed), bot];
  const [botToken, appToken, signingSecret] = ['xoxb-sandbox', 'xapp-sandbox', 'sandbox-signing-secret'];
  const channels = [
    { id: 'C0BURST0001', name: 'burst', kind: 'channel' as const, user: '' },
    { id: 'C0GENERAL01', name: 'general', kind: 'channel' as const, user: '' },
    ...users
      .filter((u) => !u.isBot)
      .map((u) => ({ id: `D${u.id.slice(1)}`, name: u.name, kind: 'im' as const, user: u.id })),
  ];
  const messages: Message[] = [];
  const calls: SlackCall[] = [];
  const stacks = new Map<string, View[]>();
  const homes = new Map<string, View>();
  const triggers = new Map<string, { user: string; untilMs: number }>();
  const responses = new Map<string, { user: string; channel: string; ts: string; uses: number; untilMs: number }>();
  const forced = new Map<string, { left: number; answer: { error: string } | { retryAfterSeconds: number } }>();
  const pending = new Map<string, Envelope>();
  const posts = new Map<string, number[]>();
  const sockets = new Set<WebSocket>();
  const listeners = new Set<Listener>();
  let base = '';
  let counter = 0;
  let lastTs = 0;
  let notify: NodeJS.Timeout | undefined;
  let next = 0;

  const changed = (): void => {
    notify ??= setTimeout(() => {
      notify = undefined;
      for (const listener of listeners) listener();
    }, 10);
  };
  const id = (prefix: string): string => `${prefix}${String(++counter).padStart(10, '0')}`;
  const ts = (): string => {
    lastTs = Math.max(options.clock.now() * 1000, lastTs + 1);
    return `${String(Math.floor(lastTs / 1e6))}.${String(lastTs % 1e6).padStart(6, '0')}`;
  };
  const checked = (blocks: unknown, surface: 'message' | 'modal' | 'home'): unknown[] => {
    const found = validateBlocks(blocks, surface);
    if (found.length > 0)
      throw new ApiError(surface === 'message' ? 'invalid_blocks' : 'invalid_arguments', {
        response_metadata: { messages: found.map((p) => `[ERROR] ${p.message} [json-pointer:${p.pointer}]`) },
      });
    return list(blocks).map((b) => ({ block_id: id('B'), ...rec(b) }));
  };
  const channel = (v: unknown): string => {
    const found = channels.find((c) => c.id === v || (c.kind === 'im' && c.user === v) || `#${c.name}` === v);
    if (!found) throw new ApiError('channel_not_found');
    return found.id;
  };
  const user = (v: unknown): PageUser => {
    const found = users.find((u) => u.id === v);
    if (!found) throw new ApiError('user_not_found');
    return found;
  };
  const content = (a: Rec): { text: string; blocks: unknown[] } => {
    if (str(a['text']) === '' && list(a['blocks']).length === 0) throw new ApiError('no_text');
    if (str(a['text']).length > 40_000) throw new ApiError('msg_too_long');
    return { text: str(a['text']), blocks: checked(a['blocks'] ?? [], 'message') };
  };
  const post = (a: Rec, userId: string, to?: string): Message => {
    const threadTs = str(a['thread_ts']) || undefined;
    const where = channel(a['channel']);
    const body = content(a);
    const m: Message = {
      channel: where,
      ts: ts(),
      threadTs,
      userId,
      ...body,
      ephemeral: to !== undefined,
      edited: false,
      replyCount: 0,
      to,
      metadata: a['metadata'],
    };
    const parent = messages.find((p) => p.channel === m.channel && p.ts === threadTs);
    if (parent && to === undefined) parent.replyCount++;
    messages.push(m);
    changed();
    return m;
  };
  const shown = (m: Message, all: Rec = {}): Rec => ({
    type: 'message',
    ...(String(all['include_all_metadata']) === 'true' && m.metadata !== undefined ? { metadata: m.metadata } : {}),
    user: m.userId,
    ...(m.userId === bot.id ? { bot_id: 'B0BURSTBOT1' } : {}),
    ts: m.ts,
    text: m.text,
    blocks: m.blocks,
    ...(m.threadTs === undefined ? {} : { thread_ts: m.threadTs }),
  });
  const own = (a: Rec, error: string): Message => {
    const where = channel(a['channel']);
    const m = messages.find((x) => x.channel === where && x.ts === a['ts'] && !x.ephemeral);
    if (!m) throw new ApiError('message_not_found');
    if (m.userId !== bot.id) throw new ApiError(error);
    return m;
  };
  const edit = (m: Message, a: Rec): void => {
    Object.assign(m, content({ ...a, blocks: a['blocks'] ?? (a['text'] === undefined ? m.blocks : []) }), {
      edited: true,
    });
    changed();
  };
  const view = (v: unknown, userId: string, previous?: View): View => {
    const r = rec(v);
    const modal = r['type'] === 'modal';
    if (!modal && r['type'] !== 'home') throw new ApiError('invalid_arguments');
    const blocks = checked(r['blocks'], modal ? 'modal' : 'home');
    const wrong: string[] = [];
    for (const key of ['title', 'submit', 'close'])
      if (modal && (r[key] === undefined ? key === 'title' : !/^[^]{1,24}$/.test(str(rec(r[key])['text']))))
        wrong.push(`/${key}`);
    if (modal && r['submit'] === undefined && blocks.some((b) => rec(b)['type'] === 'input')) wrong.push('/submit');
    if (str(r['private_metadata']).length > 3000) wrong.push('/private_metadata');
    if (str(r['callback_id']).length > 255) wrong.push('/callback_id');
    if (wrong.length > 0)
      throw new ApiError('invalid_arguments', {
        response_metadata: { messages: wrong.map((p) => `[ERROR] invalid [json-pointer:/view${p}]`) },
      });
    if (JSON.stringify(r).length > 250_000) throw new ApiError('view_too_large');
    return {
      callback_id: '',
      private_metadata: '',
      ...r,
      blocks,
      id: previous?.id ?? id('V'),
      hash: `${ts()}.h`,
      user: userId,
      team_id: TEAM,
      app_id: 'A0BURST0001',
      bot_id: 'B0BURSTBOT1',
      state: { values: {} },
      root_view_id: previous?.['root_view_id'] ?? null,
      previous_view_id: previous?.['previous_view_id'] ?? null,
    };
  };
  const push = (v: unknown, userId: string, stack: View[]): View => {
    if (stack.length >= 3) throw new ApiError('push_limit_reached');
    const made = view(v, userId);
    Object.assign(made, { root_view_id: stack[0]?.id ?? made.id, previous_view_id: stack.at(-1)?.id ?? null });
    stacks.set(userId, [...stack, made]);
    changed();
    return made;
  };
  const modals = (): View[] => [...stacks.values()].flat();
  const replace = (old: View, v: unknown): View => {
    const made = view(v, old.user, old);
    stacks.set(
      old.user,
      (stacks.get(old.user) ?? []).map((x) => (x.id === old.id ? made : x)),
    );
    if (homes.get(old.user)?.id === old.id) homes.set(old.user, made);
    changed();
    return made;
  };
  const trigger = (v: unknown): string => {
    const t = triggers.get(str(v));
    if (!t) throw new ApiError('invalid_trigger_id');
    if (Date.now() > t.untilMs) throw new ApiError('expired_trigger_id');
    triggers.delete(str(v));
    return t.user;
  };
  const member = (u: PageUser): Rec => ({
    id: u.id,
    team_id: TEAM,
    name: u.name,
    real_name: u.realName,
    is_bot: u.isBot,
    deleted: false,
    tz: 'Etc/UTC',
    profile: { real_name: u.realName, display_name: u.name },
  });
  const groups = [
    { id: 'S0OPERATORS', handle: 'burst-operators', role: 'operator' },
    { id: 'S0ADMINS001', handle: 'burst-admins', role: 'admin' },
  ];
  const conversation = (c: (typeof channels)[number]): Rec => ({
    id: c.id,
    name: c.name,
    is_channel: c.kind === 'channel',
    is_im: c.kind === 'im',
    user: c.user,
    is_member: true,
  });
  const newest = (a: Rec): Message[] => messages.filter((m) => m.channel === channel(a['channel']) && !m.ephemeral);

  const methods: Record<string, (a: Rec) => Rec> = {
    'api.test': () => ({}),
    'auth.test': () => ({
      url: base,
      team: 'Sandbox',
      user: 'burst',
      team_id: TEAM,
      user_id: bot.id,
      bot_id: 'B0BURSTBOT1',
    }),
    'apps.connections.open': () => ({ url: `${base.replace('http', 'ws')}/socket` }),
    'chat.postMessage': (a) => {
      const m = post(a, bot.id);
      return { channel: m.channel, ts: m.ts, message: shown(m) };
    },
    'chat.postEphemeral': (a) => ({ message_ts: post(a, bot.id, user(a['user']).id).ts }),
    'chat.update': (a) => {
      const m = own(a, 'cant_update_message');
      edit(m, a);
      return { channel: m.channel, ts: m.ts, text: m.text, message: shown(m) };
    },
    'chat.delete': (a) => {
      const m = own(a, 'cant_delete_message');
      messages.splice(messages.indexOf(m), 1);
      changed();
      return { channel: m.channel, ts: m.ts };
    },
    'chat.getPermalink': (a) => ({
      channel: channel(a['channel']),
      permalink: `${base}/archives/${channel(a['channel'])}/p${str(a['message_ts']).replace('.', '')}`,
    }),
    'views.open': (a) => ({ view: push(a['view'], trigger(a['trigger_id']), []) }),
    'views.push': (a) => {
      const who = trigger(a['trigger_id']);
      return { view: push(a['view'], who, stacks.get(who) ?? []) };
    },
    'views.update': (a) => {
      const old = [...modals(), ...homes.values()].find(
        (v) => v.id === a['view_id'] || (a['external_id'] !== undefined && v['external_id'] === a['external_id']),
      );
      if (!old) throw new ApiError('not_found');
      if (a['hash'] !== undefined && a['hash'] !== old.hash) throw new ApiError('hash_conflict');
      return { view: replace(old, a['view']) };
    },
    'views.publish': (a) => {
      const who = user(a['user_id']).id;
      const old = homes.get(who);
      if (a['hash'] !== undefined && a['hash'] !== old?.hash) throw new ApiError('hash_conflict');
      const made = view(a['view'], who, old);
      homes.set(who, made);
      changed();
      return { view: made };
    },
    'conversations.list': () => ({
      channels: channels.filter((c) => c.kind === 'channel').map(conversation),
      response_metadata: { next_cursor: '' },
    }),
    'conversations.info': (a) => ({
      channel: channels.filter((c) => c.id === channel(a['channel'])).map(conversation)[0],
    }),
    'conversations.open': (a) => ({ channel: { id: channel(user(a['users']).id) } }),
    'conversations.members': (a) => ({
      members: channel(a['channel']).startsWith('D')
        ? [bot.id, channels.find((c) => c.id === a['channel'])?.user]
        : users.map((u) => u.id),
    }),
    'conversations.history': (a) => ({
      messages: newest(a)
        .filter((m) => m.threadTs === undefined)
        .filter((m) => Number(m.ts) > Number(a['oldest'] ?? 0))
        .reverse()
        .slice(0, Number(a['limit'] ?? 100))
        .map((m) => shown(m, a)),
      has_more: false,
    }),
    'conversations.replies': (a) => ({
      messages: newest(a)
        .filter((m) => m.ts === a['ts'] || m.threadTs === a['ts'])
        .map((m) => shown(m, a)),
      has_more: false,
    }),
    'users.list': () => ({ members: users.map(member), response_metadata: { next_cursor: '' } }),
    'users.info': (a) => ({ user: member(user(a['user'])) }),
    'usergroups.list': () => ({
      usergroups: groups.map((g) => ({ id: g.id, handle: g.handle, name: g.handle, team_id: TEAM })),
    }),
    'usergroups.users.list': (a) => {
      const g = groups.find((x) => x.id === a['usergroup']);
      if (!g) throw new ApiError('no_such_subteam');
      return { users: users.filter((u) => u.role === g.role).map((u) => u.id) };
    },
  };

  const send = (e: Envelope): void => {
    const open = [...sockets].filter((s) => s.readyState === s.OPEN);
    const socket = open[next++ % Math.max(1, open.length)];
    if (!socket || !pending.has(e.id)) return;
    const slow = e.type !== 'events_api';
    socket.send(
      JSON.stringify({
        envelope_id: e.id,
        type: e.type,
        payload: e.payload,
        accepts_response_payload: slow,
        retry_attempt: e.attempt,
        retry_reason: e.attempt > 0 ? 'timeout' : '',
      }),
    );
    e.attempt++;
    if (e.attempt < 4) setTimeout(() => send(e), ACK_MS).unref();
    else setTimeout(() => pending.delete(e.id), ACK_MS).unref();
  };
  /** Delivers to the app; the ack's payload, or undefined when none came within 3 s. */
  const deliver = async (type: string, payload: Rec): Promise<Rec | undefined> => {
    if (options.requestUrl !== undefined) {
      const form = type === 'slash_commands' ? payload : { payload: JSON.stringify(payload) };
      const json = type === 'events_api';
      const body = json
        ? JSON.stringify(payload)
        : new URLSearchParams(Object.entries(form).map(([k, v]) => [k, str(v)])).toString();
      const at = String(Math.floor(Date.now() / 1000));
      const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${at}:${body}`).digest('hex')}`;
      const headers = {
        'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': at,
        'x-slack-signature': signature,
      };
      const answer = await fetch(options.requestUrl, {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(ACK_MS),
      }).catch(() => undefined);
      if (answer?.ok !== true) return undefined;
      const reply = await answer.text();
      const value = parsed(reply);
      return typeof value === 'string' && value !== '' ? { text: value } : rec(value);
    }
    return new Promise((resolve) => {
      const e: Envelope = { id: randomUUID(), type, payload, attempt: 0, done: resolve };
      pending.set(e.id, e);
      setTimeout(() => resolve(undefined), ACK_MS).unref();
      send(e);
    });
  };
  const grant = (userId: string): string => {
    const t = id('trigger.');
    triggers.set(t, { user: userId, untilMs: Date.now() + 3000 });
    return t;
  };
  const respondAt = (userId: string, where: string, messageTs = ''): string => {
    const key = randomUUID();
    responses.set(key, {
      user: userId,
      channel: where,
      ts: messageTs,
      uses: 0,
      untilMs: options.clock.now() + 1_800_000,
    });
    return `${base}/response/${key}`;
  };
  const respond = (r: { user: string; channel: string; ts: string }, a: Rec): void => {
    const old = messages.find((m) => m.ts === r.ts);
    if (a['delete_original'] === true && old) {
      messages.splice(messages.indexOf(old), 1);
      changed();
    } else if (a['replace_original'] === true && old) edit(old, a);
    else post({ ...a, channel: r.channel }, bot.id, a['response_type'] === 'in_channel' ? undefined : r.user);
  };
  const common = (u: PageUser): Rec => ({
    team: { id: TEAM, domain: 'sandbox' },
    user: { id: u.id, username: u.name, name: u.name, team_id: TEAM },
    api_app_id: 'A0BURST0001',
    token: 'sandbox',
    enterprise: null,
    is_enterprise_install: false,
  });
  const event = (e: Rec): Promise<Rec | undefined> =>
    deliver('events_api', {
      type: 'event_callback',
      team_id: TEAM,
      api_app_id: 'A0BURST0001',
      event_id: id('Ev'),
      event_time: Math.floor(options.clock.now() / 1000),
      authorizations: [
        { team_id: TEAM, user_id: bot.id, is_bot: true, enterprise_id: null, is_enterprise_install: false },
      ],
      event: e,
    });
  const context = (c: Rec, u: PageUser): Rec => {
    if (c['type'] === 'view') {
      const v = [...(stacks.get(u.id) ?? []), ...[homes.get(u.id)]].find((x) => x?.id === c['viewId']);
      if (!v) throw new ApiError('view_not_found');
      return { container: { type: 'view', view_id: v.id }, view: v };
    }
    const m = messages.find((x) => x.channel === c['channel'] && x.ts === c['ts'] && (x.to ?? u.id) === u.id);
    if (!m) throw new ApiError('message_not_found');
    return {
      container: { type: 'message', message_ts: m.ts, channel_id: m.channel, is_ephemeral: m.ephemeral },
      channel: { id: m.channel, name: channels.find((x) => x.id === m.channel)?.name },
      message: shown(m),
      response_url: respondAt(u.id, m.channel, m.ts),
    };
  };
  const trouble = { ok: false, error: 'We had some trouble connecting. Try again?' };
  const page: Record<string, (b: Rec, u: PageUser) => Promise<Rec>> = {
    '/command': async (b, u) => {
      const [, command = '', text = ''] = /^\s*(\/\S+)\s*([^]*)$/.exec(str(b['text'])) ?? [];
      if (command !== '/burst') return { ok: false, error: `${command || str(b['text'])} is not a valid command.` };
      const where = channel(b['channel']);
      const ack = await deliver('slash_commands', {
        token: 'sandbox',
        team_id: TEAM,
        team_domain: 'sandbox',
        channel_id: where,
        channel_name: channels.find((c) => c.id === where)?.name,
        user_id: u.id,
        user_name: u.name,
        command,
        text,
        api_app_id: 'A0BURST0001',
        is_enterprise_install: 'false',
        response_url: respondAt(u.id, where),
        trigger_id: grant(u.id),
      });
      if (ack === undefined)
        post(
          { channel: where, text: `${command} failed because the app did not respond (operation_timeout)` },
          'USLACKBOT',
          u.id,
        );
      else if (ack['text'] !== undefined || ack['blocks'] !== undefined)
        respond({ user: u.id, channel: where, ts: '' }, ack);
      return { ok: true };
    },
    '/message': async (b, u) => {
      const m = post({ channel: b['channel'], text: b['text'], thread_ts: b['threadTs'] }, u.id);
      void event({
        ...shown(m),
        channel: m.channel,
        channel_type: m.channel.startsWith('D') ? 'im' : 'channel',
        event_ts: m.ts,
      });
      return { ok: true };
    },
    '/action': async (b, u) => {
      const where = context(rec(b['container']), u);
      const state = { values: rec(b['state']) };
      if (where['view'] !== undefined) where['view'] = { ...rec(where['view']), state };
      const ack = await deliver('interactive', {
        type: 'block_actions',
        ...common(u),
        ...where,
        trigger_id: grant(u.id),
        state,
        actions: [{ ...rec(b['action']), action_ts: ts() }],
      });
      return ack === undefined ? trouble : { ok: true };
    },
    '/view/submit': async (b, u) => {
      const v = stacks.get(u.id)?.find((x) => x.id === b['viewId']);
      if (!v) return { ok: false, error: 'view_not_found' };
      const values = rec(b['state']);
      const errors: Record<string, string> = {};
      for (const item of list(v['blocks']).map(rec)) {
        if (item['type'] !== 'input' || item['optional'] === true) continue;
        const given = Object.values(rec(values[str(item['block_id'])])).some((e) =>
          Object.entries(rec(e)).some(
            ([k, x]) =>
              k !== 'type' && x !== null && x !== undefined && x !== '' && !(Array.isArray(x) && x.length === 0),
          ),
        );
        if (!given) errors[str(item['block_id'])] = 'Please complete this required field.';
      }
      if (Object.keys(errors).length > 0) return { ok: false, errors };
      const ack = await deliver('interactive', {
        type: 'view_submission',
        ...common(u),
        view: { ...v, state: { values } },
        trigger_id: grant(u.id),
        response_urls: [],
      });
      if (ack === undefined) return trouble;
      const stack = stacks.get(u.id) ?? [];
      if (ack['response_action'] === 'errors') return { ok: false, errors: rec(ack['errors']) };
      if (ack['response_action'] === 'update') replace(v, ack['view']);
      else if (ack['response_action'] === 'push') push(ack['view'], u.id, stack);
      else stacks.set(u.id, ack['response_action'] === 'clear' ? [] : stack.filter((x) => x.id !== v.id));
      changed();
      return { ok: true };
    },
    '/view/close': async (b, u) => {
      const stack = stacks.get(u.id) ?? [];
      const closed = stack.filter((x) => b['all'] === true || x.id === b['viewId']);
      if (closed.length === 0) return { ok: false, error: 'view_not_found' };
      stacks.set(
        u.id,
        stack.filter((x) => !closed.includes(x)),
      );
      for (const v of closed)
        if (v['notify_on_close'] === true)
          void deliver('interactive', { type: 'view_closed', ...common(u), view: v, is_cleared: b['all'] === true });
      changed();
      return { ok: true };
    },
    '/home/open': async (_b, u) => {
      const view_ = homes.get(u.id);
      void event({
        type: 'app_home_opened',
        user: u.id,
        channel: channel(u.id),
        tab: 'home',
        event_ts: ts(),
        ...(view_ ? { view: view_ } : {}),
      });
      return { ok: true };
    },
    '/options': async (b, u) => {
      const ack = await deliver('interactive', {
        type: 'block_suggestion',
        ...common(u),
        ...context(rec(b['container']), u),
        block_id: b['blockId'],
        action_id: b['actionId'],
        value: b['value'],
      });
      return ack === undefined ? trouble : { ok: true, options: ack['options'] ?? [] };
    },
  };
  const pageView = (v: View): Rec => ({
    id: v.id,
    type: v['type'],
    title: str(rec(v['title'])['text']),
    submit: rec(v['submit'])['text'],
    close: rec(v['close'])['text'],
    blocks: v['blocks'],
    callbackId: v['callback_id'],
    hash: v.hash,
  });
  const state = (u: PageUser): Rec => {
    const seen = channels
      .filter((c) => c.kind === 'channel' || c.user === u.id)
      .map(({ id: i, name, kind }) => ({ id: i, name, kind }));
    const home = homes.get(u.id);
    return {
      me: u,
      users,
      channels: seen,
      commands: [
        {
          command: '/burst',
          description: 'Temporary cluster workers',
          usageHint: '[list | provision | drain | destroy | help]',
        },
      ],
      messages: messages.filter((m) => seen.some((c) => c.id === m.channel) && (m.to ?? u.id) === u.id),
      modals: (stacks.get(u.id) ?? []).map(pageView),
      home: home ? pageView(home) : undefined,
    };
  };

  const app = express();
  app.use(express.json({ limit: '5mb' }), express.urlencoded({ extended: false, limit: '5mb' }));
  app.post('/response/:key', (req, res) => {
    const r = responses.get(req.params.key);
    if (!r || r.uses >= 5 || options.clock.now() > r.untilMs)
      return void res.status(404).json({ ok: false, error: r ? 'used_url' : 'expired_url' });
    r.uses++;
    try {
      respond(r, rec(req.body));
      res.send('ok');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      res.status(400).json({ ok: false, error: error.message, ...error.details });
    }
  });
  app.all('/api/:method', (req, res) => {
    const method = req.params.method;
    const args = Object.fromEntries(
      Object.entries({ ...rec(req.query), ...rec(req.body) }).map(([k, v]) => [
        k,
        ['text', 'private_metadata'].includes(k) ? v : parsed(v),
      ]),
    );
    const token = req.headers.authorization?.replace(/^Bearer /i, '') ?? args['token'];
    delete args['token'];
    calls.push({ method, args });
    res.setHeader(
      'x-oauth-scopes',
      [
        'commands,chat:write,chat:write.public,users:read,usergroups:read,files:write',
        'channels:history,groups:history,im:history,im:write',
      ].join(','),
    );
    const limited = (seconds: number): void =>
      void res.status(429).set('Retry-After', String(seconds)).json({ ok: false, error: 'ratelimited' });
    try {
      const f = forced.get(method);
      if (f && f.left-- > 0) {
        if ('retryAfterSeconds' in f.answer) return limited(f.answer.retryAfterSeconds);
        throw new ApiError(f.answer.error);
      }
      const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (!run) throw new ApiError('unknown_method');
      if (method !== 'api.test' && token !== (method === 'apps.connections.open' ? appToken : botToken))
        throw new ApiError(token === undefined ? 'not_authed' : 'invalid_auth');
      if (options.rateLimits === true && method === 'chat.postMessage') {
        const recent = (posts.get(str(args['channel'])) ?? []).filter((t) => t > Date.now() - 5000);
        if (recent.length >= 5) return limited(1);
        posts.set(str(args['channel']), [...recent, Date.now()]);
      }
      res.json({ ok: true, ...run(args) });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      res.json({ ok: false, error: error.message, ...error.details });
    }
  });
  const server = createServer(app);
  const wss = new WebSocketServer({ server, path: '/socket' });
  wss.on('connection', (socket) => {
    if (sockets.size >= 10) return socket.close();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data: Buffer) => {
      const ack = rec(parsed(data.toString()));
      const e = pending.get(str(ack['envelope_id']));
      pending.delete(str(ack['envelope_id']));
      e?.done(rec(ack['payload']));
    });
    socket.send(
      JSON.stringify({
        type: 'hello',
        num_connections: sockets.size,
        connection_info: { app_id: 'A0BURST0001' },
        debug_info: { host: 'sandbox' },
      }),
    );
    for (const e of pending.values()) if (e.attempt === 0) send(e);
  });
  const pings = setInterval(() => sockets.forEach((s) => s.ping()), 10_000);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    apiUrl: `${base}/api/`,
    botToken,
    appToken,
    signingSecret,
    async handlePage(method, path, query, body) {
      try {
        const b = rec(body);
        const u = user(method === 'GET' ? query.get('user') : b['user']);
        if (method === 'GET' && path === '/state') return { status: 200, body: state(u) };
        const run = method === 'POST' && Object.hasOwn(page, path) ? page[path] : undefined;
        return run ? { status: 200, body: await run(b, u) } : { status: 404, body: { ok: false, error: 'not_found' } };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return { status: 200, body: { ok: false, error: error.message } };
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    world: () => structuredClone({ calls, messages }),
    force: (method, times, answer) => void forced.set(method, { left: times, answer }),
    refreshConnections: () =>
      sockets.forEach((s) => s.send(JSON.stringify({ type: 'disconnect', reason: 'refresh_requested' }))),
    async close() {
      clearInterval(pings);
      clearTimeout(notify);
      sockets.forEach((s) => s.terminate());
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
