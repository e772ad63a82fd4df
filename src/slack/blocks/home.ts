/** The App Home and the panel. Pure: data in, blocks out. */
import type { Button, HomeView, KnownBlock } from '@slack/types';
import type { Approval } from '../../domain/approval.ts';
import { mayActOn } from '../../domain/access.ts';
import { matchesList, wordsFor } from '../../domain/list.ts';
import type { ListWords } from '../../domain/words.ts';
import type { Operation, Run } from '../../domain/operation.ts';
import type { Role } from '../../domain/policy.ts';
import type { WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { waitingBlocks } from './approvals.ts';
import { actingIn } from './clusters.ts';
import { filterMenus } from './filters.ts';
import { operationLine } from './operation.ts';
import { button, code, context, count, deadline, escape, fit, foreign, mention, plain, section } from './text.ts';
import type { Message } from './text.ts';
import { fleetLine, fleetLines, statusText, workerMenu } from './workers.ts';
import type { ClusterFleet } from './workers.ts';

export type Listed = { readonly operation: Operation; readonly runs: readonly Run[] };
export type HomeFacts = { readonly userId: string; readonly channels: readonly string[] } & (
  | {
      readonly role: Role;
      readonly fleet: Fleet | undefined;
      readonly running: readonly Listed[];
      readonly approvals?: readonly Approval[];
      /** What this month cost, where prices are known. */
      readonly cost?: string | undefined;
    }
  /** Why nothing may be shown; may carry mentions of our own making. */
  | { readonly refusal: string }
);
/** Workers on one page: with all else, a view stays below its 100 blocks. */
const PAGE = 25;
const MOST_CLUSTERS = 12;
const MOST_RUNNING = 10;
const MOST_PROVISIONS = 5;

const buttons = {
  provision: button('Provision', 'burst:panel:provision', 'provision', { style: 'primary' }),
  list: button('List', 'burst:panel:list', 'list'),
  ops: button('My operations', 'burst:panel:ops', 'ops'),
  help: button('Help', 'burst:panel:help', 'help'),
};
const actions = (...elements: readonly Button[]): KnownBlock => ({ type: 'actions', elements: [...elements] });

/** The panel of `/burst` alone: the fleet in one line, what of theirs expires next, and buttons. */
export function panelMessage(fleet: Fleet, userId: string, nowMs: number): Message {
  const [next] = ownOf(fleet, userId);
  const yours =
    next?.expiresAtMs === undefined
      ? 'You have no burst worker.'
      : `Yours that expires next: ${code(next.name)}, ${deadline(next.expiresAtMs, nowMs)}.`;
  const text = `${fleetLine(fleet)}\n${yours}`;
  return { text, blocks: [section(text), actions(buttons.provision, buttons.list, buttons.ops, buttons.help)] };
}

/** The panel where there are several clusters: a line for each, and buttons for each. */
export function panelOfAll(fleets: readonly ClusterFleet[], userId: string, nowMs: number): Message {
  const [next] = fleets
    .flatMap(({ fleet }) => ownOf(fleet, userId))
    .sort((a, b) => (a.expiresAtMs ?? Infinity) - (b.expiresAtMs ?? Infinity));
  const yours =
    next?.expiresAtMs === undefined
      ? 'You have no burst worker.'
      : `Yours that expires next: ${code(next.name)} on ${escape(next.cluster)}, ${deadline(next.expiresAtMs, nowMs)}.`;
  const text = `${fleetLines(fleets).trim()}\n${yours}`;
  const provisions = fleets
    .slice(0, MOST_PROVISIONS)
    .flatMap(({ cluster }) =>
      actingIn([actions({ ...buttons.provision, text: plain(`Provision on ${cluster}`) })], cluster),
    );
  return {
    text,
    blocks: [
      section(text),
      ...provisions,
      ...actingIn([actions(buttons.list, buttons.ops)], ALL_CLUSTERS),
      actions(buttons.help),
    ],
  };
}

const burstOf = (fleet: Fleet | undefined): WorkerView[] =>
  (fleet?.workers ?? [])
    .filter((worker) => worker.type === 'burst')
    .sort((a, b) => (a.expiresAtMs ?? Infinity) - (b.expiresAtMs ?? Infinity));
const ownOf = (fleet: Fleet, userId: string): WorkerView[] =>
  burstOf(fleet).filter((worker) => worker.owner === userId);

/** What of the workers a person looks at. */
export type HomeState = { readonly page: number; readonly filter: ListWords; readonly cluster?: string | undefined };
export const HOME_START: HomeState = { page: 0, filter: { mine: false } };
type Seen = Exclude<HomeFacts, { readonly refusal: string }>;
type Of = { readonly cluster: string | undefined; readonly facts: Seen };

/** Fleet at a glance for one person: what they may see and do, theirs first, soonest deadline first, page by page. */
export function homeView(facts: HomeFacts, nowMs: number, state: HomeState = HOME_START): HomeView {
  if ('refusal' in facts)
    return { type: 'home', blocks: [head, section(`:lock: ${facts.refusal}`), actions(buttons.help)] };
  return homeOf([{ cluster: undefined, facts }], nowMs, state);
}

/** What one person sees of several clusters together; each line says its cluster, and acts there. */
export const homeOfAll = (
  each: readonly { readonly cluster: string; readonly facts: HomeFacts }[],
  nowMs: number,
  state: HomeState = HOME_START,
): HomeView =>
  homeOf(
    each.flatMap(({ cluster, facts }) => ('refusal' in facts ? [] : [{ cluster, facts }])),
    nowMs,
    state,
  );

const head: KnownBlock = { type: 'header', text: plain('Burst workers', 150) };
const inCluster = (blocks: readonly KnownBlock[], cluster: string | undefined): KnownBlock[] =>
  cluster === undefined ? [...blocks] : actingIn(blocks, cluster);
const whereText = (cluster: string | undefined): string => (cluster === undefined ? '' : `*${escape(cluster)}* · `);

function homeOf(each: readonly Of[], nowMs: number, state: HomeState): HomeView {
  const several = each.some(({ cluster }) => cluster !== undefined);
  const approvals = each.flatMap(({ cluster, facts }) =>
    waitingBlocks(facts.approvals ?? []).map((block) => inCluster([block], cluster)),
  );
  return {
    type: 'home',
    blocks: [
      head,
      ...each.slice(0, MOST_CLUSTERS).map((of) => glance(of)),
      ...(each.length > MOST_CLUSTERS ? [context(`and ${each.length - MOST_CLUSTERS} more clusters`)] : []),
      ...toolsOf(each, several),
      // what comes next begins with a divider of its own, or goes on in the same part
      ...fit(
        approvals.flat().filter(({ type }) => type !== 'divider'),
        20,
        40_000,
      ),
      ...running(each),
      ...workersOf(each, nowMs, state),
      context('`/burst help` says what can be done.'),
    ],
  };
}

/** A cluster in a few lines: its workers by status, and the room that is left. */
function glance({ cluster, facts: { fleet, cost } }: Of): KnownBlock {
  if (fleet === undefined) return section(`${whereText(cluster)}:warning: The fleet could not be read.`);
  const room = Math.max(0, fleet.maxBurstWorkers - fleet.burstCount);
  const burst = fleet.workers.filter(({ type }) => type === 'burst');
  const by = (['ready', 'busy', 'draining', 'not_ready'] as const).flatMap((status) => {
    const some = burst.filter((worker) => worker.status === status).length;
    return some === 0 ? [] : [`${statusText[status]} ${some}`];
  });
  const burstLine = by.length === 0 ? '' : `\nBurst workers: ${by.join(', ')}.`;
  return section(
    `${whereText(cluster)}${fleetLine(fleet)}${burstLine}\nRoom for ${count(room, 'more burst worker')}.${cost === undefined ? '' : ` ${cost}`}`,
  );
}

function toolsOf(each: readonly Of[], several: boolean): KnownBlock[] {
  const [first] = each;
  const limited = each.every(({ facts }) => facts.channels.length > 0);
  if (first === undefined) return [actions(buttons.help)];
  if (limited)
    return [
      context(
        `Commands and buttons are allowed in ${first.facts.channels
          .slice(0, 5)
          .map((id) => `<#${escape(id)}>`)
          .join(', ')}.`,
      ),
    ];
  const looking = actions(buttons.list, buttons.ops);
  const mayProvision = each.filter(({ facts }) => facts.role !== 'viewer');
  if (!several)
    return [actions(...(mayProvision.length > 0 ? [buttons.provision] : []), buttons.list, buttons.ops, buttons.help)];
  return [
    ...mayProvision
      .slice(0, MOST_PROVISIONS)
      .flatMap(({ cluster = '' }) =>
        actingIn([actions({ ...buttons.provision, text: plain(`Provision on ${cluster}`) })], cluster),
      ),
    ...actingIn([looking], ALL_CLUSTERS),
    actions(buttons.help),
  ];
}

/** The burst workers that are looked at: menus to narrow them, a page of lines, and the way to the other pages. */
function workersOf(each: readonly Of[], nowMs: number, state: HomeState): KnownBlock[] {
  const known = each.filter(({ cluster }) => state.cluster === undefined || cluster === state.cluster);
  const userId = each[0]?.facts.userId ?? '';
  const all = known.flatMap((of) => burstOf(of.facts.fleet).map((worker) => ({ of, worker })));
  if (!each.some(({ facts }) => facts.fleet !== undefined)) return [];
  const wanted = all
    .filter(({ worker }) => matchesList(worker, state.filter, userId))
    .sort((a, b) => (a.worker.expiresAtMs ?? Infinity) - (b.worker.expiresAtMs ?? Infinity));
  const own = wanted.filter(({ worker }) => worker.owner === userId);
  const others = wanted.filter(({ worker }) => worker.owner !== userId);
  const rows = [...own, ...others];
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  const at = Math.min(Math.max(0, state.page), pages - 1);
  const shown = rows.slice(at * PAGE, at * PAGE + PAGE);
  const words = wordsFor(state.filter);
  const to = (page: number): string =>
    JSON.stringify({ page, words, ...(state.cluster === undefined ? {} : { cluster: state.cluster }) });
  const paging = [
    ...(at > 0 ? [button('◀ Previous', 'burst:home:previous', to(at - 1))] : []),
    ...(at < pages - 1 ? [button('Next ▶', 'burst:home:next', to(at + 1))] : []),
  ];
  const names = each.flatMap(({ cluster }) => cluster ?? []);
  const sizes = [
    ...new Set(each.flatMap(({ facts }) => burstOf(facts.fleet).flatMap(({ size }) => size ?? []))),
  ].sort();
  const menus = filterMenus('home', {
    filter: state.filter,
    sizes: state.filter.size === undefined || sizes.includes(state.filter.size) ? sizes : [...sizes, state.filter.size],
    ...(names.length === 0 ? {} : { clusters: { names, shown: state.cluster ?? ALL_CLUSTERS } }),
  });
  const narrowed = words === 'all' ? '' : ` (${foreign(words)})`;
  const heading = (title: string, amount: number): KnownBlock =>
    section(
      `*${title}*${narrowed}: ${amount === 0 ? 'none' : count(amount, 'worker')}${pages > 1 ? `; page ${at + 1} of ${pages}` : ''}`,
    );
  const mine = shown.filter(({ worker }) => worker.owner === userId);
  const theirs = shown.filter(({ worker }) => worker.owner !== userId);
  return [
    { type: 'divider' },
    ...(all.length > 0 || words !== 'all' || state.cluster !== undefined
      ? [{ type: 'actions', elements: menus } as const]
      : []),
    ...(mine.length > 0 || at === 0 ? [heading('Yours', own.length)] : []),
    ...mine.map((row) => rowOf(row, nowMs)),
    ...(theirs.length > 0 ? [heading("Others'", others.length)] : []),
    ...theirs.map((row) => rowOf(row, nowMs)),
    ...(paging.length > 0 ? [actions(...paging)] : []),
  ];
}

function rowOf({ of, worker }: { readonly of: Of; readonly worker: WorkerView }, nowMs: number): KnownBlock {
  const { role, userId, channels } = of.facts;
  const menu = channels.length > 0 ? undefined : workerMenu(worker, mayActOn(role, userId, worker.owner));
  const owner = worker.owner === undefined || worker.owner === userId ? '' : `, ${mention(worker.owner)}`;
  const size = worker.size === undefined ? '' : ` ${foreign(worker.size, 40)}`;
  const activity = worker.activity === undefined ? '' : `, ${foreign(worker.activity, 100)}`;
  const until = worker.expiresAtMs === undefined ? 'no deadline' : deadline(worker.expiresAtMs, nowMs);
  const line = section(
    `${whereText(of.cluster)}${code(worker.name)}${size} ${statusText[worker.status]}, ${until}${owner}${activity}`,
  );
  const [row = line] = inCluster([menu === undefined ? line : { ...line, accessory: menu }], of.cluster);
  return row;
}

function running(each: readonly Of[]): KnownBlock[] {
  const items = each.flatMap(({ cluster, facts }) => facts.running.map((item) => ({ cluster, item })));
  if (items.length === 0) return [];
  return [
    section(`*Under way*: ${count(items.length, 'operation')}`),
    ...items.slice(0, MOST_RUNNING).map(({ cluster, item }) => section(`${whereText(cluster)}${operationLine(item)}`)),
    ...(items.length > MOST_RUNNING ? [context(`and ${items.length - MOST_RUNNING} more: \`/burst ops\``)] : []),
  ];
}
