/**
 * The VmProvider port over an MCP server with a profile. Invariants: an accepted request is not a result; a listing that
 * failed, or shows nothing at all, is unknown and never "no VMs".
 */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { TaskHandle, TaskState, VmFacts, VmProvider, VmSpec } from '../ports/vm-provider.ts';
import { compare } from './check.ts';
import { McpServer, connectionSecrets, shorten } from './connection.ts';
import type { Reply, ServerOptions } from './connection.ts';
import { evaluate, renderArgs } from './expression.ts';
import { hostsFrom } from './hosts.ts';
import type { Call, ErrorRule, Profile } from './profile.ts';
import { scrubber } from './secrets.ts';

export type VmProviderOptions = ServerOptions & {
  readonly profile: Profile;
  /** What the profile's expressions see as `settings`: node, template, storage, … */
  readonly settings: Readonly<Record<string, unknown>>;
};

type Scope = Readonly<Record<string, unknown>>;
type Outcome = { readonly result: unknown; readonly tasks: readonly string[] };

const rowSchema = z.object({
  id: z.coerce.string(),
  name: z.string().default(''),
  host: z.string().nullish(),
  state: z.string().default('unknown'),
  tags: z.union([z.string(), z.array(z.string())]).nullish(),
  template: z.unknown().optional(),
  lock: z.string().nullish(),
  memoryMiB: z.number().nullish(),
  usedMiB: z.number().nullish(),
});
const taskSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('running') }),
  z.object({ state: z.literal('ok') }),
  z.object({ state: z.literal('failed'), message: z.coerce.string().default('no reason given') }),
]);
const handleSchema = z.array(z.string()).min(1);

const CODES: Readonly<Record<Exclude<ErrorRule['class'], 'already'>, ErrorCode>> = {
  not_found: 'not_found',
  busy: 'busy',
  conflict: 'conflict',
  denied: 'denied',
};
const FIRST_ID = 100;
const idSchema = z.coerce.number().int().min(FIRST_ID).catch(FIRST_ID);
const idsSchema = z.union([z.array(z.coerce.string()), z.coerce.string().transform((one) => [one])]).default([]);
const offerSchema = z.union([
  z.object({ id: idSchema.default(FIRST_ID), used: idsSchema }),
  idSchema.transform((id) => ({ id, used: [] as string[] })),
]);

