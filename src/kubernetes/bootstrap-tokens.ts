/**
 * Bootstrap tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system. Invariant: only tokens that carry
 * Burst's label are ever read or deleted.
 */
import { z } from 'zod';
import { BurstError, safetyViolation } from '../domain/errors.ts';
import type { BootstrapToken } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { parseTime } from './facts.ts';
import { listItems } from './list.ts';
import { answerError } from './status.ts';

const SECRETS = '/api/v1/namespaces/kube-system/secrets';
const PREFIX = 'bootstrap-token-';
const TYPE = 'bootstrap.kubernetes.io/token';
const WORKER_LABEL = 'burst/worker';
const MANAGED_BY = 'app.kubernetes.io/managed-by';

const secretSchema = z.object({
  metadata: z.object({
    name: z.string().startsWith(PREFIX),
    uid: z.string(),
    labels: z.record(z.string(), z.string()).nullish(),
  }),
  type: z.literal(TYPE),
  data: z.record(z.string(), z.string()).nullish(),
});
type Secret = z.infer<typeof secretSchema>;

type Context = { readonly connection: Connection; readonly cluster: string; readonly pageSize: number };
export type NewToken = {
  readonly id: string;
  readonly secret: string;
  readonly workerName: string;
  readonly expiresAtMs: number;
};

const field = (secret: Secret, name: string): string | undefined => {
  const encoded = secret.data?.[name];
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
};
const isOurs = (secret: Secret): boolean =>
  secret.metadata.labels?.[MANAGED_BY] === 'burst' && secret.metadata.labels[WORKER_LABEL] !== undefined;
const secretPath = (id: string): string => `${SECRETS}/${PREFIX}${encodeURIComponent(id)}`;

async function readToken(context: Context, id: string, signal: AbortSignal | undefined): Promise<Secret | undefined> {
  const what = `get bootstrap token ${id}`;
  const answer = await context.connection.request('GET', secretPath(id), { what, signal });
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw answerError(context.cluster, what, answer);
  const secret = secretSchema.safeParse(answer.body);
  if (!secret.success || !isOurs(secret.data))
    throw safetyViolation(`bootstrap token ${id} of cluster ${context.cluster} is not one of Burst's`, {
      left: 'It was left as it is.',
    });
  return secret.data;
}

/** @throws BurstError `conflict` when this id belongs to another worker, `safety_violation` when it is not Burst's. */
export async function ensureBootstrapToken(
  context: Context,
  token: NewToken,
  groups: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  if (!/^[a-z0-9]{6}$/.test(token.id) || !/^[a-z0-9]{16}$/.test(token.secret))
    throw new BurstError('invalid_input', 'a bootstrap token is 6 and 16 characters of a-z and 0-9');
  const what = `create bootstrap token ${token.id}`;
  const answer = await context.connection.request('POST', SECRETS, {
    what,
    signal,
    query: { fieldManager: 'burst' },
    body: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: PREFIX + token.id,
        namespace: 'kube-system',
        labels: { [MANAGED_BY]: 'burst', [WORKER_LABEL]: token.workerName },
      },
      type: TYPE,
      stringData: {
        description: `Lets burst worker ${token.workerName} join; made by Burst.`,
        'token-id': token.id,
        'token-secret': token.secret,
        expiration: new Date(token.expiresAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
        'usage-bootstrap-authentication': 'true',
        'usage-bootstrap-signing': 'true',
        'auth-extra-groups': groups.join(','),
      },
    },
  });
  if (answer.status === 201 || answer.status === 200) return `${token.id}.${token.secret}`;
  if (answer.status !== 409) throw withoutSecret(answerError(context.cluster, what, answer), token.secret);
  const present = await readToken(context, token.id, signal);
  const secret = present === undefined ? undefined : field(present, 'token-secret');
  if (present === undefined || secret === undefined || present.metadata.labels?.[WORKER_LABEL] !== token.workerName)
    throw new BurstError('conflict', `bootstrap token ${token.id} of cluster ${context.cluster} is another worker's`, {
      hint: 'Use another token id.',
    });
  return `${token.id}.${secret}`;
}

/** Admission webhooks may quote what they refuse. */
function withoutSecret(error: BurstError, secret: string): BurstError {
  if (!error.message.includes(secret)) return error;
  return new BurstError(error.code, error.message.replaceAll(secret, '[redacted]'), {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

export async function listBootstrapTokens(
  context: Context,
  signal: AbortSignal | undefined,
): Promise<readonly BootstrapToken[]> {
  return listItems(
    {
      ...context,
      path: SECRETS,
      what: 'bootstrap tokens',
      query: { labelSelector: `${MANAGED_BY}=burst,${WORKER_LABEL}`, fieldSelector: `type=${TYPE}` },
      signal,
    },
    (raw) => {
      const parsed = secretSchema.safeParse(raw);
      if (!parsed.success || !isOurs(parsed.data)) return undefined;
      const secret = parsed.data;
      return {
        id: secret.metadata.name.slice(PREFIX.length),
        expiresAtMs: parseTime(field(secret, 'expiration')),
        workerName: secret.metadata.labels?.[WORKER_LABEL],
      };
    },
  );
}

/** @throws BurstError `safety_violation` when the token is not Burst's. */
export async function deleteBootstrapToken(
  context: Context,
  id: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const present = await readToken(context, id, signal);
  if (present === undefined) return;
  const what = `delete bootstrap token ${id}`;
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: present.metadata.uid } };
  const answer = await context.connection.request('DELETE', secretPath(id), { what, body, signal });
  if ((answer.status >= 200 && answer.status < 300) || answer.status === 404) return;
  throw answerError(context.cluster, what, answer);
}
