/** What the simulated workspace holds. Invariant: every change of it goes through `changed`, so that the page sees it. */
import type { Listener, PageMessage, PageUser, SandboxClock } from '../contract.ts';
import { TOO_LONG, TOO_LARGE, validateBlocks, validateView } from './blocks.ts';
import type { BlockProblem } from './blocks.ts';
import type { Declared } from './manifest.ts';
import { list, rec } from './values.ts';
import type { Rec } from './values.ts';

export type Message = PageMessage & { to: string | undefined; metadata: unknown };
export type View = Rec & { id: string; hash: string; user: string };
export type Channel = { id: string; name: string; kind: 'channel' | 'im'; user: string };

/** What Slack answers as `{ok: false, error: message, ...details}`. */
export class ApiError extends Error {
  readonly details: Rec;
  constructor(code: string, details: Rec = {}) {
    super(code);
    this.details = details;
  }
}

export const TEAM = 'T0BURST0001';
export const APP = 'A0BURST0001';
export const BOT = 'B0BURSTBOT1';
export const bot: PageUser = { id: 'U0BURSTBOT1', name: 'burst', realName: 'Burst', role: 'bot', isBot: true };

const person = (id: string, name: string, realName: string, role: string): PageUser => ({
  id,
  name,
  realName,
  role,
  isBot: false,
});
const people = [
  person('U0OPERATOR1', 'olga', 'Olga Operator', 'operator'),
  person('U0ADMIN0001', 'ada', 'Ada Admin', 'admin'),
  person('U0VIEWER001', 'vera', 'Vera Viewer', 'viewer'),
  person('U0NOBODY001', 'nina', 'Nina Nobody', 'none'),
];
/** User groups; who is in them follows from a person's role. */
export const groups = [
  { id: 'S0OPERATORS', handle: 'burst-operators', role: 'operator' },
  { id: 'S0ADMINS001', handle: 'burst-admins', role: 'admin' },
];

/** Problems as the methods that post and open say them; `blocks.validate` says them as they are. */
const said = (problems: readonly BlockProblem[], place = ''): Rec => {
  const errors = problems.map((p) => `${p.message} [json-pointer:${place}${p.pointer}]`);
  return { errors, response_metadata: { messages: errors.map((e) => `[ERROR] ${e}`) } };
};

export type Workspace = ReturnType<typeof createWorkspace>;

/** Which workspace it is; `org` when its organisation has the app, for all of its workspaces. */
export type Identity = { readonly team: string; readonly name: string; readonly enterprise?: string };
export const HOME: Identity = { team: TEAM, name: 'Sandbox' };
/** What the app can be installed to: a workspace, or a whole organisation. */
export type Target = {
  readonly key: string;
  readonly name: string;
  readonly org: boolean;
  /** The team that it is, or one of the organisation's. */
  readonly team: string;
  readonly enterprise: string | undefined;
};

/** A workspace with two channels and a direct message per person. `users` replaces the four people of the demo.
 * Without `declared` every slash command is the app's. */
export function createWorkspace(
  clock: SandboxClock,
  some?: readonly PageUser[],
  declared?: Declared,
  identity: Identity = HOME,
) {
  const users = [...(some ?? people), bot];
  const channels: Channel[] = [
    { id: 'C0BURST0001', name: 'burst', kind: 'channel', user: '' },
    { id: 'C0GENERAL01', name: 'general', kind: 'channel', user: '' },
    ...users
      .filter((u) => !u.isBot)
      .map((u) => ({ id: `D${u.id.slice(1)}`, name: u.name, kind: 'im' as const, user: u.id })),
  ];
  const messages: Message[] = [];
  const listeners = new Set<Listener>();
  let counter = 0;
  let lastTs = 0;
  let notify: NodeJS.Timeout | undefined;

  const id = (prefix: string): string => `${prefix}${String(++counter).padStart(10, '0')}`;
  const named = (blocks: unknown): unknown[] => list(blocks).map((b) => ({ block_id: id('B'), ...rec(b) }));
  return {
    clock,
    declared,
    identity,
    /** The app came here with its organisation. */
    byOrg: false,
    users,
    channels,
    messages,
    listeners,
    id,
    /** A new timestamp, later than all before. */
    ts(): string {
      lastTs = Math.max(clock.now() * 1000, lastTs + 1);
      return `${String(Math.floor(lastTs / 1e6))}.${String(lastTs % 1e6).padStart(6, '0')}`;
    },
    changed(): void {
      notify ??= setTimeout(() => {
        notify = undefined;
        for (const listener of listeners) listener();
      }, 10);
    },
    /** The channel by id, `#name`, or the person whose direct message it is. Throws `channel_not_found`. */
    channel(v: unknown): Channel {
      const found = channels.find((c) => c.id === v || (c.kind === 'im' && c.user === v) || `#${c.name}` === v);
      if (!found) throw new ApiError('channel_not_found');
      return found;
    },
    /** Whether a person sees a message: it is in a conversation of theirs, and not for somebody else alone. */
    sees(user: string, m: Message): boolean {
      const c = channels.find(({ id }) => id === m.channel);
      return c !== undefined && (c.kind === 'channel' || c.user === user) && (m.to ?? user) === user;
    },
    /** Throws `user_not_found`. */
    user(v: unknown): PageUser {
      const found = users.find((u) => u.id === v);
      if (!found) throw new ApiError('user_not_found');
      return found;
    },
    /** A message's blocks with ids where they had none. Throws what Slack answers for blocks that it refuses. */
    checked(blocks: unknown): unknown[] {
      const found = validateBlocks(blocks, 'message');
      if (found.some((p) => p.message === TOO_LONG)) throw new ApiError(TOO_LONG);
      if (found.length > 0) throw new ApiError('invalid_blocks', said(found));
      return named(blocks);
    },
    /** A view's blocks with ids where they had none. Throws what Slack answers for a view that it refuses. */
    checkedView(view: Rec): unknown[] {
      const found = validateView(view);
      if (found.some((p) => p.message === TOO_LARGE)) throw new ApiError(TOO_LARGE);
      if (found.length > 0) throw new ApiError('invalid_arguments', said(found, '/view'));
      return named(view['blocks']);
    },
    close: (): void => clearTimeout(notify),
  };
}
