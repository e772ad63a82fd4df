/** response_urls. Invariant: each answers one interaction of one person, five times within 30 minutes. */
import { randomUUID } from 'node:crypto';
import type { Messages } from './messages.ts';
import type { Rec } from './values.ts';
import { ApiError, bot } from './workspace.ts';
import type { Workspace } from './workspace.ts';

type Target = { user: string; channel: string; ts: string };
const USES = 5;
const LIFE_MS = 30 * 60_000;

export type Responses = ReturnType<typeof createResponses>;

/** Makes and answers response_urls below `base`. */
export function createResponses(workspace: Workspace, messages: Messages, base: () => string) {
  const known = new Map<string, Target & { uses: number; untilMs: number }>();
  /** Posts, replaces or deletes as an answer to an interaction asks for; default is an ephemeral message. */
  const respond = (target: Target, a: Rec): void => {
    const old = workspace.messages.find((m) => m.ts === target.ts);
    if (a['delete_original'] === true && old) messages.remove(old);
    else if (a['replace_original'] === true && old) messages.edit(old, a);
    else {
      const to = a['response_type'] === 'in_channel' ? undefined : target.user;
      messages.post({ ...a, channel: target.channel }, bot.id, to);
    }
  };
  return {
    respond,
    /** A new response_url for what `user` did in `channel`, at the message `ts` if there is one. */
    url(user: string, channel: string, ts = ''): string {
      const key = randomUUID();
      known.set(key, { user, channel, ts, uses: 0, untilMs: workspace.clock.now() + LIFE_MS });
      return `${base()}/response/${key}`;
    },
    /** Uses the url once. Throws `expired_url` or `used_url` with its HTTP status, or what is wrong with the answer. */
    use(key: string, a: Rec): void {
      const r = known.get(key);
      if (!r || workspace.clock.now() > r.untilMs) throw new ApiError('expired_url');
      if (r.uses >= USES) throw new ApiError('used_url');
      r.uses++;
      respond(r, a);
    },
  };
}
