/** How a submitted form is answered. Invariant: the outcome reaches the person, in the form or beside it. */
import type { ModalView } from '@slack/types';
import { shownIn, told } from './blocks/clusters.ts';
import { sentence } from './blocks/text.ts';
import type { Message } from './blocks/text.ts';
import { noteView } from './blocks/views.ts';
import type { Services, SlackActor } from './call.ts';

export type Submit = {
  readonly by: SlackActor;
  readonly callbackId: string;
  readonly viewId: string;
  readonly hash: string;
  readonly metadata: string;
  readonly values: unknown;
  /** Another process took the form on: Slack waits for no answer to it any more. */
  readonly late: boolean;
  /** A private message, where the form may not be there any more to say it. */
  readonly tell: (message: Message) => Promise<void>;
  /** What comes after the ack, when it is this person's turn. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  /** Errors by block id, or the view that replaces the form while work goes on. */
  readonly ack: (answer: { errors: Record<string, string> } | { view: ModalView }) => Promise<void>;
};

/** Errors at their fields, or said where Slack takes none any more. */
export async function refuseFields(submit: Pick<Submit, 'ack' | 'late' | 'tell'>, errors: Record<string, string>) {
  if (!submit.late) return submit.ack({ errors });
  const text = Object.entries(errors).map(([field, problem]) => `${field}: ${problem}`);
  await submit.tell({ text: `:x: Your form could not be taken: ${sentence(text.join('; '))}. Nothing was done.` });
}

/** A form that cannot be served at all. */
export async function refuseForm(submit: Submit, text: string): Promise<void> {
  await (submit.late ? submit.tell({ text }) : submit.ack({ view: noteView('Burst', text) }));
}

/** The outcome in the form that was sent, or in a message when that was closed meanwhile. */
export async function showOutcome(
  submit: Pick<Submit, 'viewId' | 'tell'>,
  services: Services,
  view: ModalView,
  message: Message,
): Promise<void> {
  const shown = shownIn(view, services);
  try {
    await services.clients.reply.views.update({ view_id: submit.viewId, view: shown });
  } catch (error) {
    services.log.info({ error: String(error), viewId: submit.viewId }, 'view was closed before its result');
    await submit.tell(told(message, services));
  }
}
