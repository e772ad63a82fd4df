/** What is known of nodes, pods and the workers that they make. Plain facts, read from the API server and trimmed. */

import type { WorkerCost } from './money.ts';

export type WorkerType = 'burst' | 'permanent';
export type WorkerStatus = 'ready' | 'busy' | 'draining' | 'not_ready';
/** A key of `worker_sizes` in the configuration. */
export type SizeName = string;
export type WorkerSize = {
  readonly name: SizeName;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly diskGiB: number;
};

/** CPU in millicores, memory in MiB, pods as a count. */
export type Resources = { readonly cpuMillis: number; readonly memoryMiB: number; readonly pods: number };

export type NodeCondition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly sinceMs: number | undefined;
};
export type Taint = { readonly key: string; readonly value: string; readonly effect: string };

export type NodeFacts = {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly unschedulable: boolean;
  readonly conditions: readonly NodeCondition[];
  readonly addresses: readonly { readonly type: string; readonly address: string }[];
  readonly capacity: Resources;
  readonly allocatable: Resources;
  readonly createdAtMs: number;
  readonly deleting: boolean;
  readonly providerId: string | undefined;
  readonly kubeletVersion: string;
  readonly osImage: string;
};

export type PodFacts = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly nodeName: string | undefined;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly labels: Readonly<Record<string, string>>;
  /** The owner reference with `controller: true`, if any. */
  readonly controller:
    { readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string } | undefined;
  readonly mirror: boolean;
  readonly hasEmptyDir: boolean;
  /** `deletionTimestamp`: when the pod's grace period ends; undefined while nobody deletes it. */
  readonly deletionAtMs: number | undefined;
  readonly requests: { readonly cpuMillis: number; readonly memoryMiB: number };
  readonly createdAtMs: number;
};

/** A PodDisruptionBudget, trimmed. */
export type BudgetFacts = {
  readonly namespace: string;
  readonly name: string;
  /** True when the budget's selector matches these pod labels. */
  readonly matches: (labels: Readonly<Record<string, string>>) => boolean;
  readonly disruptionsAllowed: number;
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly expectedPods: number;
};

export type WorkerView = {
  readonly cluster: string;
  readonly name: string;
  readonly type: WorkerType;
  readonly status: WorkerStatus;
  /** Since when a worker that is not Ready is not. */
  readonly notReadySinceMs?: number;
  readonly size: SizeName | undefined;
  readonly capacity: Resources;
  readonly allocatable: Resources;
  readonly requested: Resources;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** The deadline; undefined for permanent workers. */
  readonly expiresAtMs: number | undefined;
  /** Slack user id of the person it was made for. */
  readonly owner: string | undefined;
  readonly operationId: string | undefined;
  /** What Burst is doing with this worker right now, if anything. */
  readonly activity: string | undefined;
  /** Where one worker is shown, and its price is known. */
  readonly cost?: WorkerCost | undefined;
};

export type WorkerDetails = WorkerView & {
  readonly node: NodeFacts;
  readonly pods: readonly PodFacts[];
  readonly vm: { readonly id: string; readonly host: string | undefined; readonly state: string } | undefined;
  readonly history: readonly { readonly atMs: number; readonly actor: string; readonly text: string }[];
};
