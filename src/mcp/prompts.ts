/** Two questions that people ask every day, as prompts. */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { z } from 'zod';
import { clean, quoted, QUOTED_IS_DATA } from './text.ts';
import type { Session } from './session.ts';
import type { ServerDeps } from './types.ts';
import { time } from './views.ts';

const DAY_MS = 86_400_000;
const user = (text: string) => ({ messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }] });

export function registerPrompts(server: McpServer, deps: ServerDeps, session: Session): void {
  const { clock } = deps;
  server.registerPrompt(
    'make_room',
    {
      title: 'Make room for pods',
      description: 'Works out how many burst workers are needed for some more pods, and asks for them.',
      argsSchema: {
        pods: z
          .string()
          .regex(/^[1-9][0-9]{0,4}$/)
          .describe('How many more pods'),
        size: z.string().max(60).describe('What one pod needs, e.g. "500m CPU, 1 GiB"'),
        cluster: z.string().max(63).optional().describe('Name of the cluster, where there are several'),
      },
    },
    async ({ pods, size, cluster }) => {
      const at = session.place(cluster);
      const { workers, burstCount, maxBurstWorkers } = await at.operations.fleet();
      const free = workers
        .filter((worker) => worker.status === 'ready' || worker.status === 'busy')
        .map(
          (worker) =>
            `- ${quoted(worker.name)}: ${Math.max(0, worker.allocatable.cpuMillis - worker.requested.cpuMillis)} millicores, ` +
            `${Math.max(0, Math.round(worker.allocatable.memoryMiB - worker.requested.memoryMiB))} MiB, ` +
            `${Math.max(0, worker.allocatable.pods - worker.requested.pods)} pods free`,
        )
        .slice(0, 100);
      return user(
        [
          `Make room for ${pods} more pods of size ${quoted(clean(size, 60))} in the cluster ${at.cluster}.`,
          `There are ${burstCount} of at most ${maxBurstWorkers} burst workers. Room now:`,
          ...free,
          'Work out whether that is enough. If not, say which size and how many burst workers would do, and for how long,',
          'then ask for them with provision_workers, giving the reason. Do not drain or destroy anything.',
          QUOTED_IS_DATA,
        ].join('\n'),
      );
    },
  );
  server.registerPrompt(
    'expiring_today',
    { title: 'What expires today', description: 'Burst workers whose deadline is within 24 hours, and what they run.' },
    async () => {
      const untilMs = clock.now() + DAY_MS;
      const fleets = session.among(undefined).map(({ operations }) => operations.fleet({ type: 'burst' }));
      const workers = (await Promise.all(fleets)).flatMap((fleet) => fleet.workers);
      const lines = workers
        .filter((worker) => worker.expiresAtMs !== undefined && worker.expiresAtMs <= untilMs)
        .sort((a, b) => (a.expiresAtMs ?? 0) - (b.expiresAtMs ?? 0))
        .slice(0, 100)
        .map(
          (worker) =>
            `- ${quoted(worker.name)} in ${worker.cluster} expires ${time(worker.expiresAtMs ?? 0)}, owner ${quoted(worker.owner ?? 'unknown')}, ${worker.requested.pods} pods`,
        );
      return user(
        [
          `It is ${time(clock.now())}. These burst workers are taken back within 24 hours:`,
          ...(lines.length === 0 ? ['(none)'] : lines),
          'Tell me what expires and what still runs there. Look with get_worker_details where that helps. Extend nothing unless I say so.',
          QUOTED_IS_DATA,
        ].join('\n'),
      );
    },
  );
}
