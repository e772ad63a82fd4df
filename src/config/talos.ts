/** Rules for `mcp_servers.talos`, which configures and resets the machines that another server makes. */
import type { FileConfig } from './schema.ts';

type Add = (path: string, others: readonly string[], text: string) => void;

export function checkTalos(
  { mcp_servers: { talos, proxmox, preferred_provider: preferred }, join, engine }: FileConfig,
  add: Add,
): void {
  const at = 'mcp_servers.talos';
  const ways = [`${at}.enabled`, `${at}.endpoint`, `${at}.command`];
  if (join.method === 'talos' && !talos.enabled)
    add('join.method', [`${at}.enabled`], `found talos, which needs ${at}.enabled: true and the way to that server`);
  if (!talos.enabled) return;
  // Talos alone is refused by itself
  if (join.method !== 'talos' && proxmox.enabled && preferred === 'proxmox')
    add(
      `${at}.enabled`,
      ['join.method'],
      `found true, which has no effect with join.method ${join.method}; it is for method talos`,
    );
  if (talos.endpoint === undefined && talos.command === undefined)
    add(
      `${at}.endpoint`,
      ways,
      'is missing; needed: the http(s) URL of the Talos MCP server (or TALOS_MCP_ENDPOINT), or "command" to start it over stdio',
    );
  if (talos.endpoint !== undefined && talos.command !== undefined)
    add(`${at}.command`, ways, 'endpoint is set too; set one of them');
  if (
    talos.command === undefined &&
    (talos.args.length > 0 || Object.keys(talos.env).length > 0 || talos.cwd !== undefined)
  )
    add(at, ways, 'args, env and cwd are for a server started by "command", which is not set');
  if (talos.call_timeout_seconds > engine.step_timeout_seconds)
    add(
      `${at}.call_timeout_seconds`,
      ['engine.step_timeout_seconds'],
      `found ${talos.call_timeout_seconds}; allowed: at most engine.step_timeout_seconds (${engine.step_timeout_seconds})`,
    );
}
