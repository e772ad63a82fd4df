import { z } from 'zod';
import { ALL_CLUSTERS } from '../../domain/cluster-words.ts';
import { auditLine } from '../../domain/audit-line.ts';
import { auditVocabulary, parseAudit } from '../../domain/audit-words.ts';
import type { AuditWords } from '../../domain/audit-words.ts';
import { BurstError, isBurstError, messageOf } from '../../domain/errors.ts';
import type { AuditFilter, AuditRow } from '../../ports/store.ts';
import { auditMessage } from '../blocks/audit.ts';
import type { AuditPlace } from '../blocks/audit.ts';
import { count } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import type { Call, Services } from '../call.ts';
import { platformError } from '../errors.ts';
import { sendFile } from '../files.ts';
import { nearest } from '../nearest.ts';
import type { Command } from './types.ts';

const PAGE = 10;
/** Rows of one file; more are the command line's. */
const MOST_EXPORTED = 20_000;
const LONGEST_FILTER = 500;

/** What a paging button carries. */
export const auditPlace: z.ZodType<AuditPlace> = z.object({
  words: z.string().max(LONGEST_FILTER),
  before: z.int().min(1).exactOptional(),
  after: z.int().min(0).exactOptional(),
});

/** In which of the clusters this person is an admin, and the others they may look at. */
async function standings(all: readonly Services[], call: Call): Promise<readonly (readonly [Services, boolean])[]> {
  return Promise.all(
    all.map(async (services) => {
      const answer = await services.gate.standing(call);
      return [services, answer.ok && answer.role === 'admin'] as const;
    }),
  );
}

function parsed(words: string, call: Call, services: Services): AuditWords {
  if (words.length > LONGEST_FILTER)
    throw new BurstError('invalid_input', 'That is too long for a filter of the audit.', {
      hint: 'For example: /burst audit destroy 7d',
    });
  const answer = parseAudit(words, call.by.userId, services.clock.now());
  if (answer.ok) return answer.value;
  throw new BurstError('invalid_input', `${answer.text}.`, { hint: 'For example: /burst audit destroy failed 7d' });
}

/**
 * What a word is that is neither a time, a person nor an action: an operation, or a worker (also one that was removed).
 * @throws BurstError `ambiguous`, `not_found` with what is like it.
 */
async function subjectOf(name: string, all: readonly Services[]): Promise<Pick<AuditFilter, 'operationId' | 'about'>> {
  const [first] = all;
  const operation = await first?.store.getOperation(name);
  if (operation !== undefined && all.some(({ cluster }) => cluster === operation.cluster))
    return { operationId: operation.id };
  const wanted = name.toLowerCase();
  const there: string[] = [];
  const recorded: string[] = [];
  for (const { cluster, store, operations } of all) {
    there.push(...(await operations.fleet()).workers.map((worker) => worker.name));
    recorded.push(...(await store.listWorkers({ cluster })).map((worker) => worker.name));
  }
  if ([...there, ...recorded].includes(wanted)) return { about: wanted };
  // what is there now is meant before what is gone
  for (const names of [there, recorded]) {
    const fit = [...new Set(names.filter((one) => one.includes(wanted)))];
    if (fit[0] !== undefined && fit.length === 1) return { about: fit[0] };
    if (fit.length > 1)
      throw new BurstError('ambiguous', `"${name.slice(0, 80)}" is in the names of ${fit.length} workers.`, {
        hint: 'Give more of the name.',
        suggestions: fit.slice(0, 5),
      });
  }
  const like = [nearest(wanted, auditVocabulary), nearest(wanted, [...new Set([...there, ...recorded])])];
  throw new BurstError('not_found', `"${name.slice(0, 80)}" is no worker, operation, action or outcome.`, {
    hint: 'See /burst help audit.',
    suggestions: like.filter((word) => word !== undefined),
  });
}

async function filterOf(
  words: AuditWords,
  of: readonly (readonly [Services, boolean])[],
  call: Call,
): Promise<Omit<AuditFilter, 'limit'>> {
  const subject =
    words.name === undefined
      ? {}
      : await subjectOf(
          words.name,
          of.map(([services]) => services),
        );
  return {
    // what `details` and `ops` show of a worker or an operation is everybody's who may look
    scopes: of.map(([{ cluster }, admin]) => ({
      cluster,
      ...(admin || words.name !== undefined ? {} : { concerning: call.by.userId }),
    })),
    ...subject,
    ...(words.person === undefined ? {} : { person: words.person }),
    ...(words.by === undefined ? {} : { actorId: words.by }),
    ...(words.sinceMs === undefined ? {} : { sinceMs: words.sinceMs }),
    ...(words.actions.length === 0 ? {} : { actions: words.actions }),
    ...(words.outcomes.length === 0 ? {} : { outcomes: words.outcomes }),
    ...(words.steps ? {} : { steps: false }),
  };
}

