/** What the tools take and give, as zod schemas; times are RFC 3339 in UTC. */
import { z } from 'zod';

const time = z.string().describe('RFC 3339, UTC');
const resources = z.object({ cpu_millicores: z.number(), memory_mib: z.number(), pods: z.number() });

/** Amounts are decimals as text: numbers would not hold them exactly. */
const cost = z
  .object({
    currency: z.string(),
    per_hour: z.string(),
    so_far: z.string(),
    at_deadline: z.string().describe('in all, when it lives to its deadline'),
  })
  .describe('where prices are known');

export const workerSchema = z.object({
  name: z.string(),
  cluster: z.string(),
  type: z.enum(['burst', 'permanent']),
  status: z.enum(['ready', 'busy', 'draining', 'not_ready']),
  size: z.string().optional(),
  capacity: resources,
  allocatable: resources,
  requested: resources,
  created_at: time,
  ttl_expires: time.optional(),
  owner: z.string().optional(),
  activity: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});

export const fleetSchema = z.object({
  clusters: z.array(
    z.object({
      cluster: z.string(),
      stale: z.boolean().describe('true: the API server is away, and this is what was seen last'),
      stale_since: time.optional(),
      stale_reason: z.string().optional(),
      vm_server_away: z
        .object({ server: z.string(), since: time, reason: z.string(), next_look: time })
        .optional()
        .describe('the VM server has not answered since; what needs it waits'),
      burst_workers: z.int(),
      max_burst_workers: z.int(),
      joining: z.int().describe('burst workers on their way that have no node yet'),
    }),
  ),
  workers: z.array(workerSchema),
});

export const detailsSchema = workerSchema.extend({
  conditions: z.array(
    z.object({
      type: z.string(),
      status: z.string(),
      reason: z.string(),
      message: z.string(),
      since: time.optional(),
    }),
  ),
  addresses: z.array(z.object({ type: z.string(), address: z.string() })),
  taints: z.array(z.object({ key: z.string(), value: z.string(), effect: z.string() })),
  pods: z.array(z.object({ namespace: z.string(), name: z.string(), phase: z.string(), owner: z.string() })),
  pods_total: z.int(),
  vm: z.object({ id: z.string(), host: z.string().optional(), state: z.string() }).optional(),
  cost: cost.optional(),
  kubelet_version: z.string(),
  os_image: z.string(),
  history: z.array(z.object({ at: time, actor: z.string(), text: z.string() })),
});

const named = z.object({ namespace: z.string(), name: z.string() });
export const previewSchema = z.object({
  worker: z.string(),
  cordoned: z.boolean(),
  evict: z.array(named.extend({ owner: z.string() })),
  skip: z.array(named.extend({ why: z.string() })),
  errors: z.array(named.extend({ text: z.string() })).describe('pods that end the drain before it begins'),
  blocked: z
    .array(z.object({ pod: z.string(), budget: z.string(), numbers: z.string(), never: z.boolean() }))
    .describe('PodDisruptionBudgets that allow no eviction now; never: they cannot by themselves'),
  losses: z.array(z.string()),
});

export const operationSchema = z.object({
  id: z.string(),
  cluster: z.string(),
  kind: z.string(),
  state: z.enum(['running', 'succeeded', 'partial', 'failed', 'cancelled', 'stuck']),
  requested_by: z.string(),
  reason: z.string(),
  created_at: time,
  ended_at: time.optional(),
  cost: cost.optional().describe('of the workers that a provision makes, together'),
  workers: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['running', 'undoing', 'succeeded', 'undone', 'stuck']),
      progress: z.string(),
      blocked: z.object({ text: z.string(), since: time, never: z.boolean() }).optional(),
      failure: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).optional(),
    }),
  ),
});

export const approvalSchema = z.object({
  id: z.string(),
  state: z.string(),
  why: z.string(),
  expires_at: time.optional(),
});

/** What every changing tool answers. */
export const outcomeSchema = z.object({
  status: z.enum(['accepted', 'awaiting_approval', 'ended', 'denied', 'expired', 'withdrawn', 'void']),
  /** True when the same idempotency key was used before: nothing new was begun. */
  duplicate: z.boolean(),
  operation: operationSchema.optional(),
  approval: approvalSchema.optional(),
});

export type WorkerOut = z.output<typeof workerSchema>;
export type DetailsOut = z.output<typeof detailsSchema>;
export type OperationOut = z.output<typeof operationSchema>;
export type OutcomeOut = z.output<typeof outcomeSchema>;
export type PreviewOut = z.output<typeof previewSchema>;
export type FleetOut = z.output<typeof fleetSchema>;
