/** Who may. Invariant: a look-up that fails is a no, and every refusal is audited. */
import type { WebClient } from '@slack/web-api';
import type { AccessPolicy, Role } from '../domain/policy.ts';
import type { Operations } from '../operations/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import { isBurstError, messageOf } from '../domain/errors.ts';
import { personOf } from '../domain/operation.ts';
import { splitId } from '../domain/workspace-ids.ts';
import { channelAllowed, groupsThatGrant, mayActOn, roleAnswer } from '../domain/access.ts';
import type { AccessAnswer, Groups } from '../domain/access.ts';
import { AccessRefused } from './blocks/errors.ts';
import type { Log, SlackActor } from './basics.ts';

const CACHE_MS = 60_000;
const MAX_CACHED = 200;
export type GateOptions = {
  readonly clients: { readonly look: WebClient };
  readonly access: AccessPolicy;
  readonly operations: Operations;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly cluster: string;
};
type Who = { readonly by: SlackActor; readonly channelId?: string | undefined };

export interface Gate {
  /** @returns the person's role. @throws AccessRefused (audited) when it is not enough for `need`. */
  require(who: Who, need: Role, action: string, workerName?: string): Promise<Role>;
  /** The person's role, or why it is not enough to see anything; nothing is audited. */
  standing(who: Who): Promise<AccessAnswer>;
  /** Also that each worker is their own, or that they are admin. */
  requireWorkers(who: Who, workers: readonly string[], action: string): Promise<Role>;
  /** Of these user groups, those that the person is in; a look-up that fails leaves it unknown. */
  lookUp(userId: string, groups: readonly string[]): Promise<Groups>;
  /** The person's role; undefined when it is none, or not established for certain. */
  roleOf(userId: string): Promise<Role | undefined>;
  /** @throws AccessRefused when commands are not allowed in this channel. */
  requireChannel(who: Who, action: string): Promise<void>;
}

