/** Makes the calls of a profile's steps, and reads their replies. Invariant: what cannot be read is unknown, never success. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import { connectionSecrets, shorten } from './connection.ts';
import type { McpServer, Reply, ServerOptions } from './connection.ts';
import { evaluate, renderArgs } from './expression.ts';
import type { Call, ErrorRule, Profile } from './profile.ts';
import { scrubber } from './secrets.ts';

export type Scope = Readonly<Record<string, unknown>>;
export type Outcome = { readonly result: unknown; readonly tasks: readonly string[] };
export type CallsOptions = Pick<ServerOptions, 'name' | 'connection'> & {
  readonly server: McpServer;
  readonly profile: Pick<Profile, 'fail' | 'message' | 'errors'>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Calls that change nothing. */
  readonly reads: ReadonlySet<Call>;
  /** Waits for a task between two calls of a step. */
  readonly ended: (task: string, signal: AbortSignal | undefined) => Promise<void>;
};

const CODES: Readonly<Record<Exclude<ErrorRule['class'], 'already'>, ErrorCode>> = {
  not_found: 'not_found',
  busy: 'busy',
  conflict: 'conflict',
  denied: 'denied',
  unknown: 'unknown_outcome',
};

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** @returns `run`, which makes a step's calls in order. */
export function createCalls({ name, connection, server, profile, settings, reads, ended }: CallsOptions) {
  /** What a reply says: what `from` names, else its structured content, its first block that parses as JSON, its text. */
  function content(reply: Reply, from: Call['from']): unknown {
    if (from === 'text') return reply.text;
    if (from === 'structured') return reply.structured;
    if (typeof from === 'number') {
      const block = reply.texts[from];
      return block === undefined ? undefined : (readJson(block) ?? block);
    }
    const inner = z.object({ result: z.string() }).safeParse(reply.structured);
    const candidates = inner.success ? [inner.data.result, ...reply.texts] : reply.texts;
    for (const text of candidates) {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        // prose: try the next block
      }
    }
    return reply.structured ?? reply.text;
  }

  /** A server may echo what it was sent: neither its own secrets nor a worker's join secret may be read in a message. */
  function scrub(text: string, scope: Scope): string {
    const join = z.record(z.string(), z.string()).catch({}).parse(scope['join']);
    return scrubber([...connectionSecrets(connection), ...Object.values(join)])(text);
  }

  function refusal(call: Call, message: string, scope: Scope): BurstError | 'already' {
    const rule = [...call.errors, ...profile.errors].find((candidate) =>
      new RegExp(candidate.match, 'i').test(message),
    );
    if (rule?.class === 'already') return 'already';
    return new BurstError(
      rule === undefined ? 'provider_failed' : CODES[rule.class],
      `${name}: ${call.tool}: ${shorten(scrub(message, scope))}`,
    );
  }

  async function messageOf(reply: unknown, text: string): Promise<string> {
    const message = profile.message === undefined ? undefined : await evaluate(profile.message, { reply });
    return typeof message === 'string' && message !== '' ? message : text;
  }

  async function one(
    call: Call,
    scope: Scope,
    signal: AbortSignal | undefined,
  ): Promise<{ result: unknown; task: unknown }> {
    const answer = await server.call(call.tool, await renderArgs(call.args, scope), signal, !reads.has(call));
    const reply = content(answer, call.from);
    const seen = { ...scope, reply, text: answer.text };
    const failRule = call.fail ?? profile.fail;
    const failed = answer.isError || (failRule !== undefined && (await evaluate(failRule, seen)) === true);
    if (failed) {
      const error = refusal(call, await messageOf(reply, answer.text), scope);
      if (error !== 'already') throw error;
      // `result` is read without a reply
      const result = call.result === undefined ? undefined : await evaluate(call.result, { ...scope, already: true });
      return { result, task: undefined };
    }
    if (call.ok !== undefined && (await evaluate(call.ok, seen)) !== true)
      throw reads.has(call)
        ? new BurstError('unavailable', `${name}: the reply to ${call.tool} could not be read.`)
        : new BurstError(
            'unknown_outcome',
            `${name}: the reply to ${call.tool} does not say that it was accepted: ${shorten(scrub(answer.text, scope), 200)}`,
          );
    return {
      result: call.result === undefined ? reply : await evaluate(call.result, seen),
      task: call.task === undefined ? undefined : await evaluate(call.task, seen),
    };
  }

  /** Runs a step's calls in order; `last` is the result of the call before. */
  async function run(calls: readonly Call[], scope: Scope, signal: AbortSignal | undefined): Promise<Outcome> {
    let last = scope['last'];
    const tasks: string[] = [];
    for (const call of calls) {
      const now = { ...scope, settings, last };
      if (call.when !== undefined && (await evaluate(call.when, now)) !== true) continue;
      try {
        const { result, task } = await one(call, now, signal);
        last = result;
        if (typeof task === 'string' && task !== '') tasks.push(task);
        else if (task !== undefined && task !== null) tasks.push(JSON.stringify(task));
        // what a call started must have ended before the next one may change the same VM
        if (call !== calls.at(-1) && typeof task === 'string') await ended(task, signal);
      } catch (error) {
        if (
          !call.optional ||
          !(error instanceof BurstError) ||
          error.code === 'unknown_outcome' ||
          error.code === 'unavailable'
        )
          throw error;
      }
    }
    return { result: last, tasks };
  }

  return run;
}
