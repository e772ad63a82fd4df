/**
 * VMs that carry this installation's tag and that no record owns: what is told of each, and when its story ends. Pure.
 * Invariants: one VM is one message; a VM is told of only after it was nobody's for the grace period; a listing that is not
 * to be believed changes nothing.
 */
import type { Actor, Operation, OperationState } from './operation.ts';
import type { ReapStray } from './reap-plan.ts';

export type StrayDecision = 'adopt' | 'destroy';
export type StrayOutcome = 'gone' | 'recorded' | 'adopted' | 'destroyed';

export type Stray = {
  readonly cluster: string;
  readonly vmId: string;
  readonly name: string;
  /** With cluster, id and name its identity: the same id may come up again. */
  readonly firstSeenMs: number;
  readonly kind: ReapStray['kind'];
  readonly host: string | undefined;
  readonly toldAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  readonly outcome: StrayOutcome | undefined;
  /** What a person decided, and the operation that does it. */
  readonly decision: StrayDecision | undefined;
  readonly decidedBy: Actor | undefined;
  readonly operationId: string | undefined;
  /** Decisions that came to nothing: the next one is another operation. */
  readonly attempts: number;
};

/** The one operation that this decision is, whoever takes it and however often it is clicked. */
export const strayKey = ({ cluster, vmId, name, firstSeenMs, attempts }: Stray): string =>
  `stray:${cluster}:${vmId}:${name}:${firstSeenMs}:${attempts}`;

/** The VM with what was decided of it: the operation that a person asked for, which has the decision's key. */
export const decided = (stray: Stray, { id, kind, requester }: Operation): Stray => ({
  ...stray,
  decision: kind === 'provision' ? 'adopt' : 'destroy',
  decidedBy: requester,
  operationId: id,
});

export type StraySnapshot = {
  readonly cluster: string;
  readonly nowMs: number;
  readonly graceMs: number;
  /** Those of the sweep; undefined when the listing failed or is not to be believed. */
  readonly found: readonly ReapStray[] | undefined;
  /** Every VM listed, as `id name`. */
  readonly listed: ReadonlySet<string>;
  /** Those that have not ended. */
  readonly open: readonly Stray[];
  /** The states of the operations that the open ones name. */
  readonly operations: ReadonlyMap<string, OperationState>;
  /** `id name` of those that another cluster, which shares the VM server, tells of. */
  readonly elsewhere: ReadonlySet<string>;
};

/** What to write; what is in `tell` and `end` (when it was told) is told with it. */
export type StrayPlan = {
  readonly begin: readonly Stray[];
  readonly tell: readonly Stray[];
  readonly end: readonly (Stray & { readonly endedAtMs: number })[];
};

const keyOf = ({ vmId, name }: Pick<Stray, 'vmId' | 'name'>): string => `${vmId} ${name}`;

export function strayPlan(snapshot: StraySnapshot): StrayPlan {
  const { found, nowMs, open } = snapshot;
  if (found === undefined) return { begin: [], tell: [], end: [] };
  const known = new Map(open.map((stray) => [keyOf(stray), stray]));
  const seen = new Map(found.map((stray) => [keyOf(stray), stray]));
  const begin = found
    .filter((stray) => !known.has(keyOf(stray)) && !snapshot.elsewhere.has(keyOf(stray)))
    .map(({ vmId, name, kind, host }): Stray => ({
      cluster: snapshot.cluster,
      vmId,
      name,
      kind,
      host,
      firstSeenMs: nowMs,
      toldAtMs: undefined,
      endedAtMs: undefined,
      outcome: undefined,
      decision: undefined,
      decidedBy: undefined,
      operationId: undefined,
      attempts: 0,
    }));
  const tell = open.flatMap((stray): Stray[] => {
    const now = seen.get(keyOf(stray));
    if (now === undefined) return [];
    if (stray.toldAtMs === undefined)
      return nowMs - stray.firstSeenMs > snapshot.graceMs ? [{ ...stray, kind: now.kind, toldAtMs: nowMs }] : [];
    if (stray.operationId === undefined || isUnderWay(stray, snapshot)) return [];
    // what was decided came to nothing: it is a person's to decide again
    const { kind } = now;
    return [{ ...stray, kind, decision: undefined, operationId: undefined, attempts: stray.attempts + 1 }];
  });
  const end = open.flatMap((stray): StrayPlan['end'] =>
    seen.has(keyOf(stray)) || isUnderWay(stray, snapshot)
      ? []
      : [{ ...stray, endedAtMs: nowMs, outcome: outcomeOf(stray, snapshot) }],
  );
  return { begin, tell, end };
}

const isUnderWay = ({ operationId }: Stray, { operations }: StraySnapshot): boolean => {
  const state = operationId === undefined ? undefined : operations.get(operationId);
  return state === 'running' || state === 'stuck';
};

function outcomeOf(stray: Stray, { listed }: StraySnapshot): StrayOutcome {
  if (!listed.has(keyOf(stray))) return stray.decision === 'destroy' ? 'destroyed' : 'gone';
  return stray.decision === 'adopt' ? 'adopted' : 'recorded';
}
