/**
 * The VmProvider port over an MCP server with a profile. Invariants: an accepted request is not a result; a listing that
 * failed, or shows nothing at all, is unknown and never "no VMs".
 */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { TaskHandle, TaskState, VmFacts, VmProvider, VmSpec } from '../ports/vm-provider.ts';
import { compare } from './check.ts';
import { createCalls, readJson } from './calls.ts';
import type { Outcome, Scope } from './calls.ts';
import { McpServer, shorten } from './connection.ts';
import type { ServerOptions } from './connection.ts';
import { hostsFrom } from './hosts.ts';
import type { Call, Profile } from './profile.ts';

/** Steps that only some configurations need. */
const OPTIONAL = ['hosts', 'address'] as const;

export type VmProviderOptions = ServerOptions & {
  readonly profile: Profile;
  /** Of those, what is needed: `health` asks for no other's tools. */
  readonly uses?: readonly (typeof OPTIONAL)[number][];
  /** What the profile's expressions see as `settings`: node, template, storage, … */
  readonly settings: Readonly<Record<string, unknown>>;
};

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
/** Addresses that another machine can reach, the best one first. */
const addressesSchema = z.array(z.union([z.ipv4(), z.ipv6()])).catch([]);
const handleSchema = z.array(z.string()).min(1);

const FIRST_ID = 100;
const idSchema = z.coerce.number().int().min(FIRST_ID).catch(FIRST_ID);
const idsSchema = z.union([z.array(z.coerce.string()), z.coerce.string().transform((one) => [one])]).default([]);
const offerSchema = z.union([
  z.object({ id: idSchema.default(FIRST_ID), used: idsSchema }),
  idSchema.transform((id) => ({ id, used: [] as string[] })),
]);

export function createVmProvider(options: VmProviderOptions): VmProvider {
  const { profile, name } = options;
  const server = new McpServer(options);
  const { freeId = [], find = [], hosts = [], address = [], list: listing, task: looking } = profile.steps;
  const reads = new Set<Call>([...freeId, ...find, ...hosts, ...address, ...listing, ...looking]);

  const run = createCalls({ ...options, server, reads, ended });

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
      const unused = OPTIONAL.filter((step) => options.uses?.includes(step) !== true);
      const found = await compare(server, profile, signal, unused);
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
    async addresses(vm, signal) {
      if (profile.steps.address === undefined)
        throw new BurstError('invalid_input', `${name} has no way to say a VM's address.`);
      try {
        const { result } = await run(profile.steps.address, { vm }, signal);
        return addressesSchema.parse(result);
      } catch (error) {
        // the guest agent does not answer yet
        if (error instanceof BurstError && error.code === 'busy') return [];
        throw error;
      }
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