/** A page of the audit of these clusters; `mark` is given when it is shown for all of them. @throws BurstError for words that it does not know. */
export async function auditPage(
  place: AuditPlace,
  call: Call,
  all: readonly Services[],
  mark?: string,
): Promise<Message> {
  const [services] = all;
  if (services === undefined) throw new BurstError('not_found', 'There is no cluster.');
  const { store } = services;
  const words = parsed(place.words, call, services);
  const of = await standings(all, call);
  const filter = await filterOf(words, of, call);
  let rows: readonly AuditRow[] = [];
  let [newer, older] = [false, false];
  if (place.after !== undefined) {
    const found = await store.listAudit({ ...filter, afterId: place.after, oldestFirst: true, limit: PAGE + 1 });
    newer = found.length > PAGE;
    rows = found.slice(0, PAGE).reverse();
    older = true;
  }
  // less than a page that is newer: the newest page
  if (rows.length < PAGE) {
    const before = place.after === undefined && place.before !== undefined ? { beforeId: place.before } : {};
    const found = await store.listAudit({ ...filter, ...before, limit: PAGE + 1 });
    rows = found.slice(0, PAGE);
    older = found.length > PAGE;
    newer = place.after === undefined && place.before !== undefined;
  }
  const ids = [...new Set(rows.flatMap(({ operationId }) => (operationId === undefined ? [] : [operationId])))];
  const operations = await Promise.all(ids.map((id) => store.getOperation(id)));
  return auditMessage({
    rows,
    operations: new Map(operations.flatMap((one) => (one === undefined ? [] : [[one.id, one]]))),
    approvedBy: await store.approvedBy(ids),
    words: place.words,
    newer,
    older,
    all: filter.scopes?.every(({ concerning }) => concerning === undefined) ?? true,
    exports: of.some(([, admin]) => admin),
    steps: words.steps,
    mark,
  });
}

/** Sends the rows as a file, to those who are admins; what was taken is audited. */
export async function exportAudit(words: string, call: Call, all: readonly Services[]): Promise<void> {
  const of = (await standings(all, call)).filter(([, admin]) => admin);
  const [first] = of.length > 0 ? of.map(([services]) => services) : all;
  if (first === undefined) throw new BurstError('not_found', 'There is no cluster.');
  await first.gate.require(call, 'admin', 'audit');
  const { store, clock, clients } = first;
  const filter = await filterOf(parsed(words, call, first), of, call);
  const rows = await store.listAudit({ ...filter, limit: MOST_EXPORTED + 1 });
  if (rows.length === 0)
    return call.reply({ text: ':information_source: No row matches, so there is nothing to export.' });
  const kept = rows.slice(0, MOST_EXPORTED).reverse();
  const audited = (outcome: 'requested' | 'done' | 'failed', text: string): Promise<void> =>
    store.appendAudit(
      of.map(([{ cluster }]) => ({ atMs: clock.now(), cluster, actor: call.by, action: 'audit', outcome, text })),
    );
  const about = `export of ${count(kept.length, 'row')}${words === '' ? '' : ` (${words})`}`;
  await audited('requested', about);
  try {
    await sendFile(clients, call.by.userId, {
      name: `burst-audit-${new Date(clock.now()).toISOString().slice(0, 19).replaceAll(':', '')}.jsonl`,
      title: 'Audit of Burst',
      content: kept.map((row) => `${auditLine(row)}\n`).join(''),
      comment: `${count(kept.length, 'row')} of the audit, oldest first, one JSON object on each line.`,
    });
  } catch (error) {
    const why = platformError(error) ?? (isBurstError(error) ? error.message : messageOf(error));
    await audited('failed', `${about}: ${why}`);
    throw new BurstError('unavailable', `Slack did not take the file: ${why}.`, {
      hint:
        why === 'missing_scope'
          ? 'The app needs the scopes files:write and im:write; install it again from its manifest.'
          : 'Try again; on the command line it is `burst audit export`.',
      cause: error,
    });
  }
  await audited('done', about);
  const more =
    rows.length > MOST_EXPORTED
      ? ` Older rows were left out: all of them gives \`burst audit export\` on the command line.`
      : '';
  await call.reply({
    text: `:page_facing_up: ${count(kept.length, 'row')} of the audit are in your direct messages with Burst, as JSON lines.${more}`,
  });
}

const withoutExport = (words: string): string => words.replace(/(^|\s)(export|jsonl?)(?=\s|$)/gi, ' ').trim();

async function run(words: string, call: Call, all: readonly Services[], mark?: string): Promise<void> {
  const [services] = all;
  if (services !== undefined && parsed(words, call, services).asFile)
    return exportAudit(withoutExport(words), call, all);
  await call.reply(await auditPage({ words }, call, all, mark));
}

export const audit: Command = {
  name: 'audit',
  aliases: ['history', 'log'],
  summary: 'who did what, when and why, and how it ended; admins see everything, and export it',
  usage:
    '/burst audit [NAME | OPERATION] [@user | me | by NAME] [7d] [destroy|force|failed|refused|…] [steps] [export]',
  examples: [
    '/burst audit me 7d',
    '/burst audit destroy failed 30d',
    '/burst audit burst-medium-abcde steps',
    '/burst audit export 2026-11-01',
  ],
  role: 'viewer',
  allByDefault: true,
  runAll: (words, call, all) => run(words, call, all, ALL_CLUSTERS),
  run: (words, call, services) => run(words, call, [services]),
};
