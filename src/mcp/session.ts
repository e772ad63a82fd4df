/**
 * One assistant's standing: what it may do alone, what becomes a question to people, how it waits. Invariant: a tool that
 * changes something goes through `decide`; every refusal is audited with the token's name.
 */
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { assistantDecision, mayUseCluster } from '../domain/assistant.ts';
import type { AssistantRequest } from '../domain/assistant.ts';
import { AwaitsApproval } from '../domain/approval.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import { workerCost } from '../domain/cost.ts';
import type { WorkerCost } from '../domain/money.ts';
import type { Actor, Run } from '../domain/operation.ts';
import type { Accepted, Operations, Request } from '../operations/index.ts';
import type { OutcomeOut } from './schemas.ts';
import type { Asked, ServerDeps, Token, Wanted } from './types.ts';
import { operationOut, operationText, time } from './views.ts';
import { quoted } from './text.ts';

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
/** A cluster that this session may use. */
export type Place = { readonly cluster: string; readonly operations: Operations };
export type Outcome = { readonly structured: OutcomeOut; readonly text: string };

/** How long a call that asked for progress is waited for, ms; the operation goes on after it. */
const LONGEST_WAIT_MS = 6 * 3_600_000;
const LOOK_EVERY_MS = 1000;

export type Session = ReturnType<typeof createSession>;

