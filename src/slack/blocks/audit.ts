/** A page of the audit: who, what, why, approved by whom, how it ended, when. Pure. */
import type { Button, KnownBlock } from '@slack/types';
import { formatDuration } from '../../domain/duration.ts';
import type { Actor, Operation } from '../../domain/operation.ts';
import { stepTitle } from '../../domain/steps.ts';
import type { AuditRow } from '../../ports/store.ts';
import { actingIn } from './clusters.ts';
import { MOST_TEXT, actor, button, clamp, code, context, count, date, fit, foreign, section } from './text.ts';
import type { Message } from './text.ts';

export type AuditPage = {
  /** Newest first. */
  readonly rows: readonly AuditRow[];
  readonly operations: ReadonlyMap<string, Operation>;
  readonly approvedBy: ReadonlyMap<string, readonly Actor[]>;
  /** The filter as typed, kept in the buttons. */
  readonly words: string;
  readonly newer: boolean;
  readonly older: boolean;
  /** Everything, or only what concerns this person (in some of the clusters). */
  readonly all: boolean;
  /** May take it as a file. */
  readonly exports: boolean;
  readonly steps: boolean;
  /** Of several clusters, which are named then; what its buttons act in. */
  readonly mark: string | undefined;
};
export type AuditPlace = { readonly words: string; readonly before?: number; readonly after?: number };

/** `provision requested`, `approval of force: decided`, `step “Cloning the VM” done`. */
function what({ action, outcome }: AuditRow): string {
  const [, kind = '', name = ''] = /^(step|undo|approval):(.+)$/.exec(action) ?? [];
  if (kind === 'approval') return `approval of ${foreign(name, 40)}* ${outcome}`;
  if (kind !== '') return `${kind === 'undo' ? 'undoing ' : ''}${foreign(stepTitle(name), 60)}* ${outcome}`;
  return `${foreign(action, 60)}* ${outcome}`;
}

function ended(row: AuditRow, operation: Operation | undefined): string {
  if (operation === undefined || row.outcome !== 'requested' || row.action !== operation.kind) return '';
  const { state, createdAtMs, endedAtMs } = operation;
  return endedAtMs === undefined ? ` → ${state}` : ` → ${state} after ${formatDuration(endedAtMs - createdAtMs)}`;
}

function lineOf(row: AuditRow, page: AuditPage): string {
  const operation = row.operationId === undefined ? undefined : page.operations.get(row.operationId);
  const by = (row.operationId === undefined ? undefined : page.approvedBy.get(row.operationId)) ?? [];
  const approved =
    by.length > 0 && row.outcome === 'requested' ? `, approved by ${by.slice(0, 5).map(actor).join(', ')}` : '';
  const reason = row.details?.['reason'];
  const why = typeof reason === 'string' && reason !== '' ? ` Why: ${foreign(reason, 150)}.` : '';
  const said = /^(step|undo):/.test(row.action) && row.text === stepTitle(row.action.slice(5)) ? '' : row.text;
  const told = said === '' ? '' : `${foreign(said, 300)}.`.replace(/\.\.$/, '.');
  const where = page.mark === undefined ? '' : ` on ${foreign(row.cluster)}`;
  const subject = [
    ...(row.workerName === undefined || said.includes(row.workerName) ? [] : [code(row.workerName)]),
    ...(row.operationId === undefined ? [] : [`operation ${code(row.operationId)}`]),
  ].join(', ');
  const head = `${date(row.atMs)} · *${what(row)}${where} by ${actor(row.actor)}${approved}${ended(row, operation)}`;
  const rest = [told + why, subject].filter((part) => part !== '').join(' ');
  return rest === '' ? head : `${head}\n${rest}`;
}

/** One page. */
export function auditMessage(page: AuditPage): Message {
  const { rows, words, mark } = page;
  const place = (at: Omit<AuditPlace, 'words'>): string => JSON.stringify({ words, ...at });
  const [first, last] = [rows[0], rows.at(-1)];
  const head = `*Audit*${words === '' ? '' : ` (${foreign(words)})`}: ${rows.length === 0 ? 'no row matches' : `${count(rows.length, 'row')}, newest first`}.`;
  const notes = [
    ...(page.all
      ? []
      : ['What concerns you: what you did, asked for or own. Name a worker or an operation for all of its rows.']),
    ...(page.steps ? [] : ['`steps` shows each step of each run, too.']),
  ];
  const buttons: Button[] = [
    ...(page.newer && first !== undefined ? [button('◀ Newer', 'burst:audit:newer', place({ after: first.id }))] : []),
    ...(page.older && last !== undefined ? [button('Older ▶', 'burst:audit:older', place({ before: last.id }))] : []),
    button(page.newer ? 'Newest' : 'Refresh', 'burst:audit:newest', place({})),
    ...(page.exports ? [button('Export as JSON lines', 'burst:audit:export', place({}))] : []),
  ];
  const foot: KnownBlock[] = [
    ...(notes.length === 0 ? [] : [context(notes.join(' '))]),
    { type: 'actions', elements: buttons },
  ];
  const lines = rows.map((row) => lineOf(row, page));
  const blocks = [...fit([section(head), ...lines.map(section)], 40, 9000), ...foot];
  return {
    text: clamp([head, ...lines, ...notes].join('\n'), MOST_TEXT),
    blocks: mark === undefined ? blocks : actingIn(blocks, mark),
  };
}
