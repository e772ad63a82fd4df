/**
 * Delivers the outbox. Invariants: a row is closed only after Slack accepted what it says (or there is nothing to say);
 * an operation has one message, which is edited; a message is edited at most every 3 s unless it is the last time.
 */
import { createHash } from 'node:crypto';
import type { KnownBlock } from '@slack/types';
import type { WebClient } from '@slack/web-api';
import type { Operations } from '../operations/types.ts';
import type { Clock } from '../ports/clock.ts';
import type { MessageRecord, OutboxRow, Store } from '../ports/store.ts';
import { isBurstError } from '../domain/errors.ts';
import { alertMessage, operationMessage, warningMessage } from './blocks/operation.ts';
import type { Message } from './blocks/text.ts';
import type { Log } from './call.ts';
import { platformError } from './errors.ts';

const EDIT_EVERY_MS = 3000;
const LOOK_EVERY_MS = 1000;
const BATCH = 50;
const FIRST_RETRY_MS = 1000;
const MOST_RETRY_MS = 5 * 60_000;
const unusableChannel = new Set(['channel_not_found', 'not_in_channel', 'is_archived', 'restricted_action']);
const goneMessage = new Set([
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'channel_not_found',
  'is_inactive',
]);
const badBlocks = new Set(['invalid_blocks', 'invalid_blocks_format', 'invalid_arguments', 'msg_blocks_too_long']);

export type DeliveryOptions = {
  readonly client: WebClient;
  readonly operations: Operations;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly defaultChannelId: string | undefined;
};
export interface Delivery {
  start(): void;
  stop(): Promise<void>;
  poke(): void;
  /** Delivers what is due now. @returns how many rows were closed. */
  once(): Promise<number>;
  /** The last failure since the last success, if any. */
  trouble(): string | undefined;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { client, operations, store, clock, log } = options;
  const editedAt = new Map<string, number>();
  let trouble: string | undefined;
  let stopping = false;
  let again = false;
  let wake = new AbortController();
  let loop: Promise<void> | undefined;

  /** Sends with blocks, and once more with plainer ones when the workspace does not take them. */
  const sending = async <T>(
    message: Message,
    send: (content: { text: string; blocks?: KnownBlock[] }) => Promise<T>,
  ): Promise<T> => {
    const tries: (readonly KnownBlock[] | undefined)[] = [
      message.blocks,
      message.fallback ?? message.blocks,
      undefined,
    ];
    for (const [index, blocks] of tries.entries())
      try {
        return await send({ text: message.text, ...(blocks === undefined ? {} : { blocks: [...blocks] }) });
      } catch (error) {
        if (index === tries.length - 1 || !badBlocks.has(platformError(error) ?? '')) throw error;
        log.warn({ error: String(error) }, 'blocks were refused; sending plainer ones');
      }
    throw new Error('no way to send was left');
  };
  const post = async (
    message: Message,
    channels: readonly (string | undefined)[],
  ): Promise<{ channelId: string; ts: string } | undefined> => {
    let failure: unknown;
    for (const channel of new Set(channels.filter((id) => id !== undefined)))
      try {
        const answer = await sending(message, (content) =>
          client.chat.postMessage({ channel, unfurl_links: false, unfurl_media: false, ...content }),
        );
        return { channelId: answer.channel ?? channel, ts: answer.ts ?? '' };
      } catch (error) {
        if (!unusableChannel.has(platformError(error) ?? '')) throw error;
        failure = error;
      }
    if (failure !== undefined) throw failure instanceof Error ? failure : new Error('no channel took the message');
    return undefined;
  };
  const digestOf = (message: Message): string =>
    createHash('sha256')
      .update(JSON.stringify([message.text, message.blocks]))
      .digest('hex')
      .slice(0, 32);

