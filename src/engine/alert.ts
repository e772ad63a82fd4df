import type { Run } from '../domain/operation.ts';
import type { NewOutbox } from '../ports/store.ts';

/** An alert about a run, due at once; told anew under the same key it says the newer text. */
export const alertOf = (run: Run, key: string, text: string): NewOutbox => ({
  key,
  notBeforeMs: 0,
  channelId: undefined,
  notice: { kind: 'alert', cluster: run.cluster, workerName: run.workerName, operationId: run.operationId, text },
});
