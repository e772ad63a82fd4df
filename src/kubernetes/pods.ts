/** Evicting and deleting pods. Invariant: each call carries the pod's UID, so that a namesake is never touched. */
import type { PodFacts } from '../domain/worker.ts';
import type { EvictionOutcome } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';
import { podFacts } from './facts.ts';
import { type Answer, answerError, messageOf, parseStatus } from './status.ts';

const RETRY_MS = 1_000;

const podPath = (pod: PodFacts): string =>
  `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/pods/${encodeURIComponent(pod.name)}`;
const deleteOptions = (pod: PodFacts, graceSeconds: number | undefined) => ({
  apiVersion: 'v1',
  kind: 'DeleteOptions',
  preconditions: { uid: pod.uid },
  ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
});

/** Whether exactly this pod, not one of the same name, is still there; a live read. */
async function stillThere(
  connection: Connection,
  cluster: string,
  pod: PodFacts,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const what = `get pod ${pod.namespace}/${pod.name}`;
  const answer = await connection.request('GET', podPath(pod), { what, signal });
  if (answer.status === 404) return false;
  if (answer.status !== 200) throw answerError(cluster, what, answer);
  return podFacts(answer.body)?.facts.uid === pod.uid;
}

/** Reads the budget's name from `The disruption budget NAME needs 2 healthy pods and has 2 currently`. */
const budgetName = (message: string): string | undefined => /disruption budget (\S+)/i.exec(message)?.[1];

/**
 * What the API server's answer to an eviction means (k8s.io/kubernetes pkg/registry/core/pod/storage/eviction.go);
 * undefined for a 409, which has to be looked into.
 * @throws BurstError `denied` for 401; `unavailable` for 502 to 504 without a retry time.
 */
export function evictionOutcome(cluster: string, what: string, answer: Answer): EvictionOutcome | undefined {
  if (answer.status >= 200 && answer.status < 300) return { kind: 'accepted' };
  const status = parseStatus(answer.body);
  const message = messageOf(answer);
  const retryAfterMs =
    answer.retryAfterMs ?? (status?.retryAfterSeconds === undefined ? undefined : status.retryAfterSeconds * 1000);
  switch (answer.status) {
    case 404:
      return { kind: 'gone' };
    case 409:
      return undefined;
    case 429: {
      const cause = status?.causes.find(({ reason }) => reason === 'DisruptionBudget');
      if (cause !== undefined) {
        const text = cause.message === '' ? message : cause.message;
        return { kind: 'blocked', message: text, budget: budgetName(text) };
      }
      return { kind: 'throttled', retryAfterMs: retryAfterMs ?? RETRY_MS };
    }
    case 500:
      if (/more than one PodDisruptionBudget/i.test(message)) return { kind: 'blocked', message, budget: undefined };
      return { kind: 'failed', message };
    case 403:
      if (status?.causes.some(({ reason }) => reason === 'NamespaceTerminating') === true)
        return { kind: 'namespace_terminating' };
      return { kind: 'failed', message };
    case 401:
      throw answerError(cluster, what, answer);
    case 502:
    case 503:
    case 504:
      // 504 with a retry time: the budget's status could not be updated because of conflicts.
      if (retryAfterMs !== undefined) return { kind: 'throttled', retryAfterMs };
      throw answerError(cluster, what, answer);
    default:
      return { kind: 'failed', message };
  }
}

/** policy/v1 Eviction of exactly this pod. */
export async function evictPod(
  connection: Connection,
  cluster: string,
  pod: PodFacts,
  graceSeconds: number | undefined,
  signal: AbortSignal | undefined,
): Promise<EvictionOutcome> {
  const what = `evict pod ${pod.namespace}/${pod.name}`;
  const answer = await connection.request('POST', `${podPath(pod)}/eviction`, {
    what,
    signal,
    body: {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.name, namespace: pod.namespace },
      deleteOptions: deleteOptions(pod, graceSeconds),
    },
  });
  const outcome = evictionOutcome(cluster, what, answer);
  if (outcome !== undefined) return outcome;
  if (!(await stillThere(connection, cluster, pod, signal))) return { kind: 'gone' };
  // The same pod was being changed at that moment.
  return { kind: 'throttled', retryAfterMs: answer.retryAfterMs ?? RETRY_MS };
}

/**
 * Deletes exactly this pod, past any budget.
 * @throws BurstError `conflict` when it was being changed at that moment.
 */
export async function deletePod(
  connection: Connection,
  cluster: string,
  pod: PodFacts,
  graceSeconds: number | undefined,
  signal: AbortSignal | undefined,
): Promise<'accepted' | 'gone'> {
  const what = `delete pod ${pod.namespace}/${pod.name}`;
  const body = deleteOptions(pod, graceSeconds);
  const answer = await connection.request('DELETE', podPath(pod), { what, body, signal });
  if (answer.status === 404) return 'gone';
  if (answer.status >= 200 && answer.status < 300) return 'accepted';
  if (answer.status === 409 && !(await stillThere(connection, cluster, pod, signal))) return 'gone';
  throw answerError(cluster, what, answer);
}
