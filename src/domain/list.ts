/** Which workers a list shows. Pure. */
import type { ListWords } from './words.ts';
import type { WorkerView } from './worker.ts';

/** Whether a worker is meant by this filter of this person. */
export const matchesList = (worker: WorkerView, filter: ListWords, userId: string): boolean =>
  (filter.type === undefined || worker.type === filter.type) &&
  (filter.status === undefined || worker.status === filter.status) &&
  (filter.size === undefined || worker.size === filter.size) &&
  (!filter.mine || worker.owner === userId);

/** The words that say this filter; `all` for none. */
export const wordsFor = ({ type, status, size, mine }: ListWords): string =>
  [type, status, size, mine ? 'mine' : undefined].filter((word) => word !== undefined).join(' ') || 'all';
