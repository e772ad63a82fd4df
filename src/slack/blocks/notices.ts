/** Notices about deadlines and surprises. Pure: facts in, message out. */
import type { Notice } from '../../ports/store.ts';
import { MOST_TEXT, button, clamp, code, deadline, foreign, mention, names, section } from './text.ts';
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
