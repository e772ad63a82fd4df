/**
 * Who may do what, from Slack users and groups. Invariant: what cannot be established is a no; admin includes
 * operator, operator includes viewer.
 */
import { isNamed } from './workspace-ids.ts';
import type { AccessPolicy, Role } from './policy.ts';

const order: readonly Role[] = ['viewer', 'operator', 'admin'];
/** `include` lists the roles that satisfy a need. */
const satisfying = (need: Role): readonly Role[] => order.slice(order.indexOf(need));

/** The groups a person is in, as far as they could be looked up. */
export type Groups =
  { readonly known: true; readonly memberOf: ReadonlySet<string> } | { readonly known: false; readonly why: string };
export type AccessAnswer =
  { readonly ok: true; readonly role: Role } | { readonly ok: false; readonly text: string; readonly hint: string };

/** Groups (ids or handles) whose members would satisfy the need; empty when no look-up can help. */
export function groupsThatGrant(policy: AccessPolicy, need: Role): readonly string[] {
  return [...new Set(satisfying(need).flatMap((role) => policy.roles[role].groups))];
}

/** The highest role that the user's id alone gives, without any group. */
export function roleOfUser(policy: AccessPolicy, userId: string): Role | undefined {
  return order.findLast((role) => policy.roles[role].users.some((user) => isNamed(user, userId)));
}

/** Whether a person has at least the role `need`; a look-up that failed counts as no and says why. */
export function roleAnswer(policy: AccessPolicy, userId: string, groups: Groups, need: Role): AccessAnswer {
  const byId = roleOfUser(policy, userId);
  const byGroup = groups.known
    ? order.findLast((role) => policy.roles[role].groups.some((group) => groups.memberOf.has(group)))
    : undefined;
  const best = order.findLast((role) => role === byId || role === byGroup);
  if (best !== undefined && satisfying(need).includes(best)) return { ok: true, role: best };
  if (!groups.known)
    return {
      ok: false,
      text: `this needs the role ${need}, and whether you have it could not be established: ${groups.why}`,
      hint: 'Try again in a minute.',
    };
  return {
    ok: false,
    text: `this needs the role ${need}, and you have ${best === undefined ? 'no role' : `the role ${best}`}`,
    hint: whoHas(policy, need),
  };
}

function whoHas(policy: AccessPolicy, need: Role): string {
  const people = satisfying(need).flatMap((role) => policy.roles[role].users.map((user) => `<@${user}>`));
  const groups = groupsThatGrant(policy, need).map((group) =>
    /^S[A-Z0-9]{6,}$/.test(group) ? `<!subteam^${group}>` : `@${group.replace(/^@/, '')}`,
  );
  const all = [...new Set([...groups, ...people])].slice(0, 5);
  return all.length === 0
    ? `Nobody has the role ${need}; it is set in the configuration.`
    : `Who has it: ${all.join(', ')}.`;
}

/** Whether commands are allowed here; an empty list allows all. Outside channels (the App Home): only where all are. */
export const channelAllowed = (policy: AccessPolicy, channelId: string | undefined): boolean =>
  policy.channels.length === 0 || (channelId !== undefined && policy.channels.includes(channelId));

/** Operators act on their own workers; other people's, and workers without an owner, need an admin. */
export const mayActOn = (role: Role, userId: string, owner: string | undefined): boolean =>
  role === 'admin' || (role === 'operator' && owner === userId);
