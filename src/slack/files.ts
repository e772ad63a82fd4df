/** Files. Invariant: a file goes where it is said to go: into a person's direct messages, where nobody else sees it, or into a channel. */
import type { Clients } from './clients.ts';

export type SharedFile = {
  readonly name: string;
  readonly title: string;
  readonly content: string | Buffer;
  readonly comment: string;
  /** What a picture shows, in words. */
  readonly alt?: string;
};

/** The direct messages with a person. @throws what Slack answers when there are none. */
export async function directMessages(clients: Pick<Clients, 'reply'>, userId: string): Promise<string> {
  const { channel } = await clients.reply.conversations.open({ users: userId });
  if (channel?.id === undefined) throw new Error('Slack opened no direct message');
  return channel.id;
}

/** Shares a file in a channel or direct message. @throws what Slack answers when it is not taken. */
export async function shareFile(clients: Pick<Clients, 'reply'>, channelId: string, file: SharedFile): Promise<void> {
  await clients.reply.filesUploadV2({
    channel_id: channelId,
    filename: file.name,
    title: file.title,
    file: typeof file.content === 'string' ? Buffer.from(file.content, 'utf8') : file.content,
    initial_comment: file.comment,
    ...(file.alt === undefined ? {} : { alt_text: file.alt }),
  });
}

/** Shares a file with a person. @throws what Slack answers when it is not taken. */
export async function sendFile(clients: Pick<Clients, 'reply'>, userId: string, file: SharedFile): Promise<void> {
  await shareFile(clients, await directMessages(clients, userId), file);
}