export function createSession(deps: ServerDeps, token: Token) {
  const { clusters, store, people, clock, ids } = deps;
  const seen = [...clusters].filter(([name]) => mayUseCluster(token, name));
  const by: Actor = {
    kind: 'assistant',
    name: token.name,
    ...(token.userId === undefined ? {} : { userId: token.userId }),
  };

  async function refused(cluster: string, action: string, text: string, workerName?: string): Promise<void> {
    await store.appendAudit([
      {
        atMs: clock.now(),
        cluster,
        actor: by,
        action,
        outcome: 'refused',
        text,
        ...(workerName === undefined ? {} : { workerName }),
      },
    ]);
  }

  /** Counts a call. @throws `rate_limited` (audited once) when there were too many. */
  async function admit(): Promise<void> {
    const answer = deps.called(token);
    if (answer.ok) return;
    const text = `The token ${token.name} may call at most ${token.limits.callsPerMinute ?? 0} times in a minute.`;
    if (answer.tell) await refused(seen[0]?.[0] ?? '', 'flood', text);
    throw new BurstError('rate_limited', text, { left: 'Nothing was done.', retryAtMs: answer.retryAtMs });
  }

  /** The clusters that this token may use, or the one of that name. @throws `not_found` when it is not among them. */
  function among(name: string | undefined): readonly Place[] {
    const places = seen.filter(([cluster]) => name === undefined || cluster === name);
    if (places.length === 0)
      throw new BurstError(
        'not_found',
        `There is no cluster "${(name ?? '').slice(0, 63)}" for the token ${token.name}.`,
        {
          hint:
            seen.length === 0
              ? 'Its clusters are set in the configuration.'
              : `Clusters: ${seen.map(([own]) => own).join(', ')}.`,
        },
      );
    return places.map(([cluster, operations]) => ({ cluster, operations }));
  }

  /** The one cluster of that name, else the default one. */
  function place(name: string | undefined): Place {
    const [first] = among(name);
    if (first === undefined) throw new BurstError('not_found', 'There is no cluster.');
    return first;
  }

  /** A worker by its name or a unique part of it. @throws `not_found`, `ambiguous` (also across clusters). */
  async function find(asked: string, cluster: string | undefined): Promise<Place & { readonly worker: string }> {
    const found: (Place & { readonly worker: string })[] = [];
    const problems: BurstError[] = [];
    for (const at of among(cluster))
      try {
        found.push({ ...at, worker: await at.operations.resolve(asked) });
      } catch (error) {
        if (!isBurstError(error)) throw error;
        problems.push(error);
      }
    const exact = found.filter(({ worker }) => worker === asked.trim().toLowerCase());
    const [only, ...others] = exact.length > 0 ? exact : found;
    const unclear = problems.find((problem) => problem.code === 'ambiguous');
    if (only !== undefined && others.length === 0 && (unclear === undefined || exact.length > 0)) return only;
    if (only === undefined && problems.length > 0)
      throw (
        unclear ?? problems.find((problem) => problem.suggestions.length > 0) ?? problems[0] ?? new Error('unreachable')
      );
    throw new BurstError('ambiguous', `"${asked.slice(0, 80)}" is in the names of workers of several clusters.`, {
      hint: 'Give the cluster, too.',
      suggestions: [only, ...others].flatMap((one) => (one === undefined ? [] : [`${one.worker} in ${one.cluster}`])),
    });
  }

  /** Where this operation runs. @throws `not_found`, also when the token may not see its cluster. */
  async function placeOf(id: string): Promise<Place> {
    const operation = await store.getOperation(id);
    const at = operation === undefined ? undefined : seen.find(([name]) => name === operation.cluster);
    if (at === undefined) throw new BurstError('not_found', `There is no operation "${id.slice(0, 60)}".`);
    return { cluster: at[0], operations: at[1] };
  }

  /** Runs a look that must succeed before anybody is asked; its refusal is audited. */
  async function checked<T>(cluster: string, action: string, workerName: string, look: () => Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      if (isBurstError(error)) await refused(cluster, action, error.message, workerName);
      throw error;
    }
  }

  const isOwn = (actor: Actor): boolean => actor.kind === 'assistant' && actor.name === token.name;
  const ownsWorker = async (cluster: string, name: string): Promise<boolean> => {
    const record = await store.getWorker(cluster, name);
    return record !== undefined && record.state !== 'removed' && isOwn(record.owner);
  };
  const ownsOperation = async (id: string): Promise<boolean> => {
    const operation = await store.getOperation(id);
    return operation !== undefined && isOwn(operation.requester);
  };

  /** What the workers of a provision cost, as far as it is known. */
  async function costsOf(runs: readonly Run[]): Promise<readonly WorkerCost[]> {
    const nowMs = clock.now();
    const records = await Promise.all(runs.map(({ cluster, workerName }) => store.getWorker(cluster, workerName)));
    return records.flatMap((record, at) => {
      if (record === undefined || record.state === 'failed') return [];
      return workerCost({ ...record, untilMs: runs[at]?.data.deadlineMs ?? record.plannedUntilMs }, nowMs) ?? [];
    });
  }

  async function describe(id: string): Promise<Outcome> {
    const { operation, runs } = await (await placeOf(id)).operations.operation(id);
    const out = operationOut(operation, runs, operation.kind === 'provision' ? await costsOf(runs) : []);
    const status = operation.state === 'running' ? 'accepted' : 'ended';
    return { structured: { status, duplicate: false, operation: out }, text: operationText(out) };
  }

  async function describeAsked(asked: Asked): Promise<Outcome> {
    const approval = {
      id: asked.id,
      state: asked.state,
      why: asked.why,
      ...(asked.expiresAtMs === undefined ? {} : { expires_at: time(asked.expiresAtMs) }),
    };
    if (asked.operationId !== undefined) {
      const { structured, text } = await describe(asked.operationId);
      return { structured: { ...structured, approval }, text };
    }
    const status =
      asked.state === 'pending' || asked.state === 'approved' || asked.state === 'executed'
        ? 'awaiting_approval'
        : asked.state;
    const text =
      status === 'awaiting_approval'
        ? `Awaiting approval ${asked.id}: a person is asked in Slack (${asked.why}). Ask again with get_operation, operation_id ${quoted(asked.id)}.`
        : `The approval ${asked.id} was not given: ${asked.state}. Nothing was changed.`;
    return { structured: { status, duplicate: false, approval }, text };
  }

  /** The operation or approval of that id. @throws `not_found`. */
  async function lookUp(id: string): Promise<Outcome> {
    const asked = await people?.get(id, by);
    return asked === undefined ? describe(id) : describeAsked(asked);
  }

  /** Waits with progress until it ended, when the client asked for progress; else answers at once. */
  async function follow(id: string, first: Outcome, extra: Extra): Promise<Outcome> {
    const progressToken = extra._meta?.progressToken;
    if (progressToken === undefined) return first;
    const untilMs = clock.now() + LONGEST_WAIT_MS;
    let outcome = first;
    let said = '';
    let progress = 0;
    while (clock.now() < untilMs) {
      const { operation } = outcome.structured;
      const waiting = outcome.structured.status === 'accepted' || outcome.structured.status === 'awaiting_approval';
      const ended = (operation?.workers ?? []).filter(
        (worker) => worker.state !== 'running' && worker.state !== 'undoing',
      );
      if (outcome.text !== said) {
        said = outcome.text;
        progress += 1;
        const message =
          operation === undefined
            ? outcome.text
            : `${ended.length} of ${operation.workers.length} done; ${operation.workers.map((worker) => `${worker.name}: ${worker.progress}`).join('; ')}`;
        await extra.sendNotification({
          method: 'notifications/progress',
          params: { progressToken, progress, message: message.slice(0, 500) },
        });
      }
      if (!waiting) return outcome;
      try {
        await clock.sleep(LOOK_EVERY_MS, extra.signal);
      } catch {
        await stopped(id, extra);
        return lookUp(id);
      }
      outcome = await lookUp(id);
    }
    return outcome;
  }

  /**
   * The client does not wait any more. Only its own cancellation reaches the operation: a connection that broke, and a
   * client whose patience ended (the SDK's clients cancel then, too, and say "timed out"), lose nothing.
   */
  async function stopped(id: string, extra: Extra): Promise<void> {
    const reason: unknown = extra.signal.reason;
    if (!connected() || /timed? ?out/i.test(String(reason))) return;
    const asked = await people?.get(id, by);
    const operationId = asked === undefined ? id : asked.operationId;
    if (operationId === undefined) await people?.withdraw(id, by);
    else await (await placeOf(operationId)).operations.cancel(operationId, by);
  }
  let connected = (): boolean => true;

  /** The one way to a change. */
  async function decide(
    wanted: Wanted,
    facts: AssistantRequest,
    request: { readonly reason: string; readonly key: string | undefined; readonly tool: string },
    submit: (request: Request) => Promise<Accepted>,
    extra: Extra,
  ): Promise<Outcome> {
    const worker = 'worker' in wanted ? wanted.worker : undefined;
    const idempotencyKey = `mcp:${token.name}:${request.tool}:${request.key ?? ids.next()}`;
    const decision = assistantDecision(token, facts);
    switch (decision.kind) {
      case 'refuse': {
        await refused(facts.cluster, wanted.action, decision.text, worker);
        throw new BurstError('forbidden', `${wanted.action}: ${decision.text}.`, {
          left: 'Nothing was changed.',
          hint: decision.hint,
        });
      }
      case 'ask': {
        const { why } = decision;
        if (people === undefined) {
          await refused(facts.cluster, wanted.action, `a person must decide it: ${why}`, worker);
          throw new BurstError('forbidden', `${wanted.action}: a person must decide it (${why}).`, {
            left: 'Nothing was changed.',
            hint: 'A person can do it in Slack with /burst.',
          });
        }
        const asked = await people.ask({
          by,
          cluster: facts.cluster,
          wanted,
          why,
          reason: request.reason,
          idempotencyKey,
          rates: token.limits.rates,
        });
        return follow(asked.id, await describeAsked(asked), extra);
      }
      case 'alone': {
        let accepted: Accepted;
        try {
          accepted = await submit({ by, reason: request.reason, idempotencyKey, rates: token.limits.rates });
        } catch (error) {
          // a rule wants people to approve it: it is a question now
          if (!(error instanceof AwaitsApproval)) throw error;
          return follow(error.approval.id, await lookUp(error.approval.id), extra);
        }
        const first = await describe(accepted.operation.id);
        const marked = { ...first, structured: { ...first.structured, duplicate: accepted.duplicate } };
        return follow(accepted.operation.id, marked, extra);
      }
    }
  }

  return {
    by,
    token,
    admit,
    among,
    place,
    find,
    placeOf,
    checked,
    ownsWorker,
    ownsOperation,
    lookUp,
    decide,
    /** Tells the session how to see whether its client is still there. */
    watchConnection(isConnected: () => boolean): void {
      connected = isConnected;
    },
  };
}
