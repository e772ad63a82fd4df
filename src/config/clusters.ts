/**
 * Several clusters in one file. Invariant: a cluster's configuration is the whole file with the cluster's own keys on top,
 * so every rule and policy of one cluster holds for each of several.
 */
import type { CrossProblem } from './cross-checks.ts';
import { type Tree, isTree } from './document.ts';
import type { FileConfig } from './schema.ts';

/** The sections of the file that a cluster may have for itself. */
export const CLUSTER_SECTIONS = [
  'kubernetes',
  'mcp_servers',
  'worker_sizes',
  'placement',
  'burst_workers',
  'join',
  'drain',
  'safety',
  'cost',
] as const;

/** Sections and maps are put together key by key; anything else is replaced. */
function merged(below: unknown, above: unknown): unknown {
  if (above === undefined) return below;
  if (!isTree(below) || !isTree(above)) return above;
  return Object.fromEntries(
    [...new Set([...Object.keys(below), ...Object.keys(above)])].map((key) => [key, merged(below[key], above[key])]),
  );
}

const section = (tree: unknown, key: string): Tree => {
  const child = isTree(tree) ? tree[key] : undefined;
  return isTree(child) ? child : {};
};
const without = (tree: Tree, keys: readonly string[]): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)));

/** What a cluster's own choice makes meaningless is not inherited: the other way to a server, another profile's settings. */
function inheritable(file: Tree, own: Tree): Tree {
  const kubernetes = section(own, 'kubernetes');
  const server = section(section(own, 'mcp_servers'), 'proxmox');
  const join = section(own, 'join');
  const staysPut = section(own, 'placement')['target'] === 'template';
  const notKubernetes = [
    'name',
    ...('context' in kubernetes || 'kubeconfig' in kubernetes ? ['in_cluster'] : []),
    ...(kubernetes['in_cluster'] === true ? ['context', 'kubeconfig'] : []),
  ];
  const notServer = [
    ...('endpoint' in server ? ['command', 'args', 'env', 'env_from', 'env_files', 'cwd'] : []),
    ...('command' in server
      ? ['endpoint', 'headers', 'bearer_token', 'bearer_token_file', 'args', 'env', 'env_from', 'env_files', 'cwd']
      : []),
    ...('bearer_token' in server ? ['bearer_token_file'] : []),
    ...('profile' in server ? ['settings'] : []),
  ];
  const talos = section(section(own, 'mcp_servers'), 'talos');
  const notTalos = [
    ...('endpoint' in talos ? ['command', 'args', 'env', 'env_from', 'env_files', 'cwd'] : []),
    ...('command' in talos ? ['endpoint', 'args', 'env', 'env_from', 'env_files', 'cwd'] : []),
    ...('profile' in talos ? ['settings'] : []),
  ];
  const method = join['method'];
  const other = method !== undefined && method !== (section(file, 'join')['method'] ?? 'kubeadm');
  const notJoin = other ? ['endpoint', 'ca_cert_hash', 'user_data', 'join_command', 'k3s'] : [];
  const servers = section(file, 'mcp_servers');
  return {
    ...file,
    kubernetes: without(section(file, 'kubernetes'), notKubernetes),
    mcp_servers: {
      ...servers,
      proxmox: without(section(servers, 'proxmox'), notServer),
      talos: without(section(servers, 'talos'), notTalos),
    },
    join: without(section(file, 'join'), notJoin),
    placement: without(section(file, 'placement'), staysPut ? ['hosts', 'memory_reserve_gb'] : []),
  };
}

/** The names of the file's clusters, in its order; none when it has no `clusters`. */
export const clusterNames = (tree: Tree): readonly string[] => Object.keys(section(tree, 'clusters'));

/** The file as it is for one of its clusters. */
export function treeOf(tree: Tree, name: string): Tree {
  const own = section(section(tree, 'clusters'), name);
  const file = without(inheritable(tree, own), ['clusters', 'default_cluster']);
  const sections = Object.fromEntries(CLUSTER_SECTIONS.map((key) => [key, merged(file[key] ?? {}, own[key])]));
  const slack = section(file, 'slack');
  // a role is given whole: who is named at the top has it here only where this cluster says nothing of it
  const roles = { ...section(slack, 'roles'), ...section(own, 'roles') };
  return {
    ...file,
    ...sections,
    kubernetes: { ...section(sections, 'kubernetes'), name },
    slack: { ...slack, roles },
  };
}

