/** One HTTP request to the simulated API server: which object, which verb, and the answer. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Api } from './api.ts';
import type { Auth, User } from './auth.ts';
import { discovery } from './discovery.ts';
import { evict } from './eviction.ts';
import { deleteOptions, isObject, itemJson, objectJson, type KubeObject, type Workload } from './objects.ts';
import { findResource, groupVersion, nodes, type Resource } from './resources.ts';
import { fieldEquals, selectorMatch } from './selectors.ts';
import { ApiError, badRequest, expired, methodNotAllowed, unprocessable, type StatusBody } from './status.ts';
import { continueToken } from './store.ts';
import { table } from './table.ts';
import type { Watches } from './watch.ts';

const bodyLimit = 3 * 1024 * 1024;
const continuation = z.object({ v: z.literal('meta.k8s.io/v1'), rv: z.number(), start: z.string() });

export type Context = {
  readonly api: Api;
  readonly auth: Auth;
  readonly watches: Watches;
  readonly address: () => string;
};
export type Target = {
  readonly of: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly subresource: string;
};
type Answer = { readonly code: number; readonly json: string };

/** What a path is about; undefined when nothing is served there. */
export function parsePath(path: string): Target | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const core = parts[0] === 'api';
  const [group, version, rest] = core ? ['', parts[1], parts.slice(2)] : [parts[1], parts[2], parts.slice(3)];
  if ((!core && parts[0] !== 'apis') || group === undefined || version === undefined) return undefined;
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize';
  const [plural = '', name = '', subresource = ''] = inNamespace ? rest.slice(2) : rest;
  const of = findResource(group, version, plural);
  if (!of || (inNamespace && !of.namespaced) || (!inNamespace && of.namespaced && name !== '')) return undefined;
  return { of, namespace: inNamespace ? rest[1] : undefined, name, subresource };
}

