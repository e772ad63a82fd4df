/** `burst check`. Invariant: it changes nothing, and one part that is unfit keeps no other from being looked at. */
import type { Check } from './observability/index.ts';
import { createOperations } from './operations/index.ts';
import type { Store } from './ports/store.ts';
import { makeParts, makeSlack, stepDeps } from './parts.ts';
import type { AppOptions } from './parts.ts';
import { openStore } from './store/index.ts';
import { dryRun, probeServer } from './vm/index.ts';

/** `burst check`: what is fit for work and what is not, one line each; changes nothing. */
export async function checkApp(options: AppOptions): Promise<readonly Check[]> {
  const parts = makeParts(options);
  const { config, clock, ids, log, cluster, vms } = parts;
  const results: Check[] = [];
  const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  let store: Store | undefined;
  try {
    store = await openStore({ path: config.database.path, clock, ids });
    await store.probe();
    results.push({ name: 'database', ok: true, text: config.database.path });
    const deps = stepDeps(parts, store, await store.installationId());
    const slack = makeSlack(parts, store, createOperations({ ...deps, submitted: () => undefined }));
    results.push(...(await slack.check()).map((check) => ({ ...check, name: `slack: ${check.name}` })));
  } catch (error) {
    results.push({ name: store === undefined ? 'database' : 'slack', ok: false, text: text(error) });
  } finally {
    await store?.close();
  }
  try {
    for (const permission of await cluster.checkPermissions())
      results.push({
        name: `cluster: ${permission.what}`,
        ok: permission.allowed,
        text: permission.allowed ? 'allowed' : `refused: ${permission.reason}`,
      });
  } catch (error) {
    results.push({ name: 'cluster', ok: false, text: text(error) });
  } finally {
    await cluster.stop();
  }
  try {
    const health = await vms.health();
    results.push({ name: 'vm server', ...health });
    if (health.ok) {
      const template = config.mcpServers.proxmox.settings['template'];
      const id = typeof template === 'string' || typeof template === 'number' ? String(template) : undefined;
      results.push({ name: 'vm server: read-only calls', ok: true, text: await dryRun(vms, id) });
    }
  } catch (error) {
    results.push({ name: 'vm server', ok: false, text: text(error) });
  } finally {
    await vms.close();
  }
  const { talos } = config.mcpServers;
  if (talos.enabled && talos.endpoint !== undefined) {
    try {
      const { server, missing } = await probeServer({
        name: 'talos',
        connection: { kind: 'http', url: talos.endpoint, headers: {} },
        tools: ['talos_reset'],
        clock,
        log,
        timeoutMs: config.mcpServers.proxmox.callTimeoutSeconds * 1000,
      });
      const ok = missing.length === 0;
      results.push({ name: 'talos server', ok, text: ok ? server : `${server} lacks ${missing.join(', ')}` });
    } catch (error) {
      results.push({ name: 'talos server', ok: false, text: text(error) });
    }
  }
  return results;
}
