/** Messages. Invariant: an ephemeral one is seen by one person and can be changed by its response_url alone. */
import type { PageFile } from '../contract.ts';
import { list, str } from './values.ts';
import type { Rec } from './values.ts';
import { ApiError, BOT, bot } from './workspace.ts';
import type { Message, Workspace } from './workspace.ts';

export type Messages = ReturnType<typeof createMessages>;

/** Posting, editing and finding messages of the workspace. Each throws the ApiError that Slack answers. */
export function createMessages(workspace: Workspace) {
  const { messages } = workspace;
  const changed = (): void => workspace.changed();
  const content = (a: Rec, filed = false): { text: string; blocks: unknown[] } => {
    if (str(a['text']) === '' && list(a['blocks']).length === 0 && !filed) throw new ApiError('no_text');
    if (str(a['text']).length > 40_000) throw new ApiError('msg_too_long');
    return { text: str(a['text']), blocks: workspace.checked(a['blocks'] ?? []) };
  };
  return {
    /** A new message of `userId`; with `to` only that person sees it. */
    post(a: Rec, userId: string, to?: string, files?: PageFile[]): Message {
      const threadTs = str(a['thread_ts']) || undefined;
      const where = workspace.channel(a['channel']).id;
      const body = content(a, files !== undefined);
      const m: Message = {
        channel: where,
        ts: workspace.ts(),
        threadTs,
        userId,
        ...body,
        ephemeral: to !== undefined,
        edited: false,
        replyCount: 0,
        to,
        metadata: a['metadata'],
        ...(files === undefined ? {} : { files }),
      };
      const parent = messages.find((p) => p.channel === m.channel && p.ts === threadTs);
      if (parent && to === undefined) parent.replyCount++;
      messages.push(m);
      changed();
      return m;
    },
    /** The app's own message at `channel` and `ts`; `error` when it is someone else's. */
    own(a: Rec, error: string): Message {
      const where = workspace.channel(a['channel']).id;
      const m = messages.find((x) => x.channel === where && x.ts === a['ts'] && !x.ephemeral);
      if (!m) throw new ApiError('message_not_found');
      if (m.userId !== bot.id) throw new ApiError(error);
      return m;
    },
    edit(m: Message, a: Rec): void {
      Object.assign(m, content({ ...a, blocks: a['blocks'] ?? (a['text'] === undefined ? m.blocks : []) }), {
        edited: true,
      });
      changed();
    },
    remove(m: Message): void {
      messages.splice(messages.indexOf(m), 1);
      changed();
    },
    /** What everyone in the channel sees, oldest first. */
    open: (channel: unknown): Message[] => {
      const where = workspace.channel(channel).id;
      return messages.filter((m) => m.channel === where && !m.ephemeral);
    },
    /** The message as the Web API and payloads show it. */
    shown: (m: Message, all: Rec = {}): Rec => ({
      type: 'message',
      ...(String(all['include_all_metadata']) === 'true' && m.metadata !== undefined ? { metadata: m.metadata } : {}),
      user: m.userId,
      ...(m.userId === bot.id ? { bot_id: BOT } : {}),
      ts: m.ts,
      text: m.text,
      blocks: m.blocks,
      ...(m.files === undefined ? {} : { files: m.files }),
      ...(m.threadTs === undefined ? {} : { thread_ts: m.threadTs }),
    }),
  };
}
