/** What nothing listens to. Invariant: it is acknowledged first and does nothing; the person is told where Slack allows it. */
import { z } from 'zod';
import { messageOf } from '../domain/errors.ts';
import type { createAnswers } from './answers.ts';
import type { Log } from './basics.ts';
import { foreign } from './blocks/text.ts';
import { noteView } from './blocks/views.ts';
import type { Unheard } from './receiving.ts';
import { withoutInstallation } from './workspaces/index.ts';

const LEFT = 'Nothing was done. Use `/burst help`.';
const id = z.string().min(1).max(100);
const schema = z.looseObject({
  type: z.string().optional().catch(undefined),
  command: z.string().optional().catch(undefined),
  event: z.looseObject({}).optional().catch(undefined),
  actions: z.array(z.unknown()).optional().catch(undefined),
  user_id: id.optional().catch(undefined),
  user: z.looseObject({ id }).optional().catch(undefined),
  channel_id: id.optional().catch(undefined),
  channel: z.looseObject({ id }).optional().catch(undefined),
});

function subjectOf({ type, command }: z.infer<typeof schema>): string {
  if (command !== undefined) return foreign(command, 60);
  if (type === 'block_actions' || type === 'interactive_message') return 'this button or menu';
  if (type === 'shortcut' || type === 'message_action') return 'this shortcut';
  return 'what was sent';
}

const linked = z.looseObject({ response_url: z.url({ protocol: /^https?$/ }) });
/** An answer's link that does not answer is given up, ms. */
const LINK_MS = 10_000;

/** Makes what answers requests from where Burst has no usable installation: through their own link, as there is no token for it. */
export function createUnauthorized(installUrl: string, log: Log): (body: unknown, error: Error) => Promise<void> {
  return async (body, error) => {
    const { data } = linked.safeParse(body);
    if (data === undefined) return;
    const why = withoutInstallation(error)
      ? `Burst has no installation for this workspace (any more). Nothing was done. An admin can install it: <${installUrl}>`
      : `Burst cannot use its token for this workspace. Nothing was done. Those who run Burst find the reason in its log; installing it again may help: <${installUrl}>`;
    const text = `:electric_plug: ${why}`;
    try {
      const answer = await fetch(data.response_url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ response_type: 'ephemeral', replace_original: false, text }),
        signal: AbortSignal.timeout(LINK_MS),
      });
      if (!answer.ok) log.warn({ status: answer.status }, 'a workspace without installation could not be answered');
    } catch (lost) {
      log.warn({ error: messageOf(lost) }, 'a workspace without installation could not be answered');
    }
  };
}

/** Makes what answers requests that no listener took; `answers` reaches one person. */
export function createUnheard(answers: ReturnType<typeof createAnswers>, log: Log): Unheard {
  const tell = (text: string, userId: string, channelId: string | undefined): Promise<void> =>
    answers({ userId, channelId, respond: undefined, replaceOriginal: false })({ text });
  return async (body, ack, error) => {
    const parsed = schema.safeParse(body);
    const item = parsed.data ?? {};
    const kind = item.command ?? item.type ?? 'none';
    try {
      const text = `:grey_question: Burst does not know ${subjectOf(item)}. ${LEFT}`;
      if (item.type === 'view_submission')
        await ack({ response_action: 'update', view: noteView('Burst', `This form is not known. ${LEFT}`) });
      else if (item.type === 'block_suggestion') await ack({ options: [] });
      else if (item.command !== undefined) await ack({ response_type: 'ephemeral', text });
      else await ack();
      log.warn(
        { kind: kind.slice(0, 100), ...(error === undefined ? {} : { error: messageOf(error).slice(0, 500) }) },
        'answered a request that nothing listens to',
      );
      const userId = item.user?.id ?? item.user_id;
      const silent = ['view_submission', 'view_closed', 'block_suggestion'].includes(item.type ?? '');
      if (userId === undefined || silent || item.command !== undefined || item.event !== undefined) return;
      await tell(text, userId, item.channel?.id ?? item.channel_id);
    } catch (lost) {
      log.error({ kind: kind.slice(0, 100), error: messageOf(lost) }, 'an answer could not be given');
    }
  };
}
