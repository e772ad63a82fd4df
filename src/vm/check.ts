/** What a server is and lacks. Invariant: it is asked for `tools/list` and what is read-only, nothing else. */
import { BurstError } from '../domain/errors.ts';
import type { VmProvider } from '../ports/vm-provider.ts';
import type { McpServer } from './connection.ts';
import type { Call, MachineProfile, Profile } from './profile.ts';

/** Compares a profile with the server's tools: `faults` names each missing tool, and each argument that a tool wants or does not know. */
export async function compare(
  server: McpServer,
  profile: { readonly steps: Profile['steps'] | MachineProfile['steps'] },
  signal?: AbortSignal,
  /** Steps that are not used. */
  passOver: readonly string[] = [],
): Promise<{ readonly server: string; readonly tools: number; readonly faults: readonly string[] }> {
  const tools = new Map((await server.tools(signal)).map((tool) => [tool.name, tool]));
  const steps: Readonly<Record<string, readonly Call[] | undefined>> = profile.steps;
  const calls = Object.entries(steps).flatMap(([name, step]) => (passOver.includes(name) ? [] : (step ?? [])));
  const missing = [...new Set(calls.map((call) => call.tool))].filter((tool) => !tools.has(tool));
  const faults = missing.length === 0 ? [] : [`it lacks the tools ${missing.join(', ')}`];
  for (const call of calls) {
    const tool = tools.get(call.tool);
    if (tool === undefined) continue;
    const lacking = tool.required.filter((key) => !(key in call.args));
    if (lacking.length > 0) faults.push(`${call.tool} wants ${lacking.join(', ')}, which the profile does not give`);
    const unknown = Object.keys(call.args).filter(
      (key) => !tool.properties.includes(key) && !call.undeclared.includes(key),
    );
    if (unknown.length > 0) faults.push(`${call.tool} does not know ${unknown.join(', ')}, which the profile gives`);
  }
  return { server: await server.title(), tools: tools.size, faults: [...new Set(faults)] };
}

/**
 * Makes the read-only calls of a VM's life: lists, asks for a free id, reads the template's configuration.
 * @param template its id, where the settings name one.
 * @returns what was seen, in a sentence.
 * @throws BurstError `not_found` when there is no such template, `invalid_input` when that VM is none; what the calls throw.
 */
export async function dryRun(
  vms: Pick<VmProvider, 'list' | 'find' | 'freeId'>,
  template: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const rows = await vms.list(signal);
  const id = await vms.freeId(new Set(), signal);
  const known = template ?? rows[0]?.id;
  const vm = known === undefined ? undefined : await vms.find(known, signal);
  const hint = 'Set settings.template to the id of a template that the server may see.';
  if (template !== undefined && vm === undefined)
    throw new BurstError('not_found', `There is no template ${template}.`, { hint });
  if (template !== undefined && vm?.template === false)
    throw new BurstError('invalid_input', `VM ${template} (${vm.name}) is not a template.`, { hint });
  return `lists ${rows.length} VMs; ${id} is free; ${template === undefined ? 'VM' : 'template'} ${vm?.id ?? known ?? ''} (${vm?.name ?? 'nameless'}) can be read`;
}