export function createVmProvider(options: VmProviderOptions): VmProvider {
  const { profile, name, settings } = options;
  const server = new McpServer(options);
  const { freeId = [], find = [], hosts = [], list: listing, task: looking } = profile.steps;
  const reads = new Set<Call>([...freeId, ...find, ...hosts, ...listing, ...looking]);

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
    return scrubber([...connectionSecrets(options.connection), ...Object.values(join)])(text);
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

  async function ended(task: string, signal: AbortSignal | undefined): Promise<void> {
    const { interval_ms: intervalMs, limit_ms: limitMs } = profile.wait;
    const untilMs = options.clock.now() + limitMs;
    for (;;) {
      const state = await taskState(task, signal);
      if (state.state === 'ok') return;
      if (state.state === 'failed') throw new BurstError('provider_failed', `${name}: ${shorten(state.message)}`);
      if (options.clock.now() >= untilMs)
        throw new BurstError('unknown_outcome', `${name}: a task did not end within ${limitMs / 1000} s; it may yet.`);
      await options.clock.sleep(intervalMs, signal);
    }
  }

  async function taskState(task: string, signal: AbortSignal | undefined): Promise<TaskState> {
    const { result } = await run(profile.steps.task, { task }, signal);
    const parsed = taskSchema.safeParse(result);
    if (!parsed.success) throw new BurstError('unavailable', `${name}: the state of a task could not be read.`);
    return parsed.data;
  }

  const handleOf = ({ tasks }: Outcome): TaskHandle | undefined =>
    tasks.length === 0 ? undefined : JSON.stringify(tasks);

  function facts(row: unknown): VmFacts {
    const parsed = rowSchema.safeParse(row);
    if (!parsed.success) throw new BurstError('unavailable', `${name}: a VM in the listing could not be read.`);
    const { id, tags, host, lock, state, template, memoryMiB, usedMiB } = parsed.data;
    return {
      id,
      name: parsed.data.name,
      host: host ?? undefined,
      state: state === 'running' || state === 'stopped' ? state : 'unknown',
      tags: Array.isArray(tags) ? tags : (tags ?? '').split(/[;, ]/).filter((tag) => tag !== ''),
      template: template === true || template === 1 || template === '1',
      lock: lock === null || lock === '' ? undefined : lock,
      ...(typeof memoryMiB === 'number' ? { memoryMiB } : {}),
      ...(typeof usedMiB === 'number' ? { usedMiB } : {}),
    };
  }

  /** The rows as the listing shows them, unproven: they may lack tags. */
  async function rowsOf(signal: AbortSignal | undefined): Promise<readonly VmFacts[]> {
    const { result } = await run(profile.steps.list, {}, signal);
    const rows = Array.isArray(result) ? (result as readonly unknown[]) : result === undefined ? [] : [result];
    // there must at least be the template: nothing at all means that we were not shown the truth
    if (rows.length === 0)
      throw new BurstError('unavailable', `${name} lists no VM at all, not even a template.`, {
        hint: 'Check the permissions of its API token.',
      });
    return rows.map(facts);
  }

  /** A listed VM with all that the server knows of it; undefined when it went meanwhile. */
  async function complete(row: VmFacts, signal: AbortSignal | undefined): Promise<VmFacts | undefined> {
    if (profile.steps.find === undefined) return row;
    try {
      return facts((await run(profile.steps.find, { vm: row, last: row }, signal)).result);
    } catch (error) {
      if (error instanceof BurstError && error.code === 'not_found') return undefined;
      throw error;
    }
  }

  async function list(signal?: AbortSignal): Promise<readonly VmFacts[]> {
    const rows = await rowsOf(signal);
    if (!profile.completeList) return rows;
    const completed = await Promise.all(rows.map((row) => complete(row, signal)));
    return completed.filter((row) => row !== undefined);
  }

  function specScope(spec: VmSpec, host: string | undefined): Scope {
    const { size, tags, description, join, place = {} } = spec;
    return {
      vm: { id: spec.id, name: spec.name, ...(host === undefined ? {} : { host }) },
      size,
      tags,
      description,
      join,
      place,
    };
  }

  const act = async (
    calls: readonly Call[],
    vm: { readonly id: string; readonly host: string | undefined },
    signal: AbortSignal | undefined,
  ): Promise<TaskHandle | undefined> =>
    handleOf(await run(calls, { vm: { id: vm.id, ...(vm.host === undefined ? {} : { host: vm.host }) } }, signal));

  return {
    name,
    connect: async () => server.connect(),
    close: () => server.close(),
    async health(signal) {
      const found = await compare(server, profile, signal);
      if (found.faults.length > 0) return { ok: false, text: `${found.server}: ${found.faults.join('; ')}` };
      const vms = await list(signal);
      const limits = profile.limits.map((limit) => `; ${limit}`).join('');
      return { ok: true, text: `${found.server}, ${found.tools} tools, ${vms.length} VMs${limits}` };
    },
    async freeId(taken, signal) {
      const used = new Set([...taken, ...(await rowsOf(signal)).map((vm) => vm.id)]);
      const { result } =
        profile.steps.freeId === undefined ? { result: undefined } : await run(profile.steps.freeId, {}, signal);
      // an id alone, or also what else is in use (containers share the ids)
      const offer = offerSchema.parse(result);
      for (const other of offer.used) used.add(other);
      let { id } = offer;
      while (used.has(String(id))) id += 1;
      return String(id);
    },
    list,
    async find(id, signal) {
      const row = (await rowsOf(signal)).find((vm) => vm.id === id);
      return row === undefined ? undefined : complete(row, signal);
    },
    async capacity(signal) {
      const vms = await rowsOf(signal);
      if (profile.steps.hosts === undefined) return { hosts: undefined, vms };
      return { hosts: hostsFrom((await run(profile.steps.hosts, {}, signal)).result, name), vms };
    },
    clone: async (spec, signal) => handleOf(await run(profile.steps.clone, specScope(spec, undefined), signal)),
    configure: async (spec, host, signal) =>
      handleOf(await run(profile.steps.configure, specScope(spec, host), signal)),
    start: (vm, signal) => act(profile.steps.start, vm, signal),
    stop: (vm, signal) => act(profile.steps.stop, vm, signal),
    delete: (vm, signal) => act(profile.steps.delete, vm, signal),
    async task(handle, signal) {
      const parsed = handleSchema.safeParse(readJson(handle));
      if (!parsed.success) throw new BurstError('internal', 'A recorded task handle cannot be read.');
      const states: TaskState[] = [];
      for (const task of parsed.data) states.push(await taskState(task, signal));
      return (
        states.find((state) => state.state === 'failed') ??
        states.find((state) => state.state === 'running') ?? { state: 'ok' }
      );
    },
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
