import { BurstError } from '../../domain/errors.ts';
import { parseProvision } from '../../domain/provision-words.ts';
import type { Accepted } from '../../operations/types.ts';
import { actor, code, date } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import { errorMessage } from '../blocks/errors.ts';
import { provisionView } from '../blocks/provision.ts';
import { messageView, noteView } from '../blocks/views.ts';
import type { Metadata } from '../blocks/views.ts';
import { exemption, openLoading, requestOf } from '../call.ts';
import type { Call, Services } from '../call.ts';
import { provisionMetadata, provisionTyped, readForm } from '../forms.ts';
import { shownIn } from '../blocks/clusters.ts';
import { nearest } from '../nearest.ts';
import { exampleHint } from './sample.ts';
import type { Command } from './types.ts';

/** The private answer when an operation was taken on: its public message tells the rest. */
export function acceptedMessage(accepted: Accepted): Message {
  const { operation, duplicate } = accepted;
  const where = operation.channelId === undefined ? '' : ` in <#${operation.channelId}>`;
  const text = duplicate
    ? `:information_source: This was asked for already (${actor(operation.requester)}, ${date(operation.createdAtMs)}): operation ${code(operation.id)}.`
    : `:white_check_mark: Operation ${code(operation.id)} is on its way; follow its message${where}.`;
  return { text };
}

/** Opens the provision form. @param more what it carries besides the channel. */
export async function openProvision(call: Call, services: Services, more: Metadata = {}): Promise<void> {
  const fill = await openLoading(call, services, noteView('Provision workers', ':hourglass: Looking at the fleet…'));
  try {
    await services.gate.require(call, 'operator', 'provision');
    const fleet = await services.operations.fleet().catch(() => undefined);
    const { channelId, threadTs } = call;
    const metadata = {
      ...(channelId === undefined ? {} : { channelId }),
      ...(threadTs === undefined ? {} : { threadTs }),
      ...more,
    };
    const typed = services.clusters.several ? { cluster: services.cluster } : {};
    await fill(provisionView(services.workers, fleet, metadata, typed));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Provision workers', errorMessage(error)));
  }
}

/** Brings the sums of an open provision form up to date with what stands in it; a form that changed meanwhile is left. */
export async function refreshProvision(
  open: {
    readonly viewId: string;
    readonly hash: string | undefined;
    readonly metadata: string;
    readonly values: unknown;
  },
  { clusters }: Services,
): Promise<void> {
  const form = readForm(open.metadata, open.values);
  if (form === undefined) return;
  const chosen = form.metadata.clusters?.find((name) => name === form.value('cluster'));
  const services = clusters.of(chosen ?? form.metadata.cluster ?? clusters.meant(form.metadata.channelId).name);
  const fleet = await services.operations.fleet().catch(() => undefined);
  await services.clients.reply.views.update({
    view_id: open.viewId,
    view: shownIn(provisionView(services.workers, fleet, provisionMetadata(form), provisionTyped(form)), services),
    ...(open.hash === undefined ? {} : { hash: open.hash }),
  });
}

export const provision: Command = {
  name: 'provision',
  aliases: ['add', 'create', 'up'],
  summary: 'new burst workers; a form when nothing else is said',
  usage: '/burst provision [count] [size] [lifetime] [reason]',
  examples: ({ count, size, other, ttl, longer }) => [
    `/burst provision ${count} ${size} ${ttl} load test`,
    `/burst provision ${other} ${longer}`,
    `/burst provision ${ttl} "load test of the shop" ${count} ${other}`,
    '/burst provision',
  ],
  about: ({ sizes, limits }) => [sizes, limits, 'Words in any order; a reason last, or in quotes anywhere.'],
  role: undefined,
  isFree(before, services) {
    const parsed = parseProvision(before, [...services.workers.sizes.keys()], nearest);
    return parsed.ok && parsed.value.reason !== undefined;
  },
  async run(words, call, services) {
    if (words === '') return openProvision(call, services);
    const role = await services.gate.require(call, 'operator', 'provision');
    const parsed = parseProvision(words, [...services.workers.sizes.keys()], nearest);
    if (!parsed.ok)
      throw new BurstError('invalid_input', `${parsed.text}.`, {
        left: 'Nothing was asked for.',
        hint: exampleHint(provision, services),
        ...(parsed.suggestion === undefined ? {} : { suggestions: [parsed.suggestion] }),
      });
    const { count = 1, reason, ...rest } = parsed.value;
    const accepted = await services.operations.provision({
      ...requestOf(call, reason),
      ...exemption(role, services),
      count,
      ...rest,
    });
    await call.reply(acceptedMessage(accepted));
  },
};
