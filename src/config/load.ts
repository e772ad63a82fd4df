/** File and environment in, complete configuration out, or one error that lists everything that is wrong. */
import type { z } from 'zod';
import { checkClusters, clusterNames, told, treeOf } from './clusters.ts';
import { type CrossProblem, crossChecks, didYouMean, effectiveSizes, effectiveTemplates } from './cross-checks.ts';
import { type ParsedFile, type Tree, isTree, parseFile } from './document.ts';
import { type Environment, type Overlay, type ReadFile, getAt, overlay } from './environment.ts';
import { ConfigError, type Problem } from './error.ts';
import { type ClusterConfig, type Config, type FileConfig, type OAuthConfig, fileSchema, mcpToken } from './schema.ts';
import { homeIds, keysOf } from './workspaces.ts';
import { type Path, allowedAt, camelCase, isSecret, keysAt, leafPaths } from './shape.ts';

/** Where the file is unless told; only this one may be absent. */
export const DEFAULT_PATH = 'config/burst.yaml';

export type LoadInput = {
  /** The file; else BURST_CONFIG, else config/burst.yaml, which need not exist. */
  readonly path?: string;
  readonly env: Environment;
  /** Reads a text file; throws as node:fs does. */
  readonly readFile: ReadFile;
};

type Found = { readonly path: Path; readonly text: string };

function show(value: unknown, path: Path): string {
  if (isSecret(path)) return 'a value (hidden)';
  const text = (JSON.stringify(value) ?? String(value)).replace(/\/\/[^/@"]*@/g, '//…@');
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

function unknownKey(path: Path, key: string): string {
  const names = keysAt(fileSchema, path);
  const near = didYouMean(key, names);
  if (near !== '') return `unknown key${near}`;
  const elsewhere = leafPaths(fileSchema).find((leaf) => leaf.at(-1) === key);
  if (elsewhere !== undefined) return `unknown key; did you mean "${elsewhere.join('.')}"?`;
  return `unknown key; allowed here: ${names.join(', ')}`;
}

function describeIssue(issue: z.core.$ZodIssue, tree: Tree): readonly Found[] {
  const path = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], text: unknownKey(path, key) }));
  const value = getAt(tree, path);
  const own = issue.code === 'custom' || issue.code === 'invalid_format' || issue.code === 'invalid_union';
  if (issue.code === 'invalid_key') {
    const text = `found the name ${show(path.at(-1), [])}; allowed: ${issue.issues[0]?.message ?? 'another name'}`;
    return [{ path, text }];
  }
  const size =
    issue.code === 'too_big' && issue.origin === 'array' ? ` of at most ${String(issue.maximum)} values` : '';
  const allowed = own ? issue.message : `${allowedAt(fileSchema, path)}${size}`;
  if (value === undefined) return [{ path, text: `is missing; needed: ${allowed}` }];
  const found = size === '' ? show(value, path) : 'a longer list';
  return [{ path, text: `found ${found === '""' ? 'an empty text' : found}; allowed: ${allowed}` }];
}

/** A copy without what stands at the given paths. */
function without(tree: Tree, paths: readonly Path[]): Tree {
  const copy = structuredClone(tree);
  for (const path of paths) {
    // A bad item takes its whole list with it: removing it would move the others.
    const list = path.findIndex((_, index) => Array.isArray(getAt(copy, path.slice(0, index + 1))));
    const end = list >= 0 ? path.slice(0, list + 1) : path;
    const holder = getAt(copy, end.slice(0, -1));
    if (isTree(holder)) delete holder[String(end.at(-1))];
  }
  return copy;
}

/** The file with everything wrong left out, so that the rules between the other keys can be checked too. */
function salvage(tree: Tree, wrong: readonly Path[]): { file: FileConfig; tree: Tree } | undefined {
  let rest = without(tree, wrong);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const parsed = fileSchema.safeParse(rest);
    if (parsed.success) return { file: parsed.data, tree: rest };
    // What is missing in a section that must be whole (a size) takes that section with it.
    rest = without(
      rest,
      parsed.error.issues.map((issue) => issue.path.slice(0, -1).map(String)),
    );
  }
  return undefined;
}

/** Every rule that the file breaks, for each of its clusters. */
function rulesBroken(tree: Tree, file: FileConfig): readonly CrossProblem[] {
  if (file.clusters === undefined) return [...crossChecks(file), ...checkClusters(tree, file, new Map(), didYouMean)];
  const each = new Map(
    clusterNames(tree).flatMap((name) => {
      const own = fileSchema.safeParse(treeOf(tree, name));
      return own.success ? [[name, own.data] as const] : [];
    }),
  );
  const broken = new Map([...each].map(([name, own]) => [name, crossChecks(own)]));
  return [...checkClusters(tree, file, each, didYouMean), ...told(broken, tree)];
}

function check(tree: Tree): { readonly found: readonly Found[]; readonly file: FileConfig | undefined } {
  const parsed = fileSchema.safeParse(tree);
  const found = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, tree));
  const sound = parsed.success
    ? { file: parsed.data, tree }
    : salvage(
        tree,
        found.map(({ path }) => path),
      );
  const wrong = found.map(({ path }) => path.join('.'));
  const touched = (path: string): boolean =>
    wrong.some((bad) => bad === path || bad.startsWith(`${path}.`) || path.startsWith(`${bad}.`));
  const crossed = (sound === undefined ? [] : rulesBroken(sound.tree, sound.file))
    .filter(({ path, others }) => ![path, ...others].some(touched))
    .map(({ path, text }) => ({ path: path.split('.'), text }));
  return { found: [...found, ...crossed], file: sound?.file };
}

