/** `burst check`. Invariant: it changes nothing, and one part that is unfit keeps no other from being looked at. */
import type { ClusterConfig } from './config/index.ts';
import type { Check } from './observability/index.ts';
import { createOperations } from './operations/index.ts';
import type { Store } from './ports/store.ts';
import { makeParts, makeSlack, stepDeps } from './parts.ts';
import type { AppOptions, ClusterParts, Parts } from './parts.ts';
import { openStore } from './store/index.ts';
import { probeServer } from './vm/index.ts';

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * `burst check`: what is fit for work and what is not, one line each; of several clusters, one line for each API server and
 * VM server. Changes nothing.
 */
export async function checkApp(options: AppOptions): Promise<readonly Check[]> {
  const parts = makeParts(options);
  const several = parts.clusters.length > 1;
  // clusters are looked at at once: one that does not answer takes its time only once
  const clusters = parts.clusters.map(async (own): Promise<readonly Check[]> => {
    const { name } = own.cluster;
    const checks = [...(await permissions(own, several)), await vmServer(own), ...(await talos(own.config, parts))];
    return several ? checks.map((check) => ({ ...check, name: `${check.name} ${name}` })) : checks;
  });
  return [...(await storeAndSlack(parts)), ...(await Promise.all(clusters)).flat()];
}

async function storeAndSlack(parts: Parts): Promise<readonly Check[]> {
  const { config, clock, ids } = parts;
  const results: Check[] = [];
  let store: Store | undefined;
  try {
    const opened = await openStore({ path: config.database.path, clock, ids });
    store = opened;
    await opened.probe();
    results.push({ name: 'database', ok: true, text: config.database.path });
    const installationId = await opened.installationId();
    const doors = parts.clusters.map((own) => {
      const deps = stepDeps(own, parts, opened, installationId);
      return [own.cluster.name, createOperations({ ...deps, submitted: () => undefined })] as const;
    });
    const slack = makeSlack(parts, opened, new Map(doors));
    results.push(...(await slack.check()).map((check) => ({ ...check, name: `slack: ${check.name}` })));
  } catch (error) {
    results.push({ name: store === undefined ? 'database' : 'slack', ok: false, text: text(error) });
  } finally {
    await store?.close();
  }
  return results;
}

async function permissions({ cluster }: ClusterParts, inOneLine: boolean): Promise<readonly Check[]> {
  try {
    const all = await cluster.checkPermissions();
    const refused = all.filter((permission) => !permission.allowed);
    if (!inOneLine)
      return all.map((permission) => ({
        name: `cluster: ${permission.what}`,
        ok: permission.allowed,
        text: permission.allowed ? 'allowed' : `refused: ${permission.reason}`,
      }));
    const lacking = refused.map(({ what, reason }) => (reason === '' ? what : `${what} (${reason})`)).join(', ');
    return [
      {
        name: 'cluster',
        ok: refused.length === 0,
        text: refused.length === 0 ? `all ${all.length} permissions are there` : `refused: ${lacking}`,
      },
    ];
  } catch (error) {
    return [{ name: 'cluster', ok: false, text: text(error) }];
  } finally {
    await cluster.stop();
  }
}

async function vmServer({ vms }: ClusterParts): Promise<Check> {
  try {
    return { name: 'vm server', ...(await vms.health()) };
  } catch (error) {
    return { name: 'vm server', ok: false, text: text(error) };
  } finally {
    await vms.close();
  }
}

async function talos(
  { mcpServers }: ClusterConfig,
  { clock, log }: Pick<Parts, 'clock' | 'log'>,
): Promise<readonly Check[]> {
  const { enabled, endpoint } = mcpServers.talos;
  if (!enabled || endpoint === undefined) return [];
  try {
    const { server, missing } = await probeServer({
      name: 'talos',
      connection: { kind: 'http', url: endpoint, headers: {} },
      tools: ['talos_reset'],
      clock,
      log,
      timeoutMs: mcpServers.proxmox.callTimeoutSeconds * 1000,
    });
    const ok = missing.length === 0;
    return [{ name: 'talos server', ok, text: ok ? server : `${server} lacks ${missing.join(', ')}` }];
  } catch (error) {
    return [{ name: 'talos server', ok: false, text: text(error) }];
  }
}
