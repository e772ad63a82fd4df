/** What a form carries and what was typed into it. Invariant: nothing that Slack sends is trusted to have a shape. */
import { z } from 'zod';
import { parseHours } from '../domain/duration.ts';
import type { ProvisionTyped } from './blocks/provision.ts';
import type { Metadata } from './blocks/views.ts';

const metadataSchema = z.object({
  channelId: z.string().optional(),
  threadTs: z.string().optional(),
  /** Clusters to choose from; and whether the channel is asked for. */
  clusters: z.array(z.string()).optional(),
  askChannel: z.boolean().optional(),
  /** Which of several clusters it is for. */
  cluster: z.string().optional(),
  operationId: z.string().optional(),
  approvalId: z.string().optional(),
  /** A VM that no record owns. */
  stray: z.object({ vmId: z.string(), name: z.string() }).optional(),
  workers: z.array(z.string()).default([]),
  fingerprints: z.record(z.string(), z.string()).default({}),
  drainFirst: z.boolean().default(true),
});
const elementSchema = z.looseObject({
  value: z.string().nullish(),
  selected_option: z.looseObject({ value: z.string() }).nullish(),
  selected_conversation: z.string().nullish(),
  selected_options: z.array(z.looseObject({ value: z.string() })).nullish(),
});
const valuesSchema = z.record(z.string(), z.record(z.string(), elementSchema));

export type Form = {
  readonly metadata: z.infer<typeof metadataSchema>;
  /** The text or choice of an input (its block and action have the same id), undefined when it is empty. */
  readonly value: (id: string) => string | undefined;
  /** Whether the checkbox with this value was ticked. */
  readonly ticked: (id: string) => boolean;
};

/** @returns undefined when this is no form of ours. */
export function readForm(privateMetadata: string, state: unknown): Form | undefined {
  const metadata = metadataSchema.safeParse(parse(privateMetadata));
  const values = valuesSchema.safeParse(state ?? {});
  if (!metadata.success || !values.success) return undefined;
  return {
    metadata: metadata.data,
    value(id) {
      const element = values.data[id]?.[id];
      const text = element?.selected_option?.value ?? element?.selected_conversation ?? element?.value ?? undefined;
      return text === undefined || text.trim() === '' ? undefined : text.trim();
    },
    ticked: (id) => (values.data[id]?.[id]?.selected_options ?? []).some((item) => item.value === id),
  };
}

/** Hours as typed into a field that asks for hours: a bare number counts as hours. */
export const hoursOf = (text: string): number | undefined => parseHours(/^\d+$/.test(text) ? `${text}h` : text);

/** What an open provision form carries on when it is shown again. */
export function provisionMetadata({ metadata, value }: Form): Metadata {
  const { threadTs, clusters, askChannel } = metadata;
  const channelId = askChannel === true ? value('channel') : metadata.channelId;
  return {
    ...(channelId === undefined ? {} : { channelId }),
    ...(threadTs === undefined ? {} : { threadTs }),
    ...(clusters === undefined ? {} : { clusters }),
    ...(askChannel === undefined ? {} : { askChannel }),
  };
}

/** What stands in the provision form now, right or not, so that it can be shown again. */
export function provisionTyped({ value }: Form): ProvisionTyped {
  const amount = Number(value('count') ?? NaN);
  const [size, own, reason, ttl] = [value('size'), value('own'), value('reason'), value('ttl')];
  const cluster = value('cluster');
  const ttlHours = own === undefined ? Number(ttl ?? NaN) : hoursOf(own);
  return {
    ...(Number.isInteger(amount) && amount > 0 ? { count: amount } : {}),
    ...(size === undefined ? {} : { size }),
    ...(ttlHours === undefined || !(ttlHours > 0) ? {} : { ttlHours }),
    ...(own === undefined ? {} : { ownTtl: own }),
    ...(reason === undefined ? {} : { reason }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

function parse(text: string): unknown {
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
