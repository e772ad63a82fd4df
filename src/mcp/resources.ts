/** Fleet, worker, operation and audit as resources; subscribers are told when one may read otherwise now. */
import { ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { ReadResourceResult, Resource } from '@modelcontextprotocol/sdk/types.js';
import { BurstError } from '../domain/errors.ts';
import { clean } from './text.ts';
import type { Session } from './session.ts';
import type { Change, ServerDeps } from './types.ts';
import { actorName, detailsOut, fleetOut, operationOut, time } from './views.ts';

export const FLEET = 'burst://fleet';
export const AUDIT = 'burst://audit';
const workerUri = (name: string): string => `burst://workers/${encodeURIComponent(name)}`;
const operationUri = (id: string): string => `burst://operations/${encodeURIComponent(id)}`;
/** Changes within this time are told as one, ms. */
const TOGETHER_MS = 500;
const MAX_SUBSCRIPTIONS = 200;

/** URIs whose content a change may have altered. */
export function touched(change: Change): readonly string[] {
  switch (change.kind) {
    case 'worker':
      return [FLEET, ...(change.name === undefined ? [] : [workerUri(change.name)])];
    case 'operation':
      return [operationUri(change.id), AUDIT, FLEET];
  }
}

const json = (uri: URL, value: unknown): ReadResourceResult => ({
  contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(value, undefined, 2) }],
});
const only = (variable: string | string[] | undefined): string =>
  decodeURIComponent(typeof variable === 'string' ? variable : (variable?.[0] ?? ''));

export function registerResources(server: McpServer, deps: ServerDeps, session: Session): void {
  const { operations, store, cluster } = deps;
  const mimeType = 'application/json';
  const description = (text: string): { description: string; mimeType: string } => ({ description: text, mimeType });

  server.registerResource('fleet', FLEET, { title: 'Fleet', ...description('All workers, as list_workers') }, async (uri) => {
    await session.requireCluster();
    return json(uri, fleetOut(cluster, await operations.fleet()));
  });

  server.registerResource(
    'audit',
    AUDIT,
    { title: 'Audit', ...description('The last 100 lines of the audit, newest first') },
    async (uri) => {
      await session.requireCluster();
      const rows = await store.listAudit({ cluster, limit: 100 });
      return json(
        uri,
        rows.map((row) => ({
          at: time(row.atMs),
          actor: actorName(row.actor),
          action: clean(row.action),
          outcome: row.outcome,
          ...(row.workerName === undefined ? {} : { worker: clean(row.workerName) }),
          ...(row.operationId === undefined ? {} : { operation: row.operationId }),
          text: clean(row.text, 300),
        })),
      );
    },
  );

  const listWorkers = async (): Promise<Resource[]> => {
    await session.requireCluster();
    const { workers } = await operations.fleet();
    return workers.slice(0, 200).map((worker) => ({
      uri: workerUri(worker.name),
      name: clean(worker.name),
      mimeType,
      description: `${worker.type} worker, ${worker.status}`,
    }));
  };
  server.registerResource(
    'worker',
    new ResourceTemplate('burst://workers/{name}', {
      list: async () => ({ resources: await listWorkers() }),
      complete: {
        name: async (value) =>
          (await operations.fleet()).workers
            .map((worker) => worker.name)
            .filter((name) => name.includes(value))
            .slice(0, 100),
      },
    }),
    { title: 'Worker', ...description('One worker, as get_worker_details') },
    async (uri, { name }) => {
      await session.requireCluster();
      return json(uri, detailsOut(await operations.details(only(name))));
    },
  );

  server.registerResource(
    'operation',
    new ResourceTemplate('burst://operations/{id}', {
      list: async () => {
        await session.requireCluster();
        const recent = await operations.recent({ limit: 50 });
        return {
          resources: recent.map(({ operation }) => ({
            uri: operationUri(operation.id),
            name: operation.id,
            mimeType,
            description: `${operation.kind}, ${operation.state}`,
          })),
        };
      },
    }),
    { title: 'Operation', ...description('One operation with its workers') },
    async (uri, { id }) => {
      await session.requireCluster();
      const { operation, runs } = await operations.operation(only(id));
      return json(uri, operationOut(operation, runs));
    },
  );

  subscriptions(server, deps);
}

function subscriptions(server: McpServer, deps: ServerDeps): void {
  const wanted = new Set<string>();
  const due = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    for (const uri of due) server.server.sendResourceUpdated({ uri }).catch(() => undefined);
    due.clear();
  };
  const stop = deps.onChange((change) => {
    for (const uri of touched(change)) if (wanted.has(uri)) due.add(uri);
    if (due.size > 0) timer ??= setTimeout(flush, TOGETHER_MS);
  });
  server.server.registerCapabilities({ resources: { subscribe: true, listChanged: false } });
  server.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    if (wanted.size >= MAX_SUBSCRIPTIONS && !wanted.has(params.uri))
      throw new BurstError('limit_reached', `At most ${MAX_SUBSCRIPTIONS} subscriptions.`);
    wanted.add(params.uri);
    return {};
  });
  server.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    wanted.delete(params.uri);
    return {};
  });
  const before = server.server.onclose;
  server.server.onclose = () => {
    stop();
    clearTimeout(timer);
    before?.();
  };
}
