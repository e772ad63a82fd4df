/** The API server's Status object, and what its refusals mean to Burst. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';

const statusSchema = z.object({
  kind: z.literal('Status'),
  code: z.number().optional().catch(undefined),
  reason: z.string().catch(''),
  message: z.string().catch(''),
  details: z
    .object({
      causes: z
        .array(z.object({ reason: z.string().catch(''), message: z.string().catch(''), field: z.string().catch('') }))
        .nullish()
        .catch(undefined),
      retryAfterSeconds: z.number().nonnegative().optional().catch(undefined),
    })
    .nullish()
    .catch(undefined),
});

export type Status = {
  readonly code: number | undefined;
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
  readonly retryAfterSeconds: number | undefined;
};

const MAX_MESSAGE = 2000;
/** Bearer tokens, JSON web tokens and bootstrap tokens have no place in a message, whoever put them there. */
const SECRETS = /(?<=bearer\s+)\S+|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*|\b[a-z0-9]{6}\.[a-z0-9]{16}\b/gi;

/** Shortens a text of foreign origin and takes out what looks like a credential. */
export const harmless = (text: string): string => text.slice(0, MAX_MESSAGE).replace(SECRETS, '[redacted]');

/** Reads a Status body; undefined when it is none. */
export function parseStatus(body: unknown): Status | undefined {
  const parsed = statusSchema.safeParse(body);
  if (!parsed.success) return undefined;
  const { code, reason, message, details } = parsed.data;
  return {
    code,
    reason,
    message: harmless(message),
    causes: (details?.causes ?? []).map((cause) => ({ ...cause, message: harmless(cause.message) })),
    retryAfterSeconds: details?.retryAfterSeconds,
  };
}

export type Answer = {
  readonly status: number;
  readonly body: unknown;
  /** The `Retry-After` header in ms. */
  readonly retryAfterMs: number | undefined;
};

/** The message of an answer, for people. */
export function messageOf(answer: Answer): string {
  const message = parseStatus(answer.body)?.message;
  return message === undefined || message === '' ? `HTTP ${answer.status}` : message;
}

/** What an answer that is no success means. `what` says what was tried, e.g. `get node worker-1`. */
export function answerError(cluster: string, what: string, answer: Answer): BurstError {
  const text = `Kubernetes cluster ${cluster}: could not ${what}: ${messageOf(answer)}`;
  switch (answer.status) {
    case 401:
      return new BurstError('denied', text, { hint: 'Check that the credentials for this cluster are still valid.' });
    case 403:
      return new BurstError('denied', text, { hint: 'Grant this permission to the account that Burst uses.' });
    case 404:
      return new BurstError('not_found', text);
    case 409:
      return new BurstError('conflict', text, { hint: 'It has changed meanwhile: look at it again.' });
    case 410:
      return new BurstError('changed_meanwhile', text);
    case 429:
    case 502:
    case 503:
    case 504:
      return new BurstError('unavailable', text, { hint: 'The API server is overloaded or restarting: try again.' });
    default:
      return new BurstError('internal', text);
  }
}
