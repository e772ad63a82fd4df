/**
 * The App Home of those who have it open. Invariants: what a person sees there respects their role now; an open tab is at
 * most 10 s behind the world, and nothing is sent when nothing changed.
 */
import { createHash } from 'node:crypto';
import type { HomeView } from '@slack/types';
import { z } from 'zod';
import type { AccessPolicy } from '../domain/policy.ts';
import type { Approvals, Costs } from '../operations/index.ts';
import type { Fleet, Operations } from '../operations/types.ts';
import type { Clock } from '../ports/clock.ts';
import { ALL_CLUSTERS } from '../domain/cluster-words.ts';
import { BurstError, isBurstError } from '../domain/errors.ts';
import { parseList } from '../domain/words.ts';
import type { ListWords } from '../domain/words.ts';
import { nearest } from './nearest.ts';
import { waitingFor } from './approvals.ts';
import { monthText } from './costs.ts';
import type { Log } from './basics.ts';
import { createLoop } from '../ports/loop.ts';
import { HOME_START, homeOfAll, homeView } from './blocks/home.ts';
import { readClusterChoice } from './blocks/filters.ts';
import type { HomeFacts, HomeState, Listed } from './blocks/home.ts';
import type { Clients } from './clients.ts';
import { RateLimited, createLimits } from './clients.ts';
import { retryAfterSeconds } from './errors.ts';
import type { Gate } from './gate.ts';

const REFRESH_MS = 10_000;
const LOOK_EVERY_MS = 1000;
/** Slack does not tell when a tab is closed: it counts as open for so long after it was last opened or used. */
const OPEN_MS = 15 * 60_000;
/** Rounds are a second apart: longer is a clock that was moved, or a machine that slept, ms. */
const JUMP_MS = 60_000;
const MOST_OPEN = 500;
/** Tabs sent in one round: Slack takes about 100 a minute. */
const MOST_AT_ONCE = 15;
const MOST_OPERATIONS = 30;
const NOTHING: HomeFacts = { userId: '', refusal: 'No cluster is configured.', channels: [] };

export type HomeDoor = {
  readonly cluster: string;
  readonly gate: Pick<Gate, 'standing' | 'require' | 'lookUp'>;
  readonly operations: Pick<Operations, 'fleet' | 'recent'>;
  readonly access: AccessPolicy;
};
export type HomeOptions = {
  readonly clients: Pick<Clients, 'home'>;
  /** The clusters, the default one first. */
  readonly doors: readonly HomeDoor[];
  readonly approvals?: Approvals | undefined;
  readonly costs?: Costs | undefined;
  readonly clock: Clock;
  readonly log: Log;
};
export interface Home {
  /** The tab was opened: draws it at once and keeps it current. */
  opened(userId: string): Promise<void>;
  /** Another tab was opened instead. */
  closed(userId: string): void;
  /** Another page or part of the workers was chosen in it: draws it at once. @throws BurstError for a choice of another version. */
  turned(userId: string, actionId: string, value: string): Promise<void>;
  /** Something was done in it: it counts as open for a while longer. */
  used(userId: string): void;
  start(): void;
  stop(): Promise<void>;
}
type Tab = { untilMs: number; atMs: number; digest: string; state: HomeState };
type Seen = {
  readonly fleet: Fleet | undefined;
  readonly running: readonly Listed[];
  readonly cost: string | undefined;
};
type World = readonly { readonly door: HomeDoor; readonly seen: Seen }[];

const pageValue = z.object({
  page: z.int().min(0).max(10_000),
  words: z.string().max(200),
  cluster: z.string().max(63).optional(),
});
/** The words of a menu; a size that is in no configuration any more is a size all the same. */
function filterIn(words: string): ListWords | undefined {
  const parsed = parseList(
    words,
    nearest,
    words.split(' ').filter((word) => word !== 'all' && word !== 'mine'),
  );
  return parsed.ok ? parsed.value : undefined;
}

