/** Environment variables that override the file, and secrets that come from files. */
import type { Problem } from './error.ts';
import { type Tree, isTree } from './document.ts';
import type { Path } from './shape.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type ReadFile = (path: string) => string;

/** Variable -> key. A secret's variable has a twin that ends in _FILE and names a file to read it from. */
export const OVERRIDES: readonly { readonly variable: string; readonly path: Path; readonly secret?: true }[] = [
  { variable: 'KUBECTL_CONTEXT', path: ['kubernetes', 'context'] },
  { variable: 'PROXMOX_MCP_ENDPOINT', path: ['mcp_servers', 'proxmox', 'endpoint'] },
  { variable: 'PROXMOX_MCP_TOKEN', path: ['mcp_servers', 'proxmox', 'bearer_token'], secret: true },
  { variable: 'TALOS_MCP_ENDPOINT', path: ['mcp_servers', 'talos', 'endpoint'] },
  { variable: 'K3S_TOKEN', path: ['join', 'k3s', 'token'], secret: true },
  { variable: 'SLACK_BOT_TOKEN', path: ['slack', 'bot_token'], secret: true },
  { variable: 'SLACK_APP_TOKEN', path: ['slack', 'app_token'], secret: true },
  { variable: 'SLACK_SIGNING_SECRET', path: ['slack', 'signing_secret'], secret: true },
  { variable: 'SLACK_CLIENT_ID', path: ['slack', 'oauth', 'client_id'] },
  { variable: 'SLACK_CLIENT_SECRET', path: ['slack', 'oauth', 'client_secret'], secret: true },
  { variable: 'SLACK_STATE_SECRET', path: ['slack', 'oauth', 'state_secret'], secret: true },
  { variable: 'SLACK_ENCRYPTION_KEY', path: ['slack', 'oauth', 'encryption_key'], secret: true },
  { variable: 'BURST_DATABASE', path: ['database', 'path'] },
  { variable: 'LOG_LEVEL', path: ['logging', 'level'] },
];

export type Overlay = {
  readonly problems: readonly Problem[];
  /** Dotted path -> the variable that gave its value. */
  readonly variables: ReadonlyMap<string, string>;
};

export const getAt = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, key) => {
    if (isTree(node)) return Object.hasOwn(node, key) ? node[key] : undefined;
    return Array.isArray(node) ? (node as unknown[])[Number(key)] : undefined;
  }, tree);

/** Sets a value, making the sections above it; a scalar that stands where a section should be is left alone. */
function setAt(tree: Tree, path: Path, value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    const child = (Object.hasOwn(node, key) ? node[key] : undefined) ?? (node[key] = {});
    if (!isTree(child)) return;
    node = child;
  }
  node[String(path.at(-1))] = value;
}

/** The file's text without the line end that editors add. @throws a sentence. */
function readSecret(path: string, readFile: ReadFile): string {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new Error(`the file ${path} cannot be read (${code})`, { cause: error });
  }
  const value = text.trim();
  if (value === '') throw new Error(`the file ${path} is empty`);
  return value;
}

/** Puts the environment's values and the contents of secret files into the tree. An empty variable is not set. */
export function overlay(tree: Tree, environment: Environment, readFile: ReadFile): Overlay {
  const problems: Problem[] = [];
  const variables = new Map<string, string>();
  const given = (name: string): string | undefined => (environment[name] === '' ? undefined : environment[name]);
  for (const { variable, path, secret } of OVERRIDES) {
    const dotted = path.join('.');
    const problem = (text: string, from: string | undefined): void => {
      problems.push({ path: dotted, text, line: undefined, variable: from });
    };
    const fileVariable = `${variable}_FILE`;
    const value = given(variable);
    const file = secret ? given(fileVariable) : undefined;
    if (value !== undefined && file !== undefined) problem(`${fileVariable} is set too; set one of them`, variable);
    if (value !== undefined) {
      setAt(tree, path, variable === 'LOG_LEVEL' ? value.toLowerCase() : value);
      variables.set(dotted, variable);
      continue;
    }
    if (!secret) continue;
    const filePath = [...path.slice(0, -1), `${String(path.at(-1))}_file`];
    const named = file ?? getAt(tree, filePath);
    if (typeof named !== 'string' || named === '') continue;
    if (file === undefined && getAt(tree, path) !== undefined) {
      problem(`${filePath.join('.')} is set too; set one of them`, undefined);
      continue;
    }
    try {
      setAt(tree, path, readSecret(named, readFile));
      if (file !== undefined) variables.set(dotted, fileVariable);
    } catch (error) {
      problem(error instanceof Error ? error.message : 'its file cannot be read', file && fileVariable);
    }
  }
  return {
    problems: [
      ...problems,
      ...clusterSecrets(tree, readFile),
      ...serverVariables(tree, given, readFile),
      ...assistantTokens(tree, given, readFile),
    ],
    variables,
  };
}

