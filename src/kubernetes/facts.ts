/**
 * Raw API objects in, trimmed facts out. Invariant: an object without a name and a UID is no object (undefined); of
 * any other the parts that cannot be read are left empty, never guessed.
 */
import { z } from 'zod';
import type { BudgetFacts, NodeFacts, PodFacts, Resources } from '../domain/worker.ts';
import { count, cpuMillis, memoryMiB } from './quantity.ts';
import { labelSelector } from './selector.ts';

const text = z.string().catch('');
const optionalText = z.string().optional().catch(undefined);
const flag = z.boolean().catch(false);
const integer = z.number().int().catch(0);
const anyMap = z.record(z.string(), z.unknown()).catch({});
/** A list of which unreadable entries are dropped; anything else is an empty list. */
const list = <T>(entry: z.ZodType<T>) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((entries) =>
      entries.flatMap((raw) => {
        const parsed = entry.safeParse(raw);
        return parsed.success ? [parsed.data] : [];
      }),
    );

const metadataSchema = z.object({
  name: z.string().min(1),
  namespace: text,
  uid: z.string().min(1),
  resourceVersion: text,
  labels: anyMap,
  annotations: anyMap,
  creationTimestamp: optionalText,
  deletionTimestamp: optionalText,
  ownerReferences: list(
    z.object({ apiVersion: text, kind: text, name: text, uid: text, controller: z.boolean().nullish().catch(false) }),
  ),
});

const nodeSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      unschedulable: flag,
      providerID: optionalText,
      taints: list(z.object({ key: z.string(), value: text, effect: text })),
    })
    .catch({ unschedulable: false, providerID: undefined, taints: [] }),
  status: z
    .object({
      conditions: list(
        z.object({
          type: z.string(),
          status: z.enum(['True', 'False', 'Unknown']).catch('Unknown'),
          reason: text,
          message: text,
          lastTransitionTime: optionalText,
        }),
      ),
      addresses: list(z.object({ type: text, address: text })),
      capacity: anyMap,
      allocatable: anyMap,
      nodeInfo: z.object({ kubeletVersion: text, osImage: text }).catch({ kubeletVersion: '', osImage: '' }),
    })
    .catch({
      conditions: [],
      addresses: [],
      capacity: {},
      allocatable: {},
      nodeInfo: { kubeletVersion: '', osImage: '' },
    }),
});

const requestsSchema = z.object({ requests: anyMap }).catch({ requests: {} });
const containerSchema = z.object({ resources: requestsSchema, restartPolicy: optionalText });
const podSchema = z.object({
  metadata: metadataSchema,
  spec: z
    .object({
      nodeName: optionalText,
      containers: list(containerSchema),
      initContainers: list(containerSchema),
      overhead: anyMap,
      resources: requestsSchema,
      volumes: list(z.object({ emptyDir: z.unknown() })),
    })
    .catch({
      nodeName: undefined,
      containers: [],
      initContainers: [],
      overhead: {},
      resources: { requests: {} },
      volumes: [],
    }),
  status: z
    .object({ phase: z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown']).catch('Unknown') })
    .catch({ phase: 'Unknown' }),
});

const budgetSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ selector: z.unknown() }).catch({ selector: undefined }),
  status: z
    .object({
      disruptionsAllowed: integer,
      currentHealthy: integer,
      desiredHealthy: integer,
      expectedPods: integer,
    })
    .catch({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 }),
});

/** Milliseconds since the epoch of an RFC 3339 time; undefined when it is missing or is none. */
export function parseTime(raw: string | undefined): number | undefined {
  if (raw === undefined || !/^\d{4}-\d\d-\d\dT/.test(raw)) return undefined;
  const parsed = Date.parse(raw);
  return Number.isNaN(parsed) ? undefined : parsed;
}

