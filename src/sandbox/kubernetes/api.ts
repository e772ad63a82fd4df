/**
 * What the API server does with one object: create, update, patch, delete, evict. Invariant: everything that changes the
 * store, from outside or from a controller, goes through here or through Store.put.
 */
import { randomInt, randomUUID } from 'node:crypto';
import type { SandboxClock } from '../contract.ts';
import { withDefaults } from './defaults.ts';
import {
  incomingObject,
  isFinished,
  isObject,
  keyOf,
  timestamp,
  type DeleteOptions,
  type IncomingObject,
  type JsonObject,
  type KubeObject,
  type Pod,
} from './objects.ts';
import { jsonPatch, mergePatch, strategicMergePatch } from './patch.ts';
import { groupVersion, namespaces, pods, secrets, type Resource } from './resources.ts';
import {
  alreadyExists,
  ApiError,
  badRequest,
  forbiddenChange,
  invalid,
  modified,
  namespaceTerminating,
  notFound,
  preconditionFailed,
  success,
  uidConflictOnUpdate,
  unsupportedMediaType,
  type StatusBody,
} from './status.ts';
import type { Store } from './store.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';
const immortal = new Set(['default', 'kube-system', 'kube-public']);

/** The random end of a generated name, from Kubernetes' own alphabet. */
export const nameSuffix = (): string =>
  Array.from({ length: 5 }, () => suffixLetters[randomInt(suffixLetters.length)]).join('');

const path = (namespace: string | undefined, name: string) => (namespace === undefined ? name : `${namespace}/${name}`);

export class Api {
  readonly store: Store;
  readonly clock: SandboxClock;
  constructor(store: Store, clock: SandboxClock) {
    this.store = store;
    this.clock = clock;
  }

  now(): string {
    return timestamp(this.clock.now());
  }

  /** @throws ApiError 404. */
  read(of: Resource, namespace: string | undefined, name: string): KubeObject {
    const object = this.store.get(of, path(namespace, name));
    if (!object) throw notFound(of, name);
    return object;
  }

