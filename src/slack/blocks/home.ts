/** The App Home and the panel. Pure: data in, blocks out. */
import type { Button, HomeView, KnownBlock, Overflow } from '@slack/types';
import type { Approval } from '../../domain/approval.ts';
import { mayActOn } from '../../domain/access.ts';
import type { Operation, Run } from '../../domain/operation.ts';
import type { Role } from '../../domain/policy.ts';
import type { WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { waitingBlocks } from './approvals.ts';
import { actingIn } from './clusters.ts';
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
const MOST_OWN = 40;
const MOST_OTHERS = 30;
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

const burstOf = (fleet: Fleet): WorkerView[] =>
  fleet.workers
    .filter((worker) => worker.type === 'burst')
    .sort((a, b) => (a.expiresAtMs ?? Infinity) - (b.expiresAtMs ?? Infinity));
const ownOf = (fleet: Fleet, userId: string): WorkerView[] =>
  burstOf(fleet).filter((worker) => worker.owner === userId);

/** Fleet at a glance for one person: what they may see and do, theirs first, soonest deadline first. */
export function homeView(facts: HomeFacts, nowMs: number): HomeView {
  const head: KnownBlock = { type: 'header', text: plain('Burst workers', 150) };
  if ('refusal' in facts)
    return { type: 'home', blocks: [head, section(`:lock: ${facts.refusal}`), actions(buttons.help)] };
  const { fleet, role, userId } = facts;
  const limited = facts.channels.length > 0;
  const where = `Commands and buttons are allowed in ${facts.channels
    .slice(0, 5)
    .map((id) => `<#${escape(id)}>`)
    .join(', ')}.`;
  const tools: KnownBlock = limited
    ? context(where)
    : actions(...(role === 'viewer' ? [] : [buttons.provision]), buttons.list, buttons.ops, buttons.help);
  if (fleet === undefined)
    return { type: 'home', blocks: [head, section(':warning: The fleet could not be read.'), tools] };
  const menuOf = (worker: WorkerView): Overflow | undefined =>
    limited ? undefined : workerMenu(worker, mayActOn(role, userId, worker.owner));
  const line = (worker: WorkerView): KnownBlock => {
    const menu = menuOf(worker);
    const owner = worker.owner === undefined || worker.owner === userId ? '' : `, ${mention(worker.owner)}`;
    const activity = worker.activity === undefined ? '' : `, ${foreign(worker.activity, 100)}`;
    return {
      ...section(
        `${code(worker.name)} ${statusText[worker.status]}, ${worker.expiresAtMs === undefined ? 'no deadline' : deadline(worker.expiresAtMs, nowMs)}${owner}${activity}`,
      ),
      ...(menu === undefined ? {} : { accessory: menu }),
    };
  };
  const shown = (title: string, workers: readonly WorkerView[], most: number, none: string): KnownBlock[] => [
    section(`*${title}*: ${workers.length === 0 ? none : count(workers.length, 'worker')}`),
    ...workers.slice(0, most).map(line),
    ...(workers.length > most ? [context(`and ${workers.length - most} more: \`/burst list burst\``)] : []),
  ];
  const own = ownOf(fleet, userId);
  const others = burstOf(fleet).filter((worker) => worker.owner !== userId);
  const room = Math.max(0, fleet.maxBurstWorkers - fleet.burstCount);
  return {
    type: 'home',
    blocks: [
      head,
      section(
        `${fleetLine(fleet)}\nRoom for ${count(room, 'more burst worker')}.${facts.cost === undefined ? '' : ` ${facts.cost}`}`,
      ),
      tools,
      { type: 'divider' },
      ...fit(
        [
          ...waitingBlocks(facts.approvals ?? []),
          ...running(facts.running),
          ...shown('Yours', own, MOST_OWN, 'none'),
          ...(others.length === 0 ? [] : shown("Others'", others, MOST_OTHERS, 'none')),
        ],
        92,
        120_000,
      ),
      context('`/burst help` says what can be done.'),
    ],
  };
}

/** What one person sees of each of several clusters, one after the other, each with its share of the room. */
export function homeOfAll(
  each: readonly { readonly cluster: string; readonly facts: HomeFacts }[],
  nowMs: number,
): HomeView {
  const head: KnownBlock = { type: 'header', text: plain('Burst workers', 150) };
  const share = Math.floor(98 / Math.max(1, each.length));
  return {
    type: 'home',
    blocks: [
      head,
      ...each.flatMap(({ cluster, facts }) => {
        const [, ...own] = homeView(facts, nowMs).blocks;
        const title: KnownBlock = { type: 'header', text: plain(cluster, 150) };
        return [title, ...actingIn(fit(own as KnownBlock[], share - 1, 200_000 / each.length), cluster)];
      }),
    ],
  };
}

function running(items: readonly Listed[]): KnownBlock[] {
  if (items.length === 0) return [];
  return [
    section(`*Under way*: ${count(items.length, 'operation')}`),
    ...items.slice(0, MOST_RUNNING).map((item) => section(operationLine(item))),
    { type: 'divider' },
  ];
}
