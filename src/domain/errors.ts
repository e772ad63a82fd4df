/** Every refusal and failure that a person may be told of has one of these codes. */
export type ErrorCode =
  | 'invalid_input'
  | 'not_found'
  | 'ambiguous'
  | 'safety_violation'
  | 'forbidden'
  | 'awaiting_approval'
  | 'limit_reached'
  | 'over_budget'
  | 'rate_limited'
  | 'worker_busy'
  | 'not_drained'
  | 'changed_meanwhile'
  | 'not_cancellable'
  | 'not_retryable'
  | 'not_forcible'
  | 'unavailable'
  | 'stale_generation'
  | 'conflict'
  | 'denied'
  | 'busy'
  | 'unknown_outcome'
  | 'provider_failed'
  | 'internal';

export type BurstErrorOptions = {
  /** What was left as it was, in one sentence. */
  readonly left?: string;
  /** What the person can do now, in one sentence. */
  readonly hint?: string;
  /** From when on the same request would be let through, ms since the epoch. */
  readonly retryAtMs?: number;
  /** Other names the person may have meant, best first. */
  readonly suggestions?: readonly string[];
  readonly cause?: unknown;
};

/**
 * A refusal or failure that says what happened to which thing (`message`), what was left as it was (`left`)
 * and what the person can do (`hint`). Messages carry no secrets; they are escaped where they are shown.
 */
export class BurstError extends Error {
  override readonly name = 'BurstError';
  readonly code: ErrorCode;
  readonly left: string | undefined;
  readonly hint: string | undefined;
  readonly retryAtMs: number | undefined;
  readonly suggestions: readonly string[];
  constructor(code: ErrorCode, message: string, options: BurstErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.left = options.left;
    this.hint = options.hint;
    this.retryAtMs = options.retryAtMs;
    this.suggestions = options.suggestions ?? [];
  }
}

/** A refusal by the safety rules: the message always begins with `SAFETY VIOLATION: `. */
export function safetyViolation(what: string, options: BurstErrorOptions = {}): BurstError {
  return new BurstError('safety_violation', `SAFETY VIOLATION: ${what}`, options);
}

export function isBurstError(error: unknown, code?: ErrorCode): error is BurstError {
  return error instanceof BurstError && (code === undefined || error.code === code);
}

/** What anything that was thrown says in one line of text. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