  #parse(of: Resource, body: unknown): IncomingObject {
    const parsed = incomingObject.safeParse(body);
    if (!parsed.success) {
      throw badRequest(
        `${of.kind} in version "v1" cannot be handled as a ${of.kind}: ${parsed.error.issues[0]?.path.join('.') ?? ''}: ${parsed.error.issues[0]?.message ?? ''}`,
      );
    }
    const { apiVersion, kind } = parsed.data;
    if ((kind !== undefined && kind !== of.kind) || (apiVersion !== undefined && apiVersion !== groupVersion(of))) {
      throw badRequest(
        `${kind ?? ''} in version "${apiVersion ?? ''}" cannot be handled as a ${of.kind}: no kind "${kind ?? ''}" is registered for version "${apiVersion ?? ''}"`,
      );
    }
    return withoutNulls(parsed.data) as IncomingObject;
  }

  /** @throws ApiError 400, 403 (namespace terminating), 404 (no such namespace), 409, 422. */
  create(of: Resource, namespace: string | undefined, body: unknown, dryRun = false): KubeObject {
    const given = this.#parse(of, body);
    const metadata = given.metadata ?? {};
    if (
      namespace !== undefined &&
      metadata.namespace !== undefined &&
      metadata.namespace !== '' &&
      metadata.namespace !== namespace
    ) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    const name =
      metadata.name !== undefined && metadata.name !== ''
        ? metadata.name
        : metadata.generateName !== undefined && metadata.generateName !== ''
          ? `${metadata.generateName}${nameSuffix()}`
          : undefined;
    if (name === undefined) throw invalid(of, '', 'metadata.name', 'Required', 'name or generateName is required');
    if (!subdomain.test(name)) throw invalid(of, name, 'metadata.name', 'Invalid', `"${name}": ${subdomainText}`);
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '') {
      throw badRequest('resourceVersion should not be set on objects to be created');
    }
    if (namespace !== undefined) {
      const home = this.store.get(namespaces, namespace);
      if (!home) throw notFound(namespaces, namespace);
      if (home.metadata.deletionTimestamp !== undefined) throw namespaceTerminating(of, name, namespace);
    }
    if (this.store.get(of, path(namespace, name))) throw alreadyExists(of, name);
    const { uid: _uid, resourceVersion: _version, ...kept } = metadata as IncomingObject['metadata'] & JsonObject;
    const created = withDefaults(of, {
      ...given,
      kind: of.kind,
      apiVersion: groupVersion(of),
      metadata: {
        ...(dropNulls(kept) as Partial<KubeObject['metadata']>),
        name,
        ...(namespace === undefined ? {} : { namespace }),
        uid: randomUUID(),
        resourceVersion: '',
        creationTimestamp: this.now(),
      },
    });
    return dryRun ? created : this.store.put(of, created);
  }

  /**
   * Replaces an object or, with `subresource` status, its status.
   * @throws ApiError 404, 409 when uid or resourceVersion are others, 422 when something immutable changes.
   */
  update(
    of: Resource,
    namespace: string | undefined,
    name: string,
    body: unknown,
    subresource: '' | 'status',
    dryRun = false,
  ): KubeObject {
    const given = this.#parse(of, body);
    const before = this.read(of, namespace, name);
    if (given.metadata?.name !== undefined && given.metadata.name !== name) {
      throw badRequest(`the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`);
    }
    const uid = given.metadata?.uid;
    if (uid !== undefined && uid !== '' && uid !== before.metadata.uid) {
      throw uidConflictOnUpdate(of, name, namespace, uid, before.metadata.uid);
    }
    return this.#replace(of, before, given, subresource, dryRun);
  }

  #replace(
    of: Resource,
    before: KubeObject,
    given: IncomingObject,
    subresource: '' | 'status',
    dryRun: boolean,
  ): KubeObject {
    const { name } = before.metadata;
    const version = given.metadata?.resourceVersion;
    if (version !== undefined && version !== '' && version !== '0' && version !== before.metadata.resourceVersion) {
      throw modified(of, name);
    }
    const metadata = {
      ...(dropNulls(given.metadata ?? {}) as Partial<KubeObject['metadata']>),
      ...pick(before.metadata, [
        'name',
        'namespace',
        'uid',
        'resourceVersion',
        'creationTimestamp',
        'generateName',
        'generation',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
      ]),
    } as KubeObject['metadata'];
    const added = (given.metadata?.finalizers ?? []).filter((one) => !before.metadata.finalizers?.includes(one));
    if (before.metadata.deletionTimestamp !== undefined && subresource === '' && added.length > 0)
      throw forbiddenChange(
        of,
        name,
        'metadata.finalizers',
        'no new finalizers can be added if the object is being deleted, found new finalizers ' +
          `[]string{${added.map((one) => `"${one}"`).join(', ')}}`,
      );
    const identity = { apiVersion: before.apiVersion, kind: before.kind };
    let after: KubeObject =
      subresource === 'status'
        ? {
            ...before,
            metadata: { ...before.metadata, ...pick(metadata, ['labels', 'annotations']) },
            status: given['status'] ?? {},
          }
        : {
            ...given,
            ...identity,
            metadata,
            ...(of.status && before['status'] !== undefined ? { status: before['status'] } : {}),
          };
    if (of === secrets && after['stringData'] !== undefined) {
      const { type, data } = withDefaults(of, after) as KubeObject & { type: unknown; data: unknown };
      after = { ...after, type, data };
      delete after['stringData'];
    }
    if (metadata.generation !== undefined && JSON.stringify(before['spec']) !== JSON.stringify(after['spec'])) {
      after = { ...after, metadata: { ...after.metadata, generation: metadata.generation + 1 } };
    }
    if (dryRun) return after;
    const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = after.metadata;
    const done = deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0 && !finalizers?.length;
    if (done && of !== namespaces && before.metadata.finalizers?.length) {
      this.store.remove(of, keyOf(before));
      return after;
    }
    return this.store.put(of, after);
  }

  /** Applies a patch by its content type. @throws ApiError as update, 415 for other types, 422 for a patch that does not fit. */
  patch(
    of: Resource,
    namespace: string | undefined,
    name: string,
    type: string,
    patch: unknown,
    subresource: '' | 'status',
    dryRun = false,
  ): KubeObject {
    const before = this.read(of, namespace, name);
    let patched: unknown;
    switch (type) {
      case 'application/json-patch+json':
        patched = jsonPatch(before, patch);
        break;
      case 'application/merge-patch+json':
      case 'application/strategic-merge-patch+json':
        if (!isObject(patch))
          throw badRequest(
            'error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}',
          );
        patched = type.includes('strategic') ? strategicMergePatch(before, patch) : mergePatch(before, patch);
        break;
      default:
        throw unsupportedMediaType();
    }
    const given = this.#parse(of, patched);
    if (given.metadata?.name !== name)
      throw badRequest(
        `the name of the object (${given.metadata?.name ?? ''}) does not match the name on the URL (${name})`,
      );
    const uid = given.metadata.uid ?? '';
    if (uid !== before.metadata.uid) throw invalid(of, name, 'metadata.uid', 'Invalid', `"${uid}": field is immutable`);
    return this.#replace(of, before, given, subresource, dryRun);
  }

  /**
   * Deletes as the API server does: pods gracefully, with finalizers only marked, namespaces in two phases.
   * @throws ApiError 404, 409 when a precondition does not hold.
   */
  delete(
    of: Resource,
    namespace: string | undefined,
    name: string,
    options: DeleteOptions = {},
  ): KubeObject | StatusBody {
    const object = this.read(of, namespace, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid && uid !== object.metadata.uid) throw preconditionFailed(of, name, 'UID', uid, object.metadata.uid);
    if (resourceVersion && resourceVersion !== object.metadata.resourceVersion) {
      throw preconditionFailed(of, name, 'ResourceVersion', resourceVersion, object.metadata.resourceVersion);
    }
    if (of === namespaces && immortal.has(name)) {
      throw new ApiError(403, 'Forbidden', `namespaces "${name}" is forbidden: this namespace may not be deleted`, {
        name,
        kind: 'namespaces',
      });
    }
    const dryRun = options.dryRun?.includes('All') ?? false;
    if (options.propagationPolicy === 'Orphan' || options.orphanDependents)
      if (!dryRun) this.#orphan(object.metadata.uid);
    const grace = of === pods ? podGrace(object as Pod, options.gracePeriodSeconds ?? undefined) : 0;
    const waits = grace > 0 || (object.metadata.finalizers?.length ?? 0) > 0 || of === namespaces;
    const left = object.metadata.deletionGracePeriodSeconds;
    if (object.metadata.deletionTimestamp !== undefined && waits && (left ?? 0) <= grace) return object;
    const marked: KubeObject = {
      ...object,
      ...(of === namespaces ? { status: { ...(object['status'] as JsonObject), phase: 'Terminating' } } : {}),
      metadata: {
        ...object.metadata,
        deletionTimestamp: timestamp(this.clock.now() + grace * 1000),
        ...(of === namespaces ? {} : { deletionGracePeriodSeconds: grace }),
        ...(object.metadata.generation === undefined ? {} : { generation: object.metadata.generation + 1 }),
      },
    };
    if (dryRun) return of === pods ? marked : success(of, name, object.metadata.uid);
    if (waits) return this.store.put(of, marked);
    this.store.remove(of, keyOf(object));
    return of === pods ? marked : success(of, name, object.metadata.uid);
  }

  #orphan(uid: string): void {
    for (const { of, object } of this.store.dependents(uid)) {
      const ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      this.store.put(of, { ...object, metadata: { ...object.metadata, ownerReferences } });
    }
  }

  /** Changes an object's status in place of a controller; does nothing when that object (same UID) is gone. */
  setStatus(of: Resource, object: KubeObject, status: JsonObject): void {
    const current = this.store.get(of, keyOf(object));
    if (current?.metadata.uid === object.metadata.uid) this.store.put(of, { ...current, status });
  }
}

function podGrace(pod: Pod, asked: number | undefined): number {
  if (pod.spec.nodeName === undefined || isFinished(pod)) return 0;
  if (asked !== undefined) return Math.max(asked, 0);
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
}

const dropNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));

/** A typed server knows no null: a field that is null is a field that is absent. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) =>
      one === null || one === undefined ? [] : [[key, withoutNulls(one)] as const],
    ),
  );
}

const pick = (object: object, keys: readonly string[]): JsonObject => {
  const from = object as JsonObject;
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
};
