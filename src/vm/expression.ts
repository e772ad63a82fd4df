/** JSONata in profiles: a string that begins with `=` is an expression, anything else a constant. */
import jsonata from 'jsonata';
import { BurstError } from '../domain/errors.ts';

const compiled = new Map<string, ReturnType<typeof jsonata>>();

/** @returns what is wrong with an expression, or undefined. */
export function badExpression(text: string): string | undefined {
  try {
    jsonata(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'not JSONata';
  }
}

const UNITS = 'BKMGTPE';

/** MiB of a size in words, in steps of 1024: "7.6 GB", "64 MiB", "0 B". @throws when it is no size. */
function mib(words: string): number {
  const [, amount, unit = 'B'] = /^\s*([\d.]+)\s*([BKMGTPE])?(?:i?B)?\s*$/i.exec(words) ?? [];
  if (amount === undefined || Number.isNaN(Number(amount))) throw new Error(`"${words.slice(0, 40)}" is no size`);
  return (Number(amount) * 1024 ** UNITS.indexOf(unit.toUpperCase())) / 1024 ** 2;
}

/** Evaluates JSONata over `scope`; besides its own functions there are $urlencode, $base64 and $mib. Nothing matched: undefined. */
export async function evaluate(text: string, scope: Readonly<Record<string, unknown>>): Promise<unknown> {
  let expression = compiled.get(text);
  if (expression === undefined) {
    expression = jsonata(text);
    expression.registerFunction('urlencode', (value: string) => encodeURIComponent(value), '<s:s>');
    expression.registerFunction('base64', (value: string) => Buffer.from(value, 'utf8').toString('base64'), '<s:s>');
    expression.registerFunction('mib', mib, '<s:n>');
    compiled.set(text, expression);
  }
  try {
    const value: unknown = await expression.evaluate(scope);
    // JSONata marks its sequences with hidden properties: plain data only
    return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
  } catch (error) {
    throw new BurstError(
      'internal',
      `The profile expression ${text.slice(0, 120)} failed: ${error instanceof Error ? error.message : String((error as { message?: unknown }).message)}`,
    );
  }
}

async function render(value: unknown, scope: Readonly<Record<string, unknown>>): Promise<unknown> {
  if (typeof value === 'string') return value.startsWith('=') ? evaluate(value.slice(1), scope) : value;
  if (Array.isArray(value)) return Promise.all(value.map((item) => render(item, scope)));
  if (typeof value === 'object' && value !== null) return renderArgs(value as Record<string, unknown>, scope);
  return value;
}

/** Renders typed arguments, at any depth; what is undefined (or null) is left out. */
export async function renderArgs(
  args: Readonly<Record<string, unknown>>,
  scope: Readonly<Record<string, unknown>>,
): Promise<Record<string, unknown>> {
  const rendered: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(args)) {
    const result = await render(value, scope);
    if (result !== undefined && result !== null) rendered[key] = result;
  }
  return rendered;
}