/** The verb that authorization speaks of. */
export function verbOf(method: string, target: Target, watch: boolean): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return watch ? 'watch' : target.name === '' ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return target.name === '' ? 'deletecollection' : 'delete';
    default:
      throw methodNotAllowed();
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit)
      throw new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimit}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseBody(text: string, type: string, kind: string): unknown {
  if (text === '') return {};
  if (type.includes('protobuf') || type.includes('yaml') || type.includes('cbor')) {
    throw new ApiError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json',
      {},
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${error instanceof Error ? error.message : ''}`,
    );
  }
}

const whole = (text: string | null): number => (text !== null && /^\d+$/.test(text) ? Number(text) : 0);
const flag = (text: string | null): boolean => text === '' || text === 'true' || text === '1';
const wantsTable = (accept: string) => /as=Table/.test(accept.split(',')[0] ?? '');
const wantsPartial = (accept: string) => /as=PartialObjectMetadata/.test(accept.split(',')[0] ?? '');

/** Answers one request. */
export async function handle(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const send = (code: number, text: string, type = 'application/json') => {
    response.writeHead(code, {
      'content-type': type,
      'cache-control': 'no-cache, private',
      'content-length': Buffer.byteLength(text),
      'audit-id': randomUUID(),
    });
    response.end(text);
  };
  try {
    const found = discovery(url.pathname, context.address());
    if (found?.public) {
      send(
        200,
        typeof found.body === 'string' ? found.body : JSON.stringify(found.body),
        typeof found.body === 'string' ? 'text/plain; charset=utf-8' : undefined,
      );
      return;
    }
    const target = found ? undefined : parsePath(url.pathname);
    const isPublic =
      request.method === 'GET' && url.pathname === '/api/v1/namespaces/kube-public/configmaps/cluster-info';
    const anonymous: User = { name: 'system:anonymous', groups: ['system:unauthenticated'], admin: false };
    const bare = isPublic && request.headers.authorization === undefined;
    const user = bare ? anonymous : context.auth.user(request.headers.authorization);
    if (found) send(200, JSON.stringify(found.body));
    else if (!target) send(404, '404 page not found\n', 'text/plain; charset=utf-8');
    else {
      const answer = await answerObject(context, user, target, url.searchParams, request, response);
      if (answer) send(answer.code, answer.json);
    }
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const failure =
      error instanceof ApiError
        ? error
        : new ApiError(500, 'InternalError', `Internal error occurred: ${String(error)}`);
    const retryAfter = failure.details?.retryAfterSeconds;
    if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter));
    send(failure.code, JSON.stringify(failure.body()));
  }
}

async function answerObject(
  context: Context,
  user: User,
  target: Target,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Answer | undefined> {
  const { api, auth } = context;
  const { of, namespace, name, subresource } = target;
  const watch = flag(query.get('watch'));
  const verb = verbOf(request.method ?? 'GET', target, watch);
  auth.check(user, { verb, of, namespace, name });
  const accept = request.headers.accept ?? '';
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim() ?? '';
  const dryRun = query.getAll('dryRun').includes('All');
  const one = (object: KubeObject, code = 200): Answer => ({ code, json: writer(api, of, accept)(object, true) });
  const raw = (body: StatusBody | object, code = 200): Answer => ({ code, json: JSON.stringify(body) });
  if (verb === 'watch' || verb === 'list') return listOrWatch(context, target, query, accept, watch, response);
  if (verb === 'get') {
    const object = api.read(of, namespace, name);
    if (subresource === 'scale') return raw(scaleOf(object as Workload));
    if (subresource === '' || subresource === 'status') return one(object);
    throw new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
  }
  const text = await readBody(request);
  switch (verb) {
    case 'create': {
      const body = parseBody(text, type, subresource === 'eviction' ? 'Eviction' : of.kind);
      if (subresource === 'eviction' && namespace !== undefined)
        return raw(evict(api, namespace, name, body, dryRun), 201);
      if (name !== '') throw methodNotAllowed();
      const review = answerReview(context, user, of, body);
      if (review) return raw(review, 201);
      if (of.namespaced && namespace === undefined) throw methodNotAllowed();
      const created = api.create(of, namespace, body, dryRun);
      if (of === nodes && !dryRun) auth.made(user, created.metadata.name);
      return one(created, 201);
    }
    case 'update':
    case 'patch': {
      const body = parseBody(text, type === 'application/apply-patch+yaml' ? '' : type, of.kind);
      if (subresource === 'scale') return raw(scale(api, target, body));
      if (subresource !== '' && subresource !== 'status') throw methodNotAllowed();
      return one(
        verb === 'update'
          ? api.update(of, namespace, name, body, subresource, dryRun)
          : api.patch(of, namespace, name, type, body, subresource, dryRun),
      );
    }
    default: {
      const parsed = deleteOptions.safeParse(parseBody(text, type, 'DeleteOptions'));
      if (!parsed.success) throw badRequest('the object provided is unrecognized (must be of type DeleteOptions)');
      const grace = query.get('gracePeriodSeconds');
      const options = {
        ...parsed.data,
        ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
        ...(dryRun ? { dryRun: ['All'] } : {}),
        ...(query.has('propagationPolicy') ? { propagationPolicy: query.get('propagationPolicy') } : {}),
      };
      if (name !== '') {
        const result = api.delete(of, namespace, name, options);
        return 'status' in result && result.kind === 'Status' ? raw(result) : one(result as KubeObject);
      }
      const match = selectorMatch(of, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
      const { items, version } = api.store.list(of, {
        namespace,
        match,
        nodeName: undefined,
        limit: 0,
        from: undefined,
      });
      for (const item of items) api.delete(of, item.metadata.namespace, item.metadata.name, options);
      return raw({
        kind: `${of.kind}List`,
        apiVersion: groupVersion(of),
        metadata: { resourceVersion: String(version) },
        items,
      });
    }
  }
}

function writer(api: Api, of: Resource, accept: string): (object: KubeObject, first: boolean) => string {
  if (wantsTable(accept)) {
    return (object, first) =>
      JSON.stringify(
        table(of, [object], { resourceVersion: object.metadata.resourceVersion }, api.clock.now(), false, first),
      );
  }
  if (wantsPartial(accept)) {
    return ({ metadata }) => JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
  }
  return objectJson;
}

function listOrWatch(
  { api, watches }: Context,
  { of, namespace, name }: Target,
  query: URLSearchParams,
  accept: string,
  watch: boolean,
  response: ServerResponse,
): Answer | undefined {
  const fieldSelector = [query.get('fieldSelector') ?? '', name === '' ? '' : `metadata.name=${name}`]
    .filter((part) => part !== '')
    .join(',');
  const match = selectorMatch(of, query.get('labelSelector') ?? '', fieldSelector);
  const resourceVersion = query.get('resourceVersion') ?? '';
  const given = query.get('continue') ?? '';
  const readable = /^\d*$/.test(resourceVersion);
  if (watch) {
    // The real server finds this only once it reads its cache.
    if (!readable) throw new ApiError(500, 'InternalError', `Internal error occurred: ${unreadable(resourceVersion)}`);
    if (query.has('sendInitialEvents') && query.get('resourceVersionMatch') !== 'NotOlderThan')
      throw unprocessable(
        'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
        'resourceVersionMatch',
      );
    watches.start(
      {
        of,
        namespace,
        match,
        resourceVersion,
        bookmarks: flag(query.get('allowWatchBookmarks')) && query.has('allowWatchBookmarks'),
        initialEvents: query.has('sendInitialEvents') && flag(query.get('sendInitialEvents')),
        timeoutMs: (whole(query.get('timeoutSeconds')) || 3600) * 1000,
        write: writer(api, of, accept),
      },
      response,
    );
    return undefined;
  }
  const { store } = api;
  if (!readable) throw badRequest(unreadable(resourceVersion));
  if (given !== '' && asksVersion(resourceVersion))
    throw badRequest('specifying resource version is not allowed when using continue');
  const asked = whole(resourceVersion);
  if (asked > store.version) {
    const message = `Too large resource version: ${asked}, current: ${store.version}`;
    throw new ApiError(504, 'Timeout', `Timeout: ${message}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  if (query.get('resourceVersionMatch') === 'Exact' && asked !== store.version) {
    throw expired('The resourceVersion for the provided list is too old.');
  }
  const page = store.list(of, {
    namespace,
    match,
    nodeName: of.plural === 'pods' ? fieldEquals(fieldSelector, 'spec.nodeName') : undefined,
    limit: whole(query.get('limit')),
    from: readContinue(given),
  });
  const metadata = {
    resourceVersion: String(page.version),
    ...(page.next === undefined
      ? {}
      : {
          continue: continueToken(page.version, page.next),
        }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
  if (wantsTable(accept)) {
    return {
      code: 200,
      json: JSON.stringify(table(of, page.items, metadata, api.clock.now(), query.get('includeObject') === 'Object')),
    };
  }
  const partial = wantsPartial(accept);
  const head = partial
    ? '"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"'
    : `"kind":"${of.kind}List","apiVersion":"${groupVersion(of)}"`;
  const items = page.items.map(partial ? (item) => JSON.stringify({ metadata: item.metadata }) : itemJson);
  return { code: 200, json: `{${head},"metadata":${JSON.stringify(metadata)},"items":[${items.join(',')}]}` };
}

const asksVersion = (resourceVersion: string): boolean => resourceVersion !== '' && resourceVersion !== '0';
const unreadable = (resourceVersion: string): string =>
  `invalid resource version: strconv.ParseUint: parsing "${resourceVersion}": invalid syntax`;

function readContinue(token: string): { version: number; after: string } | undefined {
  if (token === '') return undefined;
  try {
    const parsed = continuation.parse(JSON.parse(Buffer.from(token, 'base64url').toString()));
    return { version: parsed.rv, after: parsed.start };
  } catch {
    throw badRequest('invalid continue token: continue key is not valid: encoded start key is not readable');
  }
}

function answerReview({ auth, api }: Context, user: User, of: Resource, body: unknown): object | undefined {
  const given = isObject(body) ? body : {};
  const head = { kind: of.kind, apiVersion: groupVersion(of), metadata: { creationTimestamp: api.now() } };
  switch (of.plural) {
    case 'selfsubjectreviews':
      return { ...head, status: { userInfo: { username: user.name, groups: user.groups } } };
    case 'selfsubjectaccessreviews': {
      const spec = isObject(given['spec']) ? given['spec'] : {};
      const asked = isObject(spec['resourceAttributes']) ? spec['resourceAttributes'] : {};
      const text = (key: string) => (typeof asked[key] === 'string' ? asked[key] : '');
      const found = findResource(text('group'), 'v1', text('resource'));
      const namespace = text('namespace') === '' ? undefined : text('namespace');
      const allowed =
        user.admin ||
        (found !== undefined && auth.allowed(user, { verb: text('verb'), of: found, namespace, name: text('name') }));
      return { ...head, spec, status: { allowed } };
    }
    case 'tokenreviews': {
      const spec = isObject(given['spec']) ? given['spec'] : {};
      try {
        const who = auth.user(`Bearer ${typeof spec['token'] === 'string' ? spec['token'] : ''}`);
        return { ...head, spec, status: { authenticated: true, user: { username: who.name, groups: who.groups } } };
      } catch {
        return { ...head, spec, status: { authenticated: false, user: {} } };
      }
    }
    default:
      return undefined;
  }
}

function scaleOf(object: Workload): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: object.spec.replicas ?? 0 },
    status: { replicas: object.status?.['replicas'] ?? 0 },
  };
}

function scale(api: Api, { of, namespace, name }: Target, body: unknown): object {
  const replicas = isObject(body) && isObject(body['spec']) ? body['spec']['replicas'] : undefined;
  if (typeof replicas !== 'number') throw badRequest('Scale: spec.replicas is required');
  const before = api.read(of, namespace, name);
  const spec = { ...(before as Workload).spec, replicas };
  return scaleOf(api.update(of, namespace, name, { ...before, spec }, '') as Workload);
}
