/**
 * Stands between Burst and an MCP server over stdio: `node stdio-link.ts FOLDER COMMAND [ARG…]`. FOLDER/fault says which calls
 * go wrong and how; each that did is a letter in FOLDER/struck.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { calledTool, linkFault, reaches, replyInstead, without } from './link-faults.ts';
import type { Called, LinkFault, LinkInjection } from './link-faults.ts';

const [folder = '.', command = '', ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
child.on('exit', () => process.exit(1));
process.stdin.on('end', () => child.kill());
/** Calls whose reply is not to arrive as it is, by their ids. */
const pending = new Map<number | string, { readonly called: Called; readonly kind: LinkFault }>();

function injected(): LinkInjection | undefined {
  try {
    const fault = linkFault.parse(JSON.parse(readFileSync(join(folder, 'fault'), 'utf8')));
    return fault.times < 1 ? undefined : fault;
  } catch {
    return undefined;
  }
}

function due(tool: string): LinkFault | undefined {
  const fault = injected();
  if (fault?.tool !== tool) return undefined;
  writeFileSync(join(folder, 'fault'), JSON.stringify({ ...fault, times: fault.times - 1 }));
  appendFileSync(join(folder, 'struck'), 'x');
  return fault.kind;
}

function end(called: Called, kind: LinkFault): void {
  if (kind.startsWith('killed') || kind.startsWith('cut')) {
    child.kill('SIGKILL');
    process.exit(1);
  }
  const instead = replyInstead(called, kind);
  if (instead !== undefined) process.stdout.write(`${instead}\n`);
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const called = calledTool(line);
  const kind = called === undefined ? undefined : due(called.tool);
  if (called !== undefined && kind !== undefined) {
    if (!reaches(kind)) return end(called, kind);
    pending.set(called.id, { called, kind });
  }
  child.stdin.write(`${line}\n`);
});
createInterface({ input: child.stdout }).on('line', (line) => {
  const id = /"id":\s*("[^"]*"|\d+)/.exec(line)?.[1];
  const key = id === undefined ? undefined : (JSON.parse(id) as number | string);
  const waiting = key === undefined ? undefined : pending.get(key);
  if (key === undefined || waiting === undefined) {
    const fault = injected();
    return void process.stdout.write(`${fault?.kind === 'tool missing' ? without(line, fault.tool) : line}\n`);
  }
  pending.delete(key);
  end(waiting.called, waiting.kind);
});
