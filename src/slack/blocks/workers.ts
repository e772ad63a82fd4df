/** Workers in words, cells and menus; the fleet line. Pure. */
import type { Overflow, PlainTextOption, RichTextBlock } from '@slack/types';
import type { Resources, WorkerStatus, WorkerView } from '../../domain/worker.ts';
import type { Fleet } from '../../operations/types.ts';
import { clamp, code, date, foreign, isPerson, left, option, utc } from './text.ts';
import { menuValue } from './menu.ts';

export const statusText: Readonly<Record<WorkerStatus, string>> = {
  ready: ':large_green_circle: ready',
  busy: ':large_blue_circle: busy',
  draining: ':large_yellow_circle: draining',
  not_ready: ':red_circle: not ready',
};
/** The status, and since when a worker that is not Ready is not. */
export const statusOf = (worker: Pick<WorkerView, 'status' | 'notReadySinceMs'>): string =>
  worker.notReadySinceMs === undefined
    ? statusText[worker.status]
    : `${statusText[worker.status]} since ${date(worker.notReadySinceMs)}`;
export const cpu = (value: Resources): string => `${Math.round(value.cpuMillis / 100) / 10}`;
export const memory = (value: Resources): string => `${Math.round(value.memoryMiB / 102.4) / 10}`;
export const raw = (text: string): { type: 'raw_text'; text: string } => ({
  type: 'raw_text',
  text: clamp(text === '' ? '–' : text, 120),
});
const cell = (elements: RichTextBlock['elements'][number] & { type: 'rich_text_section' }): RichTextBlock => ({
  type: 'rich_text',
  elements: [elements],
});

/** `3 of 6 burst workers, 1 on its way; 5 ready, 1 busy`. */
export function fleetLine(fleet: Fleet): string {
  const by = (status: WorkerStatus): string =>
    `${fleet.workers.filter((worker) => worker.status === status).length} ${status.replace('_', ' ')}`;
  const stale = fleet.freshness.stale
    ? ` :warning: The cluster is out of reach${fleet.freshness.sinceMs === undefined ? '' : ` since ${date(fleet.freshness.sinceMs)}`} (${foreign(fleet.freshness.reason)}); this may be old.`
    : '';
  const { vmServer } = fleet;
  const away =
    vmServer === undefined
      ? ''
      : ` :warning: The VM server ${code(vmServer.server)} has not answered since ${date(vmServer.sinceMs)} (${foreign(vmServer.reason)}); what needs it waits, and it is looked at again ${date(vmServer.nextLookMs)}.`;
  return `${fleet.burstCount} of at most ${fleet.maxBurstWorkers} burst workers${fleet.joining > 0 ? `, ${fleet.joining} of them on the way` : ''}; all workers: ${by('ready')}, ${by('busy')}, ${by('draining')}, ${by('not_ready')}.${stale}${away}`;
}

export function timeCell(worker: WorkerView, nowMs: number): RichTextBlock | { type: 'raw_text'; text: string } {
  if (worker.expiresAtMs === undefined) return raw('no deadline');
  return cell({
    type: 'rich_text_section',
    elements: [
      { type: 'text', text: `${left(worker.expiresAtMs, nowMs)}, ` },
      {
        type: 'date',
        timestamp: Math.floor(worker.expiresAtMs / 1000),
        format: '{date_short_pretty} {time}',
        fallback: utc(worker.expiresAtMs),
      },
    ],
  });
}
export function ownerCell(owner: string | undefined): RichTextBlock | { type: 'raw_text'; text: string } {
  return owner !== undefined && isPerson(owner)
    ? cell({ type: 'rich_text_section', elements: [{ type: 'user', user_id: owner }] })
    : raw(owner ?? '–');
}

export function verbsOf(worker: WorkerView, mayAct: boolean): PlainTextOption[] {
  const verbs: readonly (readonly [string, string])[] = mayAct
    ? [
        ['Details', 'details'],
        ['Extend…', 'extend'],
        ['Drain…', 'drain'],
        ['Destroy…', 'destroy'],
      ]
    : [['Details', 'details']];
  return verbs.map(([text, verb]) => option(text, menuValue(verb, worker.name)));
}
/** The menu of one burst worker for its line; values as `menuValue` makes them. */
export function workerMenu(worker: WorkerView, mayAct: boolean): Overflow | undefined {
  const options = verbsOf(worker, mayAct);
  return options.length === 0 ? undefined : { type: 'overflow', action_id: 'burst:worker', options };
}
export type ClusterFleet = { readonly cluster: string; readonly fleet: Fleet };

/** A line for each cluster. */
export const fleetLines = (fleets: readonly ClusterFleet[]): string =>
  fleets.map(({ cluster, fleet }) => `\n*${foreign(cluster)}*: ${fleetLine(fleet)}`).join('');