const sameTarget = ({ kubernetes }: FileConfig): string =>
  JSON.stringify([kubernetes.in_cluster === true, kubernetes.kubeconfig ?? '', kubernetes.context ?? '']);

/** Rules between clusters. */
export function checkClusters(
  tree: Tree,
  file: FileConfig,
  each: ReadonlyMap<string, FileConfig>,
  nearest: (word: string, names: readonly string[]) => string,
): readonly CrossProblem[] {
  const names = [...each.keys()];
  const problems: CrossProblem[] = [];
  const add = (path: string, others: readonly string[], text: string): void =>
    void problems.push({ path, others, text });
  const known = file.clusters === undefined ? [file.kubernetes.name] : names;
  for (const [index, route] of file.notifications.routes.entries())
    for (const [at, name] of route.clusters.entries())
      if (!known.includes(name))
        add(
          `notifications.routes.${index}.clusters.${at}`,
          ['clusters', 'kubernetes.name'],
          `found "${name}"; allowed: ${known.join(', ')}${nearest(name, known)}`,
        );
  if (file.clusters === undefined) {
    if (file.default_cluster !== undefined)
      add(
        'default_cluster',
        ['clusters'],
        'has no effect without clusters; the one cluster is named by kubernetes.name',
      );
    return problems;
  }
  if (names.length === 0) add('clusters', [], 'found no cluster; at least one is needed, or no clusters key at all');
  if ('name' in section(tree, 'kubernetes'))
    add('kubernetes.name', ['clusters'], 'has no effect with clusters, where each has its name');
  if (file.default_cluster !== undefined && !names.includes(file.default_cluster))
    add(
      'default_cluster',
      ['clusters'],
      `found "${file.default_cluster}"; allowed: a name from clusters (${names.join(', ')})${nearest(file.default_cluster, names)}`,
    );
  if (file.cost.budgets.length > 0)
    for (const [name, { cost }] of each)
      if (cost.currency !== file.cost.currency)
        add(
          `clusters.${name}.cost.currency`,
          ['cost.budgets', 'cost.currency'],
          `found "${cost.currency}"; allowed with budgets: that of cost.currency (${file.cost.currency}), for they add all clusters up`,
        );
  for (const [index, budget] of file.cost.budgets.entries())
    for (const [at, cluster] of budget.clusters.entries())
      if (!names.includes(cluster))
        add(
          `cost.budgets.${index}.clusters.${at}`,
          ['clusters'],
          `found "${cluster}"; allowed: a name from clusters (${names.join(', ')})${nearest(cluster, names)}`,
        );
  const targets = new Map<string, string>();
  const channels = new Map<string, string>();
  for (const [name, cluster] of each) {
    const at = `clusters.${name}`;
    const target = sameTarget(cluster);
    const twin = targets.get(target);
    if (twin !== undefined)
      add(
        `${at}.kubernetes`,
        ['kubernetes', `clusters.${twin}.kubernetes`],
        `reaches the same cluster as clusters.${twin}; give each its own context or kubeconfig`,
      );
    targets.set(target, name);
    for (const [index, channel] of (file.clusters[name]?.channels ?? []).entries()) {
      const taken = channels.get(channel);
      if (taken !== undefined)
        add(
          `${at}.channels.${index}`,
          [`clusters.${taken}.channels`],
          `found "${channel}", which has clusters.${taken} as its default already`,
        );
      channels.set(channel, name);
    }
  }
  return problems;
}

/**
 * Where problems of the clusters' configurations are told: what every cluster has from the top, once, there; else at the
 * cluster.
 */
export function told(each: ReadonlyMap<string, readonly CrossProblem[]>, tree: Tree): readonly CrossProblem[] {
  const all = [...each].flatMap(([name, problems]) => problems.map((problem) => ({ name, problem })));
  const has = (name: string, path: string): boolean => {
    let node: unknown = section(section(tree, 'clusters'), name);
    for (const key of path.split('.')) node = isTree(node) ? node[key] : undefined;
    return node !== undefined;
  };
  const seen = new Set<string>();
  return all.flatMap(({ name, problem }) => {
    const { path, others, text } = problem;
    const key = `${path} ${text}`;
    const everywhere =
      all.filter((other) => `${other.problem.path} ${other.problem.text}` === key).length === each.size;
    if (everywhere && ![path, ...others].some((where) => has(name, where))) {
      if (seen.has(key)) return [];
      seen.add(key);
      return [problem];
    }
    const at = `clusters.${name}`;
    return [{ path: `${at}.${path}`, others: [path, ...others, ...others.map((other) => `${at}.${other}`)], text }];
  });
}
