/** JSON columns. Invariant: what is read from a JSON column was checked; unknown fields of a newer version are kept. */
import { z } from 'zod';
import type { Actor, Blocked, Failure, OperationParams, RunData } from '../domain/operation.ts';
import { BurstError } from '../domain/errors.ts';
import type { Notice } from '../ports/store.ts';

const text = z.string();
const number = z.number();

export const actorSchema: z.ZodType<Actor> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('assistant'), name: text, userId: text.exactOptional() }),
  z.object({ kind: z.literal('slack'), userId: text, userName: text.exactOptional() }),
  z.object({ kind: z.literal('system'), name: text }),
]);

export const paramsSchema: z.ZodType<OperationParams> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('provision'),
    count: number,
    size: text,
    ttlHours: number,
    adopted: z.object({ vmId: text, worker: text }).exactOptional(),
  }),
  z.object({ kind: z.literal('drain'), workers: z.array(text), permanent: z.boolean() }),
  z.object({ kind: z.literal('destroy'), workers: z.array(text), force: z.boolean() }),
  z.object({ kind: z.literal('extend'), workers: z.array(text), hours: number }),
  z.object({
    kind: z.literal('expire'),
    workers: z.array(text),
    deadlineMs: number,
    vanished: z.literal(true).exactOptional(),
  }),
  z.object({
    kind: z.literal('repair'),
    workers: z.array(text),
    replacement: text,
    size: text,
    deadlineMs: number,
  }),
]);

export const runDataSchema: z.ZodType<RunData> = z.looseObject({
  size: text.exactOptional(),
  ttlHours: number.exactOptional(),
  deadlineMs: number.exactOptional(),
  force: z.boolean().exactOptional(),
  vmId: text.exactOptional(),
  vmHost: text.exactOptional(),
  place: z
    .object({
      host: text.exactOptional(),
      template: text.exactOptional(),
      templateHost: text.exactOptional(),
      storage: text.exactOptional(),
      pool: text.exactOptional(),
      bridge: text.exactOptional(),
      vlan: number.exactOptional(),
      memoryMiB: number,
      diskGiB: number,
    })
    .exactOptional(),
  cloneRequested: z.boolean().exactOptional(),
  tasks: z.record(text, text).exactOptional(),
  machineAddress: text.exactOptional(),
  configApplied: z.boolean().exactOptional(),
  resetBoot: text.exactOptional(),
  resetAskedAtMs: number.exactOptional(),
  nodeUid: text.exactOptional(),
  cordonedByUs: z.boolean().exactOptional(),
  vmGone: z.boolean().exactOptional(),
  nodeWasGone: z.boolean().exactOptional(),
  vmWasGone: z.boolean().exactOptional(),
  lateClone: z.boolean().exactOptional(),
  adopted: z.boolean().exactOptional(),
  extraDrainMs: number.exactOptional(),
  podsToMove: number.exactOptional(),
  podsMoved: number.exactOptional(),
  replacement: text.exactOptional(),
  volumesLeft: number.exactOptional(),
  toldOf: z.string().exactOptional(),
  triedAllAtMs: z.number().exactOptional(),
  held: z.object({ server: text, sinceMs: number, nextLookMs: number, atMs: number }).optional(),
});

export const blockedSchema: z.ZodType<Blocked> = z.object({
  sinceMs: number,
  text,
  pod: text.exactOptional(),
  budget: text.exactOptional(),
  numbers: text.exactOptional(),
  never: z.boolean(),
});

export const failureSchema: z.ZodType<Failure> = z.object({ code: text, message: text, hint: text.exactOptional() });

export const noticeSchema: z.ZodType<Notice> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('operation'), operationId: text, final: z.boolean() }),
  z.object({
    kind: z.literal('warning'),
    cluster: text,
    operationId: text,
    workers: z.array(text),
    deadlineMs: number,
    leadMs: number,
  }),
  z.object({
    kind: z.literal('alert'),
    cluster: text,
    workerName: text.exactOptional(),
    operationId: text.exactOptional(),
    text,
  }),
  z.object({ kind: z.literal('health'), cluster: text, workerName: text, sinceMs: number }),
  z.object({ kind: z.literal('server'), cluster: text, server: text, sinceMs: number }),
  z.object({ kind: z.literal('stray'), cluster: text, vmId: text, name: text, firstSeenMs: number }),
  z.object({
    kind: z.literal('approval'),
    cluster: text,
    approvalId: text,
    tell: z.enum(['request', 'reminder', 'outcome']),
  }),
  z.object({
    kind: z.literal('budget'),
    cluster: text,
    budget: text,
    month: text,
    percent: number,
    spent: text,
    committed: text,
    limit: text,
    beyond: z.enum(['refuse', 'approval']),
    admins: z.object({ users: z.array(text), groups: z.array(text) }),
    whom: text,
  }),
]);

export const stepsSchema = z.array(text);
export const detailsSchema = z.record(text, z.unknown());

/**
 * Reads one JSON column.
 * @throws BurstError `internal` naming the column and the row when the text is not what the schema says.
 */
export function readJson<T>(schema: z.ZodType<T>, value: string, where: string): T {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (cause) {
    throw unreadable(where, 'not JSON', cause);
  }
  const result = schema.safeParse(parsed);
  if (!result.success) throw unreadable(where, z.prettifyError(result.error), result.error);
  return result.data;
}

function unreadable(where: string, why: string, cause: unknown): BurstError {
  return new BurstError('internal', `The database holds something unreadable in ${where}: ${why}.`, {
    left: 'The row was left as it is.',
    hint: 'Restore the database from a backup, or run the version of Burst that wrote it.',
    cause,
  });
}