const strings = (map: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

const MAX_VALUE = 4096;
const MAX_ANNOTATIONS = 32_768;
const MAX_MESSAGE = 1024;

/** Values over 4 KiB are dropped, and all that goes past 32 KiB; those that Burst needs are kept (cut at 4 KiB). */
function trimAnnotations(map: Readonly<Record<string, unknown>>, needed: ReadonlySet<string>): Record<string, string> {
  const isNeeded = (key: string): boolean => key.startsWith('burst/') || needed.has(key);
  const entries = Object.entries(strings(map));
  const kept = entries
    .filter(([key]) => isNeeded(key))
    .map(([key, value]): [string, string] => [key, value.length > MAX_VALUE ? value.slice(0, MAX_VALUE) : value]);
  let size = 0;
  for (const [key, value] of entries) {
    if (isNeeded(key) || value.length > MAX_VALUE) continue;
    size += key.length + value.length;
    if (size > MAX_ANNOTATIONS) break;
    kept.push([key, value]);
  }
  return Object.fromEntries(kept);
}

const resources = (map: Readonly<Record<string, unknown>>): Resources => ({
  cpuMillis: cpuMillis(map['cpu']),
  memoryMiB: Math.floor(memoryMiB(map['memory'])),
  pods: count(map['pods']),
});

/** @param needed annotation keys (besides `burst/…`) that are kept whatever their size. */
export function nodeFacts(raw: unknown, needed: ReadonlySet<string>): NodeFacts | undefined {
  const parsed = nodeSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { metadata, spec, status } = parsed.data;
  return {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    labels: strings(metadata.labels),
    annotations: trimAnnotations(metadata.annotations, needed),
    taints: spec.taints,
    unschedulable: spec.unschedulable,
    conditions: status.conditions.map(({ type, status: state, reason, message, lastTransitionTime }) => ({
      type,
      status: state,
      reason,
      message: message.slice(0, MAX_MESSAGE),
      sinceMs: parseTime(lastTransitionTime),
    })),
    addresses: status.addresses,
    capacity: resources(status.capacity),
    allocatable: resources(status.allocatable),
    createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    providerId: spec.providerID,
    kubeletVersion: status.nodeInfo.kubeletVersion,
    osImage: status.nodeInfo.osImage,
  };
}

type Sum = { readonly cpuMillis: number; readonly memoryMiB: number };
const NOTHING: Sum = { cpuMillis: 0, memoryMiB: 0 };
const amount = (map: Readonly<Record<string, unknown>>): Sum => ({
  cpuMillis: cpuMillis(map['cpu']),
  memoryMiB: memoryMiB(map['memory']),
});
const add = (a: Sum, b: Sum): Sum => ({ cpuMillis: a.cpuMillis + b.cpuMillis, memoryMiB: a.memoryMiB + b.memoryMiB });
const max = (a: Sum, b: Sum): Sum => ({
  cpuMillis: Math.max(a.cpuMillis, b.cpuMillis),
  memoryMiB: Math.max(a.memoryMiB, b.memoryMiB),
});

/** The effective request, as the scheduler counts it (k8s.io/component-helpers resource.PodRequests). */
function podRequests(spec: z.infer<typeof podSchema>['spec']): Sum {
  let sidecars = NOTHING;
  let atInit = NOTHING;
  for (const container of spec.initContainers) {
    const own = amount(container.resources.requests);
    if (container.restartPolicy === 'Always') {
      sidecars = add(sidecars, own);
      atInit = max(atInit, sidecars);
    } else {
      atInit = max(atInit, add(sidecars, own));
    }
  }
  const running = spec.containers.reduce((sum, one) => add(sum, amount(one.resources.requests)), sidecars);
  const ofContainers = max(running, atInit);
  const ofPod = spec.resources.requests;
  const effective = {
    cpuMillis: ofPod['cpu'] === undefined ? ofContainers.cpuMillis : cpuMillis(ofPod['cpu']),
    memoryMiB: ofPod['memory'] === undefined ? ofContainers.memoryMiB : memoryMiB(ofPod['memory']),
  };
  const total = add(effective, amount(spec.overhead));
  return { cpuMillis: total.cpuMillis, memoryMiB: Math.ceil(total.memoryMiB) };
}

export type RawPod = { readonly facts: PodFacts; readonly resourceVersion: string };

export function podFacts(raw: unknown): RawPod | undefined {
  const parsed = podSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { metadata, spec, status } = parsed.data;
  const owner = metadata.ownerReferences.find((reference) => reference.controller === true);
  const mirror = metadata.annotations['kubernetes.io/config.mirror'];
  return {
    resourceVersion: metadata.resourceVersion,
    facts: {
      namespace: metadata.namespace,
      name: metadata.name,
      uid: metadata.uid,
      nodeName: spec.nodeName === '' ? undefined : spec.nodeName,
      phase: status.phase,
      labels: strings(metadata.labels),
      controller:
        owner === undefined
          ? undefined
          : { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid },
      mirror: mirror !== undefined,
      hasEmptyDir: spec.volumes.some((volume) => volume.emptyDir !== undefined && volume.emptyDir !== null),
      deletionAtMs: parseTime(metadata.deletionTimestamp),
      requests: podRequests(spec),
      createdAtMs: parseTime(metadata.creationTimestamp) ?? 0,
    },
  };
}

export function budgetFacts(raw: unknown): BudgetFacts | undefined {
  const parsed = budgetSchema.safeParse(raw);
  if (!parsed.success) return undefined;
  const { metadata, spec, status } = parsed.data;
  return { namespace: metadata.namespace, name: metadata.name, matches: labelSelector(spec.selector), ...status };
}

const keySchema = z.object({ metadata: metadataSchema.pick({ name: true, namespace: true, resourceVersion: true }) });

/** Only what tells one version of an object from another. */
export function versionOf(raw: unknown): { namespace: string; name: string; resourceVersion: string } | undefined {
  const parsed = keySchema.safeParse(raw);
  return parsed.success ? parsed.data.metadata : undefined;
}
