/**
 * One assistant's standing: what it may do alone, what becomes a question to people, how it waits. Invariant: a tool that
 * changes something goes through `decide`; every refusal is audited with the token's name.
 */
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import type { ServerNotification, ServerRequest } from '@modelcontextprotocol/sdk/types.js';
import { assistantDecision, mayUseCluster } from '../domain/assistant.ts';
import type { AssistantRequest } from '../domain/assistant.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import type { Actor } from '../domain/operation.ts';
import type { Accepted, Request } from '../operations/index.ts';
import type { OutcomeOut } from './schemas.ts';
import type { Asked, ServerDeps, Token, Wanted } from './types.ts';
import { operationOut, operationText, time } from './views.ts';
import { quoted } from './text.ts';

export type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;
export type Outcome = { readonly structured: OutcomeOut; readonly text: string };

/** How long a call that asked for progress is waited for, ms; the operation goes on after it. */
const LONGEST_WAIT_MS = 6 * 3_600_000;
const LOOK_EVERY_MS = 1000;

export type Session = ReturnType<typeof createSession>;

export function createSession(deps: ServerDeps, token: Token) {
  const { operations, store, people, clock, ids, cluster } = deps;
  const by: Actor = {
    kind: 'assistant',
    name: token.name,
    ...(token.userId === undefined ? {} : { userId: token.userId }),
  };

  async function refused(action: string, text: string, workerName?: string): Promise<void> {
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

  /** @throws `forbidden` when the token may not see this cluster. */
  async function requireCluster(): Promise<void> {
    if (mayUseCluster(token, cluster)) return;
    await refused('look', `the token may not use the cluster ${cluster}`);
    throw new BurstError('forbidden', `The token ${token.name} may not use the cluster ${cluster}.`, {
      hint: `Clusters: ${token.clusters.join(', ')}.`,
    });
  }

  /** Runs a look that must succeed before anybody is asked; its refusal is audited. */
  async function checked<T>(action: string, workerName: string, look: () => Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (error) {
      if (isBurstError(error)) await refused(action, error.message, workerName);
      throw error;
    }
  }

  const isOwn = (actor: Actor): boolean => actor.kind === 'assistant' && actor.name === token.name;
  const ownsWorker = async (name: string): Promise<boolean> => {
    const record = await store.getWorker(cluster, name);
    return record !== undefined && record.state !== 'removed' && isOwn(record.owner);
  };
  const ownsOperation = async (id: string): Promise<boolean> => {
    const operation = await store.getOperation(id);
    return operation !== undefined && isOwn(operation.requester);
  };

  async function describe(accepted: { readonly operation: Accepted['operation'] }): Promise<Outcome> {
    const { operation, runs } = await operations.operation(accepted.operation.id);
    const out = operationOut(operation, runs);
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
      const { structured, text } = await describe((await operations.operation(asked.operationId)));
      return { structured: { ...structured, approval }, text };
    }
    const status = asked.state === 'pending' || asked.state === 'approved' || asked.state === 'executed' ? 'awaiting_approval' : asked.state;
    const text =
      status === 'awaiting_approval'
        ? `Awaiting approval ${asked.id}: a person is asked in Slack (${asked.why}). Ask again with get_operation, operation_id ${quoted(asked.id)}.`
        : `The approval ${asked.id} was not given: ${asked.state}. Nothing was changed.`;
    return { structured: { status, duplicate: false, approval }, text };
  }

  /** The operation or approval of that id. @throws `not_found`. */
  async function lookUp(id: string): Promise<Outcome> {
    const asked = await people.get(id);
    return asked === undefined ? describe(await operations.operation(id)) : describeAsked(asked);
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
      const ended = (operation?.workers ?? []).filter((worker) => worker.state !== 'running' && worker.state !== 'undoing');
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
    const asked = await people.get(id);
    if (asked !== undefined && asked.operationId === undefined) await people.withdraw(id, by);
    else await operations.cancel(asked?.operationId ?? id, by);
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
        await refused(wanted.action, decision.text, worker);
        throw new BurstError('forbidden', `${wanted.action}: ${decision.text}.`, {
          left: 'Nothing was changed.',
          hint: decision.hint,
        });
      }
      case 'ask': {
        const { why } = decision;
        const asked = await people.ask({ by, cluster, wanted, why, reason: request.reason, idempotencyKey });
        return follow(asked.id, await describeAsked(asked), extra);
      }
      case 'alone': {
        const accepted = await submit({ by, reason: request.reason, idempotencyKey });
        const first = await describe(accepted);
        const marked = { ...first, structured: { ...first.structured, duplicate: accepted.duplicate } };
        return follow(accepted.operation.id, marked, extra);
      }
    }
  }

  return {
    by,
    token,
    requireCluster,
    checked,
    ownsWorker,
    ownsOperation,
    lookUp,
    describe,
    decide,
    /** Tells the session how to see whether its client is still there. */
    watchConnection(isConnected: () => boolean): void {
      connected = isConnected;
    },
  };
}
