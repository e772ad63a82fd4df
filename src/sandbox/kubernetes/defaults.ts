/** Default values that the API server fills in when an object is created. */
import { isObject, quantity, type JsonObject, type KubeObject, type Pod, type PodSpec } from './objects.ts';
import {
  budgets,
  daemonSets,
  deployments,
  namespaces,
  nodes,
  pods,
  replicaSets,
  secrets,
  statefulSets,
  type Resource,
} from './resources.ts';

const noExecute = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });

function podSpec(spec: JsonObject, tolerations: boolean): PodSpec {
  const given = spec as PodSpec;
  return {
    ...given,
    containers: (given.containers ?? []).map((container) => ({
      imagePullPolicy: 'IfNotPresent',
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      ...container,
      resources: container.resources ?? {},
    })),
    restartPolicy: given.restartPolicy ?? 'Always',
    terminationGracePeriodSeconds: given.terminationGracePeriodSeconds ?? 30,
    ...{ dnsPolicy: spec['dnsPolicy'] ?? 'ClusterFirst', schedulerName: spec['schedulerName'] ?? 'default-scheduler' },
    ...(tolerations
      ? {
          tolerations: given.tolerations?.some((one) => one.effect === 'NoExecute' || one.operator === 'Exists')
            ? given.tolerations
            : [
                ...(given.tolerations ?? []),
                noExecute('node.kubernetes.io/not-ready'),
                noExecute('node.kubernetes.io/unreachable'),
              ],
        }
      : {}),
  };
}

function qosClass(spec: PodSpec): string {
  const all = (spec.containers ?? []).map((container) => container.resources ?? {});
  if (all.every((one) => one.requests === undefined && one.limits === undefined)) return 'BestEffort';
  const guaranteed = all.every(({ requests, limits }) =>
    ['cpu', 'memory'].every(
      (name) => limits?.[name] !== undefined && quantity(requests?.[name] ?? limits[name]) === quantity(limits[name]),
    ),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const object = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** Completes an object about to be created; `status` from outside is kept for nodes only. */
export function withDefaults(of: Resource, given: KubeObject): KubeObject {
  const spec = object(given['spec']);
  switch (of) {
    case pods: {
      const complete = podSpec(spec, true);
      return {
        ...given,
        metadata: { ...given.metadata, generation: 1 },
        spec: complete,
        status: { phase: 'Pending', qosClass: qosClass(complete) },
      } satisfies Pod;
    }
    case nodes: {
      const taints = Array.isArray(spec['taints']) ? (spec['taints'] as unknown[]) : [];
      const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
      return { ...given, spec: { ...spec, taints: [...taints, notReady] }, status: object(given['status']) };
    }
    case namespaces:
      return {
        ...given,
        metadata: {
          ...given.metadata,
          labels: { ...given.metadata.labels, 'kubernetes.io/metadata.name': given.metadata.name },
        },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      };
    case secrets: {
      const { stringData, ...rest } = given;
      const data = Object.fromEntries(
        Object.entries(object(stringData)).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]),
      );
      return { ...rest, type: given['type'] ?? 'Opaque', data: { ...object(given['data']), ...data } };
    }
    case deployments:
    case replicaSets:
    case statefulSets:
    case daemonSets: {
      const template = object(spec['template']);
      return {
        ...given,
        metadata: { ...given.metadata, generation: 1 },
        spec: {
          ...spec,
          ...(of === daemonSets ? {} : { replicas: spec['replicas'] ?? 1 }),
          ...(of === deployments
            ? {
                strategy: spec['strategy'] ?? {
                  type: 'RollingUpdate',
                  rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' },
                },
                revisionHistoryLimit: spec['revisionHistoryLimit'] ?? 10,
                progressDeadlineSeconds: spec['progressDeadlineSeconds'] ?? 600,
              }
            : {}),
          ...(of === daemonSets
            ? {
                updateStrategy: spec['updateStrategy'] ?? {
                  type: 'RollingUpdate',
                  rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
                },
              }
            : {}),
          template: {
            ...template,
            metadata: object(template['metadata']),
            spec: podSpec(object(template['spec']), false),
          },
        },
        status: {},
      };
    }
    case budgets:
      return {
        ...given,
        metadata: { ...given.metadata, generation: 1 },
        status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
      };
    default:
      return given;
  }
}
