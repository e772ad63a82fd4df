/**
 * Confirmations and their previews. Invariants: what was shown travels as fingerprints and is compared again when the form
 * comes back; a form that is looked at again shows the world as it is then, and says when it is not as before.
 */
import { extendedDeadline } from '../domain/duration.ts';
import { createHash } from 'node:crypto';
import type { ModalView } from '@slack/types';
import type { DrainPreview } from '../domain/drain-plan.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import type { SlackActor } from './basics.ts';
import { shownIn } from './blocks/clusters.ts';
import { errorMessage } from './blocks/errors.ts';
import { forceView } from './blocks/force.ts';
import { CALLBACKS, destroySubmit, drainView, extendView, messageView } from './blocks/views.ts';
import type { Extended, Metadata } from './blocks/views.ts';
import type { Services } from './call.ts';
import { destroyConfirmation } from './commands/destroy.ts';
import { hoursOf, readForm } from './forms.ts';
import type { Form } from './forms.ts';

export type Who = { readonly by: SlackActor; readonly channelId: string | undefined };
/** Characters that a view's metadata may have, its cluster's name left out. */
const MOST_METADATA = 2900;

/** Changes whenever what the preview shows of pods and losses is no longer so. */
export function fingerprintOf(preview: DrainPreview): string {
  const names = (pods: readonly { readonly namespace: string; readonly name: string }[]): string[] =>
    pods.map(({ namespace, name }) => `${namespace}/${name}`).sort();
  const seen = [preview.unschedulable, names(preview.evict), names(preview.errors), [...preview.losses].sort()];
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex').slice(0, 16);
}

const metadataOf = (who: Who, more: Metadata): Metadata => ({
  ...(who.channelId === undefined ? {} : { channelId: who.channelId }),
  ...more,
});

/** The drain form with its preview as it is now. @throws BurstError when it may not be shown. */
export async function drainConfirmation(
  workers: readonly string[],
  who: Who,
  services: Services,
  problem?: string,
): Promise<ModalView> {
  await services.gate.requireWorkers(who, workers, 'drain');
  const previews: DrainPreview[] = [];
  for (const name of workers) previews.push(await services.operations.previewDrain(name));
  const fingerprints = Object.fromEntries(previews.map((preview, at) => [workers[at] ?? '', fingerprintOf(preview)]));
  const metadata = metadataOf(who, { workers, fingerprints });
  if (JSON.stringify(metadata).length > MOST_METADATA)
    throw new BurstError('invalid_input', 'These are too many workers for one form.', {
      left: 'Nothing was drained.',
      hint: 'Drain fewer at once.',
    });
  return drainView(previews, metadata, services.clock.now(), problem);
}

/** @throws BurstError `changed_meanwhile` when a drain would do something else than what was shown. */
export async function drainAsShown(form: Form, services: Services): Promise<void> {
  const { workers, fingerprints } = form.metadata;
  for (const name of workers) {
    const shown = fingerprints[name];
    if (shown === undefined || fingerprintOf(await services.operations.previewDrain(name)) === shown) continue;
    throw new BurstError('changed_meanwhile', `${name} is not as it was shown any more.`, {
      left: 'Nothing was changed.',
      hint: 'Look at the new state and confirm again.',
    });
  }
}

/** What force would delete now. @throws BurstError when there is nothing to force (any more), or it may not be shown. */
export async function forceConfirmation(
  operationId: string,
  worker: string,
  who: Who,
  services: Services,
  problem?: string,
): Promise<ModalView> {
  const { gate, operations } = services;
  await gate.require(who, 'admin', 'force', worker);
  const { operation } = await operations.operation(operationId);
  const preview = await forcePreview(operationId, worker, services);
  const fingerprints = { [worker]: fingerprintOf(preview) };
  const metadata = metadataOf(who, { operationId, workers: [worker], fingerprints });
  return forceView(operation.kind, preview, metadata, services.clock.now(), problem);
}

async function forcePreview(operationId: string, worker: string, { operations }: Services): Promise<DrainPreview> {
  const { operation, runs } = await operations.operation(operationId);
  const run = runs.find((item) => item.workerName === worker);
  if (run?.state !== 'running' || run.pivoted)
    throw new BurstError('not_forcible', `The drain of ${worker} has ended meanwhile.`, {
      left: 'Nothing was changed.',
      hint: 'The message of the operation says how; /burst ops shows what is under way.',
    });
  if (operation.kind === 'drain') return operations.previewDrain(worker);
  return (await operations.previewDestroy(worker)).drain;
}

