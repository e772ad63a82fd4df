/** Invariant: a profile is data; one that parses names, for every step, the calls to make and how to read their replies. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { BurstError, messageOf } from '../domain/errors.ts';
import type { Place } from '../domain/placement.ts';
import { badExpression } from './expression.ts';

const errorClass = z.enum(['not_found', 'busy', 'conflict', 'denied', 'already', 'unknown']);
const pattern = z.string().superRefine((text, context) => {
  try {
    new RegExp(text, 'i');
  } catch (error) {
    const why = messageOf(error);
    context.addIssue({ code: 'custom', message: `expected a regular expression (${why})` });
  }
});
const errorRule = z.strictObject({ match: pattern, class: errorClass });
const expression = z.string().superRefine((text, context) => {
  const why = badExpression(text);
  if (why !== undefined) context.addIssue({ code: 'custom', message: `expected a JSONata expression (${why})` });
});

/** Broken expressions in an argument, at any depth. */
function badArguments(value: unknown, path: readonly (string | number)[] = []): { path: (string | number)[] }[] {
  if (typeof value === 'string')
    return value.startsWith('=') && badExpression(value.slice(1)) !== undefined ? [{ path: [...path] }] : [];
  if (Array.isArray(value)) return value.flatMap((item, index) => badArguments(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => badArguments(item, [...path, key]));
}
const argument = z.unknown().superRefine((value, context) => {
  for (const { path } of badArguments(value))
    context.addIssue({ code: 'custom', path, message: 'expected a constant, or = and a JSONata expression' });
});
const call = z.strictObject({
  tool: z.string().min(1),
  args: z.record(z.string(), argument).default({}),
  /** Arguments that the tool takes without listing them. */
  undeclared: z.array(z.string()).default([]),
  when: expression.optional(),
  /** A failure of this call does not end the step; an unknown outcome does. */
  optional: z.boolean().default(false),
  /** What `reply` is: the structured content or the first block that parses as JSON, one of them, or a block by number. */
  from: z.union([z.enum(['json', 'structured', 'text']), z.int().min(0)]).default('json'),
  ok: expression.optional(),
  fail: expression.optional(),
  result: expression.optional(),
  task: expression.optional(),
  errors: z.array(errorRule).default([]),
});
const calls = z.array(call).min(1);
const shared = {
  /** What this server cannot do and a person should know; `health` says it. */
  limits: z.array(z.string().min(1)).default([]),
  fail: expression.optional(),
  message: expression.optional(),
  errors: z.array(errorRule).default([]),
};
/** A task between two calls of one step is looked at every `interval_ms`, for `limit_ms` at most. */
const wait = z
  .strictObject({
    interval_ms: z.int().min(10).max(60_000).default(500),
    limit_ms: z.int().min(100).max(3_600_000).default(300_000),
  })
  .prefault({});
const schema = z.strictObject({
  ...shared,
  kind: z.literal('vm').default('vm'),
  wait,
  /** The listing alone lacks tags: `find` completes each row of it. */
  completeList: z.boolean().default(false),
  steps: z.strictObject({
    freeId: calls.optional(),
    hosts: calls.optional(),
    address: calls.optional(),
    find: calls.optional(),
    list: calls,
    clone: calls,
    configure: z.array(call).default([]),
    start: calls,
    stop: calls,
    delete: calls,
    task: calls,
  }),
});
const machineSchema = z.strictObject({
  ...shared,
  kind: z.literal('machine'),
  steps: z.strictObject({ look: calls, apply: calls, reset: calls }),
});

/** A server's lifecycle steps as calls; `fail`, `ok`, `when`, `result` and `task` are JSONata. */
export type Profile = z.infer<typeof schema>;
/** A server that makes no VMs: it configures machines that exist, and resets them. */
export type MachineProfile = z.infer<typeof machineSchema>;
export type Call = z.infer<typeof call>;
export type ErrorRule = z.infer<typeof errorRule>;

/** The texts in an argument, at any depth. */
const texts = (value: unknown): readonly string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(texts)
      : [];

/** What of a worker's join data an expression reads; `$join` is JSONata's own. */
const JOIN_DATA = /(?<![$\w.])join\s*\./;

/**
 * Whether a profile gives a new VM what it joins with (user data, a command, a token). Without that, only a template that
 * joins by itself makes workers.
 */
export function handsOverJoin({ steps }: Profile): boolean {
  const making = [...steps.clone, ...steps.configure, ...steps.start];
  return making.flatMap(({ args }) => texts(args)).some((value) => value.startsWith('=') && JOIN_DATA.test(value));
}

/** What of a placement this profile has no way to ask for: `host`, `storage`, … */
export function cannotPlace({ steps }: Profile, keys: readonly (keyof Place)[]): readonly (keyof Place)[] {
  const made = [...steps.clone, ...steps.configure].flatMap(({ args }) => texts(args)).join('\n');
  return keys.filter((key) => !new RegExp(`(?<![$\\w.])place\\s*\\.\\s*${key}\\b`).test(made));
}

type Path = readonly PropertyKey[];
type LineOf = (path: Path) => number | undefined;

function refuse(
  source: string,
  faults: readonly { readonly path: Path; readonly text: string }[],
  lineOf: LineOf,
): never {
  const lines = faults.map(({ path, text }) => {
    const line = lineOf(path);
    return `${line === undefined ? '' : `line ${line}: `}${path.map(String).join('.') || '(top)'}: ${text}`;
  });
  throw new BurstError('invalid_input', `The provider profile ${source} is not valid: ${lines.join('; ')}`);
}

const field = (data: unknown, key: string): unknown =>
  typeof data === 'object' && data !== null ? (data as Readonly<Record<string, unknown>>)[key] : undefined;

function checked<T>(kind: z.ZodType<T>, data: unknown, source: string, lineOf: LineOf): T {
  const parsed = kind.safeParse(data);
  const faults = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => ({ path, text: message }));
  if (field(data, 'completeList') === true && field(field(data, 'steps'), 'find') === undefined)
    faults.push({ path: ['completeList'], text: 'needs steps.find' });
  if (parsed.success && faults.length === 0) return parsed.data;
  return refuse(source, faults, lineOf);
}

