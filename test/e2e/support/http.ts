/** Posting to Burst as Slack does over HTTP. */
import { createHmac } from 'node:crypto';

export { freePort } from '../../../src/sandbox/index.ts';
export const SECRET = 'sandbox-signing-secret';
type More = { readonly type?: string; readonly secret?: string; readonly ageSeconds?: number };

/** Posts bodies signed with the simulated Slack's secret; answers the status, 0 when none came within 2 s. */
export function signedPoster(url: string): (body: string, more?: More) => Promise<number> {
  return async (body, { type = 'application/x-www-form-urlencoded', secret = SECRET, ageSeconds = 0 } = {}) => {
    const at = String(Math.floor(Date.now() / 1000) - ageSeconds);
    const signature = createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex');
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': type, 'x-slack-request-timestamp': at, 'x-slack-signature': `v0=${signature}` },
      body,
      signal: AbortSignal.timeout(2000),
    }).catch(() => undefined);
    await answer?.text();
    return answer?.status ?? 0;
  };
}
