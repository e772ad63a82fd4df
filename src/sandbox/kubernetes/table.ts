/** `kubectl get` asks for a Table: the columns of the real server for what people look at, name and age for the rest. */
import {
  condition,
  isReady,
  type Budget,
  type KubeObject,
  type NodeObject,
  type Pod,
  type Workload,
} from './objects.ts';
import {
  budgets,
  daemonSets,
  deployments,
  namespaces,
  nodes,
  pods,
  replicaSets,
  statefulSets,
  type Resource,
} from './resources.ts';

type Column = {
  name: string;
  wide?: boolean;
  type?: string;
  cell: (object: KubeObject, nowMs: number) => string | number;
};

/** An age as kubectl prints it. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  return `${Math.floor(hours / 24)}d`;
}

const name: Column = { name: 'Name', cell: (object) => object.metadata.name };
const aged: Column = {
  name: 'Age',
  cell: (object, nowMs) => age(nowMs - Date.parse(object.metadata.creationTimestamp)),
};
const number = (value: unknown) => (typeof value === 'number' ? value : 0);
const status = (object: KubeObject) => (object as Workload).status ?? {};
const replicas = (object: KubeObject) => (object as Workload).spec.replicas ?? 0;

function nodeStatus(object: KubeObject): string {
  const ready = condition(object, 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return (object as NodeObject).spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}
function roles(object: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const found = Object.keys(object.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return (
    found
      .map((label) => label.slice(prefix.length))
      .sort()
      .join(',') || '<none>'
  );
}
function podStatus(object: KubeObject): string {
  const pod = object as Pod;
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const phase = pod.status?.phase ?? 'Unknown';
  return phase === 'Pending' && pod.spec.nodeName !== undefined ? 'ContainerCreating' : phase;
}
const podReady = (object: KubeObject) => {
  const count = (object as Pod).spec.containers?.length ?? 0;
  return `${isReady(object) ? count : 0}/${count}`;
};
const nodeInfo = (key: string) => (object: KubeObject) => (object as NodeObject).status?.nodeInfo?.[key] ?? '<unknown>';
const address = (type: string) => (object: KubeObject) =>
  (object as NodeObject).status?.addresses?.find((one) => one.type === type)?.address ?? '<none>';

const columns = new Map<Resource, Column[]>([
  [
    nodes,
    [
      name,
      { name: 'Status', cell: nodeStatus },
      { name: 'Roles', cell: roles },
      aged,
      { name: 'Version', cell: nodeInfo('kubeletVersion') },
      { name: 'Internal-IP', wide: true, cell: address('InternalIP') },
      { name: 'External-IP', wide: true, cell: address('ExternalIP') },
      { name: 'OS-Image', wide: true, cell: nodeInfo('osImage') },
      { name: 'Kernel-Version', wide: true, cell: nodeInfo('kernelVersion') },
      { name: 'Container-Runtime', wide: true, cell: nodeInfo('containerRuntimeVersion') },
    ],
  ],
  [
    pods,
    [
      name,
      { name: 'Ready', cell: podReady },
      { name: 'Status', cell: podStatus },
      { name: 'Restarts', cell: () => '0' },
      aged,
      { name: 'IP', wide: true, cell: (object) => (object as Pod).status?.podIP ?? '<none>' },
      { name: 'Node', wide: true, cell: (object) => (object as Pod).spec.nodeName ?? '<none>' },
      { name: 'Nominated Node', wide: true, cell: () => '<none>' },
      { name: 'Readiness Gates', wide: true, cell: () => '<none>' },
    ],
  ],
  [
    deployments,
    [
      name,
      { name: 'Ready', cell: (object) => `${number(status(object)['readyReplicas'])}/${replicas(object)}` },
      { name: 'Up-to-date', type: 'integer', cell: (object) => number(status(object)['updatedReplicas']) },
      { name: 'Available', type: 'integer', cell: (object) => number(status(object)['availableReplicas']) },
      aged,
    ],
  ],
  [
    replicaSets,
    [
      name,
      { name: 'Desired', type: 'integer', cell: replicas },
      { name: 'Current', type: 'integer', cell: (object) => number(status(object)['replicas']) },
      { name: 'Ready', type: 'integer', cell: (object) => number(status(object)['readyReplicas']) },
      aged,
    ],
  ],
  [
    statefulSets,
    [name, { name: 'Ready', cell: (object) => `${number(status(object)['readyReplicas'])}/${replicas(object)}` }, aged],
  ],
  [
    daemonSets,
    [
      name,
      { name: 'Desired', type: 'integer', cell: (object) => number(status(object)['desiredNumberScheduled']) },
      { name: 'Current', type: 'integer', cell: (object) => number(status(object)['currentNumberScheduled']) },
      { name: 'Ready', type: 'integer', cell: (object) => number(status(object)['numberReady']) },
      aged,
    ],
  ],
  [
    budgets,
    [
      name,
      { name: 'Min Available', cell: (object) => (object as Budget).spec.minAvailable ?? 'N/A' },
      { name: 'Max Unavailable', cell: (object) => (object as Budget).spec.maxUnavailable ?? 'N/A' },
      {
        name: 'Allowed Disruptions',
        type: 'integer',
        cell: (object) => (object as Budget).status?.disruptionsAllowed ?? 0,
      },
      aged,
    ],
  ],
  [
    namespaces,
    [
      name,
      { name: 'Status', cell: (object) => (object['status'] as { phase?: string } | undefined)?.phase ?? '' },
      aged,
    ],
  ],
]);

/** A meta.k8s.io/v1 Table of these objects; `definitions` false leaves the column headings out (later events of a watch). */
export function table(
  of: Resource,
  objects: readonly KubeObject[],
  listMeta: object,
  nowMs: number,
  whole: boolean,
  definitions = true,
) {
  const shown = columns.get(of) ?? [
    name,
    { ...aged, name: 'Created At', cell: (object) => object.metadata.creationTimestamp },
  ];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMeta,
    columnDefinitions: definitions
      ? shown.map((column) => ({
          name: column.name,
          type: column.type ?? 'string',
          format: column.name === 'Name' ? 'name' : '',
          description: '',
          priority: column.wide === true ? 1 : 0,
        }))
      : null,
    rows: objects.map((object) => ({
      cells: shown.map((column) => column.cell(object, nowMs)),
      object: whole
        ? object
        : { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  };
}
