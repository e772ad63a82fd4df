/** The assistants' door, wired: every cluster's operations behind bearer tokens. */
import { HOUR_MS } from './domain/duration.ts';
import type { AssistantPolicy } from './domain/assistant.ts';
import { createFloodGate } from './domain/flood.ts';
import type { FloodGate } from './domain/flood.ts';
import type { RateRule } from './domain/rate-limit.ts';
import type { Config } from './config/index.ts';
import { createMcpServer, startMcpHttp } from './mcp/index.ts';
import type { Change, McpHttp, People, ServerDeps, Token } from './mcp/index.ts';
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

type OwnToken = Config['mcp']['tokens'][number];

function ratesOf(token: OwnToken): readonly RateRule[] {
  const workers = (windowMs: number, maxWorkers: number | undefined): readonly RateRule[] =>
    maxWorkers === undefined
      ? []
      : [{ of: 'requester', counts: 'provisions', windowMs, maxRequests: undefined, maxWorkers }];
  const changes = (windowMs: number, maxRequests: number | undefined): readonly RateRule[] =>
    maxRequests === undefined
      ? []
      : [{ of: 'requester', counts: 'changes', windowMs, maxRequests, maxWorkers: undefined }];
  return [
    ...workers(HOUR_MS, token.maxWorkersPerHour),
    ...workers(24 * HOUR_MS, token.maxWorkersPerDay),
    ...changes(HOUR_MS, token.maxChangesPerHour),
    ...changes(24 * HOUR_MS, token.maxChangesPerDay),
  ];
}

const policyOf = (token: OwnToken): AssistantPolicy => ({
  name: token.name,
  userId: token.user,
  role: token.role,
  clusters: token.clusters,
  alone: token.alone,
  limits: {
    maxCount: token.maxCount,
    maxTtlHours: token.maxTtlHours,
    sizes: token.sizes,
    rates: ratesOf(token),
    callsPerMinute: token.maxCallsPerMinute,
  },
});

/** Starts to listen. @throws when the address cannot be listened on. */
export async function startAssistants(
  { config, clock, ids, log }: Parts,
  doors: ServerDeps['clusters'],
  store: Store,
  people: People | undefined,
  onChange: Changes['onChange'],
): Promise<McpHttp> {
  const { mcp } = config;
  const workers = new Map(config.clusters.map((own) => [own.kubernetes.name, own.burstWorkers]));
  // a token's sessions share its bucket
  const gates = new Map<string, FloodGate>(
    mcp.tokens.map(({ name, maxCallsPerMinute: calls }) => [
      name,
      createFloodGate(calls === undefined ? undefined : { burst: calls, perMinute: calls }),
    ]),
  );
  const deps: ServerDeps = {
    clusters: doors,
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
    called: ({ name }) => gates.get(name)?.(name, clock.now()) ?? { ok: true },
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
