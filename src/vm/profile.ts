/** Invariant: a profile is data; one that parses names, for every lifecycle step, the calls to make and how to read them. */
import { parse } from 'yaml';
import { z } from 'zod';
import { BurstError, messageOf } from '../domain/errors.ts';
import { badExpression } from './expression.ts';

const errorClass = z.enum(['not_found', 'busy', 'conflict', 'denied', 'already']);
const pattern = z.string().refine((text) => {
  try {
    new RegExp(text, 'i');
    return true;
  } catch {
    return false;
  }
}, 'expected a regular expression');
const errorRule = z.strictObject({ match: pattern, class: errorClass });
const expression = z.string().refine((text) => badExpression(text) === undefined, 'expected a JSONata expression');
const argument = z
  .unknown()
  .refine(
    (value) => typeof value !== 'string' || !value.startsWith('=') || badExpression(value.slice(1)) === undefined,
    'expected a constant, or = and a JSONata expression',
  );
const call = z.strictObject({
  tool: z.string().min(1),
  args: z.record(z.string(), argument).default({}),
  /** Arguments that the tool takes without listing them. */
  undeclared: z.array(z.string()).default([]),
  when: expression.optional(),
  optional: z.boolean().default(false),
  ok: expression.optional(),
  fail: expression.optional(),
  result: expression.optional(),
  task: expression.optional(),
  errors: z.array(errorRule).default([]),
});
const calls = z.array(call).min(1);
const schema = z
  .strictObject({
    /** What this server cannot do and a person should know; `health` says it. */
    limits: z.array(z.string().min(1)).default([]),
    /** The listing alone lacks tags: `find` completes each row of it. */
    completeList: z.boolean().default(false),
    fail: expression.optional(),
    message: expression.optional(),
    errors: z.array(errorRule).default([]),
    steps: z.strictObject({
      freeId: calls.optional(),
      find: calls.optional(),
      list: calls,
      clone: calls,
      configure: z.array(call).default([]),
      start: calls,
      stop: calls,
      delete: calls,
      task: calls,
    }),
  })
  .refine(({ completeList, steps }) => !completeList || steps.find !== undefined, {
    path: ['completeList'],
    message: 'needs steps.find',
  });

/** A server's lifecycle steps as calls; `fail`, `ok`, `when`, `result` and `task` are JSONata. */
export type Profile = z.infer<typeof schema>;
export type Call = z.infer<typeof call>;
export type ErrorRule = z.infer<typeof errorRule>;

/** What of a worker's join data an expression reads; `$join` is JSONata's own. */
const JOIN_DATA = /(?<![$\w.])join\s*\./;

/**
 * Whether a profile gives a new VM what it joins with (user data, a command, a token). Without that, only a template that
 * joins by itself makes workers.
 */
export function handsOverJoin({ steps }: Profile): boolean {
  const making = [...steps.clone, ...steps.configure, ...steps.start];
  return making
    .flatMap(({ args }) => Object.values(args))
    .some((value) => typeof value === 'string' && value.startsWith('=') && JOIN_DATA.test(value));
}

/** @throws BurstError `invalid_input` that lists each wrong path of `source` and what was expected there. */
export function parseProfile(data: unknown, source: string): Profile {
  const parsed = schema.safeParse(data);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new BurstError('invalid_input', `The provider profile ${source} is not valid: ${faults.join('; ')}`);
}

/** Reads and parses a profile's YAML. @throws BurstError `invalid_input` that says what is wrong where. */
export function readProfile(source: string, read: () => string): Profile {
  let data: unknown;
  try {
    data = parse(read());
  } catch (error) {
    throw new BurstError('invalid_input', `The provider profile ${source} cannot be read: ${messageOf(error)}`);
  }
  return parseProfile(data, source);
}
