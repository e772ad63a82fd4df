/** What ry-ops/proxmox-mcp-server 2.0.0 was recorded to be asked and to answer. Invariant: nothing here is invented. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const property = z.looseObject({ type: z.enum(['string', 'integer', 'boolean', 'number']) });
const inputSchema = z.looseObject({
  type: z.literal('object'),
  properties: z.record(z.string(), property).default({}),
  required: z.array(z.string()).default([]),
});
const call = z.object({
  tool: z.string(),
  args: z.record(z.string(), z.unknown()),
  isError: z.boolean(),
  text: z.string(),
});
const schema = z.object({
  serverInfo: z.object({ name: z.string(), version: z.string() }),
  tools: z.record(z.string(), inputSchema),
  /** A whole life with its mistakes, and what is answered while a clone is under way. */
  quick: z.array(call),
  slow: z.array(call),
});

export type Args = Readonly<Record<string, unknown>>;
export type RecordedCall = z.infer<typeof call>;
export const recording = schema.parse(
  JSON.parse(
    readFileSync(new URL('recorded/ry-ops-proxmox-mcp-server-2.0.0.json', import.meta.url), 'utf8'),
  ) as unknown,
);
export const calls: readonly RecordedCall[] = [...recording.quick, ...recording.slow];

const answer = z.object({ data: z.unknown().optional(), error: z.string().optional() });
export const bodyOf = (one: RecordedCall): z.infer<typeof answer> =>
  one.text.startsWith('{') ? answer.parse(JSON.parse(one.text)) : { error: one.text };
export const succeeded = (one: RecordedCall): boolean => !one.isError && bodyOf(one).error === undefined;

/** The first recorded call of this kind. @throws Error when none was recorded. */
export function recorded(tool: string, like: (one: RecordedCall) => boolean): RecordedCall {
  const found = calls.find((one) => one.tool === tool && like(one));
  if (found === undefined) throw new Error(`nothing like this call of ${tool} was recorded`);
  return found;
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: (value) => Number.isInteger(value),
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
};
const shown = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** The recorded words for arguments that the tool's recorded schema does not allow; undefined when it does. */
export function violation(tool: string, args: Args): string | undefined {
  const form = recording.tools[tool];
  const missing = form?.required.find((key) => args[key] === undefined);
  if (missing !== undefined) return `Input validation error: '${missing}' is a required property`;
  for (const [key, { type }] of Object.entries(form?.properties ?? {}))
    if (args[key] !== undefined && TYPES[type]?.(args[key]) !== true)
      return `Input validation error: ${shown(args[key])} is not of type '${type}'`;
  return undefined;
}

/** What the text of a recorded argument looks like, where a server or Proxmox reads more in it than a name. */
const FORMS: Readonly<Record<string, RegExp>> = {
  size: /^\+?\d+G$/,
  tags: /^[a-z0-9_.-]+(;[a-z0-9_.-]+)*$/,
  upid: /^UPID:pve\d:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:\w+:\d*:\S+:$/,
  sshkeys: /^[A-Za-z0-9%._~-]+$/,
  cicustom: /^(user|network|meta)=\w+:snippets\/\S+$/,
  ipconfig0: /^ip=\S+$/,
  disk: /^(scsi|virtio|sata|ide)\d+$/,
};

/**
 * Why the recording has no request like this one: a tool that was not called in it, an argument that neither a recorded
 * call, the recorded schema nor (to configure a VM) a recorded configuration has, one of another type or form, or one
 * that is missing though every call that worked has it. Undefined when it has one.
 */
export function unrecorded(tool: string, args: Args): string | undefined {
  const known = calls.filter((one) => one.tool === tool);
  if (known.length === 0) return `${tool} was never called`;
  const worked = known.filter(succeeded);
  const configuration = recordedConfiguration();
  const declared = recording.tools[tool]?.properties ?? {};
  for (const [key, value] of Object.entries(args)) {
    const example = worked.find((one) => one.args[key] !== undefined)?.args[key];
    const inConfiguration = tool === 'set_vm_config' && key in configuration;
    if (example === undefined && !(key in declared) && !inConfiguration) return `${tool} was never given ${key}`;
    if (example !== undefined && typeof example !== typeof value)
      return `${tool} was given ${key} as ${typeof example}`;
    const form = FORMS[key];
    if (form !== undefined && !form.test(String(value))) return `${tool} was never given ${key} like ${String(value)}`;
  }
  const lacking = Object.keys(worked[0]?.args ?? {}).find(
    (key) => args[key] === undefined && worked.every((one) => one.args[key] !== undefined),
  );
  return lacking === undefined ? undefined : `${tool} was always given ${lacking}`;
}

/** A VM's configuration as it was recorded, with all that had been set. */
export const recordedConfiguration = (): Record<string, string> =>
  z.record(z.string(), z.string()).parse(bodyOf(recorded('get_vm_config', succeeded)).data);
