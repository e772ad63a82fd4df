/** Everything that Burst does in a cluster, as SelfSubjectAccessReviews; manifests/kubernetes grants the same list (without the
 * bootstrap tokens' two Roles where nodes join otherwise). */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { PermissionCheck } from '../ports/cluster.ts';
import type { Connection } from './connection.ts';

type Permission = {
  readonly verb: string;
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
};

const each = (verbs: readonly string[], permission: Omit<Permission, 'verb'>): Permission[] =>
  verbs.map((verb) => ({ verb, ...permission }));

/**
 * @param namespace where the Lease is kept.
 * @param bootstrapTokens whether nodes join by tokens that Burst makes.
 */
export const permissionsIn = (namespace: string, bootstrapTokens: boolean): readonly Permission[] => [
  ...each(['get', 'list', 'watch', 'patch', 'delete'], { resource: 'nodes' }),
  ...each(['get', 'list', 'watch', 'delete'], { resource: 'pods' }),
  ...each(['create'], { resource: 'pods', subresource: 'eviction' }),
  ...each(['list', 'watch'], { group: 'policy', resource: 'poddisruptionbudgets' }),
  ...each(['get'], { group: 'apps', resource: 'daemonsets' }),
  ...each(['list'], { group: 'storage.k8s.io', resource: 'volumeattachments' }),
  ...(bootstrapTokens
    ? [
        ...each(['create', 'delete'], { resource: 'secrets', namespace: 'kube-system' }),
        ...each(['get'], { resource: 'configmaps', namespace: 'kube-public', name: 'cluster-info' }),
      ]
    : []),
  ...each(['create'], { group: 'coordination.k8s.io', resource: 'leases', namespace }),
  ...each(['get', 'update'], { group: 'coordination.k8s.io', resource: 'leases', namespace, name: 'burst' }),
];

const reviewSchema = z.object({
  status: z.object({
    allowed: z.boolean().default(false),
    reason: z.string().default(''),
    evaluationError: z.string().default(''),
  }),
});

const describe = ({ verb, resource, subresource, namespace }: Permission): string =>
  `${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}${namespace === undefined ? '' : ` in ${namespace}`}`;

/** Asks for each permission; the order is that of `permissionsIn`. */
export async function checkPermissions(
  connection: Connection,
  cluster: string,
  needs: { readonly namespace: string; readonly bootstrapTokens: boolean },
  signal: AbortSignal | undefined,
): Promise<readonly PermissionCheck[]> {
  return Promise.all(
    permissionsIn(needs.namespace, needs.bootstrapTokens).map(async (permission) => {
      const what = describe(permission);
      const body = await connection.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        what: `review the permission to ${what}`,
        signal,
        body: {
          apiVersion: 'authorization.k8s.io/v1',
          kind: 'SelfSubjectAccessReview',
          spec: { resourceAttributes: permission },
        },
      });
      const review = reviewSchema.safeParse(body);
      if (!review.success)
        throw new BurstError('internal', `Kubernetes cluster ${cluster}: the review of ${what} cannot be read`);
      const { allowed, reason, evaluationError } = review.data.status;
      return { what, allowed, reason: reason === '' ? evaluationError : reason };
    }),
  );
}
