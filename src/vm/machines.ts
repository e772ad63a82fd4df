/** The MachineServer port over an MCP server with a profile of the kind `machine`. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { Machine, MachineServer, MachineState } from '../ports/machine-server.ts';
import { createCalls } from './calls.ts';
import { compare } from './check.ts';
import { McpServer } from './connection.ts';
import type { ServerOptions } from './connection.ts';
import type { Call, MachineProfile } from './profile.ts';

const stateSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('up'), boot: z.string().min(1) }),
  z.object({ state: z.literal('reset') }),
  z.object({ state: z.literal('away') }),
]);

export type MachineServerOptions = ServerOptions & {
  readonly profile: MachineProfile;
  /** What the profile's expressions see as `settings`. */
  readonly settings: Readonly<Record<string, unknown>>;
};

export function createMachineServer(options: MachineServerOptions): MachineServer {
  const { name, profile } = options;
  const server = new McpServer(options);
  const run = createCalls({
    ...options,
    server,
    reads: new Set<Call>(profile.steps.look),
    ended: () => Promise.reject(new BurstError('internal', `${name}: a machine server has no tasks.`)),
  });
  const act = async (calls: readonly Call[], machine: Machine, signal?: AbortSignal): Promise<void> =>
    void (await run(calls, { machine }, signal));
  return {
    name,
    close: () => server.close(),
    async health(signal) {
      const { server: title, tools, faults } = await compare(server, profile, signal);
      const limits = profile.limits.map((limit) => `; ${limit}`).join('');
      if (faults.length > 0) return { ok: false, text: `${title}: ${faults.join('; ')}` };
      return { ok: true, text: `${title}, ${tools} tools${limits}` };
    },
    async look(machine, signal): Promise<MachineState> {
      try {
        const { result } = await run(profile.steps.look, { machine }, signal);
        const parsed = stateSchema.safeParse(result);
        if (!parsed.success) throw new BurstError('unavailable', `${name}: the state of a machine could not be read.`);
        return parsed.data;
      } catch (error) {
        if (error instanceof BurstError && error.code === 'busy') return { state: 'away' };
        throw error;
      }
    },
    apply: (machine, signal) => act(profile.steps.apply, machine, signal),
    reset: (machine, signal) => act(profile.steps.reset, machine, signal),
  };
}
