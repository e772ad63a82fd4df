/** Label and field selectors, parsed as the API server parses them. */
import type { KubeObject, LabelSelector, NodeObject, Pod } from './objects.ts';
import type { Resource } from './resources.ts';
import { badRequest } from './status.ts';

export type Match = (object: KubeObject) => boolean;
type Labels = Readonly<Record<string, string>>;
type LabelTest = (labels: Labels) => boolean;

const key = '[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?';
const value = '[-A-Za-z0-9_.]*';
const setBased = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^)]*)\\)$`);
const equality = new RegExp(`^(${key})\\s*(==|=|!=)\\s*(${value})$`);
const ordered = new RegExp(`^(${key})\\s*([<>])\\s*(-?\\d+)$`);
const exists = new RegExp(`^(!?)\\s*(${key})$`);

/** Splits at commas outside parentheses. */
function requirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at];
    if (char === '(') depth++;
    else if (char === ')') depth--;
    else if (char === undefined || (char === ',' && depth === 0)) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return parts.filter((part) => part !== '');
}

function labelTest(requirement: string): LabelTest {
  const set = setBased.exec(requirement);
  if (set) {
    const name = set[1] ?? '';
    const values = new Set((set[3] ?? '').split(',').map((one) => one.trim()));
    return set[2] === 'in'
      ? (labels) => labels[name] !== undefined && values.has(labels[name])
      : (labels) => labels[name] === undefined || !values.has(labels[name]);
  }
  const equal = equality.exec(requirement);
  if (equal) {
    const name = equal[1] ?? '';
    return equal[2] === '!=' ? (labels) => labels[name] !== equal[3] : (labels) => labels[name] === equal[3];
  }
  const order = ordered.exec(requirement);
  if (order) {
    const name = order[1] ?? '';
    const bound = Number(order[3]);
    return (labels) => {
      const is = labels[name];
      if (is === undefined || !/^-?\d+$/.test(is)) return false;
      return order[2] === '>' ? Number(is) > bound : Number(is) < bound;
    };
  }
  const exist = exists.exec(requirement);
  if (!exist) {
    throw badRequest(
      `unable to parse requirement: found '${requirement.split(/\s+/)[1] ?? requirement}', expected: in, notin, =, ==, !=, gt, lt`,
    );
  }
  const name = exist[2] ?? '';
  return exist[1] === '!' ? (labels) => labels[name] === undefined : (labels) => labels[name] !== undefined;
}

/** A test of labels by a `labelSelector` query parameter. @throws ApiError 400. */
export function parseLabelSelector(text: string): LabelTest {
  const tests = requirements(text).map(labelTest);
  return (labels) => tests.every((test) => test(labels));
}

/** A test of labels by a metav1.LabelSelector; an absent one matches nothing, an empty one everything. */
export function labelSelectorTest(selector: LabelSelector | undefined): LabelTest {
  if (selector === undefined) return () => false;
  const labels = Object.entries(selector.matchLabels ?? {});
  const expressions = selector.matchExpressions ?? [];
  return (have) =>
    labels.every(([name, wanted]) => have[name] === wanted) &&
    expressions.every(({ key: name, operator, values = [] }) => {
      const is = have[name];
      switch (operator) {
        case 'In':
          return is !== undefined && values.includes(is);
        case 'NotIn':
          return is === undefined || !values.includes(is);
        case 'Exists':
          return is !== undefined;
        default:
          return is === undefined;
      }
    });
}

type Field = (object: KubeObject) => string | undefined;
const text = (of: unknown): string => (typeof of === 'string' ? of : '');
const common: Record<string, Field> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace ?? '',
};
const eventFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
const eventField =
  (name: string): Field =>
  (object) =>
    text(((object['involvedObject'] ?? object['regarding']) as Record<string, unknown> | undefined)?.[name]);
const fields: Record<string, Record<string, Field>> = {
  pods: {
    'spec.nodeName': (object) => (object as Pod).spec.nodeName ?? '',
    'spec.restartPolicy': (object) => (object as Pod).spec.restartPolicy ?? 'Always',
    'status.phase': (object) => (object as Pod).status?.phase ?? '',
    'status.podIP': (object) => (object as Pod).status?.podIP ?? '',
  },
  nodes: { 'spec.unschedulable': (object) => String((object as NodeObject).spec?.unschedulable ?? false) },
  namespaces: { 'status.phase': (object) => text((object['status'] as { phase?: string } | undefined)?.phase) },
  secrets: { type: (object) => text(object['type']) },
  replicasets: {
    'status.replicas': (object) => String((object['status'] as { replicas?: number } | undefined)?.replicas ?? 0),
  },
  events: {
    ...Object.fromEntries(eventFields.map((name) => [`involvedObject.${name}`, eventField(name)])),
    ...Object.fromEntries(eventFields.map((name) => [`regarding.${name}`, eventField(name)])),
    reason: (object) => text(object['reason']),
    type: (object) => text(object['type']),
    source: (object) => text((object['source'] as { component?: string } | undefined)?.component),
    reportingComponent: (object) => text(object['reportingComponent']),
  },
};

/** The value that a field selector asks for by equality, if it does; lets the store use an index. */
export const fieldEquals = (selector: string, name: string): string | undefined =>
  selector
    .split(',')
    .map((part) => /^([^=!]+)==?(.*)$/.exec(part.trim()))
    .find((match) => match?.[1] === name)?.[2];

/** A test of objects by `labelSelector` and `fieldSelector` query parameters. @throws ApiError 400. */
export function selectorMatch(of: Resource, labelSelector: string, fieldSelector: string): Match | undefined {
  const tests: Match[] = [];
  if (labelSelector !== '') {
    const test = parseLabelSelector(labelSelector);
    tests.push((object) => test(object.metadata.labels ?? {}));
  }
  for (const part of fieldSelector.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
    if (!match) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const [, name = '', operator, wanted] = match;
    const field = common[name] ?? fields[of.plural]?.[name];
    if (!field) throw badRequest(`field label not supported: ${name}`);
    tests.push(operator === '!=' ? (object) => field(object) !== wanted : (object) => field(object) === wanted);
  }
  return tests.length === 0 ? undefined : (object) => tests.every((test) => test(object));
}
