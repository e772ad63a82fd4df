/** Buttons and menus. Invariant: what changes the world is claimed first; the second click is told who was first. */
import { z } from 'zod';
import { BurstError } from '../domain/errors.ts';
import { actor, code, date, names } from './blocks/text.ts';
import type { Call, Services } from './call.ts';
import { requestOf } from './call.ts';
import { cancelOperation } from './commands/cancel.ts';
import { openDestroy } from './commands/destroy.ts';
import { openDrain } from './commands/drain.ts';
import { openExtend } from './commands/extend.ts';
import { listPage } from './commands/list.ts';
import { acceptedMessage, openProvision } from './commands/provision.ts';
import { runCommand } from './commands/registry.ts';
import { retryOperation } from './commands/retry.ts';

const listValue = z.object({ page: z.int().min(0).max(10_000), words: z.string().max(200) });
const warnValue = z.object({ workers: z.array(z.string().max(253)).min(1).max(20), deadlineMs: z.number() });
const MAX_FAILED = 1000;

export type Click = { readonly actionId: string; readonly value: string; readonly messageKey: string };
export type Clicks = (click: Click, call: Call) => Promise<void>;

function read<T>(schema: z.ZodType<T>, value: string): T {
  try {
    return schema.parse(JSON.parse(value));
  } catch (error) {
    throw new BurstError('invalid_input', 'This button is from another version of Burst.', {
      left: 'Nothing was done.',
      hint: 'Use /burst help.',
      cause: error,
    });
  }
}

/** Handlers of clicks, with the claims that failed remembered, so that a refused click can be tried again. */
export function createClicks(services: Services): Clicks {
  const failed = new Map<string, number>();
  const once = async (subject: string, call: Call, act: (call: Call) => Promise<void>): Promise<void> => {
    const before = failed.get(subject) ?? 0;
    const key = before === 0 ? subject : `${subject}#${before}`;
    const first = await services.store.claimAction(key, call.by, services.clock.now());
    if (first !== undefined) {
      await call.reply({ text: `:information_source: ${actor(first.by)} did this already, ${date(first.atMs)}.` });
      return;
    }
    try {
      await act({ ...call, key });
    } catch (error) {
      if (failed.size >= MAX_FAILED) failed.clear();
      failed.set(subject, before + 1);
      throw error;
    }
  };
  const onWorker = async (verb: string, name: string, call: Call): Promise<void> => {
    switch (verb) {
      case 'details':
        return runCommand(`details ${name}`, call, services);
      case 'drain':
        return openDrain([name], call, services);
      case 'destroy':
        return openDestroy([name], call, services);
      case 'extend':
        return openExtend([name], call, services);
      case 'extend24':
        return runCommand(`extend ${name} 24h`, call, services);
      default:
        return;
    }
  };
  return async (click, call) => {
    const [, area = '', verb = '', argument = ''] = click.actionId.split(':');
    const { gate, operations } = services;
    switch (area) {
      case 'panel':
        if (verb === 'provision') return openProvision(call, services);
        return runCommand(verb === 'ops' ? 'ops mine' : verb === 'list' ? 'list' : 'help', call, services);
      case 'run':
        return runCommand(click.value, call, services);
      case 'list': {
        const { page, words } = read(listValue, click.value);
        await gate.require(call, 'viewer', 'list');
        return call.replace(await listPage(words, page, call.by.userId, services));
      }
      case 'worker': {
        if (verb !== '') return onWorker(verb, click.value, call);
        const [chosen = '', name = ''] = click.value.split('|');
        return onWorker(chosen, name, call);
      }
      case 'op':
        if (verb === 'force') return openDestroy([click.value], call, services);
        if (verb === 'extend') {
          const { runs } = await operations.operation(click.value);
          const kept = runs.filter((run) => run.state === 'succeeded').map((run) => run.workerName);
          return openExtend(kept, call, services);
        }
        // Cancelling and retrying are claimed per state of the message, so that a later retry is another action.
        await gate.require(call, 'operator', verb);
        if (verb === 'cancel')
          return once(`cancel ${click.value}`, call, (own) => cancelOperation(click.value, own, services));
        if (verb === 'retry') {
          const { runs } = await operations.operation(click.value);
          const generation = runs.reduce((sum, run) => sum + run.generation, 0);
          return once(`retry ${click.value} ${generation}`, call, (own) => retryOperation(click.value, own, services));
        }
        return;
      case 'warn': {
        const { workers, deadlineMs } = read(warnValue, click.value);
        await gate.requireWorkers(call, workers, verb === 'remove' ? 'destroy' : 'extend');
        if (verb === 'remove') return openDestroy(workers, call, services);
        if (verb === 'choose') return openExtend(workers, call, services);
        if (verb !== 'extend') return;
        const hours = argument === '4' ? 4 : 24;
        return once(`extend ${click.messageKey} ${deadlineMs} ${hours}`, call, async (own) => {
          const accepted = await operations.extend({ ...requestOf(own), workers, hours });
          await own.reply(acceptedMessage(accepted));
        });
      }
      default:
        await call.reply({
          text: `This button (${code(click.actionId)}) is not known any more; ${names(['/burst help'])} says what can be done.`,
        });
    }
  };
}
