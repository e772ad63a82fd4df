/** `burst check`. Invariant: it changes nothing, and one part that is unfit keeps no other from being looked at. */
import { placementPolicy, safetyPolicy } from './config/index.ts';
import { messageOf } from './domain/errors.ts';
import { freeMemory } from './domain/placement.ts';
import type { ServerEpisode } from './domain/server-plan.ts';
import type { Check } from './observability/index.ts';
import { createOperations } from './operations/index.ts';
import type { SecondLock } from './ports/cluster.ts';
import { makeParts, makeSlack, stepDeps } from './parts.ts';
import type { AppOptions, ClusterParts, Parts } from './parts.ts';
import { openStore } from './store/index.ts';
import { dryRun } from './vm/index.ts';

/** It is recommended, not needed: a cluster before Kubernetes 1.30 has no such policies. */
const LOCKS: Readonly<Record<SecondLock, Pick<Check, 'ok' | 'text'>>> = {
  in_force: { ok: true, text: 'in force' },
  absent: {
    ok: true,
    text: 'NOT in force: the cluster lets this account touch nodes that are no burst workers (manifests/kubernetes/admission-policy.yaml)',
  },
  unknown: { ok: true, text: 'not known: there is no node but burst workers' },
};

/** What `look` finds, or one line with the reason; then lets go of what was used. */
async function part(
  name: string,
  look: () => Promise<readonly Check[]>,
  done: () => Promise<unknown> = async () => undefined,
): Promise<readonly Check[]> {
  try {
    return await look();
  } catch (error) {
    return [{ name, ok: false, text: messageOf(error) }];
  } finally {
    await done();
  }
}

/**
 * `burst check`: what is fit for work and what is not, one line each; of several clusters, one line for each API server and
 * VM server. Changes nothing.
 */
export async function checkApp(options: AppOptions): Promise<readonly Check[]> {
  const parts = makeParts(options);
  const several = parts.clusters.length > 1;
  // clusters are looked at at once: one that does not answer takes its time only once
  const books = storeAndSlack(parts);
  const clusters = parts.clusters.map(async (own): Promise<readonly Check[]> => {
    const { name } = own.cluster;
    const seen = books.then(({ away }) => away.get(name));
    const checks = [...(await apiServer(own, several)), ...(await vmServer(own, seen)), ...(await talos(own))];
    return several ? checks.map((check) => ({ ...check, name: `${check.name} ${name}` })) : checks;
  });
  return [...(await books).checks, ...(await Promise.all(clusters)).flat()];
}

/** Besides the checks: VM servers that the running Burst finds away, by cluster. */
async function storeAndSlack(
  parts: Parts,
): Promise<{ readonly checks: readonly Check[]; readonly away: ReadonlyMap<string, ServerEpisode> }> {
  const away = new Map<string, ServerEpisode>();
  const checks = await part('database', async () => {
    const { config, clock, ids } = parts;
    const store = await openStore({ path: config.database.path, clock, ids });
    const found = await part('database', async () => {
      await store.probe();
      for (const { cluster } of parts.clusters) {
        const episode = await store.openServerEpisode(cluster.name);
        if (episode !== undefined) away.set(cluster.name, episode);
      }
      return [{ name: 'database', ok: true, text: config.database.path }];
    });
    const chat = part(
      'slack',
      async () => {
        const installationId = await store.installationId();
        const doors = parts.clusters.map((own) => {
          const deps = stepDeps(own, parts, store, installationId);
          return [own.cluster.name, createOperations({ ...deps, submitted: () => undefined })] as const;
        });
        const slack = makeSlack(parts, store, new Map(doors));
        return (await slack.check()).map((check) => ({ ...check, name: `slack: ${check.name}` }));
      },
      () => store.close(),
    );
    return [...found, ...(await chat)];
  });
  return { checks, away };
}

const apiServer = ({ cluster, config }: ClusterParts, inOneLine: boolean): Promise<readonly Check[]> =>
  part(
    'cluster',
    async () => {
      const all = await cluster.checkPermissions();
      const lock = LOCKS[await cluster.secondLock(safetyPolicy(config).label)];
      if (!inOneLine)
        return [
          ...all.map(({ what, allowed, reason }) => ({
            name: `cluster: ${what}`,
            ok: allowed,
            text: allowed ? 'allowed' : `refused: ${reason}`,
          })),
          { name: 'cluster: second lock', ...lock },
        ];
      const refused = all.filter((permission) => !permission.allowed);
      const lacking = refused.map(({ what, reason }) => (reason === '' ? what : `${what} (${reason})`)).join(', ');
      const permissions = refused.length === 0 ? `all ${all.length} permissions are there` : `refused: ${lacking}`;
      return [{ name: 'cluster', ok: refused.length === 0, text: `${permissions}; second lock ${lock.text}` }];
    },
    () => cluster.stop(),
  );

/** @param seen what the running Burst has found of it. */
const vmServer = ({ vms, config }: ClusterParts, seen: Promise<ServerEpisode | undefined>): Promise<readonly Check[]> =>
  part(
    'vm server',
    async () => {
      const found = await vms.health().catch((error: unknown) => ({ ok: false, text: messageOf(error) }));
      const episode = await seen;
      const note =
        episode === undefined
          ? ''
          : `; the running Burst has had no answer since ${new Date(episode.sinceMs).toISOString()}, and what needs it waits`;
      const health = { name: 'vm server', ok: found.ok, text: `${found.text}${note}` };
      if (!health.ok) return [health];
      const placement = placementPolicy(config);
      const template = placement.base.templates[0] ?? config.mcpServers.proxmox.settings['template'];
      const id = typeof template === 'string' || typeof template === 'number' ? String(template) : undefined;
      const name = 'vm server: read-only calls';
      const readable = await part(name, async () => [{ name, ok: true, text: await dryRun(vms, id) }]);
      if (placement.target === 'template') return [health, ...readable];
      const hosts = 'vm server: hosts';
      return [health, ...readable, ...(await part(hosts, async () => [{ name: hosts, ...(await hostsOf(vms)) }]))];
    },
    () => vms.close(),
  );

/** What placement has to choose from. */
async function hostsOf(vms: ClusterParts['vms']): Promise<Pick<Check, 'ok' | 'text'>> {
  const { hosts, vms: rows } = await vms.capacity();
  if (hosts === undefined) return { ok: true, text: 'the server cannot list them: no room is looked for' };
  const words = hosts.map((host) => {
    const free = freeMemory(host, { vms: rows, promised: [] });
    const memory = free === undefined ? 'memory not known' : `${Math.round(free / 1024)} GiB of memory free`;
    return `${host.name} (${host.online ? memory : 'offline'})`;
  });
  return { ok: hosts.some(({ online }) => online), text: words.join(', ') };
}

const talos = async ({ machines }: ClusterParts): Promise<readonly Check[]> =>
  machines === undefined
    ? []
    : part(
        'talos server',
        async () => [{ name: 'talos server', ...(await machines.health()) }],
        () => machines.close(),
      );
