/** The assistants' door, wired: every cluster's operations behind bearer tokens. */
import type { AssistantPolicy } from './domain/assistant.ts';
import type { Config } from './config/index.ts';
import { createMcpServer, startMcpHttp } from './mcp/index.ts';
import type { Change, McpHttp, People, ServerDeps, Token } from './mcp/index.ts';
import type { Member } from './member.ts';
import type { Parts } from './parts.ts';
import type { Store } from './ports/store.ts';
import { version } from './version.ts';

export type Changes = {
  readonly tell: (change: Change) => void;
  readonly onChange: ServerDeps['onChange'];
};

/** Hands changes on to whoever listens. */
export function createChanges(): Changes {
  const listeners = new Set<(change: Change) => void>();
  return {
    tell(change) {
      for (const listener of listeners) listener(change);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const policyOf = (token: Config['mcp']['tokens'][number]): AssistantPolicy => ({
  name: token.name,
  userId: token.user,
  role: token.role,
  clusters: token.clusters,
  alone: token.alone,
  limits: { maxCount: token.maxCount, maxTtlHours: token.maxTtlHours, sizes: token.sizes },
});

/** Starts to listen. @throws when the address cannot be listened on. */
export async function startAssistants(
  { config, clock, ids, log }: Parts,
  members: readonly Member[],
  store: Store,
  people: People | undefined,
  onChange: Changes['onChange'],
): Promise<McpHttp> {
  const { mcp } = config;
  const workers = new Map(config.clusters.map((own) => [own.kubernetes.name, own.burstWorkers]));
  const deps: ServerDeps = {
    clusters: new Map(members.map(({ name, operations }) => [name, operations])),
    store,
    people,
    clock,
    ids,
    log,
    defaults: (cluster) => ({
      size: workers.get(cluster)?.defaultSize ?? config.burstWorkers.defaultSize,
      ttlHours: workers.get(cluster)?.defaultTtlHours ?? config.burstWorkers.defaultTtlHours,
    }),
    onChange,
    version,
  };
  return startMcpHttp({
    host: mcp.host,
    port: mcp.port,
    tokens: mcp.tokens.map((token): Token => ({ ...policyOf(token), token: token.token })),
    allowedHosts: mcp.allowedHosts,
    allowedOrigins: mcp.allowedOrigins,
    maxBodyBytes: mcp.maxBodyKib * 1024,
    maxSessions: mcp.maxSessions,
    idleMs: mcp.idleMinutes * 60_000,
    serverFor: (token) => createMcpServer(deps, token),
    clock,
    ids,
    log,
  });
}
