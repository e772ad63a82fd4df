/** Notices about deadlines and surprises. Pure: facts in, message out. */
import { formatDuration } from '../../domain/duration.ts';
import type { HealthEpisode } from '../../domain/health-plan.ts';
import type { ServerEpisode } from '../../domain/server-plan.ts';
import type { Notice } from '../../ports/store.ts';
import { MOST_TEXT, button, clamp, code, date, deadline, foreign, mention, names, section } from './text.ts';
import type { Message } from './text.ts';

/** The warning before a deadline, which mentions the owner. */
export function warningMessage(
  notice: Extract<Notice, { kind: 'warning' }>,
  owners: readonly string[],
  nowMs: number,
): Message {
  const whom = owners.map(mention).join(', ');
  const text = `:alarm_clock: ${whom === '' ? '' : `${whom}: `}${names(notice.workers, 20)} will be drained and removed ${deadline(notice.deadlineMs, nowMs)}. Extend, or let go.`;
  const value = JSON.stringify({ workers: notice.workers.slice(0, 20), deadlineMs: notice.deadlineMs });
  return {
    text: clamp(text, MOST_TEXT),
    blocks: [
      section(text),
      {
        type: 'actions',
        elements: [
          button('Extend 4 h', 'burst:warn:extend:4', value, { style: 'primary' }),
          button('Extend 24 h', 'burst:warn:extend:24', value),
          button('Choose…', 'burst:warn:choose', value),
          button('Remove now', 'burst:warn:remove', value, { style: 'danger' }),
        ],
      },
    ],
  };
}

export function alertMessage(notice: Extract<Notice, { kind: 'alert' }>): Message {
  const where = [
    ...(notice.workerName === undefined ? [] : [code(notice.workerName)]),
    ...(notice.operationId === undefined ? [] : [`operation ${code(notice.operationId)}`]),
  ];
  const text = `:rotating_light: ${foreign(notice.text, 2000)}${where.length === 0 ? '' : ` (${where.join(', ')})`}`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
}

/** What the button that repairs a sick worker carries: it is repaired once for this time that it is not Ready. */
export const repairButton = (worker: string, sinceMs: number) =>
  button('Repair', 'burst:health:repair', JSON.stringify({ worker, sinceMs }), {
    style: 'primary',
    confirm: `A worker of the same size and deadline is provisioned. When it is Ready, ${worker} is drained and removed with its VM.`,
  });

/** The one message of a time that a worker is not Ready, from its begin to its end; its owner is mentioned while it lasts. */
export function healthMessage(episode: HealthEpisode, owners: readonly string[]): Message {
  const { workerName, sinceMs, endedAtMs, outcome } = episode;
  const why = episode.reason === '' ? '' : ` (${foreign(episode.reason, 300)})`;
  if (endedAtMs !== undefined) {
    const took = formatDuration(endedAtMs - sinceMs);
    const text =
      outcome === 'recovered'
        ? `:large_green_circle: ${code(workerName)} is Ready again, ${date(endedAtMs)}; it had not been for ${took}${why}.`
        : `:white_circle: ${code(workerName)} is gone, ${date(endedAtMs)}; it had not been Ready for ${took}${why}.`;
    return { text, blocks: [section(text)] };
  }
  const whom = owners.map(mention).join(', ');
  const text = `:red_circle: ${whom === '' ? '' : `${whom}: `}${code(workerName)} has not been Ready since ${date(sinceMs)}${why}. Repair it (a replacement first, then it goes), remove it, or wait for it to recover.`;
  return {
    text,
    blocks: [
      section(text),
      {
        type: 'actions',
        elements: [
          repairButton(workerName, sinceMs),
          button('Remove…', 'burst:worker:destroy', workerName, { style: 'danger' }),
          button('Details', 'burst:worker:details', workerName),
        ],
      },
    ],
  };
}

/** The one message of a time that a VM server does not answer, from its begin to its end. */
export function serverMessage({ server, sinceMs, reason, endedAtMs }: ServerEpisode): Message {
  const text =
    endedAtMs === undefined
      ? `:red_circle: The VM server ${code(server)} has not answered since ${date(sinceMs)} (${foreign(reason, 300)}). What needs it waits, and goes on by itself when it answers again; nodes and their pods are not touched by this.`
      : `:large_green_circle: The VM server ${code(server)} answers again, ${date(endedAtMs)}; it had not for ${formatDuration(endedAtMs - sinceMs)} (${foreign(reason, 300)}). What had to wait goes on.`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
}
