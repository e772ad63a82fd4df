/** Fleet, worker, operation and audit as resources; subscribers are told when one may read otherwise now. */
import { ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SubscribeRequestSchema, UnsubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { ReadResourceResult, Resource } from '@modelcontextprotocol/sdk/types.js';
import { BurstError } from '../domain/errors.ts';
import type { Fleet } from '../operations/index.ts';
import { clean } from './text.ts';
import type { Session } from './session.ts';
import type { Change, ServerDeps } from './types.ts';
import { actorName, detailsOut, fleetOut, operationOut, time } from './views.ts';

export const FLEET = 'burst://fleet';
export const AUDIT = 'burst://audit';
const workerUri = (cluster: string, name: string): string =>
  `burst://clusters/${encodeURIComponent(cluster)}/workers/${encodeURIComponent(name)}`;
const operationUri = (id: string): string => `burst://operations/${encodeURIComponent(id)}`;
/** Changes within this time are told as one, ms. */
const TOGETHER_MS = 500;
const MAX_SUBSCRIPTIONS = 200;
const MAX_AUDIT = 100;

/** URIs whose content a change may have altered. */
export function touched(change: Change): readonly string[] {
  switch (change.kind) {
    case 'worker':
      return [FLEET, ...(change.name === undefined ? [] : [workerUri(change.cluster, change.name)])];
    case 'operation':
      return [operationUri(change.id), FLEET];
    case 'audit':
      return [AUDIT];
  }
}

const json = (uri: URL, value: unknown): ReadResourceResult => ({
  contents: [{ uri: uri.href, mimeType: 'application/json', text: JSON.stringify(value, undefined, 2) }],
});
const only = (variable: string | string[] | undefined): string =>
  decodeURIComponent(typeof variable === 'string' ? variable : (variable?.[0] ?? ''));

export function registerResources(server: McpServer, deps: ServerDeps, session: Session): void {
  const { store } = deps;
  const fleets = async (): Promise<ReadonlyMap<string, Fleet>> => {
    const all = new Map<string, Fleet>();
    for (const { cluster, operations } of session.among(undefined)) all.set(cluster, await operations.fleet());
    return all;
  };
  const mimeType = 'application/json';
  const description = (text: string): { description: string; mimeType: string } => ({ description: text, mimeType });

  server.registerResource(
    'fleet',
    FLEET,
    { title: 'Fleet', ...description('All workers, as list_workers') },
    async (uri) => {
      await session.admit();
      return json(uri, fleetOut(await fleets()));
    },
  );

  server.registerResource(
    'audit',
    AUDIT,
    { title: 'Audit', ...description(`The last ${MAX_AUDIT} lines of the audit, newest first`) },
    async (uri) => {
      await session.admit();
      const each = session.among(undefined).map(({ cluster }) => store.listAudit({ cluster, limit: MAX_AUDIT }));
      const rows = (await Promise.all(each)).flat().sort((a, b) => b.atMs - a.atMs);
      return json(
        uri,
        rows.slice(0, MAX_AUDIT).map((row) => ({
          at: time(row.atMs),
          cluster: row.cluster,
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
    const workers = [...(await fleets()).values()].flatMap((fleet) => fleet.workers);
    return workers.slice(0, 200).map((worker) => ({
      uri: workerUri(worker.cluster, worker.name),
      name: clean(worker.name),
      mimeType,
      description: `${worker.type} worker, ${worker.status}`,
    }));
  };
  server.registerResource(
    'worker',
    new ResourceTemplate('burst://clusters/{cluster}/workers/{name}', {
      list: async () => ({ resources: await listWorkers() }),
      complete: {
        cluster: (value) =>
          session
            .among(undefined)
            .map(({ cluster }) => cluster)
            .filter((name) => name.startsWith(value)),
        name: async (value) =>
          [...(await fleets()).values()]
            .flatMap((fleet) => fleet.workers.map((worker) => worker.name))
            .filter((name) => name.includes(value))
            .slice(0, 100),
      },
    }),
    { title: 'Worker', ...description('One worker, as get_worker_details') },
    async (uri, { cluster, name }) => {
      await session.admit();
      const { operations } = session.place(only(cluster));
      return json(uri, detailsOut(await operations.details(only(name))));
    },
  );

  server.registerResource(
    'operation',
    new ResourceTemplate('burst://operations/{id}', {
      list: async () => {
        const each = session.among(undefined).map(({ operations }) => operations.recent({ limit: 50 }));
        return {
          resources: (await Promise.all(each)).flat().map(({ operation }) => ({
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
      await session.admit();
      const { operations } = await session.placeOf(only(id));
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
