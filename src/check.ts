/** `burst check`. Invariant: it changes nothing, and one part that is unfit keeps no other from being looked at. */
import { safetyPolicy } from './config/index.ts';
import { messageOf } from './domain/errors.ts';
import type { Check } from './observability/index.ts';
import { createOperations } from './operations/index.ts';
import type { SecondLock } from './ports/cluster.ts';
import type { Store } from './ports/store.ts';
import { makeParts, makeSlack, stepDeps } from './parts.ts';
import type { AppOptions } from './parts.ts';
import { openStore } from './store/index.ts';
import { probeServer } from './vm/index.ts';

/** It is recommended, not needed: a cluster before Kubernetes 1.30 has no such policies. */
const LOCKS: Readonly<Record<SecondLock, Pick<Check, 'ok' | 'text'>>> = {
  in_force: { ok: true, text: 'in force' },
  absent: {
    ok: true,
    text: 'NOT in force: the cluster lets this account touch nodes that are no burst workers (manifests/kubernetes/admission-policy.yaml)',
  },
  unknown: { ok: true, text: 'not known: there is no node but burst workers' },
};

/** `burst check`: what is fit for work and what is not, one line each; changes nothing. */
export async function checkApp(options: AppOptions): Promise<readonly Check[]> {
  const parts = makeParts(options);
  const { config, clock, ids, log, cluster, vms } = parts;
  const results: Check[] = [];
  /** Adds what `look` finds, or one line with the reason; then lets go of what was used. */
  const part = async (
    name: string,
    look: () => Promise<readonly Check[]>,
    done: () => Promise<void> = async () => undefined,
  ): Promise<boolean> => {
    try {
      results.push(...(await look()));
      return true;
    } catch (error) {
      results.push({ name, ok: false, text: messageOf(error) });
      return false;
    } finally {
      await done();
    }
  };
  let store: Store | undefined;
  const open = await part('database', async () => {
    store = await openStore({ path: config.database.path, clock, ids });
    await store.probe();
    return [{ name: 'database', ok: true, text: config.database.path }];
  });
  await part(
    'slack',
    async () => {
      if (!open || store === undefined) return [];
      const deps = stepDeps(parts, store, await store.installationId());
      const slack = makeSlack(parts, store, createOperations({ ...deps, submitted: () => undefined }));
      return (await slack.check()).map((check) => ({ ...check, name: `slack: ${check.name}` }));
    },
    async () => store?.close(),
  );
  await part(
    'cluster',
    async () => [
      ...(await cluster.checkPermissions()).map(({ what, allowed, reason }) => ({
        name: `cluster: ${what}`,
        ok: allowed,
        text: allowed ? 'allowed' : `refused: ${reason}`,
      })),
      { name: 'cluster: second lock', ...LOCKS[await cluster.secondLock(safetyPolicy(config).label)] },
    ],
    () => cluster.stop(),
  );
  await part(
    'vm server',
    async () => [{ name: 'vm server', ...(await vms.health()) }],
    () => vms.close(),
  );
  const { talos } = config.mcpServers;
  const { endpoint } = talos;
  if (talos.enabled && endpoint !== undefined)
    await part('talos server', async () => {
      const { server, missing } = await probeServer({
        name: 'talos',
        connection: { kind: 'http', url: endpoint, headers: {} },
        tools: ['talos_reset'],
        clock,
        log,
        timeoutMs: config.mcpServers.proxmox.callTimeoutSeconds * 1000,
      });
      const ok = missing.length === 0;
      return [{ name: 'talos server', ok, text: ok ? server : `${server} lacks ${missing.join(', ')}` }];
    });
  return results;
}