/** Reads the secret files that single clusters name. @returns what is wrong with them. */
function clusterSecrets(tree: Tree, readFile: ReadFile): readonly Problem[] {
  const clusters = tree['clusters'];
  const secrets = OVERRIDES.filter(({ path, secret }) => secret && path[0] !== 'slack');
  return Object.keys(isTree(clusters) ? clusters : {}).flatMap((name) =>
    secrets.flatMap(({ path }) => {
      const own = ['clusters', name, ...path];
      const named = getAt(tree, [...own.slice(0, -1), `${String(own.at(-1))}_file`]);
      if (typeof named !== 'string' || named === '') return [];
      const problem = (text: string) => [{ path: own.join('.'), text, line: undefined, variable: undefined }];
      if (getAt(tree, own) !== undefined) return problem(`${String(own.at(-1))}_file is set too; set one of them`);
      try {
        setAt(tree, own, readSecret(named, readFile));
        return [];
      } catch (error) {
        return problem(error instanceof Error ? error.message : 'its file cannot be read');
      }
    }),
  );
}

/**
 * Gives the MCP servers' processes the variables that are passed on to them (`env_from`) and those whose values stand in files
 * (`env_files`), for all and for single clusters. @returns what is wrong with them.
 */
function serverVariables(
  tree: Tree,
  given: (name: string) => string | undefined,
  readFile: ReadFile,
): readonly Problem[] {
  const clusters = tree['clusters'];
  const names = Object.keys(isTree(clusters) ? clusters : {});
  const places = [[], ...names.map((name) => ['clusters', name])].flatMap((above) =>
    ['proxmox', 'talos'].map((server) => [...above, 'mcp_servers', server]),
  );
  return places.flatMap((path) => {
    const from = getAt(tree, [...path, 'env_from']);
    const files = getAt(tree, [...path, 'env_files']);
    const take = (key: string, name: string, value: () => string | undefined): readonly Problem[] => {
      const problem = (text: string, variable?: string) => [
        { path: [...path, key].join('.'), text, line: undefined, variable },
      ];
      if (getAt(tree, [...path, 'env', name]) !== undefined) return problem(`${name} is set twice; set one of them`);
      try {
        const found = value();
        if (found === undefined) return problem(`the variable ${name} is not set`, name);
        setAt(tree, [...path, 'env', name], found);
        return [];
      } catch (error) {
        return problem(error instanceof Error ? error.message : 'its file cannot be read');
      }
    };
    const passed = (Array.isArray(from) ? (from as unknown[]) : []).filter((name) => typeof name === 'string');
    const read = Object.entries(isTree(files) ? files : {}).filter(([, file]) => typeof file === 'string');
    return [
      ...passed.flatMap((name) => take('env_from', name, () => given(name))),
      ...read.flatMap(([name, file]) => take('env_files', name, () => readSecret(String(file), readFile))),
    ];
  });
}

/** Puts the assistants' tokens where their variables and files say. @returns what is wrong with them. */
function assistantTokens(
  tree: Tree,
  given: (name: string) => string | undefined,
  readFile: ReadFile,
): readonly Problem[] {
  const tokens = getAt(tree, ['mcp', 'tokens']);
  return (Array.isArray(tokens) ? (tokens as unknown[]) : []).flatMap((item, index) => {
    if (!isTree(item)) return [];
    const problem = (text: string, variable?: string) => [
      { path: `mcp.tokens.${index}.token`, text, line: undefined, variable },
    ];
    const { token, token_env: name, token_file: file } = item;
    if (token !== undefined)
      return problem('a token does not stand in the file; name a variable in token_env, or a file in token_file');
    if ((typeof name === 'string') === (typeof file === 'string'))
      return problem('needs either token_env (the name of a variable) or token_file');
    try {
      const value = typeof name === 'string' ? given(name) : readSecret(String(file), readFile);
      if (value === undefined) return problem('the variable that holds the token is not set', String(name));
      item['token'] = value;
      return [];
    } catch (error) {
      return problem(error instanceof Error ? error.message : 'its file cannot be read');
    }
  });
}
