/** The provision form. Pure: data in, view out. */
import type { KnownBlock, ModalView } from '@slack/types';
import type { WorkerPolicy } from '../../domain/policy.ts';
import type { Fleet } from '../../operations/types.ts';
import { formatHours } from '../../domain/duration.ts';
import { formatPrice } from '../../domain/money.ts';
import { requestText } from './cost.ts';
import { clamp, count, foreign, option, plain, section } from './text.ts';
import { CALLBACKS, title } from './views.ts';
import type { Metadata } from './views.ts';
import { fleetLine } from './workers.ts';

export type ProvisionTyped = {
  readonly count?: number;
  readonly size?: string;
  readonly ttlHours?: number;
  readonly ownTtl?: string;
  readonly reason?: string;
  readonly cluster?: string;
};
const presets = [1, 4, 8, 12, 24, 48, 72, 168];

/** What is asked for in all, and what of the limit would be left. */
function summary(policy: WorkerPolicy, fleet: Fleet | undefined, typed: ProvisionTyped): string {
  const amount = Math.max(1, typed.count ?? 1);
  const size = policy.sizes.get(typed.size ?? policy.defaultSize);
  const hours = typed.ttlHours ?? policy.defaultTtlHours;
  const cost = requestText(policy.prices, { count: amount, size: size?.name ?? '', hours });
  const priced = cost === '' ? '' : `; *${cost}*`;
  const asked =
    size === undefined
      ? `*In all*: ${count(amount, 'worker')}`
      : `*In all*: ${amount} × ${foreign(size.name, 40)} for ${formatHours(hours)}: ${amount * size.cpus} CPU, ${amount * size.memoryGiB} GiB memory, ${amount * size.diskGiB} GiB disk; ${Math.round(amount * size.cpus * hours)} vCPU-hours${priced}`;
  if (fleet === undefined) return `${asked}.`;
  const room = Math.max(0, fleet.maxBurstWorkers - fleet.burstCount);
  const left =
    amount > room
      ? `:warning: There is room for ${room} more only.`
      : `Room for ${room} more, ${room - amount} after this.`;
  return `${asked}. ${left}`;
}

/** `, $0.10/h` where the size has a price. */
function hourly({ prices }: WorkerPolicy, size: string): string {
  const price = prices?.get(size);
  return price === undefined ? '' : `, ${formatPrice(price)}/h`;
}

/** From a shortcut: in which of several clusters. */
function clusterBlock({ clusters = [] }: Metadata, { cluster }: ProvisionTyped): KnownBlock[] {
  if (clusters.length < 2) return [];
  const options = clusters.map((name) => option(name, name));
  const initial = options.find(({ value }) => value === cluster) ?? options[0];
  return [
    {
      type: 'input',
      block_id: 'cluster',
      dispatch_action: true,
      label: plain('Cluster'),
      element: {
        type: 'static_select',
        action_id: 'cluster',
        options,
        ...(initial === undefined ? {} : { initial_option: initial }),
      },
    },
  ];
}

/** From a shortcut that belongs to no channel: where the operation is told. */
function channelBlock({ askChannel, channelId }: Metadata): KnownBlock[] {
  if (askChannel !== true) return [];
  return [
    {
      type: 'input',
      block_id: 'channel',
      optional: true,
      label: plain('Tell it in'),
      hint: plain('The channel where its message and its warnings are posted', 200),
      element: {
        type: 'conversations_select',
        action_id: 'channel',
        ...(channelId === undefined ? { default_to_current_conversation: true } : { initial_conversation: channelId }),
        filter: { include: ['public', 'private'], exclude_bot_users: true },
      },
    },
  ];
}

/** The provision form, with what was typed before and what was wrong with it. */
export function provisionView(
  policy: WorkerPolicy,
  fleet: Fleet | undefined,
  metadata: Metadata,
  typed: ProvisionTyped = {},
  problem?: string,
): ModalView {
  const sizes = [...policy.sizes.values()].slice(0, 100);
  const sizeOptions = sizes.map((size) => ({
    ...option(
      `${size.name}: ${size.cpus} CPU, ${size.memoryGiB} GiB memory, ${size.diskGiB} GiB disk${hourly(policy, size.name)}`,
      size.name,
    ),
  }));
  const hours = [
    ...new Set([...presets.filter((h) => h >= policy.minTtlHours && h <= policy.maxTtlHours), policy.defaultTtlHours]),
  ].sort((a, b) => a - b);
  const ttlOptions = hours.map((h) => option(formatHours(h), String(h)));
  const wantedTtl = typed.ttlHours ?? policy.defaultTtlHours;
  const initialTtl =
    ttlOptions.find((item) => item.value === String(wantedTtl)) ??
    ttlOptions.find((item) => item.value === String(policy.defaultTtlHours));
  const ownTtl =
    typed.ownTtl ??
    (typed.ttlHours !== undefined && !hours.includes(typed.ttlHours) ? `${typed.ttlHours}h` : undefined);
  const initialSize = sizeOptions.find((item) => item.value === (typed.size ?? policy.defaultSize));
  const blocks: KnownBlock[] = [
    ...(problem === undefined ? [] : [section(problem)]),
    ...(fleet === undefined ? [] : [section(fleetLine(fleet))]),
    ...clusterBlock(metadata, typed),
    { ...section(summary(policy, fleet, typed)), block_id: 'summary' },
    {
      type: 'input',
      block_id: 'count',
      dispatch_action: true,
      label: plain(`How many (at most ${policy.maxPerRequest} at once)`),
      element: {
        type: 'number_input',
        action_id: 'count',
        is_decimal_allowed: false,
        min_value: '1',
        max_value: String(policy.maxPerRequest),
        dispatch_action_config: { trigger_actions_on: ['on_character_entered'] },
        initial_value: String(Math.min(policy.maxPerRequest, Math.max(1, typed.count ?? 1))),
      },
    },
    {
      type: 'input',
      block_id: 'size',
      dispatch_action: true,
      label: plain('Size'),
      element: {
        type: 'static_select',
        action_id: 'size',
        options: sizeOptions,
        ...(initialSize === undefined ? {} : { initial_option: initialSize }),
      },
    },
    {
      type: 'input',
      block_id: 'ttl',
      dispatch_action: true,
      label: plain('Lifetime'),
      element: {
        type: 'static_select',
        action_id: 'ttl',
        options: ttlOptions,
        ...(initialTtl === undefined ? {} : { initial_option: initialTtl }),
      },
    },
    {
      type: 'input',
      block_id: 'own',
      optional: true,
      dispatch_action: true,
      label: plain('Or another lifetime'),
      hint: plain(
        `${formatHours(policy.minTtlHours)} to ${formatHours(policy.maxTtlHours)}; for example 36h or 3d`,
        200,
      ),
      element: {
        type: 'plain_text_input',
        action_id: 'own',
        max_length: 20,
        ...(ownTtl === undefined ? {} : { initial_value: clamp(ownTtl, 20) }),
      },
    },
    {
      type: 'input',
      block_id: 'reason',
      optional: true,
      label: plain('Reason'),
      element: {
        type: 'plain_text_input',
        action_id: 'reason',
        max_length: 300,
        ...(typed.reason === undefined ? {} : { initial_value: clamp(typed.reason, 300) }),
      },
    },
    ...channelBlock(metadata),
  ];
  return {
    type: 'modal',
    callback_id: CALLBACKS.provision,
    title: title('Provision workers'),
    submit: plain('Provision', 24),
    close: plain('Cancel', 24),
    private_metadata: JSON.stringify(metadata),
    blocks,
  };
}
