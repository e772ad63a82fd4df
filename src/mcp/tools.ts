/** The five operations of the specification and what belongs to them, as tools. Invariant: reading tools change nothing. */
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { failure, reply } from './answers.ts';
import { detailsSchema, fleetSchema, outcomeSchema, previewSchema } from './schemas.ts';
import type { Extra, Outcome, Session } from './session.ts';
import type { Fleet } from '../operations/index.ts';
import type { ServerDeps } from './types.ts';
import { detailsOut, detailsText, fleetOut, fleetText, previewOut, previewText } from './views.ts';

const worker = z.string().min(1).max(253).describe('Name of the worker, or a part of it that only one worker has');
const cluster = z.string().min(1).max(63).optional().describe('Name of the cluster, where there are several');
const reason = z.string().max(500).default('').describe('Why, in a sentence that people will read');
const key = z
  .string()
  .min(1)
  .max(120)
  .optional()
  .describe('The same key again is the same request: it is not carried out twice');
const READ: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};
const CHANGE: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: false,
  openWorldHint: false,
};

export function registerTools(server: McpServer, deps: ServerDeps, session: Session): void {
  const { log } = deps;
  const told = async (work: () => Promise<CallToolResult>): Promise<CallToolResult> => {
    try {
      await session.admit();
      return await work();
    } catch (error) {
      return failure(error, log);
    }
  };
  const outcome = ({ structured, text }: Outcome): CallToolResult => reply(structured, text);
  const change = (work: () => Promise<Outcome>): Promise<CallToolResult> => told(async () => outcome(await work()));

  server.registerTool(
    'list_workers',
    {
      title: 'List workers',
      description:
        'All Kubernetes workers with type (burst or permanent), status, resources, deadline, labels and annotations. Control-plane nodes are not workers.',
      inputSchema: z.strictObject({
        type_filter: z.enum(['burst', 'permanent']).nullish().describe('Only workers of this type'),
        cluster,
      }),
      outputSchema: fleetSchema,
      annotations: READ,
    },
    ({ type_filter: type, cluster: on }) =>
      told(async () => {
        const fleets = new Map<string, Fleet>();
        for (const at of session.among(on))
          fleets.set(at.cluster, await at.operations.fleet(type === undefined || type === null ? {} : { type }));
        const out = fleetOut(fleets);
        return reply(
          out,
          fleetText(
            out,
            [...fleets.values()].reduce((sum, { workers }) => sum + workers.length, 0),
          ),
        );
      }),
  );

  server.registerTool(
    'get_worker_details',
    {
      title: 'Worker details',
      description:
        'One worker: conditions, addresses, resources, labels, annotations, taints, pods, VM, deadline, history.',
      inputSchema: z.strictObject({ worker_id: worker, cluster }),
      outputSchema: detailsSchema,
      annotations: READ,
    },
    ({ worker_id: id, cluster: on }) =>
      told(async () => {
        const at = await session.find(id, on);
        const out = detailsOut(await at.operations.details(at.worker));
        return reply(out, detailsText(out));
      }),
  );

  server.registerTool(
    'preview_drain',
    {
      title: 'Preview a drain',
      description:
        'What draining this worker would evict, leave and lose, and which PodDisruptionBudgets hold it back now.',
      inputSchema: z.strictObject({ worker_id: worker, cluster }),
      outputSchema: previewSchema,
      annotations: READ,
    },
    ({ worker_id: id, cluster: on }) =>
      told(async () => {
        const at = await session.find(id, on);
        const out = previewOut(await at.operations.previewDrain(at.worker));
        return reply(out, previewText(out));
      }),
  );

  server.registerTool(
    'get_operation',
    {
      title: 'Operation or approval',
      description: 'How an operation stands, or an approval that people were asked for and what became of it.',
      inputSchema: z.strictObject({ operation_id: z.string().min(1).max(60) }),
      outputSchema: outcomeSchema,
      annotations: READ,
    },
    ({ operation_id: id }) => change(() => session.lookUp(id)),
  );

  server.registerTool(
    'provision_workers',
    {
      title: 'Provision burst workers',
      description:
        'Creates burst workers: VMs that join the cluster and are taken back at their deadline. May need a person’s approval.',
      inputSchema: z.strictObject({
        count: z.int().min(1).max(10).describe('How many, 1 to 10'),
        ttl: z.int().min(1).max(168).optional().describe('Hours until they are taken back'),
        size: z.string().min(1).max(20).optional().describe('A size of the configuration'),
        cluster,
        reason,
        idempotency_key: key,
      }),
      outputSchema: outcomeSchema,
      annotations: CHANGE,
    },
    ({ count, ttl, size: wanted, cluster: on, reason: why, idempotency_key: given }, extra: Extra) =>
      change(() => {
        const at = session.place(on);
        const { ttlHours = deps.defaults(at.cluster).ttlHours, size = deps.defaults(at.cluster).size } = {
          ...(ttl === undefined ? {} : { ttlHours: ttl }),
          ...(wanted === undefined ? {} : { size: wanted }),
        };
        return session.decide(
          { action: 'provision', count, size, ttlHours },
          { action: 'provision', cluster: at.cluster, own: true, count, size, ttlHours },
          { reason: why, key: given, tool: 'provision' },
          (request) => at.operations.provision({ ...request, count, size, ttlHours }),
          extra,
        );
      }),
  );

  server.registerTool(
    'extend_worker',
    {
      title: 'Extend a deadline',
      description: 'Moves a burst worker’s deadline, up to the longest life that the configuration allows.',
      inputSchema: z.strictObject({
        worker_id: worker,
        hours: z.int().min(1).max(168),
        cluster,
        reason,
        idempotency_key: key,
      }),
      outputSchema: outcomeSchema,
      annotations: CHANGE,
    },
    ({ worker_id: id, hours, cluster: on, reason: why, idempotency_key: given }, extra: Extra) =>
      change(async () => {
        const { cluster: where, operations, worker: name } = await session.find(id, on);
        return session.decide(
          { action: 'extend', worker: name, hours },
          { action: 'extend', cluster: where, own: await session.ownsWorker(where, name), ttlHours: hours },
          { reason: why, key: given, tool: 'extend' },
          (request) => operations.extend({ ...request, workers: [name], hours }),
          extra,
        );
      }),
  );

  server.registerTool(
    'drain_worker',
    {
      title: 'Drain a worker',
      description: 'Cordons a burst worker and evicts its pods, within their PodDisruptionBudgets.',
      inputSchema: z.strictObject({ worker_id: worker, cluster, reason, idempotency_key: key }),
      outputSchema: outcomeSchema,
      annotations: { ...CHANGE, destructiveHint: true, idempotentHint: true },
    },
    ({ worker_id: id, cluster: on, reason: why, idempotency_key: given }, extra: Extra) =>
      change(async () => {
        const { cluster: where, operations, worker: name } = await session.find(id, on);
        await session.checked(where, 'drain', name, () => operations.previewDrain(name));
        return session.decide(
          { action: 'drain', worker: name },
          { action: 'drain', cluster: where, own: await session.ownsWorker(where, name) },
          { reason: why, key: given, tool: 'drain' },
          (request) => operations.drain({ ...request, workers: [name], admin: session.token.role === 'admin' }),
          extra,
        );
      }),
  );

  server.registerTool(
    'destroy_worker',
    {
      title: 'Destroy a burst worker',
      description:
        'Deletes a burst worker’s VM and node. It must be drained first, unless drain_first or force is given. Force goes past PodDisruptionBudgets and loses what they protect. Permanent workers can never be destroyed.',
      inputSchema: z.strictObject({
        worker_id: worker,
        force: z.boolean().default(false).describe('Delete pods past their budgets; not recommended'),
        drain_first: z.boolean().default(false).describe('Drain it, then destroy it'),
        cluster,
        reason,
        idempotency_key: key,
      }),
      outputSchema: outcomeSchema,
      annotations: { ...CHANGE, destructiveHint: true, idempotentHint: true },
    },
    (
      { worker_id: id, force, drain_first: drainFirst, cluster: on, reason: why, idempotency_key: given },
      extra: Extra,
    ) =>
      change(async () => {
        const { cluster: where, operations, worker: name } = await session.find(id, on);
        const action = force ? 'force' : 'destroy';
        const preview = await session.checked(where, 'destroy', name, () => operations.previewDestroy(name));
        return session.decide(
          { action, worker: name, drainFirst },
          { action, cluster: where, own: await session.ownsWorker(where, name) },
          { reason: why, key: given, tool: 'destroy' },
          (request) =>
            operations.destroy({
              ...request,
              workers: [name],
              force,
              drainFirst,
              fingerprints: { [name]: preview.fingerprint },
            }),
          extra,
        );
      }),
  );

  server.registerTool(
    'cancel_operation',
    {
      title: 'Cancel an operation',
      description: 'Stops what can still be stopped and undoes it; withdraws an approval that nobody has given yet.',
      inputSchema: z.strictObject({ operation_id: z.string().min(1).max(60), reason, idempotency_key: key }),
      outputSchema: outcomeSchema,
      annotations: { ...CHANGE, idempotentHint: true },
    },
    ({ operation_id: id, reason: why, idempotency_key: given }, extra: Extra) =>
      change(async () => {
        if ((await deps.people?.get(id, session.by)) !== undefined) {
          await deps.people?.withdraw(id, session.by);
          return session.lookUp(id);
        }
        const { cluster: where, operations } = await session.placeOf(id);
        return session.decide(
          { action: 'cancel', operationId: id },
          { action: 'cancel', cluster: where, own: await session.ownsOperation(id) },
          // asked again without a key it is the same question; with one of its own, people are asked anew
          { reason: why, key: given ?? id, tool: 'cancel' },
          async () => {
            const { operation } = await operations.cancel(id, session.by);
            return { ...(await operations.operation(operation.id)), duplicate: false };
          },
          extra,
        );
      }),
  );
}
