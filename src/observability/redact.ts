/** Takes secrets out of what is logged or shown. Invariant: what leaves here holds no credential that has a known shape, name or value. */
const HIDDEN = '[hidden]';
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_TEXT = 10_000;

/** Shapes: Slack tokens, HTTP authorization, JWTs, bootstrap and k3s tokens, Proxmox API tokens, passwords in URLs. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\bxox[a-z](?:[.-][A-Za-z0-9-]+)+/g, HIDDEN],
  [/\bxapp-[A-Za-z0-9-]+/g, HIDDEN],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${HIDDEN}`],
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, HIDDEN],
  [/\bPVEAPIToken=\S+/g, `PVEAPIToken=${HIDDEN}`],
  [/\bK10[0-9a-f]{32,}::\S+/g, HIDDEN],
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, HIDDEN],
  [/(--token[= ]\s*|\bK3S_TOKEN=)('[^']*'|"[^"]*"|[^\s'"]+)/g, `$1${HIDDEN}`],
  [/(\/\/[^/\s:@]*:)[^/\s@]+@/g, `$1${HIDDEN}@`],
];

const NAMES =
  /token|secret|passw|authorization|cookie|credential|private[_-]?key|api[_-]?key|kubeconfig|user[_-]?data|join[_-]?command/i;
/** Names that hold such a word and mean something harmless. */
const HARMLESS = /(id|ids|file|path|minutes|groups|count|name)$/i;

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

export type Redactor = {
  /** The text without secrets, cut to 10,000 characters. */
  readonly text: (text: string) => string;
  /** A copy for logging: secrets, functions and cycles taken out, errors as plain objects, size and depth bounded. */
  readonly fields: (fields: Readonly<Record<string, unknown>>) => Record<string, unknown>;
};

const SHORTEST = 8;

/**
 * Hides known values wherever they appear, also in base64 and URL encoding, and changes nothing else: for what is kept.
 * @param secrets those shorter than 8 characters are left out.
 */
export function createHider(secrets: readonly string[]): (text: string) => string {
  const forms = [...new Set(secrets)]
    .filter((secret) => secret.length >= SHORTEST)
    .flatMap((secret) => [
      secret,
      Buffer.from(secret, 'utf8').toString('base64').replace(/=+$/, ''),
      encodeURIComponent(secret),
    ])
    .sort((a, b) => b.length - a.length);
  return (text) => forms.reduce((hidden, form) => hidden.replaceAll(form, HIDDEN), text);
}

/** @param secrets values that are hidden wherever they appear; those shorter than 8 characters are left out. */
export function createRedactor(secrets: readonly string[] = []): Redactor {
  const known = [...new Set(secrets)].filter((secret) => secret.length >= SHORTEST).sort((a, b) => b.length - a.length);
  const text = (input: string): string => {
    let output = input;
    for (const secret of known) output = output.replaceAll(secret, HIDDEN);
    for (const [shape, replacement] of SHAPES) output = output.replace(shape, replacement);
    return output.length > MAX_TEXT ? `${output.slice(0, MAX_TEXT)}… (${output.length} characters)` : output;
  };

  const record = (value: object, above: readonly object[]): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(value)
        .slice(0, MAX_ITEMS)
        .map(([key, child]) => [text(key), field(key, child, above)]),
    );
  const errorFields = (error: Error, above: readonly object[]): Record<string, unknown> => ({
    type: error.name,
    message: text(error.message),
    ...(error.stack === undefined ? {} : { stack: text(error.stack) }),
    ...record(error, above),
    ...(error.cause === undefined ? {} : { cause: clean(error.cause, above) }),
  });
  const field = (key: string, value: unknown, above: readonly object[]): unknown => {
    const secret = NAMES.test(key) && !HARMLESS.test(key);
    return secret && value !== undefined && value !== null && typeof value !== 'boolean' ? HIDDEN : clean(value, above);
  };
  const clean = (value: unknown, above: readonly object[]): unknown => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'bigint') return String(value);
    if (typeof value === 'function' || typeof value === 'symbol') return undefined;
    if (typeof value !== 'object' || value === null) return value;
    if (above.includes(value)) return '[cycle]';
    if (above.length >= MAX_DEPTH) return '[deeper]';
    const path = [...above, value];
    if (value instanceof Error) return errorFields(value, path);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
    if (value instanceof URL) return text(value.href);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (value instanceof Headers) return record(Object.fromEntries(value), path);
    if (value instanceof Map)
      return record(Object.fromEntries([...value].map(([key, child]) => [String(key), child as unknown])), path);
    if (value instanceof Set) return [...value].slice(0, MAX_ITEMS).map((child) => clean(child, path));
    if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((child) => clean(child, path));
    return isPlain(value) ? record(value, path) : record({ ...value }, path);
  };
  return { text, fields: (fields) => record(fields, [fields]) };
}
