/**
 * The door for whatever Slack sends. Invariant: a flood of one person is acknowledged, told of once and not served; what
 * that person filled into a form is never thrown away.
 */
import type { ReceiverEvent } from '@slack/bolt';
import { messageOf } from '../domain/errors.ts';
import { createFloodGate } from '../domain/flood.ts';
import type { BucketPolicy } from '../domain/rate-limit.ts';
import { within } from '../ports/clock.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { AnswerTo } from './answers.ts';
import type { Log } from './basics.ts';
import { date } from './blocks/text.ts';
import type { Message } from './blocks/text.ts';
import type { Inbox, Serve } from './inbox.ts';
import { askedIn } from './requests.ts';

/** Whether somebody is exempt is looked up no longer than this: an ack waits for it. */
const LOOK_MS = 500;

export type IntakeOptions = {
  readonly inbox: Pick<Inbox, 'take'>;
  readonly flood: BucketPolicy | undefined;
  readonly exemptAdmins: boolean;
  readonly isAdmin: (userId: string) => Promise<boolean>;
  readonly answers: (to: AnswerTo) => (message: Message) => Promise<void>;
  readonly store: Pick<Store, 'appendAudit'>;
  /** Refusals are audited for it. */
  readonly cluster: string;
  readonly clock: Clock;
  readonly log: Log;
};

export function createIntake(options: IntakeOptions): (event: ReceiverEvent, serve: Serve) => Promise<void> {
  const { inbox, flood: policy, isAdmin, answers, store, cluster, clock, log } = options;
  const flood = createFloodGate(policy);

  const exempt = async (userId: string): Promise<boolean> =>
    options.exemptAdmins &&
    (await within(
      clock,
      LOOK_MS,
      isAdmin(userId).catch(() => false),
    )) === true;

  return async (event, serve) => {
    const asked = askedIn(event.body);
    if (asked === undefined || asked.kind === 'form') return inbox.take(event, serve);
    const { userId, channelId, kind } = asked;
    const answer = flood(userId, clock.now());
    if (answer.ok || policy === undefined || (await exempt(userId))) return inbox.take(event, serve);
    if (!answer.tell) return event.ack();
    const limit = `${policy.burst} requests at once and ${policy.perMinute} in a minute`;
    const text = `:hourglass: That is more than Burst takes from one person (${limit}). This was not done, nor is what follows so fast. Try again ${date(answer.retryAtMs)}.`;
    if (kind === 'command') await event.ack({ response_type: 'ephemeral', text });
    else await event.ack();
    try {
      const actor = { kind: 'slack', userId } as const;
      const told = `more than ${limit}; refused until ${new Date(answer.retryAtMs).toISOString()}`;
      await store.appendAudit([{ atMs: clock.now(), cluster, actor, action: 'flood', outcome: 'refused', text: told }]);
      if (kind !== 'command')
        await answers({ userId, channelId, respond: undefined, replaceOriginal: false })({ text });
    } catch (error) {
      log.error({ error: messageOf(error) }, 'a flood could not be told of');
    }
  };
}
