import { describe, expect, test } from 'vitest';
import { evictionOutcome } from '../../../src/kubernetes/pods.ts';

const status = (code: number, message: string, details: object = {}) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  message,
  details,
});
const outcome = (code: number, message = '', details: object = {}, retryAfterMs?: number) =>
  evictionOutcome('c', 'evict pod a/b', { status: code, body: status(code, message, details), retryAfterMs });

describe('what an answer to an eviction means', () => {
  test('201 is accepted, 404 is gone, 409 has to be looked into', () => {
    expect(outcome(201)).toEqual({ kind: 'accepted' });
    expect(outcome(404)).toEqual({ kind: 'gone' });
    expect(outcome(409)).toBeUndefined();
  });

  test('the two kinds of 429 are told apart', () => {
    const message = 'The disruption budget web needs 2 healthy pods and has 2 currently';
    const causes = [{ reason: 'DisruptionBudget', message }];
    const text = "Cannot evict pod as it would violate the pod's disruption budget.";
    expect(outcome(429, text, { causes }, 10_000)).toEqual({ kind: 'blocked', message, budget: 'web' });
    expect(outcome(429, 'too many requests', {}, 3_000)).toEqual({ kind: 'throttled', retryAfterMs: 3_000 });
    expect(outcome(429, '', { retryAfterSeconds: 2 })).toEqual({ kind: 'throttled', retryAfterMs: 2_000 });
    expect(outcome(429)).toEqual({ kind: 'throttled', retryAfterMs: 1_000 });
  });

  test('several budgets block, any other 500 fails', () => {
    const several = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    expect(outcome(500, several)).toEqual({ kind: 'blocked', message: several, budget: undefined });
    expect(outcome(500, 'broken webhook')).toEqual({ kind: 'failed', message: 'broken webhook' });
  });

  test('a namespace that is ending is no failure, a missing right is', () => {
    expect(outcome(403, 'x', { causes: [{ reason: 'NamespaceTerminating', message: 'y' }] })).toEqual({
      kind: 'namespace_terminating',
    });
    expect(outcome(403, 'forbidden')).toEqual({ kind: 'failed', message: 'forbidden' });
  });

  test('an API server that is away or does not know us throws', () => {
    expect(() => outcome(503, 'down')).toThrowError(expect.objectContaining({ code: 'unavailable' }) as Error);
    expect(() => outcome(401, 'who')).toThrowError(expect.objectContaining({ code: 'denied' }) as Error);
  });

  test('a token in a message is taken out', () => {
    const failed = outcome(500, 'refused: Bearer abc.def and abcdef.0123456789abcdef');
    expect(failed).toEqual({ kind: 'failed', message: 'refused: Bearer [redacted] and [redacted]' });
  });
});
