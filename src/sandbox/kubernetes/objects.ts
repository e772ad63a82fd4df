/** Kubernetes objects as plain JSON. Invariant: an object in the store is never changed in place; a change is a new object. */
import { z } from 'zod';

export type Json = unknown;
export type JsonObject = { [key: string]: unknown };

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};
export type ObjectMeta = {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
};
export type KubeObject = { apiVersion: string; kind: string; metadata: ObjectMeta; [field: string]: unknown };

export type Condition = {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  lastHeartbeatTime?: string;
  lastTransitionTime?: string;
};
export type TaintSpec = { key: string; value?: string; effect: string; timeAdded?: string };
export type Toleration = { key?: string; operator?: string; value?: string; effect?: string };
export type LabelSelector = {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
};
export type Container = {
  name: string;
  image?: string;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
};
export type PodSpec = {
  nodeName?: string;
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
  containers?: Container[];
  volumes?: JsonObject[];
  terminationGracePeriodSeconds?: number;
  restartPolicy?: string;
};
export type PodStatus = {
  qosClass?: string;
  phase?: string;
  conditions?: Condition[];
  podIP?: string;
  containerStatuses?: JsonObject[];
};
export type PodTemplate = { metadata?: Partial<ObjectMeta>; spec?: PodSpec };
export type Pod = KubeObject & { spec: PodSpec; status?: PodStatus };
export type NodeObject = KubeObject & {
  spec?: { unschedulable?: boolean; taints?: TaintSpec[]; podCIDR?: string };
  status?: {
    conditions?: Condition[];
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    addresses?: { type: string; address: string }[];
    nodeInfo?: Record<string, string>;
  };
};
export type Workload = KubeObject & {
  spec: { replicas?: number; selector?: LabelSelector; template: PodTemplate };
  status?: Record<string, unknown>;
};
export type Budget = KubeObject & {
  spec: {
    minAvailable?: number | string;
    maxUnavailable?: number | string;
    selector?: LabelSelector;
    unhealthyPodEvictionPolicy?: string;
  };
  status?: {
    disruptionsAllowed?: number;
    currentHealthy?: number;
    desiredHealthy?: number;
    expectedPods?: number;
    observedGeneration?: number;
    disruptedPods?: Record<string, string>;
    conditions?: Condition[];
  };
};

/** What may be written from outside: only the parts that the server itself relies on are checked. */
export const incomingObject = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: z
    .looseObject({
      name: z.string().optional(),
      namespace: z.string().optional(),
      generateName: z.string().optional(),
      uid: z.string().optional(),
      resourceVersion: z.string().optional(),
      labels: z.record(z.string(), z.string()).nullish(),
      annotations: z.record(z.string(), z.string()).nullish(),
      finalizers: z.array(z.string()).nullish(),
      ownerReferences: z.array(z.looseObject({ uid: z.string(), name: z.string(), kind: z.string() })).nullish(),
    })
    .optional(),
});
export type IncomingObject = z.infer<typeof incomingObject>;

export const deleteOptions = z.looseObject({
  gracePeriodSeconds: z.number().nullish(),
  preconditions: z.looseObject({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  propagationPolicy: z.string().nullish(),
  orphanDependents: z.boolean().nullish(),
  dryRun: z.array(z.string()).nullish(),
});
export type DeleteOptions = z.infer<typeof deleteOptions>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 3339 with whole seconds, as metav1.Time is written. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
/** RFC 3339 with microseconds, as metav1.MicroTime is written. */
export const microTimestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`;

const bodies = new WeakMap<object, string>();
/** The JSON of an object as an item of a list: without kind and apiVersion. Made once per version of an object. */
export function itemJson(object: KubeObject): string {
  let body = bodies.get(object);
  if (body === undefined) {
    body = JSON.stringify({ ...object, kind: undefined, apiVersion: undefined });
    bodies.set(object, body);
  }
  return body;
}
/** The JSON of an object by itself. */
export const objectJson = (object: KubeObject): string =>
  `{"kind":${JSON.stringify(object.kind)},"apiVersion":${JSON.stringify(object.apiVersion)},${itemJson(object).slice(1)}`;

export const keyOf = (object: { metadata: { namespace?: string; name: string } }): string =>
  object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

export const condition = (object: KubeObject, type: string): Condition | undefined =>
  (object as Pod).status?.conditions?.find((one) => one.type === type);
export const isReady = (object: KubeObject): boolean => condition(object, 'Ready')?.status === 'True';
export const isFinished = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

const units: Record<string, number> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};
/** A resource.Quantity as a number in its base unit (cores, bytes, pods); 0 when unreadable. */
export function quantity(text: string | number | undefined): number {
  const match = /^([0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)$/.exec(String(text ?? 0));
  const factor = units[match?.[2] ?? ''];
  return match && factor !== undefined ? Number(match[1]) * factor : 0;
}
