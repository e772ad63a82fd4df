import { z } from 'zod';

const shape = z.looseObject({ data: z.looseObject({ error: z.string() }) });
/** Slack's own error code of a failed Web API call (`invalid_blocks`, …), undefined for anything else. */
export function platformError(error: unknown): string | undefined {
  const parsed = shape.safeParse(error);
  return parsed.success ? parsed.data.data.error : undefined;
}

const limited = z.looseObject({ code: z.literal('slack_webapi_rate_limited_error'), retryAfter: z.number() });
/** What a refusal by rate limit says in `Retry-After`, in seconds. */
export function retryAfterSeconds(error: unknown): number | undefined {
  const parsed = limited.safeParse(error);
  return parsed.success ? parsed.data.retryAfter : undefined;
}

const badBlocks = new Set(['invalid_blocks', 'invalid_blocks_format', 'invalid_arguments', 'msg_blocks_too_long']);
/** Whether the workspace does not take these blocks, so that plainer ones are worth a try. */
export const refusedBlocks = (error: unknown): boolean => badBlocks.has(platformError(error) ?? '');