/** What is looked at after this choice; undefined when it cannot be read. */
function readTurn(actionId: string, value: string, clusters: readonly string[], now: HomeState): HomeState | undefined {
  const [, , verb = ''] = actionId.split(':');
  if (verb === 'filter') {
    const filter = filterIn(value);
    return filter && { ...now, page: 0, filter };
  }
  if (verb === 'cluster') {
    const choice = readClusterChoice(value, clusters);
    const filter = choice && filterIn(choice.words);
    return filter && { page: 0, filter, cluster: choice.cluster === ALL_CLUSTERS ? undefined : choice.cluster };
  }
  const parsed = pageValue.safeParse(parseJson(value));
  const filter = parsed.success ? filterIn(parsed.data.words) : undefined;
  return filter && { page: parsed.data?.page ?? 0, filter, cluster: parsed.data?.cluster };
}
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function createHome(options: HomeOptions): Home {
  const { clients, doors, clock, log } = options;
  const limits = createLimits(clock, retryAfterSeconds);
  const tabs = new Map<string, Tab>();
  let roundAtMs = clock.now();

  const look = (): Promise<World> => Promise.all(doors.map(async (door) => ({ door, seen: await lookAt(door) })));
  const lookAt = async ({ operations, cluster }: HomeDoor): Promise<Seen> => {
    const [fleet, recent, cost] = await Promise.all([
      operations.fleet().catch((error: unknown) => {
        log.warn({ error: String(error) }, 'the fleet could not be read for the home tab');
        return undefined;
      }),
      operations.recent({ limit: MOST_OPERATIONS }).catch((): readonly Listed[] => []),
      monthText(cluster, options.costs, clock.now()).catch((error: unknown) => {
        log.warn({ error: String(error) }, 'costs could not be read for the home tab');
        return undefined;
      }),
    ]);
    return { fleet, cost, running: recent.filter(({ operation }) => ['running', 'stuck'].includes(operation.state)) };
  };
  const draw = async (userId: string, world: World, state: HomeState): Promise<HomeView> => {
    const each = await Promise.all(
      world.map(async ({ door: { cluster, gate, access }, seen }) => {
        const standing = await gate.standing({ by: { kind: 'slack', userId } });
        const approvals = standing.ok ? await waitingFor(userId, { approvals: options.approvals, cluster, gate }) : [];
        const facts: HomeFacts = standing.ok
          ? { userId, role: standing.role, ...seen, approvals, channels: access.channels }
          : { userId, refusal: `${standing.text}. ${standing.hint}`, channels: access.channels };
        return { cluster, facts };
      }),
    );
    const [first] = each;
    const open = each.filter(({ facts }) => !('refusal' in facts));
    if (each.length === 1 || open.length === 0) return homeView(first?.facts ?? NOTHING, clock.now(), state);
    return homeOfAll(open, clock.now(), state);
  };
  /** @param lookedMs when the world was looked at. */
  const publish = async (userId: string, tab: Tab, world: World, lookedMs: number): Promise<void> => {
    const view = await draw(userId, world, tab.state);
    const digest = createHash('sha256').update(JSON.stringify(view)).digest('hex');
    tab.atMs = lookedMs;
    if (digest === tab.digest) return;
    await limits.within('views.publish', () => clients.home.views.publish({ user_id: userId, view }));
    tab.digest = digest;
  };
  const round = async (): Promise<void> => {
    const now = clock.now();
    const passedMs = now - roundAtMs;
    roundAtMs = now;
    for (const [userId, tab] of tabs) {
      // Time that was skipped or slept through was nobody's to use the tab in.
      if (passedMs > JUMP_MS) tab.untilMs += passedMs;
      if (tab.untilMs < now) tabs.delete(userId);
    }
    const due = [...tabs].filter(([, tab]) => now - tab.atMs >= REFRESH_MS).sort(([, a], [, b]) => a.atMs - b.atMs);
    if (due.length === 0) return;
    const world = await look();
    for (const [userId, tab] of due.slice(0, MOST_AT_ONCE))
      try {
        await publish(userId, tab, world, now);
      } catch (error) {
        tab.atMs = clock.now();
        if (error instanceof RateLimited) return;
        log.warn({ userId, error: String(error) }, 'the home tab could not be published');
      }
  };
  const loop = createLoop(async (woken) => {
    if (tabs.size === 0) {
      await new Promise<void>((resolve) => woken.addEventListener('abort', () => resolve(), { once: true }));
      roundAtMs = clock.now();
    } else await clock.sleep(LOOK_EVERY_MS, woken).catch(() => undefined);
    if (loop.stopping()) return;
    await round().catch((error: unknown) => log.error({ error: String(error) }, 'home tabs could not be refreshed'));
  });
  const open = (userId: string, state: HomeState): Tab => {
    const now = clock.now();
    tabs.delete(userId);
    if (tabs.size >= MOST_OPEN) tabs.delete([...tabs.keys()][0] ?? '');
    const tab: Tab = { untilMs: now + OPEN_MS, atMs: now, digest: '', state };
    tabs.set(userId, tab);
    loop.wake('opened');
    return tab;
  };
  return {
    async turned(userId, actionId, value) {
      const state = readTurn(
        actionId,
        value,
        doors.map(({ cluster }) => cluster),
        tabs.get(userId)?.state ?? HOME_START,
      );
      if (state === undefined)
        throw new BurstError('invalid_input', 'This menu is from another version of Burst.', {
          left: 'Nothing was changed.',
          hint: 'Open the tab again.',
        });
      // also after a restart, which has forgotten the tab
      const tab = open(userId, state);
      await publish(userId, tab, await look(), clock.now());
    },
    async opened(userId) {
      const now = clock.now();
      const tab = open(userId, HOME_START);
      try {
        // Audits a refusal; what is shown is decided again when it is drawn.
        const who = { by: { kind: 'slack', userId } } as const;
        const standings = await Promise.all(doors.map(({ gate }) => gate.standing(who)));
        if (!standings.some(({ ok }) => ok)) await doors[0]?.gate.require(who, 'viewer', 'home');
      } catch (error) {
        if (!isBurstError(error)) throw error;
      }
      await publish(userId, tab, await look(), now);
    },
    closed: (userId) => void tabs.delete(userId),
    used(userId) {
      const tab = tabs.get(userId);
      if (tab !== undefined) tab.untilMs = clock.now() + OPEN_MS;
    },
    start: () => loop.start(),
    stop: () => loop.stop(),
  };
}