  /** @returns false when the row has to wait for its next edit. */
  const deliverOperation = async (row: OutboxRow, operationId: string, final: boolean): Promise<boolean> => {
    const now = clock.now();
    const last = editedAt.get(row.key);
    if (!final && last !== undefined && now - last < EDIT_EVERY_MS && now >= last) return false;
    const { operation, runs } = await operations.operation(operationId);
    const message = operationMessage(operation, runs, now);
    const digest = digestOf(message);
    const before = await store.getMessage(row.key);
    if (before?.digest === digest) return true;
    const save = (record: Omit<MessageRecord, 'key' | 'digest'>): Promise<void> =>
      store.saveMessage({ key: row.key, digest, ...record });
    if (editedAt.size > 1000) editedAt.clear();
    if (before !== undefined)
      try {
        await sending(message, (content) =>
          client.chat.update({ channel: before.channelId, ts: before.ts, ...content }),
        );
        editedAt.set(row.key, now);
        await save({ channelId: before.channelId, ts: before.ts });
        return true;
      } catch (error) {
        if (!goneMessage.has(platformError(error) ?? '')) throw error;
        log.info({ key: row.key }, 'message is gone; posting it anew');
      }
    const person = operation.requester.kind === 'slack' ? operation.requester.userId : undefined;
    const made = await post(message, [row.channelId ?? operation.channelId, options.defaultChannelId, person]);
    editedAt.set(row.key, now);
    if (made === undefined) log.warn({ operationId }, 'no channel for an operation message');
    else await save(made);
    return true;
  };
  const deliverOnce = async (
    row: OutboxRow,
    message: Message,
    people: readonly string[],
    identity: string,
  ): Promise<void> => {
    const digest = createHash('sha256').update(identity).digest('hex').slice(0, 32);
    if ((await store.getMessage(row.key))?.digest === digest) return;
    const made = await post(message, [row.channelId ?? options.defaultChannelId, options.defaultChannelId, ...people]);
    if (made === undefined) log.warn({ key: row.key, text: message.text }, 'no channel for a notice');
    else await store.saveMessage({ key: row.key, digest, ...made });
  };
  const deliver = async (row: OutboxRow): Promise<boolean> => {
    const { notice } = row;
    switch (notice.kind) {
      case 'operation':
        return deliverOperation(row, notice.operationId, notice.final);
      case 'warning': {
        const records = await Promise.all(notice.workers.map((name) => store.getWorker(notice.cluster, name)));
        const owners = [
          ...new Set(records.flatMap((worker) => (worker?.owner.kind === 'slack' ? [worker.owner.userId] : []))),
        ];
        const message = warningMessage(notice, owners, clock.now());
        await deliverOnce(
          row,
          message,
          owners,
          JSON.stringify(['warning', notice.deadlineMs, notice.leadMs, notice.workers]),
        );
        return true;
      }
      case 'alert':
        await deliverOnce(row, alertMessage(notice), [], JSON.stringify([notice, row.id]));
        return true;
    }
  };
  const once = async (): Promise<number> => {
    const rows = await store.dueOutbox(clock.now(), BATCH);
    let closed = 0;
    const held = new Set<string>();
    for (const row of rows) {
      if (stopping) break;
      if (held.has(row.key)) continue;
      try {
        if (await deliver(row)) {
          await store.outboxDelivered([row.id], clock.now());
          closed++;
        } else held.add(row.key);
        trouble = undefined;
      } catch (error) {
        held.add(row.key);
        if (isBurstError(error, 'not_found')) {
          log.warn({ key: row.key, error: error.message }, 'nothing to tell any more');
          await store.outboxDelivered([row.id], clock.now());
          continue;
        }
        trouble = error instanceof Error ? error.message : String(error);
        const wait = Math.min(MOST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(row.attempts, 20));
        log.warn({ key: row.key, attempts: row.attempts + 1, error: trouble }, 'delivery failed');
        await store.outboxFailed(row.id, clock.now() + wait, trouble);
      }
    }
    return closed;
  };
  const run = async (): Promise<void> => {
    while (!stopping) {
      again = false;
      try {
        await once();
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error);
        log.error({ error: trouble }, 'outbox could not be read');
      }
      if (again || stopping) continue;
      wake = new AbortController();
      await clock.sleep(LOOK_EVERY_MS, wake.signal).catch(() => undefined);
    }
  };
  return {
    once,
    start() {
      stopping = false;
      loop ??= run();
    },
    async stop() {
      stopping = true;
      wake.abort(new Error('stopped'));
      await loop;
      loop = undefined;
    },
    poke() {
      again = true;
      wake.abort(new Error('news'));
    },
    trouble: () => trouble,
  };
}