function readTree(input: LoadInput, file: string): ParsedFile {
  let text: string;
  try {
    text = input.readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    const named = input.path !== undefined || (input.env['BURST_CONFIG'] ?? '') !== '';
    if (code === 'ENOENT' && !named) return parseFile('');
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new ConfigError(file, [
      {
        path: '',
        text: `${why}; name another with --config or BURST_CONFIG`,
        line: undefined,
        variable: input.path === undefined ? 'BURST_CONFIG' : undefined,
      },
    ]);
  }
  const parsed = parseFile(text);
  if (parsed.problems.length > 0) throw new ConfigError(file, parsed.problems);
  return parsed;
}

function toConfig(tree: Tree, file: FileConfig, env: Environment): Config {
  const one = oneCluster(file, [], env);
  const names = clusterNames(tree);
  const [first = one.kubernetes.name] = names;
  if (file.clusters === undefined) return { ...one, clusters: [one], defaultCluster: first };
  const clusters = names.map((name) =>
    oneCluster(fileSchema.parse(treeOf(tree, name)), file.clusters?.[name]?.channels ?? [], env),
  );
  return { ...one, clusters, defaultCluster: file.default_cluster ?? first };
}

/** Installing to several workspaces, when it is on; the cross-checks have seen that all of it is there. */
function oauthOf({ oauth }: FileConfig['slack']): OAuthConfig | undefined {
  const { client_id: clientId, client_secret: clientSecret = '', state_secret: stateSecret = '' } = oauth;
  const { encryption_key: keys = '', url = '', port, teams } = oauth;
  if (clientId === undefined) return undefined;
  return {
    clientId,
    clientSecret,
    stateSecret,
    encryptionKeys: keysOf(keys),
    url: url.replace(/\/$/, ''),
    port,
    teams,
  };
}

/** The configuration as one cluster has it. */
function oneCluster(file: FileConfig, defaultIn: readonly string[], env: Environment): ClusterConfig {
  const sizes = Object.entries(effectiveSizes(file)).map(([name, { cpu, memory_gb, disk_gb }]) => [
    name,
    { cpu, memoryGb: memory_gb, diskGb: disk_gb },
  ]);
  const { kubeconfig, context, in_cluster: inCluster } = file.kubernetes;
  const inPod = (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '' && (env['KUBECONFIG'] ?? '') === '';
  const { clusters: _clusters, default_cluster: _default, ...own } = file;
  const derived = camelCase(fileSchema, own) as Omit<ClusterConfig, 'defaultIn'>;
  const { bot_token: botToken } = file.slack;
  const { oauth: _oauth, ...slack } = derived.slack;
  const oauth = oauthOf(file.slack);
  const tokens = file.mcp.tokens.map(({ token_env: _env, token_file: _file, token = '', ...rest }) => ({
    ...(camelCase(mcpToken, rest) as Omit<ClusterConfig['mcp']['tokens'][number], 'token'>),
    token,
  }));
  return {
    ...derived,
    defaultIn,
    kubernetes: {
      ...derived.kubernetes,
      inCluster: inCluster === 'auto' ? kubeconfig === undefined && context === undefined && inPod : inCluster,
    },
    workerSizes: Object.fromEntries(sizes) as ClusterConfig['workerSizes'],
    join: { ...derived.join, ...effectiveTemplates(file) },
    slack: { ...slack, botToken, ...(oauth === undefined ? {} : { oauth }) },
    mcp: { ...derived.mcp, tokens },
  };
}

/** An override wins over the other way to reach the same server. */
function preferOverride(tree: Tree, { variables }: Overlay): void {
  for (const name of ['proxmox', 'talos']) {
    const server = getAt(tree, ['mcp_servers', name]);
    if (!variables.has(`mcp_servers.${name}.endpoint`) || !isTree(server)) continue;
    for (const key of ['command', 'args', 'env', 'env_from', 'env_files', 'cwd']) delete server[key];
  }
}

/**
 * Reads the configuration: defaults, then the file, then the environment.
 * @throws ConfigError that lists every problem at once, each with its path, what was found and what is allowed.
 */
export function loadConfig(input: LoadInput): Config {
  const named = input.env['BURST_CONFIG'] ?? '';
  const path = input.path ?? (named === '' ? DEFAULT_PATH : named);
  const { tree, lineOf } = readTree(input, path);
  const overlaid = overlay(tree, input.env, input.readFile);
  preferOverride(tree, overlaid);
  const nowhere = homeIds(tree);
  const unread = new Set(overlaid.problems.map((problem) => problem.path));
  const { found, file } = check(tree);
  const problems: Problem[] = found
    .filter((problem) => !unread.has(problem.path.join('.')))
    .map((problem) => {
      const dotted = problem.path.join('.');
      const variable = overlaid.variables.get(dotted);
      return {
        path: dotted,
        text: problem.text,
        variable,
        line: variable === undefined ? lineOf(problem.path) : undefined,
      };
    });
  const all = [...overlaid.problems, ...nowhere, ...problems];
  if (all.length > 0 || file === undefined) throw new ConfigError(path, all);
  return toConfig(tree, file, input.env);
}
