/** The three kinds of patch. Invariant: the value given is never changed; a new one is returned. */
import { z } from 'zod';
import { isObject, type Json, type JsonObject } from './objects.ts';
import { badRequest, patchRejected } from './status.ts';

const operations = z.array(
  z.discriminatedUnion('op', [
    z.object({ op: z.enum(['add', 'replace', 'test']), path: z.string(), value: z.unknown() }),
    z.object({ op: z.literal('remove'), path: z.string() }),
    z.object({ op: z.enum(['move', 'copy']), path: z.string(), from: z.string() }),
  ]),
);

const pointer = (path: string): string[] =>
  path === ''
    ? []
    : path
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

const equal = (left: Json, right: Json): boolean => {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((one, index) => equal(one, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].every((key) => equal(left[key], right[key]));
  }
  return (left ?? null) === (right ?? null);
};

function read(document: Json, path: string[]): Json {
  let at = document;
  for (const part of path) {
    if (Array.isArray(at)) at = (at as Json[])[Number(part)];
    else if (isObject(at)) at = at[part];
    else throw patchRejected();
  }
  return at;
}

function write(document: Json, path: string[], op: 'add' | 'replace' | 'remove', value: Json): Json {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = read(document, path.slice(0, -1));
  if (Array.isArray(parent)) {
    const index = last === '-' ? parent.length : Number(last);
    if (!Number.isInteger(index) || index < 0 || index > parent.length - (op === 'add' ? 0 : 1)) throw patchRejected();
    if (op === 'add') parent.splice(index, 0, value);
    else if (op === 'remove') parent.splice(index, 1);
    else parent[index] = value;
  } else if (isObject(parent)) {
    if (op === 'remove') {
      if (!(last in parent)) throw patchRejected();
      Reflect.deleteProperty(parent, last);
    } else parent[last] = value;
  } else throw patchRejected();
  return document;
}

/** RFC 6902. @throws ApiError 422 when a `test` fails or a path is missing, 400 when it is no patch. */
export function jsonPatch(original: Json, patch: Json): Json {
  const parsed = operations.safeParse(patch);
  if (!parsed.success) {
    throw badRequest(
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
    );
  }
  let document: Json = structuredClone(original);
  for (const operation of parsed.data) {
    const path = pointer(operation.path);
    switch (operation.op) {
      case 'test':
        if (!equal(read(document, path), operation.value)) throw patchRejected();
        break;
      case 'add':
      case 'replace':
        document = write(document, path, operation.op, structuredClone(operation.value));
        break;
      case 'remove':
        document = write(document, path, 'remove', undefined);
        break;
      case 'copy':
      case 'move': {
        const from = pointer(operation.from);
        const value = structuredClone(read(document, from));
        if (operation.op === 'move') document = write(document, from, 'remove', undefined);
        document = write(document, path, 'add', value);
        break;
      }
    }
  }
  return document;
}

/** RFC 7396. */
export function mergePatch(original: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(original) ? { ...original } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Lists that a strategic merge patch joins by key. Others are replaced, primitive lists in `sets` united. */
const mergeKeys: Record<string, string> = {
  taints: 'key',
  conditions: 'type',
  addresses: 'type',
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  ownerReferences: 'uid',
  imagePullSecrets: 'name',
};
const sets = new Set(['finalizers', 'podCIDRs']);

function mergeList(name: string, original: readonly Json[], patch: readonly Json[]): Json {
  if (sets.has(name)) return [...new Set([...original, ...patch])];
  // Node taints are declared atomic; kubectl sends the whole list.
  const key = name === 'taints' ? undefined : mergeKeys[name];
  if (key === undefined) return patch;
  if (patch.some((one) => isObject(one) && one['$patch'] === 'replace')) {
    return patch.filter((one) => !(isObject(one) && '$patch' in one));
  }
  const result = [...original];
  for (const one of patch) {
    if (!isObject(one)) continue;
    const at = result.findIndex((have) => isObject(have) && have[key] === one[key]);
    if (one['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) result[at] = strategicMergePatch(result[at], one);
    else result.push(one);
  }
  return result;
}

/** Kubernetes' strategic merge patch: as a merge patch, but well-known lists are merged by key. */
export function strategicMergePatch(original: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'replace') {
    return Object.fromEntries(Object.entries(patch).filter(([key]) => key !== '$patch'));
  }
  if (patch['$patch'] === 'delete') return {};
  const result: JsonObject = isObject(original) ? { ...original } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$setElementOrder/') || key.startsWith('$retainKeys') || key === '$patch') continue;
    const dropped = /^\$deleteFromPrimitiveList\/(.*)$/.exec(key)?.[1];
    const before = result[dropped ?? key];
    if (dropped !== undefined) {
      if (Array.isArray(before) && Array.isArray(value)) result[dropped] = before.filter((one) => !value.includes(one));
    } else if (value === null) Reflect.deleteProperty(result, key);
    else if (Array.isArray(value)) {
      const merged = mergeList(key, Array.isArray(before) ? (before as Json[]) : [], value as Json[]);
      result[key] = merged;
    } else result[key] = strategicMergePatch(before, value);
  }
  return result;
}
