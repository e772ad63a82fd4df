/** The JSON columns of approvals. */
import { z } from 'zod';
import type { ApprovalParams, ApprovalPreview, AskedRule } from '../domain/approval.ts';
import type { Money } from '../domain/money.ts';

const text = z.string();
const list = z.array(text);

export const approvalParamsSchema: z.ZodType<ApprovalParams> = z.discriminatedUnion('action', [
  z.object({ action: z.literal('provision'), count: z.number(), size: text, ttlHours: z.number() }),
  z.object({ action: z.literal('extend'), workers: list, hours: z.number() }),
  z.object({ action: z.literal('drain'), workers: list, admin: z.boolean() }),
  z.object({ action: z.literal('destroy'), workers: list, drainFirst: z.boolean() }),
  z.object({
    action: z.literal('force'),
    workers: list,
    drainFirst: z.boolean(),
    operationId: text.exactOptional(),
  }),
  z.object({ action: z.literal('cancel'), operationId: text }),
]);

export const askedRulesSchema: z.ZodType<readonly AskedRule[]> = z.array(
  z.object({ name: text, needed: z.number(), self: z.boolean() }),
);

/** An amount: a JSON number would not hold it exactly. */
export const moneySchema: z.ZodType<Money> = z
  .object({ currency: text, exact: z.string().regex(/^\d+$/) })
  .transform(({ currency, exact }) => ({ currency, exact: BigInt(exact) }));
export const moneyJson = ({ currency, exact }: Money): string => JSON.stringify({ currency, exact: String(exact) });

export const targetsSchema: z.ZodType<Readonly<Record<string, string>>> = z.record(text, text);

export const approvalPreviewsSchema: z.ZodType<readonly ApprovalPreview[]> = z.array(
  z
    .object({
      worker: text,
      owner: text.optional(),
      expiresAtMs: z.number().optional(),
      drained: z.boolean(),
      pods: list,
      morePods: z.number(),
      blocked: list,
      losses: list,
    })
    .transform(({ owner, expiresAtMs, ...rest }) => ({ ...rest, owner, expiresAtMs })),
);
