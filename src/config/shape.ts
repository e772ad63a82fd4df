/** What the schema says about a path of the file: its keys, what is allowed there, whether it is secret. */
import { z } from 'zod';

export type Path = readonly (string | number)[];

/** The schema without its default, optional and nullable wrappers. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  )
    return bare(schema.unwrap());
  return schema;
}

/** The schema with every key optional and no defaults: what is not said is not set. */
export function withoutDefaults(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return withoutDefaults(schema.unwrap());
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>;
    return z
      .strictObject(Object.fromEntries(Object.entries(shape).map(([key, child]) => [key, withoutDefaults(child)])))
      .optional();
  }
  return (schema as z.ZodType).optional();
}

const shapeOf = (schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined =>
  schema instanceof z.ZodObject ? schema.shape : undefined;

/** The schema at a path; undefined beyond what the schema knows. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = bare(root);
  for (const key of path) {
    if (schema === undefined) return undefined;
    let next: z.core.$ZodType | undefined;
    if (schema instanceof z.ZodRecord) next = schema.valueType;
    else if (schema instanceof z.ZodArray) next = schema.element;
    else next = shapeOf(schema)?.[String(key)];
    schema = next === undefined ? undefined : bare(next);
  }
  return schema;
}

/** The keys that a section may have; empty for what is not a section. */
export function keysAt(root: z.core.$ZodType, path: Path): readonly string[] {
  const schema = schemaAt(root, path);
  return schema === undefined ? [] : Object.keys(shapeOf(schema) ?? {});
}

/** Paths of every key that is not a section, in the schema's order; a record or list counts as one key. */
export function leafPaths(root: z.core.$ZodType, prefix: readonly string[] = []): readonly (readonly string[])[] {
  const schema = bare(root);
  const shape = shapeOf(schema);
  if (shape === undefined) return [prefix];
  return Object.entries(shape).flatMap(([key, child]) => leafPaths(child, [...prefix, key]));
}

/** What may stand here, in words, for messages. */
export function allowedAt(root: z.core.$ZodType, path: Path): string {
  const schema = schemaAt(root, path);
  if (schema instanceof z.ZodBoolean) return 'true or false';
  if (schema instanceof z.ZodEnum) return schema.options.join(', ').replace(/, ([^,]*)$/, ' or $1');
  if (schema instanceof z.ZodNumber) {
    const kind = schema.isInt ? 'a whole number' : 'a number';
    return `${kind} from ${schema.minValue ?? 'any'} to ${schema.maxValue ?? 'any'}`;
  }
  if (schema instanceof z.ZodString)
    return schema.maxLength === null ? 'text' : `text of at most ${schema.maxLength} characters`;
  if (schema instanceof z.ZodArray) return 'a list';
  if (schema instanceof z.ZodObject) return `a section with the keys ${keysAt(root, path).join(', ')}`;
  if (schema instanceof z.ZodRecord) return 'a section of names and values';
  return 'another value';
}

const HIDDEN_SECTIONS: ReadonlySet<string | number> = new Set(['env', 'headers', 'settings', 'args']);

/** True where the value may be a secret and is never shown. */
export function isSecret(path: Path): boolean {
  const last = String(path.at(-1) ?? '');
  const secret =
    /(token|secret|password|authorization|encryption_key)/i.test(last) &&
    !/(_file|_env|_minutes|_groups)$|^tokens$/.test(last);
  return secret || path.slice(0, -1).some((key) => HIDDEN_SECTIONS.has(key)) || /^(user_data|join_command)$/.test(last);
}

const camel = (key: string): string => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The same value with the schema's own keys in camelCase; names that people chose (sizes, labels, …) stay. */
export function camelCase(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = bare(schema);
  const shape = shapeOf(inner);
  if (value === null || typeof value !== 'object') return value;
  if (shape !== undefined)
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [camel(key), shape[key] ? camelCase(shape[key], child) : child]),
    );
  if (inner instanceof z.ZodArray) return (value as unknown[]).map((item) => camelCase(inner.element, item));
  if (inner instanceof z.ZodRecord)
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, camelCase(inner.valueType, child)]));
  return value;
}
