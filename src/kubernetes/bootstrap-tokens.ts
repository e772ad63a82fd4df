/**
 * Bootstrap tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system. Invariant: no Secret is ever read, by
 * name or by listing. RBAC cannot tell one Secret of a namespace from another, so whoever may read bootstrap tokens may
 * read all that kube-system holds; what was made is known from the records instead, and from the answer that made it.
 */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';
import { answerError } from './status.ts';

const SECRETS = '/api/v1/namespaces/kube-system/secrets';
const PREFIX = 'bootstrap-token-';
const WORKER_LABEL = 'burst/worker';
const MANAGED_BY = 'app.kubernetes.io/managed-by';

const madeSchema = z.object({ metadata: z.object({ uid: z.string().min(1) }) });

type Context = { readonly connection: Connection; readonly cluster: string };
export type NewToken = {
  readonly id: string;
  readonly secret: string;
  readonly workerName: string;
  readonly expiresAtMs: number;
};
export type TokenRef = { readonly id: string; readonly uid: string | undefined };

/** @throws BurstError `conflict` when a Secret of this name is there already. */
export async function createBootstrapToken(
  context: Context,
  token: NewToken,
  groups: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly token: string; readonly uid: string }> {
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
      type: 'bootstrap.kubernetes.io/token',
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
  if (answer.status === 409)
    throw new BurstError('conflict', `a bootstrap token ${token.id} of cluster ${context.cluster} is there already`, {
      left: 'It was left as it is.',
      hint: 'Use another token id.',
    });
  if (answer.status !== 201 && answer.status !== 200)
    throw withoutSecret(answerError(context.cluster, what, answer), token.secret);
  const made = madeSchema.safeParse(answer.body);
  if (!made.success)
    throw new BurstError('internal', `Kubernetes cluster ${context.cluster}: the answer to ${what} is no Secret`);
  return { token: `${token.id}.${token.secret}`, uid: made.data.metadata.uid };
}

/** Admission webhooks may quote what they refuse. */
function withoutSecret(error: BurstError, secret: string): BurstError {
  if (!error.message.includes(secret)) return error;
  return new BurstError(error.code, error.message.replaceAll(secret, '[redacted]'), {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** Gone already is fine; a Secret of this name that is not ours (another UID, or refused by the policy) is left as it is. */
export async function deleteBootstrapToken(
  context: Context,
  { id, uid }: TokenRef,
  signal: AbortSignal | undefined,
): Promise<void> {
  const what = `delete bootstrap token ${id}`;
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  const answer = await context.connection.request('DELETE', `${SECRETS}/${PREFIX}${encodeURIComponent(id)}`, {
    what,
    signal,
    body: { apiVersion: 'v1', kind: 'DeleteOptions', ...preconditions },
  });
  if ((answer.status >= 200 && answer.status < 300) || answer.status === 404) return;
  // 422: the admission policy says that it is not Burst's
  if (uid === undefined ? answer.status === 422 : answer.status === 409) return;
  throw answerError(context.cluster, what, answer);
}
