import { BurstError } from '../../domain/errors.ts';
import { namesOf } from '../../domain/words.ts';
import { errorMessage } from '../blocks/errors.ts';
import { plain } from '../blocks/text.ts';
import { CALLBACKS, destroySubmit, destroyView, messageView, noteView } from '../blocks/views.ts';
import { openLoading } from '../call.ts';
import type { Call, Services, SlackActor } from '../call.ts';
import { exampleHint } from './sample.ts';
import type { Command } from './types.ts';
import { resolveNames } from './names.ts';
import { z } from 'zod';
import type { KnownBlock, ModalView } from '@slack/types';
import { readForm } from '../forms.ts';

const MOST_METADATA = 3000;
/** The confirmation as the workers are now. @throws BurstError when it may not be shown. */
export async function destroyConfirmation(
  workers: readonly string[],
  who: { readonly by: SlackActor; readonly channelId: string | undefined },
  services: Services,
  problem?: string,
): Promise<ModalView> {
  const role = await services.gate.requireWorkers(who, workers, 'destroy');
  const previews = [];
  for (const name of workers) previews.push(await services.operations.previewDestroy(name));
  const metadata = {
    ...(who.channelId === undefined ? {} : { channelId: who.channelId }),
    workers,
    fingerprints: Object.fromEntries(previews.map((preview) => [preview.worker.name, preview.fingerprint])),
  };
  if (JSON.stringify(metadata).length > MOST_METADATA)
    throw new BurstError('invalid_input', 'These are too many workers for one confirmation.', {
      left: 'Nothing was destroyed.',
      hint: 'Destroy fewer at once.',
    });
  return destroyView(previews, metadata, role === 'admin', services.clock.now(), problem);
}

/** Opens the destroy confirmation: a loading view first, so that the trigger is used in time. */
export async function openDestroy(names: readonly string[], call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Destroy', ':hourglass: Looking at the worker…'));
  try {
    await services.gate.require(call, 'operator', 'destroy');
    const workers = await resolveNames(names, services.operations, exampleHint(destroy, services));
    await fill(await destroyConfirmation(workers, call, services));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Destroy', errorMessage(error)));
  }
}

/** The parts of an open confirmation as Slack sends it back. */
const openSchema = z.looseObject({
  title: z.looseObject({ type: z.literal('plain_text'), text: z.string() }),
  close: z.looseObject({ type: z.literal('plain_text'), text: z.string() }),
  blocks: z.array(z.looseObject({ type: z.string() })),
});

/** Makes the button of an open confirmation say what it would do now; what it shows and was confirmed stays the same. */
export async function refreshDestroy(
  open: { readonly id: string; readonly hash: string | undefined; readonly metadata: string; readonly values: unknown },
  view: unknown,
  services: Services,
): Promise<void> {
  const form = readForm(open.metadata, open.values);
  const shown = openSchema.safeParse(view);
  if (form === undefined || !shown.success) return;
  const { title, close, blocks } = shown.data;
  await services.clients.reply.views.update({
    view_id: open.id,
    view: {
      type: 'modal',
      callback_id: CALLBACKS.destroy,
      title: plain(title.text, 24),
      close: plain(close.text, 24),
      submit: destroySubmit(!form.metadata.drainFirst, form.ticked('force')),
      private_metadata: open.metadata,
      // Slack's own echo of the blocks that were sent; their fields keep what was typed
      blocks: blocks as unknown as KnownBlock[],
    },
    ...(open.hash === undefined ? {} : { hash: open.hash }),
  });
}

export const destroy: Command = {
  name: 'destroy',
  aliases: ['remove', 'delete', 'rm'],
  summary: 'remove a burst worker and its VM, after a confirmation',
  usage: '/burst destroy NAME…',
  examples: ({ worker, part }) => [`/burst destroy ${worker}`, `/burst destroy ${part}`],
  role: undefined,
  workers: namesOf,
  async run(words, call, services) {
    const names = namesOf(words);
    if (names.length === 0) await resolveNames(names, services.operations, exampleHint(destroy, services));
    await openDestroy(names, call, services);
  },
};
