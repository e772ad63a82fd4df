/**
 * Delivers the outbox. Invariants: a row is closed only after Slack accepted what it says (or there is nothing to say);
 * an operation has one message, which is edited, at most every 3 s and within Slack's rate unless it is the last time; its details are told once
 * in its thread.
 */
import { MINUTE_MS } from '../domain/duration.ts';
import { createHash } from 'node:crypto';
import type { NotifyPolicy } from '../domain/notify.ts';
import type { WorkerPolicy } from '../domain/policy.ts';
import type { Approvals } from '../operations/index.ts';
import type { Operations } from '../operations/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Notice, OutboxRow, Store, WorkerRecord } from '../ports/store.ts';
import type { Actor, Operation, Run } from '../domain/operation.ts';
import { BurstError, isBurstError, messageOf as messageOfError } from '../domain/errors.ts';
import { personOf } from '../domain/operation.ts';
import { tellingOf } from '../notifications/index.ts';
import type { NoticeFacts, Telling } from '../notifications/index.ts';
import { approvalMessage, outcomeMessage, reminderMessage } from './blocks/approvals.ts';
import { strayMessage } from './blocks/sweep.ts';
import { alertMessage, healthMessage, serverMessage, warningMessage } from './blocks/notices.ts';
import { budgetMessage } from './blocks/cost.ts';
import { operationMessage } from './blocks/operation.ts';
import { threadMessage } from './blocks/thread.ts';
import type { OperationFacts } from './blocks/thread.ts';
import type { Message } from './blocks/text.ts';
import type { Log } from './basics.ts';
import { RateLimited } from './clients.ts';
import { createLoop } from '../ports/loop.ts';
import { endFactsOf, livesOf } from './facts.ts';
import { isUnreachable } from './posting.ts';
import type { Place, Posting } from './posting.ts';

const EDIT_EVERY_MS = 3000;
/** Slack takes about 50 edits a minute: of those that are not the last of their message, so many are made. */
const MOST_EDITS = 40;
/** Times that pass (a step's, a blocker's) are told anew this often while an operation runs, ms. */
const REDRAW_EVERY_MS = 30_000;
const MOST_REDRAWN = 10;
const LOOK_EVERY_MS = 1000;
const BATCH = 50;
/** For so long no other process delivers what this one has taken, ms. */
const CLAIM_MS = 10_000;
const FIRST_RETRY_MS = 1000;
const MOST_RETRY_MS = 5 * 60_000;

export type DeliveryOptions = {
  readonly posting: Posting;
  /** What is known of a cluster, undefined when it is not configured; and how a message of it is shown. */
  readonly doorOf: (cluster: string | undefined) => Door | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly defaultChannelId: string | undefined;
  readonly notify: NotifyPolicy;
  readonly approvals?: Pick<Approvals, 'get' | 'approversText'>;
};
export type Door = {
  readonly operations: Pick<Operations, 'operation' | 'details'>;
  readonly workers: Pick<WorkerPolicy, 'sizes'>;
  readonly shown: (message: Message) => Message;
};
type Known = { readonly operation: Operation; readonly runs: readonly Run[]; readonly door: Door };
export interface Delivery {
  start(): void;
  stop(): Promise<void>;
  poke(): void;
  /** Delivers what is due now. @returns how many rows were closed. */
  once(): Promise<number>;
  /** The last failure since the last success, if any. */
  trouble(): string | undefined;
}

const digestOf = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

