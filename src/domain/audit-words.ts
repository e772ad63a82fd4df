/** What a person typed after `/burst audit`, read forgivingly. Pure. */
import { HOUR_MS, parseHours } from './duration.ts';
import type { Parsed } from './words.ts';
import { bareWord, unit, wordsOf } from './words.ts';

export const AUDIT_OUTCOMES = ['requested', 'refused', 'decided', 'started', 'done', 'failed', 'noticed'] as const;
type Outcome = (typeof AUDIT_OUTCOMES)[number];
/** What people look for; `approval` is every decision on a request. */
export const AUDIT_ACTIONS = [
  'provision',
  'extend',
  'drain',
  'destroy',
  'force',
  'expire',
  'repair',
  'cancel',
  'retry',
  'approval',
  'warn',
  'health',
  'adopt',
  'uncordon',
  'install',
  'uninstall',
  'flood',
  'audit',
] as const;

/** Other words for outcomes and actions. */
const outcomeWords: ReadonlyMap<string, Outcome> = new Map<string, Outcome>([
  ...AUDIT_OUTCOMES.map((word) => [word, word] as const),
  ['refusal', 'refused'],
  ['request', 'requested'],
  ['failure', 'failed'],
  ['succeeded', 'done'],
  ['decision', 'decided'],
]);
const actionWords: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...AUDIT_ACTIONS.map((word) => [word, [word]] as const),
  ['force', ['force', 'force destroy']],
  ['destroy', ['destroy', 'remove-worker']],
  ['provision', ['provision', 'add-worker']],
  ['drain', ['drain', 'drain-worker']],
  ['extend', ['extend', 'extend-worker']],
  ['remove', ['destroy', 'remove-worker', 'expire']],
  ['expiry', ['expire']],
  ['warning', ['warn']],
  ['approved', ['approval']],
  ['denied', ['approval']],
  ['extension', ['extend', 'extend-worker']],
]);
const fillers = new Set(['since', 'last', 'past', 'for', 'the', 'of', 'from', 'in', 'and', 'all', 'rows', 'history']);

export type AuditWords = {
  /** A worker's name or a part of it, or the id of an operation, as typed. */
  readonly name?: string;
  /** A Slack user id. */
  readonly person?: string;
  /** An assistant, or a part of Burst itself. */
  readonly by?: string;
  readonly sinceMs?: number;
  readonly actions: readonly string[];
  readonly outcomes: readonly Outcome[];
  /** Each step of each run, too. */
  readonly steps: boolean;
  /** As a file. */
  readonly asFile: boolean;
};

/** Words that `audit` knows, for suggestions. */
export const auditVocabulary: readonly string[] = [...actionWords.keys(), ...outcomeWords.keys(), 'steps', 'export'];

const known = <T>(map: ReadonlyMap<string, T>, word: string): T | undefined =>
  map.get(word) ?? (word.endsWith('s') ? map.get(word.slice(0, -1)) : undefined);
const dayOf = (word: string): number | undefined => {
  if (!/^\d{4}-\d\d-\d\d$/.test(word)) return undefined;
  const ms = Date.parse(word);
  return Number.isNaN(ms) ? undefined : ms;
};

/**
 * `[NAME] [@user | me | by NAME] [7d | 2026-11-01] [actions] [outcomes] [steps] [export]`, in any order. What is none of
 * these is taken for the name of a worker or operation, which is looked up afterwards.
 */
export function parseAudit(text: string, me: string, nowMs: number): Parsed<AuditWords> {
  const words = wordsOf(
    text
      .replace(/<@((?:[TE][A-Z0-9]+\/)?[UW][A-Z0-9]+)\|[^>]*>/g, '<@$1>')
      .replace(new RegExp(`(^|\\s)(\\d+(?:\\.\\d+)?)\\s+(${unit})(?=$|[\\s,])`, 'gi'), '$1$2$3'),
  );
  let value: AuditWords = { actions: [], outcomes: [], steps: false, asFile: false };
  const refused = (message: string): Parsed<AuditWords> => ({ ok: false, text: message });
  let doer = false;
  for (const typed of words) {
    const word = bareWord(typed);
    const lower = word.toLowerCase();
    const person =
      /^<@((?:[TE][A-Z0-9]+\/)?[UW][A-Z0-9]+)>$/.exec(word)?.[1] ??
      (['me', 'mine', 'my'].includes(lower) ? me : undefined);
    const hours = parseHours(word);
    const sinceMs = hours === undefined ? dayOf(word) : nowMs - hours * HOUR_MS;
    const outcome = known(outcomeWords, lower);
    const actions = known(actionWords, lower);
    if (person !== undefined) {
      if (value.person !== undefined && value.person !== person) return refused('Two people were named; give one');
      value = { ...value, person };
    } else if (doer) value = { ...value, by: word };
    else if (lower === 'by') {
      doer = true;
      continue;
    } else if (word.startsWith('@'))
      return refused(`\`${word.slice(0, 60)}\` is nobody that Slack knows; choose the person from its list`);
    else if (sinceMs !== undefined) {
      if (value.sinceMs !== undefined) return refused(`\`${word}\` is a second time; give one, for example \`7d\``);
      value = { ...value, sinceMs };
    } else if (/^[-+]?\d+(\.\d+)?$/.test(word))
      return refused(`\`${word}\` has no unit; a time is written like \`24h\`, \`7d\` or \`2026-11-01\``);
    else if (outcome !== undefined) value = { ...value, outcomes: [...value.outcomes, outcome] };
    else if (actions !== undefined) value = { ...value, actions: [...value.actions, ...actions] };
    else if (lower === 'steps' || lower === 'step') value = { ...value, steps: true };
    else if (lower === 'export' || lower === 'jsonl' || lower === 'json') value = { ...value, asFile: true };
    else if (fillers.has(lower) || word === '') continue;
    else if (value.name !== undefined)
      return refused(
        `\`${word.slice(0, 60)}\` and \`${value.name.slice(0, 60)}\` are neither times, people nor actions; one worker or operation can be named`,
      );
    else value = { ...value, name: word };
    doer = false;
  }
  return doer ? refused('By whom?') : { ok: true, value };
}
