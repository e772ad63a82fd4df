/** How refusals and failures are told. */
import { AwaitsApproval } from '../../domain/approval.ts';
import { BurstError } from '../../domain/errors.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { awaitsMessage } from './approvals.ts';
import { MOST_TEXT, button, clamp, code, codeOf, date, escape, foreign, section, sentence } from './text.ts';
import type { Message } from './text.ts';

/** A refusal by role; its hint is Slack markup of our own making (who has the role). */
export class AccessRefused extends BurstError {
  readonly markup: string;
  constructor(message: string, markup: string) {
    super('forbidden', message);
    this.markup = markup;
  }
}
/** The error with the cluster that it is of; a refusal by the safety rules keeps its first words. */
export function errorIn(error: BurstError, cluster: string): BurstError {
  if (error instanceof AwaitsApproval) return new AwaitsApproval(error.approval, error.approvers, cluster);
  const [before, after] = [`In ${cluster}: `, ` (${cluster})`];
  if (error.code === 'invalid_input' || error.message.startsWith(before) || error.message.endsWith(after)) return error;
  const message = error.code === 'safety_violation' ? `${error.message}${after}` : `${before}${error.message}`;
  if (error instanceof AccessRefused) return new AccessRefused(message, error.markup);
  return new BurstError(error.code, message, {
    ...(error.left === undefined ? {} : { left: error.left }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.retryAtMs === undefined ? {} : { retryAtMs: error.retryAtMs }),
    suggestions: error.suggestions,
    cause: error,
  });
}
const MOST_VALUE = 2000;
const heads: Partial<Record<ErrorCode, string>> = {
  safety_violation: ':no_entry: Refused by the safety rules.',
  forbidden: ':lock: Not allowed.',
  unavailable: ':warning: Out of reach right now.',
  rate_limited: ':hourglass: That is too much at a time.',
  unknown_outcome: ':warning: Whether this happened is not known yet.',
};

/** What to do instead, where the error itself does not say: a refusal never ends in a wall. */
const instead: Readonly<Record<ErrorCode, string>> = {
  invalid_input: '/burst help shows how each command is written.',
  not_found: '/burst list shows the workers, /burst ops the operations.',
  ambiguous: 'Give more of the name; /burst list shows all.',
  safety_violation:
    'It protects what is not provably a burst worker; whoever looks after the cluster can change the node itself.',
  forbidden: 'Ask somebody who may.',
  awaiting_approval: '/burst ops shows what waits for approval.',
  limit_reached: 'Ask for less, or let go of what is no longer needed: /burst list burst mine.',
  rate_limited: 'Wait a little, or ask for less.',
  over_budget: 'Ask for less, or let go of what is no longer needed: /burst list burst mine.',
  worker_busy: '/burst ops shows what is under way; wait for its end, or /burst cancel it.',
  not_drained: 'Drain it first: /burst drain NAME.',
  changed_meanwhile: 'Look at it as it is now, and ask again.',
  not_cancellable: '/burst ops shows how far it is.',
  not_retryable: '/burst ops shows what can be retried; otherwise ask for it anew.',
  not_forcible: '/burst ops shows what is under way.',
  unavailable: 'Try again in a minute; whoever runs Burst sees why in its log.',
  stale_generation: 'Look at it as it is now: /burst ops.',
  conflict: 'Look at it as it is now, and ask again.',
  denied: 'Whoever runs Burst can change what its account may do.',
  busy: 'Try again in a moment.',
  unknown_outcome: 'Burst looks again by itself; /burst ops tells.',
  provider_failed: '/burst ops offers to retry; the VM server tells more.',
  internal: 'Try again; whoever runs Burst finds the reason in its log.',
};

/** Mistakes that the person can mend in what they typed. */
const mistakes: ReadonlySet<ErrorCode> = new Set(['invalid_input', 'not_found', 'ambiguous']);

/**
 * The private answer to a BurstError; suggestions become buttons when they can be run (`retryWith` makes the command).
 * `typed` is the command as typed, shown with a mistake, because Slack has cleared it.
 */
export function errorMessage(error: BurstError, retryWith?: (suggestion: string) => string, typed?: string): Message {
  if (error instanceof AwaitsApproval) return awaitsMessage(error);
  const head = heads[error.code] ?? ':x: That did not work.';
  const lines = [
    `${head} ${sentence(clamp(error.message, 1200))}`,
    ...(error.left === undefined ? [] : [sentence(clamp(error.left, 500))]),
    ...(error.hint === undefined &&
    (error.retryAtMs !== undefined ||
      error.suggestions.length > 0 ||
      (error instanceof AccessRefused && error.markup !== ''))
      ? []
      : [`:bulb: ${escape(clamp(error.hint ?? instead[error.code], 500))}`]),
    ...(error.retryAtMs === undefined ? [] : [`Try again ${date(error.retryAtMs)}.`]),
    ...(typed !== undefined && typed !== '' && mistakes.has(error.code) ? [`You typed: ${codeOf(typed, 300)}`] : []),
    ...(error instanceof AccessRefused && error.markup !== '' ? [error.markup] : []),
  ];
  const meant = error.suggestions.slice(0, 5);
  const also = meant.length === 0 ? [] : [`Did you mean: ${meant.map((word) => foreign(word, 80)).join(', ')}?`];
  const text = clamp([...lines, ...also].join('\n'), MOST_TEXT);
  // A command that a button could not carry whole would be another command.
  const runnable =
    retryWith === undefined
      ? []
      : meant.map((word) => ({ word, command: retryWith(word) })).filter(({ command }) => command.length <= MOST_VALUE);
  if (runnable.length === 0) return { text, blocks: [section(text)] };
  return {
    text,
    blocks: [
      section([...lines, 'Did you mean:'].join('\n')),
      {
        type: 'actions',
        elements: runnable.map(({ word, command }, index) => button(word, `burst:run:${index}`, command)),
      },
    ],
  };
}

/** The answer to an error nobody foresaw; `id` is in the log too. */
export const apology = (id: string): Message => {
  const text = `:x: Sorry, something unexpected went wrong. Nothing more was done. Error id ${code(id)}: whoever runs Burst finds it in the log.`;
  return { text, blocks: [section(text)] };
};