/** @throws BurstError `changed_meanwhile` when force would delete something else than what was shown. */
export async function forceAsShown(form: Form, services: Services): Promise<void> {
  const [worker = ''] = form.metadata.workers;
  const shown = form.metadata.fingerprints[worker];
  const preview = await forcePreview(form.metadata.operationId ?? '', worker, services);
  if (shown === undefined || fingerprintOf(preview) === shown) return;
  throw new BurstError('changed_meanwhile', `${worker} is not as it was shown any more.`, {
    left: 'Nothing was forced.',
    hint: 'Look at the new state and confirm again.',
  });
}

/** The form that extends, with the deadlines that its choice would give. */
export async function extendForm(
  workers: readonly string[],
  who: Who,
  services: Services,
  more: { readonly hours?: number; readonly problem?: string } = {},
): Promise<ModalView> {
  const { store, workers: policy, cluster, clock } = services;
  const hours = more.hours ?? Math.min(24, policy.maxTtlHours);
  const now = clock.now();
  const extended: Extended[] = [];
  for (const name of workers) {
    const schedule = await store.getSchedule(cluster, name);
    if (schedule === undefined) continue;
    const { expiresAtMs: fromMs, startsAtMs } = schedule;
    const asked = { fromMs, startsAtMs, hours, nowMs: now };
    const toMs = extendedDeadline({ ...asked, maxTtlHours: policy.maxTtlHours });
    const capped = toMs < extendedDeadline({ ...asked, maxTtlHours: Infinity });
    extended.push({ name, fromMs, toMs, capped });
  }
  return extendView(workers, policy, metadataOf(who, {}), more.hours, more.problem, { extended, nowMs: now });
}

export type OpenForm = {
  readonly viewId: string;
  readonly hash: string | undefined;
  readonly callbackId: string | undefined;
  readonly metadata: string;
  readonly values: unknown;
};

/** Shows an open form as the world is now; what was typed in it stays. */
export async function reloadForm(open: OpenForm, by: SlackActor, { clusters }: Services): Promise<void> {
  const form = readForm(open.metadata, open.values);
  if (form === undefined) return;
  const services = clusters.of(form.metadata.cluster ?? clusters.meant(form.metadata.channelId).name);
  const view = await freshView(open.callbackId, form, { by, channelId: form.metadata.channelId }, services);
  if (view === undefined) return;
  await services.clients.reply.views.update({
    view_id: open.viewId,
    view: shownIn(view, services),
    ...(open.hash === undefined ? {} : { hash: open.hash }),
  });
}

async function freshView(
  callbackId: string | undefined,
  form: Form,
  who: Who,
  services: Services,
): Promise<ModalView | undefined> {
  const { workers, operationId, fingerprints } = form.metadata;
  /** Drawn twice when it is not as it was shown, the second time with that said. */
  const changed = async (draw: (problem?: string) => Promise<ModalView>): Promise<ModalView> => {
    const view = await draw();
    const now = readForm(view.private_metadata ?? '', {})?.metadata.fingerprints ?? {};
    return workers.every((name) => now[name] === fingerprints[name])
      ? view
      : draw(':information_source: *It has changed* since it was shown; this is how it is now.');
  };
  try {
    switch (callbackId) {
      case CALLBACKS.destroy:
        return await changed(async (problem) => {
          const view = await destroyConfirmation(workers, who, services, problem);
          return form.ticked('force') ? { ...view, submit: destroySubmit(false, true) } : view;
        });
      case CALLBACKS.drain:
        return await changed((problem) => drainConfirmation(workers, who, services, problem));
      case CALLBACKS.force: {
        const [worker = ''] = workers;
        return await changed((problem) => forceConfirmation(operationId ?? '', worker, who, services, problem));
      }
      case CALLBACKS.extend: {
        const own = form.value('own');
        const hours = own === undefined ? Number(form.value('ttl') ?? 24) : hoursOf(own);
        return await extendForm(workers, who, services, hours === undefined || !(hours > 0) ? {} : { hours });
      }
      default:
        return undefined;
    }
  } catch (error) {
    if (!isBurstError(error)) throw error;
    return messageView('Burst', errorMessage(error));
  }
}
