/**
 * The composition root: configuration in, running app out, orderly stop. Invariant: the only place that knows every
 * adapter; a start that fails leaves nothing running.
 */
import { messageOf } from './domain/errors.ts';
import { logHeads } from './audit.ts';
import { createChanges, startAssistants } from './assistants.ts';
import { createHider, createMetrics, startMonitoring } from './observability/index.ts';
import type { Check, Logger } from './observability/index.ts';
import { createPeople, makeApprovals } from './approvals.ts';
import { gaugeCosts, makeCosts, makeRoleOf } from './costs.ts';
import { createMember } from './member.ts';
import type { Member } from './member.ts';
import type { Store } from './ports/store.ts';
import { makeParts, makeSlack, secretsOf } from './parts.ts';
import type { AppOptions } from './parts.ts';
import type { Chat } from './ports/chat.ts';
import { openStore } from './store/index.ts';

export type App = {
  readonly log: Logger;
  /** What /readyz answers. */
  checks(): Promise<readonly Check[]>;
  /** Where assistants reach it, when `mcp.enabled`. */
  readonly mcpUrl?: string;
  stop(): Promise<void>;
};

/**
 * Starts everything. @throws when the database or Slack is unfit; a cluster or VM server that is away is waited for.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const parts = makeParts(options);
  const { config, clock, ids, log } = parts;
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse())
      await close().catch((error: unknown) => log.error({ err: error }, 'a part did not stop cleanly'));
  };
  try {
    const hide = createHider(secretsOf(config));
    const changes = createChanges();
    const audited = (): void => changes.tell({ kind: 'audit' });
    const store = await openStore({ path: config.database.path, clock, ids, hide, audited });
    closers.push(() => store.close());
    const heads = logHeads(store, clock, log);
    closers.push(() => heads.stop());
    const installationId = await store.installationId();
    const metrics = createMetrics();
    const chat: { slack?: Chat } = {};
    const poke = (): void => chat.slack?.poke();
    const changed = changes.tell;
    const roleOf = makeRoleOf(config, chat);
    const members = parts.clusters.map((own) =>
      createMember({ own, parts, store, installationId, metrics, poke, changed, roleOf }),
    );
    closers.push(() => Promise.all(members.map((member) => member.close())));
    for (const member of members) member.fill();
    const costs = makeCosts(parts, store, roleOf, poke);
    const approvals = makeApprovals(parts, members, store, poke, costs);
    const doors = new Map(members.map(({ name }) => [name, approvals.guarded(name)]));
    const sweeps = new Map(members.map((member) => [member.name, member.sweeps]));
    const bot = makeSlack(parts, store, doors, approvals, costs, sweeps);
    chat.slack = bot;
    await bot.start();
    closers.push(() => bot.stop());
    closers.push(() => Promise.all(members.map((member) => member.stop())));
    await Promise.all(members.map((member) => member.start()));
    approvals.start();
    closers.push(() => approvals.stop());
    bot.resume();
    costs?.start();
    if (costs !== undefined)
      gaugeCosts(
        metrics,
        costs,
        members.map(({ name }) => name),
        clock,
      );
    closers.push(async () => costs?.stop());
    await tellOrphaned(members, store, log);
    let mcpUrl: string | undefined;
    if (config.mcp.enabled) {
      const assistants = await startAssistants(parts, doors, store, createPeople(approvals), changes.onChange);
      closers.push(() => assistants.close());
      mcpUrl = assistants.url;
      log.info({ url: mcpUrl, tokens: config.mcp.tokens.map(({ name }) => name) }, 'the MCP server listens');
    }
    const checks = (): Promise<Check[]> => readiness(members, store, bot);
    if (config.monitoring.enabled) {
      const monitoring = await startMonitoring({
        host: config.monitoring.host,
        port: config.monitoring.port,
        metrics,
        checks,
      });
      closers.push(() => monitoring.close());
      log.info({ url: monitoring.url }, 'monitoring listens');
    }
    log.info({ clusters: members.map(({ name }) => name) }, 'Burst runs');
    return { log, checks, stop, ...(mcpUrl === undefined ? {} : { mcpUrl }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs of a cluster that the configuration does not name any more go on when it does again; until then somebody should know. */
async function tellOrphaned(members: readonly Member[], store: Store, log: Logger): Promise<void> {
  const known = new Set(members.map(({ name }) => name));
  const left = (await store.liveRuns()).filter((run) => !known.has(run.cluster));
  for (const cluster of new Set(left.map((run) => run.cluster)))
    log.warn(
      { cluster, runs: left.filter((run) => run.cluster === cluster).length },
      'operations wait for a cluster that is not in the configuration',
    );
}

/**
 * With several clusters, one that is unfit is told and keeps nothing from being ready, unless all are: the others go on.
 */
async function readiness(members: readonly Member[], store: Store, slack: Chat): Promise<Check[]> {
  const several = members.length > 1;
  const [database, chat, ...each] = await Promise.all([
    store.probe().then(
      () => ({ ok: true, text: 'reads and writes' }),
      (error: unknown) => ({ ok: false, text: messageOf(error) }),
    ),
    slack.health(),
    ...members.map(async (member) => ({ name: member.name, checks: await member.checks() })),
  ]);
  const bearable = several && each.some(({ checks }) => checks.every((check) => check.ok));
  const clusters = each.flatMap(({ name, checks }) =>
    checks.map((check): Check => ({
      ...check,
      ...(several ? { name: `${check.name} ${name}` } : {}),
      ...(bearable ? { bearable } : {}),
    })),
  );
  return [{ name: 'database', ...database }, { name: 'slack', ...chat }, ...clusters];
}
