/** Files for one person. Invariant: a file goes into the person's direct messages, where nobody else sees it. */
import type { Clients } from './clients.ts';

/** Shares a text file with a person. @throws what Slack answers when it is not taken. */
export async function sendFile(
  clients: Pick<Clients, 'reply'>,
  userId: string,
  file: { readonly name: string; readonly title: string; readonly content: string; readonly comment: string },
): Promise<void> {
  const { channel } = await clients.reply.conversations.open({ users: userId });
  if (channel?.id === undefined) throw new Error('Slack opened no direct message');
  await clients.reply.filesUploadV2({
    channel_id: channel.id,
    filename: file.name,
    title: file.title,
    file: Buffer.from(file.content, 'utf8'),
    initial_comment: file.comment,
  });
}