export function createDelivery(options: DeliveryOptions): Delivery {
  const { posting, store, clock, log } = options;
  const editedAt = new Map<string, number>();
  let editsMs: readonly number[] = [];
  /** Whether an edit that may come later has to. */
  const isBusy = (): boolean => {
    const now = clock.now();
    editsMs = editsMs.filter((ms) => ms <= now && now - ms < MINUTE_MS);
    return editsMs.length >= MOST_EDITS;
  };
  let redrawnAtMs = clock.now();
  let trouble: string | undefined;
  const owner = options.ids.next();

  const doorOf = (cluster: string | undefined): Door => {
    const door = options.doorOf(cluster);
    if (door === undefined) throw new BurstError('not_found', `There is no cluster ${cluster ?? 'of this name'}.`);
    return door;
  };
  const shown = (message: Message, cluster: string): Message => options.doorOf(cluster)?.shown(message) ?? message;
  /** The operation, and the door to its cluster. @throws `not_found`. */
  const lookUp = async (id: string) => {
    const door = doorOf((await store.getOperation(id))?.cluster);
    return { ...(await door.operations.operation(id)), door };
  };

  const recorded = async (cluster: string | undefined, names: readonly string[]): Promise<readonly WorkerRecord[]> => {
    const found = cluster === undefined ? [] : await Promise.all(names.map((name) => store.getWorker(cluster, name)));
    return found.filter((worker) => worker !== undefined);
  };
  const telling = async (row: OutboxRow, operation: Operation | undefined): Promise<Telling> => {
    const { notice } = row;
    const cluster = notice.kind === 'operation' ? operation?.cluster : notice.cluster;
    const workers = await recorded(
      cluster,
      notice.kind === 'operation' && operation !== undefined ? expiring(operation) : namesOf(notice),
    );
    const owners = workers.map(({ owner }) => owner);
    const choices = await store.notifyChoices(owners.flatMap((owner) => personOf(owner) ?? []));
    const facts: NoticeFacts = {
      cluster: cluster ?? '',
      policy: options.notify,
      expiry: operation?.kind === 'expire',
      choices,
      channelId:
        row.channelId ?? operation?.channelId ?? workers.find((worker) => worker.channelId !== undefined)?.channelId,
      defaultChannelId: options.defaultChannelId,
      owners,
      ...(operation === undefined ? {} : { requester: operation.requester }),
    };
    return tellingOf(notice, facts);
  };

  /** The operation's message as it is now; of a removal at a deadline with its workers' owners. */
  const messageOf = async ({ operation, runs, door }: Known, facts?: OperationFacts): Promise<Message> => {
    const workers = await recorded(operation.cluster, expiring(operation));
    const owners = [...new Set(workers.flatMap(({ owner }) => personOf(owner) ?? []))];
    return door.shown(operationMessage(operation, runs, clock.now(), facts, owners));
  };

  /** Posts what has not been posted under this key and digest yet. @returns where it is. */
  const say = async (
    key: string,
    message: Message,
    digest: string,
    where: { readonly to: readonly string[]; readonly thread?: Place },
  ): Promise<void> => {
    if ((await posting.placeOf(key))?.digest === digest) return;
    const made = await posting.post({ key, identity: digest, message, ...where });
    if (made === undefined) log.warn({ key, text: message.text }, 'no channel for a notice');
    else await store.saveMessage({ key, digest, channelId: made.channelId, ts: made.ts });
  };

  /** What cannot be posted there (any more) is told elsewhere. */
  const reaching = async <T>(where: string, act: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await act();
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      log.info({ where, error: messageOfError(error) }, 'a message could not be posted there');
      return undefined;
    }
  };

  /** Edits times that have passed into the messages of what is under way; nothing is posted for it. */
  const redraw = async (): Promise<void> => {
    const now = clock.now();
    if (now - redrawnAtMs < REDRAW_EVERY_MS && now >= redrawnAtMs) return;
    redrawnAtMs = now;
    const running = await store.listOperations({ states: ['running'], limit: MOST_REDRAWN });
    for (const { id, cluster } of running) {
      const key = `operation:${id}`;
      const place = await posting.placeOf(key);
      if (place === undefined || now - (editedAt.get(key) ?? 0) < REDRAW_EVERY_MS || loop.stopping()) continue;
      if (options.doorOf(cluster) === undefined) continue;
      const known = await lookUp(id);
      const facts = await livesOf(known.operation, known.runs, { ...known.door, store });
      const message = await messageOf(known, facts);
      const digest = digestOf(message.text, message.blocks);
      if (digest === place.digest || known.operation.endedAtMs !== undefined) continue;
      if (isBusy()) return;
      editsMs = [...editsMs, now];
      editedAt.set(key, now);
      if (await posting.edit(place, message))
        await store.saveMessage({ key, digest, channelId: place.channelId, ts: place.ts });
    }
  };

  /** Draws the operation's message. @returns where it is, or undefined when there is no place for it. */
  const draw = async (
    key: string,
    message: Message,
    to: readonly string[],
    thread?: Place,
  ): Promise<Place | undefined> => {
    const digest = digestOf(message.text, message.blocks);
    const before = await posting.placeOf(key);
    if (before?.digest === digest) return before;
    if (editedAt.size > 1000) editedAt.clear();
    editedAt.set(key, clock.now());
    let place: Place | undefined;
    if (before !== undefined) {
      editsMs = [...editsMs, clock.now()];
      if (await posting.edit(before, message)) place = before;
      else log.info({ key }, 'message is gone; posting it anew');
    }
    if (place === undefined) {
      const post = { key, identity: 'operation', message, to };
      const inThread = thread && (await reaching(thread.channelId, () => posting.post({ ...post, thread })));
      place = inThread ?? (await posting.post(post));
      if (place === undefined) log.warn({ key }, 'no channel for an operation message');
    }
    if (place !== undefined) await store.saveMessage({ key, digest, channelId: place.channelId, ts: place.ts });
    return place;
  };

  /** @returns false when the row has to wait for its next edit. */
  const deliverOperation = async (row: OutboxRow, operationId: string, final: boolean): Promise<boolean> => {
    const now = clock.now();
    const known = await lookUp(operationId);
    const { operation, runs, door } = known;
    const from = { ...door, store };
    const { endedAtMs } = operation;
    const last = editedAt.get(row.key);
    const soon = last !== undefined && now - last < EDIT_EVERY_MS && now >= last;
    if (!final && endedAtMs === undefined && (soon || (last !== undefined && isBusy()))) return false;
    const message = await messageOf(known, await livesOf(operation, runs, from));
    const { to, direct } = await telling(row, operation);
    const { channelId, threadTs } = operation;
    const asked = channelId === undefined || threadTs === undefined ? undefined : { channelId, ts: threadTs };
    const place = await draw(row.key, message, to, asked);
    for (const [userId] of direct) await reaching(userId, () => draw(`${row.key}:dm:${userId}`, message, [userId]));
    if (place === undefined || endedAtMs === undefined || runs.length === 0) return true;
    const key = `${row.key}:details:${endedAtMs}`;
    if ((await posting.placeOf(key)) !== undefined) return true;
    const details = threadMessage(operation, runs, await endFactsOf(operation, runs, from), now);
    const thread = asked !== undefined && place.channelId === asked.channelId ? asked : place;
    await say(key, details, 'details', { to: [], thread });
    return true;
  };

  /** Draws the message of a time that a worker is not Ready from its present state. */
  const deliverHealth = async (row: OutboxRow, notice: Extract<Notice, { kind: 'health' }>): Promise<void> => {
    const episode = await store.getEpisode(notice.cluster, notice.workerName, notice.sinceMs);
    if (episode === undefined) return;
    const { to, direct, mention } = await telling(row, undefined);
    const message = healthMessage(episode, mention);
    await redrawn(row.key, message, 'health', to);
    for (const [userId] of direct)
      await reaching(userId, () => redrawn(`${row.key}:dm:${userId}`, message, 'health', [userId]));
  };

  /** Draws the message of a time that a VM server does not answer. */
  const deliverServer = async (row: OutboxRow, notice: Extract<Notice, { kind: 'server' }>): Promise<void> => {
    const episode = await store.getServerEpisode(notice.cluster, notice.server, notice.sinceMs);
    if (episode === undefined) return;
    const { to } = await telling(row, undefined);
    await redrawn(row.key, shown(serverMessage(episode), notice.cluster), 'server', to);
  };

  /** Draws the message of a VM that no record owns. */
  const deliverStray = async (row: OutboxRow, notice: Extract<Notice, { kind: 'stray' }>): Promise<void> => {
    const stray = await store.getStray(notice);
    if (stray === undefined) return;
    const { to } = await telling(row, undefined);
    await redrawn(row.key, shown(strayMessage(stray), notice.cluster), 'stray', to);
  };

  /** The one message of this key as it is now; posted when it is not there. */
  const redrawn = async (key: string, message: Message, identity: string, to: readonly string[]): Promise<void> => {
    const digest = digestOf(message.text, message.blocks);
    const before = await posting.placeOf(key);
    if (before?.digest === digest) return;
    const place =
      before !== undefined && (await posting.edit(before, message))
        ? before
        : await posting.post({ key, identity, message, to });
    if (place === undefined) log.warn({ key, text: message.text }, 'no channel for a notice');
    else await store.saveMessage({ key, digest, channelId: place.channelId, ts: place.ts });
  };

  /** Draws the message of an approval from its present state; reminds in its thread; tells who asked how it ended. */
  const deliverApproval = async (row: OutboxRow, notice: Extract<Notice, { kind: 'approval' }>): Promise<void> => {
    const { approvals } = options;
    const approval = await approvals?.get(notice.approvalId);
    if (approvals === undefined || approval === undefined) return;
    const { requester, askIn, cluster } = approval;
    const direct = personOf(requester);
    const approvers = approvals.approversText(approval);
    switch (notice.tell) {
      case 'request': {
        const message = shown(approvalMessage(approval, approvers), cluster);
        const to = [askIn, options.defaultChannelId, direct].filter((id) => id !== undefined);
        return redrawn(row.key, message, 'approval', to);
      }
      case 'reminder': {
        const place = await posting.placeOf(`approval:${approval.id}`);
        if (approval.state !== 'pending' || place === undefined) return;
        return say(row.key, shown(reminderMessage(approval, approvers), cluster), 'reminder', {
          to: [],
          thread: place,
        });
      }
      case 'outcome':
        if (direct !== undefined)
          await say(row.key, shown(outcomeMessage(approval), cluster), 'outcome', { to: [direct] });
    }
  };

  const deliver = async (row: OutboxRow): Promise<boolean> => {
    const { notice } = row;
    switch (notice.kind) {
      case 'operation':
        return deliverOperation(row, notice.operationId, notice.final);
      case 'warning': {
        const { to, direct, mention } = await telling(row, undefined);
        const identity = digestOf('warning', notice.deadlineMs, notice.leadMs, notice.workers);
        const message = shown(warningMessage(notice, mention, clock.now()), notice.cluster);
        if (to.length > 0 || direct.length === 0) await say(row.key, message, identity, { to });
        for (const [userId, ...instead] of direct) {
          const told = say(`${row.key}:dm:${userId}`, message, identity, { to: [userId, ...instead] });
          await (instead.length > 0 ? told : reaching(userId, () => told));
        }
        return true;
      }
      case 'health':
        await deliverHealth(row, notice);
        return true;
      case 'server':
        await deliverServer(row, notice);
        return true;
      case 'stray':
        await deliverStray(row, notice);
        return true;
      case 'approval':
        await deliverApproval(row, notice);
        return true;
      case 'budget': {
        const owners = notice.admins.users.map((userId): Actor => ({ kind: 'slack', userId }));
        const { notify: policy, defaultChannelId } = options;
        const { to } = tellingOf(notice, { cluster: '', policy, channelId: row.channelId, defaultChannelId, owners });
        await say(row.key, budgetMessage(notice), digestOf(notice), { to });
        return true;
      }
      case 'alert': {
        const operation = notice.operationId === undefined ? undefined : await store.getOperation(notice.operationId);
        const { to } = await telling(row, operation);
        await say(row.key, shown(alertMessage(notice), notice.cluster), digestOf(notice, row.id), { to });
        return true;
      }
    }
  };

  const failed = async (row: OutboxRow, error: unknown): Promise<void> => {
    if (isBurstError(error, 'not_found')) {
      log.warn({ key: row.key, error: error.message }, 'nothing to tell any more');
      await store.outboxDelivered([row.id], clock.now());
      return;
    }
    const text = messageOfError(error);
    if (error instanceof RateLimited) {
      log.info({ key: row.key, error: text }, 'waiting out a rate limit');
      await store.outboxFailed(row.id, error.untilMs, text);
      return;
    }
    trouble = text;
    const wait = Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(row.attempts, 20));
    log.warn({ key: row.key, attempts: row.attempts + 1, error: text }, 'delivery failed');
    await store.outboxFailed(row.id, clock.now() + wait, text);
  };
  const once = async (): Promise<number> => {
    const now = clock.now();
    const rows = await store.dueOutbox(now, BATCH, { owner, untilMs: now + CLAIM_MS });
    let closed = 0;
    const held = new Set<string>();
    for (const row of rows) {
      if (loop.stopping()) break;
      if (held.has(row.key)) continue;
      try {
        if (await deliver(row)) {
          await store.outboxDelivered([row.id], clock.now());
          closed++;
        } else held.add(row.key);
        trouble = undefined;
      } catch (error) {
        held.add(row.key);
        await failed(row, error);
      }
    }
    return closed;
  };
  const loop = createLoop(async (woken) => {
    try {
      await once();
    } catch (error) {
      trouble = messageOfError(error);
      log.error({ error: trouble }, 'outbox could not be read');
    }
    if (woken.aborted) return;
    await redraw().catch((error: unknown) =>
      log.info({ error: String(error) }, 'messages under way could not be drawn again'),
    );
    if (!woken.aborted) await clock.sleep(LOOK_EVERY_MS, woken).catch(() => undefined);
  });
  return {
    once,
    start: () => loop.start(),
    stop: () => loop.stop(),
    poke: () => loop.wake('news'),
    trouble: () => trouble,
  };
}

/** Workers whose owners the message of a removal at a deadline mentions. */
const expiring = ({ params }: Operation): readonly string[] => (params.kind === 'expire' ? params.workers : []);

function namesOf(notice: Notice): readonly string[] {
  switch (notice.kind) {
    case 'operation':
      return [];
    case 'warning':
      return notice.workers;
    case 'health':
      return [notice.workerName];
    case 'server':
    case 'stray':
    case 'approval':
    case 'budget':
      return [];
    case 'alert':
      return notice.workerName === undefined ? [] : [notice.workerName];
  }
}