/** @throws BurstError `invalid_input` that lists each wrong path of `source` and what was expected there. */
export function parseProfile(data: unknown, source: string, lineOf: LineOf = () => undefined): Profile {
  if (field(data, 'kind') === 'machine')
    refuse(
      source,
      [{ path: ['kind'], text: 'this server configures and resets machines that exist; it cannot make VMs' }],
      lineOf,
    );
  return checked(schema, data, source, lineOf);
}

function readYaml(source: string, read: () => string): { readonly data: unknown; readonly lineOf: LineOf } {
  const unreadable = (why: string): BurstError =>
    new BurstError('invalid_input', `The provider profile ${source} cannot be read: ${why}`);
  const counter = new LineCounter();
  const line = (offset: number): number => counter.linePos(offset).line;
  let text: string;
  try {
    text = read();
  } catch (error) {
    throw unreadable(messageOf(error));
  }
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true });
  if (document.errors.length > 0)
    throw unreadable(document.errors.map(({ pos, message }) => `line ${line(pos[0])}: ${message}`).join('; '));
  /** The line of the key at `path`, or of the nearest one above it that is there. */
  const lineOf: LineOf = (path) => {
    let node: unknown = document.contents;
    let offset: number | undefined;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
        if (pair === undefined) break;
        if (isScalar(pair.key) && pair.key.range) offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(key)];
        if ((isScalar(node) || isMap(node) || isSeq(node)) && node.range) offset = node.range[0];
      } else break;
    }
    return offset === undefined ? undefined : line(offset);
  };
  try {
    return { data: document.toJS({ maxAliasCount: 100 }), lineOf };
  } catch (error) {
    throw unreadable(messageOf(error));
  }
}

/** Reads and parses a profile's YAML. @throws BurstError `invalid_input` that says every wrong line and what was expected. */
export function readProfile(source: string, read: () => string): Profile {
  const { data, lineOf } = readYaml(source, read);
  return parseProfile(data, source, lineOf);
}

/** As readProfile, for a server that configures and resets machines. @throws BurstError `invalid_input`. */
export function readMachineProfile(source: string, read: () => string): MachineProfile {
  const { data, lineOf } = readYaml(source, read);
  return checked(machineSchema, data, source, lineOf);
}
