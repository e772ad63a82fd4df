/** Paged lists. Invariant: a listing is complete or it throws; nothing unreadable ever counts as an empty list. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import type { Connection, Query } from './connection.ts';
import { answerError } from './status.ts';

const listSchema = z.object({
  kind: z.string().endsWith('List'),
  metadata: z.object({
    resourceVersion: z.string().default(''),
    continue: z.string().optional(),
  }),
  items: z.array(z.never()).nullish(),
});

export type ListOptions = {
  readonly cluster: string;
  readonly connection: Connection;
  readonly path: string;
  readonly query?: Query;
  /** What is listed, for errors: `pods of node worker-1`. */
  readonly what: string;
  readonly pageSize: number;
  readonly signal?: AbortSignal | undefined;
};

const MAX_RESTARTS = 3;

/**
 * Gives every item to `onItem` as it arrives, page by page; only a list that did not throw was complete. When a page's continuation has expired (410) it begins again after
 * `onRestart`, the last time in one page.
 * @returns the list's resourceVersion, from where a watch can go on.
 */
export async function listAll(
  options: ListOptions,
  onItem: (raw: unknown) => void,
  onRestart: () => void,
): Promise<string> {
  const { connection, path, what, signal } = options;
  let next: string | undefined;
  for (let restarts = 0; ;) {
    const limit = restarts >= MAX_RESTARTS ? undefined : options.pageSize;
    const query = { ...options.query, limit, continue: next };
    const answer = await connection.request('GET', path, { what: `list ${what}`, query, signal, onItem });
    if (answer.status === 410 && next !== undefined) {
      restarts += 1;
      next = undefined;
      onRestart();
      continue;
    }
    if (answer.status !== 200) throw answerError(options.cluster, `list ${what}`, answer);
    const page = listSchema.safeParse(answer.body);
    if (!page.success)
      throw new BurstError('internal', `Kubernetes cluster ${options.cluster}: the answer to list ${what} is no list`);
    next = page.data.metadata.continue === '' ? undefined : page.data.metadata.continue;
    if (next === undefined) return page.data.metadata.resourceVersion;
  }
}

/** All items, each through `parse`; those that `parse` does not know are left out. */
export async function listItems<T>(options: ListOptions, parse: (raw: unknown) => T | undefined): Promise<T[]> {
  let items: T[] = [];
  const onItem = (raw: unknown): void => {
    const item = parse(raw);
    if (item !== undefined) items.push(item);
  };
  await listAll(options, onItem, () => {
    items = [];
  });
  return items;
}
