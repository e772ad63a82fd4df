/** Slack's rate limits. Invariant: what they count is real time, since clients wait in real time. */

const MINUTE_MS = 60_000;
/** Calls a minute by method. */
const tiers: Readonly<Record<string, number>> = {
  'users.list': 20,
  'usergroups.list': 20,
  'usergroups.users.list': 20,
  'conversations.list': 20,
  'chat.update': 50,
  'chat.delete': 50,
  'conversations.info': 50,
  'conversations.history': 50,
  'conversations.replies': 50,
  'conversations.open': 50,
  'views.open': 100,
  'views.push': 100,
  'views.update': 100,
  'views.publish': 100,
  'chat.postEphemeral': 100,
  'users.info': 100,
  'conversations.members': 100,
};
/** A channel takes a message a second, and so many at once after a pause. */
const POSTS_AT_ONCE = 10;
const POST_EVERY_MS = 1000;

/** Counts calls; each answers the seconds after which to try again, or undefined when the call may go on. */
export function createRateLimits() {
  const calls = new Map<string, number[]>();
  const buckets = new Map<string, { left: number; atMs: number }>();
  const tier = (method: string): number | undefined => {
    const most = tiers[method];
    if (most === undefined) return undefined;
    const recent = (calls.get(method) ?? []).filter((at) => at > Date.now() - MINUTE_MS);
    const first = recent[0];
    if (recent.length >= most && first !== undefined) return Math.ceil((first + MINUTE_MS - Date.now()) / 1000) || 1;
    calls.set(method, [...recent, Date.now()]);
    return undefined;
  };
  const posting = (channel: string): number | undefined => {
    const old = buckets.get(channel) ?? { left: POSTS_AT_ONCE, atMs: Date.now() };
    const left = Math.min(POSTS_AT_ONCE, old.left + (Date.now() - old.atMs) / POST_EVERY_MS);
    const taken = left >= 1;
    buckets.set(channel, { left: taken ? left - 1 : left, atMs: Date.now() });
    return taken ? undefined : Math.max(1, Math.ceil(1 - left));
  };
  return (method: string, channel: string): number | undefined =>
    method === 'chat.postMessage' ? posting(channel) : tier(method);
}
