import { z } from 'zod';

const shape = z.looseObject({ data: z.looseObject({ error: z.string() }) });
/** Slack's own error code of a failed Web API call (`invalid_blocks`, …), undefined for anything else. */
export function platformError(error: unknown): string | undefined {
  const parsed = shape.safeParse(error);
  return parsed.success ? parsed.data.data.error : undefined;
}