export function createGate(options: GateOptions): Gate {
  const { clients, access, operations, store, clock, log } = options;
  const cache = new Map<string, { readonly untilMs: number; readonly value: Promise<ReadonlySet<string>> }>();
  const cached = (key: string, read: () => Promise<ReadonlySet<string>>): Promise<ReadonlySet<string>> => {
    const now = clock.now();
    const found = cache.get(key);
    if (found !== undefined && found.untilMs > now) return found.value;
    if (cache.size >= MAX_CACHED) cache.clear();
    const value = read();
    cache.set(key, { untilMs: now + CACHE_MS, value });
    value.catch(() => cache.delete(key));
    return value;
  };
  const idOf = async (group: string): Promise<string | undefined> => {
    const { workspace, id } = splitId(group);
    if (/^S[A-Z0-9]{6,}$/.test(id)) return group;
    const handle = id.replace(/^@/, '');
    const pairs = await cached(`handles ${workspace ?? ''}`, async () => {
      const answer = await clients.look.usergroups.list(workspace === undefined ? {} : { team_id: workspace });
      return new Set((answer.usergroups ?? []).map((item) => `${item.handle ?? ''} ${item.id ?? ''}`));
    });
    return [...pairs].find((pair) => pair.startsWith(`${handle} `))?.slice(handle.length + 1);
  };
  const members = async (group: string): Promise<ReadonlySet<string>> => {
    const id = await idOf(group);
    if (id === undefined) throw new Error(`there is no user group ${group}`);
    return cached(`members ${id}`, async () => {
      const answer = await clients.look.usergroups.users.list({ usergroup: id });
      return new Set(answer.users ?? []);
    });
  };
  const lookedUp = async (userId: string, wanted: readonly string[]) => {
    const memberOf = new Set<string>();
    let why: string | undefined;
    for (const group of wanted)
      try {
        if ((await members(group)).has(userId)) memberOf.add(group);
      } catch (error) {
        log.warn({ group, error: messageOf(error) }, 'user group look-up failed');
        why ??= `the user group ${group} could not be looked up`;
      }
    return { memberOf, why };
  };
  const groupsOf = async (userId: string, need: Role): Promise<Groups> => {
    // Groups of every role are asked, so that an answer names the role that the person really has.
    const { memberOf, why } = await lookedUp(userId, groupsThatGrant(access, 'viewer'));
    const enough = roleAnswer(access, userId, { known: true, memberOf }, need).ok;
    return enough || why === undefined ? { known: true, memberOf } : { known: false, why };
  };
  const audited = (who: Who, action: string, text: string, workerName?: string): Promise<void> =>
    store
      .appendAudit([
        {
          atMs: clock.now(),
          cluster: options.cluster,
          actor: who.by,
          action,
          outcome: 'refused',
          text,
          ...(workerName === undefined ? {} : { workerName }),
        },
      ])
      .catch((error: unknown) => log.error({ error: String(error), action }, 'refusal could not be audited'));
  const refuse = async (
    who: Who,
    action: string,
    text: string,
    markup: string,
    workerName?: string,
  ): Promise<never> => {
    await audited(who, action, text, workerName);
    throw new AccessRefused(`${action}: ${text}.`, markup);
  };
  const ownerOf = async (name: string): Promise<string | undefined> => {
    const record = await store.getWorker(options.cluster, name);
    if (record !== undefined && record.state !== 'removed') return personOf(record.owner);
    return (await operations.fleet()).workers.find((worker) => worker.name === name)?.owner;
  };
  const require = async (who: Who, need: Role, action: string, workerName?: string): Promise<Role> => {
    const answer = roleAnswer(access, who.by.userId, await groupsOf(who.by.userId, need), need);
    return answer.ok ? answer.role : refuse(who, action, answer.text, answer.hint, workerName);
  };
  /** What nobody may touch is refused for what it is, before it is asked whose it is. */
  const refuseUntouchable = async (who: Who, name: string, action: string): Promise<void> => {
    if ((action !== 'destroy' && action !== 'drain') || (await ownerOf(name)) !== undefined) return;
    try {
      await (action === 'destroy' ? operations.previewDestroy(name) : operations.previewDrain(name));
    } catch (error) {
      if (!isBurstError(error, 'safety_violation')) return;
      await audited(who, action, error.message, name);
      throw error;
    }
  };
  return {
    require,
    standing: async ({ by }) => roleAnswer(access, by.userId, await groupsOf(by.userId, 'viewer'), 'viewer'),
    async requireWorkers(who, workers, action) {
      const role = await require(who, 'operator', action, workers[0]);
      for (const name of workers) await refuseUntouchable(who, name, action);
      if (role === 'admin') return role;
      for (const name of workers) {
        const owner = await ownerOf(name);
        if (mayActOn(role, who.by.userId, owner)) continue;
        const answer = roleAnswer(access, who.by.userId, await groupsOf(who.by.userId, 'admin'), 'admin');
        if (answer.ok) return answer.role;
        await refuse(
          who,
          action,
          `${name} is ${owner === undefined ? 'not a burst worker of yours' : "someone else's worker"}; ${answer.text}`,
          answer.hint,
          name,
        );
      }
      return role;
    },
    async lookUp(userId, groups) {
      const { memberOf, why } = await lookedUp(userId, groups);
      return why === undefined ? { known: true, memberOf } : { known: false, why };
    },
    async roleOf(userId) {
      const { memberOf, why } = await lookedUp(userId, groupsThatGrant(access, 'viewer'));
      const answer = roleAnswer(access, userId, { known: true, memberOf }, 'viewer');
      // a group that could not be looked up might give a higher one
      return answer.ok && (why === undefined || answer.role === 'admin') ? answer.role : undefined;
    },
    async requireChannel(who, action) {
      if (channelAllowed(access, who.channelId)) return;
      const where = access.channels.slice(0, 5).map((id) => `<#${id}>`);
      await refuse(
        who,
        action,
        who.channelId === undefined
          ? 'commands are allowed in some channels only'
          : 'commands are not allowed in this channel',
        `They are in ${where.join(', ')}.`,
      );
    },
  };
}
