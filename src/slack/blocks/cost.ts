/** What is said of money. Pure: data in, blocks out. */
import type { Notice } from '../../ports/store.ts';
import { MOST_TEXT, clamp, code, foreign, section } from './text.ts';
import type { Message } from './text.ts';

/** The warning that a budget comes to its end; admins are mentioned. */
export function budgetMessage(notice: Extract<Notice, { kind: 'budget' }>): Message {
  const then =
    notice.beyond === 'refuse'
      ? 'Requests that go beyond it are refused'
      : 'Requests that go beyond it have to be approved';
  const text = `:moneybag: ${notice.whom === '' ? '' : `${notice.whom}: `}${notice.percent} % of the budget ${code(notice.budget)} for ${foreign(notice.month)} is committed: ${notice.committed} of ${notice.limit}, ${notice.spent} of it spent so far; the rest is what runs until its deadlines. ${then}. \`/burst cost\` shows what runs.`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text)] };
}
