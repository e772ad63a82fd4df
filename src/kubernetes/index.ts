/** Kubernetes behind the Cluster port. Invariant: every change names the UID of the very object it is meant for. */
export { createCluster, type ClusterOptions } from './cluster.ts';
export { createLateCluster, type LateOptions } from './late.ts';
export { permissionsIn } from './permissions.ts';
